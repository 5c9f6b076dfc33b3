"""A sweep run to its end: rows written chunk by chunk, progress shown, an interruption survived."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click

from flopcount.analyses import selection
from flopcount.analyses.candidates import Space
from flopcount.analyses.evaluation import Evaluator
from flopcount.analyses.filters import condition
from flopcount.analyses.selection import Choice, Tallied
from flopcount.analyses.sweep import Chunk, Drawn, swept
from flopcount.cli.output import show
from flopcount.errors import FileError, UsageError
from flopcount.report.sweeps import SHOWN, csv_header, csv_rows, json_lines, sweep_report
from flopcount.report.units import key_in_flops


class Sweep(NamedTuple):
    """What is to be run: which candidates, and whether it goes on with a file."""

    space: Space
    evaluate: Evaluator
    part: range
    drawn: Drawn | None
    resumed: bool


class Writer(Protocol):
    """Writes the rows of a chunk, whole; what is written can be read at any time."""

    def write(self, rows: Mapping[str, Any]) -> None:
        """Write rows."""
        ...

    def close(self) -> None:
        """Write nothing more."""
        ...


def streamed(sweep: Sweep, kept: Mapping[str, Any], fmt: str, output: str | None) -> None:
    """Run a sweep; show what it comes to, and write its rows to a file if one is named."""
    choice = _choice(sweep.space, kept, output)
    tallied = Tallied(sweep.space, sweep.evaluate)
    with _opened(sweep, output) as writer:
        shown = _run(sweep, choice, tallied, writer, output)
        if writer is not None and choice.waits:
            writer.write(shown)
    lines = _lines(sweep, output)
    show(sweep_report(sweep.space, tallied, selection.cells(shown), lines=lines), fmt, None)


def _choice(space: Space, kept: Mapping[str, Any], output: str | None) -> Choice:
    where = condition(kept["where"], selection.columns(space)) if kept["where"] else None
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


def _run(sweep: Sweep, choice: Choice, tallied: Tallied, writer: Writer | None, output: str | None) -> Any:
    """Return the rows to show, and write the others as they come."""
    most = choice._replace(top=choice.top or (None if choice.pareto else SHOWN))
    shown: selection.Rows | None = None
    position = sweep.part.start
    try:
        with _progress(len(sweep.part)) as advance:
            for chunk in swept(sweep.space, sweep.evaluate, sweep.part, sweep.drawn):
                rows = _rows(chunk, choice, tallied)
                if writer is not None and not choice.waits:
                    writer.write(rows)
                shown = _shown(shown, rows, most)
                tallied.kept = len(shown["id"]) if choice.pareto else tallied.kept
                position = chunk.position + len(chunk.ids)
                advance(len(chunk.ids))
                if not choice.waits and choice.top is not None and tallied.kept >= choice.top:
                    break
    except KeyboardInterrupt:
        _say_how_to_resume(position, output if not choice.waits else None)
        raise
    return shown or {name: [] for name in selection.columns(sweep.space)}


def _rows(chunk: Chunk, choice: Choice, tallied: Tallied) -> selection.Rows:
    """Take account of a chunk, and return the rows of it that are kept, unless others beat them."""
    tallied.see(chunk)
    rows = selection.rows(tallied.space, chunk, choice.where)
    if choice.top is not None and not choice.waits:
        rows = {name: values[: choice.top - tallied.kept] for name, values in rows.items()}
    tallied.kept += len(rows["id"])
    return rows


def _shown(shown: selection.Rows | None, rows: selection.Rows, most: Choice) -> selection.Rows:
    """Return what is to be shown so far."""
    if shown is not None and not most.waits and len(shown["id"]) >= (most.top or SHOWN):
        return shown
    return selection.narrowed(selection.joined(shown, rows), most)


def _say_how_to_resume(position: int, output: str | None) -> None:
    done = f"; {output} has those before, and is added to" if output else ""
    click.echo(f"stopped before candidate {position}: go on with --start {position}{done}", err=True)


@contextmanager
def _progress(length: int) -> Iterator[Any]:
    """Show a bar on a terminal, on stderr, where it disturbs no data."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label="candidates", file=sys.stderr) as bar:
        yield bar.update


def _lines(sweep: Sweep, output: str | None) -> tuple[str, ...]:
    drawn = [f"drawn at random, one by one, with seed {sweep.drawn.seed}"] if sweep.drawn else []
    return (*drawn, *([f"written to {output}"] if output else []))


@contextmanager
def _opened(sweep: Sweep, output: str | None) -> "Iterator[Writer | None]":
    """Open a file by its ending, before anything is computed, and close it whatever happens."""
    if output is None:
        yield None
        return
    kinds: Mapping[str, Callable[..., Writer]] = {".csv": _Csv, ".jsonl": _JsonLines, ".parquet": _Parquet}
    kind = kinds.get(Path(output).suffix.lower())
    if kind is None:
        raise UsageError(f"-o {output}: rows are written to a file that ends in .csv, .jsonl or .parquet")
    try:
        writer = kind(Path(output), _names(sweep.space), added=sweep.resumed)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{output}: cannot be written: {reason}; choose another -o") from None
    try:
        yield writer
    finally:
        writer.close()


def _names(space: Space) -> list[str]:
    """Return the names of the columns as a file has them: FLOPs are not called MACs."""
    names = selection.columns(space)
    return [key_in_flops(name) for name in names] if space.convention.unit == "FLOP" else [*names]


class _Csv:
    """Writes lines of CSV; what is added to a file has no header."""

    def __init__(self, path: Path, names: Sequence[str], *, added: bool) -> None:
        self.file = path.open("a" if added else "w", encoding="utf-8", newline="")
        self.names = names
        if not self.file.tell():
            self.file.write(csv_header(names))

    def write(self, rows: Mapping[str, Any]) -> None:
        self.file.write(self._text(rows))
        self.file.flush()

    def _text(self, rows: Mapping[str, Any]) -> str:
        return csv_rows(selection.cells(rows))

    def close(self) -> None:
        self.file.close()


class _JsonLines(_Csv):
    """Writes JSON, a candidate to a line."""

    def __init__(self, path: Path, names: Sequence[str], *, added: bool) -> None:
        self.file = path.open("a" if added else "w", encoding="utf-8", newline="")
        self.names = names

    def _text(self, rows: Mapping[str, Any]) -> str:
        return json_lines(self.names, selection.cells(rows))


class _Parquet:
    """Writes Parquet, a group of rows for each chunk."""

    def __init__(self, path: Path, names: Sequence[str], *, added: bool) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise UsageError(f"-o {path}: Parquet needs pyarrow; install it, or write .csv or .jsonl") from None
        if added and path.exists():
            raise UsageError(f"-o {path}: a Parquet file cannot be added to; write the rest to another file")
        self.path, self.names, self.arrow, self.parquet = path, names, pa, parquet
        self.writer: Any = None

    def write(self, rows: Mapping[str, Any]) -> None:
        columns = (values.tolist() for values in rows.values())
        table = self.arrow.table(dict(zip(self.names, columns, strict=True)))
        if self.writer is None:
            self.writer = self.parquet.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table.cast(self.writer.schema))

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
