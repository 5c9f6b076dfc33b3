"""Arguments and options that several commands share."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from flopcount.cli.output import FORMATS
from flopcount.errors import UsageError, plain
from flopcount.network.convention import POLICIES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


CHARTS = (".svg", ".png", ".html")
"""The endings of files that --plot writes."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def complete_arch(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete the names of bundled networks; the shell completes files."""
    from click.shell_completion import CompletionItem

    from flopcount.spec.load import bundled

    del ctx, param
    names = [CompletionItem(name) for name in bundled() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def complete_convention(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete the names of conventions."""
    from click.shell_completion import CompletionItem

    from flopcount.network.convention import mac_conventions

    del ctx, param
    return [CompletionItem(name) for name in mac_conventions() if name.startswith(incomplete)]


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --format and -o."""
    return stacked(
        click.option("--format", "fmt", type=click.Choice([*FORMATS]), default="table", help="Output format."),
        click.option("-o", "--output", metavar="FILE", help="Write to a file (atomically) instead of standard output."),
    )(command)


def plot_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --plot."""
    return click.option(
        "--plot", metavar="FILE", callback=_check_plot, help="Also draw a chart to FILE.svg, .png or .html."
    )(command)


def _check_plot(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse other files, and any if the library that draws is missing, before anything is computed."""
    del ctx, param
    if value is None:
        return None
    if os.path.splitext(value)[1].lower() not in CHARTS:  # noqa: PTH122  (start-up)
        raise UsageError(
            f"--plot {plain(value[:200])}: expected a file that ends in {', '.join(CHARTS[:-1])} or {CHARTS[-1]}"
        )
    from flopcount.report.chart import library

    library()
    return value


def view_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that decide which rows are shown."""
    return stacked(
        click.option("--depth", type=int, metavar="N", help="Fold blocks to the first N names of each path."),
        click.option("--by", metavar="COLUMN", help="Sum by a column: type, kernel, block, output …"),
        click.option("--sort", metavar="COLUMN", help="Sort by a column, numbers in descending order."),
        click.option("--top", type=int, metavar="N", help="Show only the first N rows."),
        click.option("--columns", metavar="A,B,…", help="Show only these columns."),
        click.option("--parts", is_flag=True, help="Show the parts of composite layers too."),
    )(command)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that decide on the network: its input and changes to it."""
    return stacked(
        click.option(
            "--input",
            "size",
            metavar="SIZE",
            help="Input size: 160 or 160x128, with channels 3x160x128, with a batch 8x3x160x128.",
        ),
        click.option("--width", metavar="FACTOR", help="Width multiplier: channels times FACTOR, by the file's rule."),
        click.option("--variant", metavar="NAME", help="The variant of the file to use."),
        click.option("--batch", type=int, help="Batch size."),
        click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Override a setting (defaults.padding=same, layers.3.kernel_size=5) or a layer's field.",
        ),
        click.option(
            "--allow-unknown",
            is_flag=True,
            help="Skip unsupported operators; totals become lower bounds.",
        ),
    )(command)


def count_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that decide on the numbers: the network, and what is counted."""
    return stacked(
        network_options,
        click.option(
            "--convention",
            "counts",
            metavar="NAME",
            default="macs",
            shell_complete=complete_convention,
            help="What to count: macs, thop, fvcore … (see flopcount conventions), or my.toml.",
        ),
        click.option(
            "--params",
            type=click.Choice(POLICIES),
            help="Parameters to count (default: the convention's choice, else trainable).",
        ),
        click.option("--from", "notation", type=click.Choice(("toml", "json")), help="Notation of standard input."),
    )(command)


def grid_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what decides on the numbers of a grid, whose batch may be a list or a range too."""
    wrapped = count_options(command)
    parameters: list[click.Parameter] = wrapped.__click_params__  # type: ignore[attr-defined]  # set by click
    parameters[:] = [each for each in parameters if each.name != "batch"]
    return click.option("--batch", metavar="N", help="Batch size; a list or a range is an axis.")(wrapped)


def stacked(*decorators: Decorator) -> Decorator:
    """Apply decorators so that the first is on top."""

    def apply(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply
