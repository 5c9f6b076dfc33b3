"""One input of the fuzzer: run its command lines in a folder, and say what is wrong with what they leave behind."""

import csv
import gc
import io
import json
import os
import resource
import shlex
import shutil
import signal
import sys
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from flopcount.cli.main import run
from flopcount.errors import INDENT

SECONDS, MEGABYTES = 10, 500
"""The most that an input under 1 MB may take: CPU time and memory."""

BASE = 0
"""The memory in KiB of a process that has everything loaded; the fuzzer sets it."""


class Slow(BaseException):
    """An input takes too long."""


class Case(NamedTuple):
    """Files, command lines that are run one after the other, the CPU time after which Ctrl-C is pressed."""

    files: Mapping[str, bytes]
    lines: Sequence[Sequence[str]]
    stdin: bytes = b""
    stop: float = 0.0
    terminal: bool = False

    def save(self, folder: Path, about: str) -> None:
        """Write the files, and the script that repeats the case."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**self.files, "stdin": self.stdin}.items():
            (folder / name).write_bytes(content)
        lines = [f"flopcount {shlex.join(line)} < stdin" for line in self.lines]
        text = "\n".join([*(f"# {each}" for each in about.splitlines()), 'cd "$(dirname "$0")"', *lines, ""])
        (folder / "repeat.sh").write_text(text, encoding="utf-8", errors="surrogateescape")


class Terminal(io.TextIOWrapper):
    """A standard output that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


class Result(NamedTuple):
    """What one command line left behind: also where an exception came from, the files it wrote, its peak of memory."""

    line: Sequence[str]
    code: int
    out: bytes
    err: str
    trace: str
    changed: Mapping[str, bytes]
    peak: int


def faults(case: Case, tally: Counter[str]) -> list[str]:
    """Run a case in the present folder, which is emptied; return what is wrong with the first line that is."""
    for name in {*os.listdir()} - {".git"}:  # noqa: PTH208  (names)
        shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
    for name, content in case.files.items():
        Path(name).write_bytes(content)
    for line in case.lines:
        done = result(line, case)
        tally[f"exit {done.code}"] += 1
        if case.stop and "Exception ignored" in done.err:
            continue  # Ctrl-C in what C calls, such as a hash, is lost
        if found := [*_wrong(done, {0, 1, 2, 130} if case.stop else {0, 1, 2})]:
            return [f"{each} ({line[0]})" if len(each) < 40 else each for each in found]
    return []


def result(line: Sequence[str], case: Case) -> Result:
    """Run one command line in the present folder."""
    before, known, used = _stamps(), peak(), (sys.stdin, sys.stdout, sys.stderr)
    out, err, trace, code = io.BytesIO(), io.StringIO(), "", 3
    sys.stdin = io.TextIOWrapper(io.BytesIO(case.stdin), encoding="utf-8")
    stream = Terminal if case.terminal else io.TextIOWrapper
    sys.stdout, sys.stderr = stream(out, encoding="utf-8", errors="replace"), err
    try:
        _limit(case.stop)
        code = run([*line])
    except KeyboardInterrupt:
        code = 130  # as __main__.py does
    except BaseException as error:  # noqa: BLE001  (a bug, whatever it is)
        trace = _innermost(error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        _limit_cpu(resource.RLIM_INFINITY)
        sys.stdout.detach()
        sys.stdin, sys.stdout, sys.stderr = used
    changed = {name: Path(name).read_bytes() for name, stamp in _stamps().items() if stamp != before.get(name)}
    return Result(line, code, out.getvalue(), err.getvalue(), trace, changed, peak() if peak() > known else 0)


def _limit(stop: float) -> None:
    """Press Ctrl-C after some CPU time, or end an input that takes too long: by an exception, then by the system."""

    def ring(*_: object) -> None:
        raise KeyboardInterrupt if stop else Slow

    (gc.disable if stop else gc.enable)()
    signal.signal(signal.SIGPROF, ring)
    signal.alarm(600 + 20 * SECONDS)  # long after the limits of processor time, for what waits forever
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit_cpu(int(used.ru_utime + used.ru_stime) + 1 + 2 * SECONDS)
    signal.setitimer(signal.ITIMER_PROF, stop or SECONDS)


def _limit_cpu(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def peak() -> int:
    """Return the most memory in KiB that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (10 if sys.platform == "darwin" else 0)


def _innermost(error: BaseException) -> str:
    """Return an exception and the innermost functions that it passed."""
    frames = [f"{Path(each.filename).name}:{each.name}" for each in traceback.extract_tb(error.__traceback__)]
    frames = [each for each in frames if not each.startswith("judge.py")]
    return f"{type(error).__name__}: {error}"[:200].replace("\n", " ") + " in " + " < ".join(frames[:-4:-1])


def _stamps() -> dict[str, tuple[int, int]]:
    """Return the files of the present folder, each with what changes when it is written."""
    with os.scandir() as found:
        return {each.name: (each.stat().st_mtime_ns, each.stat().st_ino) for each in found if each.is_file()}


def _wrong(done: Result, codes: set[int]) -> Iterator[str]:
    """Yield what is wrong with what a command line left behind."""
    if done.trace:
        yield f"slow: {done.trace}" if done.trace.startswith("Slow") else done.trace
    elif done.code not in codes:
        yield f"exit code {done.code}"
    elif done.code == 2 and not (done.out or done.err or done.changed):
        yield "exit code 2 in silence"
    if done.peak > (MEGABYTES << 10) + BASE:
        yield "memory"
    yield from _wrong_text(done) if not done.trace else ()
    yield from _wrong_files(done)


def _formats(done: Result) -> list[str]:
    return [word for flag, word in zip(done.line, done.line[1:], strict=False) if flag == "--format"]


def _wrong_text(done: Result) -> Iterator[str]:
    """Yield what is wrong with stdout and stderr: each problem is one line that says what it is."""
    if not any(word == "csv" or word.lower().endswith(".csv") for word in done.line[1:]):  # else lines are on stderr
        starts = ("error: ", "note: ", "warning: ", INDENT)
        yield from (f"stderr: {said[:60]}" for said in done.err.splitlines() if said and not said.startswith(starts))
    if "Traceback" in done.err or "Exception ignored" in done.err:
        yield f"a traceback: {done.err[-200:]}"
    if any(char < 32 and char != 10 for char in done.out) or any(char < " " and char != "\n" for char in done.err):
        yield "control characters"
    asks_help = {"-h", "--help"} & {*done.line}
    if len(formats := _formats(done)) == 1 and done.out and done.code != 130 and not asks_help:
        yield from _malformed(formats[0], done.out)


def _wrong_files(done: Result) -> Iterator[str]:
    """Yield what is wrong with the files that were written: nobody asked for them, or they are not whole."""
    asked, (command, *_) = " ".join(done.line), done.line
    for name, content in done.changed.items():
        if name[:1] == "." or (name not in asked and command not in {"init", "lock"}):
            yield "a stray file"
        fmt = next(reversed(_formats(done)), "")
        by_ending = command in {"import", "init"} or (command == "sweep" and "--id" not in done.line)
        if by_ending or f"--plot {name}" in asked or f"--save {name}" in asked:
            fmt = Path(name).suffix[1:]
        if (command == "lock" and "--check" not in done.line) or (command == "import" and fmt != "json"):
            fmt = "toml" if fmt != "csv" else ""  # a topology has one stride, or two
        yield from (f"file: {each}" for each in _malformed(fmt, content))


def _rows(text: str) -> None:
    """Read CSV whose rows are equally long."""
    rows = [*csv.reader(io.StringIO(text, newline=""), strict=True)]
    if not text.endswith("\n") or len({len(row) for row in rows}) > 1:
        raise ValueError


def _json(text: str) -> None:
    json.loads(text, parse_constant=int)  # NaN and Infinity are not JSON


def _parquet(text: str) -> None:
    from pyarrow import parquet

    parquet.read_table(io.BytesIO(text.encode("latin-1")))


PARSERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("json", "sarif", "gitlab", "benchmark"), _json),
    **dict.fromkeys(("svg", "junit"), ET.fromstring),
    "toml": tomllib.loads,
    "csv": _rows,
    "jsonl": lambda text: [*map(_json, text.splitlines())],
    "parquet": _parquet,
}
"""How the text of machine formats is read back."""


def _malformed(fmt: str, content: bytes) -> Iterator[str]:
    try:
        PARSERS.get(fmt, str)(content.decode("latin-1" if fmt in {"parquet", "png"} else "utf-8"))
    except (ValueError, OSError, ET.ParseError, csv.Error) as error:
        yield f"malformed {fmt}: {type(error).__name__}"
