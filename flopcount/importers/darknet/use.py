"""One layer of a Darknet file: what its section says, what it may read, and where its row goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.importers.foreign import ImportProblem
from flopcount.importers.rows import Blame, Rows, Signal
from flopcount.schema.base import LARGEST


class Section(NamedTuple):
    """One section of a file: what it is called, what it says, and at which line it begins."""

    kind: str
    options: Mapping[str, str]
    line: int


class Use(NamedTuple):
    """One layer: its section, what stands before it, and where its row goes."""

    path: Path
    rows: Rows
    section: Section
    place: int
    before: Sequence[Signal]

    @property
    def blame(self) -> Blame:
        """What a refusal names."""
        return Blame(self.path, f"layer {self.place} at line {self.section.line}", self.section.kind)

    @property
    def x(self) -> Signal:
        """What the layer above leaves; the network's input stands before the first."""
        return self.before[-1]

    def problem(self, what: str) -> ImportProblem:
        """Return a refusal that names the layer."""
        return self.blame.problem(what)

    def number(self, key: str, default: int) -> int:
        """Return an option that is a whole number."""
        return self.numbers(key, str(default))[0]

    def numbers(self, key: str, default: str | None = None) -> list[int]:
        """Return an option that is a list of whole numbers."""
        text = self.section.options.get(key, default)
        try:
            found = [int(part) for part in (text or "").split(",")]
        except ValueError:
            raise self.problem(f"{key} = {str(text)[:50]!r} is not a whole number") from None
        if any(abs(number) > LARGEST for number in found):
            raise self.problem(f"{key} is larger than 10⁹")
        return found

    def earlier(self, number: int) -> Signal:
        """Return what an earlier layer leaves: counted from 0, or backwards from this one."""
        place = number + self.place if number < 0 else number
        if not 0 <= place < self.place:
            raise self.problem(f"layer {number} is none of the {self.place} before it")
        return self.before[place + 1]

    def row(self, kind: str, *xs: Signal, tail: str = "", held: str = "", **options: Any) -> Signal:
        """Write a row, called by the section's kind and the number Darknet prints."""
        name = f"{self.section.kind}{self.place}{tail and '_'}{tail}"
        found, step = self.rows.add(self.blame, kind, xs, options, name=name, held=held)
        return Signal(found, step.shape)
