"""A call of a Keras layer, the feature maps it reads and makes, and changes of shape, which compute nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from flopcount.formulas.numbers import exact_all
from flopcount.formulas.shape import Shape
from flopcount.readers.base import Op, Signal
from flopcount.readers.keras.graph import parts


@dataclass(frozen=True, slots=True)
class FeatureMap(Signal):
    """The output of a node: its shape here, and which of Keras' axes is the channels."""

    channel: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes as Keras orders them, without the batch."""
        others = exact_all((*self.shape.leading, *self.shape.spatial))
        return (*others[: self.channel], self.channels, *others[self.channel :])

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape.dims)

    @property
    def copies(self) -> int:
        """The number of axes before the channels here."""
        return self.shape.channel_axis

    def __str__(self) -> str:
        """Return the sizes as Keras orders them."""
        return "×".join(map(str, self.sizes))


Made = FeatureMap | list[FeatureMap]
"""The outputs of a layer: one or several."""


def shape_of(sizes: Sequence[int], channel: int, copies: int) -> Shape:
    """Return the shape that sizes of Keras have here, with a number of axes before the channels."""
    others = (*sizes[:channel], *sizes[channel + 1 :])
    return Shape((*others[:copies], sizes[channel], *others[copies:]), copies)


def axis_order(channel: int, copies: int, rank: int) -> list[int]:
    """Return the axes of Keras in the order they have here."""
    others = [axis for axis in range(rank) if axis != channel]
    return [*others[:copies], channel, *others[copies:]]


@dataclass(slots=True)
class CallOp(Op):
    """A call of a layer: its configuration, and its arguments with feature maps among them.

    The layer is applied to each place of the `outer` axes. Nodes of a `bare` one are in a block with
    the layer's name. `wrapped` adds the layer inside, if there is one.
    """

    config: Mapping[str, Any]
    args: tuple[Any, ...]
    keywords: Mapping[str, Any]
    outer: int = field(default=0, kw_only=True)
    bare: bool = field(default=False, kw_only=True)
    wrapped: "Writer | None" = field(default=None, kw_only=True)

    def having(self, **changes: Any) -> "CallOp":
        """Return the call with something changed."""
        return replace(self, **changes)

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return self.origin.kind

    @property
    def space(self) -> int:
        """The number of spatial axes, which the layer's class names: Conv2D."""
        return next((int(char) for char in self.kind if char.isdigit()), 1)

    @property
    def xs(self) -> list[FeatureMap]:
        """The feature maps among the arguments, or among the keywords if no argument is one."""
        return [*parts(self.args, FeatureMap)] or [*parts(self.keywords, FeatureMap)]

    @property
    def operands(self) -> list[FeatureMap]:
        """The feature maps among the arguments, then those among the keywords."""
        return [*parts([self.args, self.keywords], FeatureMap)]

    @property
    def x(self) -> FeatureMap:
        """The first feature map."""
        for x in self.xs:
            return x
        raise self.problem("it has no inputs; the file is damaged")

    def pair(self) -> list[FeatureMap]:
        """Return the inputs of a layer that takes two."""
        if len(self.xs) != 2:  # noqa: PLR2004  (a pair)
            raise self.problem(f"it has {len(self.xs)} inputs; it takes two")
        return self.xs

    def grouped(self, write: Callable[..., Made], *xs: FeatureMap) -> Made:
        """Add what takes several nodes as a block with the layer's name; several outputs need no block."""
        start, block = len(self.builder.nodes), self.builder.block(self.name, xs)
        y = write(self.having(builder=block, bare=True), *xs)
        if not isinstance(y, FeatureMap):
            del self.builder.nodes[start:]
            return write(self, *xs)
        if len(self.builder.nodes) == start + 1:
            return replace(y, path=self.builder.adopt(block))
        self.builder.close(block)
        return y

    def inside(self, op: "CallOp") -> Made:
        """Add the layer inside this one, which is a wrapper."""
        if self.wrapped is None:
            raise self.problem("it has no layer inside; the file is damaged")
        return self.wrapped(op)

    def row(  # type: ignore[override]  # it reads feature maps only
        self, kind: str, *xs: FeatureMap, tail: str = "", channel: int | None = None, **fields: Any
    ) -> FeatureMap:
        """Add a node; without a tail it has the name of the layer."""
        name = (tail or kind.lower()) if self.bare else f"{self.name}_{tail}" if tail else self.name
        y = self.builder.add(self.origin, kind, xs, fields, name=name, held=self.held)
        rank = len(y.shape.dims)
        if channel is None:
            channel = xs[0].channel if rank == xs[0].rank else rank - 1
        return FeatureMap(y.path, y.shape, channel)

    def get(self, key: str, default: Any = None) -> Any:
        """Return an entry of the configuration."""
        return self.config.get(key, default)

    def argument(self, place: int, *names: str, default: Any = None) -> Any:
        """Return an argument: a keyword, an entry of the configuration, or the one at its place."""
        for name in names:
            for source in (self.keywords, self.config):
                if source.get(name) is not None:
                    return source[name]
        return self.args[place] if len(self.args) > place else default

    def axis(self, value: Any, rank: int, what: str = "axis") -> int:
        """Return an axis without the batch; Keras counts the batch, or from the end."""
        found = self.checked(what, value)
        place = found + rank if found < 0 else found - 1 + self.outer
        if not self.outer <= place < rank:
            raise self.problem(f"{what} = {found} is not one of the {rank} axes after the batch")
        return place

    def axes(self, value: Any, rank: int) -> list[int]:
        """Return the axes that an argument names, by default all."""
        if value is None:
            return [*range(self.outer, rank)]
        return sorted({self.axis(each, rank) for each in (value if isinstance(value, list) else [value])})

    @property
    def channels_first(self) -> bool:
        """Whether the layer takes the channels to be before space."""
        return bool(self.get("data_format") == "channels_first")

    def viewed(self, x: FeatureMap, channel: int, copies: int | None = None) -> FeatureMap:
        """Return a feature map with the channels on another axis, by default as many axes before them as possible."""
        copies = min(x.copies, x.rank - 1) if copies is None else copies
        if (x.channel, x.copies) == (channel, copies) or x.rank == 1:
            return x
        views: dict[Any, FeatureMap] = self.builder.views
        key = (x.path, channel, copies)
        if key not in views:
            views[key] = self._view(x, channel, copies)
        return views[key]

    def _view(self, x: FeatureMap, channel: int, copies: int) -> FeatureMap:
        """Add a node of the simplest kind, which all can read."""
        aside = self.having(name=self.builder.label(x.path), held="", bare=False)
        if channel == x.channel and copies == x.rank - 1:
            return aside.row("ChannelsLast", x, tail="last", channel=channel)
        if channel == x.channel and x.copies == x.rank - 1:
            return aside.row("ChannelsFirst", x, tail="first", channel=channel, axes=x.rank - 1 - copies)
        before, after = axis_order(x.channel, x.copies, x.rank), axis_order(channel, copies, x.rank)
        order = [before.index(axis) - x.rank for axis in after]
        return aside.row("Permute", x, tail="turned", channel=channel, order=order, channel_axis=copies - x.rank)

    def mapped(self, x: FeatureMap, axes: int) -> FeatureMap:
        """Return a feature map with `axes` spatial axes and the channels where the layer takes them to be."""
        copies = x.rank - 1 - axes
        if copies < 0:
            raise self.problem(f"it needs {axes} spatial axes; its input {x} has fewer")
        return self.viewed(x, copies if self.channels_first else x.rank - 1, copies)

    def vectors(self, x: FeatureMap) -> FeatureMap:
        """Return a feature map as vectors along its last axis."""
        return self.viewed(x, x.rank - 1, x.rank - 1)


Writer = Callable[[CallOp], Made]
"""Adds the nodes of a layer."""


def reshaped(op: CallOp, x: FeatureMap, sizes: Sequence[int], tail: str = "") -> FeatureMap:
    """Add a reshape; the result is viewed as a map if it has spatial axes, as most layers expect."""
    rank, copies = len(sizes), min(op.outer, len(sizes) - 1)
    channel = copies if op.channels_first else rank - 1
    size = exact_all(shape_of(sizes, channel, copies).dims)
    return op.row("Reshape", x, tail=tail, channel=channel, size=size, axes=x.rank, channel_axis=copies - rank)


def joined(op: CallOp, x: FeatureMap, axes: Sequence[int]) -> FeatureMap:
    """Merge some axes into one, the channels, after the others."""
    others = [size for axis, size in enumerate(x.sizes) if axis not in axes]
    size = [*others, prod(x.sizes[axis] for axis in axes)]
    return op.row("Reshape", x, tail="joined", channel=len(size) - 1, size=size, axes=x.rank)


def target(op: CallOp, x: FeatureMap, wanted: Any) -> list[int]:
    """Return the sizes after a reshape, one of which may be open: -1."""
    if not isinstance(wanted, list | tuple):
        wanted = [wanted]
    sizes = [op.checked("target_shape", -1 if each is None else each) for each in wanted] or [1]
    known, there = prod(size for size in sizes if size != -1), prod(x.sizes[op.outer :])
    if sizes.count(-1) > 1 or (-1 in sizes and (known < 1 or there % known)):
        raise op.problem(f"{x} cannot be reshaped to {'×'.join(map(str, sizes))}")
    return [*x.sizes[: op.outer], *(there // known if size == -1 else size for size in sizes)]


def reshape(op: CallOp) -> FeatureMap:
    """Add a reshape; an operation names the batch first."""
    wanted, sizes = op.get("target_shape"), op.argument(1, "newshape", "shape", "new_shape")
    if wanted is None and (not isinstance(sizes, list) or not sizes):
        raise op.problem("sizes computed from other tensors are not supported")
    return reshaped(op, op.x, target(op, op.x, sizes[1:] if wanted is None else wanted))


def flatten(op: CallOp) -> FeatureMap:
    """Add a flattening of all axes but the batch."""
    x = op.x
    copies = min(op.outer, x.rank - 1)
    return op.row("Flatten", op.viewed(x, max(x.channel, copies), copies), channel=copies)


def permute(op: CallOp) -> FeatureMap:
    """Add a permutation of the axes, which Keras counts from 1; an operation names the batch, 0, too."""
    dims, count = op.get("dims"), op.x.rank - op.outer
    order = [0, *dims] if isinstance(dims, list) else op.argument(1, "axes", "perm")
    if not isinstance(order, list) or order[:1] != [0] or sorted(map(str, order)) != sorted(map(str, range(count + 1))):
        raise op.problem(f"the new order has to name each of the {count} axes once, and keep the batch first")
    return turned(op, op.x, [*range(op.outer), *(each - 1 + op.outer for each in order[1:])])


def turned(op: CallOp, x: FeatureMap, order: Sequence[int], tail: str = "") -> FeatureMap:
    """Add a permutation; the last axis becomes the channels, and the others space after them."""
    copies = min(op.outer, x.rank - 1)
    before, channel = axis_order(x.channel, x.copies, x.rank), copies if op.channels_first else x.rank - 1
    here = [before.index(order[axis]) - x.rank for axis in axis_order(channel, copies, x.rank)]
    return op.row("Permute", x, tail=tail, channel=channel, order=here, channel_axis=copies - x.rank)


def repeat_vector(op: CallOp) -> FeatureMap:
    """Add the repetition of a vector along a new first axis."""
    x = op.vectors(op.x)
    return op.row("Expand", x, size=[op.number("n"), x.sizes[-1]], axes=1, channel=x.rank)


def dropout(op: CallOp) -> FeatureMap:
    """Add a dropout."""
    rate = op.get("rate", 0.5)
    return op.row("Dropout", op.x, p=float(rate) if isinstance(rate, int) else rate)


def taken(op: CallOp, x: FeatureMap, axis: int, size: int, *, keep: bool, tail: str = "") -> FeatureMap:
    """Take a part of an axis of Keras, or one index without keeping the axis."""
    if keep or x.rank == 1:
        place = axis_order(x.channel, x.copies, x.rank).index(axis) - x.rank
        return op.row("Take", x, tail=tail, axis=place, size=size)
    if axis == x.channel:
        x = op.viewed(x, axis, x.rank - 1)
    place = axis_order(x.channel, x.copies, x.rank).index(axis) - x.rank
    channel = x.rank - 2 if axis == x.channel else x.channel - (axis < x.channel)
    return op.row("Take", x, tail=tail, axis=place, keepdim=False, channel=channel)


def center_crop(op: CallOp) -> FeatureMap:
    """Add a crop to a given size, or a resize if the image is smaller."""
    x = op.mapped(op.x, 2)
    height, width = op.number("height"), op.number("width")
    cut = [have - want for have, want in zip(x.spatial, (height, width), strict=True)]
    if min(cut) < 0:
        return op.row("Interpolate", x, size=(height, width), mode="bilinear")
    return op.row("Crop", x, cropping=tuple((each // 2, each - each // 2) for each in cut))
