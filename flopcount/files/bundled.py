"""The networks that come with flopcount."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent

ROOT = _PACKAGE / "archs" if (_PACKAGE / "archs").is_dir() else _PACKAGE.parent / "archs"
"""The folder of bundled arch files: inside the wheel, or beside the package in a checkout."""


def bundled() -> dict[str, Path]:
    """Return the bundled arch files by name, in alphabetical order."""
    found = (path for path in ROOT.rglob("*") if path.suffix in {".toml", ".json"})
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def bundled_file(reference: str) -> Path | None:
    """Return the bundled file that a file name or a bare name stands for."""
    return next((path for name, path in bundled().items() if reference in {name, path.name}), None)
