"""Small ONNX models for tests, written in the wire format of protocol buffers.

The field numbers are those of onnx.proto; no library that the tests would need is
as small as these few functions.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.case import Count
from flopcount.cli.loading import Options, count_of
from flopcount.network.convention import convention

FLOAT, INT64 = 1, 7


def varint(number: int) -> bytes:
    """Write a whole number, seven bits a byte."""
    number &= (1 << 64) - 1
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, content: bytes | str | int) -> bytes:
    """Write one field: a number, a string or a message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


class Weights(NamedTuple):
    """A tensor whose numbers are in another file, as those of exported weights may be."""

    dims: tuple[int, ...]
    dtype: int = FLOAT
    location: str = "weights.bin"


Numbers = Sequence[int] | Sequence[float]


def tensor(name: str, content: "Weights | Numbers | int") -> bytes:
    """Write a tensor: weights elsewhere, or whole numbers or decimals right here."""
    if isinstance(content, Weights):
        dims = b"".join(field(1, size) for size in content.dims)
        external = field(13, field(1, "location") + field(2, content.location)) + field(14, 1)
        return dims + field(2, content.dtype) + field(8, name) + external
    numbers = [content] if isinstance(content, int) else [*content]
    dims = b"" if isinstance(content, int) else field(1, len(numbers))
    decimal = any(isinstance(number, float) for number in numbers)
    raw = struct.pack(f"<{len(numbers)}{'f' if decimal else 'q'}", *numbers)
    return dims + field(2, FLOAT if decimal else INT64) + field(8, name) + field(9, raw)


def attribute(name: str, value: Any) -> bytes:
    """Write an attribute of a node."""
    start = field(1, name)
    if isinstance(value, bytes):
        return start + field(6, value) + field(20, 5)
    if isinstance(value, str):
        return start + field(4, value) + field(20, 3)
    if isinstance(value, float):
        return start + varint(2 << 3 | 5) + struct.pack("<f", value) + field(20, 1)
    if isinstance(value, int):
        return start + field(3, value) + field(20, 2)
    return start + b"".join(field(8, number) for number in value) + field(20, 7)


def node(op: str, inputs: str, outputs: str, *, domain: str = "", name: str = "", **attributes: Any) -> bytes:
    """Write a node; inputs and outputs are names with spaces between, - for one that is left out."""
    names = ["" if each == "-" else each for each in inputs.split()]
    reads = b"".join(field(1, each) for each in names)
    writes = b"".join(field(2, each) for each in outputs.split())
    about = field(3, name) + field(4, op) + field(7, domain)
    return reads + writes + about + b"".join(field(5, attribute(*pair)) for pair in attributes.items())


Sizes = Sequence[int | str]


def wire(name: str, dims: Sizes | None, dtype: int = FLOAT) -> bytes:
    """Write what enters or leaves a graph; a size may be a name."""
    if dims is None:
        return field(1, name) + field(2, field(1, field(1, dtype)))
    sizes = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in dims)
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, sizes)))


def graph(
    nodes: Sequence[bytes],
    inputs: Mapping[str, Sizes | None],
    tensors: Mapping[str, Any] | None = None,
    outputs: Sequence[str] = ("y",),
    dtype: int = FLOAT,
) -> bytes:
    """Write a graph, whose inputs are of one type."""
    kept = b"".join(field(5, tensor(name, content)) for name, content in (tensors or {}).items())
    reads = b"".join(field(11, wire(name, dims, dtype)) for name, dims in inputs.items())
    writes = b"".join(field(12, wire(name, None)) for name in outputs)
    return b"".join(field(1, each) for each in nodes) + field(2, "graph") + kept + reads + writes


def function(name: str, inputs: str, outputs: str, nodes: Sequence[bytes], domain: str = "own") -> bytes:
    """Write a function of a model."""
    reads = b"".join(field(4, each) for each in inputs.split())
    writes = b"".join(field(5, each) for each in outputs.split())
    body = b"".join(field(7, each) for each in nodes)
    return field(1, name) + reads + writes + body + field(9, field(1, "") + field(2, 17)) + field(10, domain)


def model(content: bytes, *functions: bytes, opset: int = 17) -> bytes:
    """Write a model around a graph, which may use operators of ONNX Runtime."""
    domains = {"": opset, "com.microsoft": 1, **({"own": 1} if functions else {})}
    opsets = b"".join(field(8, field(1, name) + field(2, number)) for name, number in domains.items())
    return field(1, 8) + opsets + field(7, content) + b"".join(field(25, each) for each in functions)


def counted(
    folder: Path,
    nodes: Sequence[bytes],
    inputs: Mapping[str, Sizes | None] | Sizes,
    tensors: Mapping[str, Any] | None = None,
    *functions: bytes,
    opset: int = 17,
) -> Count:
    """Count a graph of some nodes; sizes alone are those of the input x."""
    path = folder / "model.onnx"
    inputs = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    path.write_bytes(model(graph(nodes, inputs, tensors), *functions, opset=opset))
    return count_of(str(path), Options())


def last(result: Count) -> tuple[int, ...]:
    """Return the sizes that come out, without the batch."""
    *_, step = (step for step in result.trace.steps.values() if step.kind != "Constants")
    return tuple(int(str(size)) for size in step.shape.dims)


def total(result: Count) -> int:
    """Return all params, trained or not."""
    return result.case.at(convention=convention("total")).count.total.params
