"""`flopcount archs`: the networks that come with flopcount."""

import click

from flopcount.cli.loading import Options, count_arch
from flopcount.cli.options import output_options, plot_option
from flopcount.cli.output import show
from flopcount.report.catalogue import archs_report
from flopcount.spec.load import bundled


@click.command("archs")
@plot_option
@output_options
def command(fmt: str, output: str | None, plot: str | None) -> None:
    """List the networks that come with flopcount, each at its own input."""
    counted = [count_arch(str(path), Options(variant=variant)) for path, variant in bundled().values()]
    show(archs_report([(spec.arch, result) for spec, result in counted]), fmt, output, plot=plot)
