"""Arch files as text: written out, or the text they come from with other values."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from flopcount.errors import UsageError, missing
from flopcount.spec.rows import Raw
from flopcount.spec.source import Notation, Source

FIRST = ("type", "name", "after")
"""The keys that a row begins with."""


def to_text(data: Raw, notation: Notation, header: str = "") -> str:
    """Write an arch file: a line for each layer, blocks indented; in TOML the header becomes comments."""
    if notation == "json":
        return to_json(data, 1) + "\n"
    tables = (data, *data.get("variants", {}).values())
    data = _without_null(data, {key for table in tables for key in table.get("defaults") or ()})
    plain = {key: value for key, value in data.items() if key not in {"layers", "templates", "input"}}
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    lines += _table({**plain, "input": data["input"], "layers": data["layers"]})
    for name, template in data.get("templates", {}).items():
        lines += ["", f"[templates.{to_key(name)}]", *_table(template)]
    return "\n".join(lines) + "\n"


WORDS = frozenset({"norm", "activation", "kernel_norm", "kernel_activation", "gate", "function"})
"""The fields whose null is the word "none"."""


def _without_null(value: Any, defaults: Collection[str]) -> Any:
    """Return data without null, which TOML lacks: it is a word, or a key is left out that no default replaces."""
    if isinstance(value, list):
        return ["none" if each is None else _without_null(each, defaults) for each in value]
    if not isinstance(value, Mapping):
        return value
    missing = [key for key, each in value.items() if each is None and key not in WORDS]
    if kept := sorted({*missing} & {*defaults}):
        raise UsageError(f"{kept[0]} is null against a default, and TOML has no null; write JSON, with -o FILE.json")
    present = ((key, "none" if each is None else each) for key, each in value.items() if key not in missing)
    return {key: _without_null(each, defaults) for key, each in present}


def _table(data: Raw) -> Iterator[str]:
    yield from (f"{to_key(key)} = {to_value(value)}" for key, value in data.items() if key != "layers")
    yield from ("layers = [", *_rows(data["layers"], "  "), "]")


def _rows(layers: list[Raw], indent: str) -> Iterator[str]:
    for layer in layers:
        keys = [*(key for key in FIRST if key in layer), *(key for key in layer if key not in FIRST)]
        fields = ", ".join(f"{to_key(key)} = {to_value(layer[key])}" for key in keys if key != "layers")
        if "layers" not in layer:
            yield f"{indent}{{ {fields} }},"
            continue
        yield f"{indent}{{ {fields}, layers = ["
        yield from _rows(layer["layers"], f"{indent}  ")
        yield f"{indent}] }},"


def to_value(value: Any) -> str:
    """Write a value as TOML, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{to_key(key)} = {to_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    return _visible(json.dumps(value, ensure_ascii=False), lambda char: f"\\U{ord(char):08x}")


def to_json(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON."""
    return _visible(json.dumps(value, ensure_ascii=False, indent=indent), lambda char: json.dumps(char)[1:-1])


def _visible(text: str, number: Callable[[str], str]) -> str:
    """Write with its number what is not printable, or would be a command in the log of a runner."""
    text = re.sub(r"#(?=#\w*\[)", r"\\u0023", text) if "##" in text else text
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else number(char) for char in text)


def to_key(key: str) -> str:
    """Write a key as TOML."""
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else to_value(key)


def to_data(value: Any) -> Any:
    """Return the value of a field as a file has it: lists, and a word for nothing."""
    if isinstance(value, tuple):
        return [to_data(each) for each in value]
    return "none" if value is None else value


def edited(source: Source, data: Raw, notation: Notation) -> str:
    """Return the text of changed data; where only plain values change, TOML keeps its comments and its order."""
    if notation == "json" or source.notation == "json" or not source.text:
        return to_text(data, notation)
    try:
        import tomlkit
    except ImportError:
        raise missing("--save of a TOML file", "tomlkit", "save") from None
    document = tomlkit.parse(source.text)
    return f"{document.as_string().rstrip()}\n" if _edit_table(document, data) else to_text(data, notation)


def _edit_table(table: Any, data: Raw) -> bool:
    """Change a table into some data; return whether that is possible by changing plain values."""
    for key in [key for key in table if key not in data]:
        del table[key]
    return all([_edit(table, key, value) for key, value in data.items()])  # noqa: C419  (changes all of them)


def _edit(parent: Any, key: Any, value: Any) -> bool:
    """Change an entry of a table or a list."""
    import tomlkit

    old = parent[key] if isinstance(parent, list) else parent.get(key)
    if old == value:
        return True
    if isinstance(old, tomlkit.items.InlineTable) and isinstance(value, Mapping) and old.keys() != value.keys():
        space = " " if old.as_string().startswith("{ ") else ""  # on one line, spaced as the old one is
        pairs = ", ".join(f"{to_key(name)} = {to_value(each)}" for name, each in value.items())
        parent[key] = tomlkit.parse(f"row = {{{space}{pairs}{space}}}")["row"]
        return not any(map(_has_tables, value.values()))
    if isinstance(old, Mapping) and isinstance(value, Mapping):
        return _edit_table(old, value)
    if isinstance(old, list) and isinstance(value, list) and len(old) == len(value):
        return all([_edit(old, place, each) for place, each in enumerate(value)])  # noqa: C419  (likewise)
    parent[key] = value
    return not _has_tables(value)


def _has_tables(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(map(_has_tables, value)))
