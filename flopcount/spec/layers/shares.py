"""Convolutions that treat shares of the channels differently."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Filtering, Flag, Function, Layer, Norm, Padding, Sliding


class PartialConv(Layer):
    """Convolution of some channels; the others pass."""

    kernel_size: Annotated[Axes, Field(description="size of the kernel")]
    n_div: Annotated[Count, Field(description="one channel in n_div is convolved")] = 4
    padding: Annotated[Padding, Field(description="what is added around the map")] = "same"
    dilation: Annotated[Axes, Field(description="distance between the kernel's points")] = 1
    bias: Annotated[Flag, Field(description="whether each filter has a bias")] = True
    norm: Annotated[Norm | None, Field(description="normalisation of the whole map behind it")] = None
    activation: Annotated[Function | None, Field(description="function of the whole map behind it")] = None


class GhostConv(Filtering):
    """Convolution to few channels, and cheap copies of each."""

    ratio: Annotated[Count, Field(description="output channels over those that are convolved")] = 2
    dw_kernel_size: Annotated[Axes, Field(description="size of the kernel that makes the copies")] = 3


class Res2Conv(Sliding):
    """Shares of the channels, each convolved after it took in the last."""

    scales: Annotated[Count, Field(description="number of shares, one of which passes")]
    pooled: Annotated[Flag, Field(description="whether the share that passes is average-pooled")] = False


class TiedBlockConv(Filtering):
    """The same filters for each block of channels."""

    blocks: Annotated[Count, Field(description="number of blocks of channels")]


class ShiftConv(Layer):
    """Each channel moves by one step of the kernel."""

    kernel_size: Annotated[Axes, Field(description="size of the kernel whose steps are taken")]
    stride: Annotated[Axes, Field(description="step from one window to the next")] = 1
    padding: Annotated[Padding, Field(description="what is added around the map")] = "same"
    dilation: Annotated[Axes, Field(description="distance between the kernel's points")] = 1
