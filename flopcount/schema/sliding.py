"""The fields that convolutions share."""

from typing import Annotated

from pydantic import Field

from flopcount.schema.base import Axes, Count, Flag, Function, Layer, Norm, Padding


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
