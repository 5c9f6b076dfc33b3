"""The networks that come with flopcount."""

import re
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).parent.parent

ROOT = _PACKAGE / "archs" if (_PACKAGE / "archs").is_dir() else _PACKAGE.parent / "archs"
"""The folder of bundled arch files: inside the wheel, or beside the package in a checkout."""

_VARIANT = re.compile(r'^\[variants\.(?:"([^"]+)"|([A-Za-z0-9_-]+))\]', re.MULTILINE)


class Bundled(NamedTuple):
    """A network that comes along: its file, and which of the file's variants it is, if one."""

    path: Path
    variant: str | None = None


def files() -> dict[str, Path]:
    """Return the bundled arch files by file name without its ending, in alphabetical order."""
    found = (path for path in ROOT.rglob("*") if path.suffix in {".toml", ".json"})
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def bundled() -> dict[str, Bundled]:
    """Return every bundled network by name, in alphabetical order; variants have names of their own."""
    found: dict[str, Bundled] = {}
    for name, path in files().items():
        found[name] = Bundled(path)
        for quoted, bare in _VARIANT.findall(path.read_text(encoding="utf-8")):
            found[quoted or bare] = Bundled(path, quoted or bare)
    return dict(sorted(found.items()))


def bundled_network(reference: str) -> Bundled | None:
    """Return what a file name or the name of a network stands for; files are opened only if need be."""
    for name, path in files().items():
        if reference in {name, path.name}:
            return Bundled(path)
    return bundled().get(reference)
