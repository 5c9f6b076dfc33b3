"""The sums from both ends joined: how many pairs stay inside the limits, and which go furthest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.space.histograms import Excess, Range, Steps, gridded
from flopcount.analyses.space.trellis import Layer, starts
from flopcount.formulas.numbers import SMALL

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


# Counting the points that are small in two ways at once.


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


# Meeting in the middle: the distinct sums from both ends, and how many paths have each.


SECONDS_PER_SUM, SECONDS_PER_JOIN = 1.5e-7, 4e-5
"""What a sum and a transition in the middle cost, about; for choosing the middle."""

SECONDS_PER_PAIR = {1: 6e-8, 2: 4e-7}
"""What a sum that is looked up costs, about, by how many metrics are limited."""

MOST_SUMS = 24_000_000
"""More sums than this are not kept at a time."""


class Sums(NamedTuple):
    """The distinct sums of the paths to the states of a layer, in the order of their keys, and how many have each.

    The key of sums is a mixed-radix number: the state, then the sum in steps of each metric.
    """

    keys: "Array"
    many: "Array"


class Layout(NamedTuple):
    """How keys are made: the radix of each metric and the largest sum that may meet the limits."""

    radixes: tuple[int, ...]

    @property
    def state(self) -> int:
        """What one state is worth."""
        result = 1
        for radix in self.radixes:
            result *= radix
        return result

    def key(self, columns: "Sequence[Any]") -> Any:
        """Return the part of a key that sums make."""
        result = columns[0]
        for radix, column in zip(self.radixes[1:], columns[1:], strict=True):
            result = result * radix + column
        return result

    def columns(self, keys: "Array") -> "list[Array]":
        """Return the sums in keys whose state is taken off."""
        found = []
        for radix in reversed(self.radixes):
            keys, column = numpy().divmod(keys, radix)
            found.append(column)
        return found[::-1]


def layout(found: Excess) -> Layout:
    """Return the layout of the keys of a section."""
    return Layout(tuple(limit.high // unit + 1 for limit, unit in zip(found.ranges, found.units, strict=True)))


class Middle(NamedTuple):
    """Where the ends meet, how long that takes, about, and how many sums there are at a time at most."""

    layer: int
    seconds: float
    sums: float


def middle(found: Excess) -> Middle | None:
    """Choose where to meet; None where the sums do not fit 63 bits."""
    radix = layout(found).state
    graph = found.graph
    if radix * max(graph.states) >= SMALL:
        return None
    ahead, work_ahead = _estimated(graph.layers, radix)
    behind, work_behind = _estimated(graph.mirrored().layers, radix)
    options = []
    for place, layer in enumerate((*graph.layers, _last())):
        here, there = ahead[place][layer.source], behind[max(len(graph.layers) - 1 - place, 0)][layer.target]
        pairs = numpy().minimum(here, there) if len(found.units) == 1 else here + there
        joined = float(pairs.sum()) * SECONDS_PER_PAIR[len(found.units)] + len(here) * SECONDS_PER_JOIN
        one, other = work_ahead[place], work_behind[max(len(graph.layers) - 1 - place, 0)]
        options.append(
            Middle(place, (sum(one) + sum(other)) * SECONDS_PER_SUM + joined, max((*one, *other), default=0))
        )
    return min(options, key=lambda each: each.seconds)


def _estimated(layers: Sequence[Layer], radix: int) -> "tuple[list[Array], list[list[float]]]":
    """Estimate for each layer how many sums its states have, and how many are made on the way there."""
    np = numpy()
    states, work = [np.ones(1)], [list[float]()]
    for layer in layers:
        moved = states[-1][layer.source]
        states.append(np.minimum(np.add.reduceat(moved, starts(layer.target)), radix))
        work.append([*work[-1], float(moved.sum())])
    return states, work


class Halves(NamedTuple):
    """The sums from both ends, layer by layer, and the layer that joins them."""

    keys: Layout
    joint: Steps
    ahead: tuple[Sums, ...]
    behind: tuple[Sums, ...]
    steps: tuple[Steps, ...]
    mirrored: tuple[Steps, ...]


def halves(found: Excess, at: int, many: int) -> Halves:
    """Add up from both ends to the layer where they meet."""
    keys = layout(found)
    steps = gridded(found, found.units)
    mirrored = gridded(found._replace(graph=found.graph.mirrored()), found.units)[: max(len(steps) - 1 - at, 0)]
    joint = steps[at] if at < len(steps) else _nothing(len(found.units))
    kind = numpy().int64 if many < SMALL else object
    ahead, behind = _grown(steps[:at], keys, kind), _grown(mirrored, keys, kind)
    return Halves(keys, joint, ahead, behind, tuple(steps[:at]), tuple(mirrored))


def _last() -> Layer:
    zero = numpy().zeros(1, int)
    return Layer(-1, zero, zero, zero, ())


def _nothing(metrics: int) -> Steps:
    """Return a layer behind the last one, over which nothing is decided: one end takes all."""
    layer = _last()
    return Steps(layer, (layer.digit,) * metrics, (layer.digit,) * metrics)


def _grown(steps: Sequence[Steps], keys: Layout, kind: Any) -> tuple[Sums, ...]:
    np = numpy()
    found = [Sums(np.zeros(1, np.int64), np.ones(1, kind))]
    for each in steps:
        found.append(_next(np, found[-1], each, keys))
    return tuple(found)


def _next(np: Any, sums: Sums, each: Steps, keys: Layout) -> Sums:
    """Follow the transitions from every sum; equal sums in one state become one, those beyond the limits are left."""
    order = np.argsort(each.layer.source, kind="stable")
    first = np.r_[starts(each.layer.source[order]), len(order)]
    state = sums.keys // keys.state
    degree = np.diff(first)[state]
    origin = np.repeat(np.arange(len(state)), degree)
    within = np.arange(len(origin)) - np.repeat(np.cumsum(degree) - degree, degree)
    taken = order[first[state][origin] + within]
    columns = [
        column[origin] + move[taken]
        for column, move in zip(keys.columns(sums.keys - state * keys.state), each.moves, strict=True)
    ]
    kept = _inside(np, columns, keys)
    new = each.layer.target[taken] * keys.state + keys.key(columns)
    return _collected(np, new[kept], sums.many[origin[kept]])


def _inside(np: Any, columns: "Sequence[Array]", keys: Layout) -> "Array":
    result = columns[0] < keys.radixes[0]
    for column, radix in zip(columns[1:], keys.radixes[1:], strict=True):
        result &= column < radix
    return np.flatnonzero(result)  # type: ignore[no-any-return]


def _collected(np: Any, keys: "Array", many: "Array") -> Sums:
    order = np.argsort(keys)
    keys, many = keys[order], many[order]
    if not len(keys):
        return Sums(keys, many)
    first = starts(keys)
    return Sums(keys[first], np.add.reduceat(many, first))


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
