"""Running a sweep: rows are written chunk by chunk, with progress, and an interruption can be resumed."""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import click

from flopcount.analyses.conditions import condition, names
from flopcount.analyses.sweep import grid as spaces
from flopcount.analyses.sweep import select as selection
from flopcount.analyses.sweep.axes import size
from flopcount.analyses.sweep.evaluate import Evaluator
from flopcount.analyses.sweep.grid import Space, Words
from flopcount.analyses.sweep.run import Chunk, Drawn, swept
from flopcount.analyses.sweep.select import Cloud, Selection, Tallied
from flopcount.cli.loading import Options, network_of
from flopcount.cli.output import Output, emit, show
from flopcount.errors import FileError, UsageError, missing, reason
from flopcount.report.cost import in_macs, key_in_flops, metrics_in
from flopcount.report.sweep import SHOWN, json_lines, sweep_report
from flopcount.report.table import Line, csv_rows
from flopcount.spec.load import setting
from flopcount.spec.text import PARTIAL
from flopcount.spec.units import DEFAULT_METRICS

SOON = 10_000
"""Up to this number of candidates, counting ends before a progress bar could be read."""

GROUP, TAIL = 100_000, 65_536
"""Rows per group of a Parquet file, which many groups make slow; bytes at the end of a file that have its last row."""


LOCKED = 2**31 - 2
"""The place of the byte that is locked where files have no locks as a whole."""


class Writer(Protocol):
    """Writes the rows of a chunk, whole."""

    def write(self, rows: Mapping[str, Any]) -> None:
        """Write rows, an array for each column."""

    def close(self) -> None:
        """Write nothing more."""


class Start(NamedTuple):
    """Where a sweep resumes with a file; `ordered` if its ids rise, as those of a sample do not."""

    position: int
    ordered: bool


class Rows(NamedTuple):
    """A file of rows, which are in a part beside it until all are written; a device has no part."""

    writer: Writer
    part: Path
    target: Path

    def complete(self) -> None:
        """Put the part in the place of the file, with the mode of an old one."""
        self.writer.close()
        if self.part != self.target:
            if self.target.exists():
                self.part.chmod(self.target.stat().st_mode & 0o777)
            self.part.replace(self.target)

    def drop(self) -> None:
        """Remove the part."""
        with suppress(OSError):
            self.writer.close()
        if self.part != self.target:
            self.part.unlink(missing_ok=True)


@contextmanager
def opened(output: str | None, space: Space, start: Start | None) -> "Iterator[Rows | None]":
    """Open the part of a file, by its ending, before anything is computed, and close it whatever happens.

    An error removes it, unless rows from before are in it.
    """
    if output is None:
        yield None
        return
    kind = _KINDS.get(Path(output).suffix.lower())
    if kind is None:
        raise UsageError(f"-o {output}: rows are written to a file that ends in .csv, .jsonl or .parquet")
    target = Path(os.path.realpath(output))
    part = target.with_name(f"{target.name}{PARTIAL}") if target.is_file() or not target.exists() else target
    if part != target and (part.is_symlink() or (part.exists() and not part.is_file())):
        raise UsageError(
            f"{part}: rows are kept there until all are written, and it is no plain file; choose another -o"
        )
    try:
        rows = Rows(kind(part, space, start, part if part.exists() else target), part, target)
    except OSError as error:
        if start is None and part != target:
            part.unlink(missing_ok=True)
        raise FileError(output, f"cannot be written: {reason(error)}; choose another -o") from None
    try:
        yield rows
    except BaseException:
        rows.writer.close() if start else rows.drop()
        raise
    rows.writer.close()


def _appendable(part: Path, start: Start | None) -> BinaryIO:
    """Open a part that no other process writes, never through a link; without a start it is empty."""
    follows = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(part, os.O_WRONLY | os.O_APPEND | os.O_CREAT | follows, 0o666), "ab")
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):  # as Unix and Windows say it
        file.close()
        raise UsageError(f"{part}: another sweep is writing it; choose another -o") from None
    except (ImportError, OSError):  # a system, a file system or a device without locks
        pass
    if start is None and file.tell():
        file.truncate(file.seek(0))
    return file


def _lock(file: BinaryIO) -> None:
    """Keep other processes from writing a file, until it is closed or the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where others cannot read what is locked: a byte that few files reach
        msvcrt: Any = import_module("msvcrt")
        end = file.tell()
        file.seek(LOCKED)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(end)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _names(space: Space) -> list[str]:
    """Return the names of the columns as a file has them: FLOPs are not called MACs."""
    names = selection.columns(space)
    is_flops = space.convention.unit == "FLOP"
    return [key_in_flops(name) if is_flops and name in space.metrics else name for name in names]


class _Csv:
    """Writes CSV; rows are appended after complete rows, without repeating them or the header."""

    def __init__(self, part: Path, space: Space, start: Start | None, before: Path) -> None:
        self.names = _names(space)
        if start is not None and before.is_file():
            self._check(before, start)
            if before != part:  # a copy that a kill cuts off is not taken for the part
                copy = part.with_name(f".{part.name}")
                copy.unlink(missing_ok=True)
                with before.open("rb") as old, copy.open("xb") as new:
                    shutil.copyfileobj(old, new)
                copy.replace(part)
        file = _appendable(part, start)
        self.file = TextIOWrapper(file, encoding="utf-8", newline="")
        if not file.tell():
            self._put(self.head())

    def head(self) -> str:
        return csv_rows([self.names])

    def text(self, rows: Mapping[str, Any]) -> str:
        return csv_rows(selection.cells(rows))

    def last(self, line: str) -> str:
        """Return the id on a line."""
        return line.partition(",")[0]

    def write(self, rows: Mapping[str, Any]) -> None:
        """Write rows, and hand them to the system."""
        self._put(self.text(rows))

    def _put(self, text: str) -> None:
        try:
            self.file.write(text)
            self.file.flush()
        except OSError:
            with suppress(OSError):
                self.file.close()
            raise

    def close(self) -> None:
        self.file.close()

    def _check(self, path: Path, start: Start) -> None:
        """Refuse to append after an incomplete row, other columns, or a candidate that would occur twice."""
        with path.open("rb") as file:
            first = file.read(max(len(self.head()), 1) * 4).decode(errors="replace")
            file.seek(max(path.stat().st_size - TAIL, 0))
            tail = file.read().decode(errors="replace")
        if not first:
            return
        if not first.startswith(self.head()):
            raise UsageError(f"-o {path}: its columns are not {self.head().strip()}; choose another file")
        if not tail.endswith("\n"):
            raise UsageError(f"-o {path}: its last row is incomplete; delete it, then resume after the row before")
        line = tail.rstrip("\n").rpartition("\n")[2]
        id_ = self.last(line) if f"{line}\n" != self.head() else ""
        if start.ordered and id_.isdecimal() and int(id_) >= start.position:
            raise UsageError(f"-o {path}: it already has candidate {id_}; resume with --start {int(id_) + 1}")


class _JsonLines(_Csv):
    """Writes JSON, a candidate to a line."""

    def head(self) -> str:
        return ""

    def text(self, rows: Mapping[str, Any]) -> str:
        return json_lines(self.names, selection.cells(rows))

    def last(self, line: str) -> str:
        return line.removeprefix('{"id": ').partition(",")[0]


class _Parquet:
    """Writes Parquet: the columns are those of the axes, whatever the rows; a file without rows has them too."""

    def __init__(self, part: Path, space: Space, start: Start | None, before: Path) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise missing(f"-o {before}: Parquet", "pyarrow", "parquet") from None
        if start is not None and before.exists():
            raise UsageError(f"-o {before}: a Parquet file cannot be appended to; write the rest to another file")
        self.arrow = pa
        kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
        columns = zip(_names(space), selection.kinds(space).values(), strict=True)
        self.schema = pa.schema([(name, kinds[kind]) for name, kind in columns])
        self.waiting: list[Any] = []
        self.file = _appendable(part, start)
        self.writer = parquet.ParquetWriter(self.file, self.schema)

    def write(self, rows: Mapping[str, Any]) -> None:
        """Keep rows until there are enough for a group."""
        pairs = zip(self.schema, rows.values(), strict=False)
        columns = [self.arrow.array(self._cells(field, values), field.type) for field, values in pairs]
        self.waiting.append(self.arrow.table(columns, schema=self.schema))
        if sum(each.num_rows for each in self.waiting) >= GROUP:
            self._write_group()

    def _cells(self, field: Any, values: Any) -> Any:
        if field.type == self.arrow.string():
            return [None if each is None else str(each) for each in values.tolist()]
        return values.tolist() if hasattr(values, "mask") else values

    def _write_group(self) -> None:
        self.writer.write_table(self.arrow.concat_tables(self.waiting))
        self.waiting = []

    def close(self) -> None:
        """Write the remaining rows and the footer, without which the file cannot be read."""
        if self.waiting:
            self._write_group()
        self.writer.close()
        self.file.close()


_KINDS: Mapping[str, Any] = {".csv": _Csv, ".jsonl": _JsonLines, ".parquet": _Parquet}


def grid(
    reference: str, options: Options, batches: str | None, columns: Sequence[str | None]
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
    network, metrics = network_of(reference, options), tuple(dict.fromkeys(others.get(name, name) for name in asked))
    counted = {"convention": options.convention, "precision": options.precision, "training": options.trained}
    return spaces.grid(network, words, metrics=metrics, **counted), columns


class Kept(NamedTuple):
    """The selection of a sweep as given on the command line, and the part that is counted."""

    where: str | None = None
    pareto: str | None = None
    sort: str | None = None
    top: int | None = None
    sample: int | None = None
    seed: int = 0
    shard: str | None = None
    start: int | None = None
    join: str | None = None


class Sweep(NamedTuple):
    """The sweep to run: which candidates, and whether it resumes with a file."""

    space: Space
    evaluate: Evaluator
    part: range
    drawn: Drawn | None
    resumed: bool


def streamed(sweep: Sweep, kept: Kept, out: Output) -> None:
    """Run a sweep; show the result, and write its rows to a file if one is named."""
    choice = _choice(sweep.space, kept, out)
    cloud = None if out.plot is None else Cloud(*(choice.pareto or DEFAULT_METRICS[::-1]))
    tallied = Tallied(sweep.space, sweep.evaluate)
    start = Start(sweep.part.start, ordered=sweep.drawn is None) if sweep.resumed else None
    with _interruptible() as asked, opened(out.output, sweep.space, start) as rows:
        shown, position = _run(sweep, choice, tallied, rows and rows.writer, asked, cloud=cloud)
        is_stopped = asked and position < sweep.part.stop
        if rows is not None:
            _finished(rows, shown if choice.waits else None, is_stopped=bool(is_stopped), is_new=start is None)
    more = f"{out.output or '-o FILE.csv'} keeps all rows, --top shows more"
    more = "a larger --top shows more" if choice.top else more
    lines = [Line("text", sweep.drawn.sentence(size(sweep.space.axes)))] if sweep.drawn else []
    lines += [Line("file", f"written to {out.output}")] if out.output else []
    report = sweep_report(tallied, choice, selection.cells(shown), lines=lines, more=more)
    if is_stopped:
        emit("", None, [Line("text", _stopped(position, choice, out.output)), *report.notes])
        raise KeyboardInterrupt
    chart = None
    if cloud is not None:
        from flopcount.report.chart import sweep_chart

        chart = sweep_chart(report, cloud, sweep.space.axes)
    show(report, out._replace(output=None).decided, chart=chart)


def _finished(rows: Rows, shown: selection.Rows | None, *, is_stopped: bool, is_new: bool) -> None:
    """Complete a file, with the rows that are known only at the end; after an interruption they are not known."""
    if not is_stopped:
        if shown is not None:
            rows.writer.write(shown)
        rows.complete()
    elif shown is not None and is_new:
        rows.drop()


@contextmanager
def _interruptible() -> "Iterator[list[int]]":
    """Delay Ctrl-C and its like until a chunk is written and accounted for; yield the signals so far."""
    asked: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [each for each in signal.valid_signals() if signal.getsignal(each) is signal.default_int_handler]
    for number in numbers if is_main else ():
        signal.signal(number, lambda number, _: asked.append(number))
    try:
        yield asked
    finally:
        for number in numbers if is_main else ():
            signal.signal(number, signal.default_int_handler)


def _choice(space: Space, kept: Kept, out: Output) -> Selection:
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


def _run(
    sweep: Sweep,
    choice: Selection,
    tallied: Tallied,
    writer: Writer | None,
    asked: Sequence[int],
    *,
    cloud: Cloud | None,
) -> tuple[selection.Rows, int]:
    """Return the rows to show, and the position after the last chunk; write the others as they come."""
    most = choice._replace(top=None if choice.pareto else choice.top or SHOWN)
    shown: selection.Rows | None = None
    position = sweep.part.start
    with _progress(len(sweep.part)) as advance:
        for chunk in swept(sweep.space, sweep.evaluate, sweep.part, sweep.drawn):
            rows = _rows(chunk, choice, tallied)
            if cloud is not None:
                cloud.see(rows)
            if not choice.waits:
                tallied.note(rows)
            if writer is not None and not choice.waits:
                writer.write(rows)
            shown = _shown(shown, rows, most)
            tallied.kept = len(shown["id"]) if choice.pareto else tallied.kept
            position = chunk.position + len(chunk.ids)
            advance(len(chunk.ids))
            if asked or (not choice.waits and choice.top is not None and tallied.kept >= choice.top):
                break
    rows = selection.narrowed(shown or selection.no_rows(sweep.space), choice)
    if choice.waits:
        tallied.note(rows)
    return rows, position


def _rows(chunk: Chunk, choice: Selection, tallied: Tallied) -> selection.Rows:
    """Take account of a chunk, and return the rows of it that are kept, unless others beat them."""
    tallied.see(chunk)
    rows = selection.rows(tallied, chunk, choice.where)
    if choice.top is not None and not choice.waits:
        rows = {name: values[: choice.top - tallied.kept] for name, values in rows.items()}
    tallied.kept += len(rows["id"])
    return rows


def _shown(shown: selection.Rows | None, rows: selection.Rows, most: Selection) -> selection.Rows:
    """Return the rows to show so far."""
    if shown is not None and not most.waits and len(shown["id"]) >= (most.top or SHOWN):
        return shown
    return selection.narrowed(selection.joined(shown, rows), most)


def _stopped(position: int, choice: Selection, output: str | None) -> str:
    """Say where a sweep stopped, and how to resume it."""
    stopped = f"stopped before candidate {position}"
    if choice.waits:
        return f"{stopped}: the result of --pareto or --sort is known only at the end, so nothing is kept"
    if output is None:
        return f"{stopped}: resume with --start {position}; -o FILE.csv keeps computed rows"
    part = f"{output if not Path(output).is_symlink() else os.path.realpath(output)}{PARTIAL}"
    if part.lower().endswith(f".parquet{PARTIAL}"):
        return f"{stopped}: resume with --start {position} and another -o; {part} has the rows before it"
    return f"{stopped}: resume with --start {position}; {part} has the rows before it and is appended to"


@contextmanager
def _progress(length: int) -> Iterator[Any]:
    """Show a progress bar on a terminal, on stderr, apart from data, until all is done."""
    is_shown = length > SOON and sys.stderr is not None and sys.stderr.isatty()
    if not is_shown or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    with click.progressbar(length=length, label="candidates", file=sys.stderr, width=0) as bar:
        yield bar.update
    click.echo("\x1b[A\x1b[2K", nl=False, err=True)  # the bar is done: up one line, which is erased
