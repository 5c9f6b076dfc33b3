"""How fast a sweep into a folder is on Dask, with one process and with two, beside the same sweep without Dask.

MobileNet over width × resolution × batch, of which few candidates are kept, so that counting is what takes the time.
The three run one after another, in rounds; of each the fastest round counts. The start of the processes, about a
second, is timed apart: a sweep that needs them takes longer. On a machine that is busy with something else, the time
of the processor is the fairer one. Below zero is what workers save by keeping memory that is
freed (`SETTINGS` of the cluster).
"""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple

from flopcount.analyses.conditions import condition
from flopcount.analyses.sweep.axes import axis, size
from flopcount.analyses.sweep.cluster import connected
from flopcount.analyses.sweep.folder import Folder, Store
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.parts import Sweep, SweepPart, Task, Work, in_turn
from flopcount.analyses.sweep.run import evaluator
from flopcount.analyses.sweep.select import Selection, columns
from flopcount.case import Case, load

NETWORK, WIDTHS, SIZES = "mobilenet_v1_1.0_224", "0.25:1.249:0.001", "32:1031"
WHERE = "macs <= 100M"
AIM = 0.15


class Timed(NamedTuple):
    """How long the processes took to start, and the sweep then; the processor's time of all processes."""

    start: float
    seconds: float
    busy: float


@contextmanager
def ready(processes: int) -> Iterator[tuple[Any, Callable[[], float]]]:
    """Yield what runs a work on tasks, this process if there are no others, and what tells the processor's time."""
    if not processes:
        yield lambda work, tasks: in_turn(work, tasks, len_of), process_time
        return
    with connected(processes, None, "") as cluster:
        cluster.client.gather(cluster.client.map(evaluated, range(2 * processes), pure=False))
        spread = partial(cluster.spread, advance=len_of, returns_rows=False, tell=print)
        yield spread, lambda: process_time() + sum(cluster.client.run(process_time).values())


def len_of(many: int) -> None:
    """Show no progress."""


def evaluated(number: int) -> int:
    """Import on a worker what a sweep needs."""
    from flopcount.analyses.sweep import table

    table.arrow("")
    return number


def once(processes: int, sweep: Sweep) -> tuple[Timed, int]:
    """Run a sweep into an empty folder; return the times and the number of rows."""
    tasks = [Task(each.start, each.stop) for each in sweep.ranges()]
    begun = perf_counter()
    with TemporaryDirectory() as folder, ready(processes) as (run, busy):
        work: Work = Store(Folder(folder), sweep, columns(sweep.space), "", may_vanish=False)
        started, before = perf_counter(), busy()
        parts: Iterator[SweepPart] = run(work, tasks)
        kept = sum(each.tally.kept for each in parts)
        seconds = perf_counter() - started
        return Timed(started - begun, seconds, busy() - before), kept


def main() -> None:
    """Print candidates per second, what Dask adds, and what a second process gives."""
    parser = argparse.ArgumentParser(description="Time a sweep on processes.")
    parser.add_argument("--batches", type=int, default=200, help="millions of candidates")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    axes = (axis("width", "", WIDTHS), axis("input", "", SIZES), axis("batch", "", f"1:{asked.batches}"))
    space = Space(Case(load(NETWORK)), axes)
    sweep = Sweep(space, evaluator(space), Selection(where=condition(WHERE, columns(space))))
    many, ways = size(axes), {"without Dask": 0, "1 process": 1, "2 processes": 2}
    found: dict[str, list[Timed]] = {name: [] for name in ways}
    rows = set[int]()
    for _ in range(asked.rounds):
        for name, processes in ways.items():
            timed, kept = once(processes, sweep)
            found[name].append(timed)
            rows.add(kept)
    if len(rows) > 1:
        raise SystemExit("the ways do not keep the same rows")
    print(f"{many:,} candidates in {-(-many // sweep.length):,} parts, {rows.pop():,} kept; {os.cpu_count()} cores")
    print(f"{'':14}{'start s':>9}{'sweep s':>9}{'M/s':>8}{'overhead':>10}{'processor s':>13}{'overhead':>10}")
    alone = [min(getattr(each, name) for each in found["without Dask"]) for name in Timed._fields]
    for name, processes in ways.items():
        start, seconds, busy = (min(getattr(each, field) for each in found[name]) for field in Timed._fields)
        over, more = seconds * max(processes, 1) / alone[1] - 1, busy / alone[2] - 1
        print(
            f"{name:14}{start:>9.2f}{seconds:>9.2f}{many / seconds / 1e6:>8.1f}{over:>10.1%}{busy:>13.2f}{more:>10.1%}"
        )
    print(f"aimed at: an overhead of 1 process below {AIM:.0%}")


if __name__ == "__main__":
    main()
