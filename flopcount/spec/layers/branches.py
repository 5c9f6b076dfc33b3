"""Convolutions with branches of different kernels, added or side by side."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Expects, Filtering, Flag, Function, Layer, Norm, Positive

Counts = Annotated[
    tuple[Positive, ...],
    Field(min_length=1, max_length=64),
    Expects("a list of whole numbers from 1 to 10⁹, one for each part"),
]


class DualConv(Filtering):
    """Group convolution with a full 1×1 convolution beside it."""

    groups: Annotated[Count, Field(description="shares of the channels that only the 1×1 kernels mix")]


class ACConv(Filtering):
    """k×k, k×1 and 1×k beside each other, as while training."""


class RepVGGConv(Filtering):
    """k×k, 1×1 and perhaps the input itself, added, as while training."""

    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1
    identity: Annotated[Flag, Field(description="whether the input itself is added")] = False


class MixConv(Layer):
    """A kernel size for each share of the channels, depthwise."""

    kernel_sizes: Annotated[Counts, Field(description="size of the kernel for each share of the channels")]
    stride: Annotated[Axes, Field(description="step from one window to the next")] = 1
    dilation: Annotated[Axes, Field(description="distance between the kernel's points")] = 1
    bias: Annotated[Flag, Field(description="whether each filter has a bias")] = True
    norm: Annotated[Norm | None, Field(description="normalisation behind the convolution")] = None
    activation: Annotated[Function | None, Field(description="function behind the convolution")] = None


class PyConv(MixConv):
    """Several kernel sizes side by side."""

    out_channels: Annotated[Count, Field(description="number of filters, of all sizes together")]
    kernel_sizes: Annotated[Counts, Field(description="size of the kernel at each level")]
    groups: Annotated[Counts, Field(description="shares of the channels that do not mix, at each level")]
    shares: Annotated[
        Counts | None, Field(description="parts of the output channels that each level makes; equal if absent")
    ] = None
