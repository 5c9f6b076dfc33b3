"""Verdicts as values: what breaks which limit, where, by how much, and what would fit."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, NamedTuple

from flopcount.errors import Place
from flopcount.spec.positions import Span, spans
from flopcount.spec.source import Source

CODES: Mapping[str, str] = {
    "FC101": "above its maximum",
    "FC102": "below its minimum",
    "FC103": "above the value it warns from",
    "FC201": "grew by more than it may",
    "FC202": "shrank by more than it may",
    "FC301": "costs more than the lock file allows",
    "FC302": "is not what the lock file has",
    "FC303": "is not in the lock file",
    "FC304": "is in the lock file, and nowhere else",
    "FC901": "cannot be read",
    "FC902": "cannot be counted",
    "FC903": "is out of date in the configuration",
}
"""What a finding is about; the hundreds are limits, changes, locks, and what could not be checked."""

UNCHECKED = ("FC901", "FC902", "FC903")
"""The codes of what could not be checked."""

Level = Literal["error", "warn"]


class Share(NamedTuple):
    """A layer, what it has of a number, and its line; 0 in a file without lines."""

    path: str
    value: int
    line: int


class Fit(NamedTuple):
    """A change that would meet a limit, and what would be counted then."""

    option: str
    value: int


class Finding(NamedTuple):
    """One thing that is not as it should be.

    `metric` is what was measured of which `scope` (a block, a kind, a layer; empty
    for the network), `limit` what it may be, `base` what it was. `rule_at` is where the
    rule is, if not in the arch file. What could not be checked has a sentence in
    `what` instead.
    """

    code: str
    level: Level
    path: str
    line: int
    column: int
    arch: str
    what: str = ""
    scope: str = ""
    point: str = ""
    metric: str = ""
    value: int = 0
    limit: Fraction = Fraction(0)
    base: int | None = None
    rule: str = ""
    rule_at: str = ""
    message: str = ""
    shares: tuple[Share, ...] = ()
    fits: tuple[Fit, ...] = ()

    @property
    def sign(self) -> str:
        """How the value stands to the limit."""
        return "<" if self.value < self.limit else ">"

    @property
    def delta(self) -> Fraction:
        """How far the value is from the limit."""
        return abs(self.value - self.limit)

    @property
    def percent(self) -> Fraction | None:
        """The distance in percent of the limit; None where that is nothing."""
        return self.delta * 100 / self.limit if self.limit else None

    @property
    def unchecked(self) -> bool:
        """Whether this says that something could not be checked."""
        return self.code in UNCHECKED


# Where what a file says is written in it.


class Spots:
    """The positions of all that is in a source: looked up in one walk, when there is first something to point at."""

    def __init__(self, source: Source) -> None:
        """Keep the source; nothing is looked up yet."""
        self.source = source

    def at(self, place: Place) -> tuple[int, int]:
        """Return the line and column of a place, or of the nearest table around it."""
        around = (place[:length] for length in range(len(place), 0, -1))
        return next((self._found[each][:2] for each in around if each in self._found), (1, 1))

    @cached_property
    def _found(self) -> dict[Place, Span]:
        return spans(self.source, [*_places(self.source.data)])


def _places(data: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of everything that is inside some data."""
    if isinstance(data, Mapping | list):
        for key, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield (*place, key)
            yield from _places(value, (*place, key))
