"""Convolutions that leave a larger map."""

from typing import Annotated, Literal

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Expects, Filtering, NonNegative, Pair

Growing = Annotated[
    Literal["same", "valid"]
    | NonNegative
    | Annotated[tuple[NonNegative | Pair, ...], Field(min_length=1, max_length=8)],
    Expects(
        '"same", "valid", a whole number from 0 to 10⁹, '
        "or a list with a number or a [before, after] pair for each spatial axis"
    ),
]
Extra = Annotated[
    NonNegative | Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=8)],
    Expects("a whole number from 0 to 10⁹, or a list with one for each spatial axis"),
]


class ConvTranspose(Filtering):
    """Every input position spreads a kernel over the output."""

    stride: Annotated[Axes, Field(description="step from one input's kernel to the next, in the output")] = 1
    padding: Annotated[Growing, Field(description="what is taken away around the output")] = 0
    output_padding: Annotated[Extra, Field(description="what is added at the end of the output")] = 0
    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1


class SubPixelConv(Filtering):
    """Convolution to many channels, dealt out over space."""

    upscale_factor: Annotated[Count, Field(description="by how much each axis grows")]
