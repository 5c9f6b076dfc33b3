"""What only some arch files have: templates, variants, multipliers, published figures."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flopcount.schema.base import Expects, Flag, Input, Line, Name, Positive
from flopcount.schema.rows import Arguments


class Template(BaseModel):
    """A named list of layers with arguments: a kind of layer made of others."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    description: Annotated[Line, Field(description="one line on what it is")] = ""
    required: Annotated[
        tuple[Name, ...], Expects("a list of names"), Field(description="arguments that each use has to give")
    ] = ()
    arguments: Annotated[Arguments, Field(description="arguments with the values they have where not given")] = {}
    layers: Annotated[
        tuple[Any, ...], Expects("a list of layers, at least one"), Field(min_length=1, description="the layers inside")
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
    defaults: Annotated[
        dict[str, Any], Expects("a table of fields and values"), Field(description="other defaults")
    ] = {}
    written: Annotated[
        dict[Line, Name],
        Expects("a table of kinds or paths, with how a program writes them"),
        Field(description="how a program writes this one"),
    ] = {}


class Scaling(BaseModel):
    """How `--width` changes the number of channels."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    rule: Annotated[
        Literal["truncate", "divisible"],
        Expects('"truncate" or "divisible"'),
        Field(description="truncate, or round to a multiple of divisor but never down by over 10 %"),
    ] = "divisible"
    divisor: Annotated[
        Positive, Expects("a whole number from 1 to 10⁹"), Field(description="what channels are multiples of")
    ] = 8
    minimum: Annotated[Positive, Expects("a whole number from 1 to 10⁹"), Field(description="the fewest channels")] = 8


_Printed = Annotated[str, Field(pattern=r"^[0-9][0-9_,]*(\.[0-9]+)? ?(k|K|M|G|B|T|%)?$", max_length=40)]
Figure = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=10**18)] | _Printed,
    Expects('a figure as printed, such as 568740352, "569M" or "4.2M"'),
]
PrintRule = Annotated[
    Literal["exact", "round", "truncate", "ceil"] | None, Expects('"exact", "round", "truncate" or "ceil"')
]


class With(BaseModel):
    """What a claim changes before it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    width: Annotated[float | None, Expects("a decimal above 0"), Field(gt=0, le=1000, description="--width")] = None
    variant: Annotated[str | None, Expects("the name of a variant"), Field(description="--variant")] = None
    set: Annotated[
        tuple[str, ...], Expects("a list of KEY=VALUE"), Field(description="--set, any number of times")
    ] = ()
    standard: Annotated[Flag, Field(description="whether stand-ins become standard convolutions")] = False


class Claim(BaseModel):
    """A published figure, and what it is a figure of."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    source: Annotated[Line, Field(description="paper or repository")]
    table: Annotated[Line, Field(description="table, section or file in the source")] = ""
    input: Annotated[
        Positive | str | None,
        Expects('a size such as 160 or "160x128"'),
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
        Expects('"trainable", "weights", "total", "folded" or "slim"'),
        Field(description="which parameters the source counts"),
    ] = "trainable"
    counts: Annotated[
        Name, Expects("the name of a convention"), Field(description="what the source counts: `flopcount conventions`")
    ] = "macs"
    path: Annotated[
        str | None, Expects("the path of a layer or block"), Field(max_length=200, description="a part of the network")
    ] = None
    leaves: Annotated[
        str | None,
        Expects('a label such as "Conv 1×1", as `--by kernel` shows it'),
        Field(max_length=100, description="only the layers of one kind and kernel"),
    ] = None
    with_: Annotated[
        With, Expects("a table of width, variant, set, standard"), Field(alias="with", description="what is changed")
    ] = With()
    erratum: Annotated[Line, Field(description="why the source is wrong, where it is: the claim need not hold")] = ""
