"""Files of rows that are written while a sweep runs: what is written can be read at any time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from flopcount.analyses.sweeps import selection
from flopcount.analyses.sweeps.candidates import Space
from flopcount.errors import FileError, UsageError
from flopcount.report.sweeps import csv_header, csv_rows, json_lines
from flopcount.report.units import key_in_flops

GROUP = 100_000
"""Rows of Parquet that are written at once: many small groups make a slow file."""

TAIL = 65_536
"""The last bytes of a file, among which its last row is looked for."""


class Writer(Protocol):
    """Writes the rows of a chunk, whole."""

    def write(self, rows: Mapping[str, Any]) -> None:
        """Write rows, an array for each column."""
        ...

    def close(self) -> None:
        """Write nothing more."""
        ...


class Start(NamedTuple):
    """Where a sweep begins that goes on with a file; `ordered` if its ids rise, as those of drawn ones do not."""

    position: int
    ordered: bool


@contextmanager
def opened(output: str | None, space: Space, start: Start | None) -> "Iterator[Writer | None]":
    """Open a file by its ending, before anything is computed, and close it whatever happens."""
    if output is None:
        yield None
        return
    kind = _KINDS.get(Path(output).suffix.lower())
    if kind is None:
        raise UsageError(f"-o {output}: rows are written to a file that ends in .csv, .jsonl or .parquet")
    try:
        writer: Writer = kind(Path(output), space, start)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{output}: cannot be written: {reason}; choose another -o") from None
    try:
        yield writer
    finally:
        writer.close()


def can_be_added_to(output: str) -> bool:
    """Tell whether a sweep can go on in the same file."""
    return Path(output).suffix.lower() != ".parquet"


def _names(space: Space) -> list[str]:
    """Return the names of the columns as a file has them: FLOPs are not called MACs."""
    names = selection.columns(space)
    return [key_in_flops(name) for name in names] if space.convention.unit == "FLOP" else [*names]


class _Lines:
    """Writes lines of text; what is added to a file follows whole rows, and repeats none."""

    def __init__(self, path: Path, space: Space, start: Start | None) -> None:
        self.names = _names(space)
        if start is not None and path.is_file():
            self._check(path, start)
        self.file = path.open("w" if start is None else "a", encoding="utf-8", newline="")
        if not self.file.tell():
            self._put(self.head())

    def head(self) -> str:
        """Return what comes before the rows."""
        return ""

    def text(self, rows: Mapping[str, Any]) -> str:
        """Return rows as lines."""
        raise NotImplementedError

    def last(self, line: str) -> str:
        """Return the id on a line."""
        raise NotImplementedError

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
        """Close the file."""
        self.file.close()

    def _check(self, path: Path, start: Start) -> None:
        """Refuse to go on behind half a row, other columns, or a candidate that would come again."""
        first, tail = _ends(path, len(self.head()))
        if not first:
            return
        if not first.startswith(self.head()):
            raise UsageError(f"-o {path}: it has other columns than {self.head().strip()}; choose another file")
        if not tail.endswith("\n"):
            raise UsageError(f"-o {path}: its last row is not whole; delete that, then go on behind the one before")
        line = tail.rstrip("\n").rpartition("\n")[2]
        id_ = self.last(line) if f"{line}\n" != self.head() else ""
        if start.ordered and id_.isdecimal() and int(id_) >= start.position:
            raise UsageError(f"-o {path}: it has candidate {id_} already; go on with --start {int(id_) + 1}")


def _ends(path: Path, length: int) -> tuple[str, str]:
    """Return how a file begins and how it ends."""
    with path.open("rb") as file:
        first = file.read(max(length, 1) * 4)
        file.seek(max(path.stat().st_size - TAIL, 0))
        return first.decode(errors="replace"), file.read().decode(errors="replace")


class _Csv(_Lines):
    """Writes CSV; what is added to a file has no header."""

    def head(self) -> str:
        return csv_header(self.names)

    def text(self, rows: Mapping[str, Any]) -> str:
        return csv_rows(selection.cells(rows))

    def last(self, line: str) -> str:
        return line.partition(",")[0]


class _JsonLines(_Lines):
    """Writes JSON, a candidate to a line."""

    def text(self, rows: Mapping[str, Any]) -> str:
        return json_lines(self.names, selection.cells(rows))

    def last(self, line: str) -> str:
        return line.removeprefix('{"id": ').partition(",")[0]


class _Parquet:
    """Writes Parquet: the columns are those of the axes, whatever the rows; a file without rows has them too."""

    def __init__(self, path: Path, space: Space, start: Start | None) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise UsageError(
                f"-o {path}: Parquet needs pyarrow; install flopcount[parquet], or write .csv or .jsonl"
            ) from None
        if start is not None and path.exists():
            raise UsageError(f"-o {path}: a Parquet file cannot be added to; write the rest to another file")
        self.arrow = pa
        kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
        columns = zip(_names(space), selection.kinds(space).values(), strict=True)
        self.schema = pa.schema([(name, kinds[kind]) for name, kind in columns])
        self.waiting: list[Any] = []
        self.file = path.open("wb")
        self.writer = parquet.ParquetWriter(self.file, self.schema)

    def write(self, rows: Mapping[str, Any]) -> None:
        """Keep rows until there are enough for a group."""
        columns = [
            self.arrow.array(map(str, values.tolist()) if field.type == self.arrow.string() else values, field.type)
            for field, values in zip(self.schema, rows.values(), strict=True)
        ]
        self.waiting.append(self.arrow.table(columns, schema=self.schema))
        if sum(each.num_rows for each in self.waiting) >= GROUP:
            self._write_group()

    def _write_group(self) -> None:
        self.writer.write_table(self.arrow.concat_tables(self.waiting))
        self.waiting = []

    def close(self) -> None:
        """Write what waits, and where everything is, without which nobody can read the file."""
        if self.waiting:
            self._write_group()
        self.writer.close()
        self.file.close()


_KINDS: Mapping[str, Any] = {".csv": _Csv, ".jsonl": _JsonLines, ".parquet": _Parquet}
