"""Columns and rows of raw values, and the text of them for machines, pull requests and papers: no terminal here."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from flopcount.errors import Note, plain
from flopcount.formulas.shape import PerAxis
from flopcount.report import escape
from flopcount.spec.units import PREFIXES, brief, duration

Form = Literal["text", "path", "status", "prose", "count", "delta", "share", "ratio", "shape", "axes", "seconds"]
"""What a column holds: a word, one that may lose its middle, a code that has a color, words that may wrap, exact
integers, exact differences, a part of a whole, a quotient, sizes, a number for each axis, a time."""

WORDS = frozenset({"text", "path", "status", "prose", "shape"})
"""The forms that are aligned left."""

Numbers = Literal["grouped", "brief", "exact"]
"""How a table writes numbers: 1,814,073,344 and 0.1209; 1.814 G and shares with one decimal; all digits, ungrouped."""


class Column(NamedTuple):
    """A key in the data, a title for people, and what the values are.

    `metric` names the metric a column is about, which also says how rows combine if the column `combines`. In a
    terminal that is too narrow, the column of the highest `rank` leaves first; one of rank 0 stays.
    """

    key: str
    title: str
    form: Form = "text"
    metric: str = ""
    combines: bool = False
    rank: int = 0


class Row(NamedTuple):
    """Values by column key, and the rows inside this one."""

    cells: Mapping[str, Any]
    parts: tuple["Row", ...] = ()

    def data(self) -> Mapping[str, Any]:
        """Return the row as plain data, its parts nested."""
        cells = spread(self.cells)
        return {**cells, "parts": [part.data() for part in self.parts]} if self.parts else cells


def spread(cells: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return values as data, tables of them too: a list for numbers of axes, a float for a fraction."""
    if _AS_DATA.keys().isdisjoint(map(type, cells.values())):
        return cells
    return {key: _AS_DATA[type(value)](value) if type(value) in _AS_DATA else value for key, value in cells.items()}


_AS_DATA: Mapping[type, Callable[[Any], Any]] = {PerAxis: lambda value: [*value.axes], Fraction: float, dict: spread}


class Table(NamedTuple):
    """Rows under columns, with a row of totals if they add up.

    The key names the rows in data; a table without one repeats facts for people.
    `more` are columns that are shown only on request, with an option if there is one to `choose` columns.
    An `exact` table always has all digits of its numbers.
    """

    key: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    caption: str = ""
    more: tuple[Column, ...] = ()
    exact: bool = False
    choose: str = ""

    @property
    def every(self) -> tuple[Row, ...]:
        """The rows, and the totals after them."""
        return (*self.rows, self.total) if self.total else self.rows

    def texts(self, row: Row) -> list[str]:
        """Return the cells of a row as text."""
        numbers: Numbers = "exact" if self.exact else "grouped"
        return [cell_text(row.cells.get(column.key), column.form, numbers) for column in self.columns]


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
        return {"schema_version": 2, **spread(self.facts), **rows, **notes_data(self.notes)}


def in_unit(report: Report, unit: str) -> Report:
    """Return a report for people whose integers are in a unit, with two decimals; tables that stay exact do."""
    return report._replace(tables=tuple(each if each.exact else _in_unit(each, unit) for each in report.tables))


def _in_unit(table: Table, unit: str) -> Table:
    scaled = {each.key: each._replace(title=f"{each.title} ({unit})") for each in table.columns if each.metric}
    scaled = {key: each for key, each in scaled.items() if each.form in {"count", "delta"}}
    rows = tuple(_row_in_unit(row, scaled, unit) for row in table.every)
    columns = tuple(scaled.get(each.key, each) for each in table.columns)
    return table._replace(columns=columns, rows=rows[: len(table.rows)], total=rows[-1] if table.total else None)


def _row_in_unit(row: Row, columns: Mapping[str, Column], unit: str) -> Row:
    numbers = ((key, each.form, row.cells.get(key)) for key, each in columns.items())
    texts = {key: scaled_text(value, unit, form == "delta") for key, form, value in numbers if isinstance(value, int)}
    return Row({**row.cells, **texts}, tuple(_row_in_unit(part, columns, unit) for part in row.parts))


def scaled_text(value: int, unit: str, signed: bool = False) -> str | int:  # noqa: FBT001, FBT002  (of a form)
    """Return an integer in a unit with two decimals: 1814073344 as 1,814.07 in M; what is not zero is not shown as it.

    Zero stays a number.
    """
    number = Decimal(value) / PREFIXES[unit]
    text = f"{number:{'+' if signed else ''},.2f}"
    return value and (text if float(text.replace(",", "")) else "> -0.01" if value < 0 else "< 0.01")


def notes_data(notes: Iterable[Note]) -> dict[str, list[str]]:
    """Return notes as plain data: their sentences and their codes."""
    both = [(str(note), note.code) for note in notes]
    return {"notes": [text for text, _ in both], "note_codes": [code for _, code in both]}


def cell_text(value: object, form: Form, numbers: Numbers = "grouped") -> str:
    """Return one value as text; None as nothing."""
    if isinstance(value, int | float | Fraction) and (written := _NUMBERS.get(form)):
        return written(value, numbers)
    if form == "shape":
        return shape_text(value)
    return "" if value is None else plain(str(value))


def _count(value: float, numbers: Numbers, sign: str = "") -> str:
    text = f"{value:{sign},}" if numbers == "grouped" else f"{value:{sign}}"
    return brief(int(value), sign) if numbers == "brief" else text


_NUMBERS: Mapping[Form, Callable[[Any, Numbers], str]] = {
    "count": _count,
    "delta": lambda value, numbers: _count(value, numbers, "+" if value else ""),
    "share": lambda value, numbers: f"{value:.1%}" if numbers == "brief" else f"{value:.2%}",
    "seconds": lambda value, numbers: f"{float(value)} s" if numbers == "exact" else duration(Fraction(value)),
    "axes": lambda value, numbers: shape_text(getattr(value, "axes", (value,))),  # noqa: ARG005  (few digits)
    "ratio": lambda value, numbers: str(value) if numbers == "exact" else f"{value:#.4g}".removesuffix("."),
}


def shape_text(value: object) -> str:
    """Return sizes as 3×224×224, or those of several inputs with their names."""
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(name)} {shape_text(sizes)}" for name, sizes in value.items())
    if isinstance(value, list) and value and isinstance(value[0], list):
        return ", ".join(map(shape_text, value))
    return "×".join(map(str, value)) if isinstance(value, Sequence) else ""


def plural(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: 1 layer, 2 layers."""
    return f"{number} {noun if number == 1 else many or f'{noun}s'}"


def render_json(report: Report) -> str:
    """Return the whole report as JSON with exact integers."""
    return "".join(json_parts(report))


def json_parts(report: Report) -> Iterator[str]:
    """Yield the parts of a report as JSON; a list of rows has one row per line, so that a diff shows the layer."""
    yield from mapping_parts(report.data())


def mapping_parts(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of a mapping as JSON: a line for each key, and for each mapping in a list."""
    for number, (key, value) in enumerate(data.items()):
        yield f"{',' if number else '{'}\n  {escape.json(key)}: "
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield from (f"{',' if place else '['}\n    {escape.json(row)}" for place, row in enumerate(value))
            yield "\n  ]"
        else:
            yield escape.json(value)
    yield "\n}\n"


def render_csv(report: Report) -> str:
    """Return the main table with raw values; its last row is the total."""
    table = report.tables[0]
    columns = (*table.columns, *table.more)
    cells = ([(row.cells.get(column.key), column.form) for column in columns] for row in table.every)
    lines = (
        [cell_text(value, form) if form in {"shape", "axes"} else _raw(value) for value, form in row] for row in cells
    )
    return csv_rows([[column.key for column in columns], *lines])


def _raw(value: object) -> object:
    return float(value) if isinstance(value, Fraction) else value


def csv_rows(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [*map(escape.csv, row)] if str in map(type, row) else row for row in rows
    )
    return text.getvalue()


def render_markdown(report: Report) -> str:
    """Return the title, the tables and the notes."""
    lines = [
        f"### {escape.markdown(report.title)}",
        "",
        *(f"{escape.markdown(str(line))}  " for line in report.lines),
        "",
    ]
    for table in report.tables:
        lines += [*_table(table), "", *([escape.markdown(table.caption), ""] if table.caption else [])]
    for note in report.notes:
        lines += [f"> {escape.markdown(str(note))}", ""]
    return "\n".join(lines[:-1]) + "\n"


def _table(table: Table) -> list[str]:
    titles = [escape.markdown(column.title) or " " for column in table.columns]
    rules = ["---" if column.form in WORDS else "---:" for column in table.columns]
    rows = [[*map(escape.markdown, table.texts(row))] for row in table.rows]
    if table.total:
        rows.append([f"**{escape.markdown(cell)}**" if cell else "" for cell in table.texts(table.total)])
    return [markdown_row(cells) for cells in (titles, rules, *rows)]


def markdown_row(cells: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def render_html(report: Report) -> str:
    """Return the title, the tables and the notes as a part of a page."""
    said = [f"<p>{escape.xml(str(line))}</p>" for line in report.lines]
    notes = [f"<p><em>{escape.xml(str(note))}</em></p>" for note in report.notes]
    return "\n".join(
        ["<div>", f"<h4>{escape.xml(report.title)}</h4>", *said, *map(_html, report.tables), *notes, "</div>"]
    )


def _html(table: Table) -> str:
    sides = ["left" if column.form in WORDS else "right" for column in table.columns]

    def row(cells: Iterable[str], tag: str) -> str:
        pairs = zip(cells, sides, strict=True)
        return "".join(f'<{tag} style="text-align:{side}">{escape.xml(cell)}</{tag}>' for cell, side in pairs)

    titles = row([column.title for column in table.columns], "th")
    rows = [row(table.texts(each), "td" if each is not table.total else "th") for each in table.every]
    caption = f"<caption>{escape.xml(table.caption)}</caption>" if table.caption else ""
    return f"<table>{caption}<tr>{'</tr><tr>'.join([titles, *rows])}</tr></table>"


def render_latex(report: Report) -> str:
    """Return every table as a tabular, preceded by the convention and the notes as comments."""
    comments = [f"% {plain(str(line))}" for line in (report.title, *report.lines, *report.notes)]
    tables = [line for table in report.tables for line in ("", *_tabular(table))]
    return "\n".join([*comments, r"% needs \usepackage{booktabs}", *tables]) + "\n"


def _tabular(table: Table) -> list[str]:
    alignment = "".join("l" if column.form in WORDS else "r" for column in table.columns)
    pairs = zip(table.columns, zip(*map(table.texts, table.every), strict=True), strict=False)
    rows = [*zip(*(_latex_column(*pair) for pair in pairs), strict=True)]
    lines = [r"\toprule", _latex_row(escape.latex(column.title) for column in table.columns), r"\midrule"]
    lines += map(_latex_row, rows[: len(table.rows)])
    lines += [r"\midrule", _latex_row(rows[-1])] if table.total else []
    caption = [f"% {plain(table.caption)}"] if table.caption else []
    return [*caption, rf"\begin{{tabular}}{{{alignment}}}", *lines, r"\bottomrule", r"\end{tabular}"]


def _latex_column(column: Column, cells: Sequence[str]) -> Iterator[str]:
    """Yield the cells of a column; decimal points are aligned by invisible zeros."""
    decimals = [len(cell.partition(".")[2]) if column.form == "ratio" else 0 for cell in cells]
    most = max(decimals, default=0)
    for cell, own in zip(cells, decimals, strict=True):
        zeros = "0" * (most - own)
        yield escape.latex(cell) + (rf"\phantom{{{zeros}}}" if cell and zeros else "")


def _latex_row(cells: Iterable[str]) -> str:
    return rf"{' & '.join(cells)} \\"
