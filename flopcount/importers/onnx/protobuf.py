"""The wire format of protocol buffers: fields with a number, of which whole subtrees are skipped by their length.

A message is a span of a buffer: bytes, or a file of which a window is read at a
time, so that what nobody asks for is never read. A mapped file would do the same,
but the pages around each that is touched would count as the process's memory.
Source: the encoding guide of Protocol Buffers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from struct import unpack_from
from typing import NamedTuple, overload

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
        raise FileError(f"{path}: {(error.strerror or 'cannot be read').lower()}; check the path") from None
    with file:
        if not S_ISREG(path.stat().st_mode):
            raise FileError(f"{path}: this is no regular file; name one")
        size = path.stat().st_size
        if not size:
            raise FileError(f"{path}: the file is empty; export the model again")
        yield Message(Window(file), 0, size)
