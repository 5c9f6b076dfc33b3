"""An arch file as a whole: a named network, its input and its layers."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from flopcount.errors import suggestion
from flopcount.schema.base import Count, Expects, Layer, Name, Positive, own_fields
from flopcount.schema.layers import FAMILIES, kind_named
from flopcount.schema.rows import Arguments, Row, Template, row, row_problems

Raw = Mapping[str, Any]
"""Data as a file gives it, not yet validated."""


def class_named(kind: str) -> type[Layer]:
    """Return the class behind a `type`: a kind of layer, or the block; KeyError if there is none."""
    return Block if kind == "Block" else kind_named(kind)


def _layer(raw: object) -> Layer:
    """Validate one row with the class its type names; a row that may hold expressions waits for the plan."""
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
    return layer.type if isinstance(layer, Row) else type(layer).__name__


def called(layer: Layer, position: int) -> str:
    """Return what a layer is called among its siblings: its name, or its kind and position from 1."""
    return layer.name or f"{kind_of(layer)}{position}"


Layers = Annotated[
    tuple[SerializeAsAny[Annotated[Layer, PlainValidator(_layer)]], ...],
    AfterValidator(_siblings),
    Expects("a list of layers, at least one"),
]


Sizes = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=9)]


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
    description: Annotated[
        str,
        Expects("a line of text"),
        Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$", description="one line on what it is"),
    ] = ""
    input: Annotated[
        Sizes | Annotated[dict[Name, Sizes], Field(min_length=1)],
        Field(description="channels, then the spatial sizes; or a table of several inputs by name"),
        Expects("a list of whole numbers from 1 to 10⁹: channels, then the spatial sizes; or a table of such lists"),
    ]
    defaults: Annotated[
        dict[str, Any],
        Expects("a table of fields and values"),
        Field(description="values for every layer that has the field and does not give it"),
    ] = {}
    arguments: Annotated[
        Arguments, Field(description="numbers the layers may use in expressions, with their values")
    ] = {}
    templates: Annotated[
        dict[Name, Template],
        Expects("a table of templates"),
        Field(description="kinds of layers made of others"),
    ] = {}
    layers: Annotated[Layers, Field(description="the layers, in the order of the computation")]

    @model_validator(mode="wrap")
    @classmethod
    def _prepare(cls, data: Any, handler: ModelWrapValidatorHandler["Arch"]) -> "Arch":
        """Give each layer the defaults it does not mention, and set rows with expressions apart."""
        if not isinstance(data, Mapping):
            return handler(data)
        arch = handler(_prepared(data))
        if ("templates" in data or "arguments" in data) and row_problems(data):
            raise PydanticCustomError("rows", "a row of a template is wrong")
        return arch

    @field_validator("layers")
    @classmethod
    def _know_defaults(cls, layers: tuple[Layer, ...], info: ValidationInfo) -> tuple[Layer, ...]:
        """Refuse defaults that no kind could take."""
        if unknown_defaults(info.data.get("defaults", {}), map(kind_of, layers)):
            raise PydanticCustomError("defaults", "no kind has a field that is among the defaults")
        return layers


class _Preparation:
    """What turns raw rows into those to validate: the file's defaults, and the names of its templates."""

    def __init__(self, data: Raw) -> None:
        defaults, templates = data.get("defaults"), data.get("templates")
        self.defaults: Raw = defaults if isinstance(defaults, Mapping) else {}
        self.templates: Raw = templates if isinstance(templates, Mapping) else {}
        self.narrowed: dict[str, Raw] = {}

    def of(self, kind: object) -> Raw:
        if not isinstance(kind, str) or kind not in FAMILIES:
            return {}
        if kind not in self.narrowed:
            fields = own_fields(kind_named(kind))
            self.narrowed[kind] = {key: value for key, value in self.defaults.items() if key in fields}
        return self.narrowed[kind]

    def rows(self, layers: object, *, templated: bool) -> Any:
        """Prepare a list of rows; what is not a list is left for validation to refuse."""
        if not isinstance(layers, list):
            return layers
        return [self.row(layer, templated=templated) for layer in layers]

    def body(self, template: object) -> object:
        if not isinstance(template, Mapping):
            return template
        return {**template, "layers": self.rows(template.get("layers"), templated=True)}

    def row(self, layer: object, *, templated: bool) -> object:
        if not isinstance(layer, Mapping):
            return layer
        kind = layer.get("type")
        inner = self.rows(layer.get("layers"), templated=templated)
        if templated or (isinstance(kind, str) and kind in self.templates):
            known = tuple(each for each in inner if isinstance(each, Row)) if isinstance(inner, list) else ()
            return row(layer, self.of(kind), known, templated=templated)
        if kind == "Block":
            return {**layer, "layers": inner} if "layers" in layer else layer
        return {**self.of(kind), **layer}


def _prepared(data: Raw) -> Raw:
    preparation = _Preparation(data)
    bodies = {name: preparation.body(raw) for name, raw in preparation.templates.items()}
    layers = preparation.rows(data.get("layers"), templated=bool(data.get("arguments")))
    return {**data, **({"templates": bodies} if bodies else {}), **({"layers": layers} if "layers" in data else {})}


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
