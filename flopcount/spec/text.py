"""Bytes to data: the two notations an arch file can have, read within stated limits."""

import re
import tomllib
from pathlib import Path
from typing import Any

from flopcount.errors import FileError
from flopcount.spec.source import Notation, Source

MOST_BYTES = 64 * 2**20
"""A larger file is refused."""

DEEPEST = 64
"""Tables and lists nested deeper than this are refused."""


def read_text(path: Path, title: str = "") -> str:
    """Read a file of UTF-8 text, or say in one sentence why not."""
    title = title or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except IsADirectoryError:
        raise FileError(f"{title}: this is a folder; name an arch file in it") from None
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise FileError(f"{title}: {reason.lower()}; check the path") from None
    return decoded(content, title)


def decoded(content: bytes, title: str) -> str:
    """Decode UTF-8 text, with or without a byte-order mark."""
    if len(content) > MOST_BYTES:
        raise FileError(f"{title}: larger than {MOST_BYTES >> 20} MiB; use blocks with repeat to say it shorter")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        from flopcount.spec.source import undecodable

        raise undecodable(content, title, "this is not text; an arch file is TOML or JSON in UTF-8")
    if not text.strip():
        raise FileError(f"{title}: the file is empty; an arch file needs at least input and layers")
    return text


def notation_of(path: Path, text: str) -> Notation:
    """Tell the notation by the file's ending, else by the first character of the text."""
    if path.suffix.lower() in {".toml", ".json"}:
        return "toml" if path.suffix.lower() == ".toml" else "json"
    return guessed(text)


def guessed(text: str) -> Notation:
    """Tell the notation by the first character: only JSON opens with a brace."""
    return "json" if text.lstrip().startswith("{") else "toml"


def parsed(text: str, notation: Notation, title: str) -> Source:
    """Parse a text; what is wrong with it is shown with line and column."""
    deep = _deep_key(text) if notation == "toml" else None
    try:
        data = _data(text, notation) if deep is None else None
    except (RecursionError, ValueError) as error:
        raise _unparsed(error, text, notation, title) from None
    if deep or deeper(data, DEEPEST):
        raise _too_deep(text, notation, title, deep)
    if not isinstance(data, dict):
        from flopcount.spec.source import fault_at

        start = len(text) - len(text.lstrip())
        what = f"an arch file is a table of name, input and layers, not a {type(data).__name__}"
        raise fault_at(title, text, (start, start + 1), what)
    return Source(title, text, notation, data)


def _deep_key(text: str) -> tuple[int, int] | None:
    """Return where a dotted key has so many parts that the parser would take ages over it."""
    start = 0
    for line in text.split("\n"):
        match = _DEEP_KEY.search(line) if line.count(".") >= DEEPEST else None
        if match:
            return start + match.start(), start + match.end()
        start += len(line) + 1
    return None


_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_DEEP_KEY = re.compile(rf"{_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{DEEPEST}}}")


def _data(text: str, notation: Notation) -> Any:
    if notation == "toml":
        return tomllib.loads(text)
    import json

    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unparsed(error: Exception, text: str, notation: Notation, title: str) -> FileError:
    """Say why a text cannot be parsed, and where."""
    from json import JSONDecodeError

    from flopcount.spec.source import constant, excerpted, fault_at, number_too_long

    if isinstance(error, RecursionError):
        return _too_deep(text, notation, title)
    if isinstance(error, JSONDecodeError):
        return fault_at(title, text, (error.pos, error.pos + 1), f"not JSON: {error.msg}")
    spot = _twice(text, notation, str(error))
    if spot:
        line, column, length, what = spot
        return FileError(excerpted(f"{title}:{line}:{column}: {what}", text, line, column, length))
    if isinstance(error, tomllib.TOMLDecodeError):
        line, column, what = _toml_fault(text, str(error))
        return FileError(excerpted(f"{title}:{line}:{column}: not TOML: {what}", text, line, column))
    if "digits" in str(error):  # Python's own limit
        return fault_at(title, text, number_too_long(text), "a number has too many digits; sizes go up to 10⁹")
    return fault_at(title, text, constant(text), str(error)[:200])


def _too_deep(text: str, notation: Notation, title: str, span: tuple[int, int] | None = None) -> FileError:
    """Point at what is nested too deep; the table that a whole TOML file is has no bracket."""
    from flopcount.spec.source import fault_at, nested_deeper

    what = f"nested too deep; {DEEPEST} levels are the most"
    return fault_at(title, text, span or nested_deeper(text, DEEPEST - (notation == "toml")), what)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a JSON object that gives a key twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is given twice; keep one")
    return result


def _twice(text: str, notation: Notation, message: str) -> tuple[int, int, int, str] | None:
    """Say which key is given twice, and where, if that is what is wrong."""
    if not any(words in message for words in ("twice", "overwrite", "immutable")):
        return None
    from flopcount.spec.positions import repeated_key

    try:
        repeated = repeated_key(text, notation)
    except (ValueError, IndexError, RecursionError):  # the text is broken in more ways than one
        return None
    if repeated is None:
        return None
    place, span = repeated
    return *span, f"the key {str(place[-1])[:50]!r} is given twice; keep one"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number an arch file can hold")


def _toml_fault(text: str, message: str) -> tuple[int, int, str]:
    """Take `what (at line 3, column 4)` apart."""
    what, _, where = message.rpartition(" (at ")
    digits = [int(each) for each in "".join(c if c.isdigit() else " " for c in where).split()]
    lines = text.rstrip("\n").split("\n")
    line, column = digits if len(digits) == 2 else (len(lines), len(lines[-1]) + 1)  # noqa: PLR2004  (a line, a column)
    return line, column, (what or message)[:200].lower()


def deeper(data: object, limit: int) -> bool:
    """Tell whether data is nested deeper than a limit, without recursion."""
    level = [data]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list | tuple)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list | tuple)
        ]
        if not level:
            return False
    return True
