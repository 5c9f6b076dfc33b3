"""Where a text that cannot be parsed goes wrong, for faults that the parsers name no place for."""

import re
from collections.abc import Iterator

from flopcount.errors import FileError
from flopcount.files.excerpts import excerpted

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
