"""Files of other tools: which there are, and the one way they are read.

A reader turns a file into the data of an arch file, as TOML would give it, which
then is validated and counted like any other. It never loads weights.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from flopcount.errors import ShapeError
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import PARAMETERS, Step
from flopcount.network.trace import fields
from flopcount.readers.base import Imported, ImportProblem, Names, ReadOptions, listed, unique, whole
from flopcount.spec.fields import LARGEST
from flopcount.spec.kinds import formula, kind_named, reads_several

__all__ = ["ImportProblem", "Imported", "Names", "ReadOptions", "listed", "unique", "whole"]

LONGEST = 90
"""Names are cut after so many characters, which leaves room for a number behind them."""


class Source(Protocol):
    """What a row reads: another row, and the shape that leaves."""

    @property
    def row(self) -> str:
        """What the row is called."""
        ...

    @property
    def shape(self) -> Shape:
        """What it leaves."""
        ...


class Blame(NamedTuple):
    """What a refusal names: the file, the layer and its class."""

    path: Path
    layer: str = ""
    kind: str = ""

    def problem(self, what: str) -> ImportProblem:
        """Return the refusal."""
        return ImportProblem(self.path, what, self.layer[:50], self.kind[:50])


class Rows:
    """The rows of one list of layers: those of the model, or of a block."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []
        self.names = Names(("input",))
        self.last = "input"
        self.views: dict[Any, Any] = {}

    def name(self, wanted: str) -> str:
        """Take a name that is possible here and still free."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)[:LONGEST] or "layer"
        if plain.startswith("-") or re.fullmatch(r"input\d*", plain):
            plain = f"_{plain}" if plain.startswith("-") else f"{plain}_layer"
        return self.names.fresh(plain)

    def add(
        self, blame: Blame, kind: str, xs: Sequence[Source], options: Mapping[str, Any], *, name: str, held: str = ""
    ) -> tuple[str, Step]:
        """Write a row, its params "shared", "frozen" or simply its own; return its name and what it does."""
        given = {key: value for key, value in options.items() if value is not None}
        step = counted(blame, kind, tuple(x.shape for x in xs), given)
        row = {**self._head(kind, name, xs), **_written(kind, given)}
        if held and any(entry in PARAMETERS for entry in step.tally.counts):
            row[held] = True
        self.data.append(row)
        self.last = row["name"]
        return row["name"], step

    def block(self, name: str, inner: "Rows", xs: Sequence[Source]) -> str:
        """Write the rows of an inner model as a block, and return its name."""
        row = self._head("Block", name, xs)
        self.data.append({**row, "layers": inner.data})
        self.last = row["name"]
        return self.last

    def adopt(self, name: str, row: Mapping[str, Any], sources: Mapping[str, Source]) -> str:
        """Write the only row of what could have been a block, reading what the block would have read."""
        entries = row.get("after") or ["input"]
        head = self._head(row["type"], name, tuple(sources[entry] for entry in entries))
        self.data.append({**head, **{key: value for key, value in row.items() if key not in {"type", "name", "after"}}})
        self.last = head["name"]
        return self.last

    def _head(self, kind: str, name: str, xs: Sequence[Source]) -> dict[str, Any]:
        """Begin a row: what it reads is written where it is not the row above."""
        row: dict[str, Any] = {"type": kind, "name": self.name(name)}
        sources = [x.row for x in xs]
        return row if sources == [self.last] else {**row, "after": sources}


def _written(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Write the fields that are not what they are anyway; a list of equal sizes as one number."""
    defaults = {name: field.default for name, field in kind_named(kind).model_fields.items()}
    short = {key: _shortened(key, value) for key, value in given.items()}
    return {
        key: value for key, value in short.items() if value != defaults[key] or type(value) is not type(defaults[key])
    }


SPREAD = frozenset(("kernel_size", "stride", "dilation", "padding", "output_padding", "cropping", "scale_factor"))
"""Fields of which one number stands for all axes."""


def _shortened(key: str, value: Any) -> Any:
    if not isinstance(value, tuple | list):
        return value
    plain = [[*each] if isinstance(each, tuple) else each for each in value]
    plain = [each[0] if isinstance(each, list) and each[0] == each[-1] else each for each in plain]
    same = key in SPREAD and all(each == plain[0] for each in plain) and not isinstance(plain[0], list)
    return plain[0] if same else plain


class Signal(NamedTuple):
    """What a row leaves, where axes need no order but the one they have here."""

    row: str
    shape: Shape


def counted(blame: Blame, kind: str, xs: tuple[Shape, ...], given: Mapping[str, Any]) -> Step:
    """Validate a row's fields and apply its formula; what is wrong names the layer of the file."""
    try:
        layer = kind_named(kind).model_validate(dict(given))
    except ValidationError as error:
        from flopcount.spec.problems import layer_problems

        raise blame.problem("; ".join(layer_problems(error, kind_named(kind), given).values())) from None
    if len(xs) > 1 and not reads_several(kind):
        raise blame.problem(f"{len(xs)} tensors enter where one is read")
    try:
        step = formula(kind)(*xs, **fields(layer))
    except ShapeError as error:
        raise blame.problem(str(error)) from None
    for what in _wrong(step):
        raise blame.problem(f"{what} (input {' and '.join(render(x.dims) for x in xs)})")
    return step


def _wrong(step: Step) -> Iterator[str]:
    """Say what does not hold, and which size is past all bounds."""
    yield from (constraint.sentence() for constraint in step.constraints if constraint.is_broken)
    if any(whole(size) > LARGEST for size in step.shape.dims):
        yield f"{render(step.shape.dims)} has more channels or places than 10⁹"
