"""Operators of ONNX that move numbers about: other axes, some of them, several behind each other."""

from math import prod
from typing import Any

from flopcount.readers.onnx.values import Call, Dims, Unreadable, Value, checked, on_axis

# Several tensors stretched to one size, what is kept among them: where it is part of a layer, it becomes that.


CONSTANT = "Constant"
"""What a tensor is called that is kept and no param: no batch is in front of it."""


def same(call: Call, kind: str, x: Value, **fields: Any) -> Value:
    """Write a row that leaves the shape as it is."""
    return call.rows.row(kind, [x], x.dims, x.drop, call.rows.axis(x), **fields)


def broadcast(*shapes: Dims) -> Dims:
    """Return the size that tensors are stretched to."""
    rank = max(map(len, shapes))
    filled = [(1,) * (rank - len(dims)) + dims for dims in shapes]
    result = []
    for sizes in zip(*filled, strict=True):
        larger = {*sizes} - {1}
        if len(larger) > 1:
            raise Unreadable(f"{' and '.join('×'.join(map(str, dims)) for dims in shapes)} cannot be paired")
        result.append(larger.pop() if larger else 1)
    return tuple(result)


def joined(call: Call, function: str, inputs: list[Value]) -> Value:
    """Write an elementwise function of what depends on the input and what is kept."""
    dims = broadcast(*(value.dims for value in inputs))
    full = [value for value in inputs if not value.static]
    kept = [value for value in inputs if value.static and value.elements > 1 and _matters(call, value, dims)]
    if len(full) == 1 and len(kept) == 1:
        special = _with_params(call, function, full[0], kept[0], dims)
        if special is not None:
            return special
    actives = _aligned(call, full, dims)
    drop = actives[0].drop if len(actives[0].dims) == len(dims) else None
    operands = [*actives, *(parameter(call, value, drop, len(dims)) for value in kept)]
    return _written(call, function, operands, dims, drop)


def _matters(call: Call, value: Value, dims: Dims) -> bool:
    """Tell whether something static is params, or stretches the others."""
    return call.learned(value) or _stretches(call, value, dims)


def _stretches(call: Call, value: Value, dims: Dims) -> bool:
    others = [each.dims for each in call.ins if each is not None and each is not value]
    return broadcast((), *others) != dims


def _aligned(call: Call, values: list[Value], dims: Dims) -> list[Value]:
    """Return the tensors so that their axes stand above each other, the batch left out of all or none."""
    first = values[0]
    alike = len({(len(value.dims), value.drop) for value in values}) == 1 and len(first.dims) == len(dims)
    if alike and (first.drop is None or dims[first.drop] == 1):
        return values
    drops = dims[0] == 1 and len(dims) > 1
    result = []
    for value in values:
        drop = 0 if drops and len(value.dims) == len(dims) else None
        axis = call.rows.axis(value)
        wanted = value._replace(drop=drop)
        axis = axis if wanted.ours == value.ours else len(wanted.ours) - 1
        result.append(call.rows.viewed(value, drop, axis))
    return sorted(result, key=lambda value: -len(value.dims)) if len(values) > 1 else result


def parameter(call: Call, value: Value, drop: int | None = None, rank: int = 0) -> Value:
    """Write a tensor that is kept as a row of its own."""
    dims = value.dims or (1,)
    fits = drop is not None and rank == len(dims) > 1 and dims[drop] == 1
    placed = drop if fits else None
    source = call.active[0] if call.active else value
    plain = value._replace(dims=checked(dims), drop=placed)
    last, fields = len(plain.ours) - 1, {"size": [*plain.ours]}
    if not call.learned(value):
        return call.rows.row("Operation", [source], dims, placed, last, operator=CONSTANT, **fields)
    y = call.rows.row("Parameter", [source], dims, placed, last, **fields)
    call.rows.settle(y, "parameter", value)
    return y


def _written(call: Call, function: str, operands: list[Value], dims: Dims, drop: int | None) -> Value:
    """Write the row: an Add or a Mul where they say the same, else an Elementwise."""
    rows = call.rows
    first = operands[0]
    alike = len({(value.ours, rows.axis(value)) for value in operands}) == 1
    if function == "add" and alike and len(operands) > 1:
        return rows.row("Add", operands, dims, drop, rows.axis(first))
    if function == "mul" and len(operands) > 1 and len({rows.axis(value) for value in operands}) == 1:
        largest = max(operands, key=lambda value: value.elements)
        others = [value for value in operands if value is not largest] or operands[1:]
        if largest.dims == dims and all(len(value.ours) == len(largest.ours) for value in others):
            return rows.row("Mul", [largest, *others][: len(operands)], dims, drop, rows.axis(largest))
    if len(operands) == 1 and operands[0].dims != dims:
        first = expanded(call, first, dims)
        operands, drop = [first], first.drop
    ranked = max(operands, key=lambda value: len(value.ours))
    return rows.row("Elementwise", operands, dims, drop, rows.axis(ranked), function=function)


def expanded(call: Call, x: Value, dims: Dims, node_kind: str = "Expand") -> Value:
    """Write the same numbers on larger axes."""
    if dims == x.dims:
        return x
    same_rank = len(dims) == len(x.dims)
    drop = (
        x.drop
        if same_rank and x.drop is not None and dims[x.drop] == 1
        else (0 if dims[0] == 1 and len(dims) > 1 else None)
    )
    y = x._replace(dims=dims, drop=drop)
    axis = call.rows.axis(x) if len(y.ours) == len(x.ours) else len(y.ours) - 1
    return call.rows.row(node_kind, [x], dims, drop, axis, size=[*y.ours], channel_axis=axis)


def _with_params(call: Call, function: str, x: Value, kept: Value, dims: Dims) -> Value | None:
    """Write what is learned as part of a layer, where a kind says exactly that."""
    if x.dims != dims or not call.learned(kept):
        return None
    axis = call.rows.axis(x)
    channels = x.ours[axis]
    if kept.elements == channels and _along_channels(kept, x, axis):
        if function == "add" and _takes_bias(call, x):
            return _biased(call, x, kept)
        if function == "mul":
            y = same(call, "LayerScale", x)
            call.rows.settle(y, "scale", kept)
            return y
    last = axis == len(x.ours) - 1 and len(x.ours) > 1
    if function == "add" and last and kept.elements == prod(x.ours[-2:]) and kept.dims[-2:] == x.ours[-2:]:
        y = same(call, "PositionEmbedding", x)
        call.rows.settle(y, "position", kept)
        return y
    return None


def _along_channels(kept: Value, x: Value, axis: int) -> bool:
    """Tell whether a vector lies along the channels."""
    place = len(x.ours) - 1 - axis
    trailing = [*reversed(kept.dims)]
    return place < len(trailing) and trailing[place] == kept.elements


def _takes_bias(call: Call, x: Value) -> bool:
    """Tell whether the layer above has weights and no bias, and nothing else reads it."""
    row = call.rows.rows[x.row or 0]
    weighty = row.kind in {"Linear", "Conv", "DepthwiseConv", "ConvTranspose"} and row.fields.get("bias") is False
    return weighty and not row.uses and row.ours == x.ours and x.row in call.rows.alone


def _biased(call: Call, x: Value, bias: Value) -> Value:
    """Make an addition the bias of the layer above."""
    assert x.row is not None  # noqa: S101  (it has just been looked at)
    del call.rows.rows[x.row].fields["bias"]
    call.rows.settle(x, "bias", bias)
    return x


def reshaped(call: Call, x: Value, dims: Dims) -> Value:
    """Return the same numbers on other axes; no row is needed where nothing but the batch of one moves."""
    dims = checked(dims)
    if prod(dims) != x.elements:
        raise Unreadable(f"{x.elements} numbers cannot be made {'×'.join(map(str, dims))}")
    row = call.rows.rows[x.row or 0]
    units = [None, *(axis for axis, size in enumerate(dims) if size == 1)]
    found = [drop for drop in units if x._replace(dims=dims, drop=drop).ours == row.ours]
    if found:
        return x._replace(dims=dims, drop=0 if 0 in found else found[0])
    drop = 0 if len(dims) > 1 and dims[0] == 1 else None
    y = x._replace(dims=dims, drop=drop)
    if len(y.ours) == 1 and row.axis == 0:
        return call.rows.row("Flatten", [x], dims, drop, 0)
    return _shaped(call, x, y, row.axis)


def _shaped(call: Call, x: Value, y: Value, axis: int) -> Value:
    """Write a Reshape; the channels stay where they are, or are the last of the axes that change."""
    before, after = x.ours, y.ours
    fewer = min(len(before), len(after))
    kept = next((place for place in range(fewer) if before[place] != after[place]), fewer)
    behind = next((place for place in range(fewer - kept) if before[~place] != after[~place]), fewer - kept)
    if axis < kept < len(after):
        place = axis
    elif axis >= len(before) - behind:
        place = axis - len(before) + len(after)
    else:
        place = max(len(after) - behind - 1, 0)
    return call.rows.row("Reshape", [x], y.dims, y.drop, place, size=[*after], channel_axis=place)


def reshape(call: Call) -> list[Value]:
    """Reshape: 0 keeps a size, -1 is what is left."""
    x, wanted = call.at(0), call.listed("shape", 1)
    if wanted is None:
        raise Unreadable("it has no shape")
    zero = bool(call.whole("allowzero", 0))
    dims = [x.dims[axis] if size == 0 and not zero and axis < len(x.dims) else size for axis, size in enumerate(wanted)]
    if dims.count(-1) > 1:
        raise Unreadable(f"two sizes of {dims} are left open")
    if -1 in dims:
        known = prod(size for size in dims if size != -1)
        if known < 1 or x.elements % known:
            raise Unreadable(f"{x.elements} numbers cannot be made {dims}")
        dims[dims.index(-1)] = x.elements // known
    return [reshaped(call, x, tuple(dims))]


def flatten(call: Call) -> list[Value]:
    """Flatten: all axes before one, and all from there on."""
    x = call.at(0)
    axis = call.whole("axis", 1)
    axis = axis + len(x.dims) if axis < 0 else axis
    return [reshaped(call, x, (prod(x.dims[:axis]), prod(x.dims[axis:])))]


def squeeze(call: Call) -> list[Value]:
    """Squeeze: without axes of size 1."""
    x, axes = call.at(0), call.listed("axes", 1)
    rank = len(x.dims)
    gone = [axis for axis, size in enumerate(x.dims) if size == 1] if axes is None else [on_axis(a, rank) for a in axes]
    return [reshaped(call, x, tuple(size for axis, size in enumerate(x.dims) if axis not in gone))]


def unsqueeze(call: Call) -> list[Value]:
    """Unsqueeze: with further axes of size 1."""
    x, axes = call.at(0), call.listed("axes", 1) or ()
    rank = len(x.dims) + len(axes)
    new = {on_axis(axis, rank) for axis in axes}
    if len(new) < len(axes):
        raise Unreadable(f"axes = {[*axes]} names an axis twice")
    sizes = iter(x.dims)
    return [reshaped(call, x, tuple(1 if axis in new else next(sizes) for axis in range(rank)))]


def transpose(call: Call) -> list[Value]:
    """Transpose: the axes in another order."""
    x = call.at(0)
    order = call.wholes("perm") or tuple(reversed(range(len(x.dims))))
    if sorted(order) != [*range(len(x.dims))]:
        raise Unreadable(f"perm = {[*order]} does not name each of {len(x.dims)} axes once")
    dims = tuple(x.dims[axis] for axis in order)
    drop = None if x.drop is None else order.index(x.drop)
    ours = [x.on(axis) for axis in order if axis != x.drop]
    if ours == sorted(ours):
        return [x._replace(dims=dims, drop=drop)]
    axis = call.rows.axis(x)
    place = ours.index(axis)
    last = [*range(1, len(ours)), 0]
    if axis == 0 and ours == last and len(ours) > 2:  # noqa: PLR2004  (channels and a plane)
        return [call.rows.row("ChannelsLast", [x], dims, drop, place)]
    if axis == len(ours) - 1 and ours == [axis, *range(axis)] and len(ours) > 2:  # noqa: PLR2004  (likewise)
        axes = {} if axis == 2 else {"axes": axis}  # noqa: PLR2004  (the default)
        return [call.rows.row("ChannelsFirst", [x], dims, drop, place, **axes)]
    order_ = [each - len(ours) for each in ours]
    return [call.rows.row("Permute", [x], dims, drop, place, order=order_)]


def expand(call: Call) -> list[Value]:
    """Expand: stretched to a size."""
    x, size = call.at(0), call.numbers(1) or ()
    return [expanded(call, x, broadcast(x.dims, tuple(map(int, size))))]


def tile(call: Call) -> list[Value]:
    """Tile: repeated along each axis."""
    x, times = call.at(0), call.numbers(1) or ()
    if len(times) != len(x.dims):
        raise Unreadable(f"it repeats {len(times)} axes of {len(x.dims)}")
    return [expanded(call, x, tuple(size * int(n) for size, n in zip(x.dims, times, strict=True)))]


def operation(call: Call, dims: Dims) -> Value:
    """Write an operation of which only what comes out is known."""
    drop = 0 if len(dims) > 1 and dims[0] == 1 else None
    y = Value(checked(dims or (1,)), drop=drop)
    axis = len(y.ours) - 1
    fields = {"operator": call.node.operator, "size": [*y.ours]}
    return call.rows.row("Operation", call.active, dims, drop, axis, **fields)
