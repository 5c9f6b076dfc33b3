"""`flopcount reconcile ARCH --with thop=4133742592`: why a figure differs; `flopcount verify`: published ones."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import click

from flopcount.analyses import explain
from flopcount.case import Case
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, case_of, expanded
from flopcount.cli.options import complete_arch, complete_convention, output_options, reconciled_options
from flopcount.cli.output import Output, show
from flopcount.errors import Broken, Note, UsageError
from flopcount.network.convention import convention
from flopcount.network.network import MOST_READ_AGAIN, of_spec
from flopcount.report.explain import Search, Way, errata_report, reconciliation_report, verification_report
from flopcount.spec.load import bundled, files, load_base

MOST_RELATIVES = 8
"""The number of bundled networks of a similar name in which a figure is looked for: resnet50_v1 for resnet50."""


@click.command("reconcile", cls=Documented)
@click.argument("arch", shell_complete=complete_arch)
@click.option(
    "--with",
    "figures",
    metavar="[NAME=]FIGURE",
    multiple=True,
    help="A figure and its convention: thop=4133742592; a figure alone (3.8G) is searched for.",
)
@click.option(
    "--to", "ends", metavar="NAME", multiple=True, shell_complete=complete_convention, help="A convention to explain."
)
@reconciled_options
@output_options
def reconcile(arch: str, figures: tuple[str, ...], ends: tuple[str, ...], *, options: Options, out: Output) -> None:
    """Explain term by term how another counter's number for ARCH differs from flopcount's.

    --convention is what to start from: by default, MACs as flopcount counts them.

    A figure without a name is searched for: in all conventions, doubled and halved,
    for a batch, at other inputs. The exit code is 1 if a figure does not hold.
    """
    if not figures and not ends:
        raise UsageError("nothing to reconcile with; give --with thop=4133742592, --with 4.13G or --to thop")
    start = options.counts
    found = [explain.parse_claimed(text) for text in figures]
    named = [start, *ends, *(each.convention for each in found if each.convention)]
    rules = {name: convention(macs=name) for name in named}
    case = case_of(arch, options._replace(counts="macs"))
    _ = case.trace  # walked once for all conventions
    counts = {name: case.at(convention=rule).count for name, rule in rules.items()}
    asked = [*((name, None) for name in ends), *((each.convention, each) for each in found if each.convention)]
    ways = [Way(counts[name], explain.terms(counts[start], counts[name]), figure) for name, figure in asked]
    lost = [each for each in found if not each.convention] + [way.asked for way in ways if way.asked and not way.rule]
    is_cut = case.plan.is_varied or len(case.plan.nodes) > MOST_READ_AGAIN
    searches = [(each, [] if is_cut else _origins(each, case, arch)) for each in lost]
    totals = explain.numbers(case) if any(not found for _, found in searches) and not is_cut else {}
    report = reconciliation_report(case.name, counts[start], ways, searches, totals)
    others = {f"{origin.change}: ": origin.notes for _, found in searches for origin in found}
    notes = [note._replace(text=prefix + note.text) for prefix, theirs in others.items() for note in theirs]
    if explain.is_large(case) and any(not found for _, found in searches):
        what = "nothing was searched" if is_cut else "other inputs were not searched"
        text = f"the network has more than {explain.MOST_RECOUNTED} layers, so {what}"
        notes.append(Note("search-cut", text))
    show(report._replace(notes=(*report.notes, *case.notes, *notes)), out)
    _judge(ways, searches)


def _origins(each: explain.ClaimedFigure, case: Case, arch: str) -> list[explain.Explanation]:
    """Look for a figure under the convention it is attributed to, then under all."""
    similar = [name for name in bundled() if name.startswith(f"{arch}_") or arch.startswith(f"{name}_")]
    options = Options(training=case.training is not None)
    relatives = cache(lambda: {name: case_of(name, options) for name in similar[:MOST_RELATIVES]})
    named = explain.identify(each.figure, case, relatives, [each.convention]) if each.convention else []
    return named or explain.identify(each.figure, case, relatives)


def _judge(ways: Sequence[Way], searches: Sequence[Search]) -> None:
    """Raise if a figure does not hold or was not found."""
    wrong = [f"{way.result.convention.name}={way.asked.figure.text}" for way in ways if way.asked and not way.rule]
    wrong += [asked.figure.text for asked, found in searches if not asked.convention and not found]
    if wrong:
        raise Broken(f"figures that do not hold: {', '.join(wrong)}")


@click.command("verify", cls=Documented)
@click.argument("archs", nargs=-1, metavar="[ARCH]…", shell_complete=complete_arch)
@click.option("--errata", is_flag=True, help="Show only known errata, and why the figures are wrong.")
@output_options
def verify(archs: tuple[str, ...], out: Output, *, errata: bool) -> None:
    """Recompute the published figures in arch files (default: all bundled ones).

    ARCH is an arch file, a folder, a pattern or a bundled network. A claim holds if the exact count
    prints as in the source. The exit code is 1 if a claim neither holds nor is a known erratum.
    """
    from flopcount.readers.load import parser_of

    for reference in (archs := expanded(archs)):
        if parser_of(Path(reference)):
            hint = "convert it with flopcount import, then add [[claims]]"
            raise UsageError(f"{reference}: a model of another tool has no published figures; {hint}")
    bases = map(load_base, archs or map(str, files().values()))
    found = [verdict for spec, variant in bases for verdict in explain.verdicts(of_spec(spec), variant)]
    show(errata_report(found) if errata else verification_report(found), out)
    differ = sum(verdict.status == "differs" for verdict in found)
    if differ:
        raise Broken(f"{differ} of {len(found)} published figures differ from the exact count")
