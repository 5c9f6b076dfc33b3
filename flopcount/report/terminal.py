"""For people: tables in a terminal, plain when piped, and the same as a picture."""

import io
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from flopcount.report.table import Column, Report, Row, Sort, Table, cell_text

WIDEST = 10_000
"""A width that nothing is cut at: piped output and tables of numbers are never wrapped."""

WORDS = frozenset({"text", "prose", "shape"})
"""The sorts of columns that are read from the left."""


def render_terminal(report: Report, width: int | None = None, *, colour: bool = False, parts: bool = False) -> str:
    """Write the report; prose is wrapped at `width`, tables never."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=WIDEST,
        color_system="standard" if colour else None,
        force_terminal=colour,
        legacy_windows=False,
        emoji=False,
        highlight=False,
    )
    for piece in _pieces(report, width or WIDEST, parts=parts):
        console.print(piece, crop=False, soft_wrap=isinstance(piece, Text))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def render_svg(report: Report) -> str:
    """Draw what a terminal shows, as an SVG picture."""
    plain = render_terminal(report, 100)
    width = max(map(len, plain.split("\n")))
    console = Console(file=io.StringIO(), record=True, width=width + 2, force_terminal=True, color_system="truecolor")
    console.print(Group(*_pieces(report, width, parts=False)), crop=False)
    return console.export_svg(title=report.title.partition(":")[0], unique_id="flopcount")


def _pieces(report: Report, width: int, *, parts: bool) -> Iterable[RenderableType]:
    yield from _wrapped(Text(report.title, "bold"), width)
    for line in report.lines:
        yield from _wrapped(Text(line, "dim"), width)
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
    for column in table.columns:
        footer = cell_text(table.total.cells.get(column.key), column.sort, table.separator) if table.total else ""
        grid.add_column(
            column.title,
            footer,
            justify="left" if column.sort in WORDS else "right",
            no_wrap=column.sort != "prose",
            min_width=None if column.sort == "prose" else _widest(table, column),
            footer_style="bold",
        )
    for row in table.rows:
        _add(grid, row, [(column.key, column.sort) for column in table.columns], table.separator, parts=parts)
    if any(column.sort == "prose" for column in table.columns):
        grid.width = min(width - 2, WIDEST) if width < WIDEST else None
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _widest(table: Table, column: Column) -> int:
    """Return the width at which nothing in a column is cut; only prose gives way on a narrow terminal."""
    rows = (*table.rows, *((table.total,) if table.total else ()))
    cells = (cell_text(row.cells.get(column.key), column.sort, table.separator) for row in rows)
    return max(map(len, (column.title, *cells)))


def _add(
    grid: RichTable,
    row: Row,
    columns: list[tuple[str, Sort]],
    separator: str,
    *,
    parts: bool,
    style: str = "",
) -> None:
    grid.add_row(*(Text(cell_text(row.cells.get(key), sort, separator)) for key, sort in columns), style=style)
    for part in row.parts if parts else ():
        _add(grid, part, columns, separator, parts=True, style="dim")
