"""Limits on the cost of candidates, and how many candidates of a region meet them.

Multiplicities are counted on a grid. If its steps are the common divisor of all costs, the histogram is exact. If they
are larger, a candidate's cost is known up to what rounding left over on its path, and the largest such rest is known:
so a histogram tells how many candidates surely meet a limit, and how many may. A few candidates are listed instead.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, gcd, inf
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.conditions import Condition, condition, number
from flopcount.analyses.space.trellis import Mask, Region, Transitions, Trellis, check_cells, starts
from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.select import column
from flopcount.errors import UsageError, plain
from flopcount.formulas.numbers import SMALL


class Interval(NamedTuple):
    """The interval of a metric, both ends included."""

    low: float = -inf
    high: float = inf

    def holds(self, value: int) -> bool:
        """Tell whether a value is inside."""
        return self.low <= value <= self.high


class Wanted(NamedTuple):
    """A parsed condition: an interval for each metric, and masks over axes by their places."""

    text: str
    metrics: tuple[Interval, ...]
    masks: tuple[Mask, ...] = ()

    @property
    def limited(self) -> tuple[int, ...]:
        """The metrics that have a limit."""
        return tuple(place for place, each in enumerate(self.metrics) if each != Interval())

    def hold(self, costs: Sequence[int]) -> bool:
        """Tell whether a candidate's costs are inside."""
        return all(each.holds(cost) for each, cost in zip(self.metrics, costs, strict=True))


def wanted(text: str | None, space: Space) -> Wanted:
    """Read a condition; a UsageError says what a space does not support."""
    found, masks = [Interval()] * len(space.metrics), []
    if text is None:
        return Wanted("", tuple(found))
    known = condition(text, [*(each.name for each in space.axes), *space.metrics], aliases=space.convention.aliases)
    for part in _conjuncts(known.tree):
        names = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
        if names.isdisjoint(space.metrics):
            masks.append(_mask(known._replace(tree=part), names, space.axes))
            continue
        place, (low, high) = _limit(part, known, space.metrics)
        found[place] = Interval(max(low, found[place].low), min(high, found[place].high))
    return Wanted(text, tuple(found), tuple(masks))


def _conjuncts(tree: ast.expr) -> Iterator[ast.expr]:
    """Yield the conditions that must all hold: the parts of an `and`, and the pairs of a < b < c."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        for value in tree.values:
            yield from _conjuncts(value)
    elif isinstance(tree, ast.Compare):
        terms = [tree.left, *tree.comparators]
        for left, op, right in zip(terms, tree.ops, terms[1:], strict=False):
            yield ast.Compare(left, [op], [right])
    else:
        yield tree


def _mask(part: Condition, names: set[str], axes: Sequence[Axis]) -> Mask:
    """Return which values of the axes in a condition meet it."""
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


def _limit(part: ast.expr, known: Condition, metrics: Sequence[str]) -> tuple[int, Interval]:
    """Read a comparison of a metric with a number."""
    if isinstance(part, ast.Compare):
        left, right, op = part.left, part.comparators[0], type(part.ops[0])
        for name, other, relation in ((left, right, op), (right, left, _TURNED.get(op))):
            is_number = not any(isinstance(node, ast.Name) for node in ast.walk(other))
            value = number(known._replace(tree=other)) if is_number else None
            if isinstance(name, ast.Name) and name.id in metrics and value is not None and relation in _LIMITS:
                return metrics.index(name.id), _LIMITS[relation](Fraction(value))
    raise UsageError(
        f"--where {plain(known.text[:200])}: a space supports limits on metrics, joined by and, as in "
        "'macs <= 300M and params >= 1M', and any condition on its axes; use sweep --where for others"
    )


_LIMITS: Mapping[Any, Any] = {
    ast.LtE: lambda value: Interval(high=floor(value)),
    ast.Lt: lambda value: Interval(high=ceil(value) - 1),
    ast.GtE: lambda value: Interval(ceil(value)),
    ast.Gt: lambda value: Interval(floor(value) + 1),
    ast.Eq: lambda value: Interval(ceil(value), floor(value)),
}
_TURNED: Mapping[Any, Any] = {ast.LtE: ast.GtE, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.Gt: ast.Lt, ast.Eq: ast.Eq}


# The potential of a state, the least remaining cost, is part of the costs: the cost so far is then all that
# matters for a limit, and larger sums need not be followed.


class Excess(NamedTuple):
    """The cost of each transition of a region above the cheapest, the ranges of the limits, and units of the costs."""

    graph: Trellis
    ranges: tuple[range, ...]
    units: tuple[int, ...]


def excluded(region: Region, limits: Wanted) -> bool:
    """Tell whether no candidate of a region can meet the limits."""
    found = zip(limits.metrics, region.low, region.high, strict=True)
    return any(low > each.high or high < each.low for each, low, high in found)


def binding(region: Region, limits: Wanted) -> tuple[int, ...]:
    """Return the metrics whose limit some candidates of a region miss, judged by each metric alone."""
    ends = zip(limits.metrics, region.low, region.high, strict=True)
    return tuple(place for place, (each, *both) in enumerate(ends) if not all(map(each.holds, both)))


def excess(region: Region, limits: Wanted, metrics: Sequence[int]) -> Excess:
    """Return the costs of candidates above the cheapest, and how much of that the limits allow."""
    layers = []
    for place, layer in enumerate(region.graph.layers):
        pairs = ((metric, region.ahead[metric][place : place + 2]) for metric in metrics)
        costs = (layer.costs[metric] + there[layer.target] - here[layer.source] for metric, (here, there) in pairs)
        layers.append(layer._replace(costs=tuple(costs)))
    units = (gcd(*(int(numpy().gcd.reduce(each.costs[place])) for each in layers)) for place in range(len(metrics)))
    ranges = tuple(_range(limits.metrics[each], region.low[each], region.high[each]) for each in metrics)
    return Excess(region.graph._replace(layers=tuple(layers)), ranges, tuple(each or 1 for each in units))


def _range(limit: Interval, low: int, high: int) -> range:
    return range(int(max(limit.low, low)) - low, int(min(limit.high, high)) - low + 1)


class Steps(NamedTuple):
    """A layer on a grid: how many steps each transition is for each metric, and what rounding left over."""

    layer: Transitions
    moves: "tuple[Array, ...]"
    rests: "tuple[Array, ...]"


def _gridded(layer: Transitions, units: Sequence[int]) -> Steps:
    """Round the costs down to a grid."""
    moves = tuple((cost // unit).astype(numpy().int64) for cost, unit in zip(layer.costs, units, strict=True))
    rests = tuple(cost - move * unit for cost, move, unit in zip(layer.costs, moves, units, strict=True))
    return Steps(layer, moves, rests)


def _most_left_over(steps: Sequence[Steps], column: int) -> int:
    """Return the largest sum of what rounding left over on any path."""
    np = numpy()
    best: Any = np.zeros(1, np.int64)
    for each in steps:
        best = np.maximum.reduceat(best[each.layer.source] + each.rests[column], starts(each.layer.target))
    return int(best[0])


def coarse(found: Excess, finest: int) -> tuple[int, ...]:
    """Return the steps of a grid with about that many bins, none finer than the common divisors."""
    each = max(2, int(finest ** (1 / len(found.units))))
    pairs = zip(found.units, bins(found, found.units), strict=True)
    return tuple(unit * max(1, -(-many // each)) for unit, many in pairs)


def bins(found: Excess, units: Sequence[int]) -> tuple[int, ...]:
    """Return how many bins a grid with these steps has for each metric."""
    return tuple(-(-each.stop // unit) for unit, each in zip(units, found.ranges, strict=True))


class Histogram(NamedTuple):
    """Multiplicities by state and bin before each layer of a trellis, if they are kept, and by bin after the last.

    `units` are the steps of the grid, `rests` the largest sums that rounding to it left over. Tables of
    bits only tell which multiplicities are not 0.
    """

    found: Excess
    units: Sequence[int]
    steps: tuple[Steps, ...]
    tables: "tuple[Array, ...]"
    last: "Array"
    rests: tuple[int, ...]

    def mask(self, *, surely: bool) -> "Array":
        """Return which bins are not empty and meet the limits surely, or may meet them."""
        np = numpy()
        result: Array = self.last != 0
        for metric, (meant, unit, many) in enumerate(zip(self.found.ranges, self.units, self.last.shape, strict=True)):
            low = np.array([unit * place for place in range(many)]) if unit * many >= SMALL else np.arange(many) * unit
            high = low + self.rests[metric]
            least, most = (low, high) if surely else (high, low)
            kept = (least >= meant.start) & (most < meant.stop)
            result = result & kept.reshape([-1 if each == metric else 1 for each in range(len(self.units))])
        return result

    def bounds(self) -> tuple[int, int]:
        """Return how many candidates surely meet the limits, and how many may."""
        return int(self.last[self.mask(surely=True)].sum()), int(self.last[self.mask(surely=False)].sum())

    def possible(self) -> "list[tuple[Bin, int]]":
        """Return the bins that are not empty and may meet the limits, with how many candidates are in each."""
        kept = self.mask(surely=False)
        return [*zip(map(tuple, numpy().argwhere(kept).tolist()), self.last[kept].tolist(), strict=True)]

    def ends(self) -> list[dict[int, int]]:
        """Return the digits of candidates with the least and the most the one limit allows; none if none meets it."""
        filled = numpy().flatnonzero(self.mask(surely=True))
        return [self.walked_back((int(filled[end]),), _first) for end in (0, -1)] if len(filled) else []

    def walked_back(self, last: "Bin", choose: "Choose") -> dict[int, int]:
        """Return the digits of a candidate in a bin, chosen transition by transition from the end."""
        digits: dict[int, int] = {}
        state, place = 0, last
        for (layer, moves, _), table in zip(reversed(self.steps), reversed(self.tables), strict=True):
            first, end = numpy().searchsorted(layer.target, [state, state + 1])
            columns = (column[first:end].tolist() for column in (layer.source, layer.digit, *moves))
            options = [
                (source, digit, tuple(here - step for here, step in zip(place, move, strict=True)))
                for source, digit, *move in zip(*columns, strict=True)
            ]
            weights = [_weight(table, source, before) for source, _, before in options]
            state, digits[layer.axis], place = options[choose(weights)]
        return digits


Bin = tuple[int, ...]
Choose = Callable[[list[int]], int]
"""Takes weights, returns the place of one that is not 0."""


def histogram(found: Excess, units: Sequence[int], many: int, *, keep: bool = False, packed: bool = False) -> Histogram:
    """Add up all candidates; `keep` the tables before all layers, to walk back through them, or `packed` to bits."""
    np = numpy()
    steps = tuple(_gridded(layer, units) for layer in found.graph.layers)
    table = np.zeros((1, *bins(found, units)), np.int64 if many < SMALL else object)
    table.reshape(-1)[0] = 1
    kept, filled = [], [1] * len(units)
    for each, states in zip(steps, found.graph.states[1:], strict=True):
        if keep or packed:
            kept.append(np.packbits(table != 0, axis=-1) if packed else table)
        table = _next(np, table, each, states, filled)
        ends = zip(table.shape[1:], filled, each.moves, strict=True)
        filled = [min(most, end + int(move.max())) for most, end, move in ends]
    rests = tuple(_most_left_over(steps, column) for column in range(len(units)))
    return Histogram(found, units, steps, tuple(kept), table[0], rests)


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


def _weight(table: "Array", state: int, place: Bin) -> int:
    if min(place, default=0) < 0:
        return 0
    if table.dtype != numpy().uint8:
        return int(table[state, *place])
    *before, last = place
    return int(table[state, *before, last >> 3]) >> 7 - (last & 7) & 1


def _first(weights: list[int]) -> int:
    return next(place for place, weight in enumerate(weights) if weight)


# Few candidates, one by one.


class Listing(NamedTuple):
    """The candidates that meet the limits: what each costs above the cheapest, and its digits as one number."""

    paid: "tuple[Array, ...]"
    codes: "Array"
    layers: tuple[Transitions, ...]

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
    paid = [np.zeros(1, np.int64) for _ in found.units]
    for layer in found.graph.layers:
        order = np.argsort(layer.source, kind="stable")
        first = np.r_[starts(layer.source[order]), len(order)]
        degree = np.diff(first)[state]
        origin = np.repeat(np.arange(len(state)), degree)
        within = np.arange(len(origin)) - np.repeat(np.cumsum(degree) - degree, degree)
        taken = order[first[state][origin] + within]
        sums = [column[origin] + cost[taken] for column, cost in zip(paid, layer.costs, strict=True)]
        kept = np.all([each < meant.stop for each, meant in zip(sums, found.ranges, strict=True)], axis=0)
        paid = [each[kept] for each in sums]
        state, codes = layer.target[taken][kept], (codes[origin] * radix(layer) + layer.digit[taken])[kept]
    kept = np.all([each >= meant.start for each, meant in zip(paid, found.ranges, strict=True)], axis=0)
    return Listing(tuple(each[kept] for each in paid), codes[kept], found.graph.layers)


def radix(layer: Transitions) -> int:
    """Return the number of values of a layer's axis up to the last that is used."""
    return int(layer.digit.max()) + 1
