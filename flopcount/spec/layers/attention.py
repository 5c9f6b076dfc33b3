"""Attention, and the products of matrices it is made of."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Expects, Flag, Layer, NonNegative

Shift = Annotated[
    NonNegative | Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=8)],
    Expects("a whole number from 0 to 10⁹, or a list with one for each spatial axis"),
]


class _Heads(Layer):
    """What every attention has."""

    num_heads: Annotated[Count, Field(description="number of heads")]
    head_dim: Annotated[Count | None, Field(description="size of a head; channels / num_heads if absent")] = None
    bias: Annotated[Flag, Field(description="whether the linear layers have biases")] = True
    qkv_bias: Annotated[Flag | None, Field(description="whether those before the heads have; as bias if absent")] = None


class MultiheadAttention(_Heads):
    """Each token gathers from all tokens, in several heads."""

    embed_dim: Annotated[Count | None, Field(description="number of channels, where it is to be checked")] = None
    num_kv_heads: Annotated[
        Count | None, Field(description="heads of keys and values, shared by the others; num_heads if absent")
    ] = None


class WindowAttention(_Heads):
    """Each position gathers from its window of a map, in several heads."""

    window_size: Annotated[Axes, Field(description="size of a window along each axis")]
    shift_size: Annotated[Shift, Field(description="how far the windows are shifted: no matter for the cost")] = 0
    relative_position: Annotated[
        Flag, Field(description="whether each head has a table of biases for relative positions")
    ] = True


class PatchMerging(Layer):
    """Make channels of 2×2 neighbours, normalise, and halve the channels."""


class MatMul(Layer):
    """Product of two matrices."""

    transpose: Annotated[Flag, Field(description="whether the second is transposed before")] = False
