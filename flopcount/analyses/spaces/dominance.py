"""Counting the points that are small in two ways at once."""

from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Level(NamedTuple):
    """One bit of the ranks: how many 0 there are before each point, and how often the points before it occur."""

    zeros: "Array"
    paid: "Array"


class Points:
    """Points on a plane, each with how often it occurs, ready to be asked.

    A wavelet matrix: bit by bit of the rank in the second coordinate, the points
    are parted into those with a 0 and those with a 1, and a question follows its
    side of them.
    """

    def __init__(self, first: "Array", second: "Array", many: "Array") -> None:
        """Take points in the order of their first coordinate."""
        np = numpy()
        self.first = first
        self.second = np.sort(second)
        self.many = np.r_[many[:1] * 0, np.cumsum(many)]
        ranks = np.argsort(np.argsort(second, kind="stable"), kind="stable")
        self.levels: list[Level] = []
        for bit in range(len(ranks).bit_length() - 1, -1, -1):
            ones = (ranks >> bit & 1).astype(bool)
            order = np.r_[np.flatnonzero(~ones), np.flatnonzero(ones)]
            ranks, many = ranks[order], many[order]
            self.levels.append(Level(np.r_[0, np.cumsum(~ones)], np.r_[many[:1] * 0, np.cumsum(many)]))

    def below(self, first: "Array", second: "Array") -> "Array":
        """Return for each question how many points have coordinates up to these."""
        np = numpy()
        end = np.searchsorted(self.first, first, "right")
        ranks = np.searchsorted(self.second, second, "right")
        found = self.many[np.where(ranks == len(self.second), end, 0)]
        hard = np.flatnonzero((ranks < len(self.second)) & (ranks > 0) & (end > 0))
        found[hard] = self._followed(np, end[hard], ranks[hard])
        return found  # type: ignore[no-any-return]

    def _followed(self, np: Any, end: "Array", ranks: "Array") -> "Array":
        """Count among the first `end` points those with a rank below."""
        start, found = np.zeros_like(end), np.zeros(len(end), self.many.dtype)
        for level, bit in zip(self.levels, range(len(self.levels) - 1, -1, -1), strict=True):
            above = (ranks >> bit & 1).astype(bool)
            left, right = level.zeros[start], level.zeros[end]
            found += np.where(above, level.paid[right] - level.paid[left], 0)
            start = np.where(above, start - left + level.zeros[-1], left)
            end = np.where(above, end - right + level.zeros[-1], right)
        return found  # type: ignore[no-any-return]
