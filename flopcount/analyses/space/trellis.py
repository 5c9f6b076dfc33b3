"""All candidates as the paths through a layered graph, a layer for each axis.

A state is what has to be remembered of the axes taken so far, a transition is a
value of the next axis, and a candidate's costs are the sums along its path.
States that no whole path goes through are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from itertools import product as combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.space.factors import METRICS, Factor, Mask, Sum, Turn, check_cells, summed, turns
from flopcount.analyses.sweep.axes import Axis, number
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.record import Varied
from flopcount.formulas.numbers import SMALL

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Layer(NamedTuple):
    """Transitions over one axis in the order of their targets: whence, with which value, whither, at what costs."""

    axis: int
    source: "Array"
    digit: "Array"
    target: "Array"
    costs: "tuple[Array, ...]"


class Trellis(NamedTuple):
    """Layers one after the other, and how many states are between them; the first and the last are one."""

    layers: tuple[Layer, ...]
    states: tuple[int, ...]

    @property
    def transitions(self) -> int:
        """How many transitions there are."""
        return sum(len(layer.target) for layer in self.layers)


def trellis(factors: Sequence[Factor], turns: Sequence[Turn], sizes: Mapping[int, int]) -> Trellis | None:
    """Lay out the candidates; None where none is valid."""
    layers = [_layer(factors, turn, sizes) for turn in turns]
    return _pruned(layers, [prod(sizes[each] for each in turn.before) for turn in turns])


def _layer(factors: Sequence[Factor], turn: Turn, sizes: Mapping[int, int]) -> Layer:
    np = numpy()
    cells = turn.cells
    shape = [sizes[axis] for axis in cells]
    places = dict(zip(cells, np.indices(shape, np.int64, sparse=True) if cells else (), strict=True))
    valid = np.ones(shape, bool)
    costs: list[Any] = [np.zeros(shape, np.int64) for _ in METRICS]
    for factor in (factors[place] for place in turn.complete):
        laid = [sizes[axis] if axis in factor.scope else 1 for axis in cells]
        valid &= factor.valid.reshape(laid)
        for place, cost in enumerate(factor.costs):
            costs[place] = costs[place] + cost.reshape(laid)
    source, target = (_index(np, axes, places, sizes, shape) for axes in (turn.before, turn.after))
    digit = np.broadcast_to(places[turn.axis], shape)
    kept = valid.reshape(-1)
    columns = [each.reshape(-1)[kept] for each in (source, digit, target, *costs)]
    return Layer(turn.axis, columns[0], columns[1], columns[2], tuple(columns[3:]))


def _index(
    np: Any, axes: Sequence[int], places: "Mapping[int, Array]", sizes: Mapping[int, int], shape: Sequence[int]
) -> Any:
    """Return the numbers of the combinations of some axes, the last one fastest."""
    index = np.zeros((1,) * len(shape), np.int64)
    for axis in axes:
        index = index * sizes[axis] + places[axis]
    return np.broadcast_to(index, shape)


def _pruned(layers: list[Layer], before: Sequence[int]) -> Trellis | None:
    """Leave out what no whole path goes through, number the states anew, and order by target."""
    np = numpy()
    states = [*before, 1]
    live = [np.zeros(many, bool) for many in states]
    live[0][:] = True
    for place, layer in enumerate(layers):
        live[place + 1][layer.target[live[place][layer.source]]] = True
    for place in range(len(layers) - 1, -1, -1):
        kept = np.zeros(states[place], bool)
        kept[layers[place].source[live[place + 1][layers[place].target]]] = True
        live[place] &= kept
    if not all(each.any() for each in live):
        return None
    numbers = [np.cumsum(each) - 1 for each in live]
    renumbered = []
    for layer, (first, second), (ours, theirs) in zip(layers, pairwise(live), pairwise(numbers), strict=True):
        kept = np.flatnonzero(first[layer.source] & second[layer.target])
        kept = kept[np.argsort(layer.target[kept], kind="stable")]
        renumbered.append(
            Layer(
                layer.axis,
                ours[layer.source[kept]],
                layer.digit[kept],
                theirs[layer.target[kept]],
                tuple(cost[kept] for cost in layer.costs),
            )
        )
    return Trellis(tuple(renumbered), tuple(int(each.sum()) for each in live))


def starts(sorted_: "Array") -> "Array":
    """Return where each number starts in a sorted column in which every number from 0 occurs."""
    np = numpy()
    return np.flatnonzero(np.r_[True, sorted_[1:] != sorted_[:-1]])  # type: ignore[no-any-return]


def counts(graph: Trellis) -> "list[Array]":
    """Return for each layer how many paths lead to each state; Python's integers where int64 might not hold them."""
    np = numpy()
    kind = np.int64 if prod(int(np.bincount(layer.target).max()) for layer in graph.layers) < SMALL else object
    found = [np.ones(1, kind)]
    for layer in graph.layers:
        found.append(np.add.reduceat(found[-1][layer.source], starts(layer.target)))
    return found


def paths(graph: Trellis) -> int:
    """Return how many candidates there are."""
    return int(counts(graph)[-1][0])


def lowest(graph: Trellis, metric: int) -> "list[Array]":
    """Return for each layer the least that is still to be paid from each state to the end."""
    np = numpy()
    found = [np.zeros(1, np.int64)]
    for layer in reversed(graph.layers):
        order = np.argsort(layer.source, kind="stable")
        ahead = layer.costs[metric] + found[-1][layer.target]
        found.append(np.minimum.reduceat(ahead[order], starts(layer.source[order])))
    return found[::-1]


def negated(graph: Trellis, metric: int) -> Trellis:
    """Return the graph with one metric only, its sign turned."""
    return graph._replace(layers=tuple(each._replace(costs=(-each.costs[metric],)) for each in graph.layers))


def cheapest(graph: Trellis, metric: int, ahead: "Sequence[Array]") -> dict[int, int]:
    """Return the digits of a path that pays the least."""
    np = numpy()
    digits: dict[int, int] = {}
    state = 0
    for place, layer in enumerate(graph.layers):
        mine = np.flatnonzero(layer.source == state)
        total = layer.costs[metric][mine] + ahead[place + 1][layer.target[mine]]
        chosen = mine[int(np.flatnonzero(total == ahead[place][state])[0])]
        digits[layer.axis] = int(layer.digit[chosen])
        state = int(layer.target[chosen])
    return digits


# A space cut where some axes have a value each, and the candidates of each cut as a trellis.
#
# Axes whose values are walks of their own are cut, and axes most others depend
# on, such as the input: one value at a time they need not be remembered, and the
# costs have a larger common divisor.


MOST_CUTS = 256
"""So many combinations of values of recorded axes are taken apart."""

FEW = 3
"""An axis that meets fewer others than this need not be cut."""


class Candidate(NamedTuple):
    """One candidate: its number and what it costs, by metric."""

    id: int
    costs: tuple[int, ...]


class Section(NamedTuple):
    """The valid candidates in which some axes have a value: how many, and the least and most of each metric.

    `digits` say which value; `constants` are what all pay. `ahead` is, for each
    metric, the least that is still to be paid at each state.
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

    def lowest(self, metric: int) -> dict[int, int]:
        """Return the digits of a candidate with the least of a metric."""
        return {**self.digits, **cheapest(self.graph, metric, self.ahead[metric])}

    def highest(self, metric: int) -> dict[int, int]:
        """Return the digits of a candidate with the most of a metric."""
        return {**self.digits, **cheapest(negated(self.graph, metric), 0, self.behind[metric])}


class Sections(NamedTuple):
    """A space as sections, and the sums a candidate can be counted from by the places of the listed axes."""

    space: Space
    listed: tuple[int, ...]
    sums: Mapping[tuple[int, ...], Sum]
    sections: tuple[Section, ...]

    def candidate(self, digits: Mapping[int, int]) -> Candidate:
        """Count one candidate."""
        places = tuple(digits[axis] for axis in range(len(self.space.axes)))
        found = self.sums[tuple(digits[axis] for axis in self.listed)]
        costs = tuple(
            constant
            + sum(int(factor.costs[m][tuple(digits[axis] for axis in factor.scope)]) for factor in found.factors)
            for m, constant in enumerate(found.constants)
        )
        return Candidate(number([len(each.values) for each in self.space.axes], places), costs)


def cut(walked: Varied, masks: Sequence[Mask]) -> Sections:
    """Walk a space and cut it; axes that do not fit are an error that names them."""
    axes = walked.space.axes
    listed = tuple(place for place, each in enumerate(axes) if each.name in walked.listed)
    sums: dict[tuple[int, ...], Sum] = {}
    found: list[Section] = []
    for places, recording in walked.recordings():
        if recording is not None:
            sums[places] = summed(recording, axes, masks)
            found += _sections(sums[places], dict(zip(listed, places, strict=True)), axes)
    return Sections(walked.space, listed, sums, tuple(found))


def _sections(whole: Sum, fixed: Mapping[int, int], axes: Sequence[Axis]) -> Iterator[Section]:
    """Cut the candidates of one walk further, and yield the sections that have a valid one."""
    shared = _shared([factor.scope for factor in whole.factors], fixed, axes)
    order: tuple[Turn, ...] | None = None
    sizes = {place: len(each.values) for place, each in enumerate(axes) if place not in {*fixed, *shared}}
    for places in combinations(*(range(len(axes[axis].values)) for axis in shared)):
        digits = {**fixed, **dict(zip(shared, places, strict=True))}
        part = restricted(whole, digits)
        if part is None:
            continue
        if order is None:
            order = turns([factor.scope for factor in part.factors], sizes)
            for turn in order:
                check_cells([axes[axis] for axis in turn.cells])
        graph = trellis(part.factors, order, sizes)
        if graph is not None:
            yield _section(digits, part.constants, graph)


def _section(digits: Mapping[int, int], constants: tuple[int, ...], graph: Trellis) -> Section:
    metrics = range(len(METRICS))
    ahead = tuple(lowest(graph, metric) for metric in metrics)
    behind = tuple(lowest(negated(graph, metric), 0) for metric in metrics)
    return Section(digits, constants, graph, paths(graph), ahead, behind)


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
    """Return the sum where some axes have a value; None where that cannot be."""
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
