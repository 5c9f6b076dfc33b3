"""`flopcount sweep ARCH --input 96:320:32 --width 0.25:1.4:0.05`: a whole grid at once."""

from collections.abc import Iterable
from typing import Any

import click

from flopcount.analyses.axes import Axis, axis, is_several, setting_axis, shard
from flopcount.analyses.candidates import Space
from flopcount.cli.loading import Options, load_spec
from flopcount.cli.options import complete_arch, count_options, output_options, stacked
from flopcount.cli.output import show
from flopcount.errors import SpecError, UsageError
from flopcount.files.settings import Setting, setting
from flopcount.files.specs import explained

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
)


@click.command("sweep")
@click.argument("arch", shell_complete=complete_arch)
@sweep_options
@count_options
@output_options
def command(arch: str, fmt: str, output: str | None, id_: int | None, **options: Any) -> None:
    """Count every candidate of a grid: lists and ranges for --input, --width and --set.

    Ranges are FIRST:LAST:STEP and include their end. With -o FILE.csv, .jsonl or
    .parquet all that is kept is written while it is computed; candidates that
    cannot be are counted, and the reasons told.
    """
    kept = {name: options.pop(name) for name in ("where", "pareto", "sort", "top", "sample", "seed", "shard", "start")}
    space = _space(arch, Options(**options))
    try:
        if id_ is not None:
            _one(space, id_, fmt, output)
        else:
            _all(space, kept, fmt, output)
    except SpecError as error:
        raise explained(error, space.spec) from None


def _space(arch: str, options: Options) -> Space:
    """Tell axes from what is fixed."""
    settings = [setting(text) for text in options.settings]
    varied = [each for each in settings if _varies(each)]
    fixed = [each for each in settings if each not in varied]
    axes = [*_option_axes(options), *map(setting_axis, varied)]
    if len({each.name for each in axes}) < len(axes):
        raise UsageError("two axes have the same name; give all values of an axis together")
    if not axes:
        raise UsageError("nothing varies; give a list or a range, such as --input 96:320:32 or --width 0.5,0.75,1")
    width, size = (None if text and is_several(text) else text for text in (options.width, options.size))
    spec = load_spec(arch, options._replace(size=size), fixed)
    if spec.unknown:
        raise UsageError("--allow-unknown leaves operators out, and a sweep has no place to say so; count one network")
    size, batch = (None, None) if spec.sized else (size, options.batch)
    layers = tuple(each for each in fixed if not each.in_file)
    return Space(spec, tuple(axes), options.convention, layers, size, width, batch)


def _varies(each: Setting) -> bool:
    return len(each.values) > 1 or (isinstance(each.value, str) and ":" in each.value)


def _option_axes(options: Options) -> Iterable[Axis]:
    """Make axes of --input and --width, in this order; sizes such as 160x128 are a list of words."""
    if options.size and is_several(options.size):
        is_words = "x" in options.size.lower() or "×" in options.size
        words = tuple(part.strip() for part in options.size.split(","))
        yield Axis("input", words) if is_words else axis("input", f"--input {options.size}", options.size)
    if options.width and is_several(options.width):
        yield axis("width", f"--width {options.width}", options.width)


def _one(space: Space, id_: int, fmt: str, output: str | None) -> None:
    from flopcount.analyses.candidates import addressed, exact
    from flopcount.analyses.selection import described
    from flopcount.analyses.sweep import candidate
    from flopcount.report.views import count_report

    space = space._replace(axes=tuple(addressed(space, each) for each in space.axes))
    report = count_report(space.spec.arch.name, space.spec.arch.description, exact(space, candidate(space, id_)))
    show(report._replace(lines=(f"candidate {id_}: {described(space, id_)}", *report.lines)), fmt, output)


def _all(space: Space, kept: dict[str, Any], fmt: str, output: str | None) -> None:
    from flopcount.analyses.sweep import Drawn, evaluator, positions
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
    if start not in part:
        raise UsageError(f"--start {start}: the candidates here are {part.start} to {part.stop - 1}")
    return range(start, part.stop)
