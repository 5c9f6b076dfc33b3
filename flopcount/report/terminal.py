"""Tables in a terminal, plain if piped, and the same as an SVG picture."""

import io
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from flopcount.report.table import WORDS, Column, Report, Row, Table, cell_text

WIDEST = 10_000
"""A width at which nothing is cut: piped output and tables of numbers are never wrapped."""


def render_terminal(report: Report, width: int | None = None, *, color: bool = False, parts: bool = False) -> str:
    """Return the report; prose is wrapped at `width`, tables never."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=WIDEST,
        color_system="standard" if color else None,
        force_terminal=color,
        legacy_windows=False,
        emoji=False,
        highlight=False,
    )
    for piece in _pieces(report, width or WIDEST, parts=parts):
        console.print(piece, crop=False, soft_wrap=isinstance(piece, Text))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def render_svg(report: Report) -> str:
    """Return what a terminal shows as an SVG picture."""
    plain = render_terminal(report, 100)
    width = max(map(len, plain.split("\n")))
    console = Console(file=io.StringIO(), record=True, width=width + 2, force_terminal=True, color_system="truecolor")
    console.print(Group(*_pieces(report, width, parts=False)), crop=False)
    return console.export_svg(title=report.title.partition(":")[0], unique_id="flopcount")


def _pieces(report: Report, width: int, *, parts: bool) -> Iterable[RenderableType]:
    yield from _wrapped(Text(report.title, "bold"), width)
    for line in report.lines:
        yield from _wrapped(Text(str(line), "dim"), width)
    for table in report.tables:
        yield _drawn(table, width, parts=parts)
        if table.caption:
            yield from _wrapped(Text(table.caption, "dim"), width)
    for note in report.notes:
        yield Text()
        yield from _wrapped(Text(f"note: {note}", "yellow"), width)


def _wrapped(text: Text, width: int) -> Iterable[Text]:
    yield from text.wrap(Console(width=width), width) if width < WIDEST else [text]


def _drawn(table: Table, width: int, *, parts: bool) -> RenderableType:
    grid = RichTable(box=SIMPLE_HEAD, show_footer=table.total is not None, pad_edge=False, header_style="bold")
    footers = table.texts(table.total, table.separator) if table.total else [""] * len(table.columns)
    for column, footer in zip(table.columns, footers, strict=True):
        grid.add_column(
            column.title,
            footer,
            justify="left" if column.form in WORDS else "right",
            no_wrap=column.form != "prose",
            min_width=None if column.form == "prose" else _widest(table, column),
            footer_style="bold",
        )
    for row in table.rows:
        _add(grid, row, table, parts=parts)
    if any(column.form == "prose" for column in table.columns):
        grid.width = min(width - 2, WIDEST) if width < WIDEST else None
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _widest(table: Table, column: Column) -> int:
    """Return the width at which nothing in a column is cut; only prose wraps on a narrow terminal."""
    cells = (cell_text(row.cells.get(column.key), column.form, table.separator) for row in table.every)
    return max(map(len, (column.title, *cells)))


def _add(grid: RichTable, row: Row, table: Table, *, parts: bool, style: str = "") -> None:
    grid.add_row(*map(Text, table.texts(row, table.separator)), style=style)
    for part in row.parts if parts else ():
        _add(grid, part, table, parts=True, style="dim")
