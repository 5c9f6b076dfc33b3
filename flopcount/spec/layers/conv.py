"""Convolutions."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Filtering, Flag, Sliding


class Conv(Filtering):
    """Standard convolution, on any number of spatial axes."""

    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1


class GroupConv(Filtering):
    """Convolution in groups that do not mix."""

    groups: Annotated[Count, Field(description="shares of the channels that do not mix")]


class DepthwiseConv(Sliding):
    """One or more filters of its own for each channel."""

    depth_multiplier: Annotated[Count, Field(description="filters for each channel")] = 1


class DepthSepConv(Filtering):
    """Depthwise convolution, then a 1×1 convolution."""

    depth_multiplier: Annotated[Count, Field(description="depthwise filters for each channel")] = 1
    bias: Annotated[Flag, Field(description="whether the pointwise part has biases")] = True
    depthwise_bias: Annotated[Flag, Field(description="whether the depthwise part has biases")] = False


class HetConv(Filtering):
    """Convolution whose filters mix k×k and 1×1 kernels."""

    p: Annotated[Count, Field(description="one kernel in p is k×k, the others 1×1")]
    kernel_bias: Annotated[Flag, Field(description="whether each kernel of each filter has a bias")] = False
