"""The fields of a message by number, and tensors: what they are, their numbers only on demand.

The field numbers are those of onnx.proto.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from flopcount.importers.onnx.protobuf import Message, WireError, signed

MOST_FOLDED = 100_000
"""The numbers of a larger tensor are never read."""

FLOATS = frozenset((1, 10, 11, 16, 17, 18, 19, 20, 23))
"""The element types that are floating-point numbers."""

_EXTERNAL = 1
_FORMATS: Mapping[int, tuple[str, int]] = {
    1: ("f", 4),
    2: ("B", 1),
    3: ("b", 1),
    4: ("H", 2),
    5: ("h", 2),
    6: ("i", 4),
    7: ("q", 8),
    9: ("?", 1),
    10: ("e", 2),
    11: ("d", 8),
    12: ("I", 4),
    13: ("Q", 8),
}
"""How `struct` reads an element type, and its size."""


class Tensor(NamedTuple):
    """A tensor in a file: its sizes, its element type, and where its numbers are."""

    name: str
    dims: tuple[int, ...]
    dtype: int
    raw: Message | None = None
    listed: tuple[float, ...] = ()
    external: bool = False

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return prod(self.dims)

    def numbers(self) -> tuple[float, ...] | None:
        """Return the numbers; None where they are many, in another file, or of a type that is not read."""
        if self.external or self.elements > MOST_FOLDED or self.dtype not in _FORMATS:
            return None
        if self.raw is None:
            return self.listed if len(self.listed) == self.elements else None
        letter, size = _FORMATS[self.dtype]
        if self.raw.end - self.raw.start != self.elements * size:
            return None
        return self.raw.unpacked(letter, size)


Found = dict[int, list[Any]]


def fields_of(message: Message) -> Found:
    """Collect the fields of a message by number."""
    found: Found = {}
    for number, _, value in message.fields():
        if number in found:
            found[number].append(value)
        else:
            found[number] = [value]
    return found


def spans_of(found: Found, number: int) -> list[Message]:
    """Return the messages and strings in a field."""
    spans = found.get(number, [])
    if not all(isinstance(span, Message) for span in spans):
        raise WireError(f"field {number} is no message")
    return spans


def text_of(found: Found, number: int) -> str:
    """Return a field that is a string."""
    spans = spans_of(found, number)
    return spans[-1].text() if spans else ""


def texts_of(found: Found, number: int) -> tuple[str, ...]:
    """Return a field that is a list of strings."""
    return tuple(span.text() for span in spans_of(found, number))


def number_of(found: Found, number: int, default: int = 0) -> int:
    """Return a field that is a whole number."""
    value = found.get(number, [default])[-1]
    if not isinstance(value, int):
        raise WireError(f"field {number} is no number")
    return signed(value)


def numbers_of(found: Found, number: int) -> tuple[int, ...]:
    """Read whole numbers, packed or not."""
    result: list[int] = []
    for value in found.get(number, []):
        result.extend(value.varints() if isinstance(value, Message) else (signed(value),))
    return tuple(result)


def floats_of(message: Message, number: int, letter: str = "f", size: int = 4) -> tuple[float, ...]:
    """Return a field that is a list of decimals."""
    result: list[float] = []
    for field, _, value in message.fields():
        if field == number and isinstance(value, Message):
            result.extend(value.unpacked(letter, size))
    return tuple(result)


def tensor_of(message: Message) -> Tensor:
    """Read what a tensor is, not its numbers, unless they are few and written one by one."""
    found: Found = {}
    for number, _, value in message.fields():
        if number in _TENSOR_FIELDS:
            found.setdefault(number, []).append(value)
    raw = spans_of(found, 9)
    dims, dtype = numbers_of(found, 1), number_of(found, 2)
    if any(size < 0 for size in dims):
        raise WireError(f"the tensor {text_of(found, 8)!r} has a negative size")
    listed = () if raw or prod(dims) > MOST_FOLDED else _listed(message, found, dtype)
    external = number_of(found, 14) == _EXTERNAL
    return Tensor(text_of(found, 8), dims, dtype, raw[-1] if raw else None, listed, external)


_TENSOR_FIELDS = frozenset((1, 2, 5, 7, 8, 9, 11, 14))


def _listed(message: Message, found: Found, dtype: int) -> tuple[float, ...]:
    if dtype == 1:
        return floats_of(message, 4)
    if dtype == 11:  # noqa: PLR2004  (double)
        return floats_of(message, 10, "d", 8)
    return numbers_of(found, 7) or numbers_of(found, 5) or numbers_of(found, 11)


def sparse_of(message: Message) -> Tensor:
    """Read a sparse tensor as one of its full size."""
    found = fields_of(message)
    values = tensor_of(spans_of(found, 1)[-1]) if spans_of(found, 1) else Tensor("", (), 0)
    return Tensor(values.name, numbers_of(found, 3), values.dtype, external=True)
