"""Octave convolution."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Filtering, Padding, Probability


class OctaveConv(Filtering):
    """Convolution of which part of the channels lives at half the resolution."""

    padding: Annotated[Padding, Field(description="what is added around the map")] = "same"
    alpha_in: Annotated[Probability, Field(description="share of the input channels at half the resolution")] = 0.5
    alpha_out: Annotated[Probability, Field(description="share of the output channels at half the resolution")] = 0.5
