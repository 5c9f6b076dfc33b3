"""One way to load a network: an arch file, or a model of another tool."""

from collections.abc import Callable, Iterable, Mapping
from os.path import isfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flopcount.errors import FileError, Refusal
from flopcount.spec.load import Setting, Spec, load_bytes, load_file, validated
from flopcount.spec.source import Source

if TYPE_CHECKING:
    from flopcount.readers.base import ReadOptions

# One function for each format: it parses a file, and returns what makes a network of it at any input.


def _onnx(path: Path) -> Any:
    from flopcount.readers.onnx.read import read

    return read(path)


def _keras_archive(path: Path) -> Any:
    from flopcount.readers.keras.read import read_archive

    return read_archive(path)


def _keras_json(path: Path) -> Any:
    from flopcount.readers.keras.read import read_json

    return read_json(path)


def _hdf5(_: Path) -> Any:
    raise Refusal("HDF5 files are not read; save the model as .keras, or write model.to_json() to a .json file")


def _darknet(path: Path) -> Any:
    from flopcount.readers.darknet import read

    return read(path)


def _caffe(path: Path) -> Any:
    from flopcount.readers.caffe import read

    return read(path)


def _scale_sim(path: Path) -> Any:
    from flopcount.readers.scale_sim import read

    return read(path)


READERS: Mapping[str, Callable[[Path], Any]] = {
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


def load(
    path: Path,
    title: str = "",
    request: "ReadOptions | None" = None,
    settings: Iterable[Setting] = (),
    variant: str | None = None,
) -> Spec:
    """Load an arch file or a model of another tool; `title` names it in messages."""
    title = title or str(path)
    if not is_foreign(path):
        return load_file(path, title, settings, variant)
    from flopcount.readers.base import ImportProblem, ReadOptions

    options = request or ReadOptions()
    try:
        result = READERS[path.suffix.lower()](path)(options)
    except Refusal as error:
        raise error.of(title) from None
    except ImportProblem as error:
        raise FileError(title, *error.problems) from None
    return _specified(result, options, title, settings, variant)


def _specified(
    result: Any, options: "ReadOptions", title: str, settings: Iterable[Setting], variant: str | None
) -> Spec:
    from flopcount.readers.base import ReadResult
    from flopcount.readers.nest import document

    if isinstance(result, ReadResult):
        spec = validated(Source(title, "", "toml", document(result)), settings, variant)
        notes, sized = tuple(map(str, result.notes)), result.sized or "=" in (options.input or "")
        return spec._replace(notes=notes, unknown=result.unknown, sized=sized, batch=result.batch, foreign=True)
    spec = validated(Source(title, "", "toml", result.data), settings, variant)
    return spec._replace(notes=result.notes, unknown=result.unknown, sized=result.sized, foreign=True)


def load_content(
    content: bytes,
    title: str,
    request: "ReadOptions | None" = None,
    settings: Iterable[Setting] = (),
    variant: str | None = None,
) -> Spec:
    """Load an arch file or a model from the content of a file that is not on disk."""
    name = Path(title.rpartition(":")[2]).name
    if not is_foreign(Path(name), content):
        return load_bytes(content, None, settings, variant, title)
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return load(path, title, request, settings, variant)
