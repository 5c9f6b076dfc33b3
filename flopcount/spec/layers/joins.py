"""Layers that bring several others together, or take one apart."""

from typing import Annotated, Literal

from pydantic import Field

from flopcount.spec.fields import Count, Expects, Function, Layer, NonNegative

Index = Annotated[NonNegative, Expects("a whole number from 0 to 10⁹")]
Axis = Annotated[
    Literal["channels", "tokens"] | NonNegative,
    Expects('"channels", "tokens", or the number of a spatial axis, counted from 0'),
]


class Add(Layer):
    """Add two or more layers of one shape, element by element."""

    activation: Annotated[Function | None, Field(description="function behind the addition")] = None


class Mul(Layer):
    """Multiply the first layer by others, which may have size 1 where it has more."""


class Concat(Layer):
    """Put two or more layers one after the other along an axis."""

    axis: Annotated[Axis, Field(description="along what: the channels, the tokens, or a spatial axis")] = "channels"


class Slice(Layer):
    """Some of the channels, from one to before another."""

    start: Annotated[Index, Field(description="the first channel that is kept, counted from 0")] = 0
    stop: Annotated[Count | None, Field(description="the first channel that is not; all up to the end if absent")] = (
        None
    )


class Split(Layer):
    """One of equal shares of the channels."""

    sections: Annotated[Count, Field(description="number of shares")]
    index: Annotated[Index, Field(description="which share, counted from 0")] = 0


class PadChannels(Layer):
    """Add channels of zeros."""

    padding: Annotated[Index, Field(description="how many channels are added in all")]
