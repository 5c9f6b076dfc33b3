"""Tables in a terminal, plain if piped, and the same as an SVG picture."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal

from click import style

from flopcount.errors import plain
from flopcount.report.table import WORDS, Column, Report, Row, Table

WIDEST, NARROWEST = 10_000, 16
"""The width of piped output, at which nothing is wrapped; the width to which a column of prose shrinks at most."""

MARGIN = "   "
"""The space before a table and between its columns."""

Look = Literal["title", "aside", "note", ""]
LOOKS: Mapping[str, Mapping[str, Any]] = {"title": {"bold": True}, "aside": {"dim": True}, "note": {"fg": "yellow"}}
"""How a terminal shows a line."""

Line = tuple[str, Look]
"""A line of text and its look."""


def render_terminal(report: Report, width: int | None = None, *, color: bool = False, parts: bool = False) -> str:
    """Return the report; prose is wrapped at `width`, other cells never."""
    lines = _lines(report, width or WIDEST, parts=parts)
    return "".join(f"{style(text, **LOOKS[look]) if color and text and look else text}\n" for text, look in lines)


def render_svg(report: Report) -> str:
    """Return what a terminal as wide as the tables shows, at least 100 columns for prose, as an SVG picture."""
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    width = max(_cells(text) for text, _ in _lines(report, 100, parts=False))
    styles = {look: Style(color=how.get("fg"), bold=how.get("bold"), dim=how.get("dim")) for look, how in LOOKS.items()}
    lines = (Segment(f"{text}\n", styles.get(look)) for text, look in _lines(report, width, parts=False))
    console = Console(file=io.StringIO(), record=True, width=width + 2, force_terminal=True, color_system="truecolor")
    console.print(Segments(lines), soft_wrap=True, end="")
    return console.export_svg(title=report.title.partition(":")[0], unique_id="flopcount")


def _lines(report: Report, width: int, *, parts: bool) -> Iterator[Line]:
    yield from ((line, "title") for line in _wrapped(report.title, width))
    yield from ((line, "aside") for text in report.lines for line in _wrapped(str(text), width))
    for table in report.tables:
        yield from _drawn(table, width, parts=parts)
        yield from ((line, "aside") for line in _wrapped(table.caption, width) if line)
    for note in report.notes:
        yield "", ""
        yield from ((line, "note") for line in _wrapped(f"note: {note}", width))


def _wrapped(text: str, width: int) -> list[str]:
    text = plain(text)
    if _cells(text) <= width:
        return [text]
    if _cells(text) == len(text):
        from textwrap import wrap

        return wrap(text, width, break_on_hyphens=False)
    from rich.console import Console
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(text).wrap(Console(width=width), width)]


def _cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if max(text, default="") < "\u0300":
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _drawn(table: Table, width: int, *, parts: bool) -> Iterator[Line]:
    """Yield a table: a blank line, the titles, a rule, the rows, the totals after a blank line, and a blank line."""
    titles = [plain(column.title) for column in table.columns]
    rows = [*_rows(table.rows, table, parts=parts)]
    totals = [table.texts(table.total, table.separator)] if table.total else []
    widths = _widths(table.columns, [titles, *(cells for cells, _ in rows), *totals], width)
    yield "", ""
    yield from _row(titles, widths, table.columns, "title")
    yield MARGIN + "─" * (sum(widths) + len(MARGIN) * (len(widths) - 1)), ""
    for cells, look in rows:
        yield from _row(cells, widths, table.columns, look)
    for cells in totals:
        yield "", ""
        yield from _row(cells, widths, table.columns, "title")
    yield "", ""


def _rows(rows: Iterable[Row], table: Table, *, parts: bool) -> Iterator[tuple[list[str], Look]]:
    for row in rows:
        yield table.texts(row, table.separator), ""
        for part in row.parts if parts else ():
            yield from ((cells, "aside") for cells, _ in _rows([part], table, parts=True))


def _widths(columns: Sequence[Column], texts: Iterable[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column: that of its longest text; the narrowest columns of prose take theirs first."""
    widths = [max(map(_cells, column)) for column in zip(*texts, strict=True)]
    prose = sorted((i for i, column in enumerate(columns) if column.form == "prose"), key=widths.__getitem__)
    left = width - len(MARGIN) * len(widths) - sum(widths) + sum(widths[i] for i in prose)
    for others, i in zip(range(len(prose), 0, -1), prose, strict=True):
        widths[i] = min(widths[i], max(left // others, NARROWEST))
        left -= widths[i]
    return widths


def _row(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column], look: Look) -> Iterator[Line]:
    """Yield the lines of a row: more than one if prose is wrapped."""
    wrapped = (_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True))
    for line in zip_longest(*wrapped, fillvalue=""):
        padded = (_aligned(*each) for each in zip(line, widths, columns, strict=True))
        yield (MARGIN + MARGIN.join(padded)).rstrip(), look


def _aligned(text: str, width: int, column: Column) -> str:
    space = " " * (width - _cells(text))
    return text + space if column.form in WORDS else space + text
