"""Which function writes which class of Keras: one visible table for layers, one for operations."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from flopcount.importers.keras.graph import Layer, Model
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use

Made = Tensor | list[Tensor]
Writer = Callable[[Use], Made]

_DIMENSIONS = ("1D", "2D", "3D")


def _sized(*names: str) -> Iterator[str]:
    """Yield a class for each number of axes of space."""
    return (f"{name}{count}" for name in names for count in _DIMENSIONS)


LAYERS: Mapping[str, str] = {
    **dict.fromkeys(_sized("Conv", "Convolution"), "convs.conv"),
    **dict.fromkeys(_sized("DepthwiseConv"), "convs.depthwise"),
    **dict.fromkeys(_sized("SeparableConv", "SeparableConvolution"), "convs.separable"),
    **{f"Conv{count}Transpose": "convs.transposed" for count in _DIMENSIONS},
    **{f"Convolution{count}Transpose": "convs.transposed" for count in _DIMENSIONS},
    **dict.fromkeys(_sized("LocallyConnected"), "convs.local"),
    **dict.fromkeys(_sized("ConvLSTM"), "recurrent.conv_lstm"),
    **dict.fromkeys(_sized("MaxPooling", "MaxPool", "AveragePooling", "AvgPool"), "convs.pool"),
    **dict.fromkeys(
        _sized("GlobalMaxPooling", "GlobalMaxPool", "GlobalAveragePooling", "GlobalAvgPool"), "convs.global_pool"
    ),
    **dict.fromkeys(_sized("AdaptiveMaxPooling", "AdaptiveAveragePooling"), "convs.adaptive_pool"),
    **dict.fromkeys(_sized("ZeroPadding"), "convs.pad"),
    **dict.fromkeys(_sized("Cropping"), "convs.crop"),
    **dict.fromkeys(_sized("UpSampling"), "convs.upsample"),
    "Resizing": "convs.resize",
    **dict.fromkeys(("CenterCrop", "RandomCrop"), "shapes.center_crop"),
    "Dense": "dense.dense",
    "EinsumDense": "dense.einsum_dense",
    "Embedding": "dense.embedding",
    "ReversibleEmbedding": "dense.reversible_embedding",
    "LayerScale": "dense.layer_scale",
    "CustomScaleLayer": "joins.scaled_sum",
    "BatchNormalization": "norms.batch_norm",
    "SyncBatchNormalization": "norms.batch_norm",
    "BatchNormalizationV1": "norms.batch_norm",
    "LayerNormalization": "norms.layer_norm",
    "RMSNormalization": "norms.rms_norm",
    "GroupNormalization": "norms.group_norm",
    "UnitNormalization": "norms.unit_norm",
    "Normalization": "norms.data_norm",
    "Rescaling": "norms.rescale",
    "SpectralNormalization": "wrappers.spectral",
    "TimeDistributed": "wrappers.time_distributed",
    "Activation": "activations.activation",
    "ReLU": "activations.relu",
    "ThresholdedReLU": "activations.relu",
    "LeakyReLU": "activations.leaky_relu",
    "ELU": "activations.elu",
    "Softmax": "activations.softmax",
    "PReLU": "activations.prelu",
    "Add": "joins.add",
    "Subtract": "joins.subtract",
    "Multiply": "joins.multiply",
    "Maximum": "joins.maximum",
    "Minimum": "joins.minimum",
    "Average": "joins.average",
    "Concatenate": "joins.concatenate",
    "Dot": "joins.dot",
    "Reshape": "shapes.reshape",
    "Flatten": "shapes.flatten",
    "Permute": "shapes.permute",
    "RepeatVector": "shapes.repeat_vector",
    "Dropout": "shapes.dropout",
    **dict.fromkeys(_sized("SpatialDropout"), "shapes.dropout"),
    **dict.fromkeys(("AlphaDropout", "GaussianDropout"), "shapes.dropout"),
    "StochasticDepth": "shapes.stochastic_depth",
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization", "Masking", "Identity"), "shapes.passed"),
    **dict.fromkeys(("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"), "shapes.passed"),
    **dict.fromkeys(("RandomContrast", "RandomBrightness", "RandomColorJitter", "RandomHue"), "shapes.passed"),
    **dict.fromkeys(("RandomSaturation", "RandomSharpness", "RandomShear", "RandomGaussianBlur"), "shapes.passed"),
    **dict.fromkeys(("RandomGrayscale", "RandomPosterization", "RandomInvert", "RandomErasing"), "shapes.passed"),
    **dict.fromkeys(("RandomPerspective", "RandomElasticTransform", "RandomColorDegeneration"), "shapes.passed"),
    **dict.fromkeys(("RandAugment", "AugMix", "MixUp", "CutMix"), "shapes.passed"),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), "recurrent.recurrent"),
    "RNN": "recurrent.wrapped_cell",
    "Bidirectional": "recurrent.bidirectional",
    "MultiHeadAttention": "attention.multihead",
    **dict.fromkeys(("GroupedQueryAttention", "GroupQueryAttention"), "attention.grouped"),
    "Attention": "attention.attention",
    "AdditiveAttention": "attention.additive",
}
"""Which function writes the rows of a class: module (after `keras_`) and name."""

OPERATIONS: Mapping[str, str] = {
    **dict.fromkeys(("reshape",), "reshaping.reshape"),
    **dict.fromkeys(("transpose", "permutedims"), "reshaping.transpose"),
    **dict.fromkeys(("swapaxes", "moveaxis"), "reshaping.moved"),
    **dict.fromkeys(("concatenate", "concat", "concatv2"), "reshaping.concatenate"),
    "stack": "reshaping.stack",
    "expanddims": "reshaping.expand_dims",
    "squeeze": "reshaping.squeeze",
    **dict.fromkeys(("ravel", "flatten"), "reshaping.flat"),
    **dict.fromkeys(("resize", "resizeimages"), "reshaping.resize"),
    **dict.fromkeys(("depthtospace", "spacetodepth"), "reshaping.shuffled"),
    "pad": "reshaping.pad",
    "tile": "reshaping.tiled",
    "broadcastto": "reshaping.broadcast",
    "split": "reshaping.split",
    **dict.fromkeys(("unstack", "unpack"), "reshaping.unstack"),
    "getitem": "reshaping.get_item",
    **dict.fromkeys(("softmax", "logsoftmax"), "operations.softmax"),
    **dict.fromkeys(("matmul", "batchmatmul", "batchmatmulv2"), "operations.matmul"),
    "einsum": "operations.einsum_of",
    "dotproductattention": "operations.attention",
    **dict.fromkeys(("maxpool", "averagepool"), "operations.pooled"),
}
"""Which function writes an operation that has one of its own, by its name in small letters."""


def plain_name(name: str) -> str:
    """Return an operation's name in small letters, without the modules in front: nn.relu6, math.reduce_mean, Relu6."""
    return name.rpartition(".")[2].replace("_", "").lower()


def operation_name(layer: Layer) -> str | None:
    """Return what an operation is called, or None where a layer is none."""
    if layer.kind in {"TFOpLambda", "SlicingOpLambda"}:
        return plain_name(str(layer.config.get("function")))
    if layer.kind == "TensorFlowOpLayer":
        node = layer.config.get("node_def")
        return plain_name(str(node.get("op") if isinstance(node, Mapping) else layer.config.get("name")))
    return plain_name(layer.kind) if ".ops" in layer.module else None


def shown_kind(layer: Layer) -> str:
    """Write the class of a layer for people: with its function, where the class says little."""
    function = layer.config.get("function")
    return f"{layer.kind} {str(function)[:50]}" if isinstance(function, str) and "Op" in layer.kind else layer.kind[:50]


def writer(layer: Layer) -> Writer | None:
    """Return what writes a layer, or None where it is not known; a class of the same name from elsewhere is not."""
    name = operation_name(layer)
    if name is not None:
        return _operation(name)
    root = layer.module.partition(".")[0]
    if layer.kind not in LAYERS or layer.foreign or root not in {"", "keras", "tf_keras", "tensorflow"}:
        return None
    write: Writer = _function(LAYERS[layer.kind])
    return write


def _function(address: str) -> Any:
    module, _, name = address.partition(".")
    return getattr(import_module(f"flopcount.importers.keras.{module}"), name)


def _operation(name: str) -> Writer | None:
    from flopcount.importers.keras.operations import family

    found: Callable[[Use, str], Made] | None = _function(OPERATIONS[name]) if name in OPERATIONS else family(name)
    if found is None:
        return None
    write = found
    return lambda use: write(use, name)


def unknown_layers(model: Model) -> Iterator[str]:
    """Yield the class of each layer that is not known, those of inner models too."""
    for layer in model.layers.values():
        yield from _unknown(layer)


def _unknown(layer: Layer) -> Iterator[str]:
    if layer.model is not None:
        yield from unknown_layers(layer.model)
    elif layer.kind != "InputLayer" and writer(layer) is None:
        yield shown_kind(layer)
    elif layer.wrapped is not None:
        yield from _unknown(layer.wrapped)
