"""The picture of a report: text for the terminal, or the content of a file."""

from pathlib import Path

from flopcount.cli.options import HERE
from flopcount.cli.screen import has_blocks, terminal_width, wants_colour
from flopcount.errors import UsageError
from flopcount.report.charts import Chart, Ink
from flopcount.report.table import Report
from flopcount.report.table_charts import chart_of

PLAIN_WIDTH = 100
"""Characters to a line where there is no terminal to ask."""


def check(plot: str, fmt: str) -> None:
    """Refuse what cannot be drawn; a long sweep asks before anything is computed."""
    if plot != HERE:
        from flopcount.report.plotting import check_library

        check_library()
    elif fmt != "table":
        raise UsageError(f"--plot draws below the table; with --format {fmt} give it a file: --plot FILE.svg")


def picture(report: Report, chart: Chart | None, plot: str, fmt: str, ink: Ink) -> str | bytes:
    """Draw a chart, or what the main table gives: text that goes below the table, bytes that go into the file."""
    check(plot, fmt)
    chart = chart or chart_of(report)
    if plot == HERE:
        from flopcount.report.terminal_charts import drawn

        return drawn(chart, ink)
    from flopcount.report.plotting import plotted

    return plotted(chart, Path(plot).suffix.lower())


def ink_of_stdout(*, to_terminal: bool) -> Ink:
    """Return what standard output can show."""
    if to_terminal:
        return Ink(terminal_width(), wants_colour(), has_blocks())
    return Ink(PLAIN_WIDTH, unicode=has_blocks())
