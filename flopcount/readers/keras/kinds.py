"""The function that adds each class of layer, and each operation."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

from flopcount.readers.keras import attention_rnn, context, layers, ops
from flopcount.readers.keras.context import Writer
from flopcount.readers.keras.graph import LayerConfig
from flopcount.readers.synonyms import ACTIVATIONS, OPERATORS, plain_word


def _plain(kind: str, **fields: Any) -> Writer:
    """Return the function that adds a layer without options."""
    return lambda op: op.row(kind, op.x, **fields)


_SEPARABLE = layers.convolution("DepthSepConv", out_channels="filters", depth_multiplier="depth_multiplier")
_IDENTITY = _plain("Identity")
_RELU: Writer = lambda op: op.row("Activation", op.x, function=layers.rectified(op.config))  # noqa: E731


def _sized(*names: str) -> Iterator[str]:
    """Yield a class for each number of spatial axes."""
    return (f"{name}{count}D" for name in names for count in (1, 2, 3))


LAYERS: Mapping[str, Writer] = {
    **dict.fromkeys(_sized("Conv", "Convolution"), layers.convolution("Conv", out_channels="filters", groups="groups")),
    **dict.fromkeys(_sized("DepthwiseConv"), layers.convolution("DepthwiseConv", depth_multiplier="depth_multiplier")),
    **dict.fromkeys(_sized("SeparableConv", "SeparableConvolution"), _SEPARABLE),
    **{f"{name}Transpose": layers.transposed for name in _sized("Conv", "Convolution")},
    **dict.fromkeys(_sized("LocallyConnected"), layers.convolution("LocallyConnected", out_channels="filters")),
    **dict.fromkeys(_sized("ConvLSTM"), attention_rnn.conv_lstm),
    **dict.fromkeys(_sized("MaxPooling", "MaxPool", "AveragePooling", "AvgPool"), layers.pool),
    **dict.fromkeys(_sized("GlobalMaxPooling", "GlobalMaxPool", "GlobalAveragePooling", "GlobalAvgPool"), layers.pool),
    **dict.fromkeys(_sized("AdaptiveMaxPooling", "AdaptiveAveragePooling"), layers.pool),
    **dict.fromkeys(_sized("ZeroPadding"), layers.border("Pad", "padding")),
    **dict.fromkeys(_sized("Cropping"), layers.border("Crop", "cropping")),
    **dict.fromkeys(_sized("UpSampling"), layers.upsample),
    "Resizing": layers.resize,
    **dict.fromkeys(("CenterCrop", "RandomCrop"), context.center_crop),
    "Dense": layers.dense,
    "EinsumDense": layers.einsum_dense,
    "Embedding": layers.embedding,
    "ReversibleEmbedding": layers.reversible_embedding,
    "LayerScale": layers.layer_scale,
    "CustomScaleLayer": ops.scaled_sum,
    **dict.fromkeys(("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1"), layers.batch_norm),
    "LayerNormalization": layers.layer_norm,
    "RMSNormalization": layers.rms_norm,
    "GroupNormalization": layers.group_norm,
    "UnitNormalization": layers.unit_norm,
    "Normalization": layers.data_norm,
    "Rescaling": layers.rescale,
    "SpectralNormalization": ops.spectral,
    "TimeDistributed": ops.time_distributed,
    "Activation": lambda op: layers.applied(op, op.x, layers.function_name(op.get("activation"))),
    **dict.fromkeys(("ReLU", "ThresholdedReLU"), _RELU),
    "LeakyReLU": _plain("Activation", function="leaky_relu"),
    "ELU": _plain("Activation", function="elu"),
    "Softmax": layers.softmax,
    "PReLU": layers.prelu,
    "Add": ops.combination("add"),
    "Subtract": ops.combination("sub"),
    "Multiply": ops.combination("mul"),
    "Maximum": ops.combination("max"),
    "Minimum": ops.combination("min"),
    "Average": lambda op: op.row("Elementwise", ops.combined(op, op.xs, "add"), function="div", tail="mean"),
    "Concatenate": ops.concatenate,
    "Dot": ops.dot,
    "Reshape": context.reshape,
    "Flatten": context.flatten,
    "Permute": context.permute,
    "RepeatVector": context.repeat_vector,
    **dict.fromkeys(("Dropout", *_sized("SpatialDropout"), "AlphaDropout", "GaussianDropout"), context.dropout),
    "StochasticDepth": _plain("StochasticDepth"),
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization", "Masking", "Identity"), _IDENTITY),
    **dict.fromkeys(("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"), _IDENTITY),
    **dict.fromkeys(("RandomContrast", "RandomBrightness", "RandomColorJitter", "RandomHue"), _IDENTITY),
    **dict.fromkeys(("RandomSaturation", "RandomSharpness", "RandomShear", "RandomGaussianBlur"), _IDENTITY),
    **dict.fromkeys(("RandomGrayscale", "RandomPosterization", "RandomInvert", "RandomErasing"), _IDENTITY),
    **dict.fromkeys(("RandomPerspective", "RandomElasticTransform", "RandomColorDegeneration"), _IDENTITY),
    **dict.fromkeys(("RandAugment", "AugMix", "MixUp", "CutMix"), _IDENTITY),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), attention_rnn.recurrent),
    "RNN": attention_rnn.wrapped_cell,
    "Bidirectional": attention_rnn.bidirectional,
    "MultiHeadAttention": attention_rnn.multihead,
    **dict.fromkeys(("GroupedQueryAttention", "GroupQueryAttention"), attention_rnn.grouped),
    "Attention": attention_rnn.attention,
    "AdditiveAttention": attention_rnn.additive,
}
"""The function that adds the nodes of each class."""

OPERATIONS: Mapping[str, Writer] = {
    **dict.fromkeys(("identity", "cast", "copy", "stopgradient", "castlike", "convert", "ensureshape"), _IDENTITY),
    **dict.fromkeys(("flip", "reverse", "roll"), _IDENTITY),
    **{name: ops.element(function) for name, function in OPERATORS.items()},
    **{name: ops.activation(name) for name in ACTIVATIONS},
    **{name: ops.reduction(function) for name, function in ops.REDUCTIONS.items()},
    "reshape": context.reshape,
    **dict.fromkeys(("transpose", "permutedims"), context.permute),
    "swapaxes": ops.swap_axes,
    "moveaxis": ops.move_axis,
    **dict.fromkeys(("concatenate", "concat", "concatv2"), ops.concatenate),
    "stack": ops.stack,
    "expanddims": ops.expand_dims,
    "squeeze": ops.squeeze,
    **dict.fromkeys(("ravel", "flatten"), lambda op: context.reshaped(op, op.x, [prod(op.x.sizes)])),
    **dict.fromkeys(("resize", "resizeimages"), layers.resize),
    "depthtospace": ops.shuffle("PixelShuffle", "upscale_factor"),
    "spacetodepth": ops.shuffle("PixelUnshuffle", "downscale_factor"),
    "pad": ops.expansion(lambda size, pair: size + pair[0] + pair[-1], "pad_width", "paddings", kept=([0, 0], 0)),
    "tile": ops.expansion(lambda size, times: size * times[0], "repeats", "multiples", "reps", kept=(1,)),
    "broadcastto": ops.expansion(lambda _, wanted: wanted[0], "shape"),
    "split": ops.split,
    **dict.fromkeys(("unstack", "unpack"), ops.unstack),
    "getitem": ops.get_item,
    **dict.fromkeys(("softmax", "logsoftmax"), layers.softmax),
    **dict.fromkeys(("matmul", "batchmatmul", "batchmatmulv2"), ops.matmul),
    "einsum": ops.einsum_of,
    "dotproductattention": ops.attention,
    "maxpool": ops.pooled("Max"),
    "averagepool": ops.pooled("Average"),
}
"""The function that adds each operation, by its plain name; a later entry wins."""


def shown_kind(layer: LayerConfig) -> str:
    """Return the class of a layer for messages, with its function if the class says little."""
    function = layer.config.get("function")
    return f"{layer.kind} {str(function)[:50]}" if isinstance(function, str) and "Op" in layer.kind else layer.kind[:50]


def writer(layer: LayerConfig) -> Writer | None:
    """Return the function that adds a layer; None if it is unknown, such as a class of another package."""
    if layer.kind in {"TFOpLambda", "SlicingOpLambda"}:
        return OPERATIONS.get(plain_word(str(layer.config.get("function"))))
    if layer.kind == "TensorFlowOpLayer":
        node = layer.config.get("node_def")
        return OPERATIONS.get(
            plain_word(str(node.get("op") if isinstance(node, Mapping) else layer.config.get("name")))
        )
    if ".ops" in layer.module:
        return OPERATIONS.get(plain_word(layer.kind))
    known = not layer.foreign and layer.module.partition(".")[0] in {"", "keras", "tf_keras", "tensorflow"}
    return LAYERS.get(layer.kind) if known else None


def unknown_layers(layers: Iterable[LayerConfig]) -> Iterator[str]:
    """Yield the class of each layer that is not known, those of inner models too."""
    for layer in layers:
        if layer.model is not None:
            yield from unknown_layers(layer.model.layers.values())
        elif layer.kind != "InputLayer" and writer(layer) is None:
            yield shown_kind(layer)
        elif layer.wrapped is not None:
            yield from unknown_layers((layer.wrapped,))
