"""Findings as values: what breaks which limit, where, by how much, and what would fit."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, NamedTuple

from flopcount.errors import Note, Place
from flopcount.spec.source import Source, Span, spans

CODES: Mapping[str, str] = {
    "FC101": "above its maximum",
    "FC102": "below its minimum",
    "FC103": "above its warning threshold",
    "FC201": "grew by more than is allowed",
    "FC202": "shrank by more than is allowed",
    "FC301": "costs more than is locked",
    "FC302": "differs from the lock file",
    "FC303": "is missing from the lock file",
    "FC304": "is only in the lock file",
    "FC901": "cannot be read",
    "FC902": "cannot be counted",
    "FC903": "is outdated in the configuration",
}
"""The meaning of each code; the hundreds are limits, changes, locks, and files that could not be checked."""

UNCHECKED = ("FC901", "FC902", "FC903")
"""The codes of files that could not be checked."""

Level = Literal["error", "warn"]


class Share(NamedTuple):
    """A layer, its part of a number, and its line; 0 in a file without lines. `file` is that of a line of code."""

    path: str
    value: int
    line: int
    file: str = ""

    @property
    def where(self) -> str:
        """The line, in words."""
        return f" ({self.file}:{self.line})" if self.file else f" (line {self.line})" if self.line else ""


class Suggestion(NamedTuple):
    """An option that would meet a limit, and the value it would give."""

    option: str
    value: int


class Finding(NamedTuple):
    """One broken limit, difference or problem.

    `metric` is what was measured of which `scope` (a block, a kind, a layer; empty
    for the network), `limit` its bound, `base` its value at the base. `rule_at` is where the
    rule is, if not in the arch file. A file that could not be checked has a sentence in
    `what` instead. `notes` qualify the value. `source` is the line of code that costs most, of a model that tells it.
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
    fits: tuple[Suggestion, ...] = ()
    notes: tuple[Note, ...] = ()
    source: tuple[str, int] | None = None

    @property
    def shown_at(self) -> tuple[str, int, int]:
        """The file, line and column where the finding is shown in code: what costs, or where the limit is."""
        return (*self.source, 1) if self.source else (self.path, self.line, self.column)

    @property
    def sign(self) -> str:
        """The relation of the value to the limit."""
        return "<" if self.value < self.limit else ">"

    @property
    def delta(self) -> Fraction:
        """The distance of the value from the limit."""
        return abs(self.value - self.limit)

    @property
    def percent(self) -> Fraction | None:
        """The distance in percent of the limit; None if the limit is zero."""
        return self.delta * 100 / self.limit if self.limit else None

    @property
    def unchecked(self) -> bool:
        """Whether something could not be checked."""
        return self.code in UNCHECKED


class Standing(NamedTuple):
    """A limit that holds: which one, of what, the value, the bound, and for limits on changes the value at the base."""

    path: str
    arch: str
    scope: str
    point: str
    metric: str
    name: str
    value: int
    limit: Fraction
    base: int | None
    rule: str

    @property
    def used(self) -> Fraction | None:
        """How much of a limit is used, in percent: 100 is at the limit; None if it is zero, or a minimum.

        A cost that fell uses nothing of what it may rise.
        """
        start = self.base or 0
        whole = self.limit - start
        return Fraction(max(self.value - start, 0)) * 100 / whole if whole and self.name != "min" else None


class SourceMap:
    """The positions of everything in a source, found in one pass when the first one is needed."""

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
    """Yield the place of everything inside some data."""
    if isinstance(data, Mapping | list):
        for key, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield (*place, key)
            yield from _places(value, (*place, key))
