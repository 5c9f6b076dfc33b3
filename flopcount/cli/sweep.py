"""`flopcount sweep ARCH --input 96:320:32 --width 0.25:1.4:0.05`: a whole grid at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flopcount.analyses.sweep.axes import Value, shard
from flopcount.analyses.sweep.grid import Space
from flopcount.cli.options import complete_arch, grid_options, output_options, plot_option, stacked
from flopcount.cli.output import emit, show, write_whole
from flopcount.cli.streaming import grid
from flopcount.errors import Note, UsageError

sweep_options = stacked(
    click.option("--where", metavar="EXPR", help="Keep these only: 'macs <= 300M and params <= 3M'."),
    click.option("--pareto", metavar="A,B", help="Keep the front of two columns, both as small as can be."),
    click.option("--sort", metavar="COLUMN", help="Sort by a column from the largest, with -COLUMN from the smallest."),
    click.option("--top", type=click.IntRange(1), metavar="N", help="Keep the first N only."),
    click.option("--sample", type=click.IntRange(1), metavar="N", help="Draw N candidates at random."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which draws."),
    click.option("--shard", metavar="I/N", help="The I-th of N equal parts: 3/16."),
    click.option(
        "--start", type=click.IntRange(0), metavar="ID", help="Go on from this candidate; -o FILE is added to."
    ),
    click.option("--id", "id_", type=click.IntRange(0), metavar="ID", help="Count one candidate, layer by layer."),
    click.option("--save", metavar="FILE", help="Write the candidate of --id to an arch file; - prints it."),
)


@click.command("sweep")
@click.argument("arch", shell_complete=complete_arch)
@sweep_options
@grid_options
@plot_option
@output_options
def command(arch: str, fmt: str, output: str | None, id_: int | None, save: str | None, **options: Any) -> None:
    """Count every candidate of a grid: lists and ranges for --input, --width and --set.

    Ranges are FIRST:LAST:STEP and include their end. With -o FILE.csv, .jsonl or
    .parquet all that is kept is written while it is computed; candidates that
    cannot be are counted, and the reasons told.
    """
    names = ("where", "pareto", "sort", "top", "sample", "seed", "shard", "start", "plot")
    kept = {name: options.pop(name) for name in names}
    _check_one(kept, id_, save)
    space, kept = grid(arch, options, kept)
    if id_ is not None:
        _one(space, id_, fmt, output, save=save, plot=kept["plot"])
    else:
        _all(space, kept, fmt, output)


def _check_one(kept: Mapping[str, Any], id_: int | None, save: str | None) -> None:
    """Refuse what is said of many candidates where there is one, and the other way round."""
    if save is not None and id_ is None:
        raise UsageError(f"--save {save}: say which candidate; give its --id")
    given = [f"--{name}" for name, value in kept.items() if value and name not in {"seed", "plot"}]
    if id_ is not None and given:
        raise UsageError(f"--id {id_} counts one candidate; leave out {' and '.join(given)}")


def _one(space: Space, id_: int, fmt: str, output: str | None, *, save: str | None, plot: str | None) -> None:
    """Count one candidate, and write it to an arch file if one is named; to standard output that alone."""
    from flopcount.analyses.sweep.run import candidate
    from flopcount.analyses.sweep.select import described
    from flopcount.report.count import count_report
    from flopcount.report.table import Line

    values = candidate(space, id_)
    report = count_report(space.at(values).count)
    words = f"candidate {id_}: {described(space, id_)}"
    notes = _saved(space, values, save) if save else ()
    if save != "-":
        show(
            report._replace(lines=(Line("text", words), *report.lines), notes=(*report.notes, *notes)),
            fmt,
            output,
            plot=plot,
        )


def _saved(space: Space, values: Mapping[str, Value], path: str) -> tuple[Note, ...]:
    """Write a candidate to an arch file, and say so."""
    from flopcount.analyses.save import saved

    found = saved(space.at(values), path)
    if path == "-":
        emit(found.text, None)
        return ()
    write_whole(Path(path), found.text, "choose another --save")
    written = f"the candidate is in {path}"
    out = ", written out, since its rows have different values in each use"
    again = f"; count it with the same {' and '.join(found.options)}" if found.options else ""
    return (Note("saved", f"{written}{out if found.is_written_out else ''}{again}"),)


def _all(space: Space, kept: dict[str, Any], fmt: str, output: str | None) -> None:
    from flopcount.analyses.sweep.run import Drawn, evaluator, positions
    from flopcount.cli.streaming import Sweep, streamed

    drawn = Drawn(kept["sample"], kept["seed"]) if kept["sample"] else None
    parted = kept["shard"] is not None
    count = positions(space, drawn, parted=parted)
    part = shard(kept["shard"], count) if parted else range(count)
    part = _from(part, kept["start"])
    evaluate = evaluator(space)
    space = space._replace(axes=evaluate.axes)
    streamed(Sweep(space, evaluate, part, drawn, kept["start"] is not None), kept, fmt, output)


def _from(part: range, start: int | None) -> range:
    if start is None:
        return part
    if not part:
        raise UsageError(f"--start {start}: this part has no candidates")
    if start not in part:
        raise UsageError(f"--start {start}: the candidates here are {part.start} to {part.stop - 1}")
    return range(start, part.stop)
