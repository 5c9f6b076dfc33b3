"""The text a spec comes from, and the line of it that an error is about."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from flopcount.errors import Located, plain

Notation = Literal["toml", "json"]

WIDEST = 100
"""Terminal cells of a source line that are shown; a longer line is cut around the error."""

BEFORE = 40
"""Cells shown before the error if the line is cut."""


class Source(NamedTuple):
    """The title of a file, its text, and the data the text stands for."""

    title: str
    text: str
    notation: Notation
    data: Mapping[str, Any]


def snippet(lines: Sequence[str], line: int, column: int, length: int = 1) -> tuple[str, ...]:
    """Return a line of a text and the line of carets under it; nothing if there is no such line or it is blank."""
    return excerpt(lines[line - 1], column, length) if 0 < line <= len(lines) and lines[line - 1].strip() else ()


def excerpt(line: str, column: int, length: int = 1) -> tuple[str, str]:
    """Return a line of source, cut if it is long, and the line of carets under it.

    The column counts characters from 1. Tabs become spaces and unprintable characters
    escapes, so that the carets are in the right place on any screen.
    """
    line = line.rstrip("\r\n")
    start = min(max(column - 1, 0), len(line))
    first = _first(line, start)
    before = ("…" if line[:first].strip() else "") + _printable(line[first:start])
    text = before + _printable(line[start : start + WIDEST])
    kept = _fitting(text)
    is_cut = kept != text or len(line) > start + WIDEST
    marked = min(_cells(_printable(line[start : start + length])), _cells(kept) - _cells(before))
    return f"{kept}{'…' if is_cut else ''}", f"{' ' * _cells(before)}{'^' * max(1, marked)}"


def _first(line: str, start: int) -> int:
    """Return the first character to show: after the indentation, or shortly before the error in a long line."""
    indent = min(len(line) - len(line.lstrip()), start)
    if len(line) - indent <= WIDEST and _cells(_printable(line[indent:])) <= WIDEST:
        return indent
    first, room = start, BEFORE
    while first > indent and room > 0:
        first -= 1
        room -= _cells(_printable(line[first]))
    return first


def _fitting(text: str) -> str:
    """Cut a text after the last character that fits."""
    ends = enumerate(accumulate(map(_width, text)))
    return text[: next((index for index, cells in ends if cells > WIDEST), len(text))]


def _printable(text: str) -> str:
    return plain(text.replace("\t", "    "))


def _cells(text: str) -> int:
    return sum(map(_width, text))


def _width(char: str) -> int:
    """Return how many terminal cells a character takes: two if it is wide, none if it is a combining mark."""
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def at_span(text: str, span: tuple[int, int], what: str) -> Located:
    """Return a problem with a part of a text, given by its first character and the one after it."""
    start, end = span
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return at_line(text, line, column, what, end - start)


def at_line(text: str, line: int, column: int, what: str, length: int = 1) -> Located:
    """Return a problem at a line and a column of a text."""
    return Located(what, line, column, snippet(text.split("\n"), line, column, length), "syntax")


_MARKS = (
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+'
    r"|(?P<constant>-?\b(?:NaN|Infinity)\b)|(?P<digits>[+-]?\b\d(?:_?\d){4300,}+)"
    r"|(?P<opening>[\[{])|(?P<closing>[\]}])"
)
"""Strings and comments, which are skipped, and what may be wrong outside of them."""


def token(text: str, group: Literal["constant", "digits"]) -> tuple[int, int]:
    """Return the span of the first JSON constant that is no number, or of the first number with too many digits."""
    return next((match.span() for match in _tokens(text) if match.lastgroup == group), (0, 1))


def nested_deeper(text: str, limit: int) -> tuple[int, int]:
    """Return the span of the first bracket nested deeper than a limit; the start of the text if there is none."""
    depth = 0
    for match in _tokens(text):
        depth += (match.lastgroup == "opening") - (match.lastgroup == "closing")
        if depth > limit:
            return match.span()
    return (0, 1)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return re.finditer(_MARKS, text, re.DOTALL)
