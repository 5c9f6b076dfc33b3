"""Questions of a whole space, answered without going through it.

The cost of a network is a sum of tables over few axes each (`factors`), so all candidates
are the paths of a small graph (`trellis`): their number, the smallest and the largest are
sums and minima over it, and how many meet a limit follows from histograms of what they pay.
"""

from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import prod
from random import Random
from typing import Literal, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.space.histograms import (
    Excess,
    Limits,
    binding,
    bounds,
    exact_grid,
    excess,
    excluded,
    furthest,
    grid,
    histogram,
    limits,
    listing,
    possible,
    radix,
    walked_back,
)
from flopcount.analyses.space.trellis import METRICS, Candidate, Section, Sections, cut
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.record import varied
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

MOST_LISTED = 2**20
"""A section of at most this many candidates is counted one by one."""

MOST_CELLS = 60_000_000
"""A histogram has no more integers than this at a time."""

ROUGH_WORK = {1: 150_000_000, 2: 400_000_000}
"""Bins that all histograms of bounds together may move, by the number of metrics that are limited."""

FINEST, COARSEST = 2**19, 2**6
"""The most and the fewest bins of a histogram of bounds."""


class Count(NamedTuple):
    """A number that lies between two others; it is exact if they are equal."""

    lower: int
    upper: int


class Part(NamedTuple):
    """A section of which some candidates meet the limits and others do not; `alone` has two metrics one by one."""

    section: Section
    excess: Excess
    alone: tuple[Excess, ...] = ()

    @property
    def is_small(self) -> bool:
        """Whether the candidates are few enough to be listed."""
        return self.section.many <= MOST_LISTED and prod(radix(each) for each in self.excess.graph.layers) < SMALL

    @property
    def seconds(self) -> float | None:
        """The approximate time an exact count takes; None if it does not fit into memory."""
        if self.is_small:
            return 0.0
        cells, moves = prod(exact_grid(self.excess).bins), self.excess.graph.transitions
        if len(self.excess.metrics) > 1 or cells * _widest(self.excess) > MOST_CELLS:
            return None
        slower = 1 if self.section.many < SMALL else OBJECT
        return moves * (SECONDS_PER_MOVE + cells * SECONDS_PER_BIN * slower)


def parts(sections: Sequence[Section], limits: Limits) -> Iterator[Part]:
    """Yield the sections that limits cut through."""
    for section in sections:
        metrics = binding(section, limits)
        if metrics and not excluded(section, limits):
            alone = [excess(section, limits, (metric,)) for metric in metrics] if len(metrics) > 1 else []
            yield Part(section, excess(section, limits, metrics), tuple(alone))


def _is_counted(found: Sequence[Part], mode: Mode) -> bool:
    """Tell whether the candidates of sections are counted exactly."""
    seconds = [each.seconds for each in found]
    known = [each for each in seconds if each is not None]
    if mode == "exact" and len(known) < len(seconds):
        raise UsageError("--exact: the sums do not fit into memory; leave it out for bounds")
    return mode == "exact" or (mode == "auto" and len(known) == len(seconds) and sum(known) <= AFFORDED)


def _widest(found: Excess) -> int:
    """Return how many states two neighboring layers have together at most."""
    return max((one + other for one, other in pairwise(found.graph.states)), default=1)


class Found(NamedTuple):
    """How many candidates of a section meet the limits, and those with the least and the most of the one metric."""

    many: int
    ends: tuple[dict[int, int], dict[int, int]] | None = None


def exactly(each: Part) -> Found:
    """Count the candidates of a section that meet the limits; if one metric is limited, find its ends."""
    if each.is_small:
        rows = listing(each.excess)
        many, paid = len(rows.codes), rows.paid[0]
        ends = [rows.digits(int(place)) for place in (paid.argmin(), paid.argmax())] if many else []
    else:
        on = histogram(each.excess, exact_grid(each.excess), each.section.many, keep=True, packed=True)
        many = bounds(each.excess, on)[0]
        ends = [furthest(each.excess, on, most=most) or {} for most in (False, True)] if many else []
    if len(each.excess.metrics) > 1 or not ends:
        return Found(many)
    return Found(many, ({**each.section.digits, **ends[0]}, {**each.section.digits, **ends[1]}))


def roughly(each: Part, finest: int) -> Count:
    """Bound the candidates of a section that meet the limits; the bounds for each metric alone hold too."""
    many = each.section.many
    (lower, upper), *alone = (
        bounds(found, histogram(found, grid(found, finest), many)) for found in (each.excess, *each.alone)
    )
    missing = sum(many - low for low, _ in alone)
    return Count(max(lower, many - missing) if alone else lower, min([upper, *(high for _, high in alone)]))


def bins(found: Sequence[Part], *, keep: bool = False) -> int:
    """Return how many bins each histogram of bounds may have."""
    work = sum(each.excess.graph.transitions for each in found)
    slower = OBJECT if any(each.section.many >= SMALL for each in found) else 1
    states = max((sum(each.excess.graph.states) if keep else _widest(each.excess) for each in found), default=1)
    metrics = max((len(each.excess.metrics) for each in found), default=1)
    afforded = min(ROUGH_WORK[metrics] // (max(work, 1) * slower), MOST_CELLS // states)
    return max(COARSEST, min(FINEST, afforded))


# Candidates drawn at random from those that meet limits, each as likely as any other.
#
# They are drawn from a histogram of all that may meet the limits, walked back from a bin that
# was drawn by its multiplicity; those that turn out beyond the limits are drawn again.


MOST_TRIES = 1000
"""So many draws for each candidate that is asked for may be beyond the limits."""


SPARE = 16
"""So many more are drawn at a time than are missing: some may be beyond the limits."""

MOST_NOTED = 20
"""The notes of at most this many drawn candidates are looked up."""


class Draws(NamedTuple):
    """How many candidates to draw, and the seed."""

    many: int
    seed: int


def drawn(space: Sections, limits: Limits, draws: Draws) -> list[Candidate]:
    """Draw candidates that meet the limits; the same one may be drawn twice."""
    sections = [each for each in space.sections if not excluded(each, limits)]
    found = [Part(each, excess(each, limits, limits.limited or (0,))) for each in sections]
    finest = bins(found, keep=True)
    weights = [roughly(each, finest).upper for each in found]
    if not sum(weights):
        raise UsageError("--sample: no candidate meets the condition; widen it")
    stream = Random(draws.seed)  # noqa: S311  (a sample, no secret)
    result: list[Candidate] = []
    tries = 0
    while len(result) < draws.many:
        if tries > MOST_TRIES * draws.many:
            raise UsageError(
                f"--sample: {len(result)} of {tries} draws from near the limits meet them; widen the condition"
            )
        picked = [_chosen(weights, stream) for _ in range(draws.many - len(result) + SPARE)]
        tried = _round(space, found, finest, picked, stream)
        result += [each for each in tried if limits.hold(each.costs)]
        tries += len(picked)
    return result[: draws.many]


def _chosen(weights: Sequence[int], stream: Random) -> int:
    """Draw a place by exact weights."""
    sums = [*accumulate(weights)]
    return bisect(sums, stream.randrange(sums[-1]))


def _round(
    space: Sections, found: Sequence[Part], finest: int, picked: Sequence[int], stream: Random
) -> list[Candidate]:
    """Draw a candidate of each section that was picked, section by section."""
    tried: dict[int, Candidate] = {}
    for place in sorted({*picked}):
        each = found[place]
        on = histogram(each.excess, grid(each.excess, finest), each.section.many, keep=True)
        last = [*possible(each.excess, on)]
        sums = [*accumulate(weight for _, weight in last)]
        for turn in (turn for turn, chosen in enumerate(picked) if chosen == place):
            drawn = last[bisect(sums, stream.randrange(sums[-1]))][0]
            digits = walked_back(on, drawn, lambda weights: _chosen(weights, stream))
            tried[turn] = space.candidate({**each.section.digits, **digits})
    return [tried[turn] for turn in range(len(picked))]


class Question(NamedTuple):
    """What is asked of a space: how many meet a condition, and some of them."""

    where: str | None = None
    mode: Mode = "auto"
    draws: Draws | None = None


class Answer(NamedTuple):
    """What a space holds: how many candidates, how many of them valid, how many meet the condition.

    `ends` are, for each metric, the smallest and the largest valid candidate;
    empty where none is valid. `best` are those of the candidates that meet a
    condition with limits of one metric, where the count is exact: metric,
    smallest, largest.
    """

    space: Space
    limits: Limits
    valid: int
    meeting: Count
    ends: tuple[tuple[Candidate, Candidate], ...]
    best: tuple[int, Candidate, Candidate] | None = None
    drawn: tuple[Candidate, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes that qualify the numbers of the candidates named here, one of each code."""
        ends = [each for pair in (*self.ends, (self.best or ())[1:], self.drawn[:MOST_NOTED]) for each in pair]
        return candidate_notes(self.space, dict.fromkeys(each.id for each in ends))


def asked(space: Space, question: Question) -> Answer:
    """Answer a question of a space."""
    numpy()
    walked = varied(space)
    wanted = limits(question.where, walked.space.axes)
    every = cut(walked, ())
    meant = every if not wanted.masks else cut(walked, wanted.masks)
    count, best = _count(meant, wanted, question.mode)
    return Answer(
        walked.space,
        wanted,
        sum(each.many for each in every.sections),
        count,
        tuple(_ends(every, metric) for metric in range(len(METRICS))) if every.sections else (),
        best,
        tuple(drawn(meant, wanted, question.draws)) if question.draws else (),
    )


def _count(space: Sections, wanted: Limits, mode: Mode) -> tuple[Count, tuple[int, Candidate, Candidate] | None]:
    """Count what meets the limits; where that is exact, and limits one metric, find its ends among these."""
    whole = [each for each in space.sections if not binding(each, wanted)]
    known = sum(each.many for each in whole)
    cut_through = [*parts(space.sections, wanted)]
    if not _is_counted(cut_through, mode):
        finest = bins(cut_through)
        counts = [roughly(each, finest) for each in cut_through]
        return Count(known + sum(each.lower for each in counts), known + sum(each.upper for each in counts)), None
    found = [exactly(each) for each in cut_through]
    many = known + sum(each.many for each in found)
    best = _best(space, wanted, whole, found) if many and len(wanted.limited) == 1 else None
    return Count(many, many), best


def _best(
    space: Sections, wanted: Limits, whole: Sequence[Section], found: Sequence[Found]
) -> tuple[int, Candidate, Candidate]:
    metric = wanted.limited[0]
    ends = [each.ends for each in found if each.ends]
    ends += [(each.lowest(metric), each.highest(metric)) for each in whole]
    least = min((space.candidate(low) for low, _ in ends), key=lambda each: each.costs[metric])
    return metric, least, max((space.candidate(high) for _, high in ends), key=lambda each: each.costs[metric])


def _ends(space: Sections, metric: int) -> tuple[Candidate, Candidate]:
    least = min(space.sections, key=lambda each: each.low[metric])
    most = max(space.sections, key=lambda each: each.high[metric])
    return space.candidate(least.lowest(metric)), space.candidate(most.highest(metric))
