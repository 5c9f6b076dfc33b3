"""Meeting in the middle: the distinct sums from both ends, and how many paths have each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.spaces.excess import Excess, Steps, gridded
from flopcount.analyses.spaces.factors import SMALL
from flopcount.analyses.spaces.trellis import Layer, starts

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

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
