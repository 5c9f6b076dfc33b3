"""Mutations of files: of their bytes, their words, and what they hold, with lengths and sums put right."""

import io
import json
import re
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

LARGEST = 60_000
"""The largest seed."""

ENDINGS = (
    ".onnx",
    ".tflite",
    ".keras",
    ".h5",
    ".json",
    ".cfg",
    ".prototxt",
    ".csv",
    ".toml",
    ".lock",
    ".jsonl",
    ".parquet",
)

HOSTILE: Sequence[Any] = (0, -1, 1, 2, 7, 63, 10**9, 2**31, 2**63 - 1, 2**64, 10**30, 0.5, -0.0, 1e300, "", "1", "a.b")
HOSTILE = (*HOSTILE, "\x1b[31m", "\u202e", "=1+1", "::error::x", "<b>", "|", "\ud800", "é" * 300, None, True, [], {})
HOSTILE = (*HOSTILE, [[]], [0], [1, 2, 3, 4, 5, 6, 7, 8, 9], {"": 0}, {"a": {"b": [1]}}, "none", "same", "../x", "*")


def seeds(folders: Sequence[Path]) -> dict[str, list[bytes]]:
    """Return the small files in some folders that differ, by ending."""
    found: dict[str, dict[bytes, None]] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in ENDINGS):
        if path.is_file() and 0 < path.stat().st_size <= LARGEST:
            found.setdefault(path.suffix, {})[path.read_bytes()] = None
    return {ending: [*contents] for ending, contents in sorted(found.items())}


def mutated(ending: str, content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return a file with one to four mutations, most of them of what it holds."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
        structured = STRUCTURED.get(ending)
        if structured and random.random() < 0.85:
            with suppress(Exception):  # what is broken already is changed as bytes
                content = structured(content, others, random)
                continue
        change = (
            words
            if ending not in {".onnx", ".tflite", ".keras", ".h5", ".parquet"} and random.random() < 0.85
            else octets
        )
        content = change(content, others, random)
    return content


def grown(ending: str, content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return a file of up to a megabyte, of which one part is repeated."""
    size = random.choice((30_000, 200_000, 900_000))
    if ending in {".json", ".toml", ".lock"}:
        with suppress(ValueError, IndexError):
            read = _loaded(content)
            holder, key = random.choice([(into, at) for into, at in _places(read) if isinstance(into[at], list | str)])
            holder[key] = holder[key] * (size // (len(json.dumps(holder[key], default=str)) + 1) + 1)
            return json.dumps(read, default=str).encode()
    if ending == ".onnx":
        with suppress(ValueError):
            return message(content, others, random, size)
    lines = content.splitlines(keepends=True)
    at = random.randrange(len(lines))
    part = b"".join(lines[at : at + random.randrange(1, 9)])
    return b"".join([*lines[:at], part * (size // len(part) + 1), *lines[at:]])


def octets(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Flip, set, insert, delete, repeat, truncate or splice bytes."""
    start, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    end = min(end, start + random.choice((1, 1, 2, 4, 8, 1000)))
    other = random.choice(others)
    middle = random.choice(
        (
            b"",
            bytes([content[start] ^ 1 << random.randrange(8)]) if start < len(content) else b"",
            random.choice((b"\0", b"\xff", b"\x7f", b"\x80" * 9 + b"\1", b"\xff\xff\xff\xff", b"\r", b'"', b"{" * 99)),
            random.randbytes(max(end - start, 1)),
            content[start:end] * random.choice((2, 3, 100)),
            other[random.randrange(len(other)) :][: random.choice((4, 100, 10_000))],
        )
    )
    return content[:start] + middle + (b"" if random.random() < 0.1 else content[end:])


WORD = re.compile(rb'-?\d+(?:\.\d+)?|"[^"\n]*"|[A-Za-z_]\w*|[^\s\w]')


def words(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Replace, repeat or drop a word or a line of a text."""
    if random.random() < 0.3:
        lines, more = content.splitlines(keepends=True), random.choice(others).splitlines(keepends=True)
        at = random.randrange(len(lines) + 1)
        lines[at : at + random.randrange(3)] = random.choices(more or [b"\n"], k=random.randrange(3))
        return b"".join(lines)
    found = [*WORD.finditer(content)]
    if not found:
        return octets(content, others, random)
    match = random.choice(found)
    alike = [each[0] for each in found if each[0][:1].isalpha() == match[0][:1].isalpha() and each[0][-1:].isalnum()]
    hostile = json.dumps(random.choice(HOSTILE)).encode()
    bare = (hostile, hostile.strip(b'"'), b"", match[0] * 2, b"9" * 5000)
    word = random.choice((*bare, *(random.choice(alike or [b"1"]) for _ in range(12)), b"%d" % random.randrange(20)))
    return content[: match.start()] + word + content[match.end() :]


def data(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Change a value inside JSON or TOML; the result is JSON."""
    read = _loaded(content)
    places = [*_places(read)]
    holder, key = random.choice(places)
    choice = random.random()
    if choice < 0.5:
        holder[key] = random.choice(HOSTILE)
    elif choice < 0.75:
        other_holder, other_key = random.choice(places)
        holder[key] = json.loads(json.dumps(other_holder[other_key], default=str))
    elif choice < 0.9 or not isinstance(holder, list):
        del holder[key]
    else:
        holder.insert(key, holder[key])
    del others
    return json.dumps(read, default=str).encode()


def _loaded(content: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(content)
    return tomllib.loads(content.decode())


def _places(value: Any) -> "list[tuple[Any, Any]]":
    """Return every holder of a value with its key."""
    found, left = [], [value]
    while left:
        holder = left.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, inner in pairs:
            found.append((holder, key))
            left.append(inner)
    return found


def archive(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Change a member of a zip, drop it or write it twice; its sum is right."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            inner = old.read(name)
            if name.endswith(".json") and len(inner) <= LARGEST and random.random() < 0.9:
                inner = mutated(".json", inner, [inner], random)
            for _ in range(random.choice((1,) * 20 + (0,))):
                new.writestr(name if random.random() < 0.99 else f"../{name}", inner)
    del others
    return written.getvalue()


def message(content: bytes, others: Sequence[bytes], random: Random, size: int = 0) -> bytes:
    """Change a field deep inside a protocol buffer, or repeat it up to a size, and the lengths around it."""
    fields = _fields(content)
    start, body, end, wire = random.choice(fields)
    head = content[start : _varint(content, start)[1]]
    if wire == 2 and end - body > 2 and random.random() < 0.85:
        with suppress(ValueError):
            inner = message(content[body:end], others, random, size)
            return content[:start] + head + varint(len(inner)) + inner + content[end:]
    if size:
        return content[:start] + content[start:end] * (size // (end - start) + 1) + content[end:]
    if wire == 0:
        new = varint(random.choice((0, 1, 2, 7, 16, 2**31, 2**63, 2**64 - 1, random.randrange(40))))
    elif wire == 2:
        value, texts = content[body:end], [content[field[1] : field[2]] for field in fields if field[3] == 2]
        value = random.choice(
            (b"", value * 2, *random.choices(texts, k=3), value[:-1], b"\xff" * 8, random.randbytes(8))
        )
        new = varint(len(value)) + value
    else:
        new = random.randbytes(end - body)
    return content[:start] + random.choice((*[head + new] * 4, content[start:end] * 2, b"")) + content[end:]


def varint(number: int) -> bytes:
    """Write a whole number, seven bits a byte."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 70:
        byte = content[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
    raise ValueError


def _fields(content: bytes) -> "list[tuple[int, int, int, int]]":
    """Return the start, the start of the content, the end and the wire type of each field; ValueError if none are."""
    found, at = [], 0
    while at < len(content):
        try:
            key, body = _varint(content, at)
            size = 0
            if key & 7 == 0:
                end = _varint(content, body)[1]
            else:
                size, body = _varint(content, body) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], body)
                end = body + size
        except (IndexError, KeyError):
            raise ValueError from None
        if end > len(content) or not key >> 3:
            raise ValueError
        found.append((at, body, end, key & 7))
        at = end
    if not found:
        raise ValueError
    return found


def numbers(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Change a number of a flatbuffer, or several: offsets, sizes of vectors, shapes, codes; most are of 32 bits."""
    found = bytearray(content)
    small = [at for at in range(4, len(found) - 4, 4) if found[at] + found[at + 1] > 0 and not found[at + 3]]
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at, other = random.choice(small), random.randrange(len(found) - 4) & ~3
        number = random.choice((0, 1, 2, 3, 8, 127, -1, 2**31 - 1, -(2**31), 10**9, 10**5, other - at, len(found) - at))
        size = random.choice((1, 2, 4, 4, 4, 4))
        word = (number & 2 ** (8 * size) - 1).to_bytes(size, "little")
        found[at : at + size] = random.choice((word, word, bytes(found[other : other + size])))
    del others
    return bytes(found)


STRUCTURED: Mapping[str, Callable[[bytes, Sequence[bytes], Random], bytes]] = {
    ".json": data,
    ".toml": data,
    ".lock": data,
    ".keras": archive,
    ".onnx": message,
    ".tflite": numbers,
}
"""For an ending, the mutation that knows the structure of the file."""
