"""Learned scales and shifts, and what only training does."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Layer, Probability


class LayerScale(Layer):
    """One learned scale per channel."""


class Affine(Layer):
    """One learned scale and one learned shift per channel."""


class PReLU(Layer):
    """ReLU with a learned slope below zero."""

    num_parameters: Annotated[Count, Field(description="how many slopes: 1, or one per channel")] = 1


class StochasticDepth(Layer):
    """Drop the whole branch while training."""

    p: Annotated[Probability, Field(description="how often the branch is dropped")] = 0.0
