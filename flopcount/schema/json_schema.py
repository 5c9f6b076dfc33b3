"""The JSON Schema of an arch file, for editors and other validators."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flopcount.schema.arch import Arch, Block
from flopcount.schema.base import DIALECT, Layer, own_fields
from flopcount.schema.budget_schema import budget_definitions
from flopcount.schema.extras import Claim, Scaling, Template, Variant
from flopcount.schema.layers import FAMILIES, kind_named
from flopcount.schema.rows import STRUCTURE

TEMPLATE_NAME = "^[a-z0-9_][A-Za-z0-9_-]*$"
"""A type that starts with a small letter is taken for a template: kinds start with a capital."""

SHORT = 100
"""A value with fewer characters is written out wherever it stands."""

Schema = dict[str, Any]


def arch_schema() -> Schema:
    """Return the schema: the arch at the top, one definition per kind of layer."""
    kinds: list[type[Layer]] = [*map(kind_named, FAMILIES), Block]
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


def _shared(schema: Schema) -> Schema:
    """Say once what many fields take: titles go, and long values become definitions named after a field."""
    values: dict[str, str] = {}
    shared: Schema = {}

    def simplified(node: Any, field: str = "") -> Any:
        if isinstance(node, list):
            return [simplified(each) for each in node]
        if not isinstance(node, dict):
            return node
        inner = {key: simplified(value, key) for key, value in node.items() if not _is_title(key, value)}
        return _reference(field, inner, values, shared) if "anyOf" in inner or "enum" in inner else inner

    result: Schema = simplified(schema)
    result["$defs"] |= shared
    return result


def _is_title(key: str, value: object) -> bool:
    return key == "title" and isinstance(value, str)


def _reference(field: str, node: Schema, values: dict[str, str], shared: Schema) -> Schema:
    """Put the value of a field among the definitions, and keep what is said of the field itself."""
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


def _generated(models: list[type[BaseModel]]) -> Schema:
    pairs: Any = [(model, "validation") for model in models]
    _, generated = models_json_schema(pairs, ref_template="#/$defs/{model}")
    definitions: Schema = generated["$defs"]
    return definitions


def _arch(arch: Schema, defaults: Schema) -> Schema:
    """Give the keys that are validated only when they are used the schemas they have then."""
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


def _typed(name: str, definition: Schema) -> Schema:
    """Add the type that tells the kinds apart; only that is required here, since `defaults` may give the rest."""
    properties = {"type": {"const": name}, **definition["properties"]}
    return {**definition, "properties": properties, "required": ["type"]}


def _type_of(names: list[str]) -> Schema:
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": TEMPLATE_NAME}]}


def _layer(names: list[str]) -> Schema:
    """Choose the definition by the type, so that an editor complains about the right one."""
    chosen = [{"if": _is(name), "then": {"$ref": f"#/$defs/{name}"}} for name in names]
    return {"type": "object", "required": ["type"], "properties": {"type": _type_of(names)}, "allOf": chosen}


def _row(kinds: list[type[Layer]]) -> Schema:
    """Choose the keys by the type; values are not looked at, since they may be expressions."""
    keys = {kind.__name__: [*STRUCTURE, *kind.model_fields] for kind in kinds}
    chosen = [
        {"if": _is(name), "then": {"propertyNames": {"enum": [*dict.fromkeys(known)]}}} for name, known in keys.items()
    ]
    properties = {"type": _type_of([*keys]), "layers": _list_of("row", "the layers inside")}
    return {"type": "object", "required": ["type"], "properties": properties, "allOf": chosen}


def _is(name: str) -> Schema:
    return {"properties": {"type": {"const": name}}}


def _list_of(definition: str, text: str) -> Schema:
    return {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{definition}"}, "description": text}


def _fields(kinds: list[type[Layer]], definitions: Schema) -> Schema:
    """Return what `defaults` may hold: every field of every kind, one of its schemas each."""
    result: Schema = {}
    for kind in kinds:
        properties = definitions[kind.__name__]["properties"]
        for name in own_fields(kind) if kind is not Block else ():
            schema = {key: value for key, value in properties[name].items() if key not in {"default", "title"}}
            known = result.setdefault(name, {"anyOf": []})["anyOf"]
            known += [] if schema in known else [schema]
    return result
