"""Where a spec comes from."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from flopcount.errors import BENEATH, FileError, plain

Notation = Literal["toml", "json"]


class Source(NamedTuple):
    """Where a spec comes from, its text, and the data the text stands for."""

    title: str
    text: str
    notation: Notation
    data: Mapping[str, Any]


# The line of a file that an error is about, with a mark under what is wrong.


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


# Where a text that cannot be parsed goes wrong, for faults that the parsers name no place for.


_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+'
    r"|(?P<constant>-?\b(?:NaN|Infinity)\b)|(?P<digits>[+-]?\b\d(?:_?\d){4300,}+)"
    r"|(?P<opening>[\[{])|(?P<closing>[\]}])",
    re.DOTALL,
)
"""Strings and comments, which are passed over, and what may be wrong outside of them."""


def fault_at(title: str, text: str, span: tuple[int, int], what: str) -> FileError:
    """Return the error that points at a part of a text, given by its first character and the one behind it."""
    start, end = span
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return FileError(excerpted(f"{title}:{line}:{column}: {what}", text, line, column, end - start))


def number_too_long(text: str) -> tuple[int, int]:
    """Return where the first number stands that has too many digits; the start of the text if there is none."""
    return next(_tokens(text, "digits"), (0, 1))


def constant(text: str) -> tuple[int, int]:
    """Return where JSON has the first word for a number that is none."""
    return next(_tokens(text, "constant"), (0, 1))


def nested_deeper(text: str, limit: int) -> tuple[int, int]:
    """Return the first bracket that is inside so many others; the start of the text if headers do the nesting."""
    depth = 0
    for match in _TOKEN.finditer(text):
        depth += (match.lastgroup == "opening") - (match.lastgroup == "closing")
        if depth > limit:
            return match.span()
    return (0, 1)


def undecodable(content: bytes, title: str, what: str) -> FileError:
    """Return the error that points at the first byte that is not text, shown with the line it is in."""
    try:
        start = content.decode("utf-8-sig").index("\0")
    except UnicodeDecodeError as error:
        start = len(error.object[: error.start].decode())
    text = content.decode("utf-8-sig", errors="replace")
    return fault_at(title, text, (start, start + 1), what)


def _tokens(text: str, group: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _TOKEN.finditer(text) if match.lastgroup == group)
