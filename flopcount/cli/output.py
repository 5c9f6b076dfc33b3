"""Where a report goes: standard output, or a file that is written whole or not at all."""

import os
import sys
from pathlib import Path

import click

from flopcount.cli.options import HERE
from flopcount.errors import FileError, UsageError
from flopcount.report.table import Chart, Ink, Report

# What the terminal can show, and what the environment asks of it.


DRAWN = "█░▏⣿●│┬"
"""What pictures are made of where more than ASCII can be written."""


def terminal_width() -> int:
    """Return how many characters a line of the terminal has."""
    import shutil

    return shutil.get_terminal_size().columns


def wants_colour() -> bool:
    """Tell whether the environment lets a terminal have colours."""
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def has_blocks() -> bool:
    """Tell whether standard output can write what bars and points are made of."""
    try:
        DRAWN.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def show(
    report: Report,
    fmt: str,
    output: str | None,
    *,
    parts: bool = False,
    plot: str | None = None,
    chart: "Chart | None" = None,
) -> None:
    """Render a report and write it; CSV says on stderr what its rows cannot.

    With `plot` there is a picture too: `chart`, or what the main table gives.
    """
    to_stdout = output in {None, "-"}
    to_terminal = to_stdout and sys.stdout is not None and sys.stdout.isatty()
    drawing = ""
    if plot is not None:
        from flopcount.report.table import Ink

        ink = ink_of_stdout(to_terminal=to_terminal) if to_stdout else Ink(PLAIN_WIDTH)
        drawn = picture(report, chart, plot, fmt, ink)
        if isinstance(drawn, bytes):
            write_whole(Path(plot), drawn, "choose another --plot")
            report = report._replace(notes=(*report.notes, f"the picture is in {plot}"))
        else:
            drawing = drawn
    text = _rendered(report, fmt, to_terminal=to_terminal, parts=parts)
    emit(text + drawing, output)
    if fmt == "csv":
        for line in (*report.lines, *(f"note: {note}" for note in report.notes)):
            click.echo(line, err=True)


def emit(text: str, output: str | None) -> None:
    """Write text to a file or to standard output."""
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_whole(Path(output), text)


def _rendered(report: Report, fmt: str, *, to_terminal: bool, parts: bool) -> str:
    """Call the renderer of a format; each is imported only here, when used."""
    if report.facts.get("convention", {}).get("word", "MACs") != "MACs":
        from flopcount.report.table import worded

        report = worded(report)
    if fmt == "json":
        from flopcount.report.table import render_json

        return render_json(report)
    if fmt == "csv":
        from flopcount.report.table import render_csv

        return render_csv(report)
    if fmt == "markdown":
        from flopcount.report.text import render_markdown

        return render_markdown(report)
    if fmt == "latex":
        from flopcount.report.text import render_latex

        return render_latex(report)
    from flopcount.report.terminal import render_svg, render_terminal

    if fmt == "svg":
        return render_svg(report)
    width = terminal_width() if to_terminal else None
    return render_terminal(report, width, colour=to_terminal and wants_colour(), parts=parts)


def write_whole(path: Path, content: str | bytes, way_out: str = "choose another -o") -> None:
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
        raise FileError(str(path), f"cannot be written: {reason}; {way_out}") from None


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


# The picture of a report: text for the terminal, or the content of a file.


PLAIN_WIDTH = 100
"""Characters to a line where there is no terminal to ask."""


def check(plot: str, fmt: str) -> None:
    """Refuse what cannot be drawn; a long sweep asks before anything is computed."""
    if plot != HERE:
        from flopcount.report.chart_file import check_library

        check_library()
    elif fmt != "table":
        raise UsageError(f"--plot draws below the table; with --format {fmt} give it a file: --plot FILE.svg")


def picture(report: Report, chart: Chart | None, plot: str, fmt: str, ink: Ink) -> str | bytes:
    """Draw a chart, or what the main table gives: text that goes below the table, bytes that go into the file."""
    check(plot, fmt)
    from flopcount.report.chart import chart_of

    chart = chart or chart_of(report)
    if plot == HERE:
        from flopcount.report.chart_terminal import drawn

        return drawn(chart, ink)
    from flopcount.report.chart_file import plotted

    return plotted(chart, Path(plot).suffix.lower())


def ink_of_stdout(*, to_terminal: bool) -> Ink:
    """Return what standard output can show."""
    if to_terminal:
        return Ink(terminal_width(), wants_colour(), has_blocks())
    return Ink(PLAIN_WIDTH, unicode=has_blocks())
