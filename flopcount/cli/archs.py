"""`flopcount archs`: the networks that come with flopcount."""

import click

from flopcount.cli.loading import Options, count_of
from flopcount.cli.options import output_options, plot_option
from flopcount.cli.output import show
from flopcount.report.catalogue import archs_report
from flopcount.spec.load import bundled


@click.command("archs")
@plot_option
@output_options
def command(fmt: str, output: str | None, plot: str | None) -> None:
    """List the networks that come with flopcount, each at its own input."""
    counted = [count_of(str(path), Options(variant=variant)) for path, variant in bundled().values()]
    show(archs_report([(result.case.plan.spec.arch, result) for result in counted]), fmt, output, plot=plot)
