"""The files of a project: its configuration, and its lock file.

A lock file has one row per network, so that a diff shows each increase. A configuration that is found, not
named, is one of the user's own, and reaches no file outside its folder.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from os.path import relpath
from pathlib import Path
from stat import S_ISDIR, S_IWGRP, S_IWOTH
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from flopcount.errors import FileError, Place, Problem, plain
from flopcount.spec.budget import Configuration, LockFile, LockRow
from flopcount.spec.fields import shown
from flopcount.spec.problems import table_problems
from flopcount.spec.source import Source, at_line, located
from flopcount.spec.text import PARTIAL, READ, decoded, parsed, read_bytes, read_text, root_of
from flopcount.spec.units import LOCKED
from flopcount.spec.write import to_value

NAMES = ("flopcount.toml", "pyproject.toml")
"""File names of a configuration; the first that exists is used."""


def title_of(path: Path, folder: Path) -> str:
    """Return the name of a file relative to a folder, with forward slashes."""
    try:
        return Path(relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


class Config(NamedTuple):
    """A configuration and its source; `prefix` is its place in the file, `is_named` tells that the user named it."""

    model: Configuration
    source: Source
    folder: Path
    prefix: Place = ()
    is_named: bool = False


def found(start: Path) -> Config | None:
    """Return the configuration of a folder, or of the nearest folder above it that has one."""
    for path in (folder / name for folder in _folders(start) for name in NAMES):
        config = _config_read(path, title := title_of(path, start)) if path.is_file() else None
        if config is not None:
            reason = next(filter(None, map(_distrusted, (path, path.parent, path.resolve().parent))), "")
            if reason:
                raise FileError(title, f"not used: {reason}; if you trust it, give --config {title}")
            return config
    return None


def _folders(start: Path) -> Iterator[Path]:
    """Yield the folders that may have the configuration of a folder.

    They end at the top of the repository, at the home of the user, or where the user's own folders end.
    """
    ends = {root_of(start), Path(os.path.expanduser("~")).resolve()}  # noqa: PTH111  (no error without a home)
    for folder in (start, *start.parents):
        yield folder
        if folder in ends or (_distrusted(folder.parent) and not _distrusted(folder)):
            return


def _distrusted(path: Path) -> str:
    """Say why a file or folder is not the user's own; empty if it is, or if the system cannot tell."""
    if not hasattr(os, "geteuid"):
        return ""
    try:
        about = path.stat()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    what = "the folder" if S_ISDIR(about.st_mode) else "the file"
    if about.st_uid not in {0, os.geteuid()}:
        return f"{what} belongs to another user"
    shared = about.st_mode & (S_IWOTH if about.st_gid == os.getegid() else S_IWOTH | S_IWGRP)
    return f"other users may write {what}" if shared else ""


def read(path: Path) -> Config:
    """Read a configuration from a file of any name."""
    if not path.exists():
        raise FileError(str(path), "no such file; --config names a flopcount.toml or a pyproject.toml")
    config = _config_read(path, str(path))
    if config is None:
        raise FileError(str(path), "it has no [tool.flopcount]")
    return config._replace(is_named=True)


def _config_read(path: Path, title: str) -> Config | None:
    """Read a configuration; None if a pyproject.toml has none. `title` is its name in messages."""
    prefix: Place = ("tool", "flopcount") if path.name == "pyproject.toml" else ()
    content = read_bytes(path, title)
    if prefix and b"flopcount" not in content:
        return None
    source = parsed(decoded(content, title) if content.strip() else "", "toml", title)
    data: Any = source.data
    for key in prefix:
        data = data.get(key) if isinstance(data, Mapping) else None
    if data is None:
        return None
    return Config(_validated(Configuration, data, source, prefix), source, path.parent.resolve(), prefix)


def _validated(model: type[BaseModel], data: Any, source: Source, prefix: Place = ()) -> Any:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise located(table_problems(error, model, data, prefix), source) from None


def matching(folder: Path, patterns: Iterable[str]) -> dict[str, list[Path]]:
    """Return the files that each pattern matches in a folder, in alphabetical order."""
    return {pattern: _matches(folder, pattern) for pattern in patterns}


def reached(config: Config, patterns: Iterable[tuple[Place, str]]) -> dict[str, list[Path]]:
    """Return the files that each pattern of a configuration matches; refuse those outside its folder."""
    patterns = [*patterns]
    _check_inside(config, ((place, pattern, _entered(config.folder, pattern)) for place, pattern in patterns))
    known = matching(config.folder, (pattern for _, pattern in patterns))
    _check_inside(config, ((place, pattern, known[pattern]) for place, pattern in patterns))
    return known


def lock_of(config: Config) -> Path:
    """Return the lock file of a configuration; refuse one outside its folder."""
    name = config.model.lock
    _check_inside(config, [(("lock",), name, [config.folder / name])])
    return config.folder / name


def _check_inside(config: Config, paths: Iterable[tuple[Place, str, Iterable[Path]]]) -> None:
    """Refuse what a configuration writes at a place if it stands for a path outside, unless the user named it."""
    strays = (
        (place, text, next((path for path in paths if not is_inside(path, config.folder)), None))
        for place, text, paths in (() if config.is_named else paths)
    )
    problems = [
        Problem((*config.prefix, *place), f"{shown(text)}: {plain(title_of(stray, config.folder))} {_OUTSIDE}")
        for place, text, stray in strays
        if stray
    ]
    if problems:
        raise located(problems, config.source)


def is_inside(path: Path, folder: Path) -> bool:
    """Tell whether a path is below a folder once links are followed; one that no system can hold leads nowhere."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(folder)
    except ValueError:
        return True


_OUTSIDE = "leads out of the folder of this configuration; name the files or --config on the command line"


def _entered(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the folders that are entered to match a pattern, each before what is in it; ** enters no links."""
    parts = Path(pattern).parts
    start = next((at for at, part in enumerate(parts) if {"*", "?", "["} & {*part}), len(parts))
    yield folder.parent if ".." in parts[start:] else folder.joinpath(*parts[:start])
    for end in range(start + 1, len(parts)):
        if parts[end - 1] != "**":
            yield from _hits(folder, str(Path(*parts[:end])))


ENDINGS = tuple(each for each in READ if each != ".csv")
"""The endings of networks in a folder."""


def files_at(folder: Path, name: str) -> list[Path]:
    """Return the files that a name stands for: a path, a folder with all networks in it, or a pattern."""
    path = folder / name
    if not name or path.is_file():
        return [path] if name else []
    return networks_in(path) if path.is_dir() else _matches(folder, name)


def no_file(name: str) -> str:
    """Say that a name stands for no file."""
    from flopcount.spec.load import bundled

    if name in bundled():
        return f"limits are for files; flopcount import {name} -o {name}.json writes the bundled network to one"
    return "no such file, and no file matches it as a pattern; check the path"


_APART = (".git", "pyvenv.cfg")
"""What the top of another repository or of a Python environment contains."""


def networks_in(folder: Path) -> list[Path]:
    """Return the files below a folder that end like networks, except hidden ones and those of what stands apart."""
    hits = [path for path in _matches(folder, "**/*") if path.suffix.lower() in ENDINGS]
    inside = {path: path.relative_to(folder).parts for path in hits}
    tops = {folder.joinpath(*parts[:end]) for parts in inside.values() for end in range(1, len(parts))}
    apart = {top for top in tops if top.name.startswith(".") or any((top / mark).exists() for mark in _APART)}
    return [path for path in hits if not path.name.startswith(".") and apart.isdisjoint(path.parents)]


def _matches(folder: Path, pattern: str) -> list[Path]:
    hits = (path for path in _hits(folder, pattern) if path.name not in NAMES and path.suffix != PARTIAL)
    return sorted(path for path in hits if path.is_file())


def _hits(folder: Path, pattern: str) -> list[Path]:
    anchor = Path(pattern).anchor
    try:
        return [*(Path(anchor) if anchor else folder).glob(pattern.removeprefix(anchor))]
    except (ValueError, NotImplementedError, IndexError, OSError):
        return []


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


def read_lock(path: Path, title: str) -> Lock:
    """Read a lock file; a missing one has no rows."""
    if not path.exists() and not path.is_symlink():
        return Lock(())
    if path.is_file() and not path.stat().st_size:
        raise FileError(title, "the file is empty; remove it, then run flopcount lock")
    source = _source(read_text(path, title), title)
    rows = _validated(LockFile, source.data, source).networks
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
    if conflict := _CONFLICT.search(text):
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
    names = ("id", "input", *LOCKED, "hash", "notes", "allowed")
    pairs = ([(name, getattr(row, name)) for name in names] for row in sorted(rows, key=lambda row: row.id))
    lines = [f"  {to_value({name: value for name, value in row if value not in ((), None)})},\n" for row in pairs]
    return f"{HEAD}version = {VERSION}\nnetworks = [\n{''.join(lines)}]\n"
