"""Questions of a whole space, answered without going through it.

What a network costs is a sum of tables over few axes each (`factors`), so all
candidates are the paths of a small graph (`trellis`): their number, the smallest
and the largest are sums and minima over it, and how many meet a limit is counted
by distinct sums (`meeting`) or bounded on a grid (`histograms`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.spaces.census import Count, Found, Mode, bins, exactly, inside, parts, planned, roughly
from flopcount.analyses.spaces.drawing import Draws, drawn
from flopcount.analyses.spaces.factors import METRICS
from flopcount.analyses.spaces.limits import Limits, limits
from flopcount.analyses.spaces.sections import Candidate, Section, Sections, cut
from flopcount.analyses.sweeps.candidates import Space
from flopcount.analyses.sweeps.recording import varied


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
