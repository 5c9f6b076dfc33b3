"""An arch file as a whole: a named network, its input and its layers."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from flopcount.errors import suggestion
from flopcount.schema.base import Count, Expects, Layer, Line, Positive, own_fields
from flopcount.schema.layers import FAMILIES, kind_named

Raw = Mapping[str, Any]
"""Data as a file gives it, not yet validated."""


def class_named(kind: str) -> type[Layer]:
    """Return the class behind a `type`: a kind of layer, or the block; KeyError if there is none."""
    return Block if kind == "Block" else kind_named(kind)


def _layer(raw: object) -> Layer:
    """Validate one row with the class its type names."""
    if isinstance(raw, Layer):
        return raw
    if not isinstance(raw, Mapping):
        raise PydanticCustomError("layer", 'a layer is a table with a type, such as {type = "Flatten"}')
    kind = raw.get("type")
    if kind is None:
        raise PydanticCustomError("layer", 'type is missing; every layer has one, such as type = "Conv"')
    known = (*FAMILIES, "Block")
    if not isinstance(kind, str) or kind not in known:
        shown = kind if isinstance(kind, str) else type(kind).__name__
        way_out = suggestion(str(shown)[:50], known)
        raise PydanticCustomError(
            "layer", "unknown type {shown}; {way_out}", {"shown": repr(shown[:50]), "way_out": way_out}
        )
    return class_named(kind).model_validate({key: value for key, value in raw.items() if key != "type"})


ENTRY = "input"
"""The name of what enters a network or a block; no layer may have it."""


def _siblings(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    if not layers:
        raise PydanticCustomError("layer", "layers is empty; give at least one layer")
    if any(layer.name == ENTRY for layer in layers) or len(
        {called(layer, position) for position, layer in enumerate(layers, 1)}
    ) < len(layers):
        raise PydanticCustomError("names", "two layers have the same name")
    return layers


def kind_of(layer: Layer) -> str:
    """Return the name of a layer's kind."""
    return type(layer).__name__


def called(layer: Layer, position: int) -> str:
    """Return what a layer is called among its siblings: its name, or its kind and position from 1."""
    return layer.name or f"{kind_of(layer)}{position}"


Layers = Annotated[
    tuple[SerializeAsAny[Annotated[Layer, PlainValidator(_layer)]], ...],
    AfterValidator(_siblings),
    Expects("a list of layers, at least one"),
]


class Block(Layer):
    """Layers under a name of their own, once or several times in a row."""

    repeat: Annotated[Count, Field(description="how many times in a row")] = 1
    layers: Annotated[Layers, Field(description="the layers inside")]


class Arch(BaseModel):
    """A network: what an arch file says, validated and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    schema_: Annotated[
        str | None, Expects("a link"), Field(alias="$schema", description="link to this schema, for editors")
    ] = None
    name: Annotated[
        str,
        Expects("a name of letters, digits and . _ + -"),
        Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=100, description="what the network is called"),
    ] = "network"
    description: Annotated[Line, Field(description="one line on what it is")] = ""
    input: Annotated[
        tuple[Positive, ...],
        Field(min_length=1, max_length=9, description="channels, then the spatial sizes"),
        Expects("a list of whole numbers from 1 to 10⁹: channels, then the spatial sizes"),
    ]
    defaults: Annotated[
        dict[str, Any],
        Expects("a table of fields and values"),
        Field(description="values for every layer that has the field and does not give it"),
    ] = {}
    layers: Annotated[Layers, Field(description="the layers, in the order of the computation")]

    @model_validator(mode="before")
    @classmethod
    def _apply_defaults(cls, data: object) -> object:
        """Give each layer the defaults for the fields it has and does not mention."""
        if not isinstance(data, Mapping) or not isinstance(data.get("defaults"), Mapping):
            return data
        defaults = data["defaults"]
        return {**data, "layers": _filled(data.get("layers"), _Defaults(defaults))}

    @field_validator("layers")
    @classmethod
    def _know_defaults(cls, layers: tuple[Layer, ...], info: ValidationInfo) -> tuple[Layer, ...]:
        """Refuse defaults that no kind could take."""
        if unknown_defaults(info.data.get("defaults", {}), map(kind_of, layers)):
            raise PydanticCustomError("defaults", "no kind has a field that is among the defaults")
        return layers


class _Defaults:
    """The file's defaults, narrowed to the fields each kind has."""

    def __init__(self, defaults: Raw) -> None:
        self.defaults = defaults
        self.narrowed: dict[str, Raw] = {}

    def of(self, kind: object) -> Raw:
        if not isinstance(kind, str) or kind not in FAMILIES:
            return {}
        if kind not in self.narrowed:
            fields = own_fields(kind_named(kind))
            self.narrowed[kind] = {key: value for key, value in self.defaults.items() if key in fields}
        return self.narrowed[kind]


def _filled(layers: object, defaults: _Defaults) -> object:
    if not isinstance(layers, list):
        return layers
    return [_filled_layer(layer, defaults) for layer in layers]


def _filled_layer(layer: object, defaults: _Defaults) -> object:
    if not isinstance(layer, Mapping):
        return layer
    kind = layer.get("type")
    if kind == "Block":
        return {**layer, "layers": _filled(layer.get("layers"), defaults)} if "layers" in layer else layer
    return {**defaults.of(kind), **layer}


def unknown_defaults(defaults: Raw, used: Iterator[str]) -> list[str]:
    """Return the keys of `defaults` that no kind has; the kinds in use are asked first."""
    unknown = set(defaults)
    for kind in (*dict.fromkeys(used), *FAMILIES):
        if not unknown:
            break
        unknown -= set(own_fields(kind_named(kind))) if kind in FAMILIES else set()
    return [key for key in defaults if key in unknown]


def used_kinds(layers: object) -> Iterator[str]:
    """Yield the known kinds among raw layers, blocks looked into."""
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            kind = layer.get("type")
            if isinstance(kind, str) and kind in FAMILIES:
                yield kind
            yield from used_kinds(layer.get("layers"))
