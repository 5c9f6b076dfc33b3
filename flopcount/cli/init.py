"""`flopcount init`: the first limits of a project, in flopcount.toml."""

from datetime import date
from pathlib import Path

import click

from flopcount.cli.help import Documented
from flopcount.cli.output import emit, format_of, tell, write_whole
from flopcount.report.table import Line, plural


@click.command("init", cls=Documented)
@click.argument("files", nargs=-1, metavar="[FILES…]")
@click.option("--margin", default="10%", show_default=True, metavar="PERCENT", help="How much more is allowed.")
@click.option("--input", "size", metavar="SIZE", help="Input size for all files, written into the configuration.")
@click.option("-o", "--output", metavar="FILE", help="Write to another file, or - to print.")
def command(files: tuple[str, ...], margin: str, size: str | None, output: str | None) -> None:
    """Write limits for networks into flopcount.toml: what they cost now, and a margin.

    FILES are files, folders or patterns, by default all networks in this folder and below it.
    Hidden folders, other repositories (submodules) and environments of Python are left out.
    Nothing is written if limits are set here already, or if a named file cannot be counted.
    Edit the file as you like; flopcount check reads it.
    """
    from flopcount.analyses.budgets.check import Setup
    from flopcount.analyses.budgets.first import first, refuse_existing
    from flopcount.spec.project import NAMES

    folder = Path.cwd()
    format_of(output, endings={".toml": "toml"})
    if output is None:
        refuse_existing(folder)
    found = first(Setup(folder, None, date.min, size), files, margin)
    if output == "-":
        emit(found.text, output, found.notes)
        return
    path = output or NAMES[0]
    write_whole(Path(path), found.text)
    said = f"{path}: limits for {plural(found.networks, 'network')}; flopcount check compares them"
    tell([Line("text", said), *found.notes])
