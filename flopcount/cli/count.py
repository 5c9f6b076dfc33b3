"""`flopcount ARCH`: what a network costs, layer by layer."""

from typing import Any

import click

from flopcount.cli.loading import Options, count_arch
from flopcount.cli.options import complete_arch, count_options, output_options
from flopcount.cli.output import show
from flopcount.report.views import count_report


@click.command("count")
@click.argument("arch", shell_complete=complete_arch)
@count_options
@click.option("--parts", is_flag=True, help="Show the parts of composite layers too.")
@output_options
def command(arch: str, fmt: str, output: str | None, *, parts: bool, **options: Any) -> None:
    """Count the parameters and MACs of ARCH, layer by layer.

    ARCH is an arch file (TOML or JSON), a bundled network or - for standard
    input. Layers that stand for a standard convolution are compared with it.
    """
    spec, result = count_arch(arch, Options(**options))
    show(count_report(spec.arch.name, spec.arch.description, result), fmt, output, parts=parts)
