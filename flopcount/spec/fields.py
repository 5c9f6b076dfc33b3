"""What all layers have in common, and the types their fields are made of.

Every type carries an `Expects`: the words for what it takes, from which one
sentence is made where a value does not fit.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

from flopcount.errors import plain, suggestion

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


# The fields that convolutions share.


class Sliding(Layer):
    """What every convolution has."""

    kernel_size: Annotated[Axes, Field(description="size of the kernel")]
    stride: Annotated[Axes, Field(description="step from one window to the next")] = 1
    padding: Annotated[Padding, Field(description="what is added around the map")] = 0
    dilation: Annotated[Axes, Field(description="distance between the kernel's points")] = 1
    bias: Annotated[Flag, Field(description="whether each filter has a bias")] = True
    norm: Annotated[Norm | None, Field(description="normalisation behind the convolution")] = None
    activation: Annotated[Function | None, Field(description="function behind the convolution")] = None


class Filtering(Sliding):
    """What a convolution with a free number of filters has."""

    out_channels: Annotated[Count, Field(description="number of filters")]


# How values and fields are written in a sentence about them.


LONGEST = 60
"""Characters of a bad value that a message shows."""


def shown(value: object) -> str:
    """Write a value as a file would, shortened where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"a number of about 10^{int(value.bit_length() * 0.30103)}"
    try:
        written = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
        text = plain(f'"{value}"' if isinstance(value, str) else written)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def expected(model: type[BaseModel], field: str) -> str:
    """Return the words for what a field takes: those nearest to the field."""
    info = model.model_fields[field]
    words = [note.words for note in info.metadata if isinstance(note, Expects)]
    return words[-1] if words else _inner_words(info.annotation)


def _inner_words(annotation: object) -> str:
    """Look for the words inside an optional annotation."""
    for part in getattr(annotation, "__args__", ()):
        for note in getattr(part, "__metadata__", ()):
            if isinstance(note, Expects):
                return note.words
    return "another value"


def field_sentence(field: str, model: type[BaseModel], raw: Mapping[str, Any], detail: ErrorDetails) -> str:
    """Say what is wrong with a field of a table that is no layer."""
    name = next((name for name, info in model.model_fields.items() if info.alias == field), field)
    if name not in model.model_fields:
        return f"unknown key {shown(field)}; {suggestion(field, [*model.model_fields])}"
    if detail["type"] == "missing":
        return f"{field} is missing; give {field} = {expected(model, name)}"
    return f"{field} = {shown(raw.get(field))} is not possible; it takes {expected(model, name)}"
