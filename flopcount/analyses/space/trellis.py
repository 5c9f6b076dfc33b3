"""A space as a sum of small tables, and all its candidates as the paths through a layered graph.

The cost of a network is a sum of tables, each over the few axes one layer depends on. A state of the graph is what has
to be remembered of the axes taken so far, a transition a value of the next, and costs are the sums along a path.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from itertools import product as combinations
from math import prod
from operator import or_
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.sweep.axes import Axis, number, size
from flopcount.analyses.sweep.evaluate import operations
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.record import Recording, Varied
from flopcount.errors import UsageError
from flopcount.formulas.numbers import SMALL, Dim, Expr, compiled, needed, total


class Stage(NamedTuple):
    """One axis taken: which axes are remembered before and after, and which scopes are complete now."""

    axis: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    complete: tuple[int, ...]

    @property
    def cells(self) -> tuple[int, ...]:
        """The axes that one table depends on."""
        return tuple(sorted({*self.before, self.axis}))


def stages(scopes: Sequence[tuple[int, ...]], sizes: Mapping[int, int]) -> tuple[Stage, ...]:
    """Return the axes in the order of the file or the other way round, whichever has fewer combinations."""
    masks = [sum(1 << axis for axis in scope) for scope in scopes]
    orders = [tuple(_stages(order, masks)) for order in (sorted(sizes), sorted(sizes, reverse=True))]
    return min(orders, key=lambda order: sum(prod(sizes[each] for each in stage.cells) for stage in order))


def _stages(order: Sequence[int], masks: Sequence[int]) -> Iterator[Stage]:
    seen, done = 0, set[int]()
    before: tuple[int, ...] = ()
    for axis in order:
        seen |= 1 << axis
        complete = tuple(place for place, mask in enumerate(masks) if place not in done and not mask & ~seen)
        done.update(complete)
        open_ = seen & reduce(or_, (mask for mask in masks if mask & ~seen), 0)  # seen, and needed later
        after = tuple(each for each in sorted(order) if open_ >> each & 1)
        yield Stage(axis, before, after, complete)
        before = after


MOST_CELLS = 4_000_000
"""A table over more combinations of values is refused."""

Mask = tuple[tuple[int, ...], "Array"]
"""Which combinations of some axes are selected."""


class Factor(NamedTuple):
    """A cost for each metric and which combinations are valid, with a dimension for each axis of a scope, rising."""

    scope: tuple[int, ...]
    costs: "tuple[Array, ...]"
    valid: "Array"


class Sum(NamedTuple):
    """A network's costs: a constant for each metric, and factors that add to it."""

    constants: tuple[int, ...]
    factors: tuple[Factor, ...]


def summed(recording: Recording, axes: Sequence[Axis], masks: Sequence[Mask] = ()) -> Sum:
    """Return a walk as a sum of tables; `masks` tell which combinations of some axes are selected."""
    checks = [each for each in recording.checks if not each.is_proved]
    np, totals = numpy(), [total(values) for values in recording.costs.values()]
    kind = np.int64 if compiled([*totals, *(each.value for each in checks)]).is_small else object
    constants, terms = zip(*map(_terms, recording.costs.values()), strict=True)
    tables = _tables(axes, [*(term for each in terms for term in each), *(each.value for each in checks)], kind)
    costs = [(*tables[term], place, times) for place, each in enumerate(terms) for term, times in each.items()]
    found = [*masks, *((tables[each.value][0], each.holds(tables[each.value][1])) for each in checks)]
    sizes = [len(each.values) for each in axes]
    scopes = _kept(costs, found)
    homes = [next(scope for scope in scopes if {*each[0]} <= {*scope}) for each in costs]
    factors = []
    for scope in scopes:
        own = [each for each, home in zip(costs, homes, strict=True) if home == scope]
        empty = tuple(np.zeros([sizes[axis] for axis in scope], kind) for _ in constants)
        factors.append(_factor(scope, empty, own, found))
    return Sum(constants, tuple(factors))


DIVISIONS = frozenset({"floor_divide", "ceil_divide", "exact_divide", "remainder"})
"""The operations that fail on a divisor of 0."""


def _tables(axes: Sequence[Axis], numbers: Iterable[Dim], kind: Any) -> "dict[Dim, tuple[tuple[int, ...], Array]]":
    """Return expressions, each over the axes it depends on and no others, for all combinations of their values."""
    np = numpy()
    places = {each.name: place for place, each in enumerate(axes)}
    found: dict[Dim, tuple[tuple[int, ...], Array]] = {}
    for node in needed(numbers):
        if node.op == "variable":
            place = places[node.args[0]]
            found[node] = (place,), np.array(axes[place].numerators, kind)
            continue
        scope = tuple(sorted({axis for each in node.operands for axis in found[each][0]}))
        check_cells([axes[place] for place in scope])
        args = [
            _laid(*found[each], scope) if isinstance(each, Expr) else np.array(each, kind)[()] for each in node.args
        ]
        if node.op in DIVISIONS and isinstance(node.args[1], Expr):
            args[1] = np.where(args[1] == 0, 1, args[1])
        found[node] = scope, np.asarray(operations(np)[node.op](*args), kind)
    return found


def check_cells(axes: Sequence[Axis]) -> None:
    """Refuse a table over too many combinations."""
    cells = size(axes)
    if cells > MOST_CELLS:
        names = ", ".join(each.name for each in axes[:5]) + (" …" if len(axes) > 5 else "")  # noqa: PLR2004  (a line)
        raise UsageError(
            f"{names}: a cost depends on {cells} combinations of these; at most {MOST_CELLS} are supported: "
            "give fewer values, or sample the grid with sweep --sample"
        )


def _laid(own: tuple[int, ...], table: "Array", scope: tuple[int, ...]) -> "Array":
    """Give a table a dimension for each axis of a scope, of size 1 where it does not depend on it."""
    sizes = dict(zip(own, table.shape, strict=True))
    return table.reshape([sizes.get(axis, 1) for axis in scope])


def _terms(values: Iterable[Dim]) -> tuple[int, dict[Expr, int]]:
    """Split sums into their addends: a constant, and expressions with how often each occurs."""
    constant, weights = 0, dict[Expr, int]()

    def add(number: Dim, times: int) -> None:
        nonlocal constant
        if isinstance(number, int):
            constant += number * times
        else:
            weights[number] = weights.get(number, 0) + times

    for value in values:
        add(value, 1)
    for node in reversed(needed(weights)):
        parts = _addends(node) if node in weights else ()
        times = weights.pop(node) if parts else 0
        for part, sign in parts:
            add(part, times * sign)
    return constant, {node: times for node, times in weights.items() if times}


def _addends(node: Expr) -> tuple[tuple[Dim, int], ...]:
    """Return the addends of an expression with how often each occurs; none if it is not a sum."""
    left, right = node.args[0], node.args[-1]
    if node.op in {"add", "subtract"}:
        return (left, 1), (right, 1 if node.op == "add" else -1)
    return ((left, right),) if node.op == "multiply" and isinstance(right, int) else ()


def _kept(costs: Sequence[Any], masks: Sequence[Mask]) -> list[tuple[int, ...]]:
    """Return the scopes of tables and masks that are not within another."""
    kept: list[tuple[int, ...]] = []
    for scope in sorted({each[0] for each in (*costs, *masks)}, key=len, reverse=True):
        if not any({*scope} <= {*larger} for larger in kept):
            kept.append(scope)
    return kept


def _factor(scope: tuple[int, ...], totals: "tuple[Array, ...]", costs: Sequence[Any], masks: Sequence[Mask]) -> Factor:
    """Add costs over some axes of a scope to its table; a mask applies to every table that has its axes."""
    valid = numpy().ones(totals[0].shape, bool)
    for own, mask in masks:
        if {*own} <= {*scope}:
            valid &= _laid(own, mask.astype(bool), scope)
    for own, table, place, times in costs:
        totals[place][...] += _laid(own, table, scope) * times
    return Factor(scope, totals, valid)


class Transitions(NamedTuple):
    """Transitions over one axis in the order of their targets: source state, value, target state and costs."""

    axis: int
    source: "Array"
    digit: "Array"
    target: "Array"
    costs: "tuple[Array, ...]"

    def picked(self, kept: "Array") -> "Transitions":
        """Return some of the transitions."""
        source, digit, target = self.source[kept], self.digit[kept], self.target[kept]
        return Transitions(self.axis, source, digit, target, tuple(each[kept] for each in self.costs))


class Trellis(NamedTuple):
    """Layers in order, and the number of states between them; there is one at each end."""

    layers: tuple[Transitions, ...]
    states: tuple[int, ...]

    @property
    def transitions(self) -> int:
        """How many transitions there are."""
        return sum(len(layer.target) for layer in self.layers)


def trellis(part: Sum, order: Sequence[Stage], sizes: Mapping[int, int]) -> Trellis | None:
    """Lay out the candidates; None if none is valid."""
    layers = [_layer(part, stage, sizes) for stage in order]
    return _pruned(layers, [prod(sizes[each] for each in stage.before) for stage in order])


def _layer(part: Sum, stage: Stage, sizes: Mapping[int, int]) -> Transitions:
    np = numpy()
    shape = [sizes[axis] for axis in stage.cells]
    places = dict(zip(stage.cells, np.indices(shape, np.int64, sparse=True), strict=True))
    valid = np.ones(shape, bool)
    costs: list[Any] = [np.int64(0) for _ in part.constants]
    for factor in (part.factors[place] for place in stage.complete):
        valid &= _laid(factor.scope, factor.valid, stage.cells)
        laid = (_laid(factor.scope, cost, stage.cells) for cost in factor.costs)
        costs = [one + other for one, other in zip(costs, laid, strict=True)]

    def numbered(axes: Sequence[int]) -> Any:
        """Return the numbers of the combinations of some axes, the last one fastest."""
        index = np.zeros((1,) * len(shape), np.int64)
        for axis in axes:
            index = index * sizes[axis] + places[axis]
        return index

    columns = numbered(stage.before), places[stage.axis], numbered(stage.after), *costs
    source, digit, target, *costs = (np.broadcast_to(each, shape)[valid] for each in columns)
    return Transitions(stage.axis, source, digit, target, tuple(costs))


def _pruned(layers: list[Transitions], before: Sequence[int]) -> Trellis | None:
    """Remove what is on no complete path, renumber the states, and order by target."""
    np = numpy()
    live = [np.zeros(many, bool) for many in (*before, 1)]
    live[0][:] = True
    for layer, here, there in zip(layers, live, live[1:], strict=False):
        there[layer.target[here[layer.source]]] = True
    for layer, here, there in reversed([*zip(layers, live, live[1:], strict=False)]):
        kept = np.zeros(len(here), bool)
        kept[layer.source[there[layer.target]]] = True
        here[:] = here & kept
    if not all(each.any() for each in live):
        return None
    numbers = [np.cumsum(each) - 1 for each in live]
    renumbered = []
    for layer, (first, second), (ours, theirs) in zip(layers, pairwise(live), pairwise(numbers), strict=True):
        kept = np.flatnonzero(first[layer.source] & second[layer.target])
        found = layer.picked(kept[np.argsort(layer.target[kept], kind="stable")])
        renumbered.append(found._replace(source=ours[found.source], target=theirs[found.target]))
    return Trellis(tuple(renumbered), tuple(int(each.sum()) for each in live))


def starts(sorted_: "Array") -> "Array":
    """Return where each number starts in a sorted column in which every number from 0 occurs."""
    np = numpy()
    return np.flatnonzero(np.r_[True, sorted_[1:] != sorted_[:-1]])  # type: ignore[no-any-return]


def paths(graph: Trellis) -> int:
    """Return how many candidates there are."""
    np = numpy()
    kind = np.int64 if prod(int(np.bincount(layer.target).max()) for layer in graph.layers) < SMALL else object
    found = np.ones(1, kind)
    for layer in graph.layers:
        found = np.add.reduceat(found[layer.source], starts(layer.target))
    return int(found[0])


def lowest(graph: Trellis, metric: int, sign: int) -> "list[Array]":
    """Return for each layer the least remaining sign × metric from each state to the end."""
    np = numpy()
    found = [np.zeros(1, np.int64)]
    for layer in reversed(graph.layers):
        order = np.argsort(layer.source, kind="stable")
        ahead = sign * layer.costs[metric] + found[-1][layer.target]
        found.append(np.minimum.reduceat(ahead[order], starts(layer.source[order])))
    return found[::-1]


def cheapest(graph: Trellis, metric: int, sign: int, ahead: "Sequence[Array]") -> dict[int, int]:
    """Return the digits of a path with the least sign × metric."""
    np = numpy()
    digits: dict[int, int] = {}
    state = 0
    for place, layer in enumerate(graph.layers):
        mine = np.flatnonzero(layer.source == state)
        total = sign * layer.costs[metric][mine] + ahead[place + 1][layer.target[mine]]
        chosen = mine[int(np.flatnonzero(total == ahead[place][state])[0])]
        digits[layer.axis] = int(layer.digit[chosen])
        state = int(layer.target[chosen])
    return digits


# A space is cut at the axes whose values are traced by themselves, and at those most others depend on, such as the
# input: at one value at a time they need not be remembered, and the costs have a larger common divisor.

MOST_CUTS = 256
"""At most this many combinations of values of recorded axes are separated."""

FEW = 3
"""An axis that meets fewer others than this need not be cut."""


class Member(NamedTuple):
    """One candidate of a space: its number and what it costs, by metric."""

    id: int
    costs: tuple[int, ...]


class Region(NamedTuple):
    """The valid candidates in which some axes have a value: how many, and the least and most of each metric.

    `digits` say which value; `constants` are common costs. `ahead` is, for each metric, the least remaining
    cost at each state, and `behind` the same of the negated metric.
    """

    digits: Mapping[int, int]
    constants: tuple[int, ...]
    graph: Trellis
    many: int
    ahead: "tuple[list[Array], ...]"
    behind: "tuple[list[Array], ...]"

    @property
    def low(self) -> tuple[int, ...]:
        """The least of each metric."""
        return tuple(c + int(each[0][0]) for c, each in zip(self.constants, self.ahead, strict=True))

    @property
    def high(self) -> tuple[int, ...]:
        """The most of each metric."""
        return tuple(c - int(each[0][0]) for c, each in zip(self.constants, self.behind, strict=True))

    def ends(self, metric: int) -> tuple[dict[int, int], dict[int, int]]:
        """Return the digits of a candidate with the least of a metric, and of one with the most."""
        least = cheapest(self.graph, metric, 1, self.ahead[metric])
        return {**self.digits, **least}, {**self.digits, **cheapest(self.graph, metric, -1, self.behind[metric])}


class Regions(NamedTuple):
    """A space as regions, and the sums a candidate can be counted from by the places of the listed axes."""

    space: Space
    listed: tuple[int, ...]
    sums: Mapping[tuple[int, ...], Sum]
    regions: tuple[Region, ...]

    def member(self, digits: Mapping[int, int]) -> Member:
        """Count one candidate."""
        places = tuple(digits[axis] for axis in range(len(self.space.axes)))
        found = restricted(self.sums[tuple(digits[axis] for axis in self.listed)], digits)
        return Member(number([len(each.values) for each in self.space.axes], places), found.constants if found else ())


def cut(walked: Varied, masks: Sequence[Mask]) -> Regions:
    """Trace a space and cut it; axes that do not fit are an error that names them."""
    axes = walked.space.axes
    listed = tuple(place for place, each in enumerate(axes) if each.name in walked.listed)
    sums: dict[tuple[int, ...], Sum] = {}
    found: list[Region] = []
    for places, recording in walked.recordings():
        if recording is not None:
            sums[places] = summed(recording, axes, masks)
            found += _regions(sums[places], dict(zip(listed, places, strict=True)), axes)
    return Regions(walked.space, listed, sums, tuple(found))


def _regions(whole: Sum, fixed: Mapping[int, int], axes: Sequence[Axis]) -> Iterator[Region]:
    """Cut the candidates of one trace further, and yield the regions that have a valid one."""
    shared = _shared([factor.scope for factor in whole.factors], fixed, axes)
    order: tuple[Stage, ...] = ()
    sizes = {place: len(each.values) for place, each in enumerate(axes) if place not in {*fixed, *shared}}
    for places in combinations(*(range(len(axes[axis].values)) for axis in shared)):
        digits = {**fixed, **dict(zip(shared, places, strict=True))}
        part = restricted(whole, digits)
        if part is None:
            continue
        if not order:
            order = stages([factor.scope for factor in part.factors], sizes)
            for stage in order:
                check_cells([axes[axis] for axis in stage.cells])
        graph = trellis(part, order, sizes)
        if graph is not None:
            metrics = range(len(part.constants))
            ahead, behind = (tuple(lowest(graph, metric, sign) for metric in metrics) for sign in (1, -1))
            yield Region(digits, part.constants, graph, paths(graph), ahead, behind)


def _shared(scopes: Sequence[tuple[int, ...]], fixed: Mapping[int, int], axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return the axes that meet at least half of the others in some table, as many as may be cut."""
    met = {
        place: {*(each for scope in scopes if place in scope for each in scope)} - {place, *fixed}
        for place in range(len(axes))
        if place not in fixed
    }
    wide = [place for place in met if len(met[place]) >= max(FEW, (len(met) - 1) // 2)]
    found: list[int] = []
    for place in sorted(wide, key=lambda each: -len(met[each])):
        if prod(len(axes[each].values) for each in (*found, place)) <= MOST_CUTS:
            found.append(place)
    return tuple(sorted(found))


def restricted(whole: Sum, digits: Mapping[int, int]) -> Sum | None:
    """Return the sum with some axes at a value; None if that is impossible."""
    constants, factors = [*whole.constants], []
    for factor in whole.factors:
        cuts = tuple(digits.get(axis, slice(None)) for axis in factor.scope)
        scope = tuple(axis for axis in factor.scope if axis not in digits)
        valid = numpy().asarray(factor.valid[cuts])
        costs = [cost[cuts] for cost in factor.costs]
        if scope:
            factors.append(Factor(scope, tuple(costs), valid))
        elif valid:
            constants = [constant + int(cost) for constant, cost in zip(constants, costs, strict=True)]
        else:
            return None
    return Sum(tuple(constants), tuple(factors))
