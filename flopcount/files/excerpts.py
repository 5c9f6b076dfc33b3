"""The line of a file that an error is about, with a mark under what is wrong."""

import unicodedata
from collections.abc import Sequence

from flopcount.errors import BENEATH, plain

WIDEST = 100
"""Cells of a source line that are shown; of a longer one, those around what is wrong."""

BEFORE = 40
"""So many of them may be in front of it."""

TAB = "    "
CUT = "…"


def excerpt(line: str, column: int, length: int = 1) -> tuple[str, str]:
    """Return a line of source, cut where it is long, and the line of carets that goes under it.

    The column counts characters from 1. Tabs become spaces and what is not
    printable an escape, so that the carets are where they belong on any screen.
    """
    line = line.rstrip("\r\n")
    start = min(max(column - 1, 0), len(line))
    first = _first(line, start)
    before = (CUT if line[:first].strip() else "") + _shown(line[first:start])
    text = before + _shown(line[start : start + WIDEST])
    kept = _fitting(text)
    is_cut = kept != text or len(line) > start + WIDEST
    marked = min(_cells(_shown(line[start : start + length])), _cells(kept) - _cells(before))
    return f"{BENEATH}{kept}{CUT if is_cut else ''}", f"{BENEATH}{' ' * _cells(before)}{'^' * max(1, marked)}"


def excerpted(message: str, text: str, line: int, column: int, length: int = 1) -> str:
    """Return a message with the excerpt of a text beneath; the message alone where the text has no such line."""
    return "\n".join((message, *beneath(text.split("\n"), line, column, length)))


def beneath(lines: Sequence[str], line: int, column: int, length: int = 1) -> tuple[str, ...]:
    """Return the two lines that go under a message, or none where there is nothing to show."""
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return ()
    return excerpt(lines[line - 1], column, length)


def _first(line: str, start: int) -> int:
    """Return the first character to show: indentation is left out, and what is far in front of a long line's fault."""
    indent = min(len(line) - len(line.lstrip()), start)
    if len(line) - indent <= WIDEST and _cells(_shown(line[indent:])) <= WIDEST:
        return indent
    first, room = start, BEFORE
    while first > indent and room > 0:
        first -= 1
        room -= _cells(_shown(line[first]))
    return first


def _fitting(text: str) -> str:
    """Cut a text at its last whole character that fits."""
    room = WIDEST
    for index, char in enumerate(text):
        room -= _cells(char)
        if room < 0:
            return text[:index]
    return text


def _shown(text: str) -> str:
    return plain(text.replace("\t", TAB))


def _cells(text: str) -> int:
    """Return how many places of a screen a text takes: two for wide characters, none for marks on the one before."""
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
