"""Attention, and the products of matrices it is made of.

In the equations D is the channels, n the tokens that gather, m the tokens they
gather from (n too, in self-attention) and h the heads.
"""

from functools import partial
from typing import NamedTuple

from flopcount.errors import ShapeError
from flopcount.formulas.activation import softmax
from flopcount.formulas.dense import linear
from flopcount.formulas.dims import Axes, Dim, ceil_div, product, split
from flopcount.formulas.layout import token_rows
from flopcount.formulas.needs import Need, divides, equal
from flopcount.formulas.norm import layer_norm
from flopcount.formulas.shape import Shape, per_axis, render
from flopcount.formulas.step import Part, Step, chain, composed
from flopcount.formulas.tally import Tally

_HEADS = "num_heads = {} does not divide the {} channels; choose a divisor of them, or give head_dim"
_SHARED = "num_kv_heads = {} does not divide num_heads = {}; choose a divisor of it"


class _Heads(NamedTuple):
    """Heads that gather, heads that are gathered from, and the size of each."""

    number: Dim
    sources: Dim
    size: Dim
    bias: bool

    @property
    def width(self) -> Dim:
        """Channels of all queries."""
        return self.number * self.size

    @property
    def source_width(self) -> Dim:
        """Channels of all keys, and of all values."""
        return self.sources * self.size

    def projected(self, xs: tuple[Shape, ...]) -> tuple[Part, ...]:
        """Make queries, keys and values: in one linear layer where they come from one input."""
        if len(xs) == 1:
            width = self.width + 2 * self.source_width
            return (Part("qkv", linear(xs[0], out_features=width, bias=self.bias)),)
        widths = (self.width, self.source_width, self.source_width)
        parts = zip("qkv", (*xs, xs[-1])[:3], widths, strict=True)
        return tuple(Part(name, linear(x, out_features=width, bias=self.bias)) for name, x, width in parts)

    def gathered(self, x: Shape, sources: Dim, *added: Part) -> tuple[Part, ...]:
        """Compare queries with keys, and sum values with the weights that gives."""
        scores = Shape((*x.leading[:-1], self.number, x.leading[-1], sources), x.channel_axis + 1)
        gathered = Shape((*scores.leading, self.size), scores.channel_axis)
        return (
            Part("scores", _scaled(_product(scores, self.size), product(x.leading) * self.width)),
            *added,
            Part("softmax", softmax(scores)),
            Part("sum", _product(gathered, sources)),
        )


def _product(y: Shape, inner: Dim) -> Step:
    """Multiply matrices: each element of the result takes as many MACs as the inner size."""
    return Step("MatMul", y, Tally(matmul_mac=y.elements * inner))


def _scaled(scores: Step, queries: Dim) -> Step:
    """Divide the queries by the root of their number, before they are compared."""
    return scores._replace(tally=scores.tally + Tally(query_scale=queries))


def _headed(
    x: Shape, num_heads: Dim, num_kv_heads: Dim | None, head_dim: Dim | None, *, bias: bool
) -> tuple[_Heads, tuple[Need, ...]]:
    """Return the heads, and what must hold for them."""
    sources = num_heads if num_kv_heads is None else num_kv_heads
    shared = divides(sources, num_heads, _SHARED)
    if head_dim is not None:
        return _Heads(num_heads, sources, head_dim, bias), (shared,)
    fits = divides(num_heads, x.channels, _HEADS)
    return _Heads(num_heads, sources, split(x.channels, num_heads), bias), (fits, shared)


def multihead_attention(
    *xs: Shape,
    num_heads: Dim,
    head_dim: Dim | None = None,
    bias: bool = True,
    qkv_bias: bool | None = None,
    embed_dim: Dim | None = None,
    num_kv_heads: Dim | None = None,
) -> Step:
    """Multi-head attention: linear layers to queries, keys and values, two matrix products, one linear layer.

        params = 4·D²  (+ 4·D with bias)
        MACs = n·4·D² + 2·n²·D;  for m tokens of another input 2·(n + m)·D² + 2·n·m·D

    The heads do not change the cost, unless head_dim or num_kv_heads is given.
    One input is self-attention; a second gives keys and values, a third the
    values alone.

    Source: Vaswani et al., Attention is all you need, NIPS 2017, section 3.2.
    """
    x, sources = xs[0], xs[min(len(xs), 2) - 1]
    _readable(xs)
    heads, needs = _headed(x, num_heads, num_kv_heads, head_dim, bias=bias if qkv_bias is None else qkv_bias)
    parts = (*heads.projected(xs), *heads.gathered(x, sources.leading[-1]))
    step = _projected_back("MultiheadAttention", x, heads, parts, bias=bias)
    if embed_dim is not None:
        needs += (equal(embed_dim, x.channels, "embed_dim = {}, but there are {} channels"),)
    return step._replace(needs=(*step.needs, *needs, *_paired(xs)))


def _readable(xs: tuple[Shape, ...]) -> None:
    if len(xs) > 3:  # noqa: PLR2004  (queries, keys and values)
        raise ShapeError(f"MultiheadAttention reads one to three layers, not {len(xs)}")
    for x in xs:
        token_rows(x, "MultiheadAttention")
        if len(x.dims) != len(xs[0].dims):
            raise ShapeError(f"MultiheadAttention cannot pair {render(xs[0].dims)} with {render(x.dims)}")


def _paired(xs: tuple[Shape, ...]) -> tuple[Need, ...]:
    """Need as many values as keys."""
    text = "there are {} keys, but {} values"
    return (equal(xs[1].leading[-1], xs[2].leading[-1], text),) if len(xs) > 2 else ()  # noqa: PLR2004  (values apart)


def _projected_back(kind: str, x: Shape, heads: _Heads, parts: tuple[Part, ...], *, bias: bool) -> Step:
    """Put the heads beside each other again, through a linear layer."""
    y = linear(x.resized(channels=heads.width), out_features=x.channels, bias=bias)
    return composed(kind, y.shape, *parts, Part("proj", y))


def window_attention(
    x: Shape,
    *,
    num_heads: Dim,
    window_size: Axes,
    head_dim: Dim | None = None,
    bias: bool = True,
    qkv_bias: bool | None = None,
    shift_size: Axes = 0,  # noqa: ARG001  (shifted windows cost the same)
    relative_position: bool = True,
) -> Step:
    """Attention within the windows of a map, shifted or not, with a bias for each relative position.

        params = 4·D² + (2·w − 1)²·h  (+ 4·D with bias)
        MACs = positions · (4·D² + 2·w²·D)

    w² is the area of a window. The map has the channels last, and is padded to
    whole windows; positions are those of the padded map.

    Source: Liu et al., Swin Transformer, ICCV 2021, eq. 2 and 4.
    """
    axes = len(window_size) if isinstance(window_size, tuple) else 2
    sizes, window = _grid(x, axes, "WindowAttention"), per_axis(window_size, axes, "window_size")
    windows = product(map(ceil_div, sizes, window))
    tokens = Shape((*x.leading[:-axes], windows, product(window), x.channels), len(x.leading) - axes + 2)
    heads, needs = _headed(x, num_heads, None, head_dim, bias=bias if qkv_bias is None else qkv_bias)
    table = (Part("position", _relative(tokens, window, num_heads)),) if relative_position else ()
    parts = (*heads.projected((tokens,)), *heads.gathered(tokens, tokens.leading[-1], *table))
    step = _projected_back("WindowAttention", tokens, heads, parts, bias=bias)
    return step._replace(shape=x, needs=(*step.needs, *needs))


def _relative(tokens: Shape, window: tuple[Dim, ...], heads: Dim) -> Step:
    """Add to each score what a table says about the two positions."""
    n = tokens.leading[-1]
    scores = Shape((*tokens.leading[:-1], heads, n, n), tokens.channel_axis + 1)
    table = heads * product(2 * size - 1 for size in window)
    return Step("RelativePosition", scores, Tally(add=scores.elements, position=table))


def _grid(x: Shape, axes: int, what: str) -> tuple[Dim, ...]:
    """Return the sizes of a map whose channels are last."""
    if x.spatial or len(x.leading) < axes:
        raise ShapeError(
            f"{what} reads a map of {axes} axes with the channels last, and its input is {render(x.dims)}; "
            "put a ChannelsLast before it"
        )
    return x.leading[-axes:]


def patch_merging(x: Shape) -> Step:
    """Patch merging: the channels of 2×2 neighbours side by side, normalised, then a linear layer to half of them.

        params = 8·M² + 8·M
        MACs = 8·M² · output positions

    The map has the channels last; an odd axis is padded.

    Source: Liu et al., Swin Transformer, ICCV 2021, section 3.1.
    """
    sizes = tuple(ceil_div(size, 2) for size in _grid(x, 2, "PatchMerging"))
    merged = Step("Neighbours", Shape((*x.leading[:-2], *sizes, 4 * x.channels), x.channel_axis), Tally())
    halve = partial(linear, out_features=2 * x.channels, bias=False)
    return chain("PatchMerging", x, ("merge", lambda _: merged), ("norm", layer_norm), ("reduction", halve))


def matmul(*xs: Shape, transpose: bool = False) -> Step:
    """Product of two matrices, or of as many pairs of them as there are copies.

        params = 0
        MACs = n·k·m for n×k times k×m

    The columns are the channels, the rows are the axis before them. A matrix
    may be multiplied with the transpose of another, or of itself.

    Source: torch.matmul.
    """
    one, other = xs if len(xs) == 2 else (xs[0], xs[0])  # noqa: PLR2004  (two factors)
    if len(xs) > 2 or (len(xs) == 1 and not transpose):  # noqa: PLR2004  (two factors)
        raise ShapeError(f'MatMul reads two layers, not {len(xs)}; name them, as in after = ["a", "b"]')
    for x in (one, other):
        token_rows(x, "MatMul")
    if len(one.dims) != len(other.dims):
        raise ShapeError(f"MatMul cannot pair {render(one.dims)} with {render(other.dims)}")
    rows, columns = (other.channels, other.leading[-1]) if transpose else (other.leading[-1], other.channels)
    fits = equal(one.channels, rows, "{} columns of the first cannot meet {} rows of the second")
    copies = zip(one.leading[:-1], other.leading[:-1], strict=True)
    paired = tuple(equal(size, size2, "{} matrices cannot be paired with {}") for size, size2 in copies)
    step = _product(Shape((*one.leading, columns), one.channel_axis), one.channels)
    return step._replace(needs=(fits, *paired))
