"""The JSON Schema of an arch file, for editors and other validators."""

from typing import Any

from pydantic.json_schema import models_json_schema

from flopcount.schema.arch import Arch, Block
from flopcount.schema.base import Layer, own_fields
from flopcount.schema.layers import FAMILIES, kind_named

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def arch_schema() -> dict[str, Any]:
    """Return the schema: the arch at the top, one definition per kind of layer."""
    kinds: list[type[Layer]] = [*map(kind_named, FAMILIES), Block]
    models = [(model, "validation") for model in (Arch, *kinds)]
    _, generated = models_json_schema(models, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    definitions: dict[str, Any] = generated["$defs"]
    arch = definitions.pop("Arch")
    for kind in kinds:
        definitions[kind.__name__] = _typed(kind.__name__, definitions[kind.__name__])
    definitions["layer"] = _any_of([kind.__name__ for kind in kinds])
    definitions["Block"]["properties"]["layers"] = _list_of_layers("the layers inside")
    arch["properties"]["layers"] = _list_of_layers("the layers, in the order of the computation")
    arch["properties"]["defaults"] |= {"properties": _fields(kinds, definitions), "additionalProperties": False}
    return {"$schema": DIALECT, **arch, "title": "flopcount arch file", "$defs": definitions}


def _typed(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    """Add the type that tells the kinds apart; only that is required here, since `defaults` may give the rest."""
    properties = {"type": {"const": name}, **definition["properties"]}
    return {**definition, "properties": properties, "required": ["type"]}


def _any_of(names: list[str]) -> dict[str, Any]:
    """Choose the definition by the type, so that an editor complains about the right one."""
    chosen = [{"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"#/$defs/{name}"}} for name in names]
    return {"type": "object", "required": ["type"], "properties": {"type": {"enum": names}}, "allOf": chosen}


def _list_of_layers(text: str) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/layer"}, "description": text}


def _fields(kinds: list[type[Layer]], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return what `defaults` may hold: every field of every kind, one of its schemas each."""
    result: dict[str, Any] = {}
    for kind in kinds:
        properties = definitions[kind.__name__]["properties"]
        for name in own_fields(kind) if kind is not Block else ():
            schema = {key: value for key, value in properties[name].items() if key not in {"default", "title"}}
            known = result.setdefault(name, {"anyOf": []})["anyOf"]
            known += [] if schema in known else [schema]
    return result
