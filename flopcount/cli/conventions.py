"""`flopcount conventions [NAME]`: what counters count."""

import click

from flopcount.cli.options import complete_convention, output_options
from flopcount.cli.output import Output, show
from flopcount.network.convention import described, mac_conventions
from flopcount.report.catalogue import convention_report, conventions_report


@click.command("conventions")
@click.argument("name", required=False, shell_complete=complete_convention)
@output_options
def command(name: str | None, out: Output) -> None:
    """List the conventions, or show one: the weight of each thing that happens.

    NAME is one of them, or a file of your own: my.toml, my.toml:NAME.
    """
    if name is None:
        report = conventions_report([described(each) for each in mac_conventions()])
    else:
        report = convention_report(described(name))
    show(report, out)
