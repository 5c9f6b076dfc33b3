"""Normalisation."""

from typing import Annotated

from pydantic import Field

from flopcount.schema.base import Flag, Layer


class BatchNorm(Layer):
    """One mean, variance, scale and shift per channel."""

    affine: Annotated[Flag, Field(description="whether there are a scale and a shift")] = True
    track_running_stats: Annotated[Flag, Field(description="whether means and variances are kept")] = True
