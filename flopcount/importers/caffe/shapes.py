"""The layers of Caffe that put blobs together, take them apart or lay them out anew."""

from itertools import pairwise
from math import prod

from flopcount.importers.caffe.use import Made, Use
from flopcount.importers.rows import whole


def concat(use: Use) -> Made:
    """Write blobs one behind the other."""
    rank = len(use.x.shape.dims)
    axis = use.axis("axis", use.number("concat_dim", 1), rank)
    if len(use.xs) == 1:
        return use.row("Identity", use.x)
    if axis == use.x.shape.channel_axis:
        return use.row("Concat", *use.xs)
    return use.row("Join", *use.xs, axis=axis - rank)


def eltwise(use: Use) -> Made:
    """Write a sum, a product or a maximum."""
    operation = use.options.word("operation", "SUM")
    if operation in {"SUM", "1"}:
        return use.row("Add", *use.xs)
    if operation in {"PROD", "0"}:
        return use.row("Mul", *use.xs)
    return use.row("Elementwise", *use.xs, function="max")


def slices(use: Use) -> Made:
    """Write shares of an axis, of given sizes or equal."""
    rank, count = len(use.x.shape.dims), len(use.layer.words("top"))
    axis = use.axis("axis", use.number("slice_dim", 1), rank)
    full = whole(use.x.shape.dims[axis])
    points = use.numbers("slice_point")
    if not points and (not count or full % count):
        raise use.problem(f"{count} equal shares cannot be made of an axis of size {full}")
    cuts = [0, *points, full] if points else [*range(0, full + 1, full // count)]
    sizes = [after - before for before, after in pairwise(cuts)]
    return [use.row("Take", use.x, tail=f"part{n}", axis=axis - rank, size=size) for n, size in enumerate(sizes, 1)]


def passed(use: Use) -> Made:
    """Hand on what is read, under each name."""
    return [use.x] * max(len(use.layer.words("top")), 1)


def reshape(use: Use) -> Made:
    """Write a reshape; 0 is the size that was there, -1 what is left, and the batch comes first."""
    old = [whole(size) for size in use.x.shape.dims]
    wanted = [int(text) for text in use.options.message("shape").words("dim") if text.lstrip("-").isdecimal()][1:]
    sizes: list[int] = [
        old[place] if size == 0 and place < len(old) else size for place, size in enumerate(wanted)
    ] or [-1]
    known = prod(size for size in sizes if size != -1)
    every = whole(use.x.shape.elements)
    if sizes.count(-1) > 1 or known < 1 or every % known:
        raise use.problem(f"{every} numbers cannot be laid out as {'×'.join(map(str, sizes))}")
    size = [every // known if each == -1 else each for each in sizes]
    return use.row("Reshape", use.x, size=size, axes=len(old), channel_axis=-len(size))


def permute(use: Use) -> Made:
    """Write another order of the axes."""
    order, rank = use.numbers("order"), len(use.x.shape.dims)
    order = [*order, *(axis for axis in range(rank + 1) if axis not in order)]
    if order[0] != 0:
        raise use.problem("does not leave the batch in front; that is not read")
    return use.row("Permute", use.x, order=[axis - 1 - rank for axis in order[1:]], channel_axis=-rank)


def crop(use: Use) -> Made:
    """Write a crop to the size of a second blob, along the axes from a given one on."""
    one, other = use.xs[0].shape, use.xs[-1].shape
    axis = use.axis("axis", 2, len(one.dims))
    size = [*one.dims[:axis], *other.dims[axis:]]
    y = use.x
    for place, (have, want) in enumerate(zip(one.dims, size, strict=True)):
        if whole(have) < whole(want):
            raise use.problem(f"crops an axis of size {have} to {want}")
        if have != want:
            y = use.row(
                "Take", y, tail="" if place == axis else f"axis{place}", axis=place - len(size), size=whole(want)
            )
    return y if y is not use.x else use.row("Identity", use.x)
