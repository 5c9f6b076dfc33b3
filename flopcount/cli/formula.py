"""`flopcount formula KIND|ARCH`: the cost of a kind or a network, as closed forms."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from flopcount.analyses.formula.networks import AXES, VariedCase, cost_polynomial
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, case_of
from flopcount.cli.options import complete_arch, complete_kind, count_options, raw_output_options, typed
from flopcount.cli.output import Output, emit, format_of, show
from flopcount.errors import UsageError, nearest, suggestion
from flopcount.report.cost import convention_facts, convention_line
from flopcount.report.formula import forms_report, latex_lines, law_report, pattern_report
from flopcount.report.table import Report
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import bundled, bundled_network, setting


class Derivation(NamedTuple):
    """The options of a formula beside those of a count."""

    over: str | None = None
    pattern: str | None = None
    p: int | None = None
    axis: str | None = None


def _complete(*given: Any) -> list[CompletionItem]:
    return [*complete_kind(*given), *complete_arch(*given)]


@click.command("formula", cls=Documented)
@click.argument("name", metavar="KIND|ARCH", shell_complete=_complete)
@typed(
    "asked",
    Derivation,
    click.option("--over", metavar="KIND", help="The ratio to another kind that replaces the same convolution."),
    click.option(
        "--pattern", metavar="CxN", help="Draw which kernels of C channels and N filters are k×k (of HetConv)."
    ),
    click.option("-p", "p", type=click.IntRange(min=1), metavar="N", help="One kernel in N is k×k (with --pattern)."),
    click.option(
        "--in", "axis", type=click.Choice([*AXES]), help="The variable of a network's formula (default: resolution)."
    ),
)
@count_options
@click.option("--latex", is_flag=True, help="Write LaTeX equations.")
@raw_output_options
def command(name: str, *, latex: bool, asked: Derivation, options: Options, out: Output) -> None:
    """Print closed forms of the cost of a kind or a network.

    A kind is written in letters: M input channels, N output channels, k the size
    of the kernel, H and W the map; --set fixes an option, or names its letter
    (--set groups=g). A network is written as a polynomial in its resolution,
    its batch or its width.
    """
    if latex:
        format_of(out.output, out.fmt or "latex", {".tex": "latex"})
    report = _kind(name, asked, options) if name in KINDS else _network(name, asked, options)
    if latex and asked.pattern:
        raise UsageError("--latex is for formulas, not for --pattern; use --format latex")
    if latex and out.fmt not in {"", "table", "latex"}:
        raise UsageError(f"--latex writes equations, not {out.fmt}; give --latex or --format {out.fmt}")
    if latex:
        emit(latex_lines(report), out.output, report.notes)
    else:
        show(report, out.decided)


def _kind(kind: str, asked: Derivation, options: Options) -> Report:
    ours = {
        "--input": options.size,
        "--batch": options.batch,
        "--width": options.width,
        "--variant": options.variant,
        "--from": options.notation,
        "--in": asked.axis,
        "--params": options.params,
        "--metrics": options.metrics,
        **dict(options.trained.options if options.trained else ()),
        "--convention": None if options.counts == "macs" else options.counts,
    }
    _refuse(ours, f"is for networks, and {kind} is a kind of layer")
    if asked.pattern or asked.p:
        if kind != "HetConv":
            raise UsageError(f"--pattern is for HetConv, whose kernels differ in size; {kind} has no such pattern")
        if not (asked.pattern and asked.p):
            raise UsageError("--pattern and -p require each other; write e.g. --pattern 6x4 -p 3")
        return pattern_report(asked.pattern, asked.p)
    from flopcount.analyses.formula.kinds import kind_forms, ratio_forms

    settings = {each.address: each.value for each in map(setting, options.settings)}
    over = asked.over
    if over is None:
        return forms_report(kind_forms(kind, settings, training=options.training), kind)
    if options.training:
        raise UsageError("--over: ratios are those of the forward pass; omit it, or --training")
    if over not in KINDS:
        raise UsageError(f"--over {over}: no kind has this name; {suggestion(over, [*KINDS])}")
    return forms_report(ratio_forms(kind, over, settings), kind, over)


def _network(name: str, asked: Derivation, options: Options) -> Report:
    is_file = name == "-" or {"/", "\\", "."} & {*name} or os.path.exists(name)  # noqa: PTH110  (answers to any word)
    if not is_file and not bundled_network(name):
        near = nearest(name, [*KINDS, *bundled()])
        hint = f"did you mean {near!r}?" if near else "flopcount kinds and flopcount archs list them"
        raise UsageError(f"no kind or network is named {name!r}; {hint}")
    theirs = {"--over": asked.over, "--pattern": asked.pattern, "-p": asked.p}
    _refuse(theirs, f"is for kinds of layers, and {name} is a network")
    axis = asked.axis or "resolution"
    if axis in {"width", "batch"} and getattr(options, axis) is not None:
        raise UsageError(f"--{axis} and --in {axis} exclude each other; omit one of them")
    case = case_of(name, options)
    if case.plan.unknown:
        raise UsageError("the network has skipped operators, and a formula cannot say so; count it instead")
    found = cost_polynomial(VariedCase(case, axis))
    report = law_report(case.name, convention_line(case.convention, case), found, convention_facts(case.convention))
    return report._replace(notes=found.notes)


def _refuse(given: Mapping[str, object], why: str) -> None:
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"{option} {why}")
