"""The function that adds each class of layer, and each operation."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flopcount.readers.keras import attention_rnn, context, layers, ops
from flopcount.readers.keras.context import CallOp, Made
from flopcount.readers.keras.graph import LayerConfig, LayerGraph

Writer = Callable[[CallOp], Made]


def _plain(kind: str, **fields: Any) -> Writer:
    """Return what adds a layer without options of its own."""
    return lambda op: op.row(kind, op.x, **fields)


_SEPARABLE = layers.convolution("DepthSepConv", out_channels="filters", depth_multiplier="depth_multiplier")
_IDENTITY = _plain("Identity")

_DIMENSIONS = ("1D", "2D", "3D")


def _sized(*names: str) -> Iterator[str]:
    """Yield a class for each number of axes of space."""
    return (f"{name}{count}" for name in names for count in _DIMENSIONS)


LAYERS: Mapping[str, Writer] = {
    **dict.fromkeys(_sized("Conv", "Convolution"), layers.convolution("Conv", out_channels="filters", groups="groups")),
    **dict.fromkeys(_sized("DepthwiseConv"), layers.convolution("DepthwiseConv", depth_multiplier="depth_multiplier")),
    **dict.fromkeys(_sized("SeparableConv", "SeparableConvolution"), _SEPARABLE),
    **{f"Conv{count}Transpose": layers.transposed for count in _DIMENSIONS},
    **{f"Convolution{count}Transpose": layers.transposed for count in _DIMENSIONS},
    **dict.fromkeys(_sized("LocallyConnected"), layers.convolution("LocallyConnected", out_channels="filters")),
    **dict.fromkeys(_sized("ConvLSTM"), attention_rnn.conv_lstm),
    **dict.fromkeys(_sized("MaxPooling", "MaxPool", "AveragePooling", "AvgPool"), layers.pool),
    **dict.fromkeys(
        _sized("GlobalMaxPooling", "GlobalMaxPool", "GlobalAveragePooling", "GlobalAvgPool"), layers.global_pool
    ),
    **dict.fromkeys(_sized("AdaptiveMaxPooling", "AdaptiveAveragePooling"), layers.adaptive_pool),
    **dict.fromkeys(_sized("ZeroPadding"), layers.pad),
    **dict.fromkeys(_sized("Cropping"), layers.crop),
    **dict.fromkeys(_sized("UpSampling"), layers.upsample),
    "Resizing": layers.resize,
    **dict.fromkeys(("CenterCrop", "RandomCrop"), context.center_crop),
    "Dense": layers.dense,
    "EinsumDense": layers.einsum_dense,
    "Embedding": layers.embedding,
    "ReversibleEmbedding": layers.reversible_embedding,
    "LayerScale": layers.layer_scale,
    "CustomScaleLayer": ops.scaled_sum,
    "BatchNormalization": layers.batch_norm,
    "SyncBatchNormalization": layers.batch_norm,
    "BatchNormalizationV1": layers.batch_norm,
    "LayerNormalization": layers.layer_norm,
    "RMSNormalization": layers.rms_norm,
    "GroupNormalization": layers.group_norm,
    "UnitNormalization": layers.unit_norm,
    "Normalization": layers.data_norm,
    "Rescaling": layers.rescale,
    "SpectralNormalization": ops.spectral,
    "TimeDistributed": ops.time_distributed,
    "Activation": layers.activation,
    "ReLU": layers.relu,
    "ThresholdedReLU": layers.relu,
    "LeakyReLU": _plain("Activation", function="leaky_relu"),
    "ELU": _plain("Activation", function="elu"),
    "Softmax": layers.softmax,
    "PReLU": layers.prelu,
    "Add": ops.combination("add"),
    "Subtract": ops.combination("sub"),
    "Multiply": ops.combination("mul"),
    "Maximum": ops.combination("max"),
    "Minimum": ops.combination("min"),
    "Average": ops.average,
    "Concatenate": ops.concatenate_joins,
    "Dot": ops.dot,
    "Reshape": context.reshape,
    "Flatten": context.flatten,
    "Permute": context.permute,
    "RepeatVector": context.repeat_vector,
    "Dropout": context.dropout,
    **dict.fromkeys(_sized("SpatialDropout"), context.dropout),
    **dict.fromkeys(("AlphaDropout", "GaussianDropout"), context.dropout),
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

OPERATIONS: Mapping[str, Callable[[CallOp, str], Made]] = {
    **dict.fromkeys(("reshape",), ops.reshape),
    **dict.fromkeys(("transpose", "permutedims"), ops.transpose),
    **dict.fromkeys(("swapaxes", "moveaxis"), ops.moved),
    **dict.fromkeys(("concatenate", "concat", "concatv2"), ops.concatenate_reshaping),
    "stack": ops.stack,
    "expanddims": ops.expand_dims,
    "squeeze": ops.squeeze,
    **dict.fromkeys(("ravel", "flatten"), ops.flat),
    **dict.fromkeys(("resize", "resizeimages"), ops.resize),
    **dict.fromkeys(("depthtospace", "spacetodepth"), ops.shuffled),
    "pad": ops.pad,
    "tile": ops.tiled,
    "broadcastto": ops.broadcast,
    "split": ops.split,
    **dict.fromkeys(("unstack", "unpack"), ops.unstack),
    "getitem": ops.get_item,
    **dict.fromkeys(("softmax", "logsoftmax"), ops.softmax),
    **dict.fromkeys(("matmul", "batchmatmul", "batchmatmulv2"), ops.matmul),
    "einsum": ops.einsum_of,
    "dotproductattention": ops.attention,
    **dict.fromkeys(("maxpool", "averagepool"), ops.pooled),
}
"""The function of each operation that is not one of a family, by its plain name."""


def plain_name(name: str) -> str:
    """Return the name of an operation without modules, case and underscores."""
    return name.rpartition(".")[2].replace("_", "").lower()


def operation_name(layer: LayerConfig) -> str | None:
    """Return the name of an operation; None if the layer is none."""
    if layer.kind in {"TFOpLambda", "SlicingOpLambda"}:
        return plain_name(str(layer.config.get("function")))
    if layer.kind == "TensorFlowOpLayer":
        node = layer.config.get("node_def")
        return plain_name(str(node.get("op") if isinstance(node, Mapping) else layer.config.get("name")))
    return plain_name(layer.kind) if ".ops" in layer.module else None


def shown_kind(layer: LayerConfig) -> str:
    """Return the class of a layer for messages, with its function if the class says little."""
    function = layer.config.get("function")
    return f"{layer.kind} {str(function)[:50]}" if isinstance(function, str) and "Op" in layer.kind else layer.kind[:50]


def writer(layer: LayerConfig) -> Writer | None:
    """Return what adds a layer; None if it is unknown, such as a class of the same name from another package."""
    name = operation_name(layer)
    if name is not None:
        return _operation(name)
    root = layer.module.partition(".")[0]
    if layer.kind not in LAYERS or layer.foreign or root not in {"", "keras", "tf_keras", "tensorflow"}:
        return None
    return LAYERS[layer.kind]


def _operation(name: str) -> Writer | None:
    found: Callable[[CallOp, str], Made] | None = OPERATIONS[name] if name in OPERATIONS else ops.family(name)
    if found is None:
        return None
    write = found
    return lambda op: write(op, name)


def unknown_layers(model: LayerGraph) -> Iterator[str]:
    """Yield the class of each layer that is not known, those of inner models too."""
    for layer in model.layers.values():
        yield from _unknown(layer)


def _unknown(layer: LayerConfig) -> Iterator[str]:
    if layer.model is not None:
        yield from unknown_layers(layer.model)
    elif layer.kind != "InputLayer" and writer(layer) is None:
        yield shown_kind(layer)
    elif layer.wrapped is not None:
        yield from _unknown(layer.wrapped)
