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

from flopcount.analyses.spaces.census import Part, bins
from flopcount.analyses.spaces.excess import excess, excluded
from flopcount.analyses.spaces.histograms import Bin, Histogram, grid, histogram, walked_back
from flopcount.analyses.spaces.histograms import bins as filled
from flopcount.analyses.spaces.histograms import bounds as bounded
from flopcount.analyses.spaces.limits import Limits
from flopcount.analyses.spaces.sections import Candidate, Sections
from flopcount.errors import UsageError

MOST_TRIES = 1000
"""So many draws for each candidate that is asked for may be beyond the limits."""


SPARE = 16
"""So many more are drawn at a time than are missing: some may be beyond the limits."""

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
