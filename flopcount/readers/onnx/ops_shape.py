"""Operators that move numbers: other axes, a part of a tensor, several in one; and those known by their sizes."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, zip_longest
from math import prod
from typing import Any

from flopcount.errors import Refusal
from flopcount.formulas.shape import render
from flopcount.readers.base import UnknownSize
from flopcount.readers.onnx.op import Dims, NodeContext, Value, Writer, checked, empty, integers, on_axis


def broadcast(*shapes: Dims) -> Dims:
    """Return the sizes to which tensors are broadcast."""
    columns = zip_longest(*map(reversed, shapes), fillvalue=1)
    larger = [{*sizes} - {1} or {1} for sizes in columns]
    if any(len(sizes) > 1 for sizes in larger):
        raise Refusal(f"{' and '.join(map(render, shapes))} cannot be broadcast")
    return tuple(size for sizes in reversed(larger) for size in sizes)


def parameter(op: NodeContext, value: Value, batch_axis: int | None = None, rank: int = 0) -> Value:
    """Write a constant as a layer of its own: a parameter if it is trained."""
    fits = batch_axis is not None and rank == len(value.dims) > 1 and value.dims[batch_axis] == 1
    placed = checked(value._replace(dims=value.dims or (1,), batch_axis=batch_axis if fits else None))
    source = op.active[0] if op.active else value
    if not op.is_trained(value):
        return op.row("Operation", source, batch_axis=placed.batch_axis, operator="Constant", size=placed.inner)
    return op.row("Parameter", source, batch_axis=placed.batch_axis, size=placed.inner, params={"parameter": value})


def reshaped(op: NodeContext, x: Value, dims: Dims) -> Value:
    """Return the same numbers on other axes; a layer is needed only if more than the batch axis changes."""
    if prod(dims) != x.elements:
        raise Refusal(f"{x.elements} numbers cannot be made {render(dims)}")
    if not x.elements:
        return empty(*dims)
    y = checked(x._replace(dims=dims))
    shape = op.draft.rows[x.row or 0].shape
    units = [axis for axis, size in enumerate(dims) if size == 1]
    layouts = (y._replace(batch_axis=axis) for axis in (*units[: 0 in units], None, *units[0 in units :]))
    if layout := next((each for each in layouts if each.inner == shape.dims), None):
        return layout
    y = y.with_batch_first
    if len(y.inner) == 1 and shape.channel_axis == 0:
        return op.row("Flatten", x, batch_axis=y.batch_axis)._replace(dims=dims)
    place = _channels_after(x.inner, y.inner, shape.channel_axis)
    z = op.row("Reshape", x, batch_axis=y.batch_axis, size=y.inner)
    op.draft.rows[-1].set_channel_axis(place)
    return z._replace(dims=dims)


def _channels_after(before: Dims, after: Dims, axis: int) -> int:
    """Return the channel axis after a reshaping: the same if it stays, or the last of the axes that change."""
    fewer = min(len(before), len(after))
    front = next((place for place in range(fewer) if before[place] != after[place]), fewer)
    back = next((place for place in range(fewer - front) if before[~place] != after[~place]), fewer - front)
    if axis < front < len(after):
        return axis
    if axis >= len(before) - back:
        return axis - len(before) + len(after)
    return max(len(after) - back - 1, 0)


def reshape(op: NodeContext) -> list[Value]:
    """Reshape: 0 keeps a size, -1 takes what is left."""
    x = op.at(0)
    if (wanted := op.integers_at("shape", 1, relative=True)) is None:
        raise Refusal("it has no shape")
    keeps = not op.integer("allowzero", 0)
    dims = [x.dims[axis] if size == 0 and keeps and axis < len(x.dims) else size for axis, size in enumerate(wanted)]
    if dims.count(-1) > 1:
        raise Refusal(f"two sizes of {dims} are left open")
    if -1 in dims:
        if (known := -prod(dims)) < 1 or x.elements % known:
            raise Refusal(f"{x.elements} numbers cannot be made {dims}")
        dims[dims.index(-1)] = x.elements // known
    return [reshaped(op, x, tuple(dims))]


def flatten(op: NodeContext) -> list[Value]:
    """Flatten: all axes before one, and all from there on."""
    x, axis = op.at(0), op.integer("axis", 1)
    axis = axis + len(x.dims) if axis < 0 else axis
    return [reshaped(op, x, (prod(x.dims[:axis]), prod(x.dims[axis:])))]


def squeeze(op: NodeContext) -> list[Value]:
    """Squeeze: without axes of size 1."""
    x, axes = op.at(0), op.integers_at("axes", 1)
    units = [axis for axis, size in enumerate(x.dims) if size == 1]
    gone = units if axes is None else [on_axis(axis, len(x.dims)) for axis in axes]
    return [reshaped(op, x, tuple(size for axis, size in enumerate(x.dims) if axis not in gone))]


def unsqueeze(op: NodeContext) -> list[Value]:
    """Unsqueeze: with additional axes of size 1."""
    x, axes = op.at(0), op.integers_at("axes", 1) or ()
    rank = len(x.dims) + len(axes)
    new = {on_axis(axis, rank) for axis in axes}
    if len(new) < len(axes):
        raise Refusal(f"axes = {[*axes]} names an axis twice")
    sizes = iter(x.dims)
    return [reshaped(op, x, tuple(1 if axis in new else next(sizes) for axis in range(rank)))]


def transpose(op: NodeContext) -> list[Value]:
    """Transpose: the axes in another order."""
    x = op.at(0)
    order = op.integers("perm") or tuple(reversed(range(len(x.dims))))
    if sorted(order) != [*range(len(x.dims))]:
        raise Refusal(f"perm = {[*order]} does not name each of {len(x.dims)} axes once")
    batch_axis = None if x.batch_axis is None else order.index(x.batch_axis)
    inner = [x.inner_axis(axis) for axis in order if axis != x.batch_axis]
    if inner == sorted(inner):
        return [x._replace(dims=tuple(x.dims[axis] for axis in order), batch_axis=batch_axis)]
    kind, fields = _permutation(inner, op.channel_axis(x))
    return [op.row(kind, x, batch_axis=batch_axis, **fields)]


def _permutation(inner: list[int], axis: int) -> tuple[str, dict[str, Any]]:
    """Return the kind of a permutation, and its fields."""
    last = len(inner) - 1
    if axis == 0 and inner == [*range(1, last + 1), 0] and last > 1:
        return "ChannelsLast", {}
    if axis == last and inner == [axis, *range(axis)] and last > 1:
        return "ChannelsFirst", {"axes": axis}
    return "Permute", {"order": tuple(each - len(inner) for each in inner)}


def expanded(op: NodeContext, x: Value, dims: Dims) -> Value:
    """Write the same numbers on larger axes."""
    if dims == x.dims:
        return x
    if 0 in dims:
        return empty(*dims)
    stays = x.batch_axis is not None and len(dims) == len(x.dims) and dims[x.batch_axis] == 1
    y = x._replace(dims=dims) if stays else x._replace(dims=dims).with_batch_first
    axis = op.channel_axis(x) if len(y.inner) == len(x.inner) else len(y.inner) - 1
    z = op.row("Expand", x, batch_axis=y.batch_axis, size=y.inner)
    op.draft.rows[-1].set_channel_axis(axis)
    return z


def tile(op: NodeContext) -> list[Value]:
    """Tile: repeated along each axis."""
    x, times = op.at(0), op.numbers(1) or ()
    if op.opset < 6:  # noqa: PLR2004  (how often, then along which axis)
        axis = on_axis(int((op.numbers(2) or (0,))[0]), len(x.dims))
        times = tuple(times[0] if place == axis else 1 for place in range(len(x.dims)))
    if len(times) != len(x.dims):
        raise Refusal(f"it repeats {len(times)} axes of {len(x.dims)}")
    return [expanded(op, x, tuple(size * int(n) for size, n in zip(x.dims, times, strict=True)))]


def _taken(op: NodeContext, x: Value, axis: int, size: int, **fields: Any) -> Value:
    """Write a part of what is along an axis; all of it needs no layer."""
    if size == x.dims[axis]:
        return x
    if size == 0:
        return empty(*x.dims[:axis], 0, *x.dims[axis + 1 :])
    if axis == x.batch_axis:
        raise Refusal("it takes more than there is")
    place = x.inner_axis(axis)
    if place == op.channel_axis(x) and fields:
        return op.row("Slice", x, **fields)
    return op.row("Take", x, axis=place - len(x.inner), size=size)


def slice_parts(op: NodeContext, dims: Dims) -> list[range]:
    """Return the places that a Slice takes along each axis."""
    starts, ends = op.integers_at("starts", 1) or (), op.integers_at("ends", 2) or ()
    axes = op.integers_at("axes", 3) or tuple(range(len(starts)))
    steps = (op.integers_at("steps", 4) if op.get(4) else None) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise Refusal("starts, ends, axes and steps differ in number")
    if 0 in steps:
        raise Refusal("a step is 0")
    parts = [range(size) for size in dims]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = on_axis(axis, len(dims))
        parts[place] = parts[place][start : end if end > -(2**62) else None : step]
    return parts


def slice_(op: NodeContext) -> list[Value]:
    """Slice: from one place to before another, along some axes."""
    x = op.at(0)
    if not x.elements:
        return [empty(*map(len, slice_parts(op, x.dims)))]
    for axis, part in enumerate(slice_parts(op, x.dims)):
        x = _taken(op, x, axis, len(part), **({"start": part.start, "stop": part.stop} if part.step == 1 else {}))
    return [x]


def split(op: NodeContext) -> list[Value]:
    """Split: shares along an axis, equal or not."""
    x = op.at(0)
    axis = op.axis(len(x.dims), 0)
    whole, ways = x.dims[axis], op.integer("num_outputs", len(op.node.outputs))
    if ways != len(op.node.outputs):
        raise Refusal(f"num_outputs is {ways}, and it has {len(op.node.outputs)} outputs")
    share = -(-whole // max(ways, 1))
    sizes = op.integers_at("split", 1) or (*(share for _ in range(ways - 1)), whole - share * (ways - 1))
    if sum(sizes) != whole:
        raise Refusal(f"shares of {[*sizes]} do not make {whole}")
    if not x.elements:
        return [empty(*x.dims[:axis], size, *x.dims[axis + 1 :]) for size in sizes]
    in_channels = axis != x.batch_axis and x.inner_axis(axis) == op.channel_axis(x)
    if len({*sizes}) == 1 and len(sizes) > 1 and in_channels:
        return shares(op, x, len(sizes))
    starts = accumulate(sizes, initial=0)
    return [_taken(op, x, axis, n, start=start, stop=start + n) for start, n in zip(starts, sizes, strict=False)]


def shares(op: NodeContext, x: Value, count: int) -> list[Value]:
    """Write equal shares of the channels."""
    return [op.row("Split", x, sections=count, index=n) for n in range(count)]


def gather(op: NodeContext) -> list[Value]:
    """Gather: rows of a table, or some places along an axis."""
    x, which, axis = op.at(0), op.at(1), op.axis(len(op.at(0).dims), 0)
    dims = (*x.dims[:axis], *which.dims, *x.dims[axis + 1 :])
    if x.static and not which.static:
        return [_embedded(op, x, which, axis, dims)]
    if any(not -x.dims[axis] <= place < x.dims[axis] for place in which.data or ()):
        raise Refusal(f"it takes a place outside of {x.dims[axis]}")
    if not which.static or len(which.dims) > 1:
        return [op.sized(*dims)]
    if which.dims in {(), (1,)}:
        one = _single(op, x, axis)
        return [one if not which.dims else reshaped(op, one, dims)]
    return [_taken(op, x, axis, which.elements)]


def _embedded(op: NodeContext, table: Value, ids: Value, axis: int, dims: Dims) -> Value:
    """Write a table in which ids are looked up."""
    if len(table.dims) != 2 or axis:  # noqa: PLR2004  (rows and columns)
        parameter(op, table)
        return op.sized(*dims)
    rows, size = table.dims
    return op.row("Embedding", ids, num_embeddings=rows, embedding_dim=size, params={"embedding": table})


def _single(op: NodeContext, x: Value, axis: int) -> Value:
    """Write one place along an axis; the axis goes."""
    dims = (*x.dims[:axis], *x.dims[axis + 1 :])
    if axis == x.batch_axis:
        return x._replace(dims=dims, batch_axis=None)
    if x.dims[axis] == 1:
        return reshaped(op, x, dims)
    batch_axis = None if x.batch_axis is None else x.batch_axis - (axis < x.batch_axis)
    place, channels, last = x.inner_axis(axis), op.channel_axis(x), len(x.inner) - 1
    if channels == last and place == channels - 1:
        return op.row("SelectToken", x, batch_axis=batch_axis)
    return op.row("Take", x, batch_axis=batch_axis, axis=place - len(x.inner), keepdim=False)._replace(dims=dims)


def concat(op: NodeContext) -> list[Value]:
    """Concat: one tensor after the other."""
    first, rank = op.active[0], len(op.active[0].dims)
    axis = op.axis(rank, 1)
    inputs = [value for value in op.present if len(value.dims) == rank and value.dims[axis]]
    if len({(*value.dims[:axis], *value.dims[axis + 1 :]) for value in inputs}) > 1:
        raise Refusal("its inputs differ in more than one axis")
    if len(inputs) == 1:
        return [inputs[0]]
    if token := _class_token(op, inputs, axis):
        return [token]
    batch_axis = first.batch_axis if first.batch_axis != axis else None
    wide = first._replace(batch_axis=batch_axis)
    channels = op.channel_axis(first) if wide.inner == first.inner else len(wide.inner) - 1
    placed = [_for_each(op, value, first, batch_axis) if value.static else value for value in inputs]
    parts = [op.draft.as_layout(value, batch_axis, channels) for value in placed]
    place = parts[0].inner_axis(axis)
    if place == channels:
        return [op.row("Concat", *parts)]
    return [op.row("Join", *parts, axis=place - len(parts[0].inner))]


def _for_each(op: NodeContext, value: Value, source: Value, batch_axis: int | None) -> Value:
    """Write a constant as a layer that is there for each of a batch, as another layer is."""
    kept = parameter(op, value, batch_axis, len(value.dims))
    return op.operation(kept, source, kept)


def _class_token(op: NodeContext, inputs: Sequence[Value], axis: int) -> Value | None:
    """Write learned tokens before others, if that is what is concatenated."""
    first, *others = inputs
    if len(others) != 1 or not first.static or others[0].static or others[0].batch_axis == axis:
        return None
    x, count = others[0], first.dims[axis]
    channels = op.channel_axis(x)
    along_tokens = channels == len(x.inner) - 1 and x.inner_axis(axis) == channels - 1
    if not first.initializers or not along_tokens or first.elements != count * x.inner[-1]:
        return None
    return op.row("ClassToken", x, num_tokens=count, params={"token": first})


def pad(op: NodeContext) -> list[Value]:
    """Pad: a border around some axes."""
    x = op.at(0)
    pads = op.integers_at("pads" if "pads" in op.node.attributes else "paddings", 1) or ()
    rank = len(x.dims)
    axes = [on_axis(int(axis), rank) for axis in op.numbers(3) or ()] or [*range(rank)]
    if len(pads) != 2 * len(axes):
        raise Refusal(f"pads has {len(pads)} numbers for {len(axes)} axes")
    pairs = {axis: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    return [_bordered(op, x, {axis: pair for axis, pair in pairs.items() if any(pair)})]


def _bordered(op: NodeContext, x: Value, pairs: Mapping[int, tuple[int, int]]) -> Value:
    """Write a border: a Pad if it is around space alone, else what is cut off and what is added."""
    dims = checked(Value(tuple(size + sum(pairs.get(axis, (0,))) for axis, size in enumerate(x.dims)))).dims
    axis = op.channel_axis(x)
    if not pairs:
        return x
    if all(place != x.batch_axis and x.inner_axis(place) > axis and min(pair) >= 0 for place, pair in pairs.items()):
        inner = {x.inner_axis(place): pair for place, pair in pairs.items()}
        return op.row("Pad", x, padding=tuple(inner.get(place, (0, 0)) for place in range(axis + 1, len(x.inner))))
    for place, size in enumerate(dims):
        x = _taken(op, x, place, min(size, x.dims[place]))
    return expanded(op, x, dims)


def like(op: NodeContext, index: int = 0) -> list[Value]:
    """Write an operator whose output has the sizes of an input."""
    x = op.at(index)
    return [op.sized(*x.dims) if x.static else op.operation(x, channel_axis=op.channel_axis(x))]


def _one_hot(op: NodeContext) -> Dims:
    """Return the sizes with an additional axis, as long as there are classes."""
    x, depth = op.at(0), op.numbers(1) or (1,)
    axis = op.axis(len(x.dims) + 1, -1)
    return (*x.dims[:axis], int(depth[0]), *x.dims[axis:])


def top_k(op: NodeContext) -> list[Value]:
    """TopK: the largest along an axis, and their places."""
    x = op.at(0)
    count = op.attribute("k") or int((op.numbers(1) or (1,))[0])
    axis = op.axis(len(x.dims), -1)
    return [op.sized(*x.dims[:axis], count, *x.dims[axis + 1 :])] * 2


def _cropped(op: NodeContext) -> Dims:
    """Return the space that a Crop leaves: a size, or what is inside of the borders left, above, right and below."""
    left, above, right, below = op.integers("border") or (0,) * 4
    height, width = op.at(0).dims[2:]
    return op.integers("scale") or (height - above - below, width - left - right)


def _center_cropped(op: NodeContext) -> Dims:
    x, sizes = op.at(0), integers(op.numbers(1) or ())
    axes = (on_axis(axis, len(x.dims)) for axis in op.integers("axes", range(len(x.dims))))
    wanted = dict(zip(axes, sizes, strict=False))
    return tuple(wanted.get(axis, size) for axis, size in enumerate(x.dims))


def _summed_columns(op: NodeContext) -> Dims:
    """Return the sizes of the map that blocks add up to; a column holds the numbers of a block for all channels."""
    x, space, numbers = op.at(0), integers(op.numbers(1) or ()), max(int(prod(op.numbers(2) or ())), 1)
    if len(x.dims) != 3 or x.dims[1] % numbers:  # noqa: PLR2004  (a batch, columns, blocks)
        raise Refusal(f"columns of {[*x.dims]} do not hold whole blocks of {numbers} numbers")
    return (x.dims[0], x.dims[1] // numbers, *space)


def _unpooled(op: NodeContext) -> Dims:
    """Return the sizes of the map that a pool read; each number goes back to where the pool found it."""
    x, sizes, kernel = op.at(0), op.numbers(2), op.integers("kernel_shape")
    if sizes:
        return integers(sizes)
    strides, pads = op.integers("strides", (1,) * len(kernel)), op.integers("pads", (0,) * 2 * len(kernel))
    moves = zip(x.dims[2:], kernel, strides, pads, pads[len(kernel) :], strict=False)
    return (*x.dims[:2], *((n - 1) * s + k - before - after for n, k, s, before, after in moves))


def _spectra(op: NodeContext) -> Dims:
    """Return the sizes of an STFT: frames, frequencies, and the parts of complex numbers."""
    x, window = op.at(0), op.get(2)
    step, length = int((op.numbers(1) or (1,))[0]), window.elements if window else int((op.numbers(3) or (0,))[0])
    if not 0 < length <= x.dims[1] or step < 1:
        raise Refusal(f"frames of {length} every {step} do not fit {x.dims[1]} samples")
    return x.dims[0], 1 + (x.dims[1] - length) // step, length // 2 + 1 if op.integer("onesided", 1) else length, 2


def _spectrum(op: NodeContext) -> Dims:
    """Return the sizes of a DFT: as long as its input or as it says, half of it if the rest mirrors it."""
    x, rank = op.at(0), len(op.at(0).dims)
    place = op.numbers(2)
    axis = on_axis(int(place[0]), rank) if place else op.axis(rank, 1 if op.opset < 20 else -2)  # noqa: PLR2004
    length, is_half = int((op.numbers(1) or (0,))[0]), op.integer("onesided", 0)
    inverse = is_half and op.integer("inverse", 0)
    size = length or (2 * (x.dims[axis] - 1) if inverse else x.dims[axis])
    size = size // 2 + 1 if is_half and not inverse else size
    return (*x.dims[:axis], size, *x.dims[axis + 1 : -1], 1 if inverse else 2)


def _grid(op: NodeContext) -> Dims:
    """Return the sizes of the grid of an AffineGrid: the places in the input of each place of a map."""
    batch, _, *space = integers(op.numbers(1) or ())
    return (batch, *space, len(space))


def _data_dependent(op: NodeContext) -> list[Value]:
    raise UnknownSize(f"how much {op.node.op} finds depends on the values of its input")


def loss(op: NodeContext) -> list[Value]:
    """Losses: one number, or one for each place; then the logarithms of probabilities."""
    x = op.at(0)
    dims = (x.dims[0], *x.dims[2:]) if op.attribute("reduction", "mean") == "none" else ()
    return [op.sized(*dims), *op.further(x.dims)]


OPERATORS: Mapping[str, Writer] = {
    **{write.__name__.capitalize(): write for write in (reshape, flatten, squeeze, unsqueeze, transpose)},
    **{write.__name__.capitalize(): write for write in (tile, split, gather, concat, pad)},
    "Expand": lambda op: [expanded(op, op.at(0), broadcast(op.at(0).dims, integers(op.numbers(1) or ())))],
    "Slice": slice_,
    **dict.fromkeys(("CumSum", "CumProd", "Trilu", "ReverseSequence", "TensorScatter", "ScatterND", "Scatter"), like),
    **dict.fromkeys(("Affine", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh"), like),
    "Crop": lambda op: [op.sized(*op.at(0).dims[:2], *_cropped(op))],
    **dict.fromkeys(("ScatterElements", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"), like),
    "GatherElements": lambda op: like(op, 1),
    "GatherND": lambda op: [
        op.sized(*op.at(1).dims[:-1], *op.at(0).dims[op.integer("batch_dims", 0) + op.at(1).dims[-1] :])
    ],
    "GridSample": lambda op: [op.sized(*op.at(0).dims[:2], *op.at(1).dims[1:-1])],
    "RoiAlign": lambda op: [
        op.sized(op.at(1).dims[0], op.at(0).dims[1], *(op.integer(f"output_{key}", 1) for key in ("height", "width")))
    ],
    "CenterCropPad": lambda op: [op.sized(*_center_cropped(op))],
    "Col2Im": lambda op: [op.sized(*_summed_columns(op))],
    "MaxUnpool": lambda op: [op.sized(*_unpooled(op))],
    "STFT": lambda op: [op.sized(*_spectra(op))],
    "DFT": lambda op: [op.sized(*_spectrum(op))],
    "AffineGrid": lambda op: [op.sized(*_grid(op))],
    **dict.fromkeys(
        ("HannWindow", "HammingWindow", "BlackmanWindow"), lambda op: [op.sized(*integers(op.numbers(0) or ()))]
    ),
    "MelWeightMatrix": lambda op: [op.sized(int((op.numbers(1) or (0,))[0]) // 2 + 1, int((op.numbers(0) or (0,))[0]))],
    "Multinomial": lambda op: [op.sized(op.at(0).dims[0], op.integer("sample_size", 1))],
    "Det": lambda op: [op.sized(*op.at(0).dims[:-2])],
    "MaxRoiPool": lambda op: [op.sized(op.at(1).dims[0], op.at(0).dims[1], *op.integers("pooled_shape"))],
    **dict.fromkeys(("NonMaxSuppression", "Unique", "Compress"), _data_dependent),
    **dict.fromkeys(("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"), loss),
    "OneHot": lambda op: [op.sized(*_one_hot(op))],
    "TopK": top_k,
}
"""Operators by the function that writes their layers."""
