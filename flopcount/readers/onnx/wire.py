"""The wire format of protocol buffers: fields with a number, of which whole subtrees are skipped by their length.

A message is a span of a buffer: bytes, or a file of which a window is read at a
time, so that what nobody asks for is never read. A mapped file would do the same,
but the pages around each that is touched would count as the process's memory.
Source: the encoding guide of Protocol Buffers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from math import prod
from pathlib import Path
from stat import S_ISREG
from struct import unpack_from
from typing import Any, NamedTuple, overload

from flopcount.errors import FileError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIGN = 1 << 63
_MORE = 128
"""The bit of a byte that says that the number goes on."""
_LONGEST = 10
"""A varint has at most so many bytes."""


class WireError(Exception):
    """The bytes are no protocol buffer."""


class Window:
    """A file whose bytes can be asked for: the last few kilobytes that were read are kept."""

    SIZE = 2**14

    def __init__(self, file: FileIO) -> None:
        """Begin with nothing read."""
        self.file = file
        self.start = 0
        self.content = b""

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    def __getitem__(self, place: int | slice) -> int | bytes:
        """Return a byte, or some of them, as bytes do."""
        if isinstance(place, slice):
            return self._read(place.start, place.stop - place.start)
        offset = place - self.start
        if not 0 <= offset < len(self.content):
            self.content, self.start, offset = self._read(place, self.SIZE), place, 0
        return self.content[offset]

    def _read(self, start: int, size: int) -> bytes:
        offset = start - self.start
        if 0 <= offset <= len(self.content) - size:
            return self.content[offset : offset + size]
        self.file.seek(start)
        return self.file.read(size)


Buffer = Window | bytes


class Message(NamedTuple):
    """A span of a buffer that holds one message, or a string, or packed numbers."""

    buffer: Buffer
    start: int
    end: int

    def fields(self) -> "Iterator[tuple[int, int, int | Message]]":
        """Yield number, wire type and value of each field: a whole number as it is, anything else as its span."""
        buffer, at, end = self.buffer, self.start, self.end
        while at < end:
            key = buffer[at]
            key, at = (key, at + 1) if key < _MORE else _varint(buffer, at, end)
            kind = key & 7
            if kind == BYTES and at < end and buffer[at] < _MORE:
                size, at = buffer[at], at + 1
            elif kind in {BYTES, VARINT}:
                size, at = _varint(buffer, at, end)
            else:
                size = _size(kind)
            if kind == VARINT:
                yield key >> 3, kind, size
                continue
            if size > end - at:
                raise WireError(f"a field of {size} bytes starts where {end - at} are left")
            yield key >> 3, kind, Message(buffer, at, at + size)
            at += size

    def read(self) -> "Message":
        """Return the same message, read from disk: one that is small, and looked at in all its parts."""
        return Message(self.content(), 0, self.end - self.start)

    def content(self) -> bytes:
        """Return the bytes themselves."""
        return self.buffer[self.start : self.end]

    def text(self) -> str:
        """Return a string; what is not UTF-8 is shown as it can be."""
        return self.content().decode("utf-8", "replace")

    def varints(self) -> tuple[int, ...]:
        """Return packed whole numbers, signed."""
        numbers, at = [], self.start
        while at < self.end:
            number, at = _varint(self.buffer, at, self.end)
            numbers.append(signed(number))
        return tuple(numbers)

    def unpacked(self, letter: str, size: int) -> tuple[float, ...]:
        """Return packed numbers of a fixed size, as `struct` spells them."""
        count = (self.end - self.start) // size
        found: tuple[float, ...] = unpack_from(f"<{count}{letter}", self.content())
        return found


def signed(number: int) -> int:
    """Read a varint as a signed number of 64 bits."""
    return number - (_SIGN << 1) if number & _SIGN else number


def _size(kind: int) -> int:
    if kind == FIXED32:
        return 4
    if kind == FIXED64:
        return 8
    raise WireError(f"there is no wire type {kind}")


def _varint(buffer: Buffer, at: int, end: int) -> tuple[int, int]:
    """Read a number of 7 bits a byte, the lowest first; return it and where it ends."""
    result = shift = 0
    for place in range(at, min(end, at + _LONGEST)):
        byte = buffer[place]
        result |= (byte & 127) << shift
        if byte < _MORE:
            return result & ((_SIGN << 1) - 1), place + 1
        shift += 7
    raise WireError("a number does not end")


@contextmanager
def opened(path: Path) -> Iterator[Message]:
    """Open a file as one message, of which only what is asked for is read."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise FileError(str(path), f"{(error.strerror or 'cannot be read').lower()}; check the path") from None
    with file:
        if not S_ISREG(path.stat().st_mode):
            raise FileError(str(path), "this is no regular file; name one")
        size = path.stat().st_size
        if not size:
            raise FileError(str(path), "the file is empty; export the model again")
        yield Message(Window(file), 0, size)


# The fields of a message by number, and tensors: what they are, their numbers only on demand.
#
# The field numbers are those of onnx.proto.


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
