"""Sequences: making tokens, adding to them, taking one of them or their mean."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Expects, Layer, NonNegative


class ClassToken(Layer):
    """Learned tokens before the others."""

    num_tokens: Annotated[Count, Field(description="how many tokens are put before the others")] = 1


class PositionEmbedding(Layer):
    """Add a learned vector at each position."""

    max_positions: Annotated[
        Count | None, Field(description="rows of the table, of which the first are used; one per position if absent")
    ] = None


class SelectToken(Layer):
    """Take one token."""

    index: Annotated[
        NonNegative, Expects("a whole number from 0 to 10⁹"), Field(description="which token, counted from 0")
    ] = 0


class MeanTokens(Layer):
    """Take the mean of all tokens."""


class Embedding(Layer):
    """Look each id up in a table of vectors."""

    num_embeddings: Annotated[Count, Field(description="rows of the table: how many ids there are")]
    embedding_dim: Annotated[Count, Field(description="size of each vector")]
