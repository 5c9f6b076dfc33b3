"""How long a whole run takes, as a ratio to what its dependencies cost by themselves.

Each command is timed in alternation with a plain `python -c` that imports the
same libraries and defines one pydantic model with one field. Both sides run on
this interpreter, in the same environment and with the same kind of standard
output; each pair starts with the other side. The ratio is the median over the pairs.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter
from typing import NamedTuple

MODEL = """
import pydantic
class One(pydantic.BaseModel):
    one: int
"""
PLAIN = f"import click\n{MODEL}"
RICH = f"import click, rich.console, rich.table\n{MODEL}"
COUNT = ("mobilenet_v1.toml", "--input", "160")

Output = Callable[[], AbstractContextManager[int]]
"""Opens what a run writes to."""


class Case(NamedTuple):
    """A command line, what it is compared with, where both write to, and the ratio it may have on a quiet machine."""

    title: str
    arguments: Sequence[str]
    baseline: str
    output: Output
    aim: float


def _nowhere() -> AbstractContextManager[int]:
    return nullcontext(subprocess.DEVNULL)


@contextmanager
def _terminal() -> Iterator[int]:
    """Open a terminal that swallows what is written to it."""
    controller, terminal = os.openpty()
    Thread(target=_drain, args=(controller,), daemon=True).start()
    try:
        yield terminal
    finally:
        os.close(terminal)


def _drain(controller: int) -> None:
    try:
        while os.read(controller, 65536):
            pass
    except OSError:
        pass
    os.close(controller)


CASES = (
    Case("table", COUNT, RICH, _nowhere, 1.2),
    Case("json", (*COUNT, "--format", "json"), PLAIN, _nowhere, 1.15),
    *((Case("table, on a terminal", COUNT, RICH, _terminal, 1.2),) if hasattr(os, "openpty") else ()),
)


def installed() -> str:
    """Return the installed command, as a shell would run it."""
    suffix = ".exe" if os.name == "nt" else ""
    command = Path(sysconfig.get_path("scripts")) / f"flopcount{suffix}"
    if not command.exists():
        sys.exit(f"{command} is not there; install flopcount for {sys.executable} first")
    return str(command)


def seconds(command: Sequence[str], output: Output) -> float:
    """Time one process from start to end; it has to succeed."""
    with output() as out:
        start = perf_counter()
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=True)
        return perf_counter() - start


def alternated(one: Sequence[str], other: Sequence[str], output: Output, pairs: int) -> tuple[list[float], list[float]]:
    """Time two commands in turn, after one unmeasured run of each."""
    sides = (one, other)
    times: tuple[list[float], list[float]] = ([], [])
    for side in sides:
        seconds(side, output)
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            times[which].append(seconds(sides[which], output))
    return times


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description="Compare whole runs with what their dependencies cost.")
    parser.add_argument("--pairs", type=int, default=41, help="measured runs of each side (default: 41)")
    pairs = parser.parse_args().pairs
    print(f"{'':22}{'flopcount':>12}{'baseline':>12}{'ratio':>8}{'at most':>10}")
    for case in CASES:
        command, baseline = (installed(), *case.arguments), (sys.executable, "-c", case.baseline)
        runs, bases = alternated(command, baseline, case.output, pairs)
        ratio = median(run / base for run, base in zip(runs, bases, strict=True))
        verdict = "holds" if ratio <= case.aim else "DOES NOT HOLD"
        times = f"{median(runs) * 1e3:9.1f} ms{median(bases) * 1e3:9.1f} ms"
        print(f"{case.title:22}{times}{ratio:8.3f}{case.aim:10}   {verdict}")


if __name__ == "__main__":
    main()
