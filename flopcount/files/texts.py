"""Bytes to data: the two notations an arch file can have, read within stated limits."""

import re
import tomllib
from pathlib import Path
from typing import Any

from flopcount.errors import FileError
from flopcount.files.source import Notation, Source

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
        raise FileError(f"{title}: this is not text; an arch file is TOML or JSON in UTF-8")
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
    """Parse a text; syntax errors name line and column."""
    if notation == "toml" and any(line.count(".") >= DEEPEST and _DEEP_KEY.search(line) for line in text.split("\n")):
        raise FileError(f"{title}: nested too deep; {DEEPEST} levels are the most")
    try:
        data = tomllib.loads(text) if notation == "toml" else _json(text, title)
    except tomllib.TOMLDecodeError as error:
        raise FileError(_twice(text, notation, title, str(error)) or _toml_message(title, text, str(error))) from None
    except RecursionError:
        raise FileError(f"{title}: nested too deep; {DEEPEST} levels are the most") from None
    except ValueError as error:
        raise FileError(_twice(text, notation, title, str(error)) or f"{title}: {_value_message(str(error))}") from None
    if not isinstance(data, dict):
        raise FileError(f"{title}: an arch file is a table of name, input and layers, not a {type(data).__name__}")
    if deeper(data, DEEPEST):
        raise FileError(f"{title}: nested too deep; {DEEPEST} levels are the most")
    return Source(title, text, notation, data)


_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_DEEP_KEY = re.compile(rf"{_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{DEEPEST}}}")
"""A dotted key of so many parts that the parser would take ages over it."""


def _json(text: str, title: str) -> Any:
    import json

    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise FileError(f"{title}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a JSON object that gives a key twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is given twice; keep one")
    return result


def _twice(text: str, notation: Notation, title: str, message: str) -> str:
    """Say which key is given twice, and where, if that is what is wrong."""
    if not any(words in message for words in ("twice", "overwrite", "immutable")):
        return ""
    from flopcount.files.positions import repeated_key

    try:
        repeated = repeated_key(text, notation)
    except (ValueError, IndexError, RecursionError):  # the text is broken in more ways than one
        return ""
    if repeated is None:
        return ""
    place, (line, column) = repeated
    return f"{title}:{line}:{column}: the key {str(place[-1])[:50]!r} is given twice; keep one"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number an arch file can hold")


def _toml_message(title: str, text: str, message: str) -> str:
    """Turn `what (at line 3, column 4)` into `title:3:4: not TOML: what`."""
    what, _, where = message.rpartition(" (at ")
    digits = "".join(c if c.isdigit() else " " for c in where).split()
    lines = text.rstrip("\n").split("\n")
    line, column = digits if len(digits) == 2 else (len(lines), len(lines[-1]) + 1)  # noqa: PLR2004  (a line, a column)
    return f"{title}:{line}:{column}: not TOML: {(what or message)[:200].lower()}"


def _value_message(message: str) -> str:
    """Reword Python's own limit on digits; other messages are ours."""
    return "a number has too many digits; sizes go up to 10⁹" if "digits" in message else message[:200]


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
