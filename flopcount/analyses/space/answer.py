"""Questions about a whole space, answered without enumerating it.

The cost of a network is a sum of tables over few axes each, so all candidates are the paths of a small graph:
their number and extremes are sums and minima over it, and the number within a limit follows from histograms of costs.
"""

from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import inf, prod
from random import Random
from typing import Literal, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.space.histograms import (
    Excess,
    Histogram,
    Wanted,
    binding,
    bins,
    coarse,
    excess,
    excluded,
    histogram,
    listing,
    radix,
    wanted,
)
from flopcount.analyses.space.trellis import Member, Region, Regions, cut
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.record import varied
from flopcount.analyses.sweep.run import Drawn
from flopcount.analyses.sweep.select import candidate_notes
from flopcount.errors import Note, UsageError
from flopcount.formulas.numbers import SMALL

Mode = Literal["auto", "exact", "bounds"]
"""Whether a count has to be exact, need not be, or is exact if that takes less than `AFFORDED` seconds."""

AFFORDED = 30.0
"""An exact count that is expected to take more seconds than this is made only on demand."""

SECONDS_PER_BIN, SECONDS_PER_MOVE = 2e-9, 5e-6
"""The approximate cost of a bin and of a transition of a histogram."""

OBJECT = 30
"""Integers beyond 64 bits take this many times as long."""

MOST_LISTED, MOST_CELLS = 2**20, 60_000_000
"""The most candidates of a region that are counted one by one, and the most integers of a histogram at a time."""

ROUGH_WORK = (150_000_000, 400_000_000)
"""Bins that all histograms of bounds together may move, if one metric is limited and if several are."""

FINEST, COARSEST = 2**19, 2**6
"""The most and the fewest bins of a histogram of bounds."""


class Bounds(NamedTuple):
    """A number that lies between two others; it is exact if they are equal."""

    lower: int
    upper: int


class Partial(NamedTuple):
    """A region of which some candidates meet the limits and others do not; `alone` has two metrics one by one."""

    region: Region
    excess: Excess
    alone: tuple[Excess, ...] = ()

    @property
    def is_small(self) -> bool:
        """Whether the candidates are few enough to be listed."""
        return self.region.many <= MOST_LISTED and prod(map(radix, self.excess.graph.layers)) < SMALL

    @property
    def widest(self) -> int:
        """The largest number of states of two neighboring layers together."""
        return max((one + other for one, other in pairwise(self.excess.graph.states)), default=1)

    @property
    def seconds(self) -> float:
        """The approximate time an exact count takes; infinite if it does not fit into memory."""
        if self.is_small:
            return 0.0
        cells = prod(bins(self.excess, self.excess.units))
        if len(self.excess.units) > 1 or cells * self.widest > MOST_CELLS:
            return inf
        slower = 1 if self.region.many < SMALL else OBJECT
        return self.excess.graph.transitions * (SECONDS_PER_MOVE + cells * SECONDS_PER_BIN * slower)

    def histogram(self, finest: int, *, keep: bool = False) -> Histogram:
        """Return a histogram with about that many bins."""
        return histogram(self.excess, coarse(self.excess, finest), self.region.many, keep=keep)


def partials(regions: Sequence[Region], limits: Wanted) -> Iterator[Partial]:
    """Yield the regions that limits cut through."""
    for region in regions:
        metrics = binding(region, limits)
        if metrics and not excluded(region, limits):
            alone = [excess(region, limits, (metric,)) for metric in metrics] if len(metrics) > 1 else []
            yield Partial(region, excess(region, limits, metrics), tuple(alone))


def _is_counted(found: Sequence[Partial], mode: Mode) -> bool:
    """Tell whether the candidates of regions are counted exactly."""
    if mode == "bounds":
        return False
    seconds = sum(each.seconds for each in found)
    if mode == "exact" and seconds == inf:
        raise UsageError("--exact: the sums do not fit into memory; omit it to get bounds")
    return mode == "exact" or seconds <= AFFORDED


class Found(NamedTuple):
    """How many candidates of a region meet the limits, and those with the least and the most of the one metric."""

    many: int
    ends: tuple[dict[int, int], ...] = ()


def exactly(each: Partial) -> Found:
    """Count the candidates of a region that meet the limits; if one metric is limited, find its ends."""
    if each.is_small:
        rows = listing(each.excess)
        many, paid = len(rows.codes), rows.paid[0]
        ends = [rows.digits(int(place)) for place in (paid.argmin(), paid.argmax())] if many else []
    else:
        on = histogram(each.excess, each.excess.units, each.region.many, packed=True)
        many, ends = on.bounds()[0], on.ends()
    return Found(many, tuple({**each.region.digits, **end} for end in ends) if len(each.excess.units) == 1 else ())


def roughly(each: Partial, finest: int) -> Bounds:
    """Bound the candidates of a region that meet the limits; the bounds for each metric alone hold too."""
    many = each.region.many
    whole, *alone = (each._replace(excess=found).histogram(finest).bounds() for found in (each.excess, *each.alone))
    lower = max(whole[0], many - sum(many - low for low, _ in alone)) if alone else whole[0]
    return Bounds(lower, min(high for _, high in (whole, *alone)))


def affordable(found: Sequence[Partial], *, keep: bool = False) -> int:
    """Return how many bins each histogram of bounds may have."""
    work = sum(each.excess.graph.transitions for each in found)
    slower = OBJECT if any(each.region.many >= SMALL for each in found) else 1
    states = max((sum(each.excess.graph.states) if keep else each.widest for each in found), default=1)
    most = ROUGH_WORK[any(len(each.excess.units) > 1 for each in found)]
    return max(COARSEST, min(FINEST, most // (max(work, 1) * slower), MOST_CELLS // states))


# Candidates are drawn from a histogram of all that may meet the limits, walked back from a bin that was drawn by its
# multiplicity; those that turn out beyond the limits are drawn again.

MOST_TRIES, SPARE, MOST_NOTED = 1000, 16, 20
"""The most draws per requested candidate; draws at a time beyond those missing; drawn candidates with notes."""


def drawn(space: Regions, limits: Wanted, draws: Drawn) -> list[Member]:
    """Draw candidates that meet the limits; the same one may be drawn twice."""
    regions = [each for each in space.regions if not excluded(each, limits)]
    found = [Partial(each, excess(each, limits, limits.limited or (0,))) for each in regions]
    finest = affordable(found, keep=True)
    weights = [roughly(each, finest).upper for each in found]
    if not sum(weights):
        raise UsageError("--sample: no candidate meets the condition; widen it")
    stream = Random(draws.seed)  # noqa: S311  (a sample, no secret)
    result: list[Member] = []
    tries = 0
    while len(result) < draws.many:
        if tries > MOST_TRIES * draws.many:
            raise UsageError(f"--sample: {len(result)} of {tries} draws near the limits meet the condition; widen it")
        picked = [_chosen(weights, stream) for _ in range(draws.many - len(result) + SPARE)]
        digits: dict[int, dict[int, int]] = {}
        for place in sorted({*picked}):
            turns = [turn for turn, chosen in enumerate(picked) if chosen == place]
            digits |= zip(turns, _tried(found[place], finest, len(turns), stream), strict=True)
        tried = [space.member(digits[turn]) for turn in range(len(picked))]
        result += [each for each in tried if limits.hold(each.costs)]
        tries += len(picked)
    return result[: draws.many]


def _chosen(weights: Sequence[int], stream: Random) -> int:
    """Draw a place by exact weights."""
    sums = [*accumulate(weights)]
    return bisect(sums, stream.randrange(sums[-1]))


def _tried(each: Partial, finest: int, many: int, stream: Random) -> Iterator[dict[int, int]]:
    """Draw the digits of some candidates of a region that may meet the limits."""
    on = each.histogram(finest, keep=True)
    last = on.possible()
    sums = [*accumulate(weight for _, weight in last)]
    for _ in range(many):
        place = last[bisect(sums, stream.randrange(sums[-1]))][0]
        yield {**each.region.digits, **on.walked_back(place, lambda weights: _chosen(weights, stream))}


class Question(NamedTuple):
    """A question about a space: how many candidates meet a condition, and a sample of them."""

    where: str | None = None
    mode: Mode = "auto"
    draws: Drawn | None = None


class Answer(NamedTuple):
    """The candidates of a space: how many there are, how many are valid, how many meet the condition.

    `ends` are, for each metric, the smallest and the largest valid candidate; empty if none is valid. `best` are
    those that meet a condition with limits of one metric, if the count is exact: metric, smallest, largest.
    """

    space: Space
    limits: Wanted
    valid: int
    meeting: Bounds
    ends: tuple[tuple[Member, Member], ...]
    best: tuple[int, Member, Member] | None = None
    drawn: tuple[Member, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes that qualify the numbers of the candidates named here, one of each code."""
        ends = [each for pair in (*self.ends, (self.best or ())[1:], self.drawn[:MOST_NOTED]) for each in pair]
        return candidate_notes(self.space, dict.fromkeys(each.id for each in ends))


def asked(space: Space, question: Question) -> Answer:
    """Answer a question about a space."""
    numpy()
    walked = varied(space)
    limits = wanted(question.where, space)
    every = cut(walked, ())
    meant = cut(walked, limits.masks) if limits.masks else every
    count, best = _count(meant, limits, question.mode)
    metrics = range(len(space.metrics)) if every.regions else ()
    return Answer(
        space,
        limits,
        sum(each.many for each in every.regions),
        count,
        tuple(_ends(every, every.regions, metric) for metric in metrics),
        best,
        tuple(drawn(meant, limits, question.draws)) if question.draws else (),
    )


def _count(space: Regions, limits: Wanted, mode: Mode) -> tuple[Bounds, tuple[int, Member, Member] | None]:
    """Count what meets the limits; if the count is exact and one metric is limited, find its extremes."""
    whole = [each for each in space.regions if not binding(each, limits)]
    known = sum(each.many for each in whole)
    cut_through = [*partials(space.regions, limits)]
    if not _is_counted(cut_through, mode):
        finest = affordable(cut_through)
        counts = [roughly(each, finest) for each in cut_through]
        return Bounds(known + sum(each.lower for each in counts), known + sum(each.upper for each in counts)), None
    found = [exactly(each) for each in cut_through]
    many = known + sum(each.many for each in found)
    if not many or len(limits.limited) != 1:
        return Bounds(many, many), None
    metric = limits.limited[0]
    ends = [[space.member(digits) for digits in each.ends] for each in found if each.ends]
    lows, highs = zip(*ends, *([_ends(space, whole, metric)] if whole else []), strict=True)
    least, most = min(lows, key=lambda each: each.costs[metric]), max(highs, key=lambda each: each.costs[metric])
    return Bounds(many, many), (metric, least, most)


def _ends(space: Regions, regions: Sequence[Region], metric: int) -> tuple[Member, Member]:
    """Return the candidates of some regions with the least and the most of a metric."""
    least, most = min(regions, key=lambda each: each.low[metric]), max(regions, key=lambda each: each.high[metric])
    return space.member(least.ends(metric)[0]), space.member(most.ends(metric)[1])
