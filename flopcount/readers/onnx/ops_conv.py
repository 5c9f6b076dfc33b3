"""Operators of ONNX that slide a window: convolutions and pools."""

from collections.abc import Sequence
from math import prod
from typing import Any

from flopcount.formulas.numbers import ceil_div
from flopcount.readers.onnx.values import Call, Dims, Unreadable, Value, simple

Pairs = list[tuple[int, int]]


def mapped(call: Call, value: Value) -> Value:
    """Return a map with the channels behind the batch, which is left out if it is one."""
    if len(value.dims) < 3:  # noqa: PLR2004  (a batch, channels, and space)
        raise Unreadable(f"its input has {len(value.dims)} axes; it needs a batch, channels and space")
    return call.rows.viewed(value, 0, 0) if value.dims[0] == 1 else call.rows.viewed(value, None, 1)


def per_axis(call: Call, name: str, count: int) -> Dims:
    """Return an attribute with a number for each spatial axis, 1 where it is not given."""
    found = call.wholes(name, (1,) * count) or (1,) * count
    if len(found) != count:
        raise Unreadable(f"{name} has {len(found)} numbers, and there are {count} spatial axes")
    if min(found) < 1:
        raise Unreadable(f"{name} = {[*found]} is not possible")
    return found


def padding_of(call: Call, count: int) -> Pairs:
    """Return the explicit padding, before and after on each axis."""
    found = call.wholes("pads") or (0,) * (2 * count)
    if len(found) != 2 * count:
        raise Unreadable(f"pads has {len(found)} numbers, and there are {count} spatial axes")
    return [*zip(found[:count], found[count:], strict=True)]


def written(pairs: Sequence[tuple[int, int]]) -> Any:
    """Write padding as short as it goes."""
    if any(min(pair) < 0 for pair in pairs):
        raise Unreadable(f"its padding is negative: {[*pairs]}")
    each = [before if before == after else [before, after] for before, after in pairs]
    return each if any(isinstance(pad, list) for pad in each) else simple(each)


def slid(call: Call, spatial: Dims, kernel: Dims, *, ceil: bool = False) -> tuple[Dims, dict[str, Any]]:
    """Return the map that a window leaves, and the fields that say how it moves."""
    count = len(kernel)
    if len(spatial) != count:
        raise Unreadable(f"its window has {count} axes, and its input {len(spatial)} of space")
    stride, dilation = per_axis(call, "strides", count), per_axis(call, "dilations", count)
    rule = call.attribute("auto_pad", "NOTSET")
    fields: dict[str, Any] = {"kernel_size": simple(kernel)}
    fields |= {"stride": simple(stride)} if {*stride} != {1} else {}
    fields |= {"dilation": simple(dilation)} if {*dilation} != {1} else {}
    if rule in {"SAME_UPPER", "SAME_LOWER"}:
        return tuple(map(_up, spatial, stride)), {**fields, "padding": "same"}
    pads = [(0, 0)] * count if rule == "VALID" else padding_of(call, count)
    sizes = []
    for size, k, s, d, (before, after) in zip(spatial, kernel, stride, dilation, pads, strict=True):
        room = size + before + after - d * (k - 1) - 1
        last = min(_up(room, s) + 1, _up(size + before, s)) if ceil else room // s + 1
        sizes.append(last)
    if any(map(any, pads)):
        fields["padding"] = written(pads)
    return tuple(sizes), fields


def _up(dividend: int, divisor: int) -> int:
    return int(str(ceil_div(dividend, divisor)))


def conv(call: Call) -> list[Value]:
    """Conv: weights of any number of spatial axes, in groups."""
    return [convolved(call, call.at(0), call.at(1), call.get(2))]


def deform_conv(call: Call) -> list[Value]:
    """DeformConv: a convolution that reads between positions; the offsets come in from another layer."""
    return [convolved(call, call.at(0), call.at(1), call.get(3))]


def convolved(call: Call, x: Value, weight: Value, bias: Value | None) -> Value:
    """Write a convolution of a map with weights."""
    value = mapped(call, x)
    filters, inner, *kernel = weight.dims if len(weight.dims) > 2 else (0, 0)  # noqa: PLR2004  (filters, channels)
    groups = call.whole("group", 1)
    if inner * groups != value.dims[1] or groups < 1:
        raise Unreadable(f"{groups} groups of {inner} channels cannot read the {value.dims[1]} channels of its input")
    spatial, fields = slid(call, value.dims[2:], tuple(kernel))
    depthwise = groups == value.dims[1] > 1 and filters % groups == 0
    many = {"depth_multiplier": filters // groups} if filters != groups else {}
    shape: dict[str, Any] = many if depthwise else {"out_channels": filters}
    shape |= {"groups": groups} if groups > 1 and not depthwise else {}
    fields = {**shape, **fields, **({} if bias is not None else {"bias": False})}
    kind, dims = "DepthwiseConv" if depthwise else "Conv", (x.dims[0], filters, *spatial)
    y = call.rows.row(kind, [value], dims, value.drop, call.rows.axis(value), **fields)
    return weighed(call, y, weight, bias)


def weighed(call: Call, y: Value, weight: Value, bias: Value | None = None) -> Value:
    """Count a row's weights and biases, which may be computed or another row's."""
    call.rows.settle(y, "weight", weight)
    if bias is not None:
        call.rows.settle(y, "bias", bias)
    return y


def conv_transpose(call: Call) -> list[Value]:
    """ConvTranspose: the map grows, by what strides, padding and output_padding say."""
    x, weight, bias = mapped(call, call.at(0)), call.at(1), call.get(2)
    if len(weight.dims) != len(x.dims) or weight.dims[0] != x.dims[1]:
        raise Unreadable(f"weights of {[*weight.dims]} cannot read its input of {[*x.dims]}")
    kernel, groups = weight.dims[2:], call.whole("group", 1)
    sizes, fields = _spread(call, x.dims[2:], kernel)
    filters = weight.dims[1] * groups
    shape = {"out_channels": filters, **({"groups": groups} if groups > 1 else {})}
    fields = {**shape, "kernel_size": simple(kernel), **fields, **({} if bias is not None else {"bias": False})}
    dims = (x.dims[0], filters, *sizes)
    y = call.rows.row("ConvTranspose", [x], dims, x.drop, call.rows.axis(x), **fields)
    return [weighed(call, y, weight, bias)]


def _spread(call: Call, spatial: Dims, kernel: Dims) -> tuple[Dims, dict[str, Any]]:
    """Return the map that comes out, and the fields that say so."""
    count = len(kernel)
    stride, dilation = per_axis(call, "strides", count), per_axis(call, "dilations", count)
    extra = call.wholes("output_padding") or (0,) * count
    full = [
        s * (size - 1) + e + d * (k - 1) + 1
        for size, k, s, d, e in zip(spatial, kernel, stride, dilation, extra, strict=True)
    ]
    wanted = call.wholes("output_shape")[-count:]
    rule = call.attribute("auto_pad", "NOTSET")
    if not wanted and rule in {"SAME_UPPER", "SAME_LOWER"}:
        wanted = tuple(size * s for size, s in zip(spatial, stride, strict=True))
    pads = (
        [_halved(grown - size) for grown, size in zip(full, wanted, strict=True)] if wanted else padding_of(call, count)
    )
    moved = [max(0, -before - after) for before, after in pads]
    pads = [(before, after) if before + after >= 0 else (0, 0) for before, after in pads]
    sizes = tuple(f - b - a + m for f, (b, a), m in zip(full, pads, moved, strict=True))
    extra = tuple(e + m for e, m in zip(extra, moved, strict=True))
    fields: dict[str, Any] = {"stride": simple(stride)} if {*stride} != {1} else {}
    fields |= {"padding": written(pads)} if any(map(any, pads)) else {}
    fields |= {"output_padding": simple([max(e, 0) for e in extra])} if any(extra) else {}
    fields |= {"dilation": simple(dilation)} if {*dilation} != {1} else {}
    return sizes, fields


def _halved(whole: int) -> tuple[int, int]:
    return (whole // 2, whole - whole // 2) if whole >= 0 else (whole, 0)


def pool(call: Call) -> list[Value]:
    """MaxPool, AveragePool and LpPool; a second output are places, which cost nothing more."""
    x = mapped(call, call.at(0))
    kernel = call.wholes("kernel_shape")
    ceil = bool(call.whole("ceil_mode", 0))
    if min(kernel, default=0) < 1:
        raise Unreadable(f"kernel_shape = {[*kernel]} is not possible")
    spatial, fields = slid(call, x.dims[2:], kernel, ceil=ceil)
    fields["stride"] = fields.get("stride", 1)
    if fields["stride"] == fields["kernel_size"]:
        del fields["stride"]
    fields |= {"ceil_mode": True} if ceil and fields.get("padding") != "same" else {}
    kind = "MaxPool" if call.node.op == "MaxPool" else "AvgPool"
    if kind == "AvgPool":
        fields.pop("dilation", None)
    if _hangs_over(fields, kernel) or (
        kind == "AvgPool" and per_axis(call, "dilations", len(kernel)) != (1,) * len(kernel)
    ):
        return _by_size(call, x, kind, spatial, kernel)
    y = call.rows.row(kind, [x], (*x.dims[:2], *spatial), x.drop, call.rows.axis(x), **fields)
    return [y, y]


def _hangs_over(fields: dict[str, Any], kernel: Dims) -> bool:
    """Tell whether padding is more than half the kernel, which PyTorch refuses and ONNX does not."""
    padding = fields.get("padding", 0)
    if padding == "same":
        return False
    each = padding if isinstance(padding, list) else [padding] * len(kernel)
    return any(2 * max(pad if isinstance(pad, list) else [pad]) > k for pad, k in zip(each, kernel, strict=True))


def _by_size(call: Call, x: Value, kind: str, spatial: Dims, kernel: Dims) -> list[Value]:
    """Write a pool whose window no kind has: what it reads and writes is known."""
    kind = f"Adaptive{kind}"
    fields = {"output_size": simple(spatial)}
    del kernel
    y = call.rows.row(kind, [x], (*x.dims[:2], *spatial), x.drop, call.rows.axis(x), **fields)
    return [y, y]


def global_pool(call: Call) -> list[Value]:
    """GlobalAveragePool, GlobalMaxPool and GlobalLpPool: one number for each channel."""
    x = mapped(call, call.at(0))
    kind = "GlobalMaxPool" if call.node.op == "GlobalMaxPool" else "GlobalAvgPool"
    dims = (*x.dims[:2], *(1 for _ in x.dims[2:]))
    return [call.rows.row(kind, [x], dims, x.drop, call.rows.axis(x))]


# Operators of ONNX that make a map finer or coarser without weights.


def resize(call: Call) -> list[Value]:
    """Resize and Upsample: to sizes, or by factors."""
    x = call.at(0)
    sizes = _resized(call, x)
    mode = call.attribute("mode", "nearest")
    if sizes == x.dims:
        return [x]
    if len(sizes) > 2 and sizes[:2] == x.dims[:2]:  # noqa: PLR2004  (a batch and channels)
        x = mapped(call, x)
        word = {"cubic": "bicubic", "nearest": "nearest"}.get(mode) or _linear(len(sizes) - 2)
        fields = {"size": simple(sizes[2:]), **({"mode": word} if word != "nearest" else {})}
        return [call.rows.row("Interpolate", [x], sizes, x.drop, call.rows.axis(x), **fields)]
    y = x._replace(dims=sizes)
    fields = {"operator": call.node.op, "size": [*y.ours], "channel_axis": call.rows.axis(x)}
    return [call.rows.row("Operation", [x], sizes, x.drop, call.rows.axis(x), **fields)]


def _linear(axes: int) -> str:
    return {1: "linear", 2: "bilinear"}.get(axes, "trilinear")


def _resized(call: Call, x: Value) -> Dims:
    """Return the sizes that come out."""
    old = call.node.op == "Upsample" or call.opset < 11  # noqa: PLR2004  (since then there are sizes too)
    scales = call.attribute("scales") or (call.numbers(1) if old else (call.numbers(2) or None))
    sizes = None if old else call.numbers(3)
    axes = call.wholes("axes", range(len(x.dims)))
    given = sizes or scales
    if not given or len(given) != len(axes):
        raise Unreadable("neither sizes nor scales are given for its axes")
    found = [*x.dims]
    for axis, number in zip(axes, given, strict=True):
        found[axis] = int(number) if sizes else int(found[axis] * number)
    return tuple(found)


def shuffle(call: Call) -> list[Value]:
    """DepthToSpace and SpaceToDepth."""
    x = mapped(call, call.at(0))
    block = call.whole("blocksize", 1)
    n, channels, *space = x.dims
    area = block ** len(space)
    if call.node.op == "DepthToSpace":
        kind, fields, dims = (
            "PixelShuffle",
            {"upscale_factor": block},
            (n, channels // area, *(s * block for s in space)),
        )
    else:
        kind, fields = "PixelUnshuffle", {"downscale_factor": block}
        dims = (n, channels * area, *(size // block for size in space))
    if prod(dims) != x.elements:
        raise Unreadable(f"blocksize = {block} does not divide its input of {[*x.dims]}")
    return [call.rows.row(kind, [x], dims, x.drop, call.rows.axis(x), **fields)]
