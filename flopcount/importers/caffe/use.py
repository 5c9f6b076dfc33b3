"""One layer of a Caffe file: its parameters, the blobs it reads, and where its rows go."""

from pathlib import Path
from typing import Any, NamedTuple

from flopcount.importers.caffe.prototxt import Message
from flopcount.importers.foreign import ImportProblem
from flopcount.importers.rows import Blame, Rows, Signal
from flopcount.schema.base import LARGEST

Made = Signal | list[Signal]


def numbers(path: Path, message: Message, name: str) -> list[int]:
    """Return the values of a field that are whole numbers."""
    found = message.words(name)
    for text in found:
        if not text.lstrip("-").isdecimal() or not text.isascii() or abs(int(text[:12])) > LARGEST:
            raise ImportProblem(path, f"line {message.line}: {name} = {text[:30]} is not a whole number up to 10⁹")
    return [int(text) for text in found]


class Use(NamedTuple):
    """A layer at work."""

    path: Path
    rows: Rows
    layer: Message
    kind: str
    xs: tuple[Signal, ...]
    held: str
    options: Message

    @classmethod
    def of(cls, path: Path, rows: Rows, layer: Message, kind: str, xs: tuple[Signal, ...], held: str) -> "Use":  # noqa: PLR0917  (they are what a layer is)
        """Find the parameters of a layer: those in its own message, where there is one."""
        own = next((layer.message(key) for key in layer.fields if key.endswith("_param") and _is_own(key, kind)), layer)
        return cls(path, rows, layer, kind, xs, held, own)

    @property
    def name(self) -> str:
        """What the layer is called."""
        return self.layer.word("name") or self.kind

    @property
    def blame(self) -> Blame:
        """What a refusal names."""
        return Blame(self.path, self.name, self.kind)

    @property
    def x(self) -> Signal:
        """The first blob that is read."""
        if not self.xs:
            raise self.problem("reads nothing")
        return self.xs[0]

    def problem(self, what: str) -> ImportProblem:
        """Return a refusal that names the layer."""
        return self.blame.problem(what)

    def row(self, kind: str, *xs: Signal, tail: str = "", **options: Any) -> Signal:
        """Write a row; without a tail it is called as the layer is."""
        name = f"{self.name}_{tail}" if tail else self.name
        found, step = self.rows.add(self.blame, kind, xs, options, name=name, held=self.held)
        return Signal(found, step.shape)

    def number(self, name: str, default: int | None = None) -> int:
        """Return a parameter that is a whole number."""
        found = self.numbers(name)
        if not found and default is None:
            raise self.problem(f"has no {name}")
        return found[-1] if found else int(default or 0)

    def numbers(self, name: str) -> list[int]:
        """Return a parameter that may be given several times."""
        return numbers(self.path, self.options, name)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a parameter that is true or false."""
        return self.options.word(name, "true" if default else "false").lower() in {"true", "1"}

    def axes(self, name: str, default: int | None, count: int, short: str = "") -> tuple[int, ...]:
        """Return a parameter for each axis: once for all, once for each, or as height and width."""
        short = short or name
        sides = [self.numbers(f"{short}_{letter}") for letter in "hw"]
        if any(sides):
            return tuple(side[-1] if side else int(default or 0) for side in sides)
        found = self.numbers(name)
        if not found and default is None:
            raise self.problem(f"has no {name}")
        found = found or [int(default or 0)]
        return tuple(found if len(found) == count else found[:1] * count)

    def axis(self, name: str, default: int, rank: int) -> int:
        """Return an axis, counted without the batch."""
        found = self.number(name, default)
        place = found + rank if found < 0 else found - 1
        if not 0 <= place < rank:
            raise self.problem(f"{name} = {found} is none of the {rank} axes behind the batch")
        return place


def _is_own(key: str, kind: str) -> bool:
    """Tell whether a message has the parameters of a kind: convolution_param those of Convolution."""
    return key.removesuffix("_param").replace("_", "") == NAMED.get(kind, kind).lower()


NAMED = {
    "Deconvolution": "Convolution",
    "ConvolutionDepthwise": "Convolution",
    "DepthwiseConvolution": "Convolution",
    "Normalize": "Norm",
}
"""Kinds whose parameters stand in the message of another."""
