"""The layers of Darknet.

The windows are those of the fork that most files are written for; on files of
the original they give the same sizes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flopcount.importers.darknet.use import Use
from flopcount.importers.rows import Signal, whole

FUNCTIONS: Mapping[str, str | None] = {
    "linear": None,
    "leaky": "leaky_relu",
    "logistic": "sigmoid",
    "swish": "silu",
    "hard_mish": "mish",
    "relie": "leaky_relu",
    "hardtan": "hardtanh",
    **{name: name for name in ("relu", "relu6", "mish", "elu", "selu", "tanh", "gelu")},
}
"""The functions of Darknet, each with the name it has here."""


def _function(use: Use, default: str) -> str | None:
    name = use.section.options.get("activation", default)
    if name not in FUNCTIONS:
        raise use.problem(f"activation = {name[:50]!r} is not known; known are {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]


def _conv(use: Use) -> Signal:
    size, dilation = use.number("size", 1), use.number("dilation", 1)
    pad = size // 2 if use.number("pad", 0) else use.number("padding", 0)
    normed, stride = use.number("batch_normalize", 0) != 0, use.number("stride", 1)
    kind = "BinaryConv" if use.number("xnor", 0) else "Conv"
    groups: dict[str, Any] = {} if kind == "BinaryConv" else {"groups": use.number("groups", 1)}
    return use.row(
        kind,
        use.x,
        held="shared" if "share_index" in use.section.options else "",
        out_channels=use.number("filters", 1),
        kernel_size=size,
        stride=(use.number("stride_y", stride), use.number("stride_x", stride)),
        padding=pad * dilation,
        dilation=dilation,
        bias=not normed,
        norm="batch" if normed else None,
        activation=_function(use, "logistic"),
        **groups,
    )


def _transposed(use: Use) -> Signal:
    size, normed = use.number("size", 1), use.number("batch_normalize", 0) != 0
    return use.row(
        "ConvTranspose",
        use.x,
        out_channels=use.number("filters", 1),
        kernel_size=size,
        stride=use.number("stride", 1),
        padding=size // 2 if use.number("pad", 0) else use.number("padding", 0),
        bias=not normed,
        norm="batch" if normed else None,
        activation=_function(use, "logistic"),
    )


def _local(use: Use) -> Signal:
    size = use.number("size", 1)
    pad, stride = (size // 2 if use.number("pad", 0) else 0), use.number("stride", 1)
    filters, function = use.number("filters", 1), _function(use, "logistic")
    return use.row(
        "LocallyConnected",
        use.x,
        out_channels=filters,
        kernel_size=size,
        stride=stride,
        padding=pad,
        activation=function,
    )


def _pool(use: Use) -> Signal:
    """Write a pool; its padding is that of both sides together, one less than the kernel if nothing is said."""
    stride = use.number("stride", 1)
    size = use.number("size", stride)
    padding = use.number("padding", size - 1)
    strides = (use.number("stride_y", stride), use.number("stride_x", stride))
    border = (padding // 2, padding - padding // 2)
    kind = "MaxPool" if use.section.kind == "maxpool" else "AvgPool"
    return use.row(kind, use.x, kernel_size=size, stride=strides, padding=(border, border))


def _global(use: Use) -> Signal:
    return use.row("GlobalAvgPool", use.x)


def _connected(use: Use) -> Signal:
    x = use.row("Flatten", use.x, tail="flat") if use.x.shape.spatial else use.x
    normed = use.number("batch_normalize", 0) != 0
    y = use.row("Linear", x, out_features=use.number("output", 1), bias=not normed)
    y = use.row("BatchNorm", y, tail="norm") if normed else y
    function = _function(use, "logistic")
    return use.row("Activation", y, tail="activation", function=function) if function else y


def _route(use: Use) -> Signal:
    xs = [use.earlier(number) for number in use.numbers("layers")]
    groups, index = use.number("groups", 1), use.number("group_id", 0)
    if groups == 1:
        return use.row("Concat", *xs) if len(xs) > 1 else use.row("Identity", xs[0])
    if len(xs) == 1:
        return use.row("Split", xs[0], sections=groups, index=index)
    parts = [use.row("Split", x, tail=f"part{n}", sections=groups, index=index) for n, x in enumerate(xs, 1)]
    return use.row("Concat", *parts)


def _shortcut(use: Use) -> Signal:
    """Write a sum with earlier layers; one with fewer channels gets zeros, of more the first are taken."""
    if use.section.options.get("weights_type", "none") != "none":
        raise use.problem("weights_type gives the sum weights; that is not read")
    channels, xs = whole(use.x.shape.channels), [use.x]
    for place, number in enumerate(use.numbers("from"), 1):
        x = use.earlier(number)
        have = whole(x.shape.channels)
        if have < channels:
            x = use.row("PadChannels", x, tail=f"widened{place}", padding=channels - have)
        xs.append(use.row("Slice", x, tail=f"cut{place}", stop=channels) if have > channels else x)
    return use.row("Add", *xs, activation=_function(use, "linear"))


def _scaled(use: Use) -> Signal:
    y = use.row("Mul", use.earlier(use.number("from", -1)), use.x)
    function = _function(use, "linear")
    return use.row("Activation", y, tail="activation", function=function) if function else y


def _upsample(use: Use) -> Signal:
    stride = use.number("stride", 2)
    if stride < 0:
        return use.row("AvgPool", use.x, kernel_size=-stride)
    return use.row("Interpolate", use.x, scale_factor=stride)


def _reorg(use: Use) -> Signal:
    if use.number("reverse", 0):
        return use.row("PixelShuffle", use.x, upscale_factor=use.number("stride", 1))
    return use.row("PixelUnshuffle", use.x, downscale_factor=use.number("stride", 1))


def _crop(use: Use) -> Signal:
    wanted = (use.number("crop_height", 1), use.number("crop_width", 1))
    have = [whole(size) for size in use.x.shape.spatial]
    if len(have) != len(wanted) or any(ours < theirs for ours, theirs in zip(have, wanted, strict=True)):
        raise use.problem(f"cannot crop {'×'.join(map(str, have))} to {wanted[0]}×{wanted[1]}")
    return use.row("Crop", use.x, cropping=tuple((0, ours - theirs) for ours, theirs in zip(have, wanted, strict=True)))


def _softmax(use: Use) -> Signal:
    return use.row("Softmax", use.x)


def _norm(use: Use) -> Signal:
    return use.row("BatchNorm", use.x)


def _neighbours(use: Use) -> Signal:
    return use.row("LocalResponseNorm", use.x, size=use.number("size", 5))


def _activation(use: Use) -> Signal:
    function = _function(use, "linear")
    return use.row("Activation", use.x, function=function) if function else use.row("Identity", use.x)


def _logistic(use: Use) -> Signal:
    return use.row("Activation", use.x, function="sigmoid")


def _dropout(use: Use) -> Signal:
    return use.row("Dropout", use.x)


def passed(use: Use) -> Signal:
    """Write what computes nothing, or is not known."""
    return use.row("Identity", use.x)


HEADS = ("yolo", "region", "detection", "Gaussian_yolo")

LAYERS: Mapping[str, Callable[[Use], Signal]] = {
    "convolutional": _conv,
    "deconvolutional": _transposed,
    "local": _local,
    "maxpool": _pool,
    "local_avgpool": _pool,
    "avgpool": _global,
    "connected": _connected,
    "route": _route,
    "shortcut": _shortcut,
    "scale_channels": _scaled,
    "sam": _scaled,
    "upsample": _upsample,
    "reorg": _reorg,
    "crop": _crop,
    "softmax": _softmax,
    "batchnorm": _norm,
    "normalization": _neighbours,
    "activation": _activation,
    "logistic": _logistic,
    "dropout": _dropout,
    **dict.fromkeys((*HEADS, "cost", "empty", "silence"), passed),
}
"""Which function writes the rows of a section."""
