"""FlatBuffers: tables, vectors and strings, read where they are in a file; every offset is checked.

A table begins with the distance to its list of fields, which has for each field its place in the table, or 0.
"""

from collections.abc import Iterator
from struct import calcsize, unpack_from
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.base import FileBuffer

MOST_READ = 3_000_000
"""The most elements of vectors that are read of a file."""

LONGEST = 1000
"""The bytes of a string that are read."""


class FlatBuffer:
    """The bytes of a file; `left` is how many elements of vectors may still be read."""

    def __init__(self, data: bytes | FileBuffer, size: int) -> None:
        self.data, self.size, self.left = data, size, MOST_READ
        self.known: dict[int, tuple[int, ...]] = {}

    def unpack(self, letters: str, at: int) -> tuple[Any, ...]:
        """Return numbers at a place; `letters` is their `struct` format."""
        size = calcsize(f"<{letters}")
        if at < 0 or at + size > self.size:
            raise Refusal(f"an offset leads to byte {at}, outside of the file")
        if isinstance(self.data, bytes):
            return unpack_from(f"<{letters}", self.data, at)
        return unpack_from(f"<{letters}", self.data[at : at + size])

    def root(self) -> "FlatTable":
        """Return the table that holds all others."""
        return self.table(*self.unpack("I", 0))

    def table(self, at: int) -> "FlatTable":
        """Return the table at a place."""
        fields = at - self.unpack("i", at)[0]
        if fields not in self.known:
            length, _ = self.unpack("HH", fields)
            self.known[fields] = self.unpack(f"{max(length - 4, 0) // 2}H", fields + 4)
        return FlatTable(self, at, self.known[fields])

    def spend(self, count: int) -> None:
        """Take account of elements."""
        self.left -= count
        if self.left < 0:
            raise Refusal(f"more than {MOST_READ} elements of vectors")


class FlatTable:
    """A table: its place, and the places of its fields in it."""

    __slots__ = ("at", "fields", "flat")

    def __init__(self, flat: FlatBuffer, at: int, fields: tuple[int, ...]) -> None:
        self.flat, self.at, self.fields = flat, at, fields

    def has(self, field: int) -> bool:
        """Tell whether a field is present."""
        return field < len(self.fields) and self.fields[field] > 0

    def number(self, field: int, letter: str = "i", default: int = 0) -> int:
        """Return a field that is a number."""
        found: int = self.flat.unpack(letter, self.at + self.fields[field])[0] if self.has(field) else default
        return found

    def _followed(self, field: int) -> int:
        at = self.at + self.fields[field]
        return at + int(self.flat.unpack("I", at)[0])

    def span(self, field: int) -> tuple[int, int]:
        """Return where the elements of a vector begin, and their number; no place if it is absent."""
        if not self.has(field):
            return 0, 0
        at = self._followed(field)
        return at + 4, self.flat.unpack("I", at)[0]

    def numbers(self, field: int, letter: str = "i") -> tuple[Any, ...]:
        """Return a vector of numbers."""
        at, count = self.span(field)
        self.flat.spend(count)
        return self.flat.unpack(f"{count}{letter}", at) if count else ()

    def text(self, field: int) -> str:
        """Return the beginning of a string; invalid UTF-8 is replaced."""
        at, count = self.span(field)
        content: bytes = self.flat.unpack(f"{min(count, LONGEST)}s", at)[0] if count else b""
        return content.decode("utf-8", "replace")

    def table(self, field: int) -> "FlatTable | None":
        """Return a table that a field leads to."""
        return self.flat.table(self._followed(field)) if self.has(field) else None

    def places(self, field: int) -> tuple[int, ...]:
        """Return the places of the tables of a vector."""
        at, _ = self.span(field)
        return tuple(at + 4 * place + offset for place, offset in enumerate(self.numbers(field, "I")))

    def tables(self, field: int) -> Iterator["FlatTable"]:
        """Yield the tables of a vector."""
        return map(self.flat.table, self.places(field))
