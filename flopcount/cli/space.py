"""`flopcount space SPACE.toml --where 'macs <= 300M'`: a huge space, without going through it."""

from typing import NamedTuple

import click

from flopcount.cli.loading import Options
from flopcount.cli.options import complete_arch, grid_options, output_options, typed
from flopcount.cli.output import Output, show
from flopcount.errors import UsageError


class Asked(NamedTuple):
    """What is asked of a space."""

    where: str | None = None
    exact: bool = False
    bounds: bool = False
    sample: int | None = None
    seed: int = 0


@click.command("space")
@click.argument("arch", shell_complete=complete_arch)
@typed(
    "asked",
    Asked,
    click.option("--where", metavar="EXPR", help="A budget: 'macs <= 300M and params <= 3M and input >= 160'."),
    click.option("--exact", "exact", is_flag=True, help="Count exactly, however long that takes."),
    click.option("--bounds", "bounds", is_flag=True, help="Be content with a lower and an upper bound."),
    click.option("--sample", type=click.IntRange(1, 100_000), metavar="N", help="Draw N that meet it, all as likely."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which draws."),
)
@grid_options
@output_options
def command(arch: str, batches: str | None, asked: Asked, options: Options, out: Output) -> None:
    """Say how many candidates a space has and how many meet a budget, the smallest and the largest.

    The axes are the table `space` of the file, and lists and ranges for --input,
    --width and --set. Nothing is enumerated and nothing estimated: the count is
    exact where that takes seconds, else a lower and an upper bound.
    """
    from flopcount.analyses.space.answer import Question
    from flopcount.analyses.space.answer import asked as answered
    from flopcount.analyses.sweep.run import Drawn
    from flopcount.cli.streaming import grid
    from flopcount.report.sweep import space_report

    space, (where,) = grid(arch, options, batches, [asked.where])
    if asked.exact and asked.bounds:
        raise UsageError("--exact and --bounds: a count is one or the other; leave one out")
    draws = Drawn(asked.sample, asked.seed) if asked.sample else None
    question = Question(where, "exact" if asked.exact else "bounds" if asked.bounds else "auto", draws)
    show(space_report(answered(space, question)), out)
