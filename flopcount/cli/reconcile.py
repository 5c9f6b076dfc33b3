"""`flopcount reconcile ARCH --with thop=4133742592`: why another counter's number differs."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import click

from flopcount.analyses.explain import Asked, Origin, Side, asked, numbers, origins, side, terms
from flopcount.cli.loading import Options, count_of
from flopcount.cli.options import complete_arch, complete_convention, network_options, output_options
from flopcount.cli.output import show
from flopcount.errors import Broken, UsageError
from flopcount.network.convention import convention
from flopcount.network.trace import Trace
from flopcount.report.explain import Search, Way, reconciliation_report

MOST_RELATIVES = 8
"""So many other networks of a like name are looked at for a number."""


@click.command("reconcile")
@click.argument("arch", shell_complete=complete_arch)
@click.option(
    "--with",
    "figures",
    metavar="[NAME=]FIGURE",
    multiple=True,
    help="A number, and who counted it: thop=4133742592, paper=3.8G; a number alone is looked for.",
)
@click.option(
    "--from",
    "start",
    metavar="NAME",
    default="macs",
    show_default=True,
    shell_complete=complete_convention,
    help="The convention to begin with.",
)
@click.option(
    "--to", "ends", metavar="NAME", multiple=True, shell_complete=complete_convention, help="A convention to end with."
)
@network_options
@output_options
def command(  # noqa: PLR0917  (an argument for each option)
    arch: str, figures: tuple[str, ...], start: str, ends: tuple[str, ...], fmt: str, output: str | None, **options: Any
) -> None:
    """Say term by term how to get from flopcount's number for ARCH to another counter's.

    A figure without a name is looked for: in all conventions, twice and half, for
    a batch, at other inputs. The exit code is 1 when a figure does not hold.
    """
    if not figures and not ends:
        raise UsageError("nothing to reconcile with; give --with thop=4133742592, --with 4.13G or --to thop")
    found = [asked(text) for text in figures]
    rules = {name: convention(macs=name) for name in (start, *ends, *(each.convention for each in found)) if name}
    result = count_of(arch, Options(**options))
    base = side(result.trace, rules[start])
    sides = {name: side(result.trace, rule) for name, rule in rules.items()}
    ways = [_way(base, sides[name]) for name in ends]
    ways += [_way(base, sides[each.convention], each) for each in found if each.convention]
    lost = [each for each in found if not each.convention] + [way.asked for way in ways if way.asked and not way.rule]
    searches = [Search(each, _origins(each, result.trace, arch)) for each in lost]
    totals = numbers(result.trace) if any(not search.found for search in searches) else {}
    report = reconciliation_report(result.case.name, base, ways, searches, totals)
    show(report._replace(notes=(*report.notes, *result.notes)), fmt, output)
    _judge(ways, searches)


def _way(base: Side, other: Side, figure: Asked | None = None) -> Way:
    return Way(other, terms(base, other), figure)


def _origins(each: Asked, traced: Trace, arch: str) -> list[Origin]:
    """Look for a figure under the convention it is said to be of, then under all."""
    relatives = cache(lambda: _relatives(arch))
    named = origins(each.figure, traced, relatives, [each.convention]) if each.convention else []
    return named or origins(each.figure, traced, relatives)


def _relatives(arch: str) -> Mapping[str, Trace]:
    """Count bundled networks of a like name, such as resnet50_v1 for resnet50."""
    from flopcount.spec.load import bundled

    names = [name for name in bundled() if name.startswith(f"{arch}_") or arch.startswith(f"{name}_")]
    return {name: count_of(name, Options()).trace for name in names[:MOST_RELATIVES]}


def _judge(ways: Sequence[Way], searches: Sequence[Search]) -> None:
    """Fail where a figure does not hold, or comes from nowhere."""
    wrong = [f"{way.side.rule.name}={way.asked.figure.text}" for way in ways if way.asked and not way.rule]
    wrong += [each.asked.figure.text for each in searches if not each.asked.convention and not each.found]
    if wrong:
        raise Broken(f"{', '.join(wrong)}: not what this network comes to")
