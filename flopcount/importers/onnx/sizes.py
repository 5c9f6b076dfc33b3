"""Operators of ONNX of which only the sizes that come out are known: they multiply nothing."""

from math import prod

from flopcount.importers.onnx.calls import Call, on_axis
from flopcount.importers.onnx.layout import operation
from flopcount.importers.onnx.values import Unreadable, Value


def like_first(call: Call) -> list[Value]:
    """Write an operator whose result is as large as its first input."""
    return [_like(call, call.at(0))]


def like_second(call: Call) -> list[Value]:
    """Write an operator whose result is as large as its second input."""
    return [_like(call, call.at(1))]


def _like(call: Call, value: Value) -> Value:
    if value.static:
        return operation(call, value.dims)
    axis = call.rows.axis(value)
    fields = {"operator": call.node.operator, "size": [*value.ours], "channel_axis": axis}
    return call.rows.row("Operation", call.active, value.dims, value.drop, axis, **fields)


def like_shape(call: Call) -> list[Value]:
    """Write a tensor of a size that is computed."""
    raise Unreadable(f"its size follows from {call.node.inputs[0]!r}, which depends on the input")


def gather_nd(call: Call) -> list[Value]:
    """GatherND: parts of a tensor, by lists of places."""
    x, which, batch = call.at(0), call.at(1), call.whole("batch_dims", 0)
    return [operation(call, (*which.dims[:-1], *x.dims[batch + which.dims[-1] :]))]


def one_hot(call: Call) -> list[Value]:
    """OneHot: a further axis, as long as there are classes."""
    x, depth = call.at(0), call.numbers(1) or (1,)
    axis = on_axis(call.whole("axis", -1), len(x.dims) + 1)
    return [operation(call, (*x.dims[:axis], int(depth[0]), *x.dims[axis:]))]


def top_k(call: Call) -> list[Value]:
    """TopK: the largest along an axis, and where they are."""
    x = call.at(0)
    count = call.attribute("k") or int((call.numbers(1) or (1,))[0])
    axis = on_axis(call.whole("axis", -1), len(x.dims))
    y = operation(call, (*x.dims[:axis], count, *x.dims[axis + 1 :]))
    return [y, y]


def grid_sample(call: Call) -> list[Value]:
    """GridSample: a map read at places that are computed."""
    x, grid = call.at(0), call.at(1)
    return [operation(call, (*x.dims[:2], *grid.dims[1:-1]))]


def roi_align(call: Call) -> list[Value]:
    """RoiAlign: parts of a map, each made one size."""
    x, regions = call.at(0), call.at(1)
    sizes = (call.whole("output_height", 1), call.whole("output_width", 1))
    return [operation(call, (regions.dims[0], x.dims[1], *sizes))]


def center_crop_pad(call: Call) -> list[Value]:
    """CenterCropPad: cut or bordered to a size, around the middle."""
    x, sizes = call.at(0), call.numbers(1) or ()
    axes = [on_axis(axis, len(x.dims)) for axis in call.wholes("axes", range(len(x.dims)))]
    wanted = dict(zip(axes, map(int, sizes), strict=False))
    return [operation(call, tuple(wanted.get(axis, size) for axis, size in enumerate(x.dims)))]


def col2im(call: Call) -> list[Value]:
    """Col2Im: blocks added up to a map, as folding does; the columns hold the numbers of a block and the channels."""
    x, space, block = call.at(0), call.numbers(1) or (), call.numbers(2) or ()
    numbers = max(int(prod(block)), 1)
    if len(x.dims) != 3 or x.dims[1] % numbers:  # noqa: PLR2004  (a batch, columns, and how many)
        raise Unreadable(f"columns of {[*x.dims]} do not hold whole blocks of {numbers} numbers")
    return [operation(call, (x.dims[0], x.dims[1] // numbers, *map(int, space)))]


def max_unpool(call: Call) -> list[Value]:
    """MaxUnpool: each number back where a pool found it."""
    x, sizes = call.at(0), call.numbers(2)
    if sizes:
        return [operation(call, tuple(map(int, sizes)))]
    kernel = call.wholes("kernel_shape")
    strides, pads = call.wholes("strides", (1,) * len(kernel)), call.wholes("pads", (0,) * 2 * len(kernel))
    moves = zip(x.dims[2:], kernel, strides, pads, pads[len(kernel) :], strict=False)
    return [operation(call, (*x.dims[:2], *((n - 1) * s + k - before - after for n, k, s, before, after in moves)))]
