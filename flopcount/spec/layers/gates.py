"""Layers that weigh the channels or positions of what they read by a gate computed from it."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Flag, Function, Layer, Norm


class SqueezeExcitation(Layer):
    """Weigh each channel by a gate that sees the means of all of them."""

    squeeze_channels: Annotated[Count, Field(description="channels between the two 1×1 convolutions")]
    bias: Annotated[Flag, Field(description="whether the two convolutions have biases")] = True
    norm: Annotated[Norm | None, Field(description="normalisation behind the first convolution")] = None
    activation: Annotated[Function, Field(description="function behind the first convolution")] = "relu"
    gate: Annotated[Function, Field(description="function behind the second convolution")] = "sigmoid"


class ECA(Layer):
    """Weigh each channel by a gate that sees the means of its neighbours."""

    kernel_size: Annotated[Count, Field(description="how many neighbouring channels a gate sees")] = 3


class CBAM(Layer):
    """Weigh the channels, then the positions, by gates that see means and maxima."""

    reduction: Annotated[Count, Field(description="channels for each one between the two 1×1 convolutions")] = 16
    kernel_size: Annotated[Count, Field(description="size of the kernel of the gate over space")] = 7
    bias: Annotated[Flag, Field(description="whether the 1×1 convolutions have biases")] = False
