"""Files of other tools: which there are, and the one way they are read.

A reader turns a file into the data of an arch file, as TOML would give it, which
then is validated and counted like any other. It never loads weights.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import FileError, plain

READERS: Mapping[str, str] = {
    ".onnx": "onnx.reading.read",
    ".keras": "keras.reading.read_archive",
    ".h5": "keras.reading.refuse_weights",
    ".hdf5": "keras.reading.refuse_weights",
    ".json": "keras.reading.read",
    ".cfg": "darknet.reading.read",
    ".prototxt": "caffe.reading.read",
    ".csv": "scale_sim.read",
}
"""Which function reads files of an ending: module and name in this package."""

_SNIFFED = 4096
"""So much of a JSON file tells whether it is a model of Keras."""


class Request(NamedTuple):
    """What the command line says about a file that is read: sizes of its inputs, and what to do with the unknown."""

    size: str | None = None
    batch: int | None = None
    allow_unknown: bool = False


class Imported(NamedTuple):
    """The data of an arch file, and what has to be said about it.

    `unknown` are operators that were left out, each with how often it occurs;
    `sized` says that the sizes that were asked for are in the data already.
    """

    data: dict[str, Any]
    notes: tuple[str, ...] = ()
    unknown: Mapping[str, int] = {}
    sized: bool = False


Reader = Callable[[Path, Request], Imported]


def is_foreign(path: Path) -> bool:
    """Tell whether a file is one of another tool: by its ending, JSON by its beginning."""
    suffix = path.suffix.lower()
    return suffix in READERS and (suffix != ".json" or _is_keras(path))


def imported(path: Path, request: Request) -> Imported:
    """Read a file of another tool."""
    module, _, name = READERS[path.suffix.lower()].rpartition(".")
    reader: Reader = getattr(import_module(f"flopcount.importers.{module}"), name)
    return reader(path, request)


def _is_keras(path: Path) -> bool:
    """Tell a model of Keras from an arch file, which has no class_name."""
    try:
        with path.open("rb") as file:
            return b"class_name" in file.read(_SNIFFED)
    except OSError:
        return False


class ImportProblem(FileError):
    """A foreign file cannot be read: the file, the node and its operator where there is one, and what is wrong."""

    def __init__(self, path: Path, what: str, node: str = "", operator: str = "") -> None:
        """Put the sentence together; there are no lines to point at."""
        inside = plain(f"{node} ({operator})" if node and operator else node or operator)
        super().__init__(f"{path}: {inside}: {plain(what)}" if inside else f"{path}: {plain(what)}")


MOST_LISTED = 20
"""More unknown operators than this are counted, not listed."""


def listed(counts: Mapping[str, int]) -> str:
    """List what is unknown, each with how often it occurs."""
    shown = [f"{name} ({times}×)" if times > 1 else name for name, times in sorted(counts.items())]
    more = len(shown) - MOST_LISTED
    return ", ".join([*shown[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])


def unknown_problem(path: Path, what: str, counts: Mapping[str, int]) -> ImportProblem:
    """Refuse a file because of what is unknown in it, all of it at once."""
    way_out = "a count with --allow-unknown leaves them out, as a total of at least so much"
    return ImportProblem(path, f"{what} that flopcount does not know: {listed(counts)}; {way_out}")


class Names:
    """Names that are taken, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Begin with some that are taken."""
        self.taken = {*taken}
        self.numbers: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """Take a name: with a number behind it, if it is taken already."""
        found, number = name, self.numbers.get(name, 1)
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.numbers[name] = number
        self.taken.add(found)
        return found


def unique(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken."""
    return Names(taken).fresh(name)
