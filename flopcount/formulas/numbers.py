"""All the arithmetic a formula may use.

A `Dim` is an int, an integer array or a symbol. It offers `+ - * //` and
`abs`, and nothing else, so one formula serves exact counts, sweeps and closed
forms. Everything here is made of those five operations: there is no branch on
the kind of number, hence no way for the kinds to disagree.
"""

from collections.abc import Iterable
from typing import Any, Protocol


class Dim(Protocol):
    """A number in a formula: an int, an integer array or a symbol."""

    def __add__(self, other: Any, /) -> "Dim": ...
    def __radd__(self, other: Any, /) -> "Dim": ...
    def __sub__(self, other: Any, /) -> "Dim": ...
    def __rsub__(self, other: Any, /) -> "Dim": ...
    def __mul__(self, other: Any, /) -> "Dim": ...
    def __rmul__(self, other: Any, /) -> "Dim": ...
    def __floordiv__(self, other: Any, /) -> "Dim": ...
    def __rfloordiv__(self, other: Any, /) -> "Dim": ...
    def __neg__(self) -> "Dim": ...
    def __abs__(self) -> "Dim": ...


Axes = Dim | tuple[Dim, ...]
"""One number for all spatial axes, or one for each."""


def product(factors: Iterable[Dim]) -> Dim:
    """Multiply; 1 for nothing."""
    result: Dim = 1
    for factor in factors:
        result = result * factor
    return result


def total(terms: Iterable[Dim]) -> Dim:
    """Add; 0 for nothing."""
    result: Dim = 0
    for term in terms:
        result = result + term
    return result


def ceil_div(dividend: Dim, divisor: Dim) -> Dim:
    """Divide and round up."""
    return -(-dividend // divisor)


def split(whole: Dim, ways: Dim) -> Dim:
    """Divide what is known to divide evenly; the step states it as a constraint."""
    return whole // ways


def maximum(one: Dim, other: Dim) -> Dim:
    """Return the larger of two."""
    return (one + other + abs(one - other)) // 2


def minimum(one: Dim, other: Dim) -> Dim:
    """Return the smaller of two."""
    return (one + other - abs(one - other)) // 2


def at_least(value: Dim, floor: Dim) -> Dim:
    """Raise a value to a floor."""
    return maximum(value, floor)


def where_positive(test: Dim, then: Dim, otherwise: Dim) -> Dim:
    """Return `then` where `test` is at least 1, else `otherwise`."""
    return otherwise + (then - otherwise) * minimum(maximum(test, 0), 1)


def remainder(dividend: Dim, divisor: Dim) -> Dim:
    """Return what a floor division leaves."""
    return dividend - dividend // divisor * divisor


def round_half_even(dividend: Dim, divisor: Dim) -> Dim:
    """Divide and round to the nearest integer, a tie to the even one, as Python's `round`."""
    nearest = (2 * dividend + divisor) // (2 * divisor)
    odd = remainder(nearest, 2)
    return nearest - where_positive(remainder(2 * dividend + divisor, 2 * divisor), 0, odd)


def divisible(value: Dim, divisor: Dim, scale: Dim = 1) -> Dim:
    """Round `value / scale` to a multiple of `divisor`, never down by more than 10 %.

    The rule of the MobileNet family: the nearest multiple (a tie goes up), at
    least one, and one more where that loses over a tenth of the value.
    """
    nearest = at_least((2 * value + divisor * scale) // (2 * divisor * scale) * divisor, divisor)
    return where_positive(9 * value - 10 * nearest * scale, nearest + divisor, nearest)


def scaled_up(value: Dim, factor: float) -> Dim:
    """Multiply by a decimal, taken as exactly what is written, and round up."""
    numerator, denominator = _written(factor)
    return ceil_div(value * numerator, denominator)


def scaled_down(value: Dim, factor: float) -> Dim:
    """Multiply by a decimal, taken as exactly what is written, and round down."""
    numerator, denominator = _written(factor)
    return value * numerator // denominator


def _written(factor: float) -> tuple[int, int]:
    from fractions import Fraction

    return Fraction(repr(factor)).as_integer_ratio()
