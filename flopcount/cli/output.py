"""Where a report goes: standard output, or a file that is replaced atomically."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from flopcount.errors import FileError, Note
from flopcount.report.table import Report


class Screen(NamedTuple):
    """What the table is written for: the width of a terminal, if it is one; colors; the parts of composite layers."""

    width: int | None = None
    color: bool = False
    parts: bool = False


def _table(report: Report, screen: Screen) -> str:
    from flopcount.report.terminal import render_terminal

    return render_terminal(report, screen.width, color=screen.color, parts=screen.parts)


def _json(report: Report, _: Screen) -> str:
    from flopcount.report.text import render_json

    return render_json(report)


def _csv(report: Report, _: Screen) -> str:
    from flopcount.report.text import render_csv

    return render_csv(report)


def _markdown(report: Report, _: Screen) -> str:
    from flopcount.report.text import render_markdown

    return render_markdown(report)


def _latex(report: Report, _: Screen) -> str:
    from flopcount.report.text import render_latex

    return render_latex(report)


def _svg(report: Report, _: Screen) -> str:
    from flopcount.report.terminal import render_svg

    return render_svg(report)


FORMATS: Mapping[str, Callable[[Report, Screen], str]] = {
    "table": _table,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "latex": _latex,
    "svg": _svg,
}
"""The function for each output format; it imports its renderer when it is used."""


def show(
    report: Report,
    fmt: str,
    output: str | None,
    *,
    parts: bool = False,
    plot: str | None = None,
    chart: dict[str, Any] | None = None,
) -> None:
    """Render a report and write it; for CSV, lines and notes go to stderr.

    With `plot` a chart is written too: `chart`, or that of the main table.
    """
    if plot is not None:
        report = _with_chart(report, plot, chart)
    emit(FORMATS[fmt](report, _screen(output, parts=parts)), output)
    if fmt == "csv":
        for line in (*report.lines, *(f"note: {note}" for note in report.notes)):
            click.echo(line, err=True)


def _with_chart(report: Report, plot: str, chart: dict[str, Any] | None) -> Report:
    """Write the chart of a report, and add a note that says where it is."""
    from flopcount.report.chart import chart_of, plotted

    drawn = plotted(chart or chart_of(report), Path(plot).suffix.lower())
    write_whole(Path(plot), drawn, "choose another --plot")
    return report._replace(notes=(*report.notes, Note("chart-written", f"the chart is in {plot}")))


def _screen(output: str | None, *, parts: bool) -> Screen:
    """Return what standard output can show; a file is not a terminal."""
    if output not in {None, "-"} or sys.stdout is None or not sys.stdout.isatty():
        return Screen(parts=parts)
    import shutil

    wants_color = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return Screen(shutil.get_terminal_size().columns, wants_color, parts)


def emit(text: str, output: str | None) -> None:
    """Write text to a file or to standard output."""
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text)


def write_whole(path: Path, content: str | bytes, hint: str = "choose another -o") -> None:
    """Replace a file in one move, so that no reader ever sees half of it."""
    data = content.encode() if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        _replace(target, data)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(str(path), f"cannot be written: {reason}; {hint}") from None


def _replace(target: Path, data: bytes) -> None:
    import tempfile

    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
