"""Columns and rows of raw values; nothing here knows about terminals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from flopcount.errors import Note

Form = Literal["text", "prose", "count", "delta", "share", "ratio", "shape"]
"""What a column holds: a word, words that may wrap, exact integers, exact differences, a part of a whole, a quotient,
sizes."""

WORDS = frozenset({"text", "prose", "shape"})
"""The forms that are aligned left."""


class Column(NamedTuple):
    """A key in the data, a title for people, and what the values are.

    `metric` names the metric a column is about; `combine` is how its values are combined when rows are grouped.
    """

    key: str
    title: str
    form: Form = "text"
    metric: str = ""
    combine: Literal["", "sum", "max"] = ""


class Row(NamedTuple):
    """Values by column key, and the rows inside this one."""

    cells: Mapping[str, Any]
    parts: tuple["Row", ...] = ()

    def data(self) -> dict[str, Any]:
        """Return the row as plain data, its parts nested."""
        inner = {"parts": [part.data() for part in self.parts]} if self.parts else {}
        return {**self.cells, **inner}


class Table(NamedTuple):
    """Rows under columns, with a row of totals if they add up.

    The key names the rows in data; a table without one repeats facts for people.
    `more` are columns that are shown only on request.
    """

    key: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    caption: str = ""
    separator: str = ","
    more: tuple[Column, ...] = ()

    def texts(self, row: Row, separator: str = "") -> list[str]:
        """Return the cells of a row as text."""
        return [cell_text(row.cells.get(column.key), column.form, separator) for column in self.columns]


class Line(NamedTuple):
    """A line under a title; whether a chart repeats it depends on its kind."""

    kind: Literal["text", "convention", "reference", "file"]
    text: str

    def __str__(self) -> str:
        """Return the text."""
        return self.text


class Report(NamedTuple):
    """The complete result of a command.

    `facts` is the stable data for machines beside the rows of the tables; the first table is the main one.
    """

    title: str
    tables: tuple[Table, ...]
    lines: tuple[Line, ...] = ()
    notes: tuple[Note, ...] = ()
    facts: Mapping[str, Any] = {}

    def data(self) -> dict[str, Any]:
        """Return everything as plain data, versioned."""
        rows = {table.key: [row.data() for row in table.rows] for table in self.tables if table.key}
        notes = {"notes": [*map(str, self.notes)], "note_codes": [note.code for note in self.notes]}
        return {"schema_version": 2, **self.facts, **rows, **notes}


def cell_text(value: object, form: Form, separator: str = "") -> str:
    """Return one value as text: integers exactly, shares in percent, ratios with four digits."""
    if form == "shape":
        return shape_text(value)
    if form in {"count", "delta"} and isinstance(value, int):
        sign = "+" if form == "delta" and value else ""
        return f"{value:{sign},}".replace(",", separator)
    if form in _NUMBERS and isinstance(value, int | float):
        return format(value, _NUMBERS[form])
    return "" if value is None else str(value)


_NUMBERS: Mapping[str, str] = {"share": ".2%", "ratio": ".4f"}


def shape_text(value: object) -> str:
    """Return sizes as 3×224×224, or those of several inputs with their names."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shape_text(sizes)}" for name, sizes in value.items())
    return "×".join(map(str, value)) if isinstance(value, Sequence) else ""


def plural(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: 1 layer, 2 layers."""
    return f"{number} {noun if number == 1 else many or f'{noun}s'}"


def listed(words: Iterable[str], most: int) -> str:
    """Join the first words that differ, and count the others."""
    words = [*dict.fromkeys(words)]
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
