"""`flopcount report ARCH… -o report.html`: one page that shows where the cost goes."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, count_of, expanded
from flopcount.cli.options import complete_arch, device_options
from flopcount.cli.output import emit, format_of
from flopcount.errors import Note, UsageError

if TYPE_CHECKING:
    from flopcount.report.device import OnDevice

ENDINGS: Mapping[str, str] = {".html": "html", ".htm": "html", ".json": "json"}
"""The format of a report by the ending of its file."""


@click.command("report", cls=Documented)
@click.argument("archs", nargs=-1, metavar="ARCH …", shell_complete=complete_arch)
@device_options
@click.option(
    *("--format", "fmt"),
    type=click.Choice(("html", "json")),
    help="Output format: the page, or the data in it (default: by the ending of -o, else html).",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all.")
def command(archs: tuple[str, ...], options: Options, fmt: str | None, output: str | None) -> None:
    """Write a page that shows where the cost of networks goes: one HTML file to open, send or print.

    It has every layer as a chart by block, as a table and as a graph, the memory over time, the roofline of a
    device, limits with their verdicts and, of several networks, what differs. It needs no network connection.
    """
    if not archs:
        raise UsageError("nothing to report on; name a network, as in flopcount report resnet50 -o report.html")
    fmt = format_of(output, fmt or "", ENDINGS, "html")
    if fmt == "html" and output is None and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("the page is long; name a file for it: -o report.html")
    from flopcount.report.page import page_parts
    from flopcount.report.table import mapping_parts

    data = report_data(expanded(archs), options)
    emit(mapping_parts(data) if fmt == "json" else page_parts(data), output)


def report_data(archs: Sequence[str], options: Options) -> dict[str, Any]:
    """Return the data of a page for networks, each with the same options."""
    from flopcount.report.page import Subject, command_line, differences, page_data, shown_metrics

    options = options._replace(metrics=",".join(shown_metrics(options.metrics, is_training=options.training)))
    counts = [count_of(arch, options) for arch in archs]
    if len(counts) > 1:
        for each in counts:
            each.case.check_varied("a comparison")
    names = [count.case.name for count in counts]
    told = [arch if names.count(name) > 1 else name for arch, name in zip(archs, names, strict=True)]
    asked: list[OnDevice | None] = [None] * len(counts)
    if options.on:
        from flopcount.report.device import on_device, target

        device = target(options.on)
        asked = [on_device(each, device) for each in counts]
    rows = zip(told, counts, asked, strict=True)
    subjects = [Subject(name, count, options.changes, on) for name, count, on in rows]
    return page_data(subjects, command_line(), {**_limits(archs, options), **differences(subjects)})


def _limits(archs: Sequence[str], options: Options) -> dict[str, Any]:
    """Return what `check` says of the files, or a note if options change what they cost; nothing without limits."""
    files = [arch for arch in archs if Path(arch).is_file()]
    if not files:
        return {}
    from flopcount.analyses.budgets.check import outcome, setup
    from flopcount.readers.load import parser_of
    from flopcount.report.check_formats import check_data
    from flopcount.report.table import notes_data

    around = setup(Path.cwd(), None, options.size, options.values)
    if not around.rules and all(parser_of(Path(arch)) for arch in files):  # models of other tools have no limits inside
        return {}
    found = outcome(around, files, None)
    if not any(each.limited for each in found.files):
        return {}
    if options._replace(size=None, values=(), metrics=None, on=None) == Options():
        return {"check": check_data(found)}
    text = "limits are judged for the file as it is: flopcount check shows them"
    return notes_data([Note("limits-elsewhere", text)])
