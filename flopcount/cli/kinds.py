"""`flopcount kinds [KIND]`: the kinds of layers, their fields, equations and sources."""

import click
from click.shell_completion import CompletionItem

from flopcount.cli.options import output_options
from flopcount.cli.output import Output, show
from flopcount.errors import UsageError, suggestion
from flopcount.report.catalogue import kind_report, kinds_report, template_report
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import load


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del ctx, param
    return [CompletionItem(kind) for kind in KINDS if kind.lower().startswith(incomplete.lower())]


@click.command("kinds")
@click.argument("kind", required=False, shell_complete=_complete)
@output_options
def command(kind: str | None, out: Output) -> None:
    """List the kinds of layers, or show one: its fields, equations and source."""
    templates = load("compositions").arch.templates
    if kind is not None and kind not in {*KINDS, *templates}:
        raise UsageError(f"no kind is named {kind!r}; {suggestion(kind, [*KINDS, *templates])}")
    if kind is None:
        show(kinds_report(templates), out)
    else:
        show(template_report(kind, templates[kind]) if kind in templates else kind_report(kind), out)
