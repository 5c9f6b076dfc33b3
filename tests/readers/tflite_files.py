"""Small TensorFlow Lite models for tests, written as flatbuffers: each table, then what it leads to."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.readers.tflite.schema import BUILTIN

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9, "int4": 17}
SIZES = {
    "float32": 32,
    "float16": 16,
    "int32": 32,
    "uint8": 8,
    "int64": 64,
    "bool": 8,
    "int16": 16,
    "int8": 8,
    "int4": 4,
}


class Number(NamedTuple):
    """A number of a size other than 32 bits: its `struct` format, and its value."""

    letter: str
    value: int


class Vector(NamedTuple):
    """A vector of numbers."""

    letter: str
    values: Sequence[Any]


Table = Mapping[int, Any]
"""The fields of a table by number: numbers, texts, bytes, vectors, tables or lists of tables."""


def flatbuffer(root: Table, mark: bytes = b"TFL3") -> bytes:
    """Write a file: where the root is, the mark, and all tables."""
    buffer = bytearray(struct.pack("<I", 0) + mark)
    struct.pack_into("<I", buffer, 0, _table(buffer, root))
    return bytes(buffer)


def _aligned(buffer: bytearray, size: int = 4) -> int:
    buffer += bytes(-len(buffer) % size)
    return len(buffer)


def _table(buffer: bytearray, fields: Table) -> int:
    """Write a table after its list of fields, then what it leads to; return its place."""
    count, places, at = max(fields, default=-1) + 1, dict[int, int](), 4
    for number, value in fields.items():
        size = struct.calcsize(value.letter) if isinstance(value, Number) else 4
        at += -at % size
        places[number] = at
        at += size
    start = _aligned(buffer, 8)
    buffer += struct.pack("<HH", 4 + 2 * count, at)
    buffer += b"".join(struct.pack("<H", places.get(number, 0)) for number in range(count))
    here = _aligned(buffer, 8)
    buffer += struct.pack("<i", here - start) + bytes(at - 4)
    for number, value in fields.items():
        _put(buffer, here + places[number], value)
    return here


def _put(buffer: bytearray, at: int, value: Any) -> None:
    if isinstance(value, Number | int):
        letter, number = value if isinstance(value, Number) else ("i", value)
        struct.pack_into(f"<{letter}", buffer, at, number)
    else:
        found = _content(buffer, value)
        struct.pack_into("<I", buffer, at, found - at)


def _content(buffer: bytearray, value: Any) -> int:
    """Write what a field leads to, and return its place."""
    if isinstance(value, Mapping):
        return _table(buffer, value)
    if isinstance(value, list):
        start = _aligned(buffer)
        buffer += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for place, each in enumerate(value, 1):
            struct.pack_into("<I", buffer, start + 4 * place, _table(buffer, each) - start - 4 * place)
        return start
    if isinstance(value, str | bytes):
        value = Vector("B", value.encode() if isinstance(value, str) else value)
    start = _aligned(buffer)
    letter, numbers = value
    buffer += struct.pack("<I", len(numbers)) + struct.pack(f"<{len(numbers)}{letter}", *numbers)
    return start


class Tensor(NamedTuple):
    """A tensor: its sizes, its type, and its bytes if it is a constant; `buffer` names bytes that others have too."""

    shape: Sequence[int]
    type: str = "float32"
    data: bytes | None = None
    buffer: str = ""
    signature: Sequence[int] | None = None
    more: Mapping[int, Any] = {}


def weights(*shape: int, type: str = "float32", buffer: str = "", **more: Any) -> Tensor:  # noqa: A002
    """Return a constant of zeros."""
    count = 1
    for size in shape:
        count *= size
    return Tensor(shape, type, bytes(-(-count * SIZES[type] // 8)), buffer, **more)


def ints(*numbers: int, shape: Sequence[int] | None = None) -> Tensor:
    """Return a constant of integers."""
    return Tensor((len(numbers),) if shape is None else shape, "int32", struct.pack(f"<{len(numbers)}i", *numbers))


class Op(NamedTuple):
    """An operator: its name, the names of what it reads and makes, and its options by the number of their table."""

    name: str
    inputs: str
    outputs: str
    table: int = 0
    options: Mapping[int, Any] = {}


def byte(number: int) -> Number:
    """Return a number of one byte."""
    return Number("b", number)


class Graph(NamedTuple):
    """A graph: its tensors by name, the names of its inputs and outputs, its operators."""

    tensors: Mapping[str, Tensor]
    inputs: str
    outputs: str
    operators: Sequence[Op]


def model(*graphs: Graph, **more: Any) -> bytes:
    """Write a model of some graphs."""
    buffers: dict[str, bytes] = {"": b""}
    names = list(dict.fromkeys(op.name for graph in graphs for op in graph.operators))
    written = [_graph(graph, number, buffers, names) for number, graph in enumerate(graphs)]
    tables = [{0: data} if data else {} for data in buffers.values()]
    return flatbuffer({0: 3, 1: [_code(name) for name in names], 2: written, 4: tables, **more.get("fields", {})})


def _code(name: str) -> Table:
    if name not in BUILTIN:
        return {0: byte(32), 1: name, 3: 32}
    code = BUILTIN.index(name)
    return {0: byte(min(code, 127)), 3: code}


def _graph(graph: Graph, number: int, buffers: dict[str, bytes], codes: list[str]) -> Table:
    names = [*graph.tensors]
    tensors = [_tensor(name, tensor, f"{number}.{name}", buffers) for name, tensor in graph.tensors.items()]
    operators = [
        {
            0: codes.index(op.name),
            1: _numbers(names, op.inputs),
            2: _numbers(names, op.outputs),
            **({3: byte(op.table), 4: op.options} if op.table else {}),
        }
        for op in graph.operators
    ]
    return {0: tensors, 1: _numbers(names, graph.inputs), 2: _numbers(names, graph.outputs), 3: operators, 4: "main"}


def _numbers(names: list[str], text: str) -> Vector:
    return Vector("i", [-1 if name == "-" else names.index(name) for name in text.split()])


def _tensor(name: str, tensor: Tensor, own: str, buffers: dict[str, bytes]) -> Table:
    signature = {} if tensor.signature is None else {7: Vector("i", tensor.signature)}
    about = {0: Vector("i", tensor.shape), 1: byte(TYPES[tensor.type]), 3: name, 8: byte(1), **signature, **tensor.more}
    if tensor.data is None:
        return about
    key = tensor.buffer or own
    buffers.setdefault(key, tensor.data)
    return {**about, 2: [*buffers].index(key)}


def single(name: str, options: tuple[int, Mapping[int, Any]] = (0, {}), **tensors: Tensor) -> bytes:
    """Write a model of one operator: its inputs in order, those without data the network's, and `y`, which it makes."""
    reads = [each for each in tensors if each != "y"]
    entries = " ".join(each for each in reads if tensors[each].data is None and not each.startswith("state"))
    return model(Graph(tensors, entries, "y", [Op(name, " ".join(reads), "y", *options)]))
