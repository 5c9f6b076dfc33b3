"""`flopcount compare A B …`: totals side by side, and layers where they match."""

import click

from flopcount.cli.loading import Options, count_of
from flopcount.cli.options import complete_arch, count_options, output_options, plot_option
from flopcount.cli.output import Output, show
from flopcount.report.compare import comparison_report


@click.command("compare")
@click.argument("archs", nargs=-1, required=True, metavar="A B …", shell_complete=complete_arch)
@count_options
@plot_option
@output_options
def command(archs: tuple[str, ...], options: Options, out: Output) -> None:
    """Compare networks: totals side by side, with ratios to the first.

    If all have the same maps, layer for layer, the layers are compared too. The
    options apply to every network.
    """
    results = [count_of(arch, options) for arch in archs]
    names = [result.case.name for result in results]
    told = [arch if names.count(name) > 1 else name for arch, name in zip(archs, names, strict=True)]
    show(comparison_report([*zip(told, results, strict=True)]), out)
