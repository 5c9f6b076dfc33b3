"""The smallest and the largest a number can be, through every operation."""

from collections.abc import Callable, Iterable, Mapping
from itertools import product as pairs

Bounds = tuple[int, int] | None
"""The smallest and the largest a number can be; None where that is not known."""

INT64 = 2**63 - 1


def _corners(function: Callable[[int, int], int]) -> Callable[[Bounds, Bounds], Bounds]:
    """Bound an operation by what it gives for the bounds of both numbers."""

    def bounds(left: Bounds, right: Bounds) -> Bounds:
        if left is None or right is None:
            return None
        found = [function(one, other) for one, other in pairs(left, right)]
        return min(found), max(found)

    return bounds


def _quotient(left: Bounds, right: Bounds) -> Bounds:
    if right is None or right[0] <= 0 <= right[1]:
        return None
    return _corners(lambda one, other: one // other)(left, right)


def _absolute(left: Bounds, right: Bounds) -> Bounds:
    del right
    if left is None:
        return None
    low, high = left
    return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _remainder(left: Bounds, right: Bounds) -> Bounds:
    del left
    return None if right is None or right[0] < 1 else (0, right[1] - 1)


BOUNDS: Mapping[str, Callable[[Bounds, Bounds], Bounds]] = {
    "add": _corners(lambda one, other: one + other),
    "subtract": _corners(lambda one, other: one - other),
    "multiply": _corners(lambda one, other: one * other),
    "floor_divide": _quotient,
    "remainder": _remainder,
    "right_shift": _corners(lambda one, other: one >> other),
    "maximum": _corners(max),
    "minimum": _corners(min),
    "absolute": _absolute,
}


def fits(bounds: Iterable[Bounds]) -> bool:
    """Tell whether no number can leave int64."""
    return all(each is not None and each[0] >= -INT64 and each[1] <= INT64 for each in bounds)
