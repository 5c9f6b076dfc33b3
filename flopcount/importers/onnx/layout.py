"""Operators of ONNX that move numbers about: other axes, some of them, several behind each other."""

from math import prod

from flopcount.importers.onnx.calls import Call, on_axis
from flopcount.importers.onnx.joins import broadcast, expanded
from flopcount.importers.onnx.values import Dims, Unreadable, Value, checked


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
