"""One way to load a network: an arch file, or a model of another tool."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from flopcount.errors import FileError
from flopcount.readers.base import READERS, ImportProblem, Request, imported, is_foreign
from flopcount.spec.load import Setting, Spec, load_file, load_text, validated
from flopcount.spec.source import Source

PLAIN = Request()
"""Nothing asked for beyond the file."""


def load(
    path: Path,
    title: str = "",
    request: Request = PLAIN,
    settings: Iterable[Setting] = (),
    variant: str | None = None,
) -> Spec:
    """Load an arch file or a model of another tool; `title` is what it is called in messages."""
    title = title or str(path)
    if not is_foreign(path):
        return load_file(path, title, settings, variant)
    try:
        found = imported(path, request)
    except ImportProblem as error:
        raise FileError(title, *error.problems) from None
    spec = validated(Source(title, "", "toml", found.data), settings, variant)
    return spec._replace(notes=found.notes, unknown=found.unknown, sized=found.sized, foreign=True)


def load_content(
    content: bytes,
    title: str,
    request: Request = PLAIN,
    settings: Iterable[Setting] = (),
    variant: str | None = None,
) -> Spec:
    """Load an arch file or a model from the bytes of a file that is not there, or not any more."""
    name = Path(title.rpartition(":")[2]).name
    if Path(name).suffix.lower() not in READERS:
        return load_text(content, title, settings, variant)
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return load(path, title, request, settings, variant)
