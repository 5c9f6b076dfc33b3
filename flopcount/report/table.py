"""Columns and rows with raw values; nothing here knows about terminals."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Sort = Literal["text", "prose", "count", "delta", "share", "ratio", "shape"]
"""What a column holds: a word, words that may wrap, exact integers, exact differences, a part of a whole, a quotient,
sizes."""


class Column(NamedTuple):
    """A key in the data, a title for people, and what the values are."""

    key: str
    title: str
    sort: Sort = "text"


class Row(NamedTuple):
    """Values by column key, and the rows inside this one."""

    cells: Mapping[str, Any]
    parts: tuple["Row", ...] = ()

    def data(self) -> dict[str, Any]:
        """Return the row as plain data, its parts nested."""
        inner = {"parts": [part.data() for part in self.parts]} if self.parts else {}
        return {**self.cells, **inner}


class Table(NamedTuple):
    """Rows under columns, with a row of totals where they add up.

    The key names the rows in data; a table without one repeats facts for people.
    `more` are columns that are shown only when asked for.
    """

    key: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    caption: str = ""
    separator: str = ","
    more: tuple[Column, ...] = ()


class Report(NamedTuple):
    """All that a command has to say.

    `facts` is the stable data a machine reads beside the rows of the tables;
    the first table is the main one.
    """

    title: str
    tables: tuple[Table, ...]
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}

    def data(self) -> dict[str, Any]:
        """Return everything as plain data, versioned."""
        rows = {table.key: [row.data() for row in table.rows] for table in self.tables if table.key}
        return {"schema_version": 1, **self.facts, **rows, "notes": [*self.notes]}


def cell_text(value: object, sort: Sort, separator: str = "") -> str:
    """Write one value: integers exactly, shares in percent, ratios to four digits."""
    if sort == "shape":
        return _shape_text(value)
    if sort in {"count", "delta"} and isinstance(value, int):
        sign = "+" if sort == "delta" and value else ""
        return f"{value:{sign},}".replace(",", separator)
    if sort in _NUMBERS and isinstance(value, int | float):
        return format(value, _NUMBERS[sort])
    return "" if value is None else str(value)


_NUMBERS: Mapping[str, str] = {"share": ".2%", "ratio": ".4f"}


def _shape_text(value: object) -> str:
    """Write sizes as 3×224×224; several, with their names, one after the other."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shape_text(sizes)}" for name, sizes in value.items())
    return "×".join(map(str, value)) if isinstance(value, Sequence) else ""
