"""Layers that say which axis the channels are on; they compute nothing."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Expects, Layer, Positive


class ChannelsLast(Layer):
    """Put the channels behind space: each position becomes a vector."""


class ChannelsFirst(Layer):
    """Put the channels before space again."""

    axes: Annotated[
        Positive,
        Expects("a whole number from 1 to 8"),
        Field(description="how many of the axes before the channels are space", le=8),
    ] = 2


class ToTokens(Layer):
    """Make each position of a map a token: space becomes one axis, before the channels."""


class ToMap(Layer):
    """Lay tokens out as a map of a given size."""

    size: Annotated[Axes, Field(description="size of the map along each axis; one number for a square")]


class Transpose(Layer):
    """Exchange tokens and channels."""
