"""Running a sweep: what is selected, where rows go, where it runs, and how it is gone on with."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import click

from flopcount.analyses.conditions import condition, names
from flopcount.analyses.sweep import grid as spaces
from flopcount.analyses.sweep import select as selection
from flopcount.analyses.sweep.axes import size
from flopcount.analyses.sweep.grid import Space, Words
from flopcount.analyses.sweep.parts import Advance, Direct, Sweep, SweepPart, Task, Work, in_turn
from flopcount.analyses.sweep.run import Drawn
from flopcount.analyses.sweep.select import Census, Selection, Tallied
from flopcount.cli import files
from flopcount.cli.loading import Options, network_of
from flopcount.cli.output import Output, show
from flopcount.errors import Note, UsageError, plain
from flopcount.network.network import Network
from flopcount.report.cost import in_macs, metrics_in
from flopcount.report.sweep import sweep_report
from flopcount.report.table import Line
from flopcount.spec.load import setting
from flopcount.spec.units import DEFAULT_METRICS

SOON = 10_000
"""Up to this number of candidates, counting ends before a progress bar could be read."""

EVERY = 30.0
"""Seconds between lines of progress where there is no terminal."""


def drawn(sample: int | None, seed: int | None) -> Drawn | None:
    """Return how candidates are drawn, if they are; refuse a seed of nothing."""
    if seed is not None and not sample:
        raise UsageError(f"--seed {seed}: it is about a sample; add --sample N")
    return Drawn(sample, seed or 0) if sample else None


def grid(
    reference: str,
    options: Options,
    batches: str | None,
    columns: Sequence[str | None],
    network: Network | None = None,
) -> tuple[Space, list[str | None]]:
    """Load a network and tell axes from what is fixed; return with it the options for columns, FLOPs as MACs.

    The first of them is a condition, the others are lists.
    """
    where, others = columns[0], options.convention.aliases
    columns = [where, *(in_macs(text, others) for text in columns[1:])]
    found = names(where or "", [setting(text).address for text in options.settings]) - {*others}
    words = Words(options.size, batches, options.width, options.variant, options.settings)
    asked = metrics_in(
        options.metrics, *found, *columns[1:], ",".join(options.trained.metrics) if options.trained else None
    )
    metrics = tuple(dict.fromkeys(others.get(name, name) for name in asked))
    network = network or network_of(reference, options)
    counted = {"convention": options.convention, "precision": options.precision, "training": options.trained}
    return spaces.grid(network, words, metrics=metrics, **counted), columns


class Kept(NamedTuple):
    """The selection of a sweep as given on the command line."""

    where: str | None = None
    pareto: str | None = None
    sort: str | None = None
    top: int | None = None
    sample: int | None = None
    seed: int | None = None
    join: str | None = None
    histogram: str | None = None


class Place(NamedTuple):
    """Where a sweep runs, and the folder of its results: the options of that."""

    workers: int | None = None
    scheduler: str | None = None
    results: str | None = None

    @property
    def is_cluster(self) -> bool:
        """Whether it runs in other processes."""
        if self.workers and self.scheduler:
            raise UsageError("--workers starts processes here, --scheduler uses others; omit one of them")
        return bool(self.workers or self.scheduler)


def is_folder(output: str | None) -> bool:
    """Tell whether an output is a folder of results: a URL, or a path without the ending of a file."""
    if output is None:
        return False
    name = Path(output.rstrip("/" + os.sep))
    has_rows, is_url = name.suffix.lower() in files.KINDS, "://" in output
    if has_rows and not is_url:
        return False
    if has_rows or (name.suffix and not is_url and not output.endswith(("/", os.sep)) and not name.is_dir()):
        what = "a file of rows ends in .csv, .jsonl or .parquet and is on this machine; results/ and URLs are folders"
        raise UsageError(f"-o {plain(output[:200])}: {what}")
    return True


def streamed(sweep: Sweep, place: Place, out: Output) -> None:
    """Run a sweep whose rows go to a file or are only shown; show the result."""
    work = Direct(sweep, is_whole=out.output is not None and not sweep.waits)
    tasks = [Task(each.start, each.stop) for each in sweep.ranges()]
    again = "-o FOLDER/ keeps what is counted, so that the same command can go on"
    with running(place, again) as run:
        written(sweep, run(work, tasks, returns_rows=work.is_whole), out)


def written(sweep: Sweep, parts: Iterator[SweepPart], out: Output, *notes: Note) -> None:
    """Write the rows of parts to a file, if one is named, and show the result."""
    with files.opened(out.output, sweep.space) as writer:
        whole = merged(sweep, parts, writer)
        if writer is not None and sweep.waits:
            writer.write(whole.rows)
    more = f"{out.output or '-o FILE.csv'} keeps all rows, --top shows more"
    lines = [Line("file", f"written to {out.output}")] if out.output else []
    shown(sweep, whole, out._replace(output=None), *notes, lines=lines, more=more)


def merged(sweep: Sweep, parts: Iterator[SweepPart], writer: files.Writer | None = None) -> SweepPart:
    """Merge the parts of a sweep in their order, and write their rows."""
    whole = SweepPart(Census(), selection.no_rows(sweep.space), many=0)
    for part in parts:
        if writer is not None and not sweep.waits:
            writer.write(part.rows)
        whole = sweep.merged(whole, part) if whole.many else sweep.shown(part)
        if sweep.is_enough(whole.tally):
            break
    return sweep.finished(whole)


def shown(
    sweep: Sweep, whole: SweepPart, out: Output, *notes: Note, lines: Sequence[Line] = (), more: str = ""
) -> None:
    """Show the result of a sweep."""
    more = "a larger --top shows more" if sweep.choice.top else more
    drawn = [Line("text", sweep.drawn.sentence(size(sweep.space.axes)))] if sweep.drawn else []
    tallied = Tallied(sweep.space, sweep.evaluator, whole.tally)
    rows, lines, by = selection.cells(whole.rows), [*drawn, *lines], sweep.histogram
    report = sweep_report(tallied, sweep.choice, rows, lines=lines, more=more, histogram=by)
    report = report._replace(notes=(*notes, *report.notes))
    chart = None
    if whole.cloud is not None:
        from flopcount.report.chart import sweep_chart

        chart = sweep_chart(report, whole.cloud, sweep.space.axes)
    show(report, out.decided, chart=chart)


Run = Callable[..., Iterator[SweepPart]]
"""Runs work on tasks."""


@contextmanager
def running(place: Place, again: str) -> Iterator[Run]:
    """Yield what runs work on tasks: here, or on a cluster while it is there; an interruption says how to go on."""
    try:
        if not place.is_cluster:
            yield _here
            return
        from flopcount.analyses.sweep.cluster import connected

        with connected(place.workers, place.scheduler, again) as cluster:
            yield partial(_there, cluster)
    except KeyboardInterrupt:
        click.echo(f"stopped; {again}", err=True)
        raise


def _here(work: Work, tasks: Sequence[Task], *, returns_rows: bool) -> Iterator[SweepPart]:
    del returns_rows
    with progress(sum(each.stop - each.start for each in tasks)) as advance:
        yield from in_turn(work, tasks, advance)


def _there(cluster: Any, work: Work, tasks: Sequence[Task], *, returns_rows: bool) -> Iterator[SweepPart]:
    with progress(sum(each.stop - each.start for each in tasks)) as advance:
        yield from cluster.spread(work, tasks, advance, returns_rows=returns_rows, tell=partial(click.echo, err=True))


def chosen(space: Space, kept: Kept, out: Output) -> Selection:
    """Return the selection that the options name; refuse what is no column, and what a file or a chart cannot have."""
    others = space.convention.aliases
    where = condition(kept.where, selection.columns(space), aliases=others) if kept.where is not None else None
    if kept.sort is not None:
        _ordered(space, kept.sort.removeprefix("-"), f"--sort {kept.sort}")
        if out.output is not None and kept.top is None and not kept.pareto:
            raise UsageError("--sort with -o needs --top N, since rows are written while they are computed")
    front = None if kept.pareto is None else _front(space, kept.pareto)
    if front and out.plot and len(front) > 2:  # noqa: PLR2004  (a chart is flat)
        raise UsageError(f"--plot draws two columns, and --pareto has {len(front)}; name two, or omit --plot")
    return Selection(where, front, kept.sort, kept.top)


def _front(space: Space, text: str) -> tuple[str, ...]:
    option, parts = f"--pareto {text[:60]}", [each.strip() for each in text.split(",")]
    names = [_ordered(space, each.removeprefix("-"), option) for each in parts]
    if len({*names}) < max(2, len(names)):
        raise UsageError(f"{option}: expected two columns or more, each once, such as macs,-params")
    return tuple(parts)


def _ordered(space: Space, name: str, option: str) -> str:
    """Return the name of a column of numbers."""
    selection.named(name, space, option)
    if any(each.name == name and not each.is_number for each in space.axes):
        raise UsageError(f"{option}: the values of {name} are words here; name a column of numbers")
    if space.joined is not None:
        space.joined.check_number(name, option)
    return name


def counted_by(space: Space, kept: Kept, out: Output) -> str | None:
    """Return the column of a histogram; refuse one that has no integers, and a format of one table."""
    if kept.histogram is None:
        return None
    if out.fmt == "csv":
        raise UsageError("--histogram is a second table, and CSV has one; use --format json")
    name = in_macs(kept.histogram, space.convention.aliases) or ""
    selection.named(name, space, "--histogram")
    if selection.kinds(space)[name] is not int or name == "id":
        raise UsageError(f"--histogram {name}: name a column of integers, such as macs")
    return name


def charted(choice: Selection, out: Output) -> tuple[str, str] | None:
    """Return the columns of a chart, if one is asked for."""
    if out.plot is None:
        return None
    first, second = choice.pareto or DEFAULT_METRICS[::-1]
    return first, second


@contextmanager
def progress(length: int) -> Iterator[Advance]:
    """Show on stderr how much is counted, with an estimate of what is left: a bar on a terminal, else some lines."""
    if sys.stderr is None or length <= SOON:
        yield lambda _: None
    elif not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield _Ticker(length).advance
    else:
        with click.progressbar(length=length, label="candidates", file=sys.stderr, width=0) as bar:
            yield bar.update
        click.echo("\x1b[A\x1b[2K", nl=False, err=True)  # the bar is done: up one line, which is erased


class _Ticker:
    """A line of progress now and then."""

    def __init__(self, length: int) -> None:
        self.length, self.done = length, 0
        self.begun = self.told = monotonic()

    def advance(self, many: int) -> None:
        self.done, now = self.done + many, monotonic()
        if now - self.told < EVERY or self.done >= self.length:
            return
        self.told = now
        left = (now - self.begun) * (self.length - self.done) / self.done
        click.echo(f"{self.done:,} of {self.length:,} candidates, about {_duration(left)} left", err=True)


def _duration(seconds: float) -> str:
    """Write a time in the largest unit that fits, and the next."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(round(seconds), 1)} s"
    if minutes < 60:  # noqa: PLR2004  (minutes of an hour)
        return f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60} min"
