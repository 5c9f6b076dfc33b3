"""An arch file as a whole: a named network, its input and its layers."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

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
from flopcount.spec.fields import Count, Flag, Help, Input, Layer, Line, Name, Positive
from flopcount.spec.kinds import KINDS, kind_named
from flopcount.spec.rows import Arguments, Row, prepared, unknown_defaults


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
    known = (*KINDS, "Block")
    if not isinstance(kind, str):
        raise PydanticCustomError("layer", 'type is not a word; every layer has one, such as type = "Conv"')
    if kind not in known:
        way_out = suggestion(kind[:50], known)
        raise PydanticCustomError(
            "layer", "unknown type {shown}; {way_out}", {"shown": repr(kind[:50]), "way_out": way_out}
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
    Help("a list of layers, at least one"),
]


CLAIM_KEYS = frozenset(
    (
        *("source", "table", "input", "path", "leaves", "with"),
        *("params", "macs", "rule", "params_rule", "convention", "counts", "erratum"),
    )
)


def _when_present(model: str) -> Callable[[object], Any]:
    """Return a validator that imports and builds its model only for a file that has such a thing."""

    def validate(raw: object) -> Any:
        return globals()[model].model_validate(raw)

    return validate


def _budgets(raw: object) -> Any:
    """Validate limits with the classes that only files with limits need."""
    from flopcount.spec.budget import budgets

    return budgets(raw)


def _claim(claim: dict[str, Any]) -> dict[str, Any]:
    """Refuse unknown keys; the rest is for `flopcount verify`, so that a count does not pay for it."""
    for key in claim:
        if key not in CLAIM_KEYS:
            way_out = suggestion(key, sorted(CLAIM_KEYS))
            raise PydanticCustomError("layer", "a claim has no {key}; {way_out}", {"key": key, "way_out": way_out})
    return claim


_Inside = Help("no value in a block; write it in the layers inside")
_NONE = Field(description="nothing: it is said of the layers inside")


class Block(Layer):
    """Layers under a name of their own, once or several times in a row."""

    repeat: Annotated[Count, Field(description="how many times in a row")] = 1
    layers: Annotated[Layers, Field(description="the layers inside")]
    scale: Annotated[Literal["always"], _Inside, _NONE] = "always"
    shared: Annotated[Literal[False], _Inside, _NONE] = False
    frozen: Annotated[Literal[False], _Inside, _NONE] = False


class Arch(BaseModel):
    """A network: what an arch file says, validated and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    schema_: Annotated[
        str | None, Help("a link"), Field(alias="$schema", description="link to this schema, for editors")
    ] = None
    name: Annotated[
        str,
        Help("a name of letters, digits and . _ + -"),
        Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=100, description="what the network is called"),
    ] = "network"
    description: Annotated[Line, Field(description="one line on what it is")] = ""
    input: Annotated[Input, Field(description="channels, then the spatial sizes; or a table of several inputs by name")]
    defaults: Annotated[
        dict[str, Any],
        Help("a table of fields and values"),
        Field(description="values for every layer that has the field and does not give it"),
    ] = {}
    arguments: Annotated[
        Arguments, Field(description="numbers the layers may use in expressions, with their values")
    ] = {}
    templates: Annotated[
        dict[Name, Annotated[Any, PlainValidator(_when_present("Template"))]],
        Help("a table of templates"),
        Field(description="kinds of layers made of others"),
    ] = {}
    scaling: Annotated[
        Any,
        PlainValidator(_when_present("Scaling")),
        Help("a table of rule, divisor and minimum"),
        Field(description="how --width changes channels"),
    ] = None
    variants: Annotated[
        dict[str, Annotated[Any, PlainValidator(_when_present("Variant"))]],
        Help("a table of variants"),
        Field(description="networks that differ in numbers only, by name"),
    ] = {}
    unknown: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=200)], Count],
        Help("a table of operators, with how often each occurs"),
        Field(description="operators of another tool that were left out: the totals are at least so much"),
    ] = {}
    fixed_by: Annotated[
        Line,
        Help("the path of a layer"),
        Field(description="layer of an imported model with a size that holds for the given input only"),
    ] = ""
    budget: Annotated[
        tuple[Any, ...],
        PlainValidator(_budgets),
        Help("a table of limits, or a list of such tables"),
        Field(description="what the network may cost, for `flopcount check`"),
    ] = ()
    written: Annotated[
        dict[Line, Name],
        Help("a table of kinds or paths, with how a program writes them"),
        Field(description="how a program writes the layers, by kind or path: what other counters see follows from it"),
    ] = {}
    claims: Annotated[
        tuple[Annotated[dict[str, Any], AfterValidator(_claim)], ...],
        Help("a list of claims"),
        Field(description="published figures, with their sources; what they say is checked when they are verified"),
    ] = ()
    space: Annotated[
        dict[str, Any],
        Help("a table of axes and their values"),
        Field(description="axes along which the network varies, with their values; for `flopcount space`"),
    ] = {}
    layers: Annotated[Layers, Field(description="the layers, in the order of the computation")]

    @model_validator(mode="wrap")
    @classmethod
    def _prepare(cls, data: Any, handler: ModelWrapValidatorHandler["Arch"]) -> "Arch":
        """Give each layer the defaults it does not mention, and set rows with expressions apart."""
        if not isinstance(data, Mapping):
            return handler(data)
        arch = handler(prepared(data))
        if any(key in data for key in ("templates", "arguments", "variants")):
            from flopcount.spec.rows import row_problems

            if row_problems(data):
                raise PydanticCustomError("rows", "a row of a template is wrong")
        return arch

    @field_validator("layers")
    @classmethod
    def _know_defaults(cls, layers: tuple[Layer, ...], info: ValidationInfo) -> tuple[Layer, ...]:
        """Refuse defaults that no kind could take."""
        if unknown_defaults(info.data.get("defaults", {}), map(kind_of, layers)):
            raise PydanticCustomError("defaults", "no kind has a field that is among the defaults")
        return layers


# What only some arch files have: templates, variants, multipliers, published figures.


class Template(BaseModel):
    """A named list of layers with arguments: a kind of layer made of others."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    description: Annotated[Line, Field(description="one line on what it is")] = ""
    required: Annotated[
        tuple[Name, ...], Help("a list of names"), Field(description="arguments that each use has to give")
    ] = ()
    arguments: Annotated[Arguments, Field(description="arguments with the values they have where not given")] = {}
    layers: Annotated[
        tuple[Any, ...], Help("a list of layers, at least one"), Field(min_length=1, description="the layers inside")
    ]

    @property
    def names(self) -> tuple[str, ...]:
        """All arguments."""
        return (*self.required, *self.arguments)


class Variant(BaseModel):
    """The same network with other numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    description: Annotated[Line, Field(description="one line on what it is")] = ""
    input: Annotated[Input | None, Field(description="other sizes of the input")] = None
    arguments: Annotated[Arguments, Field(description="other values for some arguments")] = {}
    defaults: Annotated[dict[str, Any], Help("a table of fields and values"), Field(description="other defaults")] = {}
    written: Annotated[
        dict[Line, Name],
        Help("a table of kinds or paths, with how a program writes them"),
        Field(description="how a program writes this one"),
    ] = {}


class Scaling(BaseModel):
    """How `--width` changes the number of channels."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rule: Annotated[
        Literal["truncate", "divisible"],
        Help('"truncate" or "divisible"'),
        Field(description="truncate, or round to a multiple of divisor but never down by over 10 %"),
    ] = "divisible"
    divisor: Annotated[
        Positive, Help("a whole number from 1 to 10⁹"), Field(description="what channels are multiples of")
    ] = 8
    minimum: Annotated[Positive, Help("a whole number from 1 to 10⁹"), Field(description="the fewest channels")] = 8


_Printed = Annotated[str, Field(pattern=r"^[0-9][0-9_,]*(\.[0-9]+)? ?(k|K|M|G|B|T|%)?$", max_length=40)]
Figure = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=10**18)] | _Printed,
    Help('a figure as printed, such as 568740352, "569M" or "4.2M"'),
]
PrintRule = Annotated[
    Literal["exact", "round", "truncate", "ceil"] | None, Help('"exact", "round", "truncate" or "ceil"')
]


class With(BaseModel):
    """What a claim changes before it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    width: Annotated[float | None, Help("a decimal above 0"), Field(gt=0, le=1000, description="--width")] = None
    variant: Annotated[str | None, Help("the name of a variant"), Field(description="--variant")] = None
    set: Annotated[tuple[str, ...], Help("a list of KEY=VALUE"), Field(description="--set, any number of times")] = ()
    standard: Annotated[Flag, Field(description="whether stand-ins become standard convolutions")] = False


class Claim(BaseModel):
    """A published figure, and what it is a figure of."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    source: Annotated[Line, Field(description="paper or repository")]
    table: Annotated[Line, Field(description="table, section or file in the source")] = ""
    input: Annotated[
        Positive | str | None,
        Help('a size such as 160 or "160x128"'),
        Field(description="--input; that of the file where not given"),
    ] = None
    params: Annotated[Figure | None, Field(description="parameters as printed")] = None
    macs: Annotated[Figure | None, Field(description="multiply-accumulates as printed")] = None
    rule: Annotated[
        PrintRule, Field(description="how the source prints: round where not given, exact for a plain integer")
    ] = None
    params_rule: Annotated[PrintRule, Field(description="how it prints parameters, where that differs")] = None
    convention: Annotated[
        Literal["trainable", "weights", "total", "folded", "slim"],
        Help('"trainable", "weights", "total", "folded" or "slim"'),
        Field(description="which parameters the source counts"),
    ] = "trainable"
    counts: Annotated[
        Name, Help("the name of a convention"), Field(description="what the source counts: `flopcount conventions`")
    ] = "macs"
    path: Annotated[
        str | None, Help("the path of a layer or block"), Field(max_length=200, description="a part of the network")
    ] = None
    leaves: Annotated[
        str | None,
        Help('a label such as "Conv 1×1", as `--by kernel` shows it'),
        Field(max_length=100, description="only the layers of one kind and kernel"),
    ] = None
    with_: Annotated[
        With, Help("a table of width, variant, set, standard"), Field(alias="with", description="what is changed")
    ] = With()
    erratum: Annotated[Line, Field(description="why the source is wrong, where it is: the claim need not hold")] = ""
