"""The models of an arch file: a named network, its input and its layers."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import PydanticCustomError

from flopcount.errors import MOST_TOLD
from flopcount.spec.fields import (
    FROZEN,
    Count,
    Help,
    Input,
    Layer,
    Line,
    Name,
    Tables,
    sentence,
    unknown,
)
from flopcount.spec.kinds import KINDS, kind_named
from flopcount.spec.rows import Arguments, LayerRow, prepared


def class_named(kind: str) -> type[Layer]:
    """Return the model of a `type`: a kind of layer, or the block; KeyError if there is none."""
    return Block if kind == "Block" else kind_named(kind)


class Room:
    """How many more problems of rows are told when a file is validated, and how many others there are."""

    def __init__(self) -> None:
        self.left, self.untold = MOST_TOLD, 0


def _layer(raw: object, info: ValidationInfo) -> Layer:
    """Validate one row with the model of its type; a row that may hold expressions waits for the plan."""
    if isinstance(raw, Layer):
        return raw
    kind, known, room = "", (*KINDS, "Block"), info.context or Room()
    is_full = room.left <= 0
    if is_full and not (isinstance(raw, Mapping) and raw.get("type") in known):
        room.untold += 1
        return Layer()
    try:
        kind, row = checked_type(raw, known), cast("Mapping[str, Any]", raw)
        fields = {key: value for key, value in row.items() if key != "type"}
        return class_named(kind).model_validate(fields, context=room)
    except (ValidationError, PydanticCustomError) as error:
        number = error.error_count() if isinstance(error, ValidationError) and kind != "Block" else 1
        if is_full:
            room.untold += number
            return Layer()
        room.left -= number
        raise


def checked_type(raw: object, known: Collection[str]) -> str:
    """Return the type of a row; the error is the whole sentence."""
    if not isinstance(raw, Mapping):
        raise sentence("invalid-layer", f"a layer is a table with a type: {_instead(raw)}")
    kind = raw.get("type")
    if not isinstance(kind, str):
        from flopcount.spec.familiar import TYPE

        what = "missing field" if kind is None else "invalid"
        near = next((f"; it is not written {key}" for key in raw if key in TYPE), "")
        raise sentence("missing-type", f'{what} type: expected the name of a kind, such as type = "Conv"{near}')
    if kind not in known:
        from flopcount.spec.translation import kind_hint

        what = f"unknown type {kind[:50]!r}; {kind_hint(kind[:50], [*known], raw)}"
        raise sentence("unknown-type", what)
    return kind


def _instead(raw: object) -> str:
    """Return the row that stands for a line of code; an example of a row if it is none."""
    from flopcount.spec.translation import row_of

    return (row_of(raw) if isinstance(raw, str) else "") or '{ type = "Flatten" }'


ENTRY = "input"
"""The name of what enters a network or a block; no layer may have it."""


def kind_of(layer: Layer) -> str:
    """Return the name of a layer's kind."""
    return layer.type if isinstance(layer, LayerRow) else type(layer).__name__


def called(layer: Layer, position: int) -> str:
    """Return the name of a layer among its siblings: its own, or its kind and position from 1."""
    return layer.name or f"{kind_of(layer)}{position}"


def _not_empty(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    if not layers:
        raise ValueError("empty")
    return layers


Layers = Annotated[
    tuple[SerializeAsAny[Annotated[Layer, PlainValidator(_layer)]], ...],
    AfterValidator(_not_empty),  # min_length would count the layers that are valid
    Help("a list of layers, at least one"),
]
_Inside = Help("no value in a block; set it on the layers inside")
_NONE = Field(description="not allowed in a block; set it on the layers inside")


class Block(Layer):
    """Layers under a common name, once or repeated."""

    layers: Annotated[Layers, Field(description="the layers inside")]
    scale: Annotated[Literal["always"], _Inside, _NONE] = "always"
    shared: Annotated[Literal[False], _Inside, _NONE] = False
    frozen: Annotated[Literal[False], _Inside, _NONE] = False


Fields = Annotated[dict[str, Any], Help("a table of fields and values")]
Implementation = Annotated[dict[Line, Name], Help("a table of kinds or paths, with the call style of each")]


class Template(BaseModel, **FROZEN):
    """A named list of layers with arguments: a kind of layer composed of others."""

    description: Annotated[Line, Field(description="one-line description")] = ""
    required: Annotated[tuple[Name, ...], Help("a list of names"), Field(description="required arguments")] = ()
    arguments: Annotated[Arguments, Field(description="optional arguments with their defaults")] = {}
    layers: Annotated[
        tuple[Any, ...], Help("a list of layers, at least one"), Field(min_length=1, description="the layers inside")
    ]

    @property
    def names(self) -> tuple[str, ...]:
        """All arguments."""
        return (*self.required, *self.arguments)


class Variant(BaseModel, **FROZEN):
    """The same network with other numbers."""

    description: Annotated[Line, Field(description="one-line description")] = ""
    input: Annotated[Input | None, Field(description="other sizes of the input")] = None
    arguments: Annotated[Arguments, Field(description="other values for some arguments")] = {}
    defaults: Annotated[Fields, Field(description="other defaults")] = {}
    written: Annotated[Implementation, Field(description="call styles of this variant")] = {}


class Scaling(BaseModel, **FROZEN):
    """How `--width` changes the number of channels."""

    rule: Annotated[
        Literal["truncate", "divisible"],
        Help('"truncate" or "divisible"'),
        Field(description="truncate, or round to a multiple of divisor but never down by more than 10 %"),
    ] = "divisible"
    divisor: Annotated[Count, Field(description="channels become multiples of it")] = 8
    minimum: Annotated[Count, Field(description="fewest channels")] = 8


def _claim(raw: object) -> object:
    """Refuse unknown keys; `flopcount verify` checks the values, so that a count does not pay for it."""
    from flopcount.spec.claim import Claim

    known = [info.alias or name for name, info in Claim.model_fields.items()]
    for key in raw if isinstance(raw, Mapping) else ():
        if key not in known:
            raise sentence("unknown-key", unknown(key, known), key)
    return raw


def _budget_model() -> type[BaseModel]:
    from flopcount.spec.budget import Budget

    return Budget


_Budget = Annotated[Any, Tables(_budget_model)]


_Layout = Literal["map", "tokens"]
Layout = Annotated[
    _Layout | Annotated[dict[Name, _Layout], Field(min_length=1)] | None,
    Help('"map" (channels first) or "tokens" (channels last), or a table with one of them per input'),
]


def _precision_model() -> type[BaseModel]:
    from flopcount.spec.precision import Precision

    return Precision


class Arch(BaseModel, **FROZEN):
    """A network: what an arch file says, validated and frozen."""

    schema_: Annotated[
        str | None, Help("a link"), Field(alias="$schema", description="link to this schema, for editors")
    ] = None
    name: Annotated[
        str,
        Help("a name made of letters, digits and . _ + -"),
        Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=100, description="name of the network"),
    ] = "network"
    description: Annotated[Line, Field(description="one-line description")] = ""
    input: Annotated[Input, Field(description="channels, then the spatial sizes; or a table of several inputs by name")]
    layout: Annotated[
        Layout,
        Field(
            description='whether an input is a "map", channels first, or "tokens", channels last; by default, what '
            "reads it decides"
        ),
    ] = None
    defaults: Annotated[Fields, Field(description="values for every layer that has the field and does not set it")] = {}
    arguments: Annotated[
        Arguments, Field(description="numbers that the layers may use in expressions, with their values")
    ] = {}
    templates: Annotated[
        dict[Name, Annotated[Template, Tables(lambda: Template)]],
        Help("a table of templates"),
        Field(description="kinds of layers composed of others"),
    ] = {}
    precision: Annotated[
        Annotated[Any, Tables(_precision_model, is_described=True)] | None,
        Help('"int8", or a table of bits, such as {weights = 4, activations = 8}'),
        Field(description="bits of the weights, activations and accumulators, of all layers or of some"),
    ] = None
    scaling: Annotated[
        Scaling | None,
        Tables(lambda: Scaling),
        Help("a table of rule, divisor and minimum"),
        Field(description="how --width changes channels"),
    ] = None
    variants: Annotated[
        dict[str, Annotated[Variant, Tables(lambda: Variant)]],
        Help("a table of variants"),
        Field(description="networks that differ in numbers only, by name"),
    ] = {}
    unknown: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=200)], Count],
        Help("a table of operators with the number of each"),
        Field(description="skipped operators of another tool: the totals are lower bounds"),
    ] = {}
    notes: Annotated[
        tuple[Line, ...],
        Help("a list of lines of text"),
        Field(description="what qualifies the network's numbers: every count says it"),
    ] = ()
    fixed_by: Annotated[
        Line,
        Help("the path of a layer"),
        Field(description="layer of an imported model with a size that holds for the given input only"),
    ] = ""
    budget: Annotated[
        tuple[_Budget, ...],
        BeforeValidator(lambda raw: [raw] if isinstance(raw, Mapping) else raw),
        Help("a table of limits, or a list of such tables"),
        Field(description="limits on the cost, for `flopcount check`"),
    ] = ()
    written: Annotated[
        Implementation,
        Field(description="how a program calls the layers, by kind or path: what other counters see depends on it"),
    ] = {}
    claims: Annotated[
        tuple[Annotated[dict[str, Any], BeforeValidator(_claim)], ...],
        Help("a list of claims"),
        Field(description="published figures with their sources, for `flopcount verify`"),
    ] = ()
    space: Annotated[
        Fields,
        Help("a table of axes and their values"),
        Field(description="axes along which the network varies, with their values; for `flopcount space`"),
    ] = {}
    layers: Annotated[Layers, Field(description="the layers, in the order of the computation")]

    @model_validator(mode="wrap")
    @classmethod
    def _prepare(cls, data: Any, handler: ModelWrapValidatorHandler["Arch"]) -> "Arch":
        """Give each layer the defaults it does not set, and set rows with expressions apart."""
        return handler(prepared(data) if isinstance(data, Mapping) else data)
