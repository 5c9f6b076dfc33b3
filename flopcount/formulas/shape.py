"""Shapes, and how a window that slides over space changes them."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Self, cast

from flopcount.errors import ShapeError
from flopcount.formulas.numbers import Axes, Dim, T, ceil_div, minimum, product, remainder, round_half_even


class Constraint(NamedTuple):
    """A condition on numbers, and the sentence to print if it fails.

    `value` must be at least 1 (positive) or 0 (divides, equal). If sizes that must be equal differ, the output shape is
    unknown; if a division leaves a remainder, the shape is still known. `terms` fill in the sentence; those of
    "divides" are the divisor and the number it divides.
    """

    value: Dim
    relation: Literal["positive", "divides", "equal"]
    text: str
    terms: tuple[Dim, ...]

    def sentence(self) -> str:
        """Return the sentence with its numbers."""
        return self.text.format(*self.terms)

    @property
    def is_broken(self) -> bool:
        """Whether the condition is known to fail."""
        if not isinstance(self.value, int):
            return False
        return self.value < 1 if self.relation == "positive" else self.value != 0


def divides(divisor: Dim, whole: Dim, text: str) -> Constraint:
    """Require `divisor` to divide `whole`; the text is given both, in this order."""
    return Constraint(remainder(whole, divisor), "divides", text, (divisor, whole))


def shares(option: str, number: Dim, channels: Dim, what: str = "channels") -> Constraint:
    """Require an option to divide the channels."""
    return divides(number, channels, f"{option} = {{}} does not divide the {{}} {what}; choose a divisor")


def equal(one: Dim, other: Dim, text: str) -> Constraint:
    """Require two numbers to be equal; the text is given both."""
    return Constraint(one - other, "equal", text, (one, other))


def either(value: Dim, one: Dim, other: Dim, text: str) -> Constraint:
    """Require a number to be one of two; the text is given the number and the second."""
    return Constraint((value - one) * (value - other), "equal", text, (value, other))


def positive(value: Dim, text: str, *terms: Dim) -> Constraint:
    """Require a number to be at least 1."""
    return Constraint(value, "positive", text, terms)


Pads = tuple[Dim | tuple[Dim, Dim], ...]
Padding = str | Dim | Pads
"""`"same"`, `"valid"`, `"valid-round"`, a number, or per axis a number or a (before, after) pair."""


def by_identity(kind: type[T]) -> type[T]:
    """Make a class of tuples compare and hash by identity: their numbers may be arrays or symbols."""
    for name in ("__eq__", "__ne__", "__hash__"):
        setattr(kind, name, getattr(object, name))
    return kind


@by_identity
class Shape(NamedTuple):
    """Sizes along axes, one of which is the channels.

    After the channel axis are the spatial axes; before it are independent copies (a
    batch, windows, tokens). Compared by identity, since sizes may be symbols.
    """

    dims: tuple[Dim, ...]
    channel_axis: int = 0

    @property
    def channels(self) -> Dim:
        """The size of the channel axis."""
        return self.dims[self.channel_axis]

    @property
    def leading(self) -> tuple[Dim, ...]:
        """The sizes before the channel axis."""
        return self.dims[: self.channel_axis]

    @property
    def spatial(self) -> tuple[Dim, ...]:
        """The sizes after the channel axis."""
        return self.dims[self.channel_axis + 1 :]

    @property
    def positions(self) -> Dim:
        """The number of channel vectors: the product of all axes but the channels."""
        return product(self.leading + self.spatial)

    @property
    def elements(self) -> Dim:
        """The number of elements."""
        return product(self.dims)

    def resized(self, channels: Dim | None = None, spatial: tuple[Dim, ...] | None = None) -> "Shape":
        """Return the same copies with other channels or another space."""
        channels = self.channels if channels is None else channels
        spatial = self.spatial if spatial is None else spatial
        return Shape((*self.leading, channels, *spatial), self.channel_axis)


class PerAxis(int):
    """Numbers of the axes of a map: as one number the largest, shown as all of them."""

    axes: tuple[int | float, ...]

    def __new__(cls, axes: Iterable[Any]) -> Self:
        """Keep the numbers; those that are not whole as floats."""
        numbers = tuple(int(each) if each == int(each) else float(each) for each in axes)
        made = super().__new__(cls, max(numbers))
        made.axes = numbers
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[int | float, ...]]]:
        """Pickle the numbers of the axes."""
        return type(self), (self.axes,)


def per_axis(value: Axes, count: int, what: str) -> tuple[Dim, ...]:
    """Spread one number over all axes, or check that there is one for each."""
    if not isinstance(value, tuple):
        return (value,) * count
    if len(value) != count:
        raise ShapeError(f"{what} has {len(value)} entries, but the feature map has {count} spatial axes")
    return value


def pads(padding: Dim | Pads, count: int, what: str = "padding") -> tuple[tuple[Dim, Dim], ...]:
    """Spread explicit padding into a (before, after) pair per axis."""
    entries: tuple[Any, ...] = per_axis(cast("Axes", padding), count, what)
    return tuple(pad if isinstance(pad, tuple) else (pad, pad) for pad in entries)


class Window(NamedTuple):
    """A window that slides over space: its size and how it moves."""

    kernel_size: Axes
    stride: Axes = 1
    padding: Padding = 0
    dilation: Axes = 1
    ceil_mode: bool = False

    def over(self, spatial: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], tuple[Constraint, ...]]:
        """Return the output map of the window, and the constraints for it to exist."""
        count = len(spatial)
        if not count:
            raise ShapeError("a window needs a feature map, but the input has no spatial axes")
        kernel, stride, dilation = self.moves(count)
        extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        rule = self.padding if isinstance(self.padding, str) else "given"
        if rule == "same":
            sizes = tuple(map(ceil_div, spatial, stride))
            return sizes, tuple(map(_survives, sizes, spatial, kernel, extents))
        if rule == "valid-round":
            sizes = tuple(map(_rounded, spatial, extents, stride))
            # the script squares sizes, so a map may vanish; on other numbers of axes the count would be negative
            return sizes, () if count == 2 else tuple(map(_survives, sizes, spatial, kernel, extents))  # noqa: PLR2004
        padding: Dim | Pads = 0 if isinstance(self.padding, str) else self.padding
        sized = _ceiled if self.ceil_mode else _floored
        sizes = tuple(map(sized, spatial, extents, stride, pads(padding, count)))
        return sizes, tuple(map(_survives, sizes, spatial, kernel, extents))

    def kernel(self, count: int) -> tuple[Dim, ...]:
        """Return the window's size along each of `count` axes."""
        return per_axis(self.kernel_size, count, "kernel_size")

    def moves(self, count: int) -> tuple[tuple[Dim, ...], tuple[Dim, ...], tuple[Dim, ...]]:
        """Return the size, the stride and the dilation along each of `count` axes."""
        return self.kernel(count), per_axis(self.stride, count, "stride"), per_axis(self.dilation, count, "dilation")

    def before(self, spatial: tuple[Any, ...], stops: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the padding before a map along each axis, whose sizes have to be known."""
        count = len(spatial)
        if not isinstance(self.padding, str):
            return tuple(pad for pad, _ in pads(self.padding, count))
        if self.padding != "same":
            return (0,) * count
        sides: Any = zip(spatial, stops, *self.moves(count), strict=True)
        return tuple(max((n - 1) * step + gap * (size - 1) + 1 - there, 0) // 2 for there, n, size, step, gap in sides)


class Slide(NamedTuple):
    """A sliding window: the map under it, the number of stops along each axis, and its groups of channels.

    The window is None if windows differ in size, as in adaptive pools; groups are of a window with weights.
    """

    window: Window | None
    map: tuple[Dim, ...]
    stops: tuple[Dim, ...]
    groups: Dim | None = None


def _floored(size: Dim, extent: Dim, stride: Dim, pad: tuple[Dim, Dim]) -> Dim:
    return (size + pad[0] + pad[1] - extent) // stride + 1


def _ceiled(size: Dim, extent: Dim, stride: Dim, pad: tuple[Dim, Dim]) -> Dim:
    """Allow a last window to extend past the end if it starts inside the map, as PyTorch does."""
    hanging = ceil_div(size + pad[0] + pad[1] - extent, stride) + 1
    return minimum(hanging, ceil_div(size + pad[0], stride))


def _rounded(size: Dim, extent: Dim, stride: Dim) -> Dim:
    """Round half to even, without a floor at 1, as the published script does."""
    return round_half_even(size - 2 * (extent // 2), stride)


def _survives(result: Dim, size: Dim, kernel: Dim, extent: Dim) -> Constraint:
    text = "output would be empty: kernel {} (effective size {}) exceeds axis size {}; enlarge the input or pad"
    return positive(result, text, kernel, extent, size)


def render(shape: Sequence[Dim]) -> str:
    """Write sizes as 3×224×224."""
    return "×".join(map(str, shape))
