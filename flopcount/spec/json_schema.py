"""The JSON Schema of an arch file, for editors and other validators."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flopcount.spec.arch import Arch, Block, Scaling, Template, Variant
from flopcount.spec.budget import LIMITED, Budget, Configuration, When
from flopcount.spec.claim import Claim, With
from flopcount.spec.fields import DIALECT, Layer, own_fields
from flopcount.spec.kinds import KINDS, kind_named
from flopcount.spec.rows import STRUCTURE

JsonSchema = dict[str, Any]

QUANTITY = {"type": ["string", "number"], "minimum": 0}
"""A number, or a text with a unit; `flopcount check` checks the unit, which depends on the key."""


def configuration_schema() -> JsonSchema:
    """Return the schema of flopcount.toml, and of tool.flopcount in pyproject.toml."""
    definitions = _definitions(Configuration)
    whole = definitions.pop("Configuration")
    return {"$schema": DIALECT, "title": "flopcount configuration", **_untitled(whole), "$defs": definitions}


def _definitions(model: type[BaseModel]) -> JsonSchema:
    return {name: _untitled(_shorthand(definition)) for name, definition in _generated(model).items()}


def _generated(*models: type[BaseModel]) -> JsonSchema:
    for model in (With, When):  # instances of them are defaults, which are written out
        model.model_rebuild()
    pairs: Any = [(model, "validation") for model in models]
    definitions: JsonSchema = models_json_schema(pairs, ref_template="#/$defs/{model}")[1]["$defs"]
    return definitions


def _shorthand(definition: JsonSchema) -> JsonSchema:
    """Add the short forms of a definition: one value for a list, a maximum for a limit."""
    properties = definition.get("properties", {})
    for name in LIMITED:
        if name in properties:
            properties[name]["anyOf"] = [QUANTITY, properties[name]["anyOf"][0]]
    for name in ("files", "input", "width", "variant", "training"):
        if name in properties:
            types = {"input": ["string", "number"], "width": ["string", "number"], "training": ["boolean", "string"]}
            words = {"type": types.get(name, "string")}
            about = {key: value for key, value in properties[name].items() if key == "description"}
            several = {"type": "array", "items": words, "minItems": 0 if "base" in properties else 1}
            properties[name] = {**about, "anyOf": [words, several]}
    return definition


def _untitled(node: Any, dropped: tuple[Any, ...] = (None, [], {})) -> Any:
    """Drop titles, which repeat the keys, and empty defaults."""
    if isinstance(node, list):
        return [_untitled(each, dropped) for each in node]
    if not isinstance(node, dict):
        return node
    kept = ((key, value) for key, value in node.items() if not (key == "title" and isinstance(value, str)))
    return {key: _untitled(value, dropped) for key, value in kept if not (key == "default" and value in dropped)}


TEMPLATE_NAME = "^[a-z0-9_][A-Za-z0-9_-]*$"
"""The name of a template in the schema: kinds start with a capital letter."""

SHORT = 100
"""Values with fewer characters are written out wherever they occur."""


def arch_schema() -> JsonSchema:
    """Return the schema: the arch at the top, one definition per kind of layer."""
    kinds: list[type[Layer]] = [*map(kind_named, KINDS), Block]
    definitions = _generated(Arch, Template, Variant, Scaling, Claim, *kinds)
    arch = definitions.pop("Arch")
    keys = {kind.__name__: [*dict.fromkeys((*STRUCTURE, *kind.model_fields))] for kind in kinds}
    for name in keys:  # only the type is required here, since `defaults` may give the rest
        properties = {"type": {"const": name}, **definitions[name]["properties"]}
        definitions[name] |= {"properties": properties, "required": ["type"]}
    definitions["layer"] = _chosen(keys, lambda name: {"$ref": f"#/$defs/{name}"})
    inside = _list_of("row", "the layers inside")  # their values are not checked, since they may be expressions
    definitions["row"] = _chosen(keys, lambda name: {"propertyNames": {"enum": keys[name]}}, layers=inside)
    definitions["Block"]["properties"]["layers"] = _list_of("layer", "the layers inside")
    definitions["Template"]["properties"]["layers"] = _list_of("row", "the layers inside; values may be expressions")
    defaults = {"type": "object", "properties": _fields(kinds, definitions), "additionalProperties": False}
    definitions["Variant"]["properties"]["defaults"] |= defaults
    whole = _untitled({"$schema": DIALECT, **_arch(arch, defaults), "$defs": definitions}, ())
    schema = {"title": "flopcount arch file", **_shared(whole)}
    schema["$defs"] |= _definitions(Budget)
    return schema


def _shared(schema: JsonSchema) -> JsonSchema:
    """Make long values that occur often into definitions named after a field."""
    values: dict[str, str] = {}
    shared: JsonSchema = {}

    def simplified(node: Any, field: str = "") -> Any:
        if isinstance(node, list):
            return [simplified(each) for each in node]
        if not isinstance(node, dict):
            return node
        inner = {key: simplified(value, key) for key, value in node.items()}
        return _reference(field, inner, values, shared) if "anyOf" in inner or "enum" in inner else inner

    result: JsonSchema = simplified(schema)
    result["$defs"] |= shared
    return result


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


def _arch(arch: JsonSchema, defaults: JsonSchema) -> JsonSchema:
    """Give the keys that are validated lazily the schemas of their models."""
    properties = arch["properties"]
    properties["defaults"] |= defaults
    properties["templates"] |= {"additionalProperties": {"$ref": "#/$defs/Template"}}
    properties["variants"] |= {"additionalProperties": {"$ref": "#/$defs/Variant"}}
    properties["scaling"] = {"$ref": "#/$defs/Scaling", "description": properties["scaling"]["description"]}
    several = {"anyOf": [{"$ref": "#/$defs/Budget"}, {"type": "array", "items": {"$ref": "#/$defs/Budget"}}]}
    properties["budget"] = {"description": properties["budget"]["description"], **several}
    properties["claims"]["items"] = {"$ref": "#/$defs/Claim"}
    properties["space"]["additionalProperties"] = {"type": ["array", "string", "object"]}
    layers = _list_of("layer", "the layers, in the order of the computation")
    properties["layers"] = {"description": layers["description"]}
    rows = _list_of("row", "the layers; values may be expressions over the arguments")
    then, otherwise = ({"properties": {"layers": each}} for each in (rows, layers))
    return {**arch, "if": {"required": ["arguments"]}, "then": then, "else": otherwise}


def _chosen(names: Iterable[str], then: Callable[[str], JsonSchema], **properties: JsonSchema) -> JsonSchema:
    """Choose the schema of a row by its type, so that an editor reports the right one."""
    kinds = {"anyOf": [{"enum": [*names]}, {"type": "string", "pattern": TEMPLATE_NAME}]}
    chosen = [{"if": {"properties": {"type": {"const": name}}}, "then": then(name)} for name in names]
    return {"type": "object", "required": ["type"], "properties": {"type": kinds, **properties}, "allOf": chosen}


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
