"""`flopcount space SPACE.toml --where 'macs <= 300M'`: a huge space, without going through it."""

from typing import TYPE_CHECKING, Any

import click

from flopcount.cli.options import complete_arch, grid_options, output_options, stacked
from flopcount.cli.output import show
from flopcount.errors import UsageError

if TYPE_CHECKING:
    from flopcount.analyses.space.answer import Question


space_options = stacked(
    click.option("--where", metavar="EXPR", help="A budget: 'macs <= 300M and params <= 3M and input >= 160'."),
    click.option("--exact", "exact", is_flag=True, help="Count exactly, however long that takes."),
    click.option("--bounds", "bounds", is_flag=True, help="Be content with a lower and an upper bound."),
    click.option("--sample", type=click.IntRange(1, 100_000), metavar="N", help="Draw N that meet it, all as likely."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which draws."),
)


@click.command("space")
@click.argument("arch", shell_complete=complete_arch)
@space_options
@grid_options
@output_options
def command(arch: str, fmt: str, output: str | None, **options: Any) -> None:
    """Say how many candidates a space has and how many meet a budget, the smallest and the largest.

    The axes are the table `space` of the file, and lists and ranges for --input,
    --width and --set. Nothing is enumerated and nothing estimated: the count is
    exact where that takes seconds, else a lower and an upper bound.
    """
    from flopcount.analyses.space.answer import asked
    from flopcount.cli.streaming import grid
    from flopcount.report.sweep import space_report

    said = {name: options.pop(name) for name in ("where", "exact", "bounds", "sample", "seed")}
    space, said = grid(arch, options, said)
    show(space_report(asked(space, _question(said))), fmt, output)


def _question(said: dict[str, Any]) -> "Question":
    from flopcount.analyses.space.answer import Draws, Question

    if said["exact"] and said["bounds"]:
        raise UsageError("--exact and --bounds: a count is one or the other; leave one out")
    draws = Draws(said["sample"], said["seed"]) if said["sample"] else None
    return Question(said["where"], "exact" if said["exact"] else "bounds" if said["bounds"] else "auto", draws)
