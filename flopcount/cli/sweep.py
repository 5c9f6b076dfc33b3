"""`flopcount sweep ARCH --input 96:320:32 --width 0.25:1.4:0.05`: a whole grid at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flopcount.analyses.sweep.axes import Value
from flopcount.analyses.sweep.grid import Space
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options
from flopcount.cli.options import SEED, SORT, complete_arch, plot_option, sweep_options, sweep_output_options, typed
from flopcount.cli.output import Output, emit, show, write_whole
from flopcount.cli.streaming import Kept, Place, charted, chosen, counted_by, drawn, grid, is_folder, streamed
from flopcount.errors import Note, UsageError

if TYPE_CHECKING:
    from flopcount.cli.results import Request


MOST_WORKERS = 1024
"""The most processes of this machine; more are a mistake."""


@click.command("sweep", cls=Documented)
@click.argument("arch", required=False, shell_complete=complete_arch)
@typed(
    "kept",
    Kept,
    click.option("--where", metavar="EXPR", help="Keep only matches: 'macs <= 300M and params <= 3M'."),
    click.option(
        "--pareto", metavar="A,-B", help="Keep the Pareto front of columns: A minimized, B, with a minus, maximized."
    ),
    SORT,
    click.option("--top", type=click.IntRange(1), metavar="N", help="Keep only the first N rows."),
    click.option(
        "--join", metavar="FILE.csv", help="Add the columns of a CSV file, such as accuracies, by id or by axes."
    ),
    click.option("--histogram", metavar="COLUMN", help="Also count candidates by a column of integers."),
    click.option("--sample", type=click.IntRange(1), metavar="N", help="Sample N candidates at random."),
    SEED,
)
@typed(
    "place",
    Place,
    click.option("--workers", type=click.IntRange(1, MOST_WORKERS), metavar="N", help="Count in N processes here."),
    click.option("--scheduler", metavar="ADDRESS", help="Count on the workers of a Dask scheduler: tcp://host:8786."),
    click.option("--results", metavar="FOLDER", help="Ask a folder that -o FOLDER/ has written, without counting."),
)
@click.option("--id", "id_", type=click.IntRange(0), metavar="ID", help="Count one candidate, layer by layer.")
@click.option("--save", metavar="FILE", help="Write the candidate of --id to an arch file; - prints it.")
@sweep_options
@plot_option
@sweep_output_options
def command(
    arch: str | None,
    id_: int | None,
    save: str | None,
    batches: str | None,
    *,
    kept: Kept,
    place: Place,
    options: Options,
    out: Output,
) -> None:
    """Count every candidate of a grid: lists and ranges for --input, --width and --set.

    Ranges are FIRST:LAST:STEP and include their end. With -o FILE.csv, .jsonl or
    .parquet rows are written while they are computed; with -o FOLDER/ or a URL, parts
    that are there are kept: after an interruption, run the same command to go on.
    Invalid candidates are counted and their reasons reported.
    """
    if save is not None and id_ is None:
        raise UsageError(f"--save {save}: requires --id, which names the candidate")
    given = [f"--{name}" for name, value in kept._asdict().items() if value]
    given += [f"--{name}" for name in ("workers", "scheduler") if getattr(place, name)]
    if id_ is not None and given:
        raise UsageError(f"--id {id_} counts one candidate; omit {' and '.join(given)}")
    if place.results is not None:
        _again((id_, save), arch, kept, place, out)
        return
    if arch is None:
        raise UsageError("name a network, or a folder of results with --results")
    space, (where, pareto, sort) = grid(arch, options, batches, kept[:3])
    if id_ is not None:
        _one(space, id_, save, out.decided)
        return
    from flopcount.cli.results import Request

    _all(
        space,
        kept._replace(where=where, pareto=pareto, sort=sort),
        place,
        out,
        Request(arch, batches, options, kept.join),
    )


def _again(one: tuple[int | None, str | None], arch: str | None, kept: Kept, place: Place, out: Output) -> None:
    """Ask a folder of results; refuse the options that its sweep was asked by."""
    from flopcount.cli.results import asked_again, results_in

    results = str(place.results)
    context, decided = click.get_current_context(), {*Options._fields, "batches", "sample", "seed"}
    given = [each for each in context.command.params if each.name in decided]
    given = [each for each in given if context.get_parameter_source(str(each.name)) is ParameterSource.COMMANDLINE]
    if given:
        names = " and ".join(each.opts[0] for each in given)
        raise UsageError(f"--results {results}: its candidates are counted; omit {names}")
    if is_folder(out.output):
        raise UsageError(f"--results reads a folder, and -o {out.output} is another; name a file of rows")
    found = results_in(results, arch, kept.join)
    if one[0] is not None:
        _one(found.sweep.space, one[0], one[1], out.decided)
    else:
        asked_again(found, kept, place, out)


def _one(space: Space, id_: int, save: str | None, out: Output) -> None:
    """Count one candidate, and write it to an arch file if one is named; to standard output only the file."""
    from flopcount.analyses.sweep.run import candidate
    from flopcount.analyses.sweep.select import described
    from flopcount.report.count import count_report
    from flopcount.report.table import Line

    values = candidate(space, id_)
    report = count_report(space.at(values).count)
    line = Line("text", f"candidate {id_}: {described(space, id_)}")
    notes = _saved(space, values, save) if save else ()
    if save != "-":
        show(report._replace(lines=(line, *report.lines), notes=(*report.notes, *notes)), out)


def _saved(space: Space, values: Mapping[str, Value], path: str) -> tuple[Note, ...]:
    """Write a candidate to an arch file, and return a note."""
    from flopcount.analyses.save import saved

    found = saved(space.at(values), path)
    if path == "-":
        emit(found.text, None)
        return ()
    write_whole(Path(path), found.text, "choose another --save")
    return (Note("saved", f"the candidate is in {path}{found.remarks}"),)


def _all(space: Space, kept: Kept, place: Place, out: Output, asked: "Request") -> None:
    from flopcount.analyses.sweep.join import joined
    from flopcount.analyses.sweep.parts import Sweep
    from flopcount.analyses.sweep.run import check_counted, evaluator, positions

    draws, has_folder = drawn(kept.sample, kept.seed), is_folder(out.output)
    is_large = has_folder or place.is_cluster
    check_counted(space, positions(space, draws, is_large=is_large), is_large=is_large)
    evaluate = evaluator(space)
    space = space._replace(axes=evaluate.axes)
    space = space._replace(joined=joined(kept.join, space.axes, [*space.fixed()]) if kept.join is not None else None)
    choice = chosen(space, kept, out)
    sweep = Sweep(space, evaluate, choice, draws, charted(choice, out), counted_by(space, kept, out))
    if has_folder:
        from flopcount.cli.results import stored

        stored(sweep, asked, place, out)
    else:
        streamed(sweep, place, out)
