"""Operators that slide a window or resize a map: convolutions, pools, Resize."""

import math
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from flopcount.errors import Refusal
from flopcount.formulas.numbers import exact_all
from flopcount.formulas.shape import render
from flopcount.readers.onnx.op import Dims, NodeContext, Size, Value, Writer, collapsed, integers, single


def as_map(op: NodeContext, value: Value) -> Value:
    """Return a value as a map: the batch, which is left out if it is one, the channels, then space."""
    if len(value.dims) < 3:  # noqa: PLR2004  (a batch, channels and space)
        raise Refusal(f"its input has {len(value.dims)} axes; it needs a batch, channels and space")
    return op.draft.as_layout(value, 0, 0) if value.dims[0] == 1 else op.draft.as_layout(value, None, 1)


def _numbers(op: NodeContext, name: str, axes: int, count: int, default: int) -> Dims:
    """Return an attribute with numbers for each spatial axis."""
    found = op.integers(name) or (default,) * count
    if len(found) != count:
        raise Refusal(f"{name} has {len(found)} numbers for {axes} spatial axes")
    if default and min(found) < default:
        raise Refusal(f"{name} = {[*found]} is not possible")
    return found


def _explicit_padding(op: NodeContext, axes: int) -> list[tuple[int, int]]:
    """Return the padding before and after on each axis."""
    found = _numbers(op, "pads", axes, 2 * axes, 0)
    return [*zip(found[:axes], found[axes:], strict=True)]


def _checked_padding(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if any(min(pair) < 0 for pair in pairs):
        raise Refusal(f"its padding is negative: {pairs}")
    return pairs


def _moves(op: NodeContext, kernel: Dims) -> dict[str, Any]:
    """Return the kernel, stride and dilation of a window."""
    stride, dilation = (_numbers(op, name, len(kernel), len(kernel), 1) for name in ("strides", "dilations"))
    return {"kernel_size": kernel, "stride": stride, "dilation": dilation}


def _window(op: NodeContext, x: Value, kernel: Dims) -> dict[str, Any]:
    """Return the fields of a window that slides over a map."""
    if len(x.dims) - 2 != len(kernel):
        raise Refusal(f"its window has {len(kernel)} axes, and its input {len(x.dims) - 2} of space")
    fields, rule = _moves(op, kernel), op.attribute("auto_pad", "NOTSET")
    if rule in {"SAME_UPPER", "SAME_LOWER"}:
        return {**fields, "padding": "same"}
    return fields if rule == "VALID" else {**fields, "padding": _checked_padding(_explicit_padding(op, len(kernel)))}


def _check_kernel(op: NodeContext, kernel: Dims) -> None:
    if (said := op.integers("kernel_shape", kernel)) != kernel:
        raise Refusal(f"its kernel_shape is {render(said)}, and its weights have {render(kernel)}")


def deformed(op: NodeContext) -> list[Value]:
    """DeformConv: each place of the kernel has an offset along each axis, and may have a factor."""
    kernel = op.at(1).dims[2:]
    places = prod(kernel) * op.integer("offset_group", 1)
    for value, numbers in ((op.at(2), places * len(kernel)), (op.get(4), places)):
        if value is not None and value.dims[1:2] != (numbers,):
            raise Refusal(f"offsets or factors of {render(value.dims)} are not {numbers} for each position")
    return [convolved(op, op.at(0), op.at(1), op.bias(3))]


def convolved(op: NodeContext, x: Value, weight: Value, bias: Value | None) -> Value:
    """Write a convolution of a map with weights."""
    x = as_map(op, x)
    filters, inner, *kernel = weight.dims if len(weight.dims) > 2 else (0, 0)  # noqa: PLR2004  (filters, channels)
    groups = op.integer("group", 1)
    if inner * groups != x.dims[1] or groups < 1:
        raise Refusal(f"{groups} groups of {inner} channels cannot read the {x.dims[1]} channels of its input")
    _check_kernel(op, tuple(kernel))
    op.expect(bias, filters)
    is_depthwise = groups == x.dims[1] > 1 and filters % groups == 0
    depthwise, full = {"depth_multiplier": filters // groups}, {"out_channels": filters, "groups": groups}
    fields = {**(depthwise if is_depthwise else full), **_window(op, x, tuple(kernel)), "bias": bias is not None}
    return op.row("DepthwiseConv" if is_depthwise else "Conv", x, params={"weight": weight, "bias": bias}, **fields)


def conv_transpose(op: NodeContext) -> list[Value]:
    """ConvTranspose: the map grows, by the strides, padding and output_padding."""
    x, weight, bias = as_map(op, op.at(0)), op.at(1), op.bias(2)
    if len(weight.dims) != len(x.dims) or weight.dims[0] != x.dims[1]:
        raise Refusal(f"weights of {[*weight.dims]} cannot read its input of {[*x.dims]}")
    kernel, groups = weight.dims[2:], op.integer("group", 1)
    _check_kernel(op, kernel)
    fields = {"out_channels": weight.dims[1] * groups, "groups": groups, **_moves(op, kernel), "bias": bias is not None}
    op.expect(bias, weight.dims[1] * groups)
    fields |= _growth(op, x, fields)
    return [op.row("ConvTranspose", x, params={"weight": weight, "bias": bias}, **fields)]


def _growth(op: NodeContext, x: Value, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the padding and output padding of a transposed convolution; what pads cannot cut off is added."""
    count = len(x.dims) - 2
    extra, wanted = op.integers("output_padding") or (0,) * count, op.integers("output_shape")[-count:]
    if not wanted and op.attribute("auto_pad", "NOTSET") in {"SAME_UPPER", "SAME_LOWER"}:
        wanted = tuple(size * s for size, s in zip(x.dims[2:], fields["stride"], strict=True))
    pads = _explicit_padding(op, count)
    if wanted:
        full = exact_all(op.draft.shape_of("ConvTranspose", x, fields).spatial)
        surplus = [size + more - fewer for size, more, fewer in zip(full, extra, wanted, strict=True)]
        pads = [(cut // 2, cut - cut // 2) if cut >= 0 else (cut, 0) for cut in surplus]
    moved = [max(0, -before - after) for before, after in pads]
    pads = [(before, after) if before + after >= 0 else (0, 0) for before, after in pads]
    extra = tuple(max(more + move, 0) for more, move in zip(extra, moved, strict=True))
    return {"padding": _checked_padding(pads), "output_padding": extra}


def pool(op: NodeContext) -> list[Value]:
    """MaxPool, AveragePool and LpPool; a second output holds places, which cost nothing more."""
    x, kernel = as_map(op, op.at(0)), op.integers("kernel_shape")
    if min(kernel, default=0) < 1:
        raise Refusal(f"kernel_shape = {[*kernel]} is not possible")
    fields = _window(op, x, kernel)
    kind, padding = "MaxPool" if op.node.op == "MaxPool" else "AvgPool", fields.get("padding", ())
    if fields["stride"] == kernel:
        del fields["stride"]
    if max(fields["dilation"]) == 1:
        del fields["dilation"]
    fields["ceil_mode"] = bool(op.integer("ceil_mode", 0)) and padding != "same"
    overlaps = padding != "same" and any(2 * max(pair) > k for pair, k in zip(padding, kernel, strict=False))
    if overlaps or (kind == "AvgPool" and "dilation" in fields):  # ONNX allows what PyTorch refuses
        sizes = exact_all(op.draft.shape_of("MaxPool", x, fields).spatial)
        kind, fields = f"Adaptive{kind}", {"output_size": collapsed(sizes)}
        op.draft.reads_size = True
    return [op.row(kind, x, **fields)] * 2


def resize(op: NodeContext) -> list[Value]:
    """Resize and Upsample: to sizes, or by factors."""
    x = op.at(0)
    sizes, scales = _targets(op, x)
    stretches = op.attribute("keep_aspect_ratio_policy", "stretch") == "stretch"
    if stretches and not any(scales) and not any(isinstance(size, Size) for size in sizes):
        op.draft.constant_sizes.append(op.node.title)
    if tuple(sizes) == x.dims and not any(isinstance(size, Size) for size in sizes):
        return [x]
    if len(sizes) > 2 and tuple(sizes[:2]) == x.dims[:2]:  # noqa: PLR2004  (a batch and channels)
        x, mode = as_map(op, x), op.attribute("mode", "nearest")
        linear = {1: "linear", 2: "bilinear"}.get(len(sizes) - 2, "trilinear")
        word = {"cubic": "bicubic", "nearest": "nearest"}.get(mode, linear)
        return [_resized(op, x, sizes[2:], scales[2:], {"mode": word})]
    y = x._replace(dims=tuple(map(int, sizes)))
    return [op.operation(y, x, channel_axis=op.channel_axis(x))]


def _resized(op: NodeContext, x: Value, sizes: Sequence[int], scales: Sequence[float], fields: dict[str, Any]) -> Value:
    """Write a resized map: by whole factors or to the size of another tensor if the file says so, else to a size."""
    sources = [size.source for size in sizes if isinstance(size, Size) and size.source]
    if sources and len(sources) == len(sizes) and len({row for row, _, _ in sources}) == 1:
        row, axes = sources[0][0], [axis for _, axis, _ in sources]
        shape, factors = op.draft.rows[row].shape, [factor for _, _, factor in sources]
        if axes == [*range(shape.channel_axis + 1, len(shape.dims))]:
            if row == x.row:
                scales = factors
            elif {*factors} == {1}:
                return op.row("Interpolate", x, Value(exact_all(shape.dims), row=row), **fields)
    if all(scale >= 1 and scale == int(scale) for scale in scales):
        return op.row("Interpolate", x, scale_factor=[int(scale) for scale in scales], **fields)
    op.draft.reads_size |= any(scales) or any(isinstance(size, Size) for size in sizes)
    return op.row("Interpolate", x, size=collapsed([int(size) for size in sizes]), **fields)


def _targets(op: NodeContext, x: Value) -> tuple[list[int], list[float]]:
    """Return the sizes of the output, and the factors, 0 where the file gives a size."""
    old = op.node.op == "Upsample" or op.opset < 11  # noqa: PLR2004  (sizes exist since then)
    stretched = [op.attribute(f"{axis}_scale", 0) for axis in ("height", "width")]  # those of opset 1
    scales = (
        (1, 1, *stretched)
        if all(stretched)
        else op.attribute("scales") or (op.numbers(1, relative=True) if old else op.numbers(2, relative=True) or None)
    )
    sizes = None if old else op.numbers(3, relative=True)
    axes = op.integers("axes", range(len(x.dims)))
    given = sizes or scales
    if not given or len(given) != len(axes):
        raise Refusal("neither sizes nor scales are given for its axes")
    found, factors = [*x.dims], [1.0 if scales and not sizes else 0.0] * len(x.dims)
    if sizes and (policy := op.attribute("keep_aspect_ratio_policy", "stretch")) != "stretch":
        pick: Any = min if policy == "not_larger" else max
        factor = pick(single(size / x.dims[axis]) for axis, size in zip(axes, sizes, strict=True))
        given = sizes = tuple(math.floor(single(factor * x.dims[axis]) + 0.5) for axis in axes)
    for axis, number in zip(axes, given, strict=True):
        # runtimes multiply sizes with scales in single precision: 10 · 0.7 is 7
        found[axis] = integers([number])[0] if sizes else int(single(found[axis] * number))
        factors[axis] = 0.0 if sizes else number
    return found, factors


def shuffle(op: NodeContext) -> list[Value]:
    """DepthToSpace and SpaceToDepth."""
    x, block, grows = as_map(op, op.at(0)), op.integer("blocksize", 1), op.node.op == "DepthToSpace"
    fields: dict[str, Any] = {"upscale_factor" if grows else "downscale_factor": block}
    y = op.row("PixelShuffle" if grows else "PixelUnshuffle", x, **fields)
    if prod(y.dims) != x.elements:
        raise Refusal(f"blocksize = {block} does not divide its input of {[*x.dims]}")
    return [y]


POOLS: Mapping[str, Writer] = {
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalLpPool"), lambda op: [op.row("GlobalAvgPool", as_map(op, op.at(0)))]),
    "GlobalMaxPool": lambda op: [op.row("GlobalMaxPool", as_map(op, op.at(0)))],
    **dict.fromkeys(("Resize", "Upsample"), resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), shuffle),
}
"""Operators that multiply nothing, by the function that writes their layers."""

OPERATORS: Mapping[str, Writer] = {
    **POOLS,
    "Conv": lambda op: [convolved(op, op.at(0), op.at(1), op.bias(2))],
    "DeformConv": deformed,
    "ConvTranspose": conv_transpose,
}
"""Operators by the function that writes their layers."""
