"""How many candidates pay how much, on a grid: exact multiplicities, of costs that are exact or rounded down.

Where the steps of the grid are the common divisor of all costs the histogram is
exact. Where they are larger, a candidate's cost is known up to what rounding
left over on its path, and the largest such rest is known: so a histogram says
how many candidates surely meet a limit, and how many may.

Multiplicities beyond 63 bits are kept in limbs of 32.
"""

from collections.abc import Callable, Iterator, Sequence
from math import gcd, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.space.limits import Limits
from flopcount.analyses.space.trellis import Layer, Section, Trellis, starts

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


# What the candidates of a section pay beyond the cheapest one, in whole multiples of a common divisor.
#
# The potential of a state, the least still to be paid, goes into the costs: what
# is paid so far is then all that matters for a limit, and no sum beyond it need be
# followed.


class Range(NamedTuple):
    """From which to which excess a candidate is meant, both included."""

    low: int
    high: int


class Excess(NamedTuple):
    """A section's trellis with what each transition pays beyond the cheapest, for the metrics that are limited.

    All costs of a metric are multiples of its unit.
    """

    graph: Trellis
    metrics: tuple[int, ...]
    ranges: tuple[Range, ...]
    units: tuple[int, ...]


def excluded(section: Section, limits: Limits) -> bool:
    """Tell whether no candidate of a section can meet the limits."""
    found = zip(limits.metrics, section.low, section.high, strict=True)
    return any(
        (each.high is not None and low > each.high) or (each.low is not None and high < each.low)
        for each, low, high in found
    )


def binding(section: Section, limits: Limits) -> tuple[int, ...]:
    """Return the metrics whose limit some candidates of a section do not meet, so far as is known of each alone."""
    return tuple(
        place
        for place, each in enumerate(limits.metrics)
        if not (each.holds(section.low[place]) and each.holds(section.high[place]))
    )


def excess(section: Section, limits: Limits, metrics: Sequence[int]) -> Excess:
    """Return what candidates pay beyond the cheapest, and how much of that the limits allow."""
    layers = tuple(_reduced(section, place, metrics) for place in range(len(section.graph.layers)))
    units = tuple(_unit(layer.costs[column] for layer in layers) for column in range(len(metrics)))
    return Excess(
        section.graph._replace(layers=layers),
        tuple(metrics),
        tuple(_range(section, limits, metric) for metric in metrics),
        units,
    )


def _reduced(section: Section, place: int, metrics: Sequence[int]) -> Layer:
    layer = section.graph.layers[place]
    costs = []
    for metric in metrics:
        here, there = section.ahead[metric][place : place + 2]
        costs.append(layer.costs[metric] + there[layer.target] - here[layer.source])
    return layer._replace(costs=tuple(costs))


def _range(section: Section, limits: Limits, metric: int) -> Range:
    each, low, high = limits.metrics[metric], section.low[metric], section.high[metric]
    return Range(
        max(low if each.low is None else each.low, low) - low,
        min(high if each.high is None else each.high, high) - low,
    )


def _unit(costs: "Iterator[Array]") -> int:
    """Return the common divisor of all costs; 1 where all are 0."""
    np = numpy()
    found = 0
    for each in costs:
        found = gcd(found, int(np.gcd.reduce(each)) if len(each) else 0)
    return found or 1


class Steps(NamedTuple):
    """A layer on a grid: how many steps each transition is for each metric, and what rounding left over."""

    layer: Layer
    moves: "tuple[Array, ...]"
    rests: "tuple[Array, ...]"


def gridded(found: Excess, units: Sequence[int]) -> list[Steps]:
    """Round the costs down to a grid."""
    np = numpy()
    result = []
    for layer in found.graph.layers:
        moves = tuple((cost // unit).astype(np.int64) for cost, unit in zip(layer.costs, units, strict=True))
        rests = tuple(cost - move * unit for cost, move, unit in zip(layer.costs, moves, units, strict=True))
        result.append(Steps(layer, moves, rests))
    return result


def most(steps: Sequence[Steps], column: int, *, rests: bool) -> int:
    """Return the largest sum of moves, or of what rounding left over, on any path."""
    np = numpy()
    best: Any = np.zeros(1, np.int64)
    for each in steps:
        costs = (each.rests if rests else each.moves)[column]
        best = np.maximum.reduceat(best[each.layer.source] + costs, starts(each.layer.target))
    return int(best[0])


LIMB = 32
"""Bits of a limb; as many additions as a layer has transitions fit above it."""


class Grid(NamedTuple):
    """The steps for each metric, how many bins there are, and how many limbs a multiplicity has."""

    units: tuple[int, ...]
    bins: tuple[int, ...]
    limbs: int

    @property
    def cells(self) -> int:
        """How many integers a state has."""
        return prod(self.bins) * self.limbs


def grid(found: Excess, many: int, finest: int) -> Grid:
    """Return a grid with about as many bins as that, and none finer than the common divisors."""
    each = max(2, int(finest ** (1 / len(found.units))))
    units = tuple(
        unit * max(1, -(-(limit.high // unit + 1) // each))
        for unit, limit in zip(found.units, found.ranges, strict=True)
    )
    return Grid(units, _bins(found, units), _limbs(many))


def exact_grid(found: Excess, many: int) -> Grid:
    """Return the grid on which nothing is rounded."""
    return Grid(found.units, _bins(found, found.units), _limbs(many))


def _bins(found: Excess, units: Sequence[int]) -> tuple[int, ...]:
    return tuple(limit.high // unit + 1 for unit, limit in zip(units, found.ranges, strict=True))


def _limbs(many: int) -> int:
    return 1 if many < 2**62 else -(-many.bit_length() // LIMB)


class Histogram(NamedTuple):
    """Multiplicities: for each layer of a trellis those of each state, by limb and by bin."""

    grid: Grid
    steps: tuple[Steps, ...]
    tables: "tuple[Array, ...]"
    rests: tuple[int, ...]

    @property
    def is_exact(self) -> bool:
        """Whether nothing was rounded."""
        return not any(self.rests)


def histogram(found: Excess, on: Grid, *, keep: bool = False) -> Histogram:
    """Add up all candidates; `keep` the tables of all layers, to walk back through them."""
    np = numpy()
    steps = tuple(gridded(found, on.units))
    tables = [np.zeros((1, on.limbs, *on.bins), np.int64)]
    tables[0].reshape(-1)[0] = 1
    for each, states in zip(steps, found.graph.states[1:], strict=True):
        tables.append(_next(np, tables[-1], each, states, on))
        if not keep:
            tables = tables[-1:]
    rests = tuple(most(steps, column, rests=True) for column in range(len(on.units)))
    return Histogram(on, steps, tuple(tables), rests)


def _next(np: Any, before: "Array", each: Steps, states: int, on: Grid) -> "Array":
    """Move every bin of every state along the transitions; what leaves the grid is beyond the limits."""
    after = np.zeros((states, *before.shape[1:]), np.int64)
    moves = zip(*(move.tolist() for move in each.moves), strict=True)
    rows = zip(each.layer.source.tolist(), each.layer.target.tolist(), moves, strict=True)
    for source, target, move in rows:
        if all(step < bins for step, bins in zip(move, on.bins, strict=True)):
            to = tuple(slice(step, None) for step in move)
            of = tuple(slice(0, bins - step) for step, bins in zip(move, on.bins, strict=True))
            after[target, :, *to] += before[source, :, *of]
    for limb in range(on.limbs - 1):
        after[:, limb + 1] += after[:, limb] >> LIMB
        after[:, limb] &= 2**LIMB - 1
    return after  # type: ignore[no-any-return]


def whole(limbs: "Array") -> int:
    """Return the sum of numbers in limbs, the first dimension."""
    parts = limbs.reshape(len(limbs), -1).sum(axis=1).tolist()
    return sum(part << LIMB * place for place, part in enumerate(parts))


def mask(found: Excess, on: Histogram, *, surely: bool) -> "Array":
    """Return which bins meet the limits surely, or may meet them."""
    np = numpy()
    result = np.ones(on.grid.bins, bool)
    for column, (limit, unit, bins) in enumerate(zip(found.ranges, on.grid.units, on.grid.bins, strict=True)):
        low = np.array([unit * place for place in range(bins)]) if unit * bins >= 2**62 else np.arange(bins) * unit
        high = low + on.rests[column]
        kept = (low >= limit.low) & (high <= limit.high) if surely else (high >= limit.low) & (low <= limit.high)
        result &= kept.reshape([-1 if each == column else 1 for each in range(len(on.grid.bins))])
    return result  # type: ignore[no-any-return]


def bounds(found: Excess, on: Histogram) -> tuple[int, int]:
    """Return how many candidates surely meet the limits, and how many may."""
    last = on.tables[-1][0]
    return whole(last[:, mask(found, on, surely=True)]), whole(last[:, mask(found, on, surely=False)])


Bin = tuple[int, ...]
Choose = Callable[[list[int]], int]
"""Takes weights, returns the place of one that is not 0."""


def bins(found: Excess, on: Histogram, *, surely: bool) -> Iterator[tuple[Bin, int]]:
    """Yield the bins that are not empty and meet the limits, with how many candidates are in each."""
    np = numpy()
    last = on.tables[-1][0]
    places = np.argwhere(mask(found, on, surely=surely) & last.any(axis=0))
    columns = last.reshape(len(last), -1)[:, np.ravel_multi_index(tuple(places.T), on.grid.bins)].T.tolist()
    for place, limbs in zip(places.tolist(), columns, strict=True):
        yield tuple(place), sum(limb << LIMB * each for each, limb in enumerate(limbs))


def walked_back(on: Histogram, last: Bin, choose: Choose) -> dict[int, int]:
    """Return the digits of a candidate in a bin, chosen transition by transition from the end."""
    digits: dict[int, int] = {}
    state, place = 0, last
    for each, table in zip(reversed(on.steps), reversed(on.tables[:-1]), strict=True):
        layer = each.layer
        first, end = _rows(layer.target, state)
        options = [
            (source, digit, tuple(here - step for here, step in zip(place, move, strict=True)))
            for source, digit, *move in zip(
                layer.source[first:end].tolist(),
                layer.digit[first:end].tolist(),
                *(move[first:end].tolist() for move in each.moves),
                strict=True,
            )
        ]
        weights = [_weight(table, source, before) for source, _, before in options]
        state, digits[layer.axis], place = options[choose(weights)]
    return digits


def _rows(target: "Array", state: int) -> tuple[int, int]:
    np = numpy()
    return int(np.searchsorted(target, state)), int(np.searchsorted(target, state, "right"))


def _weight(table: "Array", state: int, place: Bin) -> int:
    if min(place, default=0) < 0:
        return 0
    cell: Any = (state, slice(None), *place)
    return sum(limb << LIMB * each for each, limb in enumerate(table[cell].tolist()))


def furthest(found: Excess, on: Histogram, *, most: bool) -> dict[int, int] | None:
    """Return the digits of a candidate with the most or the least the one limit allows; None if there is none."""
    filled = numpy().flatnonzero(mask(found, on, surely=True) & on.tables[-1][0].any(axis=0))
    if not len(filled):
        return None
    return walked_back(on, (int(filled[-1 if most else 0]),), _first)


def _first(weights: list[int]) -> int:
    return next(place for place, weight in enumerate(weights) if weight)
