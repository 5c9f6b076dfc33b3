"""Convolutions taken apart into smaller ones in a row."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Filtering, Sliding


class SpatiallySepConv(Filtering):
    """k×1, then 1×k, over all channels."""

    mid_channels: Annotated[Count | None, Field(description="channels between the passes; out_channels if absent")] = (
        None
    )


class SpatiallySepDepthwiseConv(Sliding):
    """k×1, then 1×k, in each channel by itself."""


class FlattenedConv(Filtering):
    """Lines across the channels, down and along the map."""


class LowRankConv(Filtering):
    """A few filters, then a 1×1 convolution that combines them."""

    rank: Annotated[Count, Field(description="number of filters that are combined")]


class TuckerConv(Filtering):
    """1×1 to fewer channels, k×k among those, 1×1 to the output channels."""

    rank_in: Annotated[Count, Field(description="channels that enter the k×k part")]
    rank_out: Annotated[Count, Field(description="channels that leave the k×k part")]


class CPConv(Filtering):
    """1×1 to fewer channels, lines in each of those, 1×1 to the output channels."""

    rank: Annotated[Count, Field(description="channels of the parts in the middle")]
