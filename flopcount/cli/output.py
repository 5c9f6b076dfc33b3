"""Where a report goes: standard output, or a file that is replaced atomically."""

import codecs
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flopcount.errors import FileError, Note, UsageError, plain, reason
from flopcount.report.table import (
    Line,
    Report,
    Table,
    in_unit,
    json_parts,
    render_csv,
    render_latex,
    render_markdown,
)
from flopcount.spec.text import PARTIAL

if TYPE_CHECKING:
    from flopcount.report.terminal import Screen


class Output(NamedTuple):
    """The format of a report (empty if none is asked for), its file (else standard output), and the file of a chart."""

    fmt: str = ""
    output: str | None = None
    plot: str | None = None
    exact: bool = False
    unit: str | None = None

    @property
    def decided(self) -> "Output":
        """The same with a format: the ending of the file decides if none is asked for."""
        return self._replace(fmt=format_of(self.output, self.fmt))


def _svg(report: Report) -> Iterable[str]:
    from flopcount.report.picture import picture_parts
    from flopcount.report.terminal import drawn_lines

    return picture_parts(report.title.partition(":")[0], drawn_lines(report))


FORMATS: Mapping[str, Callable[[Report], Iterable[str]] | None] = {
    "table": None,
    "json": json_parts,
    "csv": render_csv,
    "markdown": render_markdown,
    "latex": render_latex,
    "svg": _svg,
}
"""The function for each output format; a table depends on the terminal."""


ENDINGS: Mapping[str, str] = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".tex": "latex",
    ".svg": "svg",
}
"""The format of a report by the ending of its file."""

DRAWINGS: Mapping[str, str] = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}
"""The notation of a graph by the ending of its file."""

OTHERS = (".toml", ".html", ".png", ".pdf", ".jsonl", ".parquet", ".yaml", ".yml", ".xlsx", ".xml")
"""Endings that have a meaning, but not for every command."""

ANY = ("", ".txt", ".log", ".out")
"""Endings that stand for any text."""


def ending_of(output: str | None) -> str:
    """Return the ending of a file in lower case."""
    return os.path.splitext(output or "")[1].lower()  # noqa: PTH122  (start-up)


def format_of(output: str | None, asked: str = "", endings: Mapping[str, str] = ENDINGS, default: str = "table") -> str:
    """Return the format of a file: the one that is asked for, else by its ending; refuse a contradiction."""
    ending = ending_of(output)
    told = endings.get(ending)
    if told is not None and asked in {"", told}:
        return told
    if told is None and (ending in ANY or (asked and ending not in {*ENDINGS, *DRAWINGS, *OTHERS})):
        return asked or default
    fit = ", ".join(each for each, name in endings.items() if asked in {"", name}) or ".txt"
    what = f"{asked} does not go into a file that ends in {ending}" if asked else f"nothing here is written as {ending}"
    chart = "; --plot draws a chart" if ending in {".html", ".png", ".pdf"} else ""
    raise UsageError(f"-o {plain(str(output)[:200])}: {what}; name a file that ends in {fit}{chart}")


def show(report: Report, out: Output, *, parts: bool = False, chart: dict[str, Any] | None = None) -> None:
    """Render a report and write it; for CSV, lines and notes go to stderr.

    With --plot a chart is written too: `chart`, or that of the main table.
    """
    if out.plot is not None:
        from flopcount.report.chart import chart_of, plotted

        drawn = plotted(chart or chart_of(report), Path(out.plot).suffix.lower())
        write_whole(Path(out.plot), drawn, "choose another --plot")
        report = report._replace(notes=(*report.notes, Note("chart-written", f"the chart is in {out.plot}")))
    if out.exact:
        report = report._replace(tables=tuple(table._replace(exact=True) for table in report.tables))
    if out.unit:
        _check_unit(out)
        report = in_unit(report, out.unit)
    render = FORMATS[out.fmt]
    said: list[Note | Line] = [*report.lines, *report.notes] if out.fmt == "csv" else []
    if render:
        emit(render(report), out.output, said)
    else:
        emit(_table(report, out.output, parts=parts), out.output, for_people=True)


def _check_unit(out: Output) -> None:
    """Refuse a unit where numbers are exact."""
    exact = "--exact-numbers" if out.exact else f"--format {out.fmt}" if out.fmt in {"json", "csv"} else ""
    if exact:
        raise UsageError(f"--unit {out.unit} rounds, and {exact} prints exact integers; choose one of them")


def _table(report: Report, output: str | None, *, parts: bool) -> str:
    """Return a table for standard output, which may be a terminal, or for a file."""
    from flopcount.report.terminal import PIPE, render_terminal

    screen = PIPE if output not in {None, "-"} else screen_of(sys.stdout)
    return render_terminal(report if screen.width == PIPE.width else shortened(report), screen, parts=parts)


def screen_of(stream: Any) -> "Screen":
    """Return what a standard stream goes to: a terminal of some width, or a pipe; FORCE_COLOR gives a pipe colors."""
    from flopcount.report.terminal import PIPE

    is_terminal = stream is not None and stream.isatty()
    wants_color = is_terminal and os.environ.get("TERM") != "dumb"
    if os.environ.get("FORCE_COLOR", "0") != "0":
        wants_color = True
    color = wants_color and not os.environ.get("NO_COLOR")
    encoding = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name
    if not is_terminal:
        return PIPE._replace(color=color, encoding=encoding)
    import shutil

    return PIPE._replace(width=shutil.get_terminal_size().columns, color=color, encoding=encoding)


MOST_ROWS = 2_000
"""A longer table is folded or cut on a terminal, which would not keep it."""


def shortened(report: Report) -> Report:
    """Fold or cut tables that are too long for a terminal; a note says how to see all of their rows."""
    done: list[str] = []
    tables = tuple(_short(table, done) if len(table.rows) > MOST_ROWS else table for table in report.tables)
    if not done:
        return report
    note = Note("shortened", f"{'; '.join(done)}; a pipe, such as | less, and -o FILE have all rows")
    return report._replace(tables=tables, notes=(*report.notes, note))


def _short(table: Table, done: list[str]) -> Table:
    """Fold a table of all layers of a network, or cut it; note what was done."""
    from flopcount.report.count import LAYERS, cut, folded

    short, how, positions = table, "", [row.cells.get("position") for row in table.rows]
    is_whole = (
        table.columns[: len(LAYERS)] == LAYERS and not table.caption and positions == [*range(1, len(positions) + 1)]
    )
    for depth in (3, 2, 1) if is_whole and not table.caption else ():
        if len(short.rows) > MOST_ROWS:
            short, how = folded(table, depth), f"folded as by --depth {depth}"
    if len(short.rows) > MOST_ROWS:
        short, how = cut(short, MOST_ROWS), f"cut after {MOST_ROWS} rows"
    done.append(f"the table of {len(table.rows)} rows is {how}")
    return short


def emit(
    text: str | Iterable[str], output: str | None, said: Sequence[Note | Line] = (), *, for_people: bool = False
) -> None:
    """Write a text, or the parts of one, to a file or to standard output, and to stderr what is said about it.

    Both have the same bytes, UTF-8 on every system; only text for people follows the terminal's encoding.
    """
    if output is None or output == "-":
        _refuse_closed()
        for part in [text] if for_people else _encoded(text):
            click.echo(part, nl=False, color=True)
    elif output.endswith(("/", os.sep)):
        raise UsageError(f"-o {plain(output[:200])}: this is a folder; name a file in it")
    else:
        write_whole(Path(output), text)
    if said:
        tell(said, err=True)


def _refuse_closed() -> None:
    if sys.stdout is None:
        raise FileError("<stdout>", "standard output is closed")


def tell(said: Sequence[Note | Line], *, err: bool = False) -> None:
    """Write lines and notes for people to standard output, or to standard error, as its screen has them."""
    from flopcount.report.terminal import printed, prose

    if not err:
        _refuse_closed()
    screen = screen_of(sys.stderr if err else sys.stdout)
    words = ((f"note: {each}", True) if isinstance(each, Note) else (str(each), err) for each in said)
    lines = (line for text, stands_out in words for line in prose(text, screen, "note" if stands_out else ""))
    click.echo(printed(lines, screen), nl=False, err=err, color=True)


PART = 2**20
"""About how many characters are encoded at a time."""


def _encoded(text: str | Iterable[str]) -> Iterator[bytes]:
    """Encode text, or the parts of a long one; half a character, as in a file name, becomes a question mark."""
    waiting, length = list[str](), 0
    for part in [text] if isinstance(text, str) else text:
        waiting.append(part)
        length += len(part)
        if length >= PART:
            yield "".join(waiting).encode(errors="replace")
            waiting, length = [], 0
    yield "".join(waiting).encode(errors="replace")


def write_whole(path: Path, content: bytes | Iterable[str], hint: str = "choose another -o") -> None:
    """Replace a file atomically, so that no reader sees a partial file."""
    data = [content] if isinstance(content, bytes) else _encoded(content)
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():  # a device
            with target.open("wb") as file:
                file.writelines(data)
            return
        _replace(target, data)
    except OSError as error:
        raise FileError(str(path), f"cannot be written: {reason(error)}; {hint}") from None


def _replace(target: Path, data: Iterable[bytes]) -> None:
    """Write a hidden file beside the target, which it replaces when it is whole."""
    import tempfile

    os.umask(mask := os.umask(0))
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
