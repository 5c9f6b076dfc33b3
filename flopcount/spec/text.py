"""From bytes to data: the two notations of an arch file, read within limits."""

import os
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from flopcount.errors import FileError, Located, reason
from flopcount.spec.source import Notation, Source, at_line, at_span, innermost, nested_deeper, repeated_key, token

READ = (".toml", ".json", ".onnx", ".pt2", ".tflite", ".keras", ".h5", ".hdf5", ".cfg", ".prototxt", ".csv")
"""The endings of the files that are read."""

PARTIAL = ".part"
"""The ending of a file that is being written; after a kill it stays, and no pattern finds it."""

MOST_BYTES = 64 * 2**20
"""Largest file that is read."""

DEEPEST = 64
"""Deepest nesting of tables and lists."""


def root_of(folder: Path) -> Path | None:
    """Return the top folder of the working tree around a folder; None if there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def read_text(path: Path, title: str = "", needs: str = "") -> str:
    """Read a file of UTF-8 text; `title` names it in errors, `needs` says what it has to have."""
    return decoded(read_bytes(path, title), title or str(path), needs)


def read_bytes(path: Path, title: str = "") -> bytes:
    """Read a file, but no more than what shows that it is too large."""
    title = title or str(path)
    check_kind(path, title)
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FileError(title, f"{reason(error)}; check the path") from None


def check_kind(path: Path, title: str) -> None:
    """Refuse what is neither a file nor standard input: a pipe may never end, a device never does."""
    try:
        about = path.stat()
    except OSError:  # whoever opens it says why
        return
    if S_ISDIR(about.st_mode):
        first = _first_in(path)
        such = f", such as {first}" if first else ""
        other = None if first and first.suffix.lower() == ".onnx" else foreign(title)
        raise other or FileError(title, f"this is a folder; name a file in it{such}")
    if not S_ISREG(about.st_mode):
        with suppress(OSError):  # it is closed
            if os.path.samestat(about, os.fstat(0)):
                return
        raise FileError(title, "this is a pipe or a device, which may be larger than 64 MiB; use a file, or -")


def foreign(title: str, content: bytes = b"") -> FileError | None:
    """Return the error for a file of another tool that is not read; None for any other."""
    from flopcount.spec.foreign import recognized

    return recognized(title, content)


def _first_in(folder: Path) -> Path | None:
    """Return the first file in a folder that is read; JSON and CSV, which may be anything, come last."""
    with suppress(OSError):
        found = (each for each in folder.iterdir() if each.suffix.lower() in READ and each.is_file())
        return min(found, key=lambda each: (each.suffix.lower() in {".json", ".csv"}, each), default=None)
    return None


def decoded(content: bytes, title: str, needs: str = "") -> str:
    """Decode UTF-8 text, with or without a byte-order mark."""
    if len(content) > MOST_BYTES:
        raise foreign(title, content) or FileError(
            title, f"larger than {MOST_BYTES >> 20} MiB; use blocks with repeat to shorten it"
        )
    text = utf8(content)
    if text is None:
        raise foreign(title, content) or FileError(title, _undecodable(content))
    if not text.strip():
        raise FileError(title, f"the file is empty; {needs or 'an arch file needs at least input and layers'}")
    return text


def utf8(content: bytes) -> str | None:
    """Return UTF-8 text without its byte-order mark; None for what is not text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _undecodable(content: bytes) -> Located:
    """Point at the first byte that is not text."""
    try:
        start = content.decode("utf-8-sig").index("\0")
    except UnicodeDecodeError as error:
        start = len(error.object[: error.start].decode())
    text = content.decode("utf-8-sig", errors="replace")
    found = at_span(text, (start, start + 1), "this is not text; an arch file is TOML or JSON in UTF-8")
    return found._replace(snippet=()) if re.search(rb"[\x00-\x08\x0e-\x1f]", content) else found


def notation_of(path: Path, text: str) -> Notation:
    """Return the notation of a file: by its ending, else by its text, which only in JSON opens with a brace."""
    return named_notation(path) or ("json" if text.lstrip().startswith("{") else "toml")


def named_notation(path: Path) -> Notation | None:
    """Return the notation that the ending of a file name stands for."""
    endings: dict[str, Notation] = {".toml": "toml", ".json": "json"}
    return endings.get(path.suffix.lower())


def parsed(text: str, notation: Notation, title: str) -> Source:
    """Parse a text; errors have a line and a column."""
    deep = _deep_key(text) if notation == "toml" else None
    try:
        data = _data(text, notation) if deep is None else None
    except (RecursionError, ValueError) as error:
        raise foreign(title, text.encode()) or FileError(title, _syntax(error, text, notation)) from None
    if deep or deeper(data, DEEPEST):
        raise FileError(title, _too_deep(text, notation, deep))
    if not isinstance(data, dict):
        start = len(text) - len(text.lstrip())
        what = f"an arch file is a table of name, input and layers, not a {type(data).__name__}"
        raise FileError(title, at_span(text, (start, start + 1), what))
    return Source(title, text, notation, data)


def _deep_key(text: str) -> tuple[int, int] | None:
    """Return the span of a dotted key that is nested too deep: the parser would be slow on it."""
    if all(line.count(".") < DEEPEST for line in text.split("\n")):
        return None
    tokens = (match for match in re.finditer(_TOKEN, text) if match["key"])
    return next((match.span() for match in tokens if len(re.findall(_PART, match["key"])) > DEEPEST), None)


_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?)"""
_TOKEN = (
    r'''"""(?:[^"\\]|\\[\s\S]|"(?!""))*+(?:"""|\Z)|'''
    r"""'''(?:[^']|'(?!''))*+(?:'''|\Z)|#[^\n]*+|"""
    rf"(?P<key>{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)"
)
"""A string on several lines, a comment, or a key or another string; a search reads each character once."""


def _data(text: str, notation: Notation) -> Any:
    if notation == "toml":
        return tomllib.loads(text)
    import json

    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        key = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise _TwiceError(_twice_sentence(key))
    return result


class _TwiceError(ValueError):
    """JSON has a key twice."""


def _no_constant(name: str) -> None:
    raise _NotANumberError(f"{name} is not a number an arch file can contain")


class _NotANumberError(ValueError):
    """JSON has a constant that is no number."""


def _syntax(error: Exception, text: str, notation: Notation) -> Located:
    """Say why a text cannot be parsed, and where."""
    from json import JSONDecodeError

    if isinstance(error, RecursionError):
        return _too_deep(text, notation)
    if isinstance(error, JSONDecodeError):
        what = _instead(text, error.pos, _JSON) or error.msg
        return at_span(text, (error.pos, error.pos + 1), f"not JSON: {what}")
    if isinstance(error, _NotANumberError):
        return at_span(text, token(text, "constant"), str(error)[:200])
    if isinstance(error, _TwiceError):
        return _twice(text, notation) or Located(str(error), code="syntax")
    if isinstance(error, tomllib.TOMLDecodeError):
        return _twice(text, notation) or at_line(text, *_toml_fault(text, str(error)))
    return at_span(text, token(text, "digits"), "a number has too many digits; sizes go up to 10⁹")


def _too_deep(text: str, notation: Notation, span: tuple[int, int] | None = None) -> Located:
    """Point at what is nested too deep; the top-level table of TOML has no bracket."""
    span = span or nested_deeper(text, DEEPEST - (notation == "toml"))
    return at_span(text, span, f"nested too deep; at most {DEEPEST} levels are allowed")


def _twice(text: str, notation: Notation) -> Located | None:
    """Point at a key that is given twice; None if the text has another fault."""
    found = repeated_key(text, notation)
    if found is None:
        return None
    place, span = found
    hint = "write [[layers]] above each layer" if place == ("layers",) and notation == "toml" else "keep one"
    return at_line(text, span.line, span.column, _twice_sentence(str(place[-1]), hint), span.length)


def _twice_sentence(key: str, hint: str = "keep one") -> str:
    return f"the key {key[:50]!r} is given twice; {hint}"


def _toml_fault(text: str, message: str) -> tuple[int, int, str]:
    """Split tomllib's `what (at line 3, column 4)`."""
    what, _, where = message.rpartition(" (at ")
    digits = [int(each) for each in "".join(c if c.isdigit() else " " for c in where).split()]
    lines = text.rstrip("\n").split("\n")
    line, column = digits if len(digits) == 2 else (len(lines), len(lines[-1]) + 1)  # noqa: PLR2004  (a line, a column)
    start = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
    return line, column, f"not TOML: {_instead(text, start, _TOML) or (what or message)[:200].lower()}"


_WORDS = ((r"(?:True|False)\b", "true and false are written in lowercase"),)
_TOML = (
    *_WORDS,
    (r"(?:None|null|nil)\b", "TOML has no word for nothing; leave the key out"),
    (r"\(", "a list stands in square brackets, as in [3, 3]"),
    (r":", "TOML writes key = value, with an equals sign"),
    (r"[A-Za-z_][\w.]*\(", "a layer is a table with a type"),
    (r"[A-Za-z_][\w.-]*", "text stands in quotes"),
)
_JSON = (
    *_WORDS,
    (r"None\b", "JSON has null for nothing; leave the key out"),
    (r"//|#|/\*", "JSON has no comments; an arch file in TOML may have some"),
    (r"'", 'JSON writes text in "double quotes"'),
)
"""What stands at a fault of syntax, and what to write instead."""


def _instead(text: str, start: int, hints: tuple[tuple[str, str], ...]) -> str:
    """Say what to write instead of what stands at a fault of syntax; empty if it is nothing familiar."""
    if hints is _TOML and text[start : start + 1] in {"\r", "\n"} and innermost(text[:start]) == "{":
        return "an inline table stays on one line; join the lines, or begin the layer with [[layers]]"
    unit = (
        re.match(r"[kKMGTB%][A-Za-z%]*", text[start:]) if hints is _TOML and text[start - 1 : start].isdigit() else None
    )
    if unit:
        number = re.search(r"[\d._]*$", text[max(0, start - 40) : start])
        return f'a number with a unit stands in quotes: "{number[0] if number else ""}{unit[0]}"'
    if hints is _JSON and re.match(r",\s*[\]}]", text[len(text[:start].rstrip()) - (text[start : start + 1] != ",") :]):
        return "there is a comma too many before the bracket"
    found = next(((match[0], what) for mark, what in hints if (match := re.match(mark, text[start:]))), ("", ""))
    if found[0].endswith("(") and found[0] != "(":
        from flopcount.spec.translation import row_of

        row = row_of(text[start:].split("\n", maxsplit=1)[0])
        return f"{found[1]}: {row}" if row else ""
    return f'{found[1]}: "{found[0]}"' if found[1] == "text stands in quotes" else found[1]


def deeper(data: object, limit: int) -> bool:
    """Tell whether data is nested deeper than a limit, without recursion."""
    level: list[Any] = [[data]]
    for _ in range(limit + 1):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [child for children in inside for child in children if isinstance(child, dict | list | tuple)]
        if not level:
            return False
    return True
