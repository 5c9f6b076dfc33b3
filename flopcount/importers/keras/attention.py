"""Attention layers of Keras."""

from flopcount.importers.keras.activations import softmax_along
from flopcount.importers.keras.joins import einsum
from flopcount.importers.keras.shapes import reshaped
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use, tensors_in

TOKENS = 2
"""A sequence has two axes: tokens and channels."""


def _sources(use: Use, *names: str) -> list[Tensor]:
    """Return query, value and key, given by place or by name; the key is the value where there is none."""
    found = list(tensors_in(use.args))[:3]
    for name in names[len(found) :]:
        found += list(tensors_in(use.keywords.get(name)))[:1]
    if len(found) < TOKENS:
        raise use.problem("reads a query and a value, and has not got both")
    if any(x.rank - use.outer != TOKENS for x in found):
        raise use.problem("reads more than one axis of tokens; that is not read")
    query, value, *rest = [use.vectors(x) for x in found]
    return [query, value, *(rest or [value])]


def multihead(use: Use) -> Tensor | list[Tensor]:
    """Write multi-head attention: by its kind where heads of keys and of values are of one size."""
    if use.given("attention_axes") not in (None, [1]):
        raise use.problem("attention_axes other than the tokens are not read")
    if use.given("use_gate"):
        raise use.problem("use_gate adds weights that are not known here; that is not read")
    query, value, key = _sources(use, "query", "value", "key")
    size = use.given("value_dim")
    plain = use.given("output_shape") is None and (size is None or size == use.given("key_dim"))
    if not plain or use.keywords.get("return_attention_scores"):
        return use.grouped(_taken_apart, query, value, key)
    bias = use.flag("use_bias", True)
    xs = [query, key, value]
    xs = xs if value.row != key.row else xs[:2] if value.row != query.row else xs[:1]
    return use.row(
        "MultiheadAttention", *xs, num_heads=use.given("num_heads"), head_dim=use.given("key_dim"), bias=bias
    )


def _taken_apart(use: Use, query: Tensor, value: Tensor, key: Tensor) -> list[Tensor] | Tensor:
    """Write the linear layers, the two products and the softmax of attention one by one."""
    heads, width, bias = use.number("num_heads"), use.number("key_dim"), use.flag("use_bias", True)
    sizes = {"query": width, "key": width, "value": use.number("value_dim") if use.given("value_dim") else width}
    made = {}
    for (name, size), x in zip(sizes.items(), (query, key, value), strict=True):
        y = use.row("Linear", x, tail=name, out_features=heads * size, bias=bias)
        made[name] = use.row("Reshape", y, tail=f"{name}_heads", size=[heads, size], axes=1, channel=y.rank)
    product = einsum(use, [made["query"], made["key"]], ("nhd", "mhd"), "hnm", tail="scores")
    scores = softmax_along(use, product, product.rank - 1, "softmax")
    summed = einsum(use, [scores, made["value"]], ("hnm", "mhv"), "nhv", tail="sum")
    flat = use.row("Reshape", summed, tail="beside", size=[heads * sizes["value"]], axes=2, channel=query.rank - 1)
    out = use.given("output_shape")
    out = [query.sizes[-1]] if out is None else [*out] if isinstance(out, list) else [out]
    width = 1
    for each in out:
        width *= use.checked("output_shape", each)
    y = use.row("Linear", flat, out_features=width, bias=bias)
    y = y if len(out) == 1 else reshaped(use, y, [*y.sizes[:-1], *out], tail="out")
    return [y, scores] if use.keywords.get("return_attention_scores") else y


def grouped(use: Use) -> Tensor:
    """Write attention in which several heads of queries share keys and values."""
    query, value, key = _sources(use, "query", "value", "key")
    xs = [query, key, value]
    xs = xs if value.row != key.row else xs[:2] if value.row != query.row else xs[:1]
    heads, shared = use.given("num_query_heads"), use.given("num_key_value_heads")
    bias, size = use.flag("use_bias", True), use.given("head_dim")
    return use.row("MultiheadAttention", *xs, num_heads=heads, num_kv_heads=shared, head_dim=size, bias=bias)


def attention(use: Use) -> Tensor | list[Tensor]:
    """Write attention without linear layers: products of queries and keys, of scores and values."""
    if use.word("score_mode", "dot") != "dot":
        raise use.problem("score_mode other than dot is not read")
    return use.grouped(_multiplied, *_sources(use, "query", "value", "key"))


def _multiplied(use: Use, query: Tensor, value: Tensor, key: Tensor) -> Tensor | list[Tensor]:
    scores = use.row("MatMul", query, key, transpose=True, tail="scores")
    if use.flag("use_scale", False):
        weight = use.row("Parameter", scores, tail="scale", size=[1], channel=0)
        scores = use.row("Elementwise", scores, weight, tail="scaled", function="mul", channel=scores.channel)
    return _gathered(use, scores, value)


def additive(use: Use) -> Tensor | list[Tensor]:
    """Write additive attention: each query plus each key, through tanh, summed with learned weights."""
    return use.grouped(_added, *_sources(use, "query", "value", "key"))


def _added(use: Use, query: Tensor, value: Tensor, key: Tensor) -> Tensor | list[Tensor]:
    n, m, width = query.sizes[-2], key.sizes[-2], query.sizes[-1]
    one = use.row("Reshape", query, tail="queries", size=[n, 1, width], axes=2, channel=query.rank)
    other = use.row("Reshape", key, tail="keys", size=[1, m, width], axes=2, channel=key.rank)
    summed = use.row("Elementwise", one, other, tail="pairs", function="add", channel=one.channel)
    opened = use.row("Activation", summed, tail="tanh", function="tanh")
    scaled = use.row("LayerScale", opened, tail="scale") if use.flag("use_scale", True) else opened
    scores = use.row("Reduce", scaled, tail="scores", axes=[-1], function="sum", keepdim=False, channel=query.rank - 1)
    return _gathered(use, scores, value)


def _gathered(use: Use, scores: Tensor, value: Tensor) -> Tensor | list[Tensor]:
    """Sum values with the weights a softmax makes of scores."""
    weights = use.row("Softmax", use.vectors(scores), tail="softmax")
    y = use.row("MatMul", weights, value)
    return [y, weights] if use.keywords.get("return_attention_scores") else y
