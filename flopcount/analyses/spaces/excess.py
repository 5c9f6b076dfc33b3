"""What the candidates of a section pay beyond the cheapest one, in whole multiples of a common divisor.

The potential of a state, the least still to be paid, goes into the costs: what
is paid so far is then all that matters for a limit, and no sum beyond it need be
followed.
"""

from collections.abc import Iterator, Sequence
from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.spaces.limits import Limits
from flopcount.analyses.spaces.sections import Section
from flopcount.analyses.spaces.trellis import Layer, Trellis, starts

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


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
