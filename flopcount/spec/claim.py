"""The model of a claim: a published figure with its source."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from flopcount.spec.fields import FROZEN, Flag, Help, Line, Name, Policy, Positive, with_metrics
from flopcount.spec.units import METRICS

_Printed = Annotated[str, Field(pattern=r"^[0-9][0-9_,]*(\.[0-9]+)? ?(k|K|M|G|B|T|%)?$", max_length=40)]
Figure = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=10**18)] | _Printed,
    Help('a figure as printed, such as 568740352, "569M" or "4.2M"'),
]
PrintRule = Annotated[
    Literal["exact", "round", "truncate", "ceil"] | None, Help('"exact", "round", "truncate" or "ceil"')
]


class With(BaseModel, **FROZEN):
    """What a claim changes before it counts."""

    width: Annotated[float | None, Help("a decimal above 0"), Field(gt=0, le=1000, description="--width")] = None
    variant: Annotated[str | None, Help("the name of a variant"), Field(description="--variant")] = None
    set: Annotated[tuple[str, ...], Help("a list of KEY=VALUE"), Field(description="--set, any number of times")] = ()
    standard: Annotated[Flag, Field(description="whether stand-ins become standard convolutions")] = False


@with_metrics(METRICS, lambda name: (Figure | None, Field(None, description=f"{METRICS[name]}, as printed")))
class Claim(BaseModel, **FROZEN):
    """A published figure, and what it is a figure of."""

    source: Annotated[Line, Field(description="paper or repository")]
    table: Annotated[Line, Field(description="table, section or file in the source")] = ""
    input: Annotated[
        Positive | str | None,
        Help('a size such as 160 or "160x128"'),
        Field(description="--input; the file's input if absent"),
    ] = None
    rule: Annotated[
        PrintRule, Field(description="how the source prints: by default round, or exact for a plain integer")
    ] = None
    params_rule: Annotated[PrintRule, Field(description="how it prints parameters, if that differs")] = None
    convention: Annotated[Policy, Field(description="parameters that the source counts")] = "trainable"
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
        With,
        Help("a table of width, variant, set, standard"),
        Field(alias="with", description="changes to the network"),
    ] = With.model_construct()
    erratum: Annotated[Line, Field(description="why the source is wrong, if it is: the claim then need not hold")] = ""
