"""TensorFlow Lite models: their graphs, operators and tensors, with the field numbers of schema.fbs."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod
from pathlib import Path
from stat import S_ISREG
from struct import calcsize
from typing import Any, NamedTuple

from flopcount.errors import Refusal, reason
from flopcount.readers.base import FileBuffer
from flopcount.readers.tflite.flatbuffer import FlatBuffer, FlatTable
from flopcount.readers.tflite.schema import BITS, BUILTIN, CUSTOM, FORMATS, GREATER, OPTIONS, OPTIONS_2, OptionTable
from flopcount.spec.fields import LARGEST
from flopcount.spec.text import MOST_BYTES

MARK, MARK_AT = b"TFL3", 4
"""The four bytes that a model has, and where."""

MOST_NODES = 100_000
"""The most operators of a graph, and of all that a walk visits."""

MOST_VALUES = 4096
"""The most elements of a constant whose values are read."""

MOST_AXES = 8
"""A tensor with more axes is refused."""

OFFLINE = "OfflineMemoryAllocation"
"""The name of the metadata with a place in the arena for each tensor."""

_EXTERNAL = -1
"""Stands for the place of bytes that are in another file."""


class Content(NamedTuple):
    """Where the bytes of a constant are in the file; the place tells constants apart."""

    start: int
    size: int


class TensorInfo(NamedTuple):
    """A tensor: its sizes, -1 where they are open, and the sizes that the file records for its own input."""

    name: str
    dims: tuple[int, ...]
    recorded: tuple[int, ...]
    type: int
    content: Content | None = None
    is_quantized: bool = False
    is_sparse: bool = False
    is_variable: bool = False
    is_sized: bool = True

    @property
    def is_known(self) -> bool:
        """Whether the file says all its sizes, at any input."""
        return self.is_sized and min(self.dims, default=1) > 0

    @property
    def bits(self) -> int:
        """The bits of an element; 0 if they are not known."""
        return BITS[self.type]


class Operator(NamedTuple):
    """An operator: its name, with `CUSTOM` before that of a custom one, the tensors it reads and makes, its options."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


class SubGraph(NamedTuple):
    """A subgraph: its operators in order, the tensors that enter and leave it."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]
    tensors: Sequence[TensorInfo]


class ModelFile:
    """A model: its graphs, each read when it is needed."""

    def __init__(self, flat: FlatBuffer) -> None:
        self.flat, self.root = flat, flat.root()
        self.codes = [_operator_name(each) for each in self.root.tables(1)]
        self.places, self.buffers = self.root.places(2), self.root.places(4)
        self.signatures = [each.text(2) for each in self.root.tables(7)]
        first = next((each for each in self.root.tables(7) if each.number(4, "I") == 0), None)
        self.signed = {each.number(1, "I"): each.text(0) for each in first.tables(0)} if first else {}
        self.graphs: dict[int, SubGraph] = {}
        self.known: dict[tuple[int, int, Content], tuple[Any, ...]] = {}

    def graph(self, number: int) -> SubGraph:
        """Return a graph."""
        if not 0 <= number < len(self.places):
            raise Refusal(f"it has no graph number {number}, but {len(self.places)}")
        if number not in self.graphs:
            self.graphs[number] = self._graph(self.flat.table(self.places[number]))
        return self.graphs[number]

    @cached_property
    def contents(self) -> list[Content | None]:
        """Where the bytes of each buffer are."""
        return [self._content(self.flat.table(place)) for place in self.buffers]

    @cached_property
    def offline(self) -> tuple[int, ...] | None:
        """The place in the arena that the file gives each tensor, -1 for none; None if it gives no places."""
        found = next((each.number(1, "I") for each in self.root.tables(6) if each.text(0) == OFFLINE), None)
        if found is None:
            return None
        content = self.contents[found] if found < len(self.contents) else None
        count = content.size // 4 if content else 0
        self.flat.spend(count)
        numbers = self.flat.unpack(f"{count}i", content.start) if content else ()
        return numbers[3 : 3 + max(numbers[2], 0)] if len(numbers) > 2 else ()  # noqa: PLR2004  (a head of three)

    def _content(self, table: FlatTable) -> Content | None:
        start, size = table.span(0)
        if table.number(1, "Q") > 1:
            start, size = table.number(1, "Q"), table.number(2, "Q")
        if start + size > self.flat.size:
            raise Refusal(f"a buffer of {size} bytes starts at byte {start} of {self.flat.size}")
        return Content(start, size) if size else None

    def _graph(self, table: FlatTable) -> SubGraph:
        if len(operators := table.places(3)) > MOST_NODES:
            raise Refusal(f"it has more than {MOST_NODES} operators")
        tensors = [self._tensor(each) for each in table.tables(0)]
        made = tuple(self._operator(self.flat.table(place), len(tensors)) for place in operators)
        inputs, outputs = (_within(table.numbers(field), len(tensors)) for field in (1, 2))
        if -1 in (*inputs, *outputs):
            raise Refusal("an input or output of a graph is no tensor")
        return SubGraph(table.text(4), inputs, outputs, made, tensors)

    def _operator(self, table: FlatTable, count: int) -> Operator:
        code = table.number(0, "I")
        if code >= len(self.codes):
            raise Refusal(f"an operator has code {code} of {len(self.codes)}")
        name = self.codes[code]
        inputs, outputs = (_within(table.numbers(field), count) for field in (1, 2))
        return Operator(name, inputs, outputs, _options(table, name))

    def _tensor(self, table: FlatTable) -> TensorInfo:
        name, kind, buffer = table.text(3), table.number(1, "b"), table.number(2, "I")
        shape, signature = table.numbers(0), table.numbers(7)
        if (
            not 0 <= kind < len(BITS)
            or buffer > len(self.buffers)
            or len(shape) > MOST_AXES
            or max(shape, default=0) > LARGEST
        ):
            raise Refusal(f"the tensor {name[:60]!r} has type {kind}, buffer {buffer} and sizes {[*shape[:9]]}")
        if len(signature) != len(shape):
            signature = shape
        dims = tuple(-1 if min(one, other) < 0 else one for one, other in zip(shape, signature, strict=True))
        content = self.contents[buffer] if buffer < len(self.contents) else None
        content = Content(_EXTERNAL - table.number(10, "I"), 0) if table.number(10, "I") else content
        quantization = table.table(4)
        is_quantized = quantization is not None and (quantization.has(2) or quantization.has(5))
        sized = bool(shape) or table.number(8, "b") == 1 or content is not None
        found = TensorInfo(
            name, dims, tuple(max(size, 1) if size < 0 else size for size in shape), kind, content, is_quantized,
            table.has(6), table.number(5, "b") == 1, sized,
        )  # fmt: skip
        return _checked(found)

    def values(self, tensor: TensorInfo) -> tuple[Any, ...] | None:
        """Return the elements of a constant; None if they are many, in another file or of a type that is not read."""
        count, content = prod(tensor.recorded), tensor.content
        if tensor.type not in FORMATS or tensor.is_sparse or count > MOST_VALUES or (count and content is None):
            return None
        if content is None or content.start < 0:
            return () if content is None else None
        key = (count, tensor.type, content)
        if key not in self.known:
            self.flat.spend(count)
            self.known[key] = self.flat.unpack(f"{count}{FORMATS[tensor.type]}", content.start)
        return self.known[key]


def _checked(tensor: TensorInfo) -> TensorInfo:
    """Refuse a constant whose bytes are not those of its elements."""
    content = tensor.content
    if content is None or content.start < 0 or tensor.is_sparse or not tensor.bits:
        return tensor
    wanted = -(-prod(tensor.recorded) * tensor.bits // 8)
    if content.size != wanted:
        what = f"the tensor {tensor.name[:60]!r} has {content.size} bytes, and needs {wanted} for its sizes"
        raise Refusal(what)
    return tensor


def _within(numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return numbers of tensors, -1 for one that is left out."""
    if any(not -1 <= number < count for number in numbers):
        raise Refusal(f"a tensor has a number outside of the {count} that there are")
    return numbers


def _operator_name(table: FlatTable) -> str:
    """Return the name of an operator code, which files of before 2020 have in a field of one byte."""
    code = max(table.number(0, "b"), table.number(3))
    if code == CUSTOM:
        return f"CUSTOM {table.text(1)[:50] or '?'}"
    return BUILTIN[code] if 0 <= code < len(BUILTIN) and code != GREATER else f"BUILTIN {code}"


def _options(table: FlatTable, name: str) -> dict[str, Any]:
    """Return the options of an operator by name; those that are absent have their defaults."""
    known, field = (OPTIONS[name], 3) if name in OPTIONS else (OPTIONS_2.get(name), 11)
    if known is None:
        return {}
    kind = table.number(field, "B")
    if kind not in {0, known.table}:
        raise Refusal(f"{name} has options number {kind}, which are those of another operator")
    return _read(known, table.table(field + 1) if kind else None)


def _read(known: OptionTable, table: FlatTable | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, each in enumerate(known.fields.split()):
        name, _, default = each.partition("=")
        name, _, letter = name.partition(":")
        number = int(default or 0)
        if letter == "[]":
            found[name] = table.numbers(place) if table else ()
        elif letter != "s":
            found[name] = table.number(place, letter or "i", number) if table else number
    return found


def model(path: Path) -> ModelFile:
    """Read a model."""
    try:
        status = path.stat()
        if S_ISREG(status.st_mode) and status.st_size:
            return _model(path, status.st_size)
    except OSError as error:
        raise Refusal(f"{reason(error)}; check the path") from None
    is_empty = S_ISREG(status.st_mode)
    raise Refusal("the file is empty; convert the model again" if is_empty else "not a regular file; name one")


def _model(path: Path, size: int) -> ModelFile:
    content: bytes | FileBuffer = path.read_bytes() if size <= MOST_BYTES else FileBuffer(path)
    size = len(content) if isinstance(content, bytes) else size
    if size < MARK_AT + calcsize("4s") or content[MARK_AT : MARK_AT + 4] != MARK:
        raise Refusal("not a TensorFlow Lite model: bytes 4 to 8 are not TFL3; convert the model again")
    return ModelFile(FlatBuffer(content, size))
