"""Operators of ONNX that take some of a tensor, or put several behind each other."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from flopcount.readers.onnx.layout import expanded, operation, parameter, reshaped
from flopcount.readers.onnx.values import Call, Dims, Unreadable, Value, checked, from_end, on_axis


def _taken(call: Call, x: Value, axis: int, size: int, **fields: Any) -> Value:
    """Write some of what is along an axis; all of it needs no row."""
    dims = (*x.dims[:axis], size, *x.dims[axis + 1 :])
    if size == x.dims[axis]:
        return x
    if axis == x.drop:
        raise Unreadable("it takes more than there is")
    place = x.on(axis)
    if place == call.rows.axis(x) and fields:
        return call.rows.row("Slice", [x], dims, x.drop, place, **fields)
    end = from_end(place, x)
    return call.rows.row("Take", [x], dims, x.drop, call.rows.axis(x), axis=end, size=size)


def slice_(call: Call) -> list[Value]:
    """Slice: from one to before another, along some axes."""
    x = call.at(0)
    starts, ends = call.listed("starts", 1) or (), call.listed("ends", 2) or ()
    axes = call.listed("axes", 3) or tuple(range(len(starts)))
    steps = (call.listed("steps", 4) if len(call.ins) > 4 else None) or (1,) * len(starts)  # noqa: PLR2004  (the steps)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise Unreadable("starts, ends, axes and steps are not equally many")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = on_axis(axis, len(x.dims))
        if not step:
            raise Unreadable("a step of 0 leads nowhere")
        found = range(*slice(start, end if abs(end) < 2**62 or end > 0 else None, step).indices(x.dims[place]))
        plain = {"start": found.start, "stop": found.stop} if step == 1 else {}
        x = _taken(call, x, place, len(checked((len(found),)) and found), **plain)
    return [x]


def split(call: Call) -> list[Value]:
    """Split: shares along an axis, equal or not."""
    x = call.at(0)
    axis = on_axis(call.whole("axis", 0), len(x.dims))
    sizes = call.listed("split", 1) or _shares(x.dims[axis], call.whole("num_outputs", len(call.node.outputs)))
    if sum(sizes) != x.dims[axis]:
        raise Unreadable(f"shares of {[*sizes]} do not make {x.dims[axis]}")
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    if len({*sizes}) == 1 and len(sizes) > 1 and axis != x.drop and x.on(axis) == call.rows.axis(x):
        return [_share(call, x, axis, len(sizes), index) for index in range(len(sizes))]
    return [_taken(call, x, axis, n, start=start, stop=start + n) for start, n in zip(starts, sizes, strict=True)]


def _shares(whole: int, ways: int) -> Dims:
    share = -(-whole // max(ways, 1))
    return (*(share for _ in range(ways - 1)), whole - share * (ways - 1))


def _share(call: Call, x: Value, axis: int, ways: int, index: int) -> Value:
    dims = (*x.dims[:axis], x.dims[axis] // ways, *x.dims[axis + 1 :])
    fields = {"sections": ways, **({"index": index} if index else {})}
    return call.rows.row("Split", [x], dims, x.drop, x.on(axis), **fields)


def gather(call: Call) -> list[Value]:
    """Gather: rows of a table, or some along an axis."""
    x, which = call.at(0), call.at(1)
    axis = on_axis(call.whole("axis", 0), len(x.dims))
    dims = (*x.dims[:axis], *which.dims, *x.dims[axis + 1 :])
    if x.static and not which.static:
        return [_looked_up(call, x, which, axis, dims)]
    if not which.static or len(which.dims) > 1:
        return [operation(call, dims)]
    if which.dims in {(), (1,)}:
        one = _single(call, x, axis)
        return [one if not which.dims else reshaped(call, one, dims)]
    return [_taken(call, x, axis, which.elements)]


def _looked_up(call: Call, table: Value, ids: Value, axis: int, dims: Dims) -> Value:
    """Write a table that ids are looked up in."""
    if len(table.dims) != 2 or axis:  # noqa: PLR2004  (rows and columns)
        parameter(call, table)
        return operation(call, dims)
    rows, size = table.dims
    fields = {"num_embeddings": rows, "embedding_dim": size}
    y = ids._replace(dims=dims)
    z = call.rows.row("Embedding", [ids], dims, ids.drop, len(y.ours) - 1, **fields)
    call.rows.settle(z, "embedding", table)
    return z


def _single(call: Call, x: Value, axis: int) -> Value:
    """Write one of what is along an axis; the axis goes."""
    dims = (*x.dims[:axis], *x.dims[axis + 1 :])
    if axis == x.drop:
        return x._replace(dims=dims, drop=None)
    if x.dims[axis] == 1:
        return reshaped(call, x, dims)
    drop = None if x.drop is None else x.drop - (axis < x.drop)
    place, channels = x.on(axis), call.rows.axis(x)
    left = max(len(x.ours) - 2, 0)
    if channels == len(x.ours) - 1 and place == channels - 1:
        return call.rows.row("SelectToken", [x], dims, drop, channels - 1)
    fields = {"axis": from_end(place, x), "keepdim": False}
    return call.rows.row("Take", [x], dims, drop, min(channels - (place < channels), left), **fields)


def concat(call: Call) -> list[Value]:
    """Concat: one behind the other."""
    inputs = [value for value in call.ins if value is not None]
    rank = len(call.active[0].dims)
    axis = on_axis(call.whole("axis", 1), rank)
    inputs = [value for value in inputs if len(value.dims) == rank and value.dims[axis]]
    total = sum(value.dims[axis] for value in inputs)
    if len({(*value.dims[:axis], *value.dims[axis + 1 :]) for value in inputs}) > 1:
        raise Unreadable("its inputs do not agree but for one axis")
    first = call.active[0]
    dims = (*first.dims[:axis], total, *first.dims[axis + 1 :])
    if len(inputs) == 1:
        return [inputs[0]]
    token = _class_token(call, inputs, axis, dims)
    if token is not None:
        return [token]
    drop = first.drop if first.drop != axis else None
    wide = first._replace(drop=drop)
    channels = call.rows.axis(first) if wide.ours == first.ours else len(wide.ours) - 1
    parts = [call.rows.viewed(_placed(call, value, drop), drop, channels) for value in inputs]
    place = parts[0].on(axis)
    if place == channels:
        return [call.rows.row("Concat", parts, dims, drop, channels)]
    fields = {"axis": from_end(place, parts[0])}
    return [call.rows.row("Join", parts, dims, drop, channels, **fields)]


def _placed(call: Call, value: Value, drop: int | None) -> Value:
    return parameter(call, value, drop, len(value.dims)) if value.static else value


def _class_token(call: Call, inputs: Sequence[Value], axis: int, dims: Dims) -> Value | None:
    """Write learned tokens before others, where that is what is put together."""
    first, *others = inputs
    if len(others) != 1 or not first.static or others[0].static or others[0].drop == axis or not first.kept:
        return None
    x = others[0]
    channels = call.rows.axis(x)
    if channels != len(x.ours) - 1 or x.on(axis) != channels - 1 or first.elements % x.ours[-1]:
        return None
    if first.elements != first.dims[axis] * x.ours[-1]:
        return None
    many = {"num_tokens": first.dims[axis]} if first.dims[axis] > 1 else {}
    y = call.rows.row("ClassToken", [x], dims, x.drop, channels, **many)
    call.rows.settle(y, "token", first)
    return y


def pad(call: Call) -> list[Value]:
    """Pad: a border around some axes."""
    x = call.at(0)
    pads = call.listed("pads" if "pads" in call.node.attributes else "paddings", 1) or ()
    rank = len(x.dims)
    chosen = call.numbers(3) if len(call.ins) > 3 else None  # noqa: PLR2004  (the axes)
    axes = [on_axis(int(axis), rank) for axis in chosen] if chosen else [*range(rank)]
    if len(pads) != 2 * len(axes):
        raise Unreadable(f"pads has {len(pads)} numbers for {len(axes)} axes")
    pairs = {axis: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    dims = tuple(size + sum(pairs.get(axis, (0, 0))) for axis, size in enumerate(x.dims))
    if dims == x.dims and not any(map(any, pairs.values())):
        return [x]
    return [_bordered(call, x, checked(dims), pairs)]


def _bordered(call: Call, x: Value, dims: Dims, pairs: Mapping[int, tuple[int, int]]) -> Value:
    """Write a border: a Pad where it is around space alone, else what is cut off and what is added."""
    axis = call.rows.axis(x)
    changed = {place: pair for place, pair in pairs.items() if any(pair)}
    space = all(place != x.drop and x.on(place) > axis and min(pair) >= 0 for place, pair in changed.items())
    if space:
        ours = {x.on(place): [*pair] for place, pair in changed.items()}
        pads = [ours.get(place, [0, 0]) for place in range(axis + 1, len(x.ours))]
        return call.rows.row("Pad", [x], dims, x.drop, axis, padding=pads)
    for place, size in enumerate(dims):
        if size < x.dims[place]:
            x = _taken(call, x, place, size)
    return expanded(call, x, dims)


# Operators of ONNX of which only the sizes that come out are known: they multiply nothing.


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
