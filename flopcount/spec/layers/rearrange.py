"""Layers that move numbers about and compute nothing."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Layer, Pads, Probability


class Flatten(Layer):
    """Lay out channels and space as one vector."""


class Identity(Layer):
    """Leave everything as it is."""


class Dropout(Layer):
    """Drop elements while training."""

    p: Annotated[Probability, Field(description="share of the elements that is dropped")] = 0.5


class ChannelShuffle(Layer):
    """Deal the channels of all groups out evenly."""

    groups: Annotated[Count, Field(description="number of groups the channels come in")]


class Pad(Layer):
    """Add a border around space."""

    padding: Annotated[Pads, Field(description="width of the border")]


class Crop(Layer):
    """Cut a border off space."""

    cropping: Annotated[Pads, Field(description="width of the border")]
