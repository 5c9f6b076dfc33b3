"""Keras' changes of shape, and where the channels are seen: none of it computes."""

from collections.abc import Sequence
from math import prod
from typing import Any

from flopcount.readers.keras.context import Tensor, Use, held, order_of, shown
from flopcount.readers.rows import whole


def reshaped(use: Use, x: Tensor, sizes: Sequence[int], tail: str = "") -> Tensor:
    """Lay a tensor out along other axes; a map where there is space, as layers of Keras mostly expect it."""
    rank, copies = len(sizes), min(use.outer, len(sizes) - 1)
    channel = copies if use.channels_first else rank - 1
    y = held(tuple(sizes), channel, copies)
    size = [whole(each) for each in y.dims]
    return use.row("Reshape", x, tail=tail, channel=channel, size=size, axes=x.rank, channel_axis=copies - rank)


def joined(use: Use, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Make one axis of several, the channels, behind the others."""
    others = [size for axis, size in enumerate(x.sizes) if axis not in axes]
    size = [*others, prod(x.sizes[axis] for axis in axes)]
    return use.row("Reshape", x, tail="joined", channel=len(size) - 1, size=size, axes=x.rank)


def target(use: Use, x: Tensor, wanted: Any) -> list[int]:
    """Return the sizes a reshape leaves: one of them may be open, -1."""
    if not isinstance(wanted, list | tuple):
        wanted = [wanted]
    sizes = [use.checked("target_shape", -1 if each is None else each) for each in wanted] or [1]
    known, there = prod(size for size in sizes if size != -1), prod(x.sizes[use.outer :])
    if sizes.count(-1) > 1 or (-1 in sizes and (known < 1 or there % known)):
        raise use.problem(f"{shown(x)} cannot be laid out as {'×'.join(map(str, sizes))}")
    return [*x.sizes[: use.outer], *(there // known if size == -1 else size for size in sizes)]


def reshape(use: Use) -> Tensor:
    """Write a reshape."""
    return reshaped(use, use.x, target(use, use.x, use.given("target_shape")))


def flatten(use: Use) -> Tensor:
    """Write a flattening of all axes but the batch."""
    x = use.x
    copies = min(use.outer, x.rank - 1)
    return use.row("Flatten", use.viewed(x, max(x.channel, copies), copies), channel=copies)


def permute(use: Use) -> Tensor:
    """Write another order of the axes, which Keras counts from 1."""
    dims, count = use.given("dims"), use.x.rank - use.outer
    if not isinstance(dims, list) or sorted(str(each) for each in dims) != sorted(map(str, range(1, count + 1))):
        raise use.problem(f"dims does not name each of the {count} axes once")
    return turned(use, use.x, [*range(use.outer), *(each - 1 + use.outer for each in dims)])


def turned(use: Use, x: Tensor, order: Sequence[int], tail: str = "") -> Tensor:
    """Put the axes into another order; the last one becomes the channels, space behind them as a map has it."""
    copies = min(use.outer, x.rank - 1)
    before, channel = order_of(x.channel, x.copies, x.rank), copies if use.channels_first else x.rank - 1
    here = [before.index(order[axis]) - x.rank for axis in order_of(channel, copies, x.rank)]
    return use.row("Permute", x, tail=tail, channel=channel, order=here, channel_axis=copies - x.rank)


def repeat_vector(use: Use) -> Tensor:
    """Write the repetition of a vector along a new first axis."""
    x = use.vectors(use.x)
    return use.row("Expand", x, size=[use.number("n"), x.sizes[-1]], axes=1, channel=x.rank)


def passed(use: Use) -> Tensor:
    """Write what does nothing once the training is over."""
    return use.row("Identity", use.x)


def dropout(use: Use) -> Tensor:
    """Write a dropout, which does nothing once the training is over."""
    rate = use.given("rate", 0.5)
    return use.row("Dropout", use.x, p=float(rate) if isinstance(rate, int) else rate)


def stochastic_depth(use: Use) -> Tensor:
    """Write the drop of a branch, which does nothing once the training is over."""
    return use.row("StochasticDepth", use.x)


def taken(use: Use, x: Tensor, axis: int, size: int, *, keep: bool, tail: str = "") -> Tensor:
    """Take some of what is along an axis of Keras, or one of it without the axis."""
    if keep or x.rank == 1:
        place = order_of(x.channel, x.copies, x.rank).index(axis) - x.rank
        return use.row("Take", x, tail=tail, axis=place, size=size)
    if axis == x.channel:
        x = use.viewed(x, axis, x.rank - 1)
    place = order_of(x.channel, x.copies, x.rank).index(axis) - x.rank
    channel = x.rank - 2 if axis == x.channel else x.channel - (axis < x.channel)
    return use.row("Take", x, tail=tail, axis=place, keepdim=False, channel=channel)


def center_crop(use: Use) -> Tensor:
    """Write a crop to a given size, or an enlargement where the image is smaller."""
    x = use.mapped(use.x, 2)
    height, width = use.number("height"), use.number("width")
    old = [whole(size) for size in x.shape.spatial]
    if height > old[0] or width > old[1]:
        return use.row("Interpolate", x, size=(height, width), mode="bilinear")
    cut = [have - want for have, want in zip(old, (height, width), strict=True)]
    return use.row("Crop", x, cropping=tuple((each // 2, each - each // 2) for each in cut))
