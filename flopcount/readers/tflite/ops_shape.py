"""Operators that multiply nothing: they move, join, take and look up elements, or make tensors of a size."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any

from flopcount.errors import Refusal
from flopcount.formulas.shape import render
from flopcount.readers.base import UnknownSize
from flopcount.readers.tflite.op import (
    LEAST_MAP,
    Dims,
    OperatorOp,
    TensorValue,
    Writer,
    broadcast,
    checked,
)
from flopcount.readers.tflite.ops_conv import looked_up


def inferred(sizes: Iterable[int], elements: int, what: str = "its new shape") -> Dims:
    """Return sizes of which one may be open, -1; a Refusal if they are not those of so many elements."""
    found = tuple(map(int, sizes))
    rest = prod(size for size in found if size != -1)
    if found.count(-1) == 1 and rest and elements % rest == 0:
        found = tuple(elements // rest if size == -1 else size for size in found)
    if prod(found) != elements or min(found, default=1) < 0:
        text = "×".join(map(str, found))
        raise Refusal(f"{elements} elements cannot be reshaped to {text}, {what} in the file")
    return found


def reshape(op: OperatorOp) -> list[TensorValue | None]:
    """RESHAPE: to sizes in an input or in an option."""
    x, sizes = op.at(0), op.optional(1)
    wanted = op.data(1) if sizes is not None else op.numbers("new_shape")
    return [op.reshaped(x, inferred(wanted, x.elements))]


def squeezed(op: OperatorOp) -> Dims:
    """Return sizes without the axes that are named, or without all of one."""
    x = op.at(0)
    axes = {op.axis(axis, len(x.dims)) for axis in op.numbers("squeeze_dims")}
    if any(x.dims[axis] != 1 for axis in axes):
        raise op.problem(f"it drops axes {sorted(axes)} of {render(x.dims)}, which are not all 1")
    return tuple(size for axis, size in enumerate(x.dims) if (axis not in axes if axes else size != 1))


def with_axis(op: OperatorOp) -> Dims:
    """Return sizes with an axis of one more."""
    x = op.at(0)
    axis = op.axis(op.data(1)[0], len(x.dims) + 1)
    return (*x.dims[:axis], 1, *x.dims[axis:])


def transpose(op: OperatorOp) -> list[TensorValue | None]:
    """TRANSPOSE: the axes in another order."""
    x = op.at(0)
    order = op.data(1, length=len(x.dims))
    if sorted(order) != [*range(len(x.dims))]:
        raise op.problem(f"its order {[*order]} does not name each axis once")
    dims, is_map = tuple(x.dims[axis] for axis in order), op.wants_map() and len(x.dims) >= LEAST_MAP
    wanted = TensorValue(dims, is_map=is_map)
    if x.place(0) is None and order[0] != 0 and len(dims) > 1:  # the batch moves, which has no axis here
        kept, moved = (
            [axis for axis in x.order if x.dims[axis] > 1],
            [order[axis] for axis in wanted.order if dims[axis] > 1],
        )
        return [op.reshaped(x, dims) if kept == moved else op.operation(dims)]
    axes = [order[axis] for axis in wanted.order]
    places = [place for axis in axes if (place := x.place(axis)) is not None]
    if len(places) != len(x.order) or len(axes) != len(places):
        return [op.operation(dims)]
    channel = (int(dims[0] != 1) if is_map else len(axes) - 1) - len(axes)
    return [op.row("Permute", x, dims=dims, is_map=is_map, order=places, channel_axis=channel)]


def joined(op: OperatorOp) -> list[TensorValue | None]:
    """CONCATENATION: one tensor after the other along an axis."""
    xs = [value for value in op.present if value.elements]
    rank = len(xs[0].dims)
    axis = op.axis(op.number("axis", 0), rank)
    others = {(*value.dims[:axis], *value.dims[axis + 1 :]) for value in xs}
    if len(others) != 1 or any(len(value.dims) != rank for value in xs):
        raise op.problem(f"tensors of {' and '.join(render(value.dims) for value in xs[:3])} cannot be joined")
    dims = checked((*xs[0].dims[:axis], sum(value.dims[axis] for value in xs), *xs[0].dims[axis + 1 :]))
    is_map = rank >= LEAST_MAP and (op.wants_map() or any(value.is_map for value in xs))
    if any(value.static and not value.is_trained for value in xs):
        return [op.activated(op.operation(dims))]
    placed = [_placed(op, value, is_map=is_map) for value in xs]
    place = placed[0].place(axis)
    if len(placed) == 1:
        return [op.activated(op.row("Identity", *placed, dims=dims))]
    if place is None or len({len(value.order) for value in placed}) > 1:
        return [op.operation(dims, xs=placed)]
    fields: dict[str, Any] = {} if axis == rank - 1 else {"axis": place}
    return [op.activated(op.row("Join" if fields else "Concat", *placed, dims=dims, is_map=is_map, **fields))]


def _placed(op: OperatorOp, value: TensorValue, *, is_map: bool) -> TensorValue:
    if value.static:
        return op.parameter(value, value.dims, is_map=is_map)
    return op.map(value) if is_map else op.last(value)


def taken(
    op: OperatorOp, x: TensorValue, dims: Iterable[int], tail: str = "", start: int | None = None
) -> TensorValue | None:
    """Write a part of a tensor that is smaller along one axis, or lacks it; None if several axes differ."""
    dims = checked(dims)
    if len(dims) < len(x.dims):
        gone = next((axis for axis in range(len(x.dims)) if (*x.dims[:axis], *x.dims[axis + 1 :]) == dims), None)
        if (
            gone is None
            or x.place(gone) is None
            or (x.is_map and (gone in {0, len(x.dims) - 1} or len(dims) < LEAST_MAP))
        ):
            return None
        return op.row("Take", x, dims=dims, tail=tail, axis=x.place(gone), keepdim=False)
    axes = [axis for axis, size in enumerate(dims) if size != x.dims[axis]]
    if not axes:
        return op.row("Identity", x, dims=dims, tail=tail)
    if len(axes) > 1:
        return None
    if axes == [len(x.dims) - 1] and start is not None:
        x = x if x.is_map else op.last(x)
        return op.row("Slice", x, dims=dims, tail=tail, start=start, stop=start + dims[-1])
    return op.row("Take", x, dims=dims, tail=tail, axis=x.place(axes[0]), size=dims[axes[0]])


def part(op: OperatorOp, dims: Iterable[int], starts: Dims = ()) -> TensorValue:
    """Write a part of a tensor: along one axis, out of space, or whatever else."""
    x, dims = op.at(0), checked(dims)
    if x.static:
        return op.operation(dims)
    y = taken(op, x, dims, start=starts[-1] if starts else None)
    if y is not None:
        return y
    inside = len(dims) == len(x.dims) and x.is_map and (dims[0], dims[-1]) == (x.dims[0], x.dims[-1])
    if inside and starts:
        cut = [(first, have - size - first) for first, have, size in zip(starts, x.dims, dims, strict=True)][1:-1]
        if min(map(min, cut)) >= 0:
            return op.row("Crop", x, dims=dims, cropping=tuple(cut))
    return op.operation(dims)


def slice_(op: OperatorOp) -> list[TensorValue | None]:
    """SLICE: from a place, so many elements along each axis."""
    x, sizes = op.at(0), op.data(2, length=len(op.at(0).dims))
    starts = tuple(map(int, op.at(1).data or ()))
    if -1 in sizes and not starts:
        raise UnknownSize("the size of its output depends on the values of its input")
    begins = starts or (0,) * len(sizes)
    if len(begins) != len(sizes) or any(
        not 0 <= first <= first + max(size, 0) <= have for have, first, size in zip(x.dims, begins, sizes, strict=True)
    ):
        raise op.problem(f"it takes {render(sizes)} from {[*starts]} of {render(x.dims)}")
    dims = tuple(have - first if size == -1 else size for have, first, size in zip(x.dims, begins, sizes, strict=True))
    return [part(op, dims, starts) if all(dims) else TensorValue(dims, data=())]


def strided(op: OperatorOp) -> list[range | int | None]:
    """Return what a STRIDED_SLICE takes along each axis: places, one of them without its axis, None for a new axis."""
    x = op.at(0)
    begin, end, step = (op.data(place) for place in (1, 2, 3))
    if not len(begin) == len(end) == len(step) or 0 in step:
        raise op.problem("its begins, ends and strides differ in number, or a stride is 0")
    masks = {name: op.number(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    bits = {name: [mask >> place & 1 for place in range(len(begin))] for name, mask in masks.items()}
    news = sum(new and not dots for new, dots in zip(bits["new_axis"], bits["ellipsis"], strict=True))
    skipped, found, axis = len(x.dims) - (len(begin) - news - sum(bits["ellipsis"])), list[range | int | None](), 0
    if skipped < 0 or sum(bits["ellipsis"]) > 1:
        raise op.problem(f"it slices {len(begin) - news} axes of {render(x.dims)}")
    for place in range(len(begin)):
        if bits["ellipsis"][place]:
            found += [range(size) for size in x.dims[axis : axis + skipped]]
            axis += skipped
            continue
        if bits["new_axis"][place]:
            found.append(None)
            continue
        size, first = x.dims[axis], begin[place]
        last = first + end[place] if op.flag("offset", default=False) else end[place]
        if bits["shrink_axis"][place]:
            if not -size <= first < size:
                raise op.problem(f"it takes place {first} of {size}")
            found.append(first % size)
        else:
            window = slice(None if bits["begin"][place] else first, None if bits["end"][place] else last, step[place])
            found.append(range(*window.indices(size)))
        axis += 1
    return found + [range(size) for size in x.dims[axis:]]


def strided_slice(op: OperatorOp) -> list[TensorValue | None]:
    """STRIDED_SLICE: some places along each axis; an axis may go, or be new."""
    x = op.at(0)
    if any(op.at(place).data is None for place in (1, 2, 3)):
        return [op.operation(op.recorded())]
    found = strided(op)
    dims = tuple(1 if each is None else len(each) for each in found if not isinstance(each, int))
    if 0 in dims:
        return [TensorValue(dims, data=())]
    if None in found:
        return [op.reshaped(x, dims) if prod(dims) == x.elements else op.operation(dims)]
    ranges = [each for each in found if isinstance(each, range)]
    plain = len(ranges) == len(x.dims) and all(each.step == 1 for each in ranges)
    if prod(dims) == x.elements and len(dims) != len(x.dims):
        return [op.reshaped(x, dims)]
    return [part(op, dims, tuple(each.start for each in ranges) if plain else ())]


def split(op: OperatorOp, at: int, axis_at: int) -> list[TensorValue | None]:
    """SPLIT and SPLIT_V: shares along an axis, equal or not."""
    x, count = op.at(at), len(op.outputs)
    axis = op.axis(op.data(axis_at)[0], len(x.dims))
    size = x.dims[axis]
    sizes = (*op.data(1),) if at == 0 else (size // max(count, 1),) * count
    if sizes.count(-1) == 1:
        sizes = tuple(size - sum(sizes) - 1 if each == -1 else each for each in sizes)
    if len(sizes) != count or sum(sizes) != size:
        raise op.problem(f"shares of {[*sizes][:9]} do not make {size}")
    shares = [(*x.dims[:axis], each, *x.dims[axis + 1 :]) for each in sizes]
    starts = accumulate(sizes, initial=0)
    return [
        taken(op, x, dims, f"part{number}", start) or op.operation(dims, place=number - 1, xs=[x])
        for number, (dims, start) in enumerate(zip(shares, starts, strict=False), 1)
    ]


def unpack(op: OperatorOp) -> list[TensorValue | None]:
    """UNPACK: each place along an axis, without the axis."""
    x = op.at(0)
    axis = op.axis(op.number("axis", 0), len(x.dims))
    if x.dims[axis] != len(op.outputs):
        raise op.problem(f"it has {len(op.outputs)} outputs for {x.dims[axis]} places")
    dims = (*x.dims[:axis], *x.dims[axis + 1 :])
    if x.dims[axis] == 1:
        return [op.reshaped(x, dims)]
    return [taken(op, x, dims, f"part{n + 1}") or op.operation(dims, place=n, xs=[x]) for n in range(len(op.outputs))]


def gather(op: OperatorOp) -> list[TensorValue | None]:
    """GATHER: rows of a table, or some places along an axis."""
    x, ids, batch = op.at(0), op.at(1), op.number("batch_dims", 0)
    axis = op.axis(op.number("axis", 0), len(x.dims))
    batch = batch + len(ids.dims) if batch < 0 else batch
    if not 0 <= batch <= min(axis, len(ids.dims)):
        raise op.problem(f"batch_dims = {batch} does not fit its inputs")
    dims = (*x.dims[:axis], *ids.dims[batch:], *x.dims[axis + 1 :])
    if x.static and not ids.static and len(x.dims) == 2 and axis == batch == 0 and x.is_trained:  # noqa: PLR2004
        return [looked_up(op, ids, x)]
    if x.static and x.is_trained:
        return [op.operation(dims, xs=[op.parameter(x, x.dims, is_map=False), *op.active])]
    if ids.static and len(ids.dims) < 2 and not x.static:  # noqa: PLR2004  (places along one axis)
        return [part(op, dims)]
    return [op.operation(dims)]


def pad(op: OperatorOp) -> list[TensorValue | None]:
    """PAD, PADV2 and MIRROR_PAD: a border around some axes."""
    x = op.at(0)
    numbers = op.data(1, length=2 * len(x.dims))
    pairs = [*zip(numbers[::2], numbers[1::2], strict=True)]
    if min(numbers, default=0) < 0:
        raise op.problem(f"its padding {pairs} is negative")
    dims = checked(size + sum(pair) for size, pair in zip(x.dims, pairs, strict=True))
    rank = len(dims)
    if rank >= LEAST_MAP and not any((*pairs[0], *pairs[-1])) and (op.wants_map() or x.is_map):
        return [op.row("Pad", op.map(x), dims=dims, padding=tuple(pairs[1:-1]))]
    return [op.reshaped(x, dims, kind="Expand")]


def resize(op: OperatorOp, mode: str) -> list[TensorValue | None]:
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: to a size."""
    x = op.map(op.at(0))
    size = op.data(1, length=2)
    return [op.row("Interpolate", x, dims=(x.dims[0], *checked(size), x.dims[-1]), size=size, mode=mode)]


def shuffle(op: OperatorOp, kind: str, field: str) -> list[TensorValue | None]:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH: blocks of channels become space, or the other way."""
    fields: dict[str, Any] = {field: op.number("block_size", 1)}
    return [op.row(kind, op.map(op.at(0)), **fields)]


def blocks(op: OperatorOp, *, joins: bool) -> Dims:
    """Return the sizes after blocks of space go into the batch, or come out of it."""
    x = op.at(0)
    sizes = op.data(1)
    pairs = op.data(2, length=2 * len(sizes))
    space, count = x.dims[1 : 1 + len(sizes)], max(prod(sizes), 1)
    sums = [sum(pairs[2 * place : 2 * place + 2]) for place in range(len(sizes))]
    if min(sizes, default=1) < 1 or len(space) != len(sizes):
        raise op.problem(f"blocks of {[*sizes]} do not fit {render(x.dims)}")
    if joins:
        if x.dims[0] % count:
            raise op.problem(f"a batch of {x.dims[0]} is not made of {count} blocks")
        grown = [size * block - cut for size, block, cut in zip(space, sizes, sums, strict=True)]
        return (x.dims[0] // count, *grown, *x.dims[1 + len(sizes) :])
    whole = [size + more for size, more in zip(space, sums, strict=True)]
    if any(size % block for size, block in zip(whole, sizes, strict=True)):
        raise op.problem(f"a padded map of {[*whole]} does not divide into blocks of {[*sizes]}")
    return (
        x.dims[0] * count,
        *(size // block for size, block in zip(whole, sizes, strict=True)),
        *x.dims[1 + len(sizes) :],
    )


def tiled(op: OperatorOp) -> Dims:
    """Return sizes, each as often as the second input says."""
    x = op.at(0)
    return tuple(size * times for size, times in zip(x.dims, op.data(1, length=len(x.dims)), strict=True))


def one_hot(op: OperatorOp) -> Dims:
    """Return sizes with another axis, as long as there are classes."""
    x = op.at(0)
    axis = op.axis(op.number("axis", -1), len(x.dims) + 1)
    return (*x.dims[:axis], *op.data(1, length=1), *x.dims[axis:])


def packed(op: OperatorOp) -> Dims:
    """Return sizes with another axis, as long as there are tensors."""
    first = op.at(0)
    if any(value.dims != first.dims for value in op.present):
        raise op.problem("it packs tensors of different sizes")
    axis = op.axis(op.number("axis", 0), len(first.dims) + 1)
    return (*first.dims[:axis], len(op.present), *first.dims[axis:])


def gathered(op: OperatorOp) -> Dims:
    """Return the sizes of what GATHER_ND takes: a part for each tuple of indices."""
    x, ids = op.at(0), op.at(1)
    if not ids.dims or ids.dims[-1] > len(x.dims):
        raise op.problem(f"indices of {render(ids.dims)} do not fit {render(x.dims)}")
    return (*ids.dims[:-1], *x.dims[ids.dims[-1] :])


def spectrum(op: OperatorOp) -> Dims:
    """Return the sizes of an RFFT2D: half of the last axis, as the rest mirrors it."""
    height, width = op.data(1, length=2)
    return (*op.at(0).dims[:-2], height, width // 2 + 1)


def dilated(op: OperatorOp) -> Dims:
    """Return sizes with gaps between the elements."""
    x = op.at(0)
    return tuple((size - 1) * gap + 1 for size, gap in zip(x.dims, op.data(1, length=len(x.dims)), strict=True))


def like(place: int = 0) -> Callable[[OperatorOp], Dims]:
    """Return the function that returns the sizes of an input."""
    return lambda op: op.at(place).dims


def said(place: int) -> Callable[[OperatorOp], Dims]:
    """Return the function that returns the sizes that the numbers of an input are."""
    return lambda op: op.data(place)


def counted(op: OperatorOp) -> list[TensorValue | None]:
    """RANGE: from one number to before another."""
    first, last, step = (op.at(place).data for place in range(3))
    if not first or not last or not step or not step[0]:
        return [op.operation(op.recorded())]
    return [op.operation((max(-int(-(last[0] - first[0]) // step[0]), 0),))]


def recorded(op: OperatorOp) -> list[TensorValue | None]:
    """Write an operator whose outputs have the sizes that the file says, if they hold at any input."""
    return [op.operation(op.recorded(place), place=place) for place in range(len(op.outputs))]


def top(op: OperatorOp) -> list[TensorValue | None]:
    """TOPK_V2: the largest along the last axis, and their places."""
    dims = (*op.at(0).dims[:-1], *op.data(1, length=1))
    return [op.operation(dims, place=place) for place in range(len(op.outputs))]


def suppressed(op: OperatorOp) -> list[TensorValue | None]:
    """NON_MAX_SUPPRESSION: as many boxes as it may find, their scores, and their number."""
    most = op.data(2)
    sizes: list[Dims] = [most, *([most] if len(op.outputs) > 2 else []), ()]  # noqa: PLR2004  (with scores)
    return [op.operation(dims, place=place) for place, dims in enumerate(sizes[: len(op.outputs)])]


SIZED: Mapping[str, Callable[[OperatorOp], Any]] = {
    **dict.fromkeys(("CUMSUM", "REVERSE_V2", "REVERSE_SEQUENCE", "DYNAMIC_UPDATE_SLICE", "MATRIX_SET_DIAG"), like()),
    **dict.fromkeys(("ZEROS_LIKE", "BUCKETIZE", "CAST", "IMAG", "REAL"), like()),
    "SHAPE": lambda op: (len(op.at(0).dims),),
    "RANK": lambda _: (),
    "PACK": packed,
    "ONE_HOT": one_hot,
    "GATHER_ND": gathered,
    "RFFT2D": spectrum,
    "DILATE": dilated,
    "MATRIX_DIAG": lambda op: (*op.at(0).dims, *op.at(0).dims[-1:]),
    "MULTINOMIAL": lambda op: (op.at(0).dims[0], *op.data(1, length=1)),
    **dict.fromkeys(("FILL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), said(0)),
    "SPARSE_TO_DENSE": said(1),
    "SCATTER_ND": said(2),
    **{
        f"UNSORTED_SEGMENT_{name}": lambda op: (*op.data(2, length=1), *op.at(0).dims[len(op.at(1).dims) :])
        for name in ("PROD", "MAX", "MIN", "SUM")
    },
    "BROADCAST_ARGS": lambda op: (
        max(len(op.at(0).dims) and op.at(0).dims[0], len(op.at(1).dims) and op.at(1).dims[0]),
    ),
    "SPACE_TO_BATCH_ND": partial(blocks, joins=False),
    "BATCH_TO_SPACE_ND": partial(blocks, joins=True),
}
"""Operators without multiplications by the function that gives the sizes of their output."""


def sized(sizes: Callable[[OperatorOp], Any], add: Callable[..., TensorValue]) -> Writer:
    """Return the function that writes an operator of a size."""
    return lambda op: [add(op, sizes(op))]


def viewed(op: OperatorOp, dims: Dims, kind: str = "Reshape") -> TensorValue:
    """Write a reshape or an expansion of the first input."""
    x = op.at(0)
    return op.operation(dims) if x.static else op.reshaped(x, dims, kind=kind)


OPERATORS: Mapping[str, Writer] = {
    **{name: sized(sizes, OperatorOp.operation) for name, sizes in SIZED.items()},
    **{name: sized(sizes, viewed) for name, sizes in (("SQUEEZE", squeezed), ("EXPAND_DIMS", with_axis))},
    "TILE": sized(tiled, partial(viewed, kind="Expand")),
    "BROADCAST_TO": sized(lambda op: broadcast(op.at(0).dims, op.data(1)), partial(viewed, kind="Expand")),
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    "CONCATENATION": joined,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "SPLIT": partial(split, at=1, axis_at=0),
    "SPLIT_V": partial(split, at=0, axis_at=2),
    "UNPACK": unpack,
    "GATHER": gather,
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), pad),
    "RESIZE_BILINEAR": partial(resize, mode="bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": partial(resize, mode="nearest"),
    "DEPTH_TO_SPACE": partial(shuffle, kind="PixelShuffle", field="upscale_factor"),
    "SPACE_TO_DEPTH": partial(shuffle, kind="PixelUnshuffle", field="downscale_factor"),
    "RANGE": counted,
    "TOPK_V2": top,
    **dict.fromkeys(("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"), suppressed),
    **dict.fromkeys(("WHERE", "UNIQUE", "SEGMENT_SUM", "BITCAST", "VAR_HANDLE", "READ_VARIABLE"), recorded),
    **dict.fromkeys(("ASSIGN_VARIABLE", "CALL_ONCE"), lambda _: []),
}
"""Operators by the function that writes their layers."""

ALIKE = frozenset(("CONCATENATION", "PAD", "PADV2", "MIRROR_PAD", "SLICE", "SPLIT", "SPLIT_V", "SPACE_TO_BATCH_ND"))
ALIKE |= {"BATCH_TO_SPACE_ND"}
"""Operators whose inputs are maps if their outputs are."""
