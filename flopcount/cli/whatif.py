"""`flopcount whatif ARCH --to KIND --width 0.5,1`: the cost of a changed network."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click

from flopcount.analyses import whatif
from flopcount.analyses.conditions import Condition
from flopcount.analyses.sweep.axes import is_several
from flopcount.case import Case, Count
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, case_of
from flopcount.cli.options import complete_arch, output_options, plot_option, typed, whatif_options
from flopcount.cli.output import Output, show, write_whole
from flopcount.errors import BadInput, FileError, Note, SpecError, UsageError
from flopcount.network.point import Point
from flopcount.network.transform import Target
from flopcount.report.compare import whatif_report
from flopcount.report.table import Report
from flopcount.spec.load import setting


class Alternatives(NamedTuple):
    """The options of a comparison beside those of a count."""

    kinds: tuple[str, ...] = ()
    where: str | None = None
    first: bool = False
    save: str | None = None
    sort: str | None = None
    top: int | None = None


@click.command("whatif", cls=Documented)
@click.argument("arch", shell_complete=complete_arch)
@typed(
    "asked",
    Alternatives,
    click.option(
        "--to", "kinds", metavar="KIND", multiple=True, help="Replace convolutions by this kind; A,B compares."
    ),
    click.option("--where", metavar="EXPR", help="Replace only these: 'kernel_size>1 and path~\"stage3.*\"'."),
    click.option("--first", is_flag=True, help="Replace the first convolution too."),
    click.option("--save", metavar="FILE", help="Write the new network to an arch file."),
    click.option(
        "--sort",
        metavar="COLUMN",
        help="Sort by a column (saved_1, ratio_1, params_1 …), numbers from the largest; -COLUMN the other way round.",
    ),
    click.option("--top", type=int, metavar="N", help="Show only the first N rows."),
)
@whatif_options
@plot_option
@output_options
def command(arch: str, asked: Alternatives, options: Options, out: Output) -> int:
    """Compare ARCH with the same network with other convolutions, or at other widths and inputs.

    Replaces convolutions and the kinds that stand for one, and lists those that
    stay with the reason: depthwise ones unless --where names them, 1×1 ones if
    the new kind needs larger kernels, the first one without --first. Common
    fields carry over; --set FIELD=VALUE sets those of the new kind. Several
    kinds (--to A --to B) and several values (--set p=1,2,4, --width 0.5,0.75,
    --input 128:224:32) are compared in all combinations; those that are invalid
    are listed with the reason, and the exit code is 2.
    """
    change, fixed = _change(asked, options)
    case = case_of(arch, fixed, asked.sort)
    base = _base(case, change.points)
    base.case.check_varied("alternatives")
    whatif.check_number(len(change.points or [Point()]) * (len(change.targets) + 1), len(base.trace.steps))
    home = base
    if case.input is not None:
        with suppress(BadInput):  # its file leaves sizes open
            home = case.at(input=None).count
    found, invalid = _compared(change, base, home)
    report = _shaped(
        whatif_report(base, found, fixed.changes, [each["alternative"] for each in invalid]), asked.sort, asked.top
    )
    notes = [Note("invalid", f"{each['alternative']}: {each['reason']}") for each in invalid]
    notes += [Note("saved", _saved(found, asked.save))] if asked.save is not None else []
    facts = {**report.facts, **({"invalid": invalid} if invalid else {})}
    show(report._replace(notes=(*report.notes, *notes), facts=facts), out)
    return BadInput.exit_code if invalid else 0


class _Change(NamedTuple):
    """The alternatives: kinds in the place of the chosen convolutions, at widths and inputs."""

    targets: Sequence[Target]
    where: Condition | None
    first: bool
    points: Sequence[Point]


def _change(asked: Alternatives, options: Options) -> tuple[_Change, Options]:
    """Separate alternatives from options for all networks; without --to, single values are alternatives too."""
    for option, value in (("--where", asked.where), ("--first", asked.first)):
        if value and not asked.kinds:
            raise UsageError(f"{option} selects convolutions to replace; give --to KIND")
    settings = [setting(text) for text in options.settings]
    ours = [each for each in settings if asked.kinds and "." not in each.address and not each.in_file]
    theirs = tuple(each.text for each in settings if each not in ours)
    wanted = whatif.targets(asked.kinds, ours)
    given = (options.width, options.size)
    width, size = (text if text is not None and (not asked.kinds or is_several(text)) else None for text in given)
    places = whatif.points(width, size)
    if not asked.kinds and not places:
        hint = "give --to KIND, or values to compare, such as --width 1,0.75 --input 128:224:32"
        raise UsageError(f"nothing changes; {hint}")
    whatif.check_number(len(places) * (len(wanted) + 1))
    fixed = options._replace(
        settings=theirs, width=None if width else options.width, size=None if size else options.size
    )
    where = whatif.condition(asked.where, whatif.columns()) if asked.where else None
    return _Change(wanted, where, asked.first, places), fixed


def _base(case: Case, places: Sequence[Point]) -> Count:
    """Count the network as it is; if its file leaves sizes open, at the first input that is compared and possible."""
    try:
        return case.count
    except BadInput:
        for point in places if case.input is None else ():
            if point.input is not None:
                with suppress(BadInput):
                    return case.at(input=point.input).count
        raise


def _compared(change: _Change, base: Count, home: Count) -> tuple[list[whatif.Alternative], list[dict[str, str]]]:
    """Count every alternative; return those that are possible, and the others with the reason."""
    choice = whatif.Choice(change.where, change.first, home)
    found: list[whatif.Alternative] = []
    errors: list[tuple[Target | None, Point, SpecError | FileError]] = []
    for point in change.points or [Point()]:
        try:
            there = base.case.at(**point.changes).count if point.label else base
        except (SpecError, FileError) as error:
            errors.append((None, point, error))
            continue
        found += [whatif.Alternative(None, there, point=point)] if point.label else []
        for target in change.targets:
            try:
                found.append(whatif.alternative(there, target, choice)._replace(point=point))
            except (SpecError, FileError) as error:
                errors.append((target, point, error))
    if not found:
        raise _at(*errors[0][1:])
    return found, [_invalid(*each) for each in errors]


def _invalid(target: Target | None, point: Point, error: SpecError | FileError) -> dict[str, str]:
    """Return an alternative that is not possible, with the reason."""
    problems = (each.what for each in error.problems) if isinstance(error, FileError) else map(str, error.problems)
    return {"alternative": whatif.labelled(target, point), **point.changes, "reason": "; ".join(problems)}


def _at(point: Point, error: SpecError | FileError) -> BadInput:
    """Return the error with the point in the problems of a spec."""
    if isinstance(error, FileError) or not point.label:
        return error
    return SpecError([each._replace(what=f"{each.what}, at {point.label}") for each in error.problems], error.file)


def _shaped(report: Report, sort: str | None, top: int | None) -> Report:
    """Sort and cut the table of layers, or that of networks if there is none."""
    from flopcount.report.count import cut, sorted_by

    tables = {table.key: table for table in report.tables}
    key = "layers" if "layers" in tables else report.tables[0].key
    if sort is not None:
        tables[key] = sorted_by(tables[key], sort)
    if top is not None:
        tables[key] = cut(tables[key], top)
    return report._replace(tables=tuple(tables.values()))


def _saved(found: Sequence[whatif.Alternative], path: str) -> str:
    """Write the new network to a file, and return a note."""
    if len(found) > 1:
        hint = "give at most one --to, and one value for each option"
        raise UsageError(f"--save {path}: there are {len(found)} networks; {hint}")
    ((target, counted, replaced, *_),) = found
    if target and not replaced:
        raise UsageError(f"--save {path}: no layer was replaced, so there is nothing to save")
    from flopcount.analyses.save import Exchange, saved

    new = saved(counted.case, path, Exchange(frozenset(replaced), target.fields if target else {}))
    write_whole(Path(path), new.text, "choose another --save")
    claims = ", without the claims, which do not apply to it" if counted.case.plan.spec.arch.claims else ""
    return f"the new network is in {path}{claims}{new.remarks}"
