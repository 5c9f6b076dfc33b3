"""`flopcount kinds [KIND]`: the kinds of layers, their fields, equations and sources."""

import click
from click.shell_completion import CompletionItem

from flopcount.cli.options import output_options
from flopcount.cli.output import show
from flopcount.errors import UsageError, suggestion
from flopcount.report.catalogue import kind_report, kinds_report
from flopcount.schema.layers import FAMILIES


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del ctx, param
    return [CompletionItem(kind) for kind in FAMILIES if kind.lower().startswith(incomplete.lower())]


@click.command("kinds")
@click.argument("kind", required=False, shell_complete=_complete)
@output_options
def command(kind: str | None, fmt: str, output: str | None) -> None:
    """List the kinds of layers, or show one: its fields, equations and source."""
    if kind is not None and kind not in FAMILIES:
        raise UsageError(f"no kind is called {kind!r}; {suggestion(kind, [*FAMILIES])}")
    show(kind_report(kind) if kind else kinds_report(), fmt, output)
