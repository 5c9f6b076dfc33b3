"""`flopcount whatif ARCH --to KIND`: what a network would cost with other convolutions."""

from pathlib import Path
from typing import Any

import click

from flopcount.analyses.counted import Counted
from flopcount.analyses.targets import columns, targets
from flopcount.analyses.whatif import Alternative, Choice, alternative
from flopcount.analyses.where import condition
from flopcount.cli.loading import Options, count_arch
from flopcount.cli.options import complete_arch, count_options, output_options
from flopcount.cli.output import show, write_whole
from flopcount.counting.frames import Given
from flopcount.counting.plan import Plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.errors import SpecError, UsageError
from flopcount.files.settings import Setting, setting
from flopcount.files.specs import Spec, explained
from flopcount.report.table import Report
from flopcount.report.whatif import whatif_report


@click.command("whatif")
@click.argument("arch", shell_complete=complete_arch)
@click.option("--to", "kinds", metavar="KIND", multiple=True, required=True, help="The kind to put in their place.")
@click.option("--where", metavar="EXPR", help="Only these layers: 'kernel_size>1 and path~\"stage3.*\"'.")
@click.option("--first", is_flag=True, help="Replace the first convolution too.")
@click.option("--save", metavar="FILE", help="Write the new network to an arch file.")
@click.option("--sort", metavar="COLUMN", help="Sort the layers by a column: saved_1, ratio_1, params_1 …")
@click.option("--top", type=int, metavar="N", help="Show the first N layers only.")
@count_options
@output_options
def command(arch: str, fmt: str, output: str | None, **options: Any) -> None:
    """Say what ARCH would cost with KIND in place of its convolutions.

    Replaces every convolution that stands for a standard one and can be
    replaced, and says which are left alone, and why. What convolutions share
    carries over; --set FIELD=VALUE gives the fields of the new kind. Several
    kinds (--to A --to B) and several values (--set p=1,2,4) are compared.
    """
    kinds, where, first, save = (options.pop(name) for name in ("kinds", "where", "first", "save"))
    view = {name: options.pop(name) for name in ("sort", "top")}
    ours, theirs = _parted(options.pop("settings"))
    wanted = targets(kinds, ours)
    choice = Choice(condition(where, columns()) if where else None, first)
    words = Options(settings=tuple(each.text for each in theirs), **options)
    spec, base = count_arch(arch, words)
    given = _given(spec, base, words)
    try:
        found = [alternative(base, target, choice, given) for target in wanted]
    except SpecError as error:
        raise explained(error, spec) from None
    report = _shaped(whatif_report(spec.arch.name, base, found), **view)
    if save is not None:
        report = report._replace(notes=(*report.notes, _saved(spec, base.trace.plan, found, words, save)))
    show(report, fmt, output)


def _parted(texts: tuple[str, ...]) -> tuple[list[Setting], list[Setting]]:
    """Tell the fields of the new kind from changes of the network, which have an address."""
    settings = [setting(text) for text in texts]
    ours = [each for each in settings if "." not in each.address and not each.in_file]
    return ours, [each for each in settings if each not in ours]


def _given(spec: Spec, base: Counted, options: Options) -> Given:
    if not options.width:
        return {}
    return scaled(base.trace.plan, spec.arch.scaling, width_ratio(options.width))


def _shaped(report: Report, sort: str | None, top: int | None) -> Report:
    """Sort and cut the table of layers."""
    from flopcount.report.shaping import cut, sorted_by

    tables = []
    for table in report.tables:
        if table.key == "layers":
            table = sorted_by(table, sort) if sort is not None else table  # noqa: PLW2901
            table = cut(table, top) if top is not None else table  # noqa: PLW2901
        tables.append(table)
    return report._replace(tables=tuple(tables))


def _saved(spec: Spec, old: Plan, found: list[Alternative], options: Options, path: str) -> str:
    """Write the new network to a file, and say so."""
    if len(found) > 1:
        raise UsageError(f"--save {path}: these are {len(found)} networks; give one --to and one value for each --set")
    from flopcount.analyses.rewriting import Words, rewritten

    words = Words(options.parsed_settings, options.variant, options.width)
    write_whole(Path(path), rewritten(spec, old, found[0], words, path))
    claims = ", without the claims, which are about the old one" if spec.arch.claims else ""
    outside = [name for name, value in (("--set", words.settings), ("--width", words.width)) if value]
    again = f"; count it with the same {' and '.join(outside)}" if outside else ""
    return f"the new network is in {path}{claims}{again}"
