"""Columns and rows with raw values; nothing here knows about terminals."""

import csv
import io
import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import Any, Literal, NamedTuple

from flopcount.spec.units import PREFIXES, prefix

# Axes of pictures: from where to where, linear or logarithmic, in which power of ten, with which ticks.


Number = int | float

WIDE = 30
"""Values whose largest is so many times the smallest are shown on a logarithmic axis."""


LEAST_AIR = 1e-3
"""At both ends of an axis, of its values: equal ones need some place, and floats tell no nearer ones apart."""


class Axis(NamedTuple):
    """A quantity along a side of a picture; `low` and `high` are raw values, `factor` is that of the prefix."""

    key: str
    title: str
    low: Number
    high: Number
    prefix: str = ""
    is_log: bool = False

    @property
    def factor(self) -> int:
        """What one unit on the axis stands for."""
        return PREFIXES[self.prefix]

    @property
    def label(self) -> str:
        """The title with its unit."""
        unit = f"{self.title} ({self.prefix})" if self.prefix else self.title
        return f"{unit}, logarithmic" if self.is_log else unit

    def scaled(self, value: Number) -> float:
        """Return a value in the units of the axis."""
        return value / self.factor

    def place(self, value: Number) -> float:
        """Return where a value is: 0 at the low end, 1 at the high end."""
        if self.is_log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return float((value - self.low) / (self.high - self.low))


def bar_axis(key: str, title: str, values: Iterable[Number]) -> Axis:
    """Return an axis for bars: from zero to the largest."""
    high = max(values, default=0)
    return Axis(key, title, 0, high or 1, prefix(high))


def point_axis(key: str, title: str, values: Iterable[Number], *, is_count: bool = True) -> Axis:
    """Return an axis for points, with some air at both ends; logarithmic where the values are far apart."""
    values = [*values]
    low, high = min(values, default=0), max(values, default=1)
    unit = prefix(high) if is_count else ""
    if low > 0 and high >= WIDE * low:
        return Axis(key, title, low / 1.3, high * 1.3, unit, is_log=True)
    air = max((high - low) / 16, abs(high) * LEAST_AIR) or 1
    return Axis(key, title, 0 if 0 <= low <= 4 * air else low - air, high + air, unit)


def ticks(axis: Axis, most: int = 6) -> list[float]:
    """Return round numbers along an axis, in its units, at most about so many."""
    low, high = axis.scaled(axis.low), axis.scaled(axis.high)
    return _log_ticks(low, high, most) if axis.is_log else _even_ticks(low, high, most)


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * 0.999)
    first = -floor(-low / step * (1 + 1e-12))
    return [number * step for number in range(first, floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def tick_text(value: float) -> str:
    """Write a round number without needless zeros."""
    return f"{value:,.10g}"


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


# Pictures as data: bars, or points along two axes. Nothing here draws, and nothing knows of commands.


QUANTITIES: Mapping[str, str] = {"macs": "MACs", "params": "parameters"}
"""What bars show, a panel each, and how the axes call it."""


class Heading(NamedTuple):
    """The words around a picture: the title, lines under it, what it leaves out, what must be known to read it."""

    title: str
    lines: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()


class Series(NamedTuple):
    """Bars of one colour: a value for each label."""

    name: str
    values: tuple[int, ...]


class Panel(NamedTuple):
    """One quantity: bars of one or more series along an axis."""

    axis: Axis
    series: tuple[Series, ...]


class Bars(NamedTuple):
    """Horizontal bars: a label for each row, a panel for each quantity; `details` are a row's other cells.

    `reference` is the label of a row that the others are compared with.
    """

    heading: Heading
    labels: tuple[str, ...]
    panels: tuple[Panel, ...]
    details: tuple[Mapping[str, str], ...]
    reference: str = ""


class Point(NamedTuple):
    """A place, its name where it has one, what else is known of it, and the value that colours it."""

    x: Number
    y: Number
    label: str = ""
    details: Mapping[str, str] = {}
    shade: Number | None = None


class Points(NamedTuple):
    """Points along two axes; the front joins those that no other beats; `shade` is what the colours stand for."""

    heading: Heading
    x: Axis
    y: Axis
    points: tuple[Point, ...]
    front: tuple[Point, ...] = ()
    shade: str = ""


Chart = Bars | Points


class Ink(NamedTuple):
    """What a terminal can show: its width, colours, and characters beyond ASCII."""

    width: int
    colour: bool = False
    unicode: bool = True


def captions(report: Report) -> tuple[str, ...]:
    """Return what must be known to read a picture: the convention, and the notes."""
    return (*(line for line in report.lines if line.startswith("counted: ")), *report.notes)


def lines(report: Report) -> tuple[str, ...]:
    """Return what the lines under a title say, but for the convention."""
    return tuple(line for line in report.lines if not line.startswith("counted: "))


# For machines: JSON, which has everything, and CSV, which has the main table.


def render_json(report: Report) -> str:
    """Write the whole report as JSON with exact integers."""
    members = (f"  {_compact(key)}: {_member(value)}" for key, value in report.data().items())
    return "{\n" + ",\n".join(members) + "\n}\n"


def _member(value: object) -> str:
    """Write a list of rows one to a line: short to read, and a diff shows the layer."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return _compact(value)
    return "[\n    " + ",\n    ".join(map(_compact, value)) + "\n  ]"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def render_csv(report: Report) -> str:
    """Write the main table with raw values; its last row is the total."""
    table = report.tables[0]
    columns = (*table.columns, *table.more)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    for row in (*table.rows, *((table.total,) if table.total else ())):
        cells = ((row.cells.get(column.key), column.sort) for column in columns)
        writer.writerow([cell_text(value, sort) if sort == "shape" else value for value, sort in cells])
    return text.getvalue()


# The words of a picture, broken into lines: title, subtitle and footnotes.


TITLE, SUBTITLE, CAPTION = 78, 105, 125
"""Characters to a line."""

MOST_NOTES = 4
"""More footnotes than this are counted."""


def headed(content: Mapping[str, Any], heading: Heading) -> dict[str, Any]:
    """Put the title above a specification and the footnotes below."""
    title = {"text": wrapped([heading.title], TITLE), "subtitle": wrapped((*heading.lines, *heading.remarks), SUBTITLE)}
    titled = {**content, "title": title}
    if not heading.captions:
        return titled
    footnote = {"text": _footnotes(heading.captions), "orient": "bottom", "anchor": "start", "offset": 16}
    style = {"fontSize": 9.5, "fontWeight": "normal", "color": "#5f6368", "lineHeight": 13}
    return {"vconcat": [titled], "title": {**footnote, **style}}


def _footnotes(captions: tuple[str, ...]) -> list[str]:
    more = len(captions) - MOST_NOTES
    said = [*captions[:MOST_NOTES], *([f"and {more} more notes, which the table has"] if more > 0 else [])]
    return wrapped(said, CAPTION)


def wrapped(texts: Iterable[str], width: int) -> list[str]:
    """Break texts into lines."""
    return [line for text in texts for line in textwrap.wrap(text, width)]


# The word a counter has for its number: no figure goes by that of another unit.


_KEPT = "convention"
"""What describes the convention speaks of MACs and of FLOPs as it means them."""


def worded(report: Report) -> Report:
    """Put a convention's word for MACs in titles, keys and notes of its report."""
    convention = report.facts.get(_KEPT)
    if convention is None or convention["word"] == "MACs":
        return report
    wording = _Wording(convention["word"], in_flops=convention["unit"] == "FLOP")
    facts = {key: value if key == _KEPT else wording.renamed(value) for key, value in report.facts.items()}
    notes = tuple(map(wording.said, report.notes))
    return report._replace(tables=tuple(map(wording.table, report.tables)), notes=notes, facts=facts)


class _Wording:
    """Says one word in place of MACs; keys change only where the unit does."""

    def __init__(self, word: str, *, in_flops: bool) -> None:
        self.word = word
        self.key = key_in_flops if in_flops else str

    def table(self, table: Table) -> Table:
        return table._replace(
            columns=tuple(map(self._column, table.columns)),
            more=tuple(map(self._column, table.more)),
            rows=tuple(map(self._row, table.rows)),
            total=self._row(table.total) if table.total else None,
            caption=self.said(table.caption),
        )

    def _column(self, column: Column) -> Column:
        return column._replace(key=self.key(column.key), title=self.said(column.title))

    def _row(self, row: Row) -> Row:
        return Row(self.renamed(row.cells), tuple(map(self._row, row.parts)))

    def renamed(self, value: Any) -> Any:
        """Rename keys, in whatever they are nested, and the word where it is all that a value says."""
        if isinstance(value, Mapping):
            return {self.key(key): self.renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.renamed(each) for each in value]
        return self.word if value == "MACs" else value

    def said(self, text: str) -> str:
        return re.sub(r"\bMACs\b", self.word, text)


def key_in_flops(key: str) -> str:
    """Return the key under which FLOPs stand, where MACs stand under this one."""
    return re.sub(r"(?<![a-z])macs(?![a-z])", "flops", key)


SPOKEN = ("where", "sort", "pareto", "columns", "by")
"""The options that name columns."""


def in_macs(said: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """Return options as all but the output speaks: of MACs, where a convention's columns are of FLOPs."""
    if unit != "FLOP":
        return dict(said)
    named = {name: said[name] for name in SPOKEN if isinstance(said.get(name), str)}
    return {**said, **{name: re.sub(r"(?<![a-z])flops(?![a-z])", "macs", text) for name, text in named.items()}}
