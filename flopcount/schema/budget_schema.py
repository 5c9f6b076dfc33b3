"""The JSON Schema of limits, in arch files and in a configuration."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flopcount.schema.base import DIALECT
from flopcount.schema.budget import Budget, Configuration
from flopcount.schema.limits import METRICS

Schema = dict[str, Any]

QUANTITY = {"type": ["string", "number"], "minimum": 0}
"""A number, or a text with a unit; which units there are depends on the key, and is checked by `flopcount check`."""


def budget_definitions() -> Schema:
    """Return the definitions of a budget and what is in it."""
    return _definitions(Budget)


def configuration_schema() -> Schema:
    """Return the schema of flopcount.toml, and of what tool.flopcount is in pyproject.toml."""
    definitions = _definitions(Configuration)
    whole = definitions.pop("Configuration")
    return {"$schema": DIALECT, "title": "flopcount configuration", **_untitled(whole), "$defs": definitions}


def _definitions(model: type[BaseModel]) -> Schema:
    _, generated = models_json_schema([(model, "validation")], ref_template="#/$defs/{model}")
    return {name: _untitled(_shorthand(definition)) for name, definition in generated["$defs"].items()}


def _shorthand(definition: Schema) -> Schema:
    """Add the short ways to write what a definition describes: one value for a list of it, a maximum for a limit."""
    properties = definition.get("properties", {})
    for name in METRICS:
        if name in properties:
            properties[name]["anyOf"] = [QUANTITY, properties[name]["anyOf"][0]]
    for name in ("files", "input", "width", "variant"):
        if name in properties:
            words = {"type": "string"} if name in {"files", "variant"} else {"type": ["string", "number"]}
            about = {key: value for key, value in properties[name].items() if key == "description"}
            several = {"type": "array", "items": words, "minItems": 0 if "base" in properties else 1}
            properties[name] = {**about, "anyOf": [words, several]}
    return definition


def _untitled(node: Any) -> Any:
    """Leave out the titles, which repeat the keys, and the defaults that say nothing."""
    if isinstance(node, list):
        return [_untitled(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _untitled(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value in (None, [], {}))
    }
