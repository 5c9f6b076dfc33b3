"""What all layers have in common, and the types their fields are made of.

Every type carries an `Expects`: the words for what it takes, from which one
sentence is made where a value does not fit.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The language of the JSON Schemas."""

LARGEST = 10**9
"""No size, count or repeat in a file may be larger."""


class Expects(NamedTuple):
    """The words for what a field takes; read by error messages and by `flopcount kinds`."""

    words: str


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


def _or_none(word: str) -> str | None:
    """Take "none" for what it says: TOML has no null."""
    return None if word == "none" else word


Positive = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
NonNegative = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=100),
    Expects("a name of letters, digits, _ and -"),
]
Count = Annotated[Positive, Expects("a whole number from 1 to 10⁹")]
Axes = Annotated[
    Positive | Annotated[tuple[Positive, ...], Field(min_length=1, max_length=8)],
    Expects("a whole number from 1 to 10⁹, or a list with one for each spatial axis"),
]
Pair = Annotated[tuple[NonNegative, NonNegative], Field(min_length=2, max_length=2)]
Pads = Annotated[
    NonNegative | Annotated[tuple[NonNegative | Pair, ...], Field(min_length=1, max_length=8)],
    Expects("a whole number from 0 to 10⁹, or a list with a number or a [before, after] pair for each spatial axis"),
]
Padding = Annotated[
    Literal["same", "valid", "valid-round"]
    | NonNegative
    | Annotated[tuple[NonNegative | Pair, ...], Field(min_length=1, max_length=8)],
    Expects(
        '"same", "valid", "valid-round", a whole number from 0 to 10⁹, '
        "or a list with a number or a [before, after] pair for each spatial axis"
    ),
]
Flag = Annotated[bool, Field(strict=True), Expects("true or false")]
Line = Annotated[str, Field(max_length=1000), AfterValidator(_printable), Expects("a line of text")]
Probability = Annotated[float, Field(strict=True, ge=0, le=1), Expects("a number from 0 to 1")]
Norm = Annotated[
    Literal["none", "batch", "layer", "group", "instance", "rms"],
    AfterValidator(_or_none),
    Expects('"batch", "layer", "group", "instance", "rms", or "none" where the defaults have one'),
]
Function = Annotated[
    Literal[
        "none",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "sigmoid",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "tanh",
        "softplus",
        "softsign",
    ],
    AfterValidator(_or_none),
    Expects('the name of a function in torch.nn.functional: "relu", "relu6", "hardswish", "silu", "gelu", …'),
]


Sizes = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=9)]
Input = Annotated[
    Sizes | Annotated[dict[Name, Sizes], Field(min_length=1)],
    Expects("a list of whole numbers from 1 to 10⁹: channels, then the spatial sizes; or a table of such lists"),
]


class Layer(BaseModel):
    """One row of a network: what every kind has."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: Annotated[Name | None, Field(description="what this layer is called among its siblings")] = None
    after: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...] | None,
        Expects("a list of the names of earlier layers"),
        Field(description="the earlier layers this one reads, instead of the one above it", min_length=1),
    ] = None
    scale: Annotated[
        Literal["always", "never", "up"],
        Expects('"always", "never" or "up"'),
        Field(description="whether --width changes the channels: always, never, or only to more"),
    ] = "always"
    shared: Annotated[
        Flag | dict[str, Positive],
        Expects("true, or a table of sorts of params with how many of each: { weight = 64, bias = 64 }"),
        Field(description="whether its params are another layer's, which counts them; or how many of each sort are"),
    ] = False
    frozen: Annotated[Flag, Field(description="whether its params are not trained")] = False


def own_fields(kind: type[Layer]) -> tuple[str, ...]:
    """Return the fields that are a kind's own: the options of its formula."""
    return tuple(name for name in kind.model_fields if name not in Layer.model_fields)
