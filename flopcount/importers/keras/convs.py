"""Convolutions and pools of Keras."""

from typing import Any

from flopcount.importers.keras.activations import followed, inlined
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use

Pads = str | tuple[tuple[int, int], ...]


def _axes(use: Use) -> int:
    """Return how many axes a layer slides along, which its class names last: Conv2D."""
    digits = [char for char in use.blame.kind if char.isdigit()]
    return int(digits[0]) if digits else 1


def _padding(use: Use, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Pads | None:
    """Return the padding; causal is all of it before, valid none."""
    word = use.word("padding", "valid")
    if word == "causal":
        return tuple((gap * (size - 1), 0) for size, gap in zip(kernel, dilation, strict=True))
    if word not in {"same", "valid"}:
        raise use.problem(f"padding = {word[:50]!r} is neither valid, same nor causal")
    return "same" if word == "same" else None


def conv_fields(use: Use) -> dict[str, Any]:
    """Return the fields of a window: kernel, step, padding, dilation."""
    axes = _axes(use)
    kernel, dilation = use.sizes("kernel_size", axes), use.sizes("dilation_rate", axes, 1)
    padding = _padding(use, kernel, dilation)
    stride = use.sizes("strides", axes, 1)
    return {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def conv(use: Use) -> Tensor:
    """Write a convolution, in groups or not."""
    x = use.mapped(use.x, _axes(use))
    groups, bias = use.given("groups", 1), use.flag("use_bias", True)
    fields = {**conv_fields(use), "groups": groups, "bias": bias}
    return _convolved(use, "Conv", x, out_channels=use.given("filters"), **fields)


def depthwise(use: Use) -> Tensor:
    """Write a depthwise convolution."""
    x = use.mapped(use.x, _axes(use))
    multiplier, bias = use.given("depth_multiplier", 1), use.flag("use_bias", True)
    return _convolved(use, "DepthwiseConv", x, **conv_fields(use), depth_multiplier=multiplier, bias=bias)


def _convolved(use: Use, kind: str, x: Tensor, **fields: Any) -> Tensor:
    """Write a convolution with its function, in one row where the function is one that rows can have."""
    function = inlined(use)
    y = use.row(kind, x, **fields, activation=function)
    return y if function else followed(use, y)


def separable(use: Use) -> Tensor:
    """Write a depthwise-separable convolution, with one function behind both parts."""
    x = use.mapped(use.x, _axes(use))
    multiplier, bias = use.given("depth_multiplier", 1), use.flag("use_bias", True)
    filters = use.given("filters")
    y = use.row("DepthSepConv", x, out_channels=filters, **conv_fields(use), depth_multiplier=multiplier, bias=bias)
    return followed(use, y)


def transposed(use: Use) -> Tensor:
    """Write a transposed convolution."""
    axes = _axes(use)
    kernel, stride = use.sizes("kernel_size", axes), use.sizes("strides", axes, 1)
    dilation = use.sizes("dilation_rate", axes, 1)
    extents = tuple(gap * (size - 1) + 1 for size, gap in zip(kernel, dilation, strict=True))
    padding, extra = _taken_away(use, extents, stride)
    y = use.row(
        "ConvTranspose",
        use.mapped(use.x, axes),
        out_channels=use.given("filters"),
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        groups=use.given("groups", 1),
        bias=use.flag("use_bias", True),
    )
    return followed(use, y)


def _taken_away(use: Use, extents: tuple[int, ...], stride: tuple[int, ...]) -> tuple[object, tuple[int, ...]]:
    """Return the padding of a transposed convolution and what is added at its end, by Keras' rule for its size.

    Without output_padding: in·stride, and what the kernel is larger than the
    stride too if valid. With it: (in − 1)·stride + kernel − 2·⌊kernel/2⌋ + output_padding.
    """
    word = use.word("padding", "valid")
    if word not in {"same", "valid"}:
        raise use.problem(f"padding = {word[:50]!r} is neither valid nor same")
    if use.given("output_padding") is None:
        more = tuple(max(step - extent, 0) for extent, step in zip(extents, stride, strict=True))
        return ("same", (0,) * len(extents)) if word == "same" else (0, more)
    extra = use.sizes("output_padding", len(extents))
    return (tuple(extent // 2 for extent in extents) if word == "same" else 0), extra


def local(use: Use) -> Tensor:
    """Write a convolution whose weights are not shared between positions."""
    fields = {**conv_fields(use), "bias": use.flag("use_bias", True)}
    return _convolved(
        use, "LocallyConnected", use.mapped(use.x, _axes(use)), out_channels=use.given("filters"), **fields
    )


def pool(use: Use) -> Tensor:
    """Write a pool with a sliding window."""
    axes = _axes(use)
    size = use.sizes("pool_size", axes, 2)
    stride = use.sizes("strides", axes, 2) if use.given("strides") is not None else size
    padding = _padding(use, size, (1,) * axes)
    kind = "MaxPool" if "Max" in use.blame.kind else "AvgPool"
    return use.row(
        kind, use.mapped(use.x, axes), kernel_size=size, stride=None if stride == size else stride, padding=padding
    )


def global_pool(use: Use) -> Tensor:
    """Write a pool over all of space."""
    axes = _axes(use)
    x = use.mapped(use.x, axes)
    kind = "GlobalMaxPool" if "Max" in use.blame.kind else "GlobalAvgPool"
    keep = use.flag("keepdims", False)
    return use.row(kind, x, keepdim=keep, channel=x.channel if keep else x.copies)


def adaptive_pool(use: Use) -> Tensor:
    """Write a pool that leaves a map of a given size."""
    axes = _axes(use)
    kind = "AdaptiveMaxPool" if "Max" in use.blame.kind else "AdaptiveAvgPool"
    return use.row(kind, use.mapped(use.x, axes), output_size=use.sizes("output_size", axes))


def pad(use: Use) -> Tensor:
    """Write a border of zeros."""
    return use.row("Pad", use.mapped(use.x, _axes(use)), padding=_border(use, "padding"))


def crop(use: Use) -> Tensor:
    """Write the cutting of a border."""
    return use.row("Crop", use.mapped(use.x, _axes(use)), cropping=_border(use, "cropping"))


def _border(use: Use, key: str) -> tuple[tuple[int, int], ...]:
    """Return the border's width before and after each axis."""
    axes = _axes(use)
    value = use.given(key, 1)
    if isinstance(value, int):
        value = [[value, value]] * axes
    if isinstance(value, list) and axes == 1 and len(value) == 2 and not isinstance(value[0], list):  # noqa: PLR2004
        value = [value]
    if not isinstance(value, list) or len(value) != axes:
        raise use.problem(f"{key} is not one pair for each of {axes} axes")
    pairs = [[each, each] if isinstance(each, int) else each for each in value]
    if not all(isinstance(each, list) and len(each) == 2 for each in pairs):  # noqa: PLR2004  (before, after)
        raise use.problem(f"{key} is not one pair for each of {axes} axes")
    return tuple((use.checked(key, before), use.checked(key, after)) for before, after in pairs)


MODES = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic", "area": "area"}
"""How values between the points are found, where there is a name for it here."""


def upsample(use: Use) -> Tensor:
    """Write an enlargement by whole factors."""
    axes = _axes(use)
    mode = MODES.get(use.word("interpolation", "nearest"))
    if mode is None:
        raise use.problem(f"interpolation = {use.given('interpolation')!r} is not known; known are {', '.join(MODES)}")
    return use.row("Interpolate", use.mapped(use.x, axes), scale_factor=use.sizes("size", axes, 2), mode=mode)


def resize(use: Use) -> Tensor:
    """Write a change of size, as preprocessing does."""
    mode = MODES.get(use.word("interpolation", "bilinear"))
    if mode is None:
        raise use.problem(f"interpolation = {use.given('interpolation')!r} is not known; known are {', '.join(MODES)}")
    size = (use.number("height"), use.number("width"))
    return use.row("Interpolate", use.mapped(use.x, 2), size=size, mode=mode)
