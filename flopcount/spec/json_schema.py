"""The JSON Schema of an arch file, for editors and other validators."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flopcount.spec.arch import Arch, Block, Claim, Scaling, Template, Variant
from flopcount.spec.budget import LIMITED, Budget, Configuration
from flopcount.spec.fields import DIALECT, Layer, own_fields
from flopcount.spec.kinds import KINDS, kind_named
from flopcount.spec.rows import STRUCTURE

# The JSON Schema of limits, in arch files and in a configuration.


JsonSchema = dict[str, Any]

QUANTITY = {"type": ["string", "number"], "minimum": 0}
"""A number, or a text with a unit; `flopcount check` checks the unit, which depends on the key."""


def budget_definitions() -> JsonSchema:
    """Return the definitions of a budget and of the tables in it."""
    return _definitions(Budget)


def configuration_schema() -> JsonSchema:
    """Return the schema of flopcount.toml, and of tool.flopcount in pyproject.toml."""
    definitions = _definitions(Configuration)
    whole = definitions.pop("Configuration")
    return {"$schema": DIALECT, "title": "flopcount configuration", **_untitled(whole), "$defs": definitions}


def _definitions(model: type[BaseModel]) -> JsonSchema:
    _, generated = models_json_schema([(model, "validation")], ref_template="#/$defs/{model}")
    return {name: _untitled(_shorthand(definition)) for name, definition in generated["$defs"].items()}


def _shorthand(definition: JsonSchema) -> JsonSchema:
    """Add the short forms of a definition: one value for a list, a maximum for a limit."""
    properties = definition.get("properties", {})
    for name in LIMITED:
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
    """Drop titles, which repeat the keys, and empty defaults."""
    if isinstance(node, list):
        return [_untitled(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _untitled(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value in (None, [], {}))
    }


TEMPLATE_NAME = "^[a-z0-9_][A-Za-z0-9_-]*$"
"""The name of a template in the schema: kinds start with a capital letter."""

SHORT = 100
"""Values with fewer characters are written out wherever they occur."""


def arch_schema() -> JsonSchema:
    """Return the schema: the arch at the top, one definition per kind of layer."""
    kinds: list[type[Layer]] = [*map(kind_named, KINDS), Block]
    definitions = _generated([Arch, Template, Variant, Scaling, Claim, *kinds])
    arch = definitions.pop("Arch")
    for kind in kinds:
        definitions[kind.__name__] = _typed(kind.__name__, definitions[kind.__name__])
    definitions["layer"] = _layer([kind.__name__ for kind in kinds])
    definitions["row"] = _row(kinds)
    definitions["Block"]["properties"]["layers"] = _list_of("layer", "the layers inside")
    definitions["Template"]["properties"]["layers"] = _list_of("row", "the layers inside; values may be expressions")
    defaults = {"type": "object", "properties": _fields(kinds, definitions), "additionalProperties": False}
    definitions["Variant"]["properties"]["defaults"] |= defaults
    whole = {"$schema": DIALECT, **_arch(arch, defaults), "$defs": definitions}
    schema = {"title": "flopcount arch file", **_shared(whole)}
    schema["$defs"] |= budget_definitions()
    return schema


def _shared(schema: JsonSchema) -> JsonSchema:
    """Drop titles, and make long values that occur often into definitions named after a field."""
    values: dict[str, str] = {}
    shared: JsonSchema = {}

    def simplified(node: Any, field: str = "") -> Any:
        if isinstance(node, list):
            return [simplified(each) for each in node]
        if not isinstance(node, dict):
            return node
        inner = {key: simplified(value, key) for key, value in node.items() if not _is_title(key, value)}
        return _reference(field, inner, values, shared) if "anyOf" in inner or "enum" in inner else inner

    result: JsonSchema = simplified(schema)
    result["$defs"] |= shared
    return result


def _is_title(key: str, value: object) -> bool:
    return key == "title" and isinstance(value, str)


def _reference(field: str, node: JsonSchema, values: dict[str, str], shared: JsonSchema) -> JsonSchema:
    """Move the value of a field to the definitions, and keep its description and default."""
    own = {key: value for key, value in node.items() if key in {"description", "default"}}
    value = {key: value for key, value in node.items() if key not in own}
    text = json.dumps(value, sort_keys=True)
    if not field or len(text) < SHORT:
        return node
    if text not in values:
        number = sum(name.startswith(f"{field}_value") for name in shared)
        values[text] = f"{field}_value{number + 1 if number else ''}"
        shared[values[text]] = value
    return {**own, "$ref": f"#/$defs/{values[text]}"}


def _generated(models: list[type[BaseModel]]) -> JsonSchema:
    pairs: Any = [(model, "validation") for model in models]
    _, generated = models_json_schema(pairs, ref_template="#/$defs/{model}")
    definitions: JsonSchema = generated["$defs"]
    return definitions


def _arch(arch: JsonSchema, defaults: JsonSchema) -> JsonSchema:
    """Give the keys that are validated lazily the schemas of their models."""
    properties = arch["properties"]
    properties["defaults"] |= defaults
    properties["templates"] |= {"additionalProperties": {"$ref": "#/$defs/Template"}}
    properties["variants"] |= {"additionalProperties": {"$ref": "#/$defs/Variant"}}
    properties["scaling"] = {"$ref": "#/$defs/Scaling", "description": properties["scaling"]["description"]}
    budget = {"$ref": "#/$defs/Budget"}
    properties["budget"] = {
        "description": properties["budget"]["description"],
        "anyOf": [budget, {"type": "array", "items": budget}],
    }
    properties["claims"]["items"] = {"$ref": "#/$defs/Claim"}
    properties["space"]["additionalProperties"] = {"type": ["array", "string", "object"]}
    layers = _list_of("layer", "the layers, in the order of the computation")
    properties["layers"] = {"description": layers["description"]}
    rows = _list_of("row", "the layers; values may be expressions over the arguments")
    choice = {
        "if": {"required": ["arguments"]},
        "then": {"properties": {"layers": rows}},
        "else": {"properties": {"layers": layers}},
    }
    return {**arch, **choice}


def _typed(name: str, definition: JsonSchema) -> JsonSchema:
    """Add the type that tells the kinds apart; only that is required here, since `defaults` may give the rest."""
    properties = {"type": {"const": name}, **definition["properties"]}
    return {**definition, "properties": properties, "required": ["type"]}


def _type_of(names: list[str]) -> JsonSchema:
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": TEMPLATE_NAME}]}


def _layer(names: list[str]) -> JsonSchema:
    """Choose the definition by the type, so that an editor reports the right one."""
    chosen = [{"if": _is(name), "then": {"$ref": f"#/$defs/{name}"}} for name in names]
    return {"type": "object", "required": ["type"], "properties": {"type": _type_of(names)}, "allOf": chosen}


def _row(kinds: list[type[Layer]]) -> JsonSchema:
    """Choose the keys by the type; values are not checked, since they may be expressions."""
    keys = {kind.__name__: [*STRUCTURE, *kind.model_fields] for kind in kinds}
    chosen = [
        {"if": _is(name), "then": {"propertyNames": {"enum": [*dict.fromkeys(known)]}}} for name, known in keys.items()
    ]
    properties = {"type": _type_of([*keys]), "layers": _list_of("row", "the layers inside")}
    return {"type": "object", "required": ["type"], "properties": properties, "allOf": chosen}


def _is(name: str) -> JsonSchema:
    return {"properties": {"type": {"const": name}}}


def _list_of(definition: str, text: str) -> JsonSchema:
    return {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{definition}"}, "description": text}


def _fields(kinds: list[type[Layer]], definitions: JsonSchema) -> JsonSchema:
    """Return what `defaults` may contain: every field of every kind, with any of its schemas."""
    result: JsonSchema = {}
    for kind in kinds:
        properties = definitions[kind.__name__]["properties"]
        for name in own_fields(kind) if kind is not Block else ():
            schema = {key: value for key, value in properties[name].items() if key not in {"default", "title"}}
            known = result.setdefault(name, {"anyOf": []})["anyOf"]
            known += [] if schema in known else [schema]
    return result
