"""Limits of what candidates pay, and how many candidates of a section meet them.

Multiplicities are counted on a grid. If its steps are the common divisor of all costs,
the histogram is exact. If they are larger, a candidate's cost is known up to what rounding
left over on its path, and the largest such rest is known: so a histogram tells how many
candidates surely meet a limit, and how many may. A few candidates are listed instead.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, gcd
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.conditions import Condition, condition, number
from flopcount.analyses.space.trellis import METRICS, Layer, Section, Trellis, check_cells, starts
from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.select import column
from flopcount.errors import UsageError, plain
from flopcount.formulas.numbers import SMALL

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Limit(NamedTuple):
    """From which integer to which a metric may be, both included; None where there is no end."""

    low: int | None = None
    high: int | None = None

    def holds(self, value: int) -> bool:
        """Tell whether a value is inside."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def narrowed(self, other: "Limit") -> "Limit":
        """Return what is inside both."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        return Limit(max(lows, default=None), min(highs, default=None))


class Limits(NamedTuple):
    """What is asked for: a limit for each metric, and masks over axes by their places."""

    text: str = ""
    metrics: tuple[Limit, ...] = (Limit(),) * len(METRICS)
    masks: "tuple[tuple[tuple[int, ...], Array], ...]" = ()

    @property
    def limited(self) -> tuple[int, ...]:
        """The metrics that have a limit."""
        return tuple(place for place, each in enumerate(self.metrics) if each != Limit())

    def hold(self, costs: Sequence[int]) -> bool:
        """Tell whether a candidate's costs are inside."""
        return all(each.holds(cost) for each, cost in zip(self.metrics, costs, strict=True))


def limits(text: str | None, axes: Sequence[Axis]) -> Limits:
    """Read a condition; a UsageError says what a space cannot be asked."""
    if text is None:
        return Limits()
    known = condition(text, [*(each.name for each in axes), *METRICS])
    metrics, masks = [Limit()] * len(METRICS), []
    for part in _conjuncts(known.tree):
        names = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
        if not names & {*METRICS}:
            masks.append(_mask(known._replace(tree=part), names, axes))
            continue
        metric, limit = _limit(part, known)
        metrics[metric] = metrics[metric].narrowed(limit)
    return Limits(text, tuple(metrics), tuple(masks))


def _conjuncts(tree: ast.expr) -> Iterator[ast.expr]:
    """Yield what has to hold together: the parts of an `and`, and the pairs of a < b < c."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        for value in tree.values:
            yield from _conjuncts(value)
    elif isinstance(tree, ast.Compare):
        terms = [tree.left, *tree.comparators]
        for left, op, right in zip(terms, tree.ops, terms[1:], strict=False):
            yield ast.Compare(left, [op], [right])
    else:
        yield tree


def _mask(part: Condition, names: set[str], axes: Sequence[Axis]) -> "tuple[tuple[int, ...], Array]":
    """Return over the axes a condition is about which of their values meet it."""
    np = numpy()
    scope = tuple(place for place, each in enumerate(axes) if each.name in names)
    check_cells([axes[place] for place in scope])
    shape = [len(axes[place].values) for place in scope]
    columns = {
        axes[place].name: column(axes[place].values).reshape([-1 if each == place else 1 for each in scope])
        for place in scope
    }
    with np.errstate(all="ignore"):
        return scope, np.broadcast_to(np.asarray(part(columns), bool), shape)


def _limit(part: ast.expr, known: Condition) -> tuple[int, Limit]:
    """Read a comparison of a metric with a number."""
    if isinstance(part, ast.Compare):
        left, right, op = part.left, part.comparators[0], type(part.ops[0])
        for name, other, relation in ((left, right, op), (right, left, _TURNED.get(op))):
            metric = name.id if isinstance(name, ast.Name) else ""
            value = number(known._replace(tree=other)) if metric in METRICS and not _names(other) else None
            if value is not None and relation in _LIMITS:
                return METRICS.index(metric), _LIMITS[relation](Fraction(value))
    raise UsageError(
        f"--where {plain(known.text[:200])}: a space is asked for limits of macs and params, joined by and, as in "
        "'macs <= 300M and params >= 1M', and for any condition on its axes; sweep --where takes every other"
    )


def _names(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) for node in ast.walk(tree))


_LIMITS: Mapping[Any, Any] = {
    ast.LtE: lambda value: Limit(None, floor(value)),
    ast.Lt: lambda value: Limit(None, ceil(value) - 1),
    ast.GtE: lambda value: Limit(ceil(value), None),
    ast.Gt: lambda value: Limit(floor(value) + 1, None),
    ast.Eq: lambda value: Limit(ceil(value), floor(value)),
}
_TURNED: Mapping[Any, Any] = {ast.LtE: ast.GtE, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.Gt: ast.Lt, ast.Eq: ast.Eq}


# What the candidates of a section pay beyond the cheapest one, in multiples of a common divisor.
#
# The potential of a state, the least still to be paid, goes into the costs: what is paid
# so far is then all that matters for a limit, and sums beyond it need not be followed.


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


class Grid(NamedTuple):
    """The step and the number of bins for each metric."""

    units: tuple[int, ...]
    bins: tuple[int, ...]


def grid(found: Excess, finest: int) -> Grid:
    """Return a grid with about that many bins, none finer than the common divisors."""
    each = max(2, int(finest ** (1 / len(found.units))))
    pairs = zip(found.units, found.ranges, strict=True)
    return _grid(found, [unit * max(1, -(-(limit.high // unit + 1) // each)) for unit, limit in pairs])


def exact_grid(found: Excess) -> Grid:
    """Return the grid on which nothing is rounded."""
    return _grid(found, found.units)


def _grid(found: Excess, units: Sequence[int]) -> Grid:
    return Grid(tuple(units), tuple(each.high // unit + 1 for unit, each in zip(units, found.ranges, strict=True)))


class Histogram(NamedTuple):
    """Multiplicities by state and bin before each layer of a trellis, if they are kept, and by bin after the last.

    `packed` tables only tell which multiplicities are not 0, in bits.
    """

    grid: Grid
    steps: tuple[Steps, ...]
    tables: "tuple[Array, ...]"
    last: "Array"
    rests: tuple[int, ...]
    packed: bool


def histogram(found: Excess, on: Grid, many: int, *, keep: bool = False, packed: bool = False) -> Histogram:
    """Add up all candidates; `keep` the tables before all layers, to walk back through them."""
    np = numpy()
    steps = tuple(gridded(found, on.units))
    table = np.zeros((1, *on.bins), np.int64 if many < SMALL else object)
    table.reshape(-1)[0] = 1
    kept, filled = [], [1] * len(on.bins)
    for each, states in zip(steps, found.graph.states[1:], strict=True):
        if keep:
            kept.append(np.packbits(table != 0, axis=-1) if packed else table)
        table = _next(np, table, each, states, filled)
        filled = [min(bins, end + int(move.max())) for bins, end, move in zip(on.bins, filled, each.moves, strict=True)]
    rests = tuple(most(steps, column, rests=True) for column in range(len(on.units)))
    return Histogram(on, steps, tuple(kept), table[0], rests, packed)


def _next(np: Any, before: "Array", each: Steps, states: int, filled: Sequence[int]) -> "Array":
    """Move every bin of every state along the transitions; what leaves the grid is beyond the limits."""
    after = np.zeros((states, *before.shape[1:]), before.dtype)
    moves = zip(*(move.tolist() for move in each.moves), strict=True)
    for source, target, move in zip(each.layer.source.tolist(), each.layer.target.tolist(), moves, strict=True):
        ends = [min(end, bins - step) for end, bins, step in zip(filled, before.shape[1:], move, strict=True)]
        if min(ends) > 0:
            to = tuple(slice(step, step + end) for step, end in zip(move, ends, strict=True))
            after[target, *to] += before[source, *(slice(0, end) for end in ends)]
    return after  # type: ignore[no-any-return]


def mask(found: Excess, on: Histogram, *, surely: bool) -> "Array":
    """Return which bins meet the limits surely, or may meet them."""
    np = numpy()
    result = np.ones(on.grid.bins, bool)
    for metric, (limit, unit, bins) in enumerate(zip(found.ranges, on.grid.units, on.grid.bins, strict=True)):
        low = np.array([unit * place for place in range(bins)]) if unit * bins >= SMALL else np.arange(bins) * unit
        high = low + on.rests[metric]
        kept = (low >= limit.low) & (high <= limit.high) if surely else (high >= limit.low) & (low <= limit.high)
        result &= kept.reshape([-1 if each == metric else 1 for each in range(len(on.grid.bins))])
    return result  # type: ignore[no-any-return]


def bounds(found: Excess, on: Histogram) -> tuple[int, int]:
    """Return how many candidates surely meet the limits, and how many may."""
    lower, upper = (int(on.last[mask(found, on, surely=surely)].sum()) for surely in (True, False))
    return lower, upper


Bin = tuple[int, ...]
Choose = Callable[[list[int]], int]
"""Takes weights, returns the place of one that is not 0."""


def possible(found: Excess, on: Histogram) -> Iterator[tuple[Bin, int]]:
    """Yield the bins that are not empty and may meet the limits, with how many candidates are in each."""
    kept = mask(found, on, surely=False) & (on.last != 0)
    yield from zip(map(tuple, numpy().argwhere(kept).tolist()), on.last[kept].tolist(), strict=True)


def walked_back(on: Histogram, last: Bin, choose: Choose) -> dict[int, int]:
    """Return the digits of a candidate in a bin, chosen transition by transition from the end."""
    digits: dict[int, int] = {}
    state, place = 0, last
    for each, table in zip(reversed(on.steps), reversed(on.tables), strict=True):
        layer = each.layer
        first, end = numpy().searchsorted(layer.target, [state, state + 1])
        columns = (layer.source, layer.digit, *each.moves)
        options = [
            (source, digit, tuple(here - step for here, step in zip(place, move, strict=True)))
            for source, digit, *move in zip(*(column[first:end].tolist() for column in columns), strict=True)
        ]
        weights = [_weight(table, source, before, packed=on.packed) for source, _, before in options]
        state, digits[layer.axis], place = options[choose(weights)]
    return digits


def _weight(table: "Array", state: int, place: Bin, *, packed: bool) -> int:
    if min(place, default=0) < 0:
        return 0
    if packed:
        *before, last = place
        return int(table[state, *before, last >> 3]) >> 7 - (last & 7) & 1
    return int(table[state, *place])


def furthest(found: Excess, on: Histogram, *, most: bool) -> dict[int, int] | None:
    """Return the digits of a candidate with the most or the least the one limit allows; None if there is none."""
    filled = numpy().flatnonzero(mask(found, on, surely=True) & (on.last != 0))
    if not len(filled):
        return None
    return walked_back(on, (int(filled[-1 if most else 0]),), _first)


def _first(weights: list[int]) -> int:
    return next(place for place, weight in enumerate(weights) if weight)


# Few candidates, one by one.


class Listing(NamedTuple):
    """The candidates that meet the limits: what each pays beyond the cheapest, and its digits as one number."""

    paid: "tuple[Array, ...]"
    codes: "Array"
    layers: tuple[Layer, ...]

    def digits(self, place: int) -> dict[int, int]:
        """Return the digits of a candidate."""
        code, found = int(self.codes[place]), dict[int, int]()
        for layer in reversed(self.layers):
            code, found[layer.axis] = divmod(code, radix(layer))
        return found


def listing(found: Excess) -> Listing:
    """List the candidates that meet the limits."""
    np = numpy()
    state, codes = np.zeros(1, np.int64), np.zeros(1, np.int64)
    paid = [np.zeros(1, np.int64) for _ in found.metrics]
    for layer in found.graph.layers:
        order = np.argsort(layer.source, kind="stable")
        first = np.r_[starts(layer.source[order]), len(order)]
        degree = np.diff(first)[state]
        origin = np.repeat(np.arange(len(state)), degree)
        within = np.arange(len(origin)) - np.repeat(np.cumsum(degree) - degree, degree)
        taken = order[first[state][origin] + within]
        sums = [column[origin] + cost[taken] for column, cost in zip(paid, layer.costs, strict=True)]
        kept = _all(np, [each <= limit.high for each, limit in zip(sums, found.ranges, strict=True)])
        paid = [each[kept] for each in sums]
        state, codes = layer.target[taken][kept], (codes[origin] * radix(layer) + layer.digit[taken])[kept]
    kept = _all(np, [each >= limit.low for each, limit in zip(paid, found.ranges, strict=True)])
    return Listing(tuple(each[kept] for each in paid), codes[kept], found.graph.layers)


def _all(np: Any, masks: "Sequence[Array]") -> "Array":
    return np.logical_and.reduce(masks)  # type: ignore[no-any-return]


def radix(layer: Layer) -> int:
    """Return how many values the axis of a layer has, counted up to the last that is used."""
    return int(layer.digit.max()) + 1
