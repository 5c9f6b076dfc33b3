"""A space cut where some axes have a value each, and the candidates of each cut as a trellis.

Axes whose values are walks of their own are cut, and axes most others depend
on, such as the input: one value at a time they need not be remembered, and the
costs have a larger common divisor.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product as combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.spaces.elimination import Turn, turns
from flopcount.analyses.spaces.factors import METRICS, Factor, Sum, check_cells, summed
from flopcount.analyses.spaces.trellis import Trellis, cheapest, lowest, negated, paths, trellis
from flopcount.analyses.sweeps.axes import Axis, number
from flopcount.analyses.sweeps.candidates import Space
from flopcount.analyses.sweeps.recording import Varied

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

MOST_CUTS = 256
"""So many combinations of values of recorded axes are taken apart."""

FEW = 3
"""An axis that meets fewer others than this need not be cut."""

Mask = tuple[tuple[int, ...], "Array"]
"""Over some axes, which combinations are meant."""


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
