"""Convolutions that look at space and at the channels in separate parts."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Filtering, Flag, Probability


class GroupPointwiseConv(Filtering):
    """Group convolution that keeps the channels, then a 1×1 convolution."""

    groups: Annotated[Count, Field(description="shares of the channels that do not mix in the first part")]
    bias: Annotated[Flag, Field(description="whether the pointwise part has biases")] = True
    group_bias: Annotated[Flag, Field(description="whether the group part has biases")] = False


class BSConvU(Filtering):
    """1×1 convolution, then a depthwise one."""


class BSConvS(Filtering):
    """Two 1×1 convolutions through fewer channels, then a depthwise one."""

    p: Annotated[Probability, Field(description="channels of the subspace over input channels")] = 0.25
    min_mid_channels: Annotated[Count, Field(description="least channels of the subspace")] = 4


class Conv2Plus1D(Filtering):
    """Convolution over space, then over time."""

    mid_channels: Annotated[
        Count | None, Field(description="channels between; if absent, for as many weights as a full convolution")
    ] = None
