"""How many candidates of a space meet limits: exactly where that can be afforded, else between two bounds."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from flopcount.analyses.space import histograms, joining
from flopcount.analyses.space.histograms import (
    Excess,
    Grid,
    binding,
    bounds,
    exact_grid,
    excess,
    excluded,
    grid,
    histogram,
)
from flopcount.analyses.space.joining import MOST_SUMS, Middle, halves, middle
from flopcount.analyses.space.limits import Limits
from flopcount.analyses.space.trellis import Section
from flopcount.errors import UsageError

Mode = Literal["auto", "exact", "bounds"]
"""Whether a count has to be exact, need not be, or is if that takes less than `AFFORDED` seconds."""

AFFORDED = 30.0
"""An exact count that is expected to take more seconds than this is made only on demand."""

SECONDS_PER_BIN, SECONDS_PER_MOVE = 2e-9, 5e-6
"""What a bin and a transition of a histogram cost, about."""

MOST_CELLS = 60_000_000
"""A histogram keeps no more integers than this at a time."""

ROUGH_WORK = {1: 150_000_000, 2: 400_000_000}
"""Bins that all histograms of bounds together may move, by how many metrics are limited."""

FINEST, COARSEST = 2**19, 2**6
"""The most and the fewest bins of a histogram of bounds."""


class Count(NamedTuple):
    """A number that lies between two others; it is exact where they are the same."""

    lower: int
    upper: int

    @property
    def is_exact(self) -> bool:
        """Whether the number is known."""
        return self.lower == self.upper


class Part(NamedTuple):
    """A section of which some candidates meet the limits and others do not; `alone` has two metrics one by one."""

    section: Section
    excess: Excess
    alone: tuple[Excess, ...] = ()


class Plan(NamedTuple):
    """How a section is counted exactly: on a grid or by meeting in the middle; and how long that takes, about."""

    way: Grid | Middle
    seconds: float


def parts(sections: Sequence[Section], limits: Limits) -> Iterator[Part]:
    """Yield the sections that limits cut through."""
    for section in sections:
        metrics = binding(section, limits)
        if metrics and not excluded(section, limits):
            alone = [excess(section, limits, (metric,)) for metric in metrics] if len(metrics) > 1 else []
            yield Part(section, excess(section, limits, metrics), tuple(alone))


def inside(sections: Sequence[Section], limits: Limits) -> Iterator[Section]:
    """Yield the sections all of whose candidates meet the limits."""
    return (each for each in sections if not binding(each, limits))


def planned(found: Sequence[Part], mode: Mode) -> list[Plan] | None:
    """Choose the faster way for each section; None where bounds have to do."""
    if mode == "bounds":
        return None
    plans = [_plan(each) for each in found]
    known = [each for each in plans if each is not None]
    if len(known) < len(plans):
        if mode == "exact":
            raise UsageError("--exact: the sums do not fit into memory or 63 bits; leave it out for bounds")
        return None
    return None if mode == "auto" and sum(each.seconds for each in known) > AFFORDED else known


def _plan(each: Part) -> Plan | None:
    options: list[Plan] = []
    on = exact_grid(each.excess, each.section.many)
    if on.cells * sum(each.excess.graph.states) <= MOST_CELLS:
        moves = each.excess.graph.transitions
        options.append(Plan(on, moves * (SECONDS_PER_MOVE + on.cells * SECONDS_PER_BIN)))
    way = middle(each.excess)
    if way is not None and way.sums * len(each.excess.units) ** 2 <= MOST_SUMS:
        options.append(Plan(way, way.seconds * (1 if each.section.many < 2**62 else 10)))
    return min(options, key=lambda plan: plan.seconds, default=None)


def _widest(found: Excess) -> int:
    """Return how many states two neighbouring layers have together at most."""
    states = found.graph.states
    return max((one + other for one, other in pairwise(states)), default=1)


class Found(NamedTuple):
    """How many candidates of a section meet the limits, and those with the least and the most of the one metric."""

    many: Count
    ends: tuple[dict[int, int], dict[int, int]] | None = None


def exactly(each: Part, plan: Plan) -> Found:
    """Count the candidates of a section that meet the limits; where they are of one metric, find its ends."""
    if isinstance(plan.way, Grid):
        on = histogram(each.excess, plan.way, keep=True)
        count, furthest = Count(*bounds(each.excess, on)), partial(histograms.furthest, each.excess, on)
    else:
        both = halves(each.excess, plan.way.layer, each.section.many)
        many = joining.met(each.excess, both)
        count, furthest = Count(many, many), partial(joining.furthest, each.excess, both)
    if len(each.excess.metrics) > 1 or not count.lower:
        return Found(count)
    least, most = furthest(most=False), furthest(most=True)
    return Found(count, ({**each.section.digits, **(least or {})}, {**each.section.digits, **(most or {})}))


def roughly(each: Part, finest: int) -> Count:
    """Bound the candidates of a section that meet the limits; the bounds for each metric alone hold too."""
    lower, upper = _bounded(each.excess, each.section.many, finest)
    alone = [_bounded(found, each.section.many, finest) for found in each.alone]
    missing = sum(each.section.many - count.lower for count in alone)
    lowest = each.section.many - missing if alone else 0
    return Count(max(lower, lowest), min([upper, *(count.upper for count in alone)]))


def _bounded(found: Excess, many: int, finest: int) -> Count:
    return Count(*bounds(found, histogram(found, grid(found, many, finest))))


def bins(found: Sequence[Part], *, keep: bool = False) -> int:
    """Return how many bins each histogram of bounds may have."""
    work = sum(each.excess.graph.transitions for each in found)
    limbs = max((exact_grid(each.excess, each.section.many).limbs for each in found), default=1)
    states = max(
        (sum(each.excess.graph.states) if keep else _widest(each.excess) for each in found),
        default=1,
    )
    metrics = max((len(each.excess.metrics) for each in found), default=1)
    afforded = min(ROUGH_WORK[metrics] // (max(work, 1) * limbs), MOST_CELLS // (states * limbs))
    return max(COARSEST, min(FINEST, afforded))
