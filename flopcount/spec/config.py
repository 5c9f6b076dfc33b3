"""The configuration of a project: flopcount.toml, or tool.flopcount in pyproject.toml."""

from collections.abc import Iterable, Mapping
from os.path import relpath
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.errors import FileError, Place, Problem
from flopcount.spec.budget import Configuration
from flopcount.spec.positions import located
from flopcount.spec.problems import table_problems
from flopcount.spec.source import Source
from flopcount.spec.text import decoded, parsed, read_bytes

NAMES = ("flopcount.toml", "pyproject.toml")
"""File names of a configuration; the first that exists is used."""


class Config(NamedTuple):
    """A configuration and its source; `prefix` is its place in the file."""

    model: Configuration
    source: Source
    folder: Path
    prefix: Place = ()

    @property
    def title(self) -> str:
        """The name of its file."""
        return Path(self.source.title).name

    def wrong(self, place: Place, what: str) -> FileError:
        """Return an error at a place in the configuration."""
        return located([Problem((*self.prefix, *place), what)], self.source)


def found(start: Path) -> Config | None:
    """Return the configuration of a folder, or of the nearest folder above it that has one."""
    paths = (folder / name for folder in (start, *start.parents) for name in NAMES)
    configs = (_config_read(path, Path(relpath(path, start)).as_posix()) for path in paths if path.is_file())
    return next((config for config in configs if config is not None), None)


def read(path: Path) -> Config:
    """Read a configuration from a file of any name."""
    if not path.is_file():
        raise FileError(str(path), "no such file; --config names a flopcount.toml or a pyproject.toml")
    config = _config_read(path, str(path))
    if config is None:
        raise FileError(str(path), "it has no [tool.flopcount]")
    return config


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
    try:
        return Config(Configuration.model_validate(data), source, path.parent.resolve(), prefix)
    except ValidationError as error:
        raise located(table_problems(error, Configuration, data, prefix), source) from None


def matching(folder: Path, patterns: Iterable[str]) -> dict[str, list[Path]]:
    """Return the files that each pattern matches in a folder, in alphabetical order."""
    return {pattern: _matches(folder, pattern) for pattern in patterns}


def _matches(folder: Path, pattern: str) -> list[Path]:
    anchor = Path(pattern).anchor
    try:
        hits = [*(Path(anchor) if anchor else folder).glob(pattern.removeprefix(anchor))]
    except (ValueError, NotImplementedError, IndexError, OSError):
        return []
    return sorted(path for path in hits if path.is_file() and path.name not in NAMES)
