"""Normalisation."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Flag, Layer


class BatchNorm(Layer):
    """One mean, variance, scale and shift per channel."""

    affine: Annotated[Flag, Field(description="whether there are a scale and a shift")] = True
    track_running_stats: Annotated[Flag, Field(description="whether means and variances are kept")] = True
    gamma: Annotated[Flag, Field(description="whether there is a scale, where it is affine")] = True
    beta: Annotated[Flag, Field(description="whether there is a shift, where it is affine")] = True


class LayerNorm(Layer):
    """Normalise over the channels at each position."""

    elementwise_affine: Annotated[Flag, Field(description="whether there is a scale per channel")] = True
    bias: Annotated[Flag, Field(description="whether there is a shift per channel, beside the scale")] = True
    gamma: Annotated[Flag, Field(description="whether there is a scale per channel, beside the shift")] = True


class GroupNorm(Layer):
    """Normalise over space and a group of the channels."""

    num_groups: Annotated[Count, Field(description="number of groups of the channels")]
    affine: Annotated[Flag, Field(description="whether there are a scale and a shift per channel")] = True
    gamma: Annotated[Flag, Field(description="whether there is a scale, where it is affine")] = True
    beta: Annotated[Flag, Field(description="whether there is a shift, where it is affine")] = True


class InstanceNorm(Layer):
    """Normalise over space, channel by channel."""

    affine: Annotated[Flag, Field(description="whether there are a scale and a shift per channel")] = False
    track_running_stats: Annotated[Flag, Field(description="whether means and variances are kept")] = False


class RMSNorm(Layer):
    """Divide by the root mean square of the channels at each position."""

    elementwise_affine: Annotated[Flag, Field(description="whether there is a scale per channel")] = True


class LocalResponseNorm(Layer):
    """Divide by a sum of squares over neighbouring channels."""

    size: Annotated[Count, Field(description="how many neighbouring channels are summed")]


class DataNorm(Layer):
    """Normalise with the mean and variance of a data set."""

    track_stats: Annotated[Flag, Field(description="whether they are kept, with the number of samples")] = True
    per_channel: Annotated[Flag, Field(description="whether each channel has its own")] = True
