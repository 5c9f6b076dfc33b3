"""The data of an arch file, written as TOML: one row a layer, blocks indented."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flopcount.errors import Place, UsageError
from flopcount.spec.rows import Raw
from flopcount.spec.source import Source

FIRST = ("type", "name", "after")
"""The keys that a row begins with."""


def written_writing(data: Mapping[str, Any], header: str = "") -> str:
    """Write an arch file; the header becomes comments."""
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    plain = {key: value for key, value in data.items() if key not in {"layers", "templates", "input"}}
    lines += [f"{key} = {_writing_value(value)}" for key, value in plain.items()]
    inputs = data["input"]
    lines += [f"input = {_writing_value(inputs)}"]
    lines += _layers(data["layers"], "")
    for name, template in data.get("templates", {}).items():
        lines += ["", f"[templates.{_key(name)}]"]
        lines += [f"{key} = {_writing_value(value)}" for key, value in template.items() if key != "layers"]
        lines += _layers(template["layers"], "")
    return "\n".join(lines) + "\n"


def as_json(data: Mapping[str, Any]) -> str:
    """Write an arch file as JSON."""
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _layers(layers: list[dict[str, Any]], indent: str) -> Iterator[str]:
    yield f"{indent}layers = ["
    yield from _rows(layers, f"{indent}  ")
    yield f"{indent}]"


def _rows(layers: list[dict[str, Any]], indent: str) -> Iterator[str]:
    for layer in layers:
        keys = [*(key for key in FIRST if key in layer), *(key for key in layer if key not in FIRST)]
        fields = ", ".join(f"{_key(key)} = {_writing_value(layer[key])}" for key in keys if key != "layers")
        if "layers" not in layer:
            yield f"{indent}{{ {fields} }},"
            continue
        yield f"{indent}{{ {fields}, layers = ["
        yield from _rows(layer["layers"], f"{indent}  ")
        yield f"{indent}] }},"


def _writing_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_writing_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_writing_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)


# Arch files as texts that are changed: what stays keeps its order and, in TOML, its comments.


def document(source: Source, path: str) -> Any:
    """Parse a text once more, so that it can be written as it was; refuse a name with the other ending."""
    notation, ending = source.notation, Path(path).suffix.lower()
    if ending in {".toml", ".json"} and ending != f".{notation}":
        raise UsageError(f"--save {path}: the network is written in {notation}; give a name that ends in .{notation}")
    if notation == "json":
        return json.loads(source.text)
    try:
        import tomlkit
    except ImportError:
        raise UsageError("--save of a TOML file needs tomlkit; install flopcount[save]") from None
    return tomlkit.parse(source.text) if source.text else _document_of(source.data)


def _document_of(data: Raw) -> Any:
    """Write what was read from a file of another tool, which is no text that could be kept."""
    import tomlkit

    return tomlkit.parse(tomlkit.dumps(data))


def text(data: Any) -> str:
    """Write a document."""
    if hasattr(data, "as_string"):
        return f"{str(data.as_string()).rstrip()}\n"
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def at(data: Any, place: Iterable[str | int]) -> Any:
    """Return what stands at a place."""
    for key in place:
        data = data[key]
    return data


def written_documents(value: Any) -> Any:
    """Return a value as a file has it: lists, and a word for nothing."""
    if isinstance(value, tuple):
        return [written_documents(each) for each in value]
    return "none" if value is None else value


def put(data: Any, place: Place, row: Raw) -> None:
    """Exchange a row: keys that stay keep their place and their comments."""
    *around, last = place
    rows = at(data, around)
    old = rows[last]
    if type(old).__name__ == "InlineTable":
        rows[last] = _inline(old, row)
        return
    for key in [key for key in old if key not in row]:
        del old[key]
    for key, value in row.items():
        if key not in old or old[key] != value:
            old[key] = value


def _inline(old: Any, row: Raw) -> Any:
    """Write a table on one line, spaced as the old one is."""
    import tomlkit

    space = " " if old.as_string().startswith("{ ") else ""
    pairs = (f"{key} = {tomlkit.item(value).as_string().strip()}" for key, value in row.items())
    return tomlkit.parse(f"row = {{{space}{', '.join(pairs)}{space}}}")["row"]


def bring(data: Any, wanted: Raw) -> None:
    """Change a document into what is wanted; what is the same is not touched."""
    for key in [key for key in data if key not in wanted]:
        del data[key]
    for key, value in wanted.items():
        bring_entry(data, key, value)


def bring_entry(data: Any, key: str | int, value: Any) -> None:
    """Change one entry of a table or a list."""
    old = data[key] if isinstance(key, int) or key in data else None
    if old == value:
        return
    if isinstance(old, Mapping) and isinstance(value, Mapping):
        if type(old).__name__ == "InlineTable" and not value.keys() <= old.keys():
            data[key] = _inline(old, value)
        else:
            bring(old, value)
    elif isinstance(old, list) and isinstance(value, list) and len(old) == len(value):
        for place, each in enumerate(value):
            bring_entry(old, place, each)
    else:
        data[key] = value


def with_layers(data: Any, rows: list[Raw]) -> str:
    """Write a document with other layers: where the old ones were a list in their place, else at the end."""
    if not hasattr(data, "as_string"):
        return text({**data, "layers": rows})
    if type(data["layers"]).__name__ == "Array":
        import tomlkit

        data["layers"] = tomlkit.parse(f"layers = {_lines(rows, '')}")["layers"]
        return text(data)
    del data["layers"]
    tables = ("\n".join(("[[layers]]", *_pairs(row, ""), "")) for row in rows)
    return "\n".join((text(data).rstrip() + "\n", *tables))


def _pairs(row: Raw, indent: str) -> Iterator[str]:
    for key, value in row.items():
        yield f"{key} = {_lines(value, indent) if key == 'layers' else _documents_value(value)}"


def _lines(rows: list[Raw], indent: str) -> str:
    """Write rows as a list with a table on each line, those of a block further in."""
    inner = f"{indent}  "
    return "\n".join(("[", *(f"{inner}{{ {', '.join(_pairs(row, inner))} }}," for row in rows), f"{indent}]"))


def _documents_value(value: Any) -> str:
    """Write a plain value: JSON and TOML agree on all that a row may have."""
    return json.dumps(value, ensure_ascii=False)
