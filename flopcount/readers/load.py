"""How a file is read at any point: an arch file, or a model of another tool."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from os.path import isfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flopcount.errors import Refusal, UsageError
from flopcount.formulas.shape import render
from flopcount.network.network import MOST_READ_AGAIN, NOWHERE, Where, planned
from flopcount.network.plan import Plan
from flopcount.spec.load import Spec, source_in, specified, validated
from flopcount.spec.source import Source
from flopcount.spec.text import foreign, read_bytes

if TYPE_CHECKING:
    from flopcount.readers.base import Build, ReadResult


Parser = Callable[[Path], "Build"]
"""Parses a file, and returns what makes a network of it at any input."""

_SNIFFED = 4096
"""The number of bytes of a JSON file that tell whether it is a Keras model."""

_MARKS = (b"class_name", b"modelTopology")
"""Words that a Keras model has in front, or one for TensorFlow.js."""


def _parser(suffix: str) -> Parser | None:
    """Return the parser of the files with an ending; a .json file may be an arch file too."""
    if suffix == ".onnx":
        from flopcount.readers.onnx.read import read
    elif suffix == ".keras":
        from flopcount.readers.keras.read import read_archive as read
    elif suffix == ".json":
        from flopcount.readers.keras.read import read_json as read
    elif suffix in {".h5", ".hdf5"}:
        from flopcount.readers.keras.hdf5 import read_hdf5 as read
    elif suffix == ".cfg":
        from flopcount.readers.darknet import read
    elif suffix == ".prototxt":
        from flopcount.readers.caffe.read import read
    elif suffix == ".pt2":
        from flopcount.readers.pt2.read import read
    elif suffix == ".tflite":
        from flopcount.readers.tflite.read import read
    elif suffix == ".csv":
        from flopcount.readers.scale_sim import read
    else:
        return None
    return read


def parser_of(path: Path, content: bytes | None = None) -> Parser | None:
    """Return the parser of a file of another tool, by its ending, JSON by its first bytes; None for other files."""
    suffix = path.suffix.lower()
    if content is None and not isfile(path):  # noqa: PTH113  (answers to any word)
        return None
    if suffix == ".json":
        beginning = _beginning(path) if content is None else content[:_SNIFFED]
        if not any(mark in beginning for mark in _MARKS):
            return None
    return _parser(suffix)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SNIFFED)
    except OSError:
        return b""


_SIZES = "the file can be counted at {}; for another size, export it at that size or with open sizes"
_LIVE = "it can be counted at {}; for another size, capture it at that size, or name the size in dynamic"
"""The hints where a size is fixed: in a file, and in a module that was captured."""


class Reading:
    """How a file is read at any point: `title` names it in messages, `content` is that of a file not on disk.

    What is no file at all has its own `parser`.
    """

    def __init__(
        self,
        path: Path,
        title: str = "",
        *,
        content: bytes | None = None,
        allow_unknown: bool = False,
        parser: Parser | None = None,
    ) -> None:
        self.path, self.title = path, title or str(path)
        self.content, self.allow_unknown, self._parser = content, allow_unknown, parser
        self._build: Build | None = None
        self._source: Source | None = None
        self._own: str | None = None

    def __call__(self, where: Where) -> Plan:
        """Read the file: an arch file, or a model at an input."""
        parser = self._parser or parser_of(self.path, self.content)
        if parser is None:
            return planned(self._arch(where))
        from flopcount.readers.base import ReadOptions

        try:
            result = self._parsed(parser)(ReadOptions(where.input, where.batch, self.allow_unknown, where.values))
        except Refusal as error:
            other = foreign(str(self.path), self.content or b"")
            raise other or self._hinted(error, where, parser).of(self.title) from error
        if len(result.nodes) > MOST_READ_AGAIN:  # what was parsed is as large as the network, and not needed again
            self._build = None
        if where.variant or where.settings:
            return planned(_spec(result, self.title, where))._replace(sized=True, batch=result.batch)
        return Plan(**result._asdict(), file=cache(partial(_spec, result, self.title)), sized=True)

    def _hinted(self, error: Refusal, where: Where, parser: Parser) -> Refusal:
        """Return a refusal at another input with the sizes of the file, if it can be read at these."""
        if where.input and self._own is None:
            with suppress(Refusal, UsageError):
                from flopcount.readers.base import ReadOptions

                own = self._parsed(parser)(ReadOptions(None, where.batch, self.allow_unknown, where.values))
                self._own = " and ".join(map(render, own.inputs.values()))
        if not (where.input and self._own):
            return error
        hint = (_SIZES if self._parser is None else _LIVE).format(self._own)
        return Refusal(f"{error.what}; {hint}", error.node, error.operator, error.line)

    def _arch(self, where: Where) -> Spec:
        if self._source is None:
            content = read_bytes(self.path, self.title) if self.content is None else self.content
            self._source = source_in(content, self.title)
        return specified(self._source, where.settings, where.variant)

    def _parsed(self, parser: Parser) -> "Build":
        if self._build is None and self.content is None:
            self._build = parser(self.path)
        elif self._build is None:
            with TemporaryDirectory() as folder:
                path = Path(folder, self.path.name)
                path.write_bytes(self.content or b"")
                self._build = parser(path)
        return self._build


def _spec(result: "ReadResult", title: str, where: Where = NOWHERE) -> Spec:
    """Return a model as an arch file, with settings."""
    from flopcount.readers.nest import document

    source = Source(title, "", "toml", document(result))
    return validated(source, where.settings, where.variant)._replace(foreign=True)
