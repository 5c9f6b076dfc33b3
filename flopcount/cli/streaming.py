"""A sweep run to its end: rows written chunk by chunk, progress shown, an interruption survived."""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flopcount.analyses.conditions.filters import condition
from flopcount.analyses.sweeps import selection
from flopcount.analyses.sweeps.axes import size
from flopcount.analyses.sweeps.candidates import Space
from flopcount.analyses.sweeps.evaluation import Evaluator
from flopcount.analyses.sweeps.selection import Choice, Tallied
from flopcount.analyses.sweeps.sweep import Chunk, Drawn, swept
from flopcount.cli.output import show
from flopcount.cli.writers import Start, Writer, can_be_added_to, opened
from flopcount.errors import UsageError
from flopcount.report.sweeps import SHOWN, sweep_report
from flopcount.report.table import Report

if TYPE_CHECKING:
    from flopcount.analyses.sweeps.clouds import Cloud
    from flopcount.report.charts import Points


class Sweep(NamedTuple):
    """What is to be run: which candidates, and whether it goes on with a file."""

    space: Space
    evaluate: Evaluator
    part: range
    drawn: Drawn | None
    resumed: bool


def streamed(sweep: Sweep, kept: Mapping[str, Any], fmt: str, output: str | None) -> None:
    """Run a sweep; show what it comes to, and write its rows to a file if one is named."""
    choice = _choice(sweep.space, kept, output)
    cloud = _cloud(choice, kept["plot"], fmt)
    tallied = Tallied(sweep.space, sweep.evaluate)
    start = Start(sweep.part.start, ordered=sweep.drawn is None) if sweep.resumed else None
    with _interruptible() as asked:
        with opened(output, sweep.space, start) as writer:
            shown, position = _run(sweep, choice, tallied, writer, asked, cloud=cloud)
            is_stopped = asked and position < sweep.part.stop
            if writer is not None and choice.waits and not is_stopped:
                writer.write(shown)
        if is_stopped:
            click.echo(_stopped(position, choice, output), err=True)
            raise KeyboardInterrupt
    more = "a larger --top shows more" if choice.top else f"{output or '-o FILE.csv'} has them all, --top shows more"
    report = sweep_report(sweep.space, tallied, selection.cells(shown), lines=_lines(sweep, output), more=more)
    show(report, fmt, None, plot=kept["plot"], chart=_chart(report, cloud, sweep.space))


def _cloud(choice: Choice, plot: str | None, fmt: str) -> "Cloud | None":
    """Return what gathers the points of a picture; refuse what cannot be drawn before anything is computed."""
    if plot is None:
        return None
    from flopcount.analyses.sweeps.clouds import Cloud
    from flopcount.cli.pictures import check

    check(plot, fmt)
    return Cloud(*(choice.pareto or selection.COSTS))


def _chart(report: Report, cloud: "Cloud | None", space: Space) -> "Points | None":
    if cloud is None:
        return None
    from flopcount.report.sweep_charts import sweep_chart

    return sweep_chart(report, cloud, space.axes)


@contextmanager
def _interruptible() -> "Iterator[list[int]]":
    """Let an interruption wait until a chunk is written and accounted for: yield what has been asked so far."""
    asked: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield asked
        return
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _choice(space: Space, kept: Mapping[str, Any], output: str | None) -> Choice:
    where = condition(kept["where"], selection.columns(space)) if kept["where"] is not None else None
    sort = kept["sort"]
    if sort is not None:
        selection.named(sort.removeprefix("-"), space, f"--sort {sort}")
        _check_number(space, sort.removeprefix("-"), f"--sort {sort}")
        if output is not None and kept["top"] is None and not kept["pareto"]:
            raise UsageError("--sort with -o needs --top N: a sweep is written while it is computed, not kept")
    return Choice(where, _front(space, kept["pareto"]), sort, kept["top"])


def _front(space: Space, text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    names = [selection.named(name.strip(), space, f"--pareto {text[:60]}") for name in text.split(",")]
    if len(names) != 2:  # noqa: PLR2004  (a front lies between two)
        raise UsageError(f"--pareto {text[:60]}: a front is of two columns; write macs,params")
    for name in names:
        _check_number(space, name, f"--pareto {text[:60]}")
    return names[0], names[1]


def _check_number(space: Space, name: str, option: str) -> None:
    if any(each.name == name and not each.is_number for each in space.axes):
        raise UsageError(f"{option}: {name} is a list of words here; only numbers have an order")


def _run(
    sweep: Sweep,
    choice: Choice,
    tallied: Tallied,
    writer: Writer | None,
    asked: Sequence[int],
    *,
    cloud: "Cloud | None",
) -> tuple[selection.Rows, int]:
    """Return the rows to show, and the position behind the last chunk; write the others as they come."""
    most = choice._replace(top=None if choice.pareto else choice.top or SHOWN)
    shown: selection.Rows | None = None
    position = sweep.part.start
    with _progress(len(sweep.part)) as advance:
        for chunk in swept(sweep.space, sweep.evaluate, sweep.part, sweep.drawn):
            rows = _rows(chunk, choice, tallied)
            if cloud is not None:
                cloud.see(rows)
            if writer is not None and not choice.waits:
                writer.write(rows)
            shown = _shown(shown, rows, most)
            tallied.kept = len(shown["id"]) if choice.pareto else tallied.kept
            position = chunk.position + len(chunk.ids)
            advance(len(chunk.ids))
            if asked or (not choice.waits and choice.top is not None and tallied.kept >= choice.top):
                break
    return selection.narrowed(shown or selection.no_rows(sweep.space), choice), position


def _rows(chunk: Chunk, choice: Choice, tallied: Tallied) -> selection.Rows:
    """Take account of a chunk, and return the rows of it that are kept, unless others beat them."""
    tallied.see(chunk)
    rows = selection.rows(tallied, chunk, choice.where)
    if choice.top is not None and not choice.waits:
        rows = {name: values[: choice.top - tallied.kept] for name, values in rows.items()}
    tallied.kept += len(rows["id"])
    return rows


def _shown(shown: selection.Rows | None, rows: selection.Rows, most: Choice) -> selection.Rows:
    """Return what is to be shown so far."""
    if shown is not None and not most.waits and len(shown["id"]) >= (most.top or SHOWN):
        return shown
    return selection.narrowed(selection.joined(shown, rows), most)


def _stopped(position: int, choice: Choice, output: str | None) -> str:
    """Say where a sweep stopped, and how to go on."""
    stopped = f"stopped before candidate {position}"
    if choice.waits:
        return f"{stopped}: what --pareto and --sort keep is known at the end only, so nothing is kept"
    if output is None:
        return f"{stopped}: go on with --start {position}; -o FILE.csv keeps what is computed"
    if can_be_added_to(output):
        return f"{stopped}: go on with --start {position}; {output} has those before, and is added to"
    return f"{stopped}: go on with --start {position} and another -o; {output} has those before"


@contextmanager
def _progress(length: int) -> Iterator[Any]:
    """Show a bar on a terminal, on stderr, where it disturbs no data."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label="candidates", file=sys.stderr) as bar:
        yield bar.update


def _lines(sweep: Sweep, output: str | None) -> tuple[str, ...]:
    drawn = [sweep.drawn.sentence(size(sweep.space.axes))] if sweep.drawn else []
    return (*drawn, *([f"written to {output}"] if output else []))
