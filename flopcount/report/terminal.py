"""For people: tables in a terminal, plain when piped, and the same as a picture."""

import io
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from flopcount.report.table import Report, Row, Sort, Table, cell_text

WIDEST = 10_000
"""A width that nothing is cut at: piped output and tables are never wrapped."""


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
    yield _drawn(report.main, parts=parts)
    if report.summary:
        yield _drawn(report.summary, parts=False, separator="")
        if report.summary.caption:
            yield Text(f"  {report.summary.caption}", "dim")
    for note in report.notes:
        yield Text()
        yield from _wrapped(Text(f"note: {note}", "yellow"), width)


def _wrapped(text: Text, width: int) -> Iterable[Text]:
    yield from text.wrap(Console(width=width), width) if width < WIDEST else [text]


def _drawn(table: Table, *, parts: bool, separator: str = ",") -> RenderableType:
    grid = RichTable(box=SIMPLE_HEAD, show_footer=table.total is not None, pad_edge=False, header_style="bold")
    for column in table.columns:
        footer = cell_text(table.total.cells.get(column.key), column.sort, separator) if table.total else ""
        right = column.sort not in {"text", "shape"}
        grid.add_column(column.title, footer, justify="right" if right else "left", no_wrap=True, footer_style="bold")
    for row in table.rows:
        _add(grid, row, [(column.key, column.sort) for column in table.columns], separator, parts=parts)
    return Padding(grid, (0, 0, 0, 2), expand=False)


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
