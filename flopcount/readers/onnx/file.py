"""ONNX files: the protocol buffer wire format, and the model it holds, with the field numbers of onnx.proto.

Messages are skipped by their length, weights never read. The file is read through a small window,
since the pages of a mapped file would count as memory of the process.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from stat import S_ISREG
from struct import calcsize, unpack_from
from typing import Any, NamedTuple

from flopcount.errors import Refusal, reason
from flopcount.readers.base import FileBuffer

MOST_NODES = MOST_VALUES = 100_000
"""The most nodes of a graph, functions expanded, and the most elements of a tensor whose values are read."""

MOST_OPENED = 4096
"""The most elements of a tensor that are read from another file."""

LIST = -1
"""Stands for the element type of what is no tensor."""

DEEPEST = 16
"""The most levels of functions and graphs inside each other."""

BITS: Mapping[int, int] = {
    **dict.fromkeys((2, 3, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((7, 11, 13), 64),
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
}
"""The bits of an element by its type, if they are not 32."""

FLOATS = frozenset((1, 10, 11, 16, 17, 18, 19, 20, 23))
"""The floating-point element types."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MORE, _LONGEST = 128, 10
"""The bit of a byte that another of the same varint follows, and the most bytes of a varint."""
_GRAPH = 5
"""The type of an attribute that is a graph."""
_SIZES = frozenset((6, 7, 12, 13))
"""The element types of sizes: integers of 32 and 64 bits."""
_SMALL = 2**13
"""Messages of at most this many bytes are read in one piece; a window of the file has at least as many."""
_FORMATS = dict(zip((1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13), "fBbHhiq?edIQ", strict=True))
"""The `struct` format of each element type."""


class NodeProto(NamedTuple):
    """One operation of a graph: its operator, inputs, outputs and attributes.

    One that is written in the name of an operator of another format has the name of that as its `label`, and may have
    a `place`, a file and a line.
    """

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    label: str = ""
    place: tuple[str, int] | None = None

    @property
    def operator(self) -> str:
        """The operator, with its domain unless it is the standard one."""
        return self.op if self.domain in {"", "ai.onnx"} else f"{self.domain}.{self.op}"

    @property
    def shown(self) -> str:
        """The operator, for messages."""
        return self.label or self.operator

    @property
    def title(self) -> str:
        """The name for messages: that of the node, or of its first output."""
        return self.name or (self.outputs[0] if self.outputs else "")

    @property
    def reads(self) -> tuple[str, ...]:
        """The names that it reads: its inputs, and what its graphs take from around them."""
        inner = (value.captured for value in self.attributes.values() if isinstance(value, GraphProto))
        return (*self.inputs, *(name for names in inner for name in names))


class ByteSpan(NamedTuple):
    """A span of a buffer: a message, a string or packed numbers."""

    buffer: FileBuffer | bytes
    start: int
    end: int

    def fields(self) -> "Iterator[tuple[int, int | ByteSpan]]":
        """Yield the number and value of each field: an int for a varint, else a span."""
        buffer, at, end = self.buffer, self.start, self.end
        while at < end:
            key = buffer[at]
            key, at = (key, at + 1) if key < _MORE else _varint(buffer, at, end)
            kind = key & 7
            if kind == _BYTES and at < end and buffer[at] < _MORE:
                size, at = buffer[at], at + 1
            elif kind in {_BYTES, _VARINT}:
                size, at = _varint(buffer, at, end)
            elif kind in {_FIXED32, _FIXED64}:
                size = 4 if kind == _FIXED32 else 8
            else:
                raise Refusal(f"wire type {kind} does not exist")
            if kind == _VARINT:
                yield key >> 3, size
                continue
            if size > end - at:
                raise Refusal(f"a field of {size} bytes starts where {end - at} are left")
            yield key >> 3, ByteSpan(buffer, at, at + size)
            at += size

    def loaded(self) -> "ByteSpan":
        """Return the same span over bytes in memory if it is small."""
        return self if self.end - self.start > _SMALL else ByteSpan(self.content(), 0, self.end - self.start)

    def content(self) -> bytes:
        """Return the bytes."""
        return self.buffer[self.start : self.end]

    def text(self) -> str:
        """Return a string; invalid UTF-8 is replaced."""
        return self.content().decode("utf-8", "replace")

    def varints(self) -> Iterator[int]:
        """Yield packed signed integers."""
        at = self.start
        while at < self.end:
            number, at = _varint(self.buffer, at, self.end)
            yield _signed(number)

    def unpacked(self, letter: str) -> tuple[float, ...]:
        """Return packed numbers of a fixed size; `letter` is their `struct` format."""
        count = (self.end - self.start) // calcsize(f"<{letter}")
        found: tuple[float, ...] = unpack_from(f"<{count}{letter}", self.content())
        return found


def _signed(number: int) -> int:
    return number - (1 << 64) if number & (1 << 63) else number


def _varint(buffer: FileBuffer | bytes, at: int, end: int) -> tuple[int, int]:
    """Read an integer of 7 bits a byte, the lowest first; return it and its end."""
    result = shift = 0
    for place in range(at, min(end, at + _LONGEST)):
        byte = buffer[place]
        result |= (byte & 127) << shift
        if byte < _MORE:
            return result & ((1 << 64) - 1), place + 1
        shift += 7
    raise Refusal("an integer does not end")


class Fields(dict[int, list[Any]]):
    """The values of a message by field number."""

    def __init__(self, message: ByteSpan, wanted: frozenset[int] | None = None) -> None:
        super().__init__()
        for number, value in message.fields():
            if number in self:
                self[number].append(value)
            elif wanted is None or number in wanted:
                self[number] = [value]

    def spans(self, number: int) -> list[ByteSpan]:
        """Return the messages or strings of a field."""
        found = self.get(number, [])
        if not all(isinstance(span, ByteSpan) for span in found):
            raise Refusal(f"field {number} is not a message")
        return found

    def messages(self, number: int) -> "Iterator[Fields]":
        """Yield the fields of each message of a field."""
        return map(Fields, self.spans(number))

    def text(self, number: int) -> str:
        """Return a string field."""
        spans = self.spans(number)
        return spans[-1].text() if spans else ""

    def texts(self, number: int) -> tuple[str, ...]:
        """Return a repeated string field."""
        return tuple(span.text() for span in self.spans(number))

    def integer(self, number: int) -> int:
        """Return an integer field, 0 by default."""
        value = self.get(number, [0])[-1]
        if not isinstance(value, int):
            raise Refusal(f"field {number} is not a number")
        return _signed(value)

    def integers(self, number: int) -> tuple[int, ...]:
        """Return a repeated integer field, packed or not."""
        parts = (
            value.varints() if isinstance(value, ByteSpan) else (_signed(value),) for value in self.get(number, ())
        )
        return tuple(each for part in parts for each in part)

    def floats(self, number: int, letter: str = "f") -> tuple[float, ...]:
        """Return a repeated floating-point field, packed or not."""
        return tuple(value for span in self.spans(number) for value in span.unpacked(letter))


class ExternalData(NamedTuple):
    """Where the numbers of a tensor are in another file."""

    location: str
    offset: int = 0

    def content(self, folder: Path, size: int) -> bytes:
        """Read some bytes, of a regular file beside the model alone: no link leads there and no ".."."""
        parts = self.location.split("/")
        if {"", ".", ".."} & {*parts} or {"\\", ":", "\0"} & {*self.location}:
            raise Refusal(
                f"numbers that decide a size are in {self.location[:60]!r}, which is not a name beside the model"
            )
        path = folder
        for part in parts:
            path /= part
            if path.is_symlink():
                raise Refusal(f"numbers that decide a size are in {self.location[:60]!r}, which is a link")
        try:
            if path.is_file():
                with path.open("rb", buffering=0) as file:
                    file.seek(self.offset)
                    return file.read(size)
        except (OSError, ValueError, OverflowError):
            pass
        raise Refusal(f"numbers that decide a size are in {self.location[:60]!r}, which is not a file beside the model")


class TensorProto(NamedTuple):
    """A tensor of a file: its sizes, its element type and where its values are."""

    name: str
    dims: tuple[int, ...]
    dtype: int
    raw: ByteSpan | None = None
    values: tuple[float, ...] = ()
    external: ExternalData | None = None

    @property
    def elements(self) -> int:
        """The number of elements."""
        return prod(self.dims)

    def numbers(self) -> tuple[float, ...] | None:
        """Return the values; None if they are too many, in another file or of a type that is not read."""
        if self.external is not None or self.elements > MOST_VALUES or self.dtype not in _FORMATS:
            return None
        if self.raw is None:
            return self.values if len(self.values) == self.elements else None
        letter = _FORMATS[self.dtype]
        return self.raw.unpacked(letter)

    def beginning(self, most: int) -> tuple[float, ...]:
        """Return the first values; none if they are in another file or of a type that is not read."""
        if self.raw is None or self.dtype not in _FORMATS:
            return self.values[:most]
        size = calcsize(f"<{_FORMATS[self.dtype]}")
        start = self.raw.start
        return self.raw._replace(end=start + min(most, self.elements) * size).unpacked(_FORMATS[self.dtype])

    @property
    def may_decide(self) -> bool:
        """Whether its numbers are in another file, and may be sizes: few integers."""
        return self.external is not None and self.dtype in _SIZES and self.elements <= MOST_OPENED

    def opened(self, folder: Path) -> "TensorProto":
        """Return a tensor with its numbers, from another file if it may decide a size."""
        if self.external is None or not self.may_decide:
            return self
        size = self.elements * calcsize(f"<{_FORMATS[self.dtype]}")
        content = self.external.content(folder, size)
        if len(content) < size:
            raise Refusal(f"the numbers of {self.name!r} are missing in {self.external.location[:60]!r}")
        return self._replace(external=None, raw=ByteSpan(content, 0, size))


def tensor(message: ByteSpan) -> TensorProto:
    """Read the description of a tensor, and its values if they are few and not raw."""
    found = Fields(message.loaded(), frozenset((1, 2, 4, 5, 7, 8, 9, 10, 11, 13, 14)))
    raws, dims, dtype, name = found.spans(9), found.integers(1), found.integer(2), found.text(8)
    if any(size < 0 for size in dims):
        raise Refusal(f"the tensor {name!r} has a negative size")
    external = _external(found) if found.integer(14) == 1 else None
    values = () if raws or external or prod(dims) > MOST_VALUES else _values(found, dtype)
    raw, size = raws[-1] if raws and not external else None, calcsize(f"<{_FORMATS.get(dtype, 'x')}")
    if raw and dtype in _FORMATS and raw.end - raw.start != prod(dims) * size:
        raise Refusal(f"the tensor {name!r} has {raw.end - raw.start} bytes for {prod(dims)} numbers of {size}")
    return TensorProto(name, dims, dtype, raw, values, external)


def _external(found: Fields) -> ExternalData:
    entries = {each.text(1): each.text(2) for each in found.messages(13)}
    offset = entries.get("offset", "0")
    return ExternalData(entries.get("location", ""), int(offset) if offset.isdecimal() and len(offset) < 20 else 0)  # noqa: PLR2004  (64 bits)


def _values(found: Fields, dtype: int) -> tuple[float, ...]:
    if dtype == 1:
        return found.floats(4)
    if dtype == 11:  # noqa: PLR2004  (double)
        return found.floats(10, "d")
    return found.integers(7) or found.integers(5) or found.integers(11)


def _sparse(message: ByteSpan) -> TensorProto:
    """Read a sparse tensor as one of its full size."""
    found = Fields(message)
    values = tensor(found.spans(1)[-1]) if found.spans(1) else TensorProto("", (), 0)
    return TensorProto(values.name, found.integers(3), values.dtype)


class AttributeReference(NamedTuple):
    """An attribute in a function body that takes its value from the node that calls the function."""

    name: str


class ValueInfo(NamedTuple):
    """An input or output of a graph. A size is an int, a name or "" if unknown; no dims if it has no tensor type.

    The element type of a sequence is `LIST`.
    """

    name: str
    dims: tuple[int | str, ...] | None
    dtype: int


class GraphProto(NamedTuple):
    """The nodes of a graph with its initializers, inputs and outputs."""

    nodes: tuple[NodeProto, ...]
    tensors: Mapping[str, TensorProto]
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    infos: tuple[ValueInfo, ...] = ()
    captured: frozenset[str] = frozenset()
    """The names that it reads of the graph around it."""


class FunctionProto(NamedTuple):
    """A function of a model: nodes with parameters."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[NodeProto, ...]
    defaults: Mapping[str, Any]
    opsets: Mapping[str, int]


class ModelProto(NamedTuple):
    """An ONNX model, or what another reader has made of a graph.

    Such a reader tells which tensors are parameters (`trained`), and which of these are `frozen`; it adds `writers` for
    operators of its own, and has its `word` for an initializer.
    """

    graph: GraphProto
    opsets: Mapping[str, int]
    functions: Mapping[tuple[str, str], FunctionProto]
    producer: str
    trained: frozenset[str] | None = None
    frozen: frozenset[str] = frozenset()
    writers: Mapping[str, Callable[[Any], Any]] = {}
    word: str = "initializer"

    @property
    def opset(self) -> int:
        """The version of the standard operators, 0 if the file names none."""
        return self.opsets.get("", self.opsets.get("ai.onnx", 0))


def model(path: Path) -> ModelProto:
    """Read a model."""
    try:
        status = path.stat()
        if S_ISREG(status.st_mode) and status.st_size:
            return _model(Fields(ByteSpan(FileBuffer(path), 0, status.st_size)))
    except Refusal as error:
        raise Refusal(f"not an ONNX model, or truncated or damaged: {error}; export it again") from None
    except OSError as error:
        raise Refusal(f"{reason(error)}; check the path") from None
    is_empty = S_ISREG(status.st_mode)
    raise Refusal("the file is empty; export the model again" if is_empty else "not a regular file; name one")


def _model(found: Fields) -> ModelProto:
    if not found.spans(7):
        raise Refusal("it contains no graph")
    functions = {(each.text(10), each.text(1)): _function(each) for each in found.messages(25)}
    return ModelProto(graph(found.spans(7)[-1]), _opsets(found, 8), functions, found.text(2))


def _opsets(found: Fields, number: int) -> Mapping[str, int]:
    return {each.text(1): each.integer(2) for each in found.messages(number)}


def _function(found: Fields) -> FunctionProto:
    nodes, defaults = tuple(map(_node, found.spans(7))), dict(map(_attribute, found.spans(11)))
    return FunctionProto(found.texts(4), found.texts(5), nodes, defaults, _opsets(found, 9))


def graph(message: ByteSpan, depth: int = 0) -> GraphProto:
    """Read a graph: that of a model, or one inside an operator."""
    found = Fields(message)
    if len(found.get(1, ())) > MOST_NODES:
        raise Refusal(f"it has more than {MOST_NODES} nodes")
    tensors = {each.name: each for each in (*map(tensor, found.spans(5)), *map(_sparse, found.spans(15)))}
    inputs, outputs, infos = (tuple(map(_value_info, found.spans(number))) for number in (11, 12, 13))
    nodes = tuple(_node(each, depth) for each in found.spans(1))
    own = {*tensors, *(info.name for info in inputs), *(name for each in nodes for name in each.outputs)}
    read = {*(name for each in nodes for name in each.reads), *(info.name for info in outputs)}
    return GraphProto(nodes, tensors, inputs, outputs, infos, frozenset(read - own - {""}))


def _node(message: ByteSpan, depth: int = 0) -> NodeProto:
    found = Fields(message.loaded())
    op, domain, name = map(found.text, (4, 7, 3))
    attributes = dict(_attribute(each, depth) for each in found.spans(5))
    return NodeProto(op, domain, name, found.texts(1), found.texts(2), attributes)


def _attribute(message: ByteSpan, depth: int = 0) -> tuple[str, Any]:
    found = Fields(message)
    name = found.text(1)
    if 21 in found:  # noqa: PLR2004  (ref_attr_name)
        return name, AttributeReference(found.text(21))
    kind = found.integer(20) or next(
        (kind for kind in _ATTRIBUTES if kind + 1 in found), _GRAPH * (_GRAPH + 1 in found)
    )
    if kind == _GRAPH and found.spans(6):
        if depth >= DEEPEST:
            raise Refusal(f"graphs are nested deeper than {DEEPEST} levels")
        return name, graph(found.spans(6)[-1], depth + 1)
    return name, _ATTRIBUTES[kind](found) if kind in _ATTRIBUTES else None


_ATTRIBUTES: Mapping[int, Callable[[Fields], Any]] = {
    1: lambda found: (*found.floats(2), 0.0)[0],
    2: lambda found: found.integer(3),
    3: lambda found: found.text(4),
    4: lambda found: next(map(tensor, found.spans(5)), None),
    6: lambda found: found.floats(7),
    7: lambda found: found.integers(8),
    8: lambda found: found.texts(9),
    11: lambda found: next(map(_sparse, found.spans(22)), None),
}
"""The value of an attribute by its type, graphs aside; in old files, the field that is present tells it."""


def _value_info(message: ByteSpan) -> ValueInfo:
    found = Fields(message.loaded())
    for kind in found.messages(2):
        for dense in kind.messages(1):
            shapes = dense.spans(2)
            sizes = Fields(shapes[-1]).messages(1) if shapes else ()
            dims = tuple(size.integer(1) if 1 in size else size.text(2).strip("?*") for size in sizes)  # "?": no name
            return ValueInfo(found.text(1), dims if shapes else None, dense.integer(1))
        if {4, 5, 9} & kind.keys():  # a sequence, a map, or one of them or a tensor that may be left out
            return ValueInfo(found.text(1), None, LIST)
    return ValueInfo(found.text(1), None, 0)
