"""`flopcount whatif ARCH --to KIND --width 0.5,1`: what a network would cost if it were another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from flopcount.analyses.sweep.axes import is_several
from flopcount.analyses.whatif import (
    Alternative,
    Choice,
    Point,
    alternative,
    check_number,
    columns,
    condition,
    points,
    targets,
)
from flopcount.case import Case, Count
from flopcount.cli.loading import Options, case_of
from flopcount.cli.options import complete_arch, count_options, output_options, plot_option
from flopcount.cli.output import show, write_whole
from flopcount.errors import Note, SpecError, UsageError
from flopcount.network.substitute import Target
from flopcount.report.compare import whatif_report
from flopcount.report.cost import metrics_in
from flopcount.report.table import Report
from flopcount.spec.load import Setting, setting


@click.command("whatif")
@click.argument("arch", shell_complete=complete_arch)
@click.option("--to", "kinds", metavar="KIND", multiple=True, help="The kind to put in their place.")
@click.option("--where", metavar="EXPR", help="Only these layers: 'kernel_size>1 and path~\"stage3.*\"'.")
@click.option("--first", is_flag=True, help="Replace the first convolution too.")
@click.option("--save", metavar="FILE", help="Write the new network to an arch file.")
@click.option("--sort", metavar="COLUMN", help="Sort the rows by a column: saved_1, ratio_1, params_1 …")
@click.option("--top", type=int, metavar="N", help="Show the first N rows only.")
@count_options
@plot_option
@output_options
def command(arch: str, fmt: str, output: str | None, plot: str | None, **options: Any) -> None:
    """Say what ARCH would cost with KIND in place of its convolutions, or at other widths and sizes.

    Replaces every convolution that stands for a standard one and can be
    replaced, and says which are left alone, and why. What convolutions share
    carries over; --set FIELD=VALUE gives the fields of the new kind. Several
    kinds (--to A --to B) and several values (--set p=1,2,4, --width 0.5,0.75,
    --input 128:224:32) are compared, in all combinations.
    """
    view = {name: options.pop(name) for name in ("sort", "top")}
    save = options.pop("save")
    asked, words = _asked(arch, options)
    if save is not None and not asked.targets:
        raise UsageError(f"--save {save}: it writes a network with other convolutions; give --to KIND")
    base = _base(case_of(arch, words).at(metrics=metrics_in(view["sort"])), asked.points)
    found = [each for point in asked.points or [Point()] for each in _there(point, base, asked)]
    report = _shaped(whatif_report(base, found, words.changes), **view)
    if save is not None:
        report = report._replace(notes=(*report.notes, Note("saved", _saved(base.case, found, save))))
    show(report, fmt, output, plot=plot)


class _Asked(NamedTuple):
    """What is to be compared: a network, convolutions in the place of those that are chosen, at widths and sizes."""

    arch: str
    targets: Sequence[Target]
    choice: Choice
    points: Sequence[Point]


def _asked(arch: str, options: dict[str, Any]) -> tuple[_Asked, Options]:
    """Tell what is compared from what holds for all networks; without --to, a single width or size is compared too."""
    kinds, where, first = (options.pop(name) for name in ("kinds", "where", "first"))
    for option, value in (("--where", where), ("--first", first)):
        if value and not kinds:
            raise UsageError(f"{option} says which convolutions are replaced; give --to KIND")
    ours, theirs = _parted(options.pop("settings"), any_field=bool(kinds))
    wanted = targets(kinds, ours)
    varied = {name: options[name] for name in ("width", "size") if _varies(options[name], kinds)}
    places = points(varied.get("width"), varied.get("size"))
    if not kinds and not places:
        raise UsageError(
            "nothing changes; give --to KIND, or what is compared, such as --width 1,0.75 --input 128:224:32"
        )
    check_number(len(places) * (len(wanted) + 1))
    choice = Choice(condition(where, columns()) if where else None, first)
    fixed = {**options, **dict.fromkeys(varied)}
    return _Asked(arch, wanted, choice, places), Options(settings=tuple(each.text for each in theirs), **fixed)


def _varies(text: str | None, kinds: Sequence[str]) -> bool:
    return text is not None and (not kinds or is_several(text))


def _base(case: Case, places: Sequence[Point]) -> Count:
    """Count the network as it is; one whose sizes are open, at the first of the sizes that are compared."""
    try:
        return case.count
    except UsageError:
        if case.input is not None or not places or places[0].size is None:
            raise
        return case.at(input=places[0].size).count


def _changes(point: Point) -> dict[str, str]:
    named = {"input": point.size, "width": point.width}
    return {name: value for name, value in named.items() if value is not None}


def _there(point: Point, base: Count, asked: _Asked) -> list[Alternative]:
    """Count the network at one width and size: as it is where one of these varies, and with other convolutions."""
    case = base.case
    try:
        there = case.at(**_changes(point)).count if point.label else base
        found = [alternative(there, target, asked.choice) for target in asked.targets]
    except SpecError as error:
        problems = [each._replace(what=_placed(each.what, point)) for each in error.problems]
        raise SpecError(problems, error.file) from None
    plain = [Alternative(None, there)] if point.label else []
    return [each._replace(point=point) for each in (*plain, *found)]


def _placed(what: str, point: Point) -> str:
    return f"{what}, at {point.label}" if point.label else what


def _parted(texts: tuple[str, ...], *, any_field: bool) -> tuple[list[Setting], list[Setting]]:
    """Tell the fields of the new kind from changes of the network, which have an address."""
    settings = [setting(text) for text in texts]
    if not any_field:
        return [], settings
    ours = [each for each in settings if "." not in each.address and not each.in_file]
    return ours, [each for each in settings if each not in ours]


def _shaped(report: Report, sort: str | None, top: int | None) -> Report:
    """Sort and cut the table of layers, or that of networks where there is none."""
    from flopcount.report.count import cut, sorted_by

    tables = {table.key: table for table in report.tables}
    key = "layers" if "layers" in tables else report.tables[0].key
    if sort is not None:
        tables[key] = sorted_by(tables[key], sort)
    if top is not None:
        tables[key] = cut(tables[key], top)
    return report._replace(tables=tuple(tables.values()))


def _saved(case: Case, found: list[Alternative], path: str) -> str:
    """Write the new network to a file, and say so."""
    if len(found) > 1:
        raise UsageError(
            f"--save {path}: these are {len(found)} networks; give one --to, and one value for each option"
        )
    if not found[0].replaced:
        raise UsageError(f"--save {path}: no layer was replaced, so there is nothing to save")
    from flopcount.analyses.save import Change, saved

    target = found[0].target
    change = Change(frozenset(found[0].replaced), target.fields if target else {})
    new = saved(found[0].counted.case, path, change)
    write_whole(Path(path), new.text, "choose another --save")
    claims = ", without the claims, which are about the old one" if case.plan.spec.arch.claims else ""
    out = ", written out, since its rows have different values in each use" if new.is_written_out else ""
    again = f"; count it with the same {' and '.join(new.options)}" if new.options else ""
    return f"the new network is in {path}{claims}{out}{again}"
