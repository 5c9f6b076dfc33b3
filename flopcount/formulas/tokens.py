"""Sequences: making tokens, adding to them, taking one of them or their mean.

A sequence of n tokens with M channels has the shape n×M, the channels last.
"""

from flopcount.formulas.dims import Dim, product
from flopcount.formulas.layout import token_rows
from flopcount.formulas.needs import positive
from flopcount.formulas.pool import averaged
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


def class_token(x: Shape, *, num_tokens: Dim = 1) -> Step:
    """Learned tokens before the others.

        params = M·num_tokens
        MACs = 0

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, eq. 1.
    """
    token_rows(x, "ClassToken")
    y = Shape((*x.leading[:-1], x.leading[-1] + num_tokens, x.channels), x.channel_axis)
    return Step("ClassToken", y, Tally(token=num_tokens * x.channels))


def position_embedding(x: Shape, *, max_positions: Dim | None = None) -> Step:
    """Addition of a learned vector at each position, from a table with a row for each.

        params = M·n  (M·max_positions where that is given)
        MACs = 0; one addition per element

    On a map of space, n is the product of its sizes; a map with the channels
    last is to be made tokens first.

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, eq. 1.
    """
    if not x.spatial:
        token_rows(x, "PositionEmbedding")
    positions = product(x.spatial or x.leading[-1:])
    rows = positions if max_positions is None else max_positions
    text = "max_positions = {} is less than the {} positions there are"
    enough = positive(rows - positions + 1, text, rows, positions)
    return Step("PositionEmbedding", x, Tally(add=x.elements, position=rows * x.channels), needs=(enough,))


def select_token(x: Shape, *, index: Dim = 0) -> Step:
    """One token of all: what a classifier reads.

        params = 0
        MACs = 0

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, eq. 4.
    """
    token_rows(x, "SelectToken")
    inside = positive(
        x.leading[-1] - index, "there is no token {} of {}; they are counted from 0", index, x.leading[-1]
    )
    return Step("SelectToken", _without_tokens(x), Tally(), needs=(inside,))


def mean_tokens(x: Shape) -> Step:
    """Mean of all tokens.

        params = 0
        MACs = 0

    Source: Tolstikhin et al., MLP-Mixer, NeurIPS 2021, section 2 (global average pooling).
    """
    token_rows(x, "MeanTokens")
    y = _without_tokens(x)
    return Step("MeanTokens", y, averaged(x, y))


def _without_tokens(x: Shape) -> Shape:
    return Shape((*x.leading[:-1], x.channels), x.channel_axis - 1)


def embedding(x: Shape, *, num_embeddings: Dim, embedding_dim: Dim) -> Step:
    """Table of vectors, one for each id; every number that enters is an id.

        params = num_embeddings·embedding_dim
        MACs = 0

    An input of [128] is a sequence of 128 ids, and becomes 128 tokens of embedding_dim channels.

    Source: torch.nn.Embedding.
    """
    y = Shape((*x.dims, embedding_dim), len(x.dims))
    return Step("Embedding", y, Tally(embedding_out=y.elements, embedding=num_embeddings * embedding_dim))
