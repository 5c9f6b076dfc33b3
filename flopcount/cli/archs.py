"""`flopcount archs`: the bundled networks."""

from collections.abc import Mapping
from typing import Any

import click

from flopcount.case import Cost
from flopcount.cli.options import output_options, plot_option
from flopcount.cli.output import Output, show
from flopcount.report.catalogue import Listed, archs_report
from flopcount.spec.load import ROOT, bundled
from flopcount.spec.lock import read_lock
from flopcount.spec.text import notation_of, parsed, read_text
from flopcount.spec.units import DEFAULT_METRICS

LOCK = ROOT / "flopcount.lock"
"""The recorded costs of the bundled networks; `make test` checks that they are current."""


@click.command("archs")
@plot_option
@output_options
def command(out: Output) -> None:
    """List the bundled networks, each at its own input."""
    rows = {row.id: row for row in read_lock(LOCK, str(LOCK)).rows}
    files: dict[str, Mapping[str, Any]] = {}
    found = []
    for name, (path, variant) in bundled().items():
        key = path.relative_to(ROOT).as_posix()
        if key not in files:
            text = read_text(path)
            files[key] = parsed(text, notation_of(path, text), str(path)).data
        said = {**files[key], **(files[key]["variants"][variant] if variant else {})}
        row = rows[f"{key} --variant {variant}" if variant else key]
        cost = Cost({name: getattr(row, name) for name in DEFAULT_METRICS})
        found.append(Listed(name, said["input"], cost, said["description"], row.notes))
    show(archs_report(found), out)
