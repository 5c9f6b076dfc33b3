"""Pooling."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Flag, Layer, Padding


class _Pool(Layer):
    """What every pool with a sliding window has."""

    kernel_size: Annotated[Axes, Field(description="size of the window")]
    stride: Annotated[Axes | None, Field(description="step from one window to the next; the kernel if absent")] = None
    padding: Annotated[Padding, Field(description="what is added around the map")] = 0
    ceil_mode: Annotated[Flag, Field(description="whether a last window may hang over the end")] = False


class MaxPool(_Pool):
    """Maximum over a window."""

    dilation: Annotated[Axes, Field(description="distance between the window's points")] = 1


class AvgPool(_Pool):
    """Mean over a window."""


class AdaptiveAvgPool(Layer):
    """Mean over windows that leave a map of a given size."""

    output_size: Annotated[Axes, Field(description="size of the map it leaves")]


class GlobalAvgPool(Layer):
    """Mean over all of space."""

    keepdim: Annotated[Flag, Field(description="whether the axes stay, each of size 1")] = True


class GlobalMaxPool(Layer):
    """Maximum over all of space."""

    keepdim: Annotated[Flag, Field(description="whether the axes stay, each of size 1")] = True


class AdaptiveMaxPool(Layer):
    """Maximum over windows that leave a map of a given size."""

    output_size: Annotated[Axes, Field(description="size of the map it leaves")]
