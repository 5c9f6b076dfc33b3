"""How a file is read at any point: an arch file, or a model of another tool."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from os.path import isfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flopcount.errors import Refusal
from flopcount.network.network import NOWHERE, Where, planned
from flopcount.network.plan import Plan
from flopcount.spec.load import Spec, load_bytes, load_file, validated
from flopcount.spec.source import Source

if TYPE_CHECKING:
    from flopcount.readers.base import Build, ReadOptions, ReadResult

# One function for each format: it parses a file, and returns what makes a network of it at any input.


def _onnx(path: Path) -> "Build":
    from flopcount.readers.onnx.read import read

    return read(path)


def _keras_archive(path: Path) -> "Build":
    from flopcount.readers.keras.read import read_archive

    return read_archive(path)


def _keras_json(path: Path) -> "Build":
    from flopcount.readers.keras.read import read_json

    return read_json(path)


def _hdf5(_: Path) -> "Build":
    raise Refusal("HDF5 files are not read; save the model as .keras, or write model.to_json() to a .json file")


def _darknet(path: Path) -> "Build":
    from flopcount.readers.darknet import read

    return read(path)


def _caffe(path: Path) -> "Build":
    from flopcount.readers.caffe import read

    return read(path)


def _scale_sim(path: Path) -> "Build":
    from flopcount.readers.scale_sim import read

    return read(path)


READERS: Mapping[str, Callable[[Path], "Build"]] = {
    ".onnx": _onnx,
    ".keras": _keras_archive,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".json": _keras_json,
    ".cfg": _darknet,
    ".prototxt": _caffe,
    ".csv": _scale_sim,
}
"""The reader of each ending; a .json file may be an arch file too."""

_SNIFFED = 4096
"""The number of bytes of a JSON file that tell whether it is a Keras model."""


def is_foreign(path: Path, content: bytes | None = None) -> bool:
    """Tell whether a file is one of another tool: by its ending, JSON by its first bytes."""
    suffix = path.suffix.lower()
    if suffix not in READERS or (content is None and not isfile(path)):  # noqa: PTH113  (answers to any word)
        return False
    return suffix != ".json" or b"class_name" in (_beginning(path) if content is None else content[:_SNIFFED])


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SNIFFED)
    except OSError:
        return b""


class Reading:
    """How a file is read at any point; the content of a model is parsed once.

    `title` names the file in messages; `content` is that of a file that is not on disk.
    """

    def __init__(
        self, path: Path, title: str = "", *, content: bytes | None = None, allow_unknown: bool = False
    ) -> None:
        """Keep how the file is read; nothing is read yet."""
        self.path, self.title = path, title or str(path)
        self.content, self.allow_unknown = content, allow_unknown

    def __call__(self, where: Where) -> Plan:
        """Read the file: an arch file, or a model at an input."""
        if not is_foreign(self.path, self.content):
            return planned(self._arch(where))
        from flopcount.readers.base import ReadOptions

        try:
            result = self._result(ReadOptions(where.input, where.batch, self.allow_unknown))
        except Refusal as error:
            raise error.of(self.title) from error
        if where.variant or where.settings:
            return planned(_spec(result, self.title, where))._replace(sized=True, batch=result.batch)
        return Plan(
            result.nodes,
            result.inputs,
            name=result.name,
            description=result.description,
            notes=result.notes,
            unknown=result.unknown,
            file=cache(partial(_spec, result, self.title)),
            sized=True,
            batch=result.batch,
            fixed_by=result.fixed_by,
        )

    def _arch(self, where: Where) -> Spec:
        if self.content is None:
            return load_file(self.path, self.title, where.settings, where.variant)
        return load_bytes(self.content, None, where.settings, where.variant, self.title)

    def _result(self, options: "ReadOptions") -> "ReadResult":
        if self.content is None:
            return self._build(options)
        with TemporaryDirectory() as folder:
            path = Path(folder, self.path.name)
            path.write_bytes(self.content)
            return READERS[path.suffix.lower()](path)(options)

    @cached_property
    def _build(self) -> "Build":
        return READERS[self.path.suffix.lower()](self.path)


def _spec(result: "ReadResult", title: str, where: Where = NOWHERE) -> Spec:
    """Return a model as an arch file, with settings."""
    from flopcount.readers.nest import document

    source = Source(title, "", "toml", document(result))
    return validated(source, where.settings, where.variant)._replace(foreign=True)
