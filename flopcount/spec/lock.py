"""The lock file: the cost of every network, one row per line, so that a diff shows each increase."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from flopcount.errors import FileError, Problem
from flopcount.spec.budget import LockFile, LockRow
from flopcount.spec.positions import located
from flopcount.spec.problems import table_problems
from flopcount.spec.source import Source, at_line
from flopcount.spec.text import parsed, read_text
from flopcount.spec.units import DEFAULT_METRICS
from flopcount.spec.write import to_value

VERSION = 1
"""The version that is written, and the latest that is read."""

HEAD = """\
# What the networks of this project cost. Written by flopcount lock, checked by flopcount lock --check.
"""

_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |\r?$)", re.MULTILINE)


class Lock(NamedTuple):
    """The rows of a lock file in order, and its source; None if there is no file."""

    rows: tuple[LockRow, ...]
    source: Source | None = None

    def wrong(self, problems: Iterable[Problem]) -> FileError:
        """Return problems as an error of the file."""
        return located(problems, self.source) if self.source else FileError("flopcount.lock", "no such file")


def read_lock(path: Path, title: str) -> Lock:
    """Read a lock file; a missing one has no rows."""
    if not path.exists() and not path.is_symlink():
        return Lock(())
    if path.is_file() and not path.stat().st_size:
        raise FileError(title, "the file is empty; remove it, then run flopcount lock")
    source = _source(read_text(path, title), title)
    try:
        rows = LockFile.model_validate(source.data).networks
    except ValidationError as error:
        raise located(table_problems(error, LockFile, source.data), source) from None
    first: dict[str, int] = {}
    problems = [
        Problem(("networks", index), f"duplicate row {row.id}; remove one of the two, then run flopcount lock")
        for index, row in enumerate(rows)
        if first.setdefault(row.id, index) != index
    ]
    if problems:
        raise located(problems, source)
    return Lock(rows, source)


def _source(text: str, title: str) -> Source:
    """Parse a lock file; refuse merge conflicts and later versions."""
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        what = "unresolved merge conflict; keep either side, then run flopcount lock"
        raise FileError(title, at_line(text, line, 1, what, 7))
    source = parsed(text, "toml", title)
    version = source.data.get("version")
    if isinstance(version, int) and version > VERSION:
        what = f"version {version} is of a later flopcount; this one reads up to {VERSION}; upgrade it"
        raise located([Problem(("version",), what)], source)
    return source


def written(rows: Iterable[LockRow]) -> str:
    """Write a lock file: its rows sorted by id, one per line."""
    names = ("id", "input", *DEFAULT_METRICS, "hash", "notes", "allowed")
    pairs = ([(name, getattr(row, name)) for name in names] for row in sorted(rows, key=lambda row: row.id))
    lines = [f"  {to_value({name: value for name, value in row if value != ()})},\n" for row in pairs]
    return f"{HEAD}version = {VERSION}\nnetworks = [\n{''.join(lines)}]\n"
