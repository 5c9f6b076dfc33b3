"""A sweep on Dask: on processes of this machine, or on the workers of a scheduler.

Tasks are a few ranges each, as many as take about a second or, with many workers, longer, so that a scheduler has
little to do. What is sent is the sweep, once for each worker, and two numbers for each range; what comes back is what
is shown of the ranges of a task together, or the rows of one if they are asked for. Results are handed on in the
order of the ranges, so they are those of a single process.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import reduce
from itertools import islice
from time import monotonic
from typing import Any, NamedTuple

from flopcount import __version__
from flopcount.analyses.sweep.parts import Advance, SweepPart, Task, Work
from flopcount.errors import BadInput, FileError, UsageError, missing, plain, reason

AIM, MOST_PER_SECOND, MOST_BUNDLED = 1.0, 100, 256
"""The least seconds that a task is to take, the most tasks per second of all workers, and the most ranges of one."""

AHEAD = 16
"""For each worker, the most tasks that are sent before an earlier one is merged, if no rows come back."""

LOOK = 5.0
"""Seconds after which workers are counted again."""

CONNECT = 10
"""Seconds to wait for a scheduler."""

STARTS = "dask scheduler starts one"
"""The hint where no scheduler answers."""

PARENTS_ONLY = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a worker of this machine runs first: Ctrl-C reaches all processes of a terminal, and one answers."""

_ENVIRON = "distributed.nanny.pre-spawn-environ"

SETTINGS = {
    "distributed.admin.large-graph-warning-threshold": "1GiB",  # a sweep with many programs is sent once
    "distributed.scheduler.allowed-failures": 10,  # workers of this machine may die more often than by default
    "distributed.worker.profile.enabled": False,
    f"{_ENVIRON}.MALLOC_TRIM_THRESHOLD_": 2**28,  # else arrays are given back and cleared again: a third of the time
    f"{_ENVIRON}.MALLOC_MMAP_THRESHOLD_": 2**25,
}
"""The settings of Dask that differ from its own."""


class Cluster(NamedTuple):
    """Workers by their client; `name` is the option that asked for them, `again` says how to go on after their end."""

    client: Any
    name: str
    again: str

    @property
    def lost(self) -> FileError:
        """The error that the scheduler has ended."""
        return FileError(self.name, f"the connection to the scheduler is lost; {self.again}")

    def threads(self) -> int:
        """Return how many tasks the workers do at once now; 0 if there are none."""
        return sum(self.client.nthreads().values())

    def spread(
        self, work: Work, tasks: Sequence[Task], advance: Advance, *, returns_rows: bool, tell: Callable[[str], object]
    ) -> Iterator[SweepPart]:
        """Count ranges on the workers, and yield their parts in order; `tell` says that there are no workers yet."""
        with self._told():
            if not self.threads():
                tell(f"{self.name}: no workers yet; waiting")
            yield from _Spread(self, work, tasks, returns_rows).parts(advance)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what a cluster cannot do in one sentence."""
        from distributed.scheduler import KilledWorker

        try:
            yield
        except BadInput:
            raise
        except KilledWorker as error:
            many = f"{error.allowed_failures + 1} workers ended on the same ranges, as for lack of memory"
            raise FileError(self.name, f"{many}; {self.again}") from None
        except (CancelledError, OSError):  # among them that a connection is closed, or takes too long
            raise self.lost from None
        except (ImportError, AttributeError) as error:
            what = f"a worker cannot do this: {plain(str(error)[:200])}; install flopcount {__version__} there"
            raise FileError(self.name, f"{what}, with the extra cluster") from None


class _Spread:
    """The state of a sweep on a cluster: what is sent, and what has come back."""

    def __init__(self, cluster: Cluster, work: Work, tasks: Sequence[Task], returns_rows: bool) -> None:  # noqa: FBT001  (inner)
        from distributed import as_completed

        self.cluster, self.tasks, self.waiting = cluster, len(tasks), iter(tasks)
        self.returns_rows = returns_rows
        self.work = cluster.client.submit(opened, pickle.dumps(work), __version__, pure=False)
        self.running = as_completed(loop=cluster.client.loop)
        self.numbers: dict[str, int] = {}
        self.found: dict[int, list[SweepPart]] = {}
        self.sent = self.merged = self.begun = 0
        self.seconds, self.threads, self.looked = 0.0, 0, -LOOK

    def parts(self, advance: Advance) -> Iterator[SweepPart]:
        """Yield the parts in order."""
        self._send()
        try:
            for future in self.running:
                self._take(future, advance)
                while self.merged in self.found:
                    yield from self.found.pop(self.merged)
                    self.merged += 1
                self._send()
        finally:
            if self.numbers and self.cluster.client.status == "running":
                self.cluster.client.cancel([*self.running.futures])

    def _send(self) -> None:
        """Send tasks until the workers have enough to do, and not so many that much would wait for an earlier one."""
        if monotonic() - self.looked > LOOK:
            self.threads, self.looked = max(self.cluster.threads(), 1), monotonic()
        busy, ahead = 2 * self.threads + 1, (2 if self.returns_rows else AHEAD) * self.threads + 1
        while len(self.numbers) < busy and self.sent - self.merged < ahead:
            tasks = [*islice(self.waiting, self._bundled())]
            if not tasks:
                return
            future = self.cluster.client.submit(run, self.work, tasks, pure=False)
            self.numbers[future.key], self.sent, self.begun = self.sent, self.sent + 1, self.begun + len(tasks)
            self.running.add(future)

    def _bundled(self) -> int:
        """Return how many ranges the next task has: those that take long enough, and no more than a fair share."""
        if self.returns_rows or not self.seconds:
            return 1
        fair = -(-(self.tasks - self.begun) // (2 * self.threads))
        aim = max(AIM, self.threads / MOST_PER_SECOND)
        return max(1, min(int(aim / self.seconds), fair, MOST_BUNDLED))

    def _take(self, future: Any, advance: Advance) -> None:
        """Keep what has come back, and how long a range takes."""
        if future.status not in {"finished", "error"}:
            raise self.cluster.lost
        seconds, many, parts = future.result()
        self.found[self.numbers.pop(future.key)] = parts
        recent = seconds / sum(each.many for each in parts)
        self.seconds = (self.seconds + recent) / 2 if self.seconds else recent
        advance(many)


def opened(content: bytes, version: str) -> Work:
    """Return the work that was sent; a worker with another version of flopcount would count something else."""
    if version != __version__:
        raise UsageError(f"a worker has flopcount {__version__}, and this is {version}; install the same version")
    return pickle.loads(content)  # type: ignore[no-any-return]  # noqa: S301  (a scheduler runs what its clients send)


def run(work: Work, tasks: Sequence[Task]) -> tuple[float, int, list[SweepPart]]:
    """Count some ranges on a worker: how long that took, how many candidates, and the parts, merged if they can be."""
    start, sweep = monotonic(), work.sweep
    parts = [work.run(each.start, each.stop, is_there=each.is_there) for each in tasks]
    if len(parts) > 1 and (sweep.choice.waits or sweep.choice.top is None):
        parts = [reduce(sweep.merged, parts)]
    return monotonic() - start, sum(each.stop - each.start for each in tasks), parts


@contextmanager
def connected(workers: int | None, scheduler: str | None, again: str) -> Iterator[Cluster]:
    """Start workers on this machine, or connect to a scheduler; they end, or are left alone, whatever happens."""
    name = f"--workers {workers}" if workers else f"--scheduler {plain(str(scheduler)[:200])}"
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise missing(name, "distributed", "cluster") from None
    _silence()
    _leave_no_closing()
    with dask.config.set(SETTINGS):
        if scheduler:
            with _reached(name, lambda: Client(scheduler, timeout=CONNECT, set_as_default=False), STARTS) as client:
                yield Cluster(client, name, again)
            return
        with (
            _reached(name, lambda: _local(workers or 1)) as cluster,
            _reached(name, lambda: Client(cluster, timeout=CONNECT, set_as_default=False)) as client,
        ):
            yield Cluster(client, name, again)


def _silence() -> None:
    """Log no errors: what goes wrong is told in one sentence."""
    for name in ("distributed", "tornado", "asyncio", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"distributed", "tornado", "asyncio"}:
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _leave_no_closing() -> None:
    """Let distributed close nothing at exit: all is closed here, and half a cluster, as after SIGTERM, cannot be."""
    import atexit

    from distributed.deploy import spec

    atexit.unregister(spec.close_clusters)


@contextmanager
def _reached(name: str, make: Callable[[], Any], hint: str = "") -> Iterator[Any]:
    """Open a cluster or a client, and close it."""
    try:
        made = make()
    except (OSError, ValueError, RuntimeError) as error:
        why = plain(reason(error)[:200]) if isinstance(error, OSError) else plain(str(error)[:200])
        what = f"cannot be reached: {why}; {hint}" if hint else f"cannot be started: {why}"
        raise FileError(name, what) from None
    try:
        yield made
    finally:
        made.close()


def _local(workers: int) -> Any:
    """Start processes with a thread each, which ignore Ctrl-C."""
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=logging.CRITICAL,
        preload=[PARENTS_ONLY],
    )
