"""Layers that bring several others together, or take one apart."""

from collections.abc import Iterator

from flopcount.errors import ShapeError
from flopcount.formulas.activation import activation as activated
from flopcount.formulas.dims import Dim, split, total
from flopcount.formulas.needs import Need, divides, equal, positive
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Part, Step, composed
from flopcount.formulas.tally import Tally


def several(kind: str, xs: tuple[Shape, ...]) -> None:
    """Refuse a single input."""
    if len(xs) < 2:  # noqa: PLR2004  (two are several)
        raise ShapeError(f'{kind} reads two or more layers; name them, as in after = ["a", "b"]')


def called(x: Shape, axis: int) -> str:
    """Return what the numbers along an axis are, for a sentence."""
    if axis == x.channel_axis:
        return "channels"
    if axis > x.channel_axis:
        return f"positions along spatial axis {axis - x.channel_axis - 1}"
    return "tokens" if axis == x.channel_axis - 1 else f"copies along axis {axis}"


def agreeing(kind: str, xs: tuple[Shape, ...], free: int | None = None) -> tuple[Need, ...]:
    """Need all inputs to have one shape, but along the axis that is free."""
    first, *others = xs
    for x in others:
        if len(x.dims) != len(first.dims) or x.channel_axis != first.channel_axis:
            raise ShapeError(
                f"{kind} reads layers of one layout, and {render(first.dims)} and {render(x.dims)} differ in it"
            )
    return tuple(need for x in others for need in _equal(kind, first, x, free))


def _equal(kind: str, one: Shape, other: Shape, free: int | None) -> Iterator[Need]:
    for axis, (size, size2) in enumerate(zip(one.dims, other.dims, strict=True)):
        if axis != free:
            yield equal(
                size, size2, f"{kind} reads layers that agree, and these have {{}} and {{}} {called(one, axis)}"
            )


def add(*xs: Shape, activation: str | None = None) -> Step:
    """Addition of two or more layers of one shape, element by element.

        params = 0
        MACs = 0; one addition per element for each layer beyond the first

    Source: He et al., Deep residual learning, CVPR 2016, eq. 1.
    """
    several("Add", xs)
    added = Step("Add", xs[0], Tally(add=xs[0].elements * (len(xs) - 1)), needs=agreeing("Add", xs))
    if activation is None:
        return added
    return composed("Add", xs[0], Part("add", added), Part("activation", activated(xs[0], function=activation)))


def mul(*xs: Shape) -> Step:
    """Multiplication of the first layer by others, which may have size 1 where it has more, or no space.

        params = 0
        MACs = 0; one multiplication per element for each layer beyond the first

    Source: Hu et al., Squeeze-and-excitation networks, CVPR 2018, eq. 4.
    """
    several("Mul", xs)
    needs = tuple(need for x in xs[1:] for need in _stretching(xs[0], x))
    return Step("Mul", xs[0], Tally(mul=xs[0].elements * (len(xs) - 1)), needs=needs)


def _stretching(full: Shape, x: Shape) -> Iterator[Need]:
    """Need each size of x to be 1, or that of the full shape."""
    if x.channel_axis != full.channel_axis or (x.spatial and len(x.dims) != len(full.dims)):
        raise ShapeError(f"Mul cannot stretch {render(x.dims)} to {render(full.dims)}; name the larger layer first")
    for axis, (size, wanted) in enumerate(zip(x.dims, full.dims, strict=False)):
        text = f"Mul stretches sizes of 1 only, and has to make {{}} {called(full, axis)} of {{}}"
        yield Need((size - 1) * (size - wanted), "zero", text, (wanted, size))


def concat(*xs: Shape, axis: str | int = "channels") -> Step:
    """Concatenation: one layer after the other, along the channels if nothing else is said.

        params = 0
        MACs = 0

    Source: Huang et al., Densely connected convolutional networks, CVPR 2017, eq. 2.
    """
    several("Concat", xs)
    along = _along(xs[0], axis)
    needs = agreeing("Concat", xs, along)
    sizes = (*xs[0].dims[:along], total(x.dims[along] for x in xs), *xs[0].dims[along + 1 :])
    return Step("Concat", Shape(sizes, xs[0].channel_axis), Tally(), needs=needs)


def _along(x: Shape, axis: str | int) -> int:
    """Find the axis that is meant: its place among all."""
    if axis == "channels":
        return x.channel_axis
    found = x.channel_axis - 1 if isinstance(axis, str) else x.channel_axis + 1 + axis
    if not 0 <= found < len(x.dims):
        raise ShapeError(f"there is no axis {axis} in {render(x.dims)} to concatenate along")
    return found


def slice_(x: Shape, *, start: Dim = 0, stop: Dim | None = None) -> Step:
    """Slice: the channels from `start` to before `stop`.

        params = 0
        MACs = 0

    Source: torch.narrow.
    """
    end = x.channels if stop is None else stop
    some = positive(end - start, "the slice from {} to {} has no channels", start, end)
    inside = positive(x.channels - end + 1, "the slice ends at {}, and there are {} channels", end, x.channels)
    return Step("Slice", x.resized(channels=end - start), Tally(), needs=(some, inside))


def split_(x: Shape, *, sections: Dim, index: Dim = 0) -> Step:
    """Split: one of `sections` equal shares of the channels.

        params = 0
        MACs = 0

    Source: Ma et al., ShuffleNet V2, ECCV 2018, figure 3.
    """
    fits = divides(sections, x.channels, "sections = {} does not divide the {} channels; choose a divisor of them")
    inside = positive(sections - index, "there is no share {} of {}; they are counted from 0", index, sections)
    return Step("Split", x.resized(channels=split(x.channels, sections)), Tally(), needs=(fits, inside))


def pad_channels(x: Shape, *, padding: Dim) -> Step:
    """Channels of zeros beside those there are, as in a shortcut without weights.

        params = 0
        MACs = 0

    Source: He et al., Deep residual learning, CVPR 2016, section 4.1, option A.
    """
    return Step("PadChannels", x.resized(channels=x.channels + padding), Tally())
