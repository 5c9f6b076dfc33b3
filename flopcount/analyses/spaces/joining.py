"""The sums from both ends joined: how many pairs stay inside the limits, and which go furthest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.spaces.dominance import Points
from flopcount.analyses.spaces.excess import Excess, Range, Steps
from flopcount.analyses.spaces.meeting import Halves, Layout, Sums

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class End(NamedTuple):
    """The sums of one state: in the order of the first metric, and how many have each."""

    columns: "list[Array]"
    many: "Array"


def _ends(sums: Sums, keys: Layout, states: Sequence[int]) -> dict[int, End]:
    np = numpy()
    cuts = {state: np.searchsorted(sums.keys, [state * keys.state, (state + 1) * keys.state]) for state in states}
    return {
        state: End(keys.columns(sums.keys[first:end] - state * keys.state), sums.many[first:end])
        for state, (first, end) in cuts.items()
    }


def met(found: Excess, both: Halves) -> int:
    """Return how many candidates meet all limits, exactly."""
    ahead, behind = _both_ends(both)
    plane: tuple[int, Points] | None = None
    total = 0
    for source, target, *moves in _rows(both.joint):
        limits = [_steps(*each) for each in zip(found.ranges, found.units, moves, strict=True)]
        if len(limits) == 1:
            few, lots = sorted((ahead[source], behind[target]), key=lambda end: len(end.many))
            total += _counted(few, lots, limits[0])
            continue
        if plane is None or plane[0] != target:
            plane = target, _plane(behind[target])
        total += _counted_twice(ahead[source], plane[1], limits[0], limits[1])
    return total


def _plane(end: End) -> Points:
    first, second = end.columns
    return Points(first, second, end.many)


def _both_ends(both: Halves) -> tuple[dict[int, End], dict[int, End]]:
    layer = both.joint.layer
    ahead = _ends(both.ahead[-1], both.keys, sorted({*layer.source.tolist()}))
    return ahead, _ends(both.behind[-1], both.keys, sorted({*layer.target.tolist()}))


def _rows(steps: Steps) -> "zip[tuple[int, ...]]":
    columns = (steps.layer.source, steps.layer.target, *steps.moves)
    return zip(*(each.tolist() for each in columns), strict=True)


def _steps(limit: Range, unit: int, move: int) -> Range:
    """Return a limit in steps, what is paid in the middle taken off."""
    return Range(-(-limit.low // unit) - move, limit.high // unit - move)


def _counted(few: End, lots: End, limit: Range) -> int:
    """Count the pairs whose sums are inside a limit."""
    np = numpy()
    many = np.r_[lots.many[:1] * 0, lots.many.cumsum()]
    up_to, below = (
        many[np.searchsorted(lots.columns[0], end - few.columns[0], side)]
        for end, side in ((limit.high, "right"), (limit.low, "left"))
    )
    return int((few.many * (up_to - below)).sum())


def _counted_twice(few: End, lots: Points, one: Range, other: Range) -> int:
    """Count the pairs whose sums are inside two limits: a rectangle is four corners."""
    total = 0
    for sign, first in ((1, one.high), (-1, one.low - 1)):
        for turn, second in ((1, other.high), (-1, other.low - 1)):
            if first >= 0 and second >= 0:
                inside = lots.below(first - few.columns[0], second - few.columns[1])
                total += sign * turn * int((few.many * inside).sum())
    return total


def furthest(found: Excess, both: Halves, *, most: bool) -> dict[int, int] | None:
    """Return the digits of a candidate with the most or the least the one limit allows; None if there is none."""
    np = numpy()
    ahead, behind = _both_ends(both)
    best: tuple[int, int, int, int] | None = None
    for place, (source, target, move) in enumerate(_rows(both.joint)):
        limit = _steps(found.ranges[0], found.units[0], move)
        mine, theirs = ahead[source].columns[0], behind[target].columns[0]
        if most:
            at = np.searchsorted(theirs, limit.high - mine, "right") - 1
        else:
            at = np.searchsorted(theirs, limit.low - mine, "left")
        fits = np.flatnonzero((at >= 0) & (at < len(theirs)))
        sums = mine[fits] + theirs[at[fits]]
        fits, sums = fits[inside := (sums >= limit.low) & (sums <= limit.high)], sums[inside]
        if len(fits):
            chosen = int(sums.argmax() if most else sums.argmin())
            value = int(sums[chosen]) + move
            if best is None or (value > best[0] if most else value < best[0]):
                best = value, place, int(mine[fits[chosen]]), int(theirs[at[fits[chosen]]])
    return None if best is None else _path(both, *best[1:])


def _path(both: Halves, place: int, mine: int, theirs: int) -> dict[int, int]:
    """Return the digits of a candidate with these sums on both sides of a transition in the middle."""
    layer = both.joint.layer
    digits = {layer.axis: int(layer.digit[place])} if layer.axis >= 0 else {}
    digits |= _walked_back(both.keys, both.steps, both.ahead, int(layer.source[place]), mine)
    return digits | _walked_back(both.keys, both.mirrored, both.behind, int(layer.target[place]), theirs)


def _walked_back(keys: Layout, steps: Sequence[Steps], sums: Sequence[Sums], state: int, value: int) -> dict[int, int]:
    """Return the digits of a path to a state with a sum."""
    np = numpy()
    digits: dict[int, int] = {}
    for each, before in zip(reversed(steps), reversed(sums[:-1]), strict=True):
        mine = np.flatnonzero(each.layer.target == state)
        values = value - each.moves[0][mine]
        wanted = each.layer.source[mine] * keys.state + values
        there = np.minimum(np.searchsorted(before.keys, wanted), len(before.keys) - 1)
        chosen = int(np.flatnonzero((values >= 0) & (before.keys[there] == wanted))[0])
        digits[each.layer.axis] = int(each.layer.digit[mine[chosen]])
        state, value = int(each.layer.source[mine[chosen]]), int(values[chosen])
    return digits
