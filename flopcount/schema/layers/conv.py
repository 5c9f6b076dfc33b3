"""Convolutions."""

from typing import Annotated

from pydantic import Field

from flopcount.schema.base import Axes, Count, Flag, Function, Layer, Norm, Padding


class _Sliding(Layer):
    """What every convolution has."""

    kernel_size: Annotated[Axes, Field(description="size of the kernel")]
    stride: Annotated[Axes, Field(description="step from one window to the next")] = 1
    padding: Annotated[Padding, Field(description="what is added around the map")] = 0
    dilation: Annotated[Axes, Field(description="distance between the kernel's points")] = 1
    bias: Annotated[Flag, Field(description="whether each filter has a bias")] = True
    norm: Annotated[Norm | None, Field(description="normalisation behind the convolution")] = None
    activation: Annotated[Function | None, Field(description="function behind the convolution")] = None


class _Filtering(_Sliding):
    """What a convolution with a free number of filters has."""

    out_channels: Annotated[Count, Field(description="number of filters")]


class Conv(_Filtering):
    """Standard convolution, on any number of spatial axes."""

    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1


class GroupConv(_Filtering):
    """Convolution in groups that do not mix."""

    groups: Annotated[Count, Field(description="shares of the channels that do not mix")]


class DepthwiseConv(_Sliding):
    """One or more filters of its own for each channel."""

    depth_multiplier: Annotated[Count, Field(description="filters for each channel")] = 1


class DepthSepConv(_Filtering):
    """Depthwise convolution, then a 1×1 convolution."""

    depth_multiplier: Annotated[Count, Field(description="depthwise filters for each channel")] = 1
    bias: Annotated[Flag, Field(description="whether the pointwise part has biases")] = True
    depthwise_bias: Annotated[Flag, Field(description="whether the depthwise part has biases")] = False


class HetConv(_Filtering):
    """Convolution whose filters mix k×k and 1×1 kernels."""

    p: Annotated[Count, Field(description="one kernel in p is k×k, the others 1×1")]
    kernel_bias: Annotated[Flag, Field(description="whether each kernel of each filter has a bias")] = False
