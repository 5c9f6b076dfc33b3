"""Files of rows that a sweep writes while it runs: CSV, JSON lines or Parquet."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from flopcount.analyses.sweep import select as selection
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.table import arrow, schema, table
from flopcount.errors import FileError, UsageError, reason
from flopcount.report.cost import key_in_flops
from flopcount.report.sweep import json_lines
from flopcount.report.table import csv_rows
from flopcount.spec.text import PARTIAL

GROUP = 100_000
"""Rows per group of a Parquet file, which many groups make slow."""

LOCKED = 2**31 - 2
"""The place of the byte that is locked where files have no locks as a whole."""


class Writer(Protocol):
    """Writes rows."""

    def write(self, rows: Mapping[str, Any]) -> None:
        """Write rows, an array for each column."""

    def close(self) -> None:
        """Write nothing more."""


@contextmanager
def opened(output: str | None, space: Space) -> "Iterator[Writer | None]":
    """Open a file, by its ending, before anything is computed; it replaces an old one when all rows are written.

    Until then they are in a part beside it, which any error removes; a device has no part.
    """
    if output is None:
        yield None
        return
    kind, target = KINDS[Path(output).suffix.lower()], Path(os.path.realpath(output))
    part = target.with_name(f"{target.name}{PARTIAL}") if target.is_file() or not target.exists() else target
    if part != target and (part.is_symlink() or (part.exists() and not part.is_file())):
        raise UsageError(
            f"{part}: rows are kept there until all are written, and it is no plain file; choose another -o"
        )
    try:
        writer = kind(part, space)
    except OSError as error:
        if part != target:
            part.unlink(missing_ok=True)
        raise FileError(output, f"cannot be written: {reason(error)}; choose another -o") from None
    try:
        yield writer
        writer.close()
        if part != target:
            if target.exists():
                part.chmod(target.stat().st_mode & 0o777)
            part.replace(target)
    except BaseException:
        with suppress(Exception):  # of a file that is dropped
            writer.close()
        if part != target:
            part.unlink(missing_ok=True)
        raise


def _written(part: Path) -> BinaryIO:
    """Open an empty part that no other process writes, never through a link."""
    follows = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(part, os.O_WRONLY | os.O_APPEND | os.O_CREAT | follows, 0o666), "ab")
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):  # as Unix and Windows say it
        file.close()
        raise UsageError(f"{part}: another sweep is writing it; choose another -o") from None
    except (ImportError, OSError):  # a system, a file system or a device without locks
        pass
    if file.tell():
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


def names(space: Space) -> tuple[str, ...]:
    """Return the names of the columns as a file has them: FLOPs are not called MACs."""
    is_flops = space.convention.unit == "FLOP"
    return tuple(
        key_in_flops(name) if is_flops and name in space.metrics else name for name in selection.columns(space)
    )


class _Csv:
    """Writes CSV."""

    def __init__(self, part: Path, space: Space) -> None:
        self.names = names(space)
        self.file = TextIOWrapper(_written(part), encoding="utf-8", newline="")
        self._put(self.head())

    def head(self) -> str:
        return csv_rows([self.names])

    def text(self, rows: Mapping[str, Any]) -> str:
        return csv_rows(selection.cells(rows))

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


class _JsonLines(_Csv):
    """Writes JSON, a candidate to a line."""

    def head(self) -> str:
        return ""

    def text(self, rows: Mapping[str, Any]) -> str:
        return json_lines(self.names, selection.cells(rows))


class _Parquet:
    """Writes Parquet: the columns are those of the axes, whatever the rows; a file without rows has them too."""

    def __init__(self, part: Path, space: Space) -> None:
        self.arrow = arrow(f"-o {part.with_suffix('')}: Parquet")
        self.schema = schema(self.arrow, space, names(space))
        self.waiting: list[Any] = []
        self.file = _written(part)
        self.writer = self.arrow.parquet.ParquetWriter(self.file, self.schema)

    def write(self, rows: Mapping[str, Any]) -> None:
        """Keep rows until there are enough for a group."""
        self.waiting.append(table(self.arrow, self.schema, rows))
        if sum(each.num_rows for each in self.waiting) >= GROUP:
            self._write_group()

    def _write_group(self) -> None:
        self.writer.write_table(self.arrow.concat_tables(self.waiting))
        self.waiting = []

    def close(self) -> None:
        """Write the remaining rows and the footer, without which the file cannot be read."""
        if self.waiting:
            self._write_group()
        self.writer.close()
        self.file.close()


KINDS: Mapping[str, Any] = {".csv": _Csv, ".jsonl": _JsonLines, ".parquet": _Parquet}
"""The writer of each kind of file, by its ending."""
