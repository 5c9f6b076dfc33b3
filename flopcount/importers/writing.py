"""The data of an arch file, written as TOML: one row a layer, blocks indented."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

FIRST = ("type", "name", "after")
"""The keys that a row begins with."""


def written(data: Mapping[str, Any], header: str = "") -> str:
    """Write an arch file; the header becomes comments."""
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    plain = {key: value for key, value in data.items() if key not in {"layers", "templates", "input"}}
    lines += [f"{key} = {_value(value)}" for key, value in plain.items()]
    inputs = data["input"]
    lines += [f"input = {_value(inputs)}"]
    lines += _layers(data["layers"], "")
    for name, template in data.get("templates", {}).items():
        lines += ["", f"[templates.{_key(name)}]"]
        lines += [f"{key} = {_value(value)}" for key, value in template.items() if key != "layers"]
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
        fields = ", ".join(f"{_key(key)} = {_value(layer[key])}" for key in keys if key != "layers")
        if "layers" not in layer:
            yield f"{indent}{{ {fields} }},"
            continue
        yield f"{indent}{{ {fields}, layers = ["
        yield from _rows(layer["layers"], f"{indent}  ")
        yield f"{indent}] }},"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)
