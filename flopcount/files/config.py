"""The project's configuration: flopcount.toml, or tool.flopcount in pyproject.toml, found upwards from a folder."""

from collections.abc import Iterable, Mapping
from os.path import relpath
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.errors import FileError, Place, Problem
from flopcount.files.source import Source
from flopcount.files.specs import pointed
from flopcount.files.texts import parsed, read_text
from flopcount.schema.budget import Configuration
from flopcount.schema.table_problems import table_problems

NAMES = ("flopcount.toml", "pyproject.toml")
"""What a configuration is called; the first that is there is used."""


class Config(NamedTuple):
    """A configuration with the text it came from; `prefix` is where in that text it stands."""

    model: Configuration
    source: Source
    folder: Path
    prefix: Place = ()

    @property
    def title(self) -> str:
        """The name of its file."""
        return Path(self.source.title).name

    def wrong(self, place: Place, what: str) -> FileError:
        """Return the error that points at a place in the configuration."""
        return FileError(pointed([Problem((*self.prefix, *place), what)], self.source, {}))


def found(start: Path) -> Config | None:
    """Return the nearest configuration in a folder or above it; None if there is none."""
    for folder in (start, *start.parents):
        for name in NAMES:
            path = folder / name
            config = _read(path, Path(relpath(path, start)).as_posix()) if path.is_file() else None
            if config is not None:
                return config
    return None


def read(path: Path) -> Config:
    """Read the configuration in a file of any name."""
    if not path.is_file():
        raise FileError(f"{path}: no such file; --config names a flopcount.toml or a pyproject.toml")
    config = _read(path, str(path))
    if config is None:
        raise FileError(f"{path}: there is no [tool.flopcount] in it")
    return config


def _read(path: Path, title: str) -> Config | None:
    """Read a configuration, called `title` in messages; None where a pyproject.toml has nothing for flopcount."""
    prefix: Place = ("tool", "flopcount") if path.name == "pyproject.toml" else ()
    content = _content(path)
    if prefix and content is not None and b"flopcount" not in content:
        return None
    is_empty = content is not None and not content.strip()
    source = Source(title, "", "toml", {}) if is_empty else parsed(read_text(path, title), "toml", title)
    data: Any = source.data
    for key in prefix:
        data = data.get(key) if isinstance(data, Mapping) else None
    if data is None:
        return None
    try:
        return Config(Configuration.model_validate(data), source, path.parent.resolve(), prefix)
    except ValidationError as error:
        raise FileError(pointed(table_problems(error, Configuration, data, prefix), source, {})) from None


def _content(path: Path) -> bytes | None:
    """Return what is in a file, in whatever encoding; None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def matching(folder: Path, patterns: Iterable[str]) -> dict[str, list[Path]]:
    """Return the files each pattern matches, from a folder, in alphabetical order; links are not followed."""
    return {pattern: _matches(folder, pattern) for pattern in patterns}


def _matches(folder: Path, pattern: str) -> list[Path]:
    try:
        hits = [*folder.glob(pattern)] if not Path(pattern).is_absolute() else [*_absolute(pattern)]
    except (ValueError, NotImplementedError, IndexError, OSError):
        return []
    return sorted(path for path in hits if path.is_file() and path.name not in NAMES)


def _absolute(pattern: str) -> Iterable[Path]:
    root = Path(pattern).anchor
    return Path(root).glob(pattern.removeprefix(root))
