"""Candidates drawn at random from those that meet limits, each as likely as any other.

They are drawn from a histogram of all that may meet the limits, walked back from
a bin that was drawn by its multiplicity; those that turn out beyond the limits
are drawn again.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.space.census import Count, Found, Mode, Part, bins, exactly, inside, parts, planned, roughly
from flopcount.analyses.space.factors import METRICS
from flopcount.analyses.space.histograms import Bin, Histogram, excess, excluded, grid, histogram, walked_back
from flopcount.analyses.space.histograms import bins as filled
from flopcount.analyses.space.histograms import bounds as bounded
from flopcount.analyses.space.limits import Limits, limits
from flopcount.analyses.space.trellis import Candidate, Section, Sections, cut
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.record import varied
from flopcount.analyses.sweep.select import candidate_notes
from flopcount.errors import Note, UsageError

MOST_TRIES = 1000
"""So many draws for each candidate that is asked for may be beyond the limits."""


SPARE = 16
"""So many more are drawn at a time than are missing: some may be beyond the limits."""

MOST_NOTED = 20
"""The notes of so many drawn candidates are looked up."""

MOST_URNS = 4
"""The histograms of so many sections are kept from one round to the next."""


class Draws(NamedTuple):
    """How many candidates to draw, and the seed."""

    many: int
    seed: int


def drawn(space: Sections, limits: Limits, draws: Draws) -> list[Candidate]:
    """Draw candidates that meet the limits; the same one may be drawn twice."""
    sections = [each for each in space.sections if not excluded(each, limits)]
    found = [Part(each, excess(each, limits, limits.limited or (0,))) for each in sections]
    finest = bins(found, keep=True)
    weights = [_may(each, finest) for each in found]
    if not sum(weights):
        raise UsageError("--sample: no candidate meets the condition; widen it")
    stream = Random(draws.seed)  # noqa: S311  (a sample, no secret)
    urns = Urns(found, finest)
    result: list[Candidate] = []
    tries = 0
    while len(result) < draws.many:
        if tries > MOST_TRIES * draws.many:
            raise UsageError(
                f"--sample: {len(result)} of {tries} draws from near the limits meet them; widen the condition"
            )
        picked = [_chosen(weights, stream) for _ in range(draws.many - len(result) + SPARE)]
        tried = _round(space, urns, picked, stream)
        result += [each for each in tried if limits.hold(each.costs)]
        tries += len(picked)
    return result[: draws.many]


def _may(each: Part, finest: int) -> int:
    """Return how many candidates of a section may meet the limits."""
    return bounded(each.excess, histogram(each.excess, grid(each.excess, each.section.many, finest)))[1]


def _chosen(weights: Sequence[int], stream: Random) -> int:
    """Draw a place by exact weights."""
    sums = [*accumulate(weights)]
    return bisect(sums, stream.randrange(sums[-1]))


def _round(space: Sections, urns: "Urns", picked: Sequence[int], stream: Random) -> list[Candidate]:
    """Draw a candidate of each section that was picked, section by section."""
    tried: dict[int, Candidate] = {}
    for place in sorted({*picked}):
        urn = urns.of(place)
        for turn in (turn for turn, each in enumerate(picked) if each == place):
            tried[turn] = space.candidate({**urns.parts[place].section.digits, **_walked(urn, stream)})
    return [tried[turn] for turn in range(len(picked))]


class Urn(NamedTuple):
    """What candidates of a section are drawn from: a histogram, its bins near the limits, their running sums."""

    on: Histogram
    places: tuple[Bin, ...]
    sums: tuple[int, ...]


class Urns:
    """The urns of all sections; a few are kept from one round to the next."""

    def __init__(self, parts: Sequence[Part], finest: int) -> None:
        self.parts = parts
        self.finest = finest
        self._kept: dict[int, Urn] = {}

    def of(self, place: int) -> Urn:
        """Return the urn of a section."""
        found = self._kept.get(place) or _urn(self.parts[place], self.finest)
        if len(self._kept) < MOST_URNS:
            self._kept[place] = found
        return found


def _urn(each: Part, finest: int) -> Urn:
    on = histogram(each.excess, grid(each.excess, each.section.many, finest), keep=True)
    known = [*filled(each.excess, on, surely=False)]
    return Urn(on, tuple(place for place, _ in known), tuple(accumulate(weight for _, weight in known)))


def _walked(urn: Urn, stream: Random) -> dict[int, int]:
    """Draw the digits of a candidate."""
    last = urn.places[bisect(urn.sums, stream.randrange(urn.sums[-1]))]
    return walked_back(urn.on, last, lambda weights: _chosen(weights, stream))


# Questions of a whole space, answered without going through it.
#
# What a network costs is a sum of tables over few axes each (`factors`), so all
# candidates are the paths of a small graph (`trellis`): their number, the smallest
# and the largest are sums and minima over it, and how many meet a limit is counted
# by distinct sums (`meeting`) or bounded on a grid (`histograms`).


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
    whole = [*inside(space.sections, wanted)]
    known = sum(each.many for each in whole)
    cut_through = [*parts(space.sections, wanted)]
    plans = planned(cut_through, mode)
    if plans is None:
        finest = bins(cut_through)
        counts = [roughly(each, finest) for each in cut_through]
        return Count(known + sum(each.lower for each in counts), known + sum(each.upper for each in counts)), None
    found = [exactly(each, plan) for each, plan in zip(cut_through, plans, strict=True)]
    many = known + sum(each.many.lower for each in found)
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
