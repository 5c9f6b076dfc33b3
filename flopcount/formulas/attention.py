"""Attention, and the products of matrices it is made of.

In the equations D is the channels, n the query tokens, m the key and value
tokens (m = n in self-attention) and h the heads.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from flopcount.errors import ShapeError
from flopcount.formulas.kept import INPUT, INPUTS, TRAINED_INPUT, USED_WEIGHT
from flopcount.formulas.kept import WEIGHT as WEIGHTS
from flopcount.formulas.norm import activation as activated
from flopcount.formulas.norm import layer_norm, softmax
from flopcount.formulas.numbers import Axes, Dim, ceil_div, exact_div, maximum, product, total, where
from flopcount.formulas.pool import averaged
from flopcount.formulas.shape import Constraint, Shape, divides, equal, per_axis, positive, render
from flopcount.formulas.step import WEIGHT, Part, Product, Step, Tally, chain, composed
from flopcount.formulas.tensor import token_rows


def linear(x: Shape, *, out_features: Dim, bias: bool = True) -> Step:
    """Linear layer: every output reads every channel.

        params = M·out_features  (+ out_features with bias)
        MACs = M·out_features, at every position

    A feature map must be flattened or pooled first.

    Source: Howard et al., MobileNets, arXiv:1704.04861, table 2 (fully connected).
    """
    if x.spatial:
        raise ShapeError(
            f"Linear expects a flat input, got {render(x.dims)}; "
            "add a Flatten before it, or use a Conv with kernel_size = 1"
        )
    y = x.resized(channels=out_features)
    weights = x.channels * out_features
    biases: Dim = out_features if bias else 0
    macs, adds = weights * x.positions, biases * x.positions
    return Step("Linear", y, Tally(linear_mac=macs, linear_bias_add=adds, weight=weights, bias=biases))


_HEADS = "num_heads = {} does not divide the {} channels; choose a divisor, or set head_dim"
_SHARED = "num_kv_heads = {} does not divide num_heads = {}; choose a divisor"


class _Heads(NamedTuple):
    """Query heads, key and value heads, and the size of each."""

    number: Dim
    sources: Dim
    size: Dim
    bias: bool

    @property
    def width(self) -> Dim:
        """Channels of all queries."""
        return self.number * self.size

    def projected(self, xs: tuple[Shape, ...]) -> tuple[Part, ...]:
        """Make queries, keys and values: in one linear layer if they come from one input."""
        if len(xs) == 1:
            width = self.width + 2 * self.sources * self.size
            return (Part("qkv", linear(xs[0], out_features=width, bias=self.bias)),)
        widths = (self.width, *[self.sources * self.size] * 2)
        parts = zip("qkv", (*xs, xs[-1])[:3], widths, strict=True)
        made = ((name, linear(x, out_features=width, bias=self.bias)) for name, x, width in parts)
        return tuple(Part(*each, (min(place, len(xs) - 1),)) for place, each in enumerate(made))

    def gathered(
        self, x: Shape, sources: Dim, *added: Part, reads: tuple[str, ...], packed: int, has_windows: bool
    ) -> tuple[Part, ...]:
        """Compare queries with keys, then sum values with the resulting weights; `reads` are the projections.

        Kept are scaled queries and keys, as torch.nn.MultiheadAttention computes them, and values with what is
        `packed` into one tensor with them. Keys of windows are not scaled; several windows copy keys and values.
        """
        scores = Shape((*x.leading[:-1], self.number, x.leading[-1], sources), x.channel_axis + 1)
        compared = _product(scores, self.size)
        queries, keys = product(x.leading) * self.width, product(scores.leading[:-1]) * sources * self.size
        values, several = keys * packed, product(x.leading[:-1]) - 1
        if has_windows:
            keys, values = where(several, keys, 0), where(several, keys, values)
        compared = compared._replace(tally=compared.tally + Tally(query_scale=queries), keeps=(queries, keys))
        gathered = _product(Shape((*scores.leading, self.size), scores.channel_axis), sources)
        gathered = gathered._replace(keeps=(INPUT, values))
        parts = Part("scores", compared, (reads[0], reads[-2:][0])), *added, Part("softmax", softmax(scores))
        return (*parts, Part("sum", gathered, ("softmax", reads[-1])))


def _product(y: Shape, inner: Dim) -> Step:
    """Multiply matrices: each element of the result takes as many MACs as the inner size."""
    return Step("MatMul", y, Tally(matmul_mac=y.elements * inner))


def _headed(
    x: Shape, num_heads: Dim, num_kv_heads: Dim | None, head_dim: Dim | None, *, bias: bool
) -> tuple[_Heads, tuple[Constraint, ...]]:
    """Return the heads and their constraints."""
    sources = num_heads if num_kv_heads is None else num_kv_heads
    shared = divides(sources, num_heads, _SHARED)
    if head_dim is not None:
        return _Heads(num_heads, sources, head_dim, bias), (shared,)
    fits = divides(num_heads, x.channels, _HEADS)
    return _Heads(num_heads, sources, exact_div(x.channels, num_heads), bias), (fits, shared)


def multihead_attention(
    *xs: Shape,
    num_heads: Dim,
    head_dim: Dim | None = None,
    bias: bool = True,
    qkv_bias: bool | None = None,
    embed_dim: Dim | None = None,
    num_kv_heads: Dim | None = None,
    past_length: Dim = 0,
) -> Step:
    """Multi-head attention: linear layers to queries, keys and values, two matrix products, one linear layer.

        params = 4·D²  (+ 4·D with bias)
        MACs = n·4·D² + 2·n·(n + p)·D;  for m tokens of another input 2·(n + m)·D² + 2·n·(m + p)·D

    The heads do not change the cost, unless head_dim or num_kv_heads is given. One input is self-attention; a second
    gives keys and values, a third the values alone. Keys and values of p = past_length tokens before
    these are in a cache: they are read, not computed again.

    Source: Vaswani et al., Attention is all you need, NIPS 2017, section 3.2.
    """
    x, sources = xs[0], xs[min(len(xs), 2) - 1]
    if len(xs) > 3:  # noqa: PLR2004  (queries, keys and values)
        raise ShapeError(f"MultiheadAttention reads one to three layers, not {len(xs)}")
    for other in xs:
        token_rows(other, "MultiheadAttention")
        if len(other.dims) != len(x.dims):
            raise ShapeError(f"MultiheadAttention cannot pair {render(x.dims)} with {render(other.dims)}")
    heads, constraints = _headed(x, num_heads, num_kv_heads, head_dim, bias=bias if qkv_bias is None else qkv_bias)
    step = _attended("MultiheadAttention", xs, heads, past_length + sources.leading[-1], bias=bias)
    if embed_dim is not None:
        constraints += (equal(embed_dim, x.channels, "embed_dim = {}, but there are {} channels"),)
    if len(xs) > 2:  # noqa: PLR2004  (values apart)
        constraints += (equal(xs[1].leading[-1], xs[2].leading[-1], "there are {} keys, but {} values"),)
    return step._replace(constraints=(*step.constraints, *constraints))


def _attended(kind: str, xs: tuple[Shape, ...], heads: _Heads, sources: Dim, *added: Part, bias: bool) -> Step:
    """Attend, then combine the heads in a linear layer."""
    y = linear(xs[0].resized(channels=heads.width), out_features=xs[0].channels, bias=bias)
    projected = heads.projected(xs)
    names, has_windows = tuple(part.name for part in projected), kind == "WindowAttention"
    gathered = heads.gathered(xs[0], sources, *added, reads=names, packed=4 - len(xs), has_windows=has_windows)
    return composed(kind, y.shape, *projected, *gathered, Part("proj", y))


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
    heads, constraints = _headed(x, num_heads, None, head_dim, bias=bias if qkv_bias is None else qkv_bias)
    table = (Part("position", _relative(tokens, window, num_heads)),) if relative_position else ()
    step = _attended("WindowAttention", (tokens,), heads, tokens.leading[-1], *table, bias=bias)
    return step._replace(shape=x, constraints=(*step.constraints, *constraints))


def _relative(tokens: Shape, window: tuple[Dim, ...], heads: Dim) -> Step:
    """Add to each score an entry of a table for the two positions."""
    scores = Shape((*tokens.leading[:-1], heads, *[tokens.leading[-1]] * 2), tokens.channel_axis + 1)
    table = heads * product(2 * size - 1 for size in window)
    return Step("RelativePosition", scores, Tally(add=scores.elements, position=table))


def _grid(x: Shape, axes: int, what: str) -> tuple[Dim, ...]:
    """Return the sizes of a map whose channels are last."""
    if x.spatial or len(x.leading) < axes:
        raise ShapeError(
            f"{what} expects a map of {axes} axes with the channels last, got {render(x.dims)}; "
            "add a ChannelsLast before it"
        )
    return x.leading[-axes:]


def patch_merging(x: Shape, *, norm_first: bool = True) -> Step:
    """Patch merging: the channels of 2×2 neighbors side by side, normalized, then a linear layer to half of them.

        params = 8·M² + 8·M  (8·M² + 4·M with the norm after the linear layer)
        MACs = 8·M² · output positions

    The map has the channels last; an odd axis is padded.

    Source: Liu et al., Swin Transformer, ICCV 2021, section 3.1; norm_first = false: Swin Transformer V2.
    """
    sizes = tuple(ceil_div(size, 2) for size in _grid(x, 2, "PatchMerging"))
    merged = Step("Neighbours", Shape((*x.leading[:-2], *sizes, 4 * x.channels), x.channel_axis), Tally())
    halve = partial(linear, out_features=2 * x.channels, bias=False)
    norm, reduction = ("norm", layer_norm), ("reduction", halve)
    after = (norm, reduction) if norm_first else (reduction, norm)
    return chain("PatchMerging", x, ("merge", lambda _: merged), *after)


def matmul(*xs: Shape, transpose: bool = False, scaled: bool = False) -> Step:
    """Product of two matrices, or of as many pairs of them as there are copies.

        params = 0
        MACs = n·k·m for n×k times k×m

    The columns are the channels, the rows are the axis before them. A matrix
    may be multiplied with the transpose of another, or of itself. Factors that
    are scaled before, as in attention, are copies, which training keeps.

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
    fits = equal(one.channels, rows, "{} columns of the first do not match {} rows of the second")
    copies = zip(one.leading[:-1], other.leading[:-1], strict=True)
    paired = tuple(equal(size, size2, "{} matrices cannot be paired with {}") for size, size2 in copies)
    step = _product(Shape((*one.leading, columns), one.channel_axis), one.channels)
    keeps = (one.elements, other.elements) if scaled else None
    return step._replace(constraints=(fits, *paired), keeps=keeps)


def linear_attention(*xs: Shape, num_heads: Dim, num_kv_heads: Dim | None = None, delta: bool = False) -> Step:
    """Linear attention: each token is written into a state of keys by values, from which a query reads.

        params = 0
        MACs = 2·n·D²/h  (3·n·D²/h with delta), if queries, keys and values have D channels

    It reads queries, keys and values, or one layer as all three. With num_kv_heads there are as many states, which
    queries share. With delta, what the state has for a key is read before it is written.

    Source: Katharopoulos et al., Transformers are RNNs, ICML 2020, eq. 18–20; ONNX, LinearAttention (opset 27).
    """
    if len(xs) not in {1, 3}:
        raise ShapeError(f"LinearAttention reads queries, keys and values, or one layer as all, not {len(xs)}")
    q, k, v = xs * (3 // len(xs))
    for x in xs:
        token_rows(x, "LinearAttention")
    states = num_heads if num_kv_heads is None else num_kv_heads
    size, wide = exact_div(q.channels, num_heads), exact_div(v.channels, states)
    constraints = (
        divides(num_heads, q.channels, _HEADS),
        divides(states, v.channels, _HEADS),
        equal(size * states, k.channels, "heads of queries and keys differ: {} channels of keys are needed, not {}"),
        *(equal(q.leading[-1], x.leading[-1], "there are {} queries, but {} keys or values") for x in (k, v)),
    )
    read = maximum(num_heads, states)
    each, place = product(q.leading) * size * wide, min(len(xs), 2) - 1
    written = Product(each * states, ((place,), (len(xs) - 1,)))
    recalled = Product(each * states * delta, ((place,), (place, len(xs) - 1)))
    queried = Product(each * read, ((0,), (place, len(xs) - 1)))
    products = written, recalled, queried
    tally = Tally(matmul_mac=total(one.macs for one in products))
    y = q.resized(channels=read * wide)
    keeps = INPUTS, product(q.leading[:-1]) * states * size * wide
    return Step("LinearAttention", y, tally, constraints=constraints, products=products, keeps=keeps)


def mixture_of_experts(
    *xs: Shape,
    num_experts: Dim,
    hidden_features: Dim,
    top_k: Dim = 1,
    gated: bool = False,
    bias: bool = True,
    router_bias: bool = False,
    activation: str | None = "relu",
) -> Step:
    """Mixture of experts: a router gives each token to `top_k` of many networks of two linear layers.

        params = E·(2·M·F + F + M) + M·E  (without F + M if bias = false; + E with router_bias),  F = hidden_features
        MACs = n·(M·E + top_k·2·M·F)

    A gated expert has a third layer, which multiplies the first: 3·M·F instead of 2·M·F. `--params active` counts the
    experts that one token uses, top_k of E. A second input is what a router elsewhere says; then there is none here.

    Source: Shazeer et al., Outrageously large neural networks, ICLR 2017, eq. 1; Mixtral, arXiv:2401.04088.
    """
    if len(xs) > 2:  # noqa: PLR2004  (tokens and what the router says)
        raise ShapeError(f"MixtureOfExperts reads tokens and scores of a router, not {len(xs)} layers")
    x = xs[0]
    parts = []
    if len(xs) == 1:
        scores = linear(x, out_features=num_experts, bias=router_bias)
        parts = [Part("router", scores), Part("softmax", softmax(scores.shape))]
    rows = Shape((*x.leading, top_k, x.channels), x.channel_axis + 1)
    experts = partial(_expert, number=num_experts, used=top_k, bias=bias)
    up = experts(rows, out_features=hidden_features)
    parts.append(Part("up", up, (0,)))
    if activation is not None:
        parts.append(Part("activation", activated(up.shape, function=activation)))
    if gated:
        times = Step("Mul", up.shape, Tally(mul=up.shape.elements))
        gate = Part("gate", experts(rows, out_features=hidden_features), (0,))
        parts += [gate, Part("times", times, (parts[-1].name, "gate"))]
    down = experts(up.shape, out_features=x.channels)
    mixed = Step("Mix", x, Tally(mul=rows.elements, add=rows.elements - x.elements))
    enough = positive(num_experts - top_k + 1, "top_k = {} of {} experts", top_k, num_experts)
    weighed = Part("mix", mixed, ("down", "softmax" if len(xs) == 1 else 1))
    step = composed("MixtureOfExperts", x, *parts, Part("down", down), weighed)
    return step._replace(constraints=(*step.constraints, enough))


def _expert(x: Shape, *, number: Dim, used: Dim, out_features: Dim, bias: bool) -> Step:
    """Apply a linear layer of the experts that are used; the params of the others are there, and idle."""
    step = linear(x, out_features=out_features, bias=bias)
    counts, own = step.tally.counts, Tally(**{name: step.tally.counts[name] * number for name in ("weight", "bias")})
    idle = (counts["weight"] + counts["bias"]) * (number - used)
    steps = {name: count for name, count in counts.items() if name not in own.counts}
    return step._replace(tally=Tally(**steps) + own + Tally(idle=idle))


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

        params = M·n  (M·max_positions if given)
        MACs = 0; one addition per element

    On a map of space, n is the product of its sizes; a map with the channels last must be converted to tokens first.

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, eq. 1.
    """
    if not x.spatial:
        token_rows(x, "PositionEmbedding")
    positions = product(x.spatial or x.leading[-1:])
    rows = positions if max_positions is None else max_positions
    text = "max_positions = {} is less than the {} positions"
    enough = positive(rows - positions + 1, text, rows, positions)
    return Step("PositionEmbedding", x, Tally(add=x.elements, position=rows * x.channels), constraints=(enough,))


def select_token(x: Shape, *, index: Dim = 0) -> Step:
    """Select one token, the input of a classifier.

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, eq. 4.
    """
    token_rows(x, "SelectToken")
    count, text = x.leading[-1], "no token {} among {}; tokens are numbered from 0"
    inside = positive(count - index, text, index, count)
    return Step("SelectToken", _without_tokens(x), Tally(), constraints=(inside,))


def mean_tokens(x: Shape) -> Step:
    """Mean of all tokens.

    Source: Tolstikhin et al., MLP-Mixer, NeurIPS 2021, section 2 (global average pooling).
    """
    token_rows(x, "MeanTokens")
    y = _without_tokens(x)
    return Step("MeanTokens", y, averaged(x, y))


def _without_tokens(x: Shape) -> Shape:
    return Shape((*x.leading[:-1], x.channels), x.channel_axis - 1)


def embedding(x: Shape, *, num_embeddings: Dim, embedding_dim: Dim) -> Step:
    """Table of vectors, one for each id; every input number is an id.

        params = num_embeddings·embedding_dim
        MACs = 0

    An input of [128] is a sequence of 128 ids, and becomes 128 tokens of embedding_dim channels.

    Source: torch.nn.Embedding.
    """
    y = Shape((*x.dims, embedding_dim), len(x.dims))
    return Step("Embedding", y, Tally(embedding_out=y.elements, embedding=num_embeddings * embedding_dim))


def _recurrent(maps: Callable[[], int]) -> Callable[..., Step]:
    """Make the formula of a recurrent layer, which reads every weight once per token.

    `maps` gives the number of linear maps in a step: gates and candidate state. In the equations H is the size of
    the state, d the directions and L the number of layers; n tokens of M channels are read, the channels last.
    """
    name, gates = maps.__name__, maps()

    def formula(
        x: Shape,
        *,
        hidden_size: Dim,
        num_layers: Dim = 1,
        bias: bool = True,
        recurrent_bias: bool = True,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> Step:
        directions, biases = 2 if bidirectional else 1, int(bias) + int(bias and recurrent_bias)
        return _unrolled(name, x, (gates, num_layers, directions, biases, 2 if dropout else 1), hidden_size)

    formula.__name__, formula.__doc__ = name, maps.__doc__
    return formula


def _unrolled(
    name: str, x: Shape, numbers: tuple[int, Dim, int, int, int], hidden: Dim, proj_size: Dim | None = None
) -> Step:
    """Return a recurrent layer, given its numbers of gates, layers, directions, biases, and tensors between layers."""
    token_rows(x, name.upper())
    gates, num_layers, directions, biases, tensors = numbers
    size = hidden if proj_size is None else proj_size
    y = x.resized(channels=directions * size)
    rows = directions * gates * hidden
    weights = rows * (x.channels + size) + (num_layers - 1) * rows * (y.channels + size)
    if proj_size is not None:
        weights += num_layers * directions * hidden * proj_size
    shifts, state = biases * rows * num_layers, x.positions * directions * hidden * num_layers
    once = exact_div(x.positions, x.leading[-1])  # the state before the first token is no result
    recurrent = rows * size * num_layers
    products = (
        Product(rows * x.channels * x.positions, ((0,), (WEIGHT,))),
        Product(recurrent * once, ((WEIGHT,),)),
        Product(weights * x.positions - rows * x.channels * x.positions - recurrent * once, ((0, WEIGHT), (WEIGHT,))),
    )
    # 4 gates and 3 states of an LSTM; 3 gates, 3 products and a state of a GRU; then what layers below write, and masks
    kept = state * 7 if gates > 1 else state + once * directions * hidden * num_layers
    below = (num_layers - 1) * x.positions * y.channels * tensors
    if proj_size is not None:
        kept += x.positions * directions * size * num_layers
    first = rows * x.channels
    keeps = TRAINED_INPUT, (USED_WEIGHT, first), (WEIGHTS, weights - first), kept + below
    tally = Tally(rnn_mac=weights * x.positions, rnn_bias_add=shifts * x.positions, **{f"{name}_state": state})
    return Step(name.upper(), y, tally + Tally(rnn_weight=weights, rnn_bias=shifts), products=products, keeps=keeps)


@_recurrent
def rnn() -> int:
    """Recurrent layer: the state follows from the token and the state before.

        params = d·H·(M + H) + (L − 1)·d·H·(d·H + H)  (+ 2·d·H·L with bias, half of it without recurrent_bias)
        MACs = weights · n

    Source: Elman, Finding structure in time, 1990; two biases as torch.nn.RNN.
    """
    return 1


@_recurrent
def gru() -> int:
    """Gated recurrent unit: three linear maps of the token and the state at each step.

        params = 3·d·H·(M + H) + (L − 1)·3·d·H·(d·H + H)  (+ 6·d·H·L with bias, half of it without recurrent_bias)
        MACs = weights · n

    Source: Cho et al., EMNLP 2014, eq. 5–8; two biases as torch.nn.GRU.
    """
    return 3


def lstm(
    x: Shape,
    *,
    hidden_size: Dim,
    num_layers: Dim = 1,
    bias: bool = True,
    recurrent_bias: bool = True,
    bidirectional: bool = False,
    proj_size: Dim | None = None,
    dropout: float = 0.0,
) -> Step:
    """Long short-term memory: four linear maps of the token and the state at each step.

        params = 4·d·H·(M + H) + (L − 1)·4·d·H·(d·H + H)  (+ 8·d·H·L with bias, half of it without recurrent_bias)
        MACs = weights · n

    With proj_size = P the state is projected by d·L·H·P more weights, and P stands in place of H inside the brackets.

    Source: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; two biases as torch.nn.LSTM; the projection:
    Sak et al., Long short-term memory based recurrent neural network architectures, arXiv:1402.1128, eq. 7–8.
    """
    biases = int(bias) + int(bias and recurrent_bias)
    numbers = 4, num_layers, 2 if bidirectional else 1, biases, 2 if dropout else 1
    step = _unrolled("lstm", x, numbers, hidden_size, proj_size)
    if proj_size is None:
        return step
    text = "proj_size = {} is not smaller than hidden_size = {}"
    return step._replace(constraints=(positive(hidden_size - proj_size, text, proj_size, hidden_size),))
