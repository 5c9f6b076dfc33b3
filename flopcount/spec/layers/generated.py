"""Convolutions whose kernels or sampling points are computed from what they read."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Filtering, Flag, Function, Layer, Norm


class CondConv(Filtering):
    """Experts' kernels, mixed anew for each input."""

    num_experts: Annotated[Count, Field(description="number of kernels that are mixed")]
    routing_bias: Annotated[Flag, Field(description="whether the layer that weighs the experts has biases")] = True
    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1


class DynamicConv(Filtering):
    """Kernels, mixed by an attention over them."""

    kernels: Annotated[Count, Field(description="number of kernels that are mixed")] = 4
    reduction: Annotated[Count, Field(description="input channels over those between the attention's layers")] = 4
    attention_bias: Annotated[Flag, Field(description="whether the attention's last layer has biases")] = False
    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1


class Involution(Layer):
    """A kernel of its own for each position, computed there."""

    kernel_size: Annotated[Axes, Field(description="size of the kernel")]
    groups: Annotated[Count, Field(description="shares of the channels, each with kernels of its own")] = 1
    reduction: Annotated[Count, Field(description="channels over those between the two 1×1 convolutions")] = 4
    stride: Annotated[Axes, Field(description="step from one window to the next")] = 1
    bias: Annotated[Flag, Field(description="whether the computed kernels have a bias")] = True
    kernel_norm: Annotated[Norm | None, Field(description="normalisation between the two 1×1 convolutions")] = None
    kernel_activation: Annotated[Function | None, Field(description="function between the two 1×1 convolutions")] = (
        "relu"
    )
    norm: Annotated[Norm | None, Field(description="normalisation behind the involution")] = None
    activation: Annotated[Function | None, Field(description="function behind the involution")] = None


class DeformConv(Filtering):
    """A second convolution says where each point of the kernel looks."""

    modulated: Annotated[Flag, Field(description="whether each point is weighed too: version 2")] = False
    offset_groups: Annotated[Count, Field(description="shares of the input channels with offsets of their own")] = 1
    offset_bias: Annotated[Flag, Field(description="whether the convolution that computes offsets has biases")] = True
    groups: Annotated[Count, Field(description="shares of the channels that do not mix")] = 1
