"""`flopcount sweep ARCH --input 96:320:32 --width 0.25:1.4:0.05`: a whole grid at once."""

from collections.abc import Mapping
from pathlib import Path

import click

from flopcount.analyses.sweep.axes import Value, shard
from flopcount.analyses.sweep.grid import Space
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options
from flopcount.cli.options import SORT, complete_arch, plot_option, raw_output_options, sweep_options, typed
from flopcount.cli.output import Output, emit, show, write_whole
from flopcount.cli.streaming import Kept, Sweep, grid, streamed
from flopcount.errors import Note, UsageError


@click.command("sweep", cls=Documented)
@click.argument("arch", shell_complete=complete_arch)
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
    click.option("--sample", type=click.IntRange(1), metavar="N", help="Sample N candidates at random."),
    click.option("--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True, help="Random seed."),
    click.option("--shard", metavar="I/N", help="Count the I-th of N equal parts: 3/16."),
    click.option(
        "--start", type=click.IntRange(0), metavar="ID", help="Resume at this candidate; -o FILE is appended to."
    ),
)
@click.option("--id", "id_", type=click.IntRange(0), metavar="ID", help="Count one candidate, layer by layer.")
@click.option("--save", metavar="FILE", help="Write the candidate of --id to an arch file; - prints it.")
@sweep_options
@plot_option
@raw_output_options
def command(
    arch: str, id_: int | None, save: str | None, batches: str | None, *, kept: Kept, options: Options, out: Output
) -> None:
    """Count every candidate of a grid: lists and ranges for --input, --width and --set.

    Ranges are FIRST:LAST:STEP and include their end. With -o FILE.csv, .jsonl or
    .parquet rows are written while they are computed; invalid candidates
    are counted and their reasons reported.
    """
    if save is not None and id_ is None:
        raise UsageError(f"--save {save}: requires --id, which names the candidate")
    given = [f"--{name}" for name, value in kept._asdict().items() if value and name != "seed"]
    if id_ is not None and given:
        raise UsageError(f"--id {id_} counts one candidate; omit {' and '.join(given)}")
    space, (where, pareto, sort) = grid(arch, options, batches, kept[:3])
    if id_ is not None:
        _one(space, id_, save, out.decided)
    else:
        _all(space, kept._replace(where=where, pareto=pareto, sort=sort), out)


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


def _all(space: Space, kept: Kept, out: Output) -> None:
    from flopcount.analyses.sweep.join import joined
    from flopcount.analyses.sweep.run import Drawn, check_counted, evaluator, positions

    drawn = Drawn(kept.sample, kept.seed) if kept.sample else None
    count = positions(space, drawn, parted=kept.shard is not None)
    part = range(count) if kept.shard is None else shard(kept.shard, count)
    if kept.start is not None:
        if kept.start not in part:
            there = (
                f"the candidates here are {part.start} to {part.stop - 1}" if part else "this part has no candidates"
            )
            raise UsageError(f"--start {kept.start}: {there}")
        part = range(kept.start, part.stop)
    check_counted(space, len(part))
    evaluate = evaluator(space)
    space = space._replace(axes=evaluate.axes)
    space = space._replace(joined=joined(kept.join, space.axes, [*space.fixed()]) if kept.join is not None else None)
    streamed(Sweep(space, evaluate, part, drawn, kept.start is not None), kept, out)
