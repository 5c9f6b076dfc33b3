"""`flopcount space SPACE.toml --where 'macs <= 300M'`: a huge space, without enumerating it."""

from typing import NamedTuple

import click

from flopcount.cli.help import Documented
from flopcount.cli.loading import Options
from flopcount.cli.options import SEED, complete_arch, grid_options, output_options, typed
from flopcount.cli.output import Output, show
from flopcount.errors import UsageError


class Asked(NamedTuple):
    """The options of a question about a space."""

    where: str | None = None
    exact: bool = False
    bounds: bool = False
    sample: int | None = None
    seed: int | None = None


@click.command("space", cls=Documented)
@click.argument("arch", shell_complete=complete_arch)
@typed(
    "asked",
    Asked,
    click.option("--where", metavar="EXPR", help="A budget: 'macs <= 300M and params <= 3M and input >= 160'."),
    click.option("--exact", "exact", is_flag=True, help="Count exactly, however long that takes."),
    click.option("--bounds", "bounds", is_flag=True, help="Compute bounds only."),
    click.option("--sample", type=click.IntRange(1, 100_000), metavar="N", help="Sample N matches uniformly."),
    SEED,
)
@grid_options
@output_options
def command(arch: str, batches: str | None, asked: Asked, options: Options, out: Output) -> None:
    """Count the candidates of a space and those that meet a budget; show the smallest and the largest.

    The axes are the table `space` of the file, and lists and ranges for --input,
    --width and --set. Nothing is enumerated or estimated: the count is
    exact if that takes seconds, otherwise a lower and an upper bound.
    """
    from flopcount.analyses.space.answer import Question
    from flopcount.analyses.space.answer import asked as answered
    from flopcount.cli.streaming import drawn, grid
    from flopcount.network.network import MOST_READ_AGAIN
    from flopcount.report.sweep import space_report

    space, (where,) = grid(arch, options, batches, [asked.where])
    space.case.check_varied("this question", MOST_READ_AGAIN)
    if asked.exact and asked.bounds:
        raise UsageError("--exact and --bounds exclude each other; omit one of them")
    draws = drawn(asked.sample, asked.seed)
    question = Question(where, "exact" if asked.exact else "bounds" if asked.bounds else "auto", draws)
    show(space_report(answered(space, question)), out)
