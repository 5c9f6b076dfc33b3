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


BudgetSchemaSchema = dict[str, Any]

QUANTITY = {"type": ["string", "number"], "minimum": 0}
"""A number, or a text with a unit; which units there are depends on the key, and is checked by `flopcount check`."""


def budget_definitions() -> BudgetSchemaSchema:
    """Return the definitions of a budget and what is in it."""
    return _definitions(Budget)


def configuration_schema() -> BudgetSchemaSchema:
    """Return the schema of flopcount.toml, and of what tool.flopcount is in pyproject.toml."""
    definitions = _definitions(Configuration)
    whole = definitions.pop("Configuration")
    return {"$schema": DIALECT, "title": "flopcount configuration", **_untitled(whole), "$defs": definitions}


def _definitions(model: type[BaseModel]) -> BudgetSchemaSchema:
    _, generated = models_json_schema([(model, "validation")], ref_template="#/$defs/{model}")
    return {name: _untitled(_shorthand(definition)) for name, definition in generated["$defs"].items()}


def _shorthand(definition: BudgetSchemaSchema) -> BudgetSchemaSchema:
    """Add the short ways to write what a definition describes: one value for a list of it, a maximum for a limit."""
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


TEMPLATE_NAME = "^[a-z0-9_][A-Za-z0-9_-]*$"
"""A type that starts with a small letter is taken for a template: kinds start with a capital."""

SHORT = 100
"""A value with fewer characters is written out wherever it stands."""

JsonSchemaSchema = dict[str, Any]


def arch_schema() -> JsonSchemaSchema:
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


def _shared(schema: JsonSchemaSchema) -> JsonSchemaSchema:
    """Say once what many fields take: titles go, and long values become definitions named after a field."""
    values: dict[str, str] = {}
    shared: JsonSchemaSchema = {}

    def simplified(node: Any, field: str = "") -> Any:
        if isinstance(node, list):
            return [simplified(each) for each in node]
        if not isinstance(node, dict):
            return node
        inner = {key: simplified(value, key) for key, value in node.items() if not _is_title(key, value)}
        return _reference(field, inner, values, shared) if "anyOf" in inner or "enum" in inner else inner

    result: JsonSchemaSchema = simplified(schema)
    result["$defs"] |= shared
    return result


def _is_title(key: str, value: object) -> bool:
    return key == "title" and isinstance(value, str)


def _reference(
    field: str, node: JsonSchemaSchema, values: dict[str, str], shared: JsonSchemaSchema
) -> JsonSchemaSchema:
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


def _generated(models: list[type[BaseModel]]) -> JsonSchemaSchema:
    pairs: Any = [(model, "validation") for model in models]
    _, generated = models_json_schema(pairs, ref_template="#/$defs/{model}")
    definitions: JsonSchemaSchema = generated["$defs"]
    return definitions


def _arch(arch: JsonSchemaSchema, defaults: JsonSchemaSchema) -> JsonSchemaSchema:
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


def _typed(name: str, definition: JsonSchemaSchema) -> JsonSchemaSchema:
    """Add the type that tells the kinds apart; only that is required here, since `defaults` may give the rest."""
    properties = {"type": {"const": name}, **definition["properties"]}
    return {**definition, "properties": properties, "required": ["type"]}


def _type_of(names: list[str]) -> JsonSchemaSchema:
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": TEMPLATE_NAME}]}


def _layer(names: list[str]) -> JsonSchemaSchema:
    """Choose the definition by the type, so that an editor complains about the right one."""
    chosen = [{"if": _is(name), "then": {"$ref": f"#/$defs/{name}"}} for name in names]
    return {"type": "object", "required": ["type"], "properties": {"type": _type_of(names)}, "allOf": chosen}


def _row(kinds: list[type[Layer]]) -> JsonSchemaSchema:
    """Choose the keys by the type; values are not looked at, since they may be expressions."""
    keys = {kind.__name__: [*STRUCTURE, *kind.model_fields] for kind in kinds}
    chosen = [
        {"if": _is(name), "then": {"propertyNames": {"enum": [*dict.fromkeys(known)]}}} for name, known in keys.items()
    ]
    properties = {"type": _type_of([*keys]), "layers": _list_of("row", "the layers inside")}
    return {"type": "object", "required": ["type"], "properties": properties, "allOf": chosen}


def _is(name: str) -> JsonSchemaSchema:
    return {"properties": {"type": {"const": name}}}


def _list_of(definition: str, text: str) -> JsonSchemaSchema:
    return {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{definition}"}, "description": text}


def _fields(kinds: list[type[Layer]], definitions: JsonSchemaSchema) -> JsonSchemaSchema:
    """Return what `defaults` may hold: every field of every kind, one of its schemas each."""
    result: JsonSchemaSchema = {}
    for kind in kinds:
        properties = definitions[kind.__name__]["properties"]
        for name in own_fields(kind) if kind is not Block else ():
            schema = {key: value for key, value in properties[name].items() if key not in {"default", "title"}}
            known = result.setdefault(name, {"anyOf": []})["anyOf"]
            known += [] if schema in known else [schema]
    return result
