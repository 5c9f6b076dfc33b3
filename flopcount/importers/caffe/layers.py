"""The layers of Caffe."""

from collections.abc import Callable, Mapping

from flopcount.importers.caffe.shapes import concat, crop, eltwise, passed, permute, reshape, slices
from flopcount.importers.caffe.use import Made, Use
from flopcount.importers.rows import whole


def _conv(use: Use) -> Made:
    count = len(use.x.shape.spatial)
    channels = whole(use.x.shape.channels)
    wise = use.kind in {"ConvolutionDepthwise", "DepthwiseConvolution"}
    kind = "ConvTranspose" if use.kind == "Deconvolution" else "Conv"
    return use.row(
        kind,
        use.x,
        out_channels=use.number("num_output", channels if wise else None),
        kernel_size=use.axes("kernel_size", None, count, "kernel"),
        stride=use.axes("stride", 1, count),
        padding=use.axes("pad", 0, count),
        dilation=use.axes("dilation", 1, count),
        groups=use.number("group", channels if wise else 1),
        bias=use.flag("bias_term", default=True),
    )


def _linear(use: Use) -> Made:
    if use.number("axis", 1) != 1:
        raise use.problem("multiplies other axes than all behind the batch; that is not read")
    x = use.row("Flatten", use.x, tail="flat") if use.x.shape.spatial else use.x
    return use.row("Linear", x, out_features=use.number("num_output"), bias=use.flag("bias_term", default=True))


def _pool(use: Use) -> Made:
    """Write a pool: the last window may hang over the end, as long as it begins inside."""
    method = use.options.word("pool", "MAX")
    maximum = method in {"MAX", "0"}
    if method not in {"MAX", "AVE", "STOCHASTIC", "0", "1", "2"}:
        raise use.problem(f"pool = {method[:30]} is not known")
    if use.flag("global_pooling", default=False):
        return use.row("GlobalMaxPool" if maximum else "GlobalAvgPool", use.x)
    count = len(use.x.shape.spatial)
    size, stride = use.axes("kernel_size", None, count, "kernel"), use.axes("stride", 1, count)
    floor = use.options.word("round_mode", "CEIL") in {"FLOOR", "1"} or not use.flag("ceil_mode", default=True)
    padding = use.axes("pad", 0, count)
    kind = "MaxPool" if maximum else "AvgPool"
    return use.row(
        kind,
        use.x,
        kernel_size=size,
        stride=None if stride == size else stride,
        padding=padding,
        ceil_mode=not floor,
    )


def _batch_norm(use: Use) -> Made:
    """Write a batch norm, which keeps means, variances and one number they are divided by."""
    y = use.row("BatchNorm", use.x, affine=False)
    return use.row("Constants", y, tail="factor", count=1)


def _scale(use: Use) -> Made:
    if len(use.xs) > 1:
        return use.row("Mul", *use.xs[:2])
    if use.number("axis", 1) != 1 or use.number("num_axes", 1) != 1:
        raise use.problem("scales other axes than the channels; that is not read")
    return use.row("Affine" if use.flag("bias_term", default=False) else "LayerScale", use.x)


def _old_norm(use: Use) -> Made:
    return use.row("BatchNorm", use.x)


def _lrn(use: Use) -> Made:
    return use.row("LocalResponseNorm", use.x, size=use.number("local_size", 5))


def _mvn(use: Use) -> Made:
    return use.row("InstanceNorm", use.x)


def _normalize(use: Use) -> Made:
    """Write a division by the length of a vector, with a scale for each channel or for all of them."""
    if use.flag("channel_shared", default=True):
        y = use.row("RMSNorm", use.x, elementwise_affine=False)
        weight = use.row("Parameter", y, tail="scale", size=[1])
        return use.row("Elementwise", y, weight, tail="scaled", function="mul")
    return use.row("RMSNorm", use.x)


def _relu(use: Use) -> Made:
    slope = use.options.word("negative_slope", "0").rstrip("0.")
    return use.row("Activation", use.x, function="leaky_relu" if slope else "relu")


def _prelu(use: Use) -> Made:
    shared = use.flag("channel_shared", default=False)
    return use.row("PReLU", use.x, num_parameters=1 if shared else whole(use.x.shape.channels))


def _function(name: str) -> Callable[[Use], Made]:
    return lambda use: use.row("Activation", use.x, function=name)


def _element(name: str) -> Callable[[Use], Made]:
    return lambda use: use.row("Elementwise", use.x, function=name)


def _named(kind: str) -> Callable[[Use], Made]:
    return lambda use: use.row(kind, use.x)


def _flat(use: Use) -> Made:
    if use.number("axis", 1) != 1 or use.number("end_axis", -1) != -1:
        raise use.problem("flattens some axes alone; that is not read")
    return use.row("Flatten", use.x)


def _softmax(use: Use) -> Made:
    if use.number("axis", 1) != 1:
        x = use.row("ChannelsLast", use.x, tail="last")
        return use.row("Softmax", x)
    return use.row("Softmax", use.x)


def _shuffle(use: Use) -> Made:
    return use.row("ChannelShuffle", use.x, groups=use.number("group", 1))


def _embed(use: Use) -> Made:
    if use.flag("bias_term", default=True):
        raise use.problem("bias_term gives the table biases; that is not read")
    return use.row("Embedding", use.x, num_embeddings=use.number("input_dim"), embedding_dim=use.number("num_output"))


LAYERS: Mapping[str, Callable[[Use], Made]] = {
    **dict.fromkeys(("Convolution", "Deconvolution", "ConvolutionDepthwise", "DepthwiseConvolution"), _conv),
    "InnerProduct": _linear,
    "Pooling": _pool,
    "BatchNorm": _batch_norm,
    "BN": _old_norm,
    "Scale": _scale,
    "LRN": _lrn,
    "MVN": _mvn,
    "Normalize": _normalize,
    "ReLU": _relu,
    "ReLU6": _function("relu6"),
    "PReLU": _prelu,
    "ELU": _function("elu"),
    "Sigmoid": _function("sigmoid"),
    "TanH": _function("tanh"),
    "Swish": _function("silu"),
    "BNLL": _function("softplus"),
    "AbsVal": _element("abs"),
    "Exp": _element("exp"),
    "Log": _element("log"),
    "Power": _element("pow"),
    "Clip": _element("clip"),
    "Threshold": _element("greater"),
    **dict.fromkeys(("Softmax", "SoftmaxWithLoss"), _softmax),
    "Concat": concat,
    "Eltwise": eltwise,
    "Slice": slices,
    "Split": passed,
    "Flatten": _flat,
    "Dropout": _named("Dropout"),
    "Reshape": reshape,
    "Permute": permute,
    "Crop": crop,
    "ShuffleChannel": _shuffle,
    "Embed": _embed,
}
"""Which function writes the rows of a layer."""

SKIPPED = (
    *("Accuracy", "SigmoidCrossEntropyLoss", "EuclideanLoss", "HingeLoss", "ContrastiveLoss", "InfogainLoss"),
    *("MultinomialLogisticLoss", "SmoothL1Loss", "Silence", "HDF5Output", "ArgMax", "Loss"),
    *("PriorBox", "DetectionOutput", "DetectionEvaluate", "MultiBoxLoss"),
)
"""Layers that measure or decode what a network says; nothing reads them."""
