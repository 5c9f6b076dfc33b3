"""Attention layers of Keras."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from flopcount.readers.base import exact
from flopcount.readers.keras.context import CallOp, FeatureMap, Made, maps_in, reshaped, turned
from flopcount.readers.keras.layers import softmax_along, window
from flopcount.readers.keras.ops import combined, einsum

TOKENS = 2
"""A sequence has two axes: tokens and channels."""


def _sources(op: CallOp, *names: str) -> list[FeatureMap]:
    """Return query, value and key, by place or by name; by default, the key is the value."""
    found = list(maps_in(op.args))[:3]
    for name in names[len(found) :]:
        found += list(maps_in(op.keywords.get(name)))[:1]
    if len(found) < TOKENS:
        raise op.problem("it takes a query and a value")
    if any(x.rank - op.outer < TOKENS for x in found) or len({x.rank for x in found}) > 1:
        raise op.problem("its inputs need an axis of tokens and the same number of axes")
    query, value, *rest = [op.vectors(x) for x in found]
    return [query, value, *(rest or [value])]


def multihead(op: CallOp) -> Made:
    """Add multi-head attention: by its kind where that says it all."""
    sources = _sources(op, "query", "value", "key")
    rank, given = sources[0].rank, op.get("attention_axes")
    axes = [*range(op.outer, rank - 1)] if given is None else op.axes(given, rank)
    if axes != [rank - 2]:
        return op.grouped(lambda inner, *xs: _spread(inner, xs, axes), *sources)
    return _attended(op, *sources) if _is_fused(op) else op.grouped(_taken_apart, *sources)


def _is_fused(op: CallOp) -> bool:
    """Tell whether a row of its kind says it all: heads of keys and of values of one size, and no gate."""
    same = op.get("value_dim") in (None, op.get("key_dim"))
    scores = op.keywords.get("return_attention_scores")
    return same and op.get("output_shape") is None and not op.get("use_gate") and not scores


def _attended(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap) -> FeatureMap:
    heads, size, bias = op.get("num_heads"), op.get("key_dim"), op.flag("use_bias", True)
    xs = _distinct(query, value, key)
    return op.row("MultiheadAttention", *xs, num_heads=heads, head_dim=size, bias=bias)


def _distinct(query: FeatureMap, value: FeatureMap, key: FeatureMap) -> list[FeatureMap]:
    """Return what attention reads, without what is the same."""
    xs = [query, key, value]
    return xs if value.path != key.path else xs[:2] if value.path != query.path else xs[:1]


def _spread(op: CallOp, xs: Sequence[FeatureMap], axes: Sequence[int]) -> FeatureMap:
    """Lay the axes of tokens out as one, those that are none of them as copies in front of it, and back."""
    rank = xs[0].rank
    if op.keywords.get("return_attention_scores") or rank - 1 in axes or not axes:
        raise op.problem("attention over the channels, or scores over several axes of tokens, are not supported")
    order = [*(axis for axis in range(rank - 1) if axis not in axes), *axes, rank - 1]
    seen: dict[str, FeatureMap] = {}
    for x in xs:
        seen[x.path] = seen.get(x.path) or _as_tokens(op, x, order, len(axes), f"tokens{len(seen) + 1}")
    query, value, key = (seen[x.path] for x in xs)
    y = _attended(op, query, value, key) if _is_fused(op) else _taken_apart(op, query, value, key)
    assert isinstance(y, FeatureMap)  # noqa: S101  (no scores were asked for)
    made = y.sizes[query.rank - 1 :]
    y = reshaped(op, y, [*(xs[0].sizes[axis] for axis in order[:-1]), *made], tail="back")
    back = [*(order.index(axis) for axis in range(rank - 1)), *range(rank - 1, y.rank)]
    return y if back == [*range(y.rank)] else turned(op, y, back, tail="order")


def _as_tokens(op: CallOp, x: FeatureMap, order: Sequence[int], count: int, tail: str) -> FeatureMap:
    if [*order] != [*range(x.rank)]:
        x = op.vectors(turned(op, x, order, tail=f"{tail}_order"))
    size = [*x.sizes[: -count - 1], prod(x.sizes[-count - 1 : -1]), x.sizes[-1]]
    return op.row("Reshape", x, tail=tail, size=size, axes=x.rank, channel=len(size) - 1)


def _taken_apart(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap) -> list[FeatureMap] | FeatureMap:
    """Add the linear layers, the two products and the softmax of attention one by one."""
    heads, width, bias = op.number("num_heads"), op.number("key_dim"), op.flag("use_bias", True)
    sizes = {"query": width, "key": width, "value": op.number("value_dim") if op.get("value_dim") else width}
    made = {}
    for (name, size), x in zip(sizes.items(), (query, key, value), strict=True):
        y = op.row("Linear", x, tail=name, out_features=heads * size, bias=bias)
        made[name] = op.row("Reshape", y, tail=f"{name}_heads", size=[heads, size], axes=1, channel=y.rank)
    product = einsum(op, [made["query"], made["key"]], ("nhd", "mhd"), "hnm", tail="scores")
    scores = softmax_along(op, product, product.rank - 1, "softmax")
    summed = einsum(op, [scores, made["value"]], ("hnm", "mhv"), "nhv", tail="sum")
    flat = op.row("Reshape", summed, tail="beside", size=[heads * sizes["value"]], axes=2, channel=query.rank - 1)
    out = op.get("output_shape")
    out = [query.sizes[-1]] if out is None else [*out] if isinstance(out, list) else [out]
    width = prod(op.checked("output_shape", each) for each in out)
    if op.get("use_gate"):
        gate = op.row("Linear", query, tail="gate", out_features=heads * sizes["value"], bias=bias)
        flat = op.row("Mul", flat, op.row("Activation", gate, tail="opened", function="sigmoid"), tail="gated")
    y = op.row("Linear", flat, out_features=width, bias=bias)
    y = y if len(out) == 1 else reshaped(op, y, [*y.sizes[:-1], *out], tail="out")
    return [y, scores] if op.keywords.get("return_attention_scores") else y


def grouped(op: CallOp) -> FeatureMap:
    """Add attention in which several heads of queries share keys and values."""
    query, value, key = _sources(op, "query", "value", "key")
    if op.get("use_gate") or op.keywords.get("return_attention_scores"):
        raise op.problem("use_gate and return_attention_scores are not supported if heads share keys")
    xs = _distinct(query, value, key)
    heads, shared = op.get("num_query_heads"), op.get("num_key_value_heads")
    bias, size = op.flag("use_bias", True), op.get("head_dim")
    return op.row("MultiheadAttention", *xs, num_heads=heads, num_kv_heads=shared, head_dim=size, bias=bias)


def attention(op: CallOp) -> Made:
    """Add attention without linear layers: products of queries and keys, of scores and values."""
    if op.word("score_mode", "dot") != "dot":
        raise op.problem("only score_mode = dot is supported")
    return op.grouped(_multiplied, *_sources(op, "query", "value", "key"))


def _multiplied(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap) -> Made:
    scores = op.row("MatMul", query, key, transpose=True, tail="scores")
    if op.flag("use_scale", False):
        weight = op.row("Parameter", scores, tail="scale", size=[1], channel=0)
        scores = op.row("Elementwise", scores, weight, tail="scaled", function="mul", channel=scores.channel)
    return _gathered(op, scores, value)


def additive(op: CallOp) -> Made:
    """Add additive attention: each query plus each key, through tanh, summed with learned weights."""
    return op.grouped(_added, *_sources(op, "query", "value", "key"))


def _added(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap) -> Made:
    n, m, width = query.sizes[-2], key.sizes[-2], query.sizes[-1]
    one = op.row("Reshape", query, tail="queries", size=[n, 1, width], axes=2, channel=query.rank)
    other = op.row("Reshape", key, tail="keys", size=[1, m, width], axes=2, channel=key.rank)
    summed = op.row("Elementwise", one, other, tail="pairs", function="add", channel=one.channel)
    opened = op.row("Activation", summed, tail="tanh", function="tanh")
    scaled = op.row("LayerScale", opened, tail="scale") if op.flag("use_scale", True) else opened
    scores = op.row("Reduce", scaled, tail="scores", axes=[-1], function="sum", keepdim=False, channel=query.rank - 1)
    return _gathered(op, scores, value)


def _gathered(op: CallOp, scores: FeatureMap, value: FeatureMap) -> Made:
    """Sum values with the weights a softmax makes of scores."""
    weights = op.row("Softmax", op.vectors(scores), tail="softmax")
    y = op.row("MatMul", weights, value)
    return [y, weights] if op.keywords.get("return_attention_scores") else y


# Recurrent layers of Keras, and the wrappers around layers.


Reader = Callable[[CallOp, FeatureMap], Made]

CELLS: Mapping[str, str] = {
    **dict.fromkeys(("LSTM", "LSTMCell", "CuDNNLSTM"), "LSTM"),
    **dict.fromkeys(("GRU", "GRUCell", "CuDNNGRU"), "GRU"),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell"), "RNN"),
}
"""The classes of Keras, each with its kind here."""


def recurrent(op: CallOp) -> Made:
    """Add a recurrent layer: all states, or the last one, and the state apart where it is asked for."""
    return op.grouped(_reader(op.kind, op.config), op.vectors(op.x))


def wrapped_cell(op: CallOp) -> Made:
    """Add an RNN that is made of a cell, or of several on top of each other."""
    cells = _cells(op)
    return op.grouped(lambda inner, x: _stacked(inner, x, cells), op.vectors(op.x))


def _stacked(op: CallOp, x: FeatureMap, cells: Sequence[Mapping[str, Any]]) -> Made:
    """Add cells on top of each other: all but the last hand on every state."""
    for place, cell in enumerate(cells[:-1], 1):
        config = {**cell["config"], "return_sequences": True, "return_state": False}
        found = _read(_numbered(op, place), x, str(cell["class_name"]), config, bidirectional=False)
        x = found if isinstance(found, FeatureMap) else found[0]
    config = {**cells[-1]["config"], **{key: op.flag(key, False) for key in ("return_sequences", "return_state")}}
    return _read(_numbered(op, len(cells)), x, str(cells[-1]["class_name"]), config, bidirectional=False)


def _numbered(op: CallOp, place: int) -> CallOp:
    return op if op.bare else op.having(name=f"{op.name}_{place}")


def _cells(op: CallOp) -> list[Mapping[str, Any]]:
    """Return the cells of an RNN, of which there is one or a stack."""
    cell = op.get("cell")
    cells: Any = [cell]
    if isinstance(cell, Mapping) and cell.get("class_name") == "StackedRNNCells":
        config = cell.get("config")
        cells = config.get("cells") if isinstance(config, Mapping) else None
    known: list[Mapping[str, Any]] = []
    for each in cells if isinstance(cells, list) and cells else [None]:
        if not isinstance(each, Mapping) or str(each.get("class_name")) not in CELLS or not _table(each.get("config")):
            kind = each.get("class_name") if isinstance(each, Mapping) else None
            raise op.problem(f"the cell {str(kind)[:50]} is not supported")
        known.append(each)
    return known


def _table(value: object) -> bool:
    return isinstance(value, Mapping)


def _biased(kind: str, config: Mapping[str, Any]) -> bool:
    """Tell whether each gate has a second bias, for the state."""
    return kind.startswith("CuDNN") or (CELLS[kind] == "GRU" and bool(config.get("reset_after", True)))


def _reader(kind: str, config: Mapping[str, Any], *, bidirectional: bool = False) -> Reader:
    """Return what writes a recurrent layer, in one direction or both."""
    return lambda op, x: _read(op, x, kind, config, bidirectional=bidirectional)


def _read(op: CallOp, x: FeatureMap, kind: str, config: Mapping[str, Any], *, bidirectional: bool) -> Made:
    bias = config.get("use_bias", True)
    second = _biased(kind, config) or not bias
    y = op.row(
        CELLS[kind],
        x,
        hidden_size=config.get("units"),
        bias=bias,
        recurrent_bias=second,
        bidirectional=bidirectional,
    )
    last = None
    if not config.get("return_sequences", False) or config.get("return_state", False):
        last = op.row("SelectToken", y, tail="last", index=exact(y.shape.leading)[-1] - 1)
    out = y if config.get("return_sequences", False) or last is None else last
    states = 2 if CELLS[kind] == "LSTM" else 1
    if not config.get("return_state", False) or last is None:
        return out
    if not bidirectional:
        return [out, *[last] * states]
    halves = [op.row("Split", last, tail=tail, sections=2, index=place) for place, tail in enumerate(_SIDES)]
    return [out, *[half for half in halves for _ in range(states)]]


_SIDES = ("forward", "backward")


def bidirectional(op: CallOp) -> Made:
    """Add a layer that reads in both directions, and what becomes of the two results."""
    layer, mode = _of_cell(op.get("layer")), op.get("merge_mode", "concat")
    if not isinstance(layer, Mapping) or str(layer.get("class_name")) not in CELLS or not _table(layer.get("config")):
        kind = layer.get("class_name") if isinstance(layer, Mapping) else None
        raise op.problem(f"the layer {str(kind)[:50]} is not supported inside it")
    _same_backwards(op, layer)
    op = op.having(held="frozen") if not op.held and layer["config"].get("trainable") is False else op
    return op.grouped(lambda inner, x: _merged(inner, x, layer, mode), op.vectors(op.x))


def _of_cell(layer: Any) -> Any:
    """Return an RNN of one known cell as the layer that it is."""
    config = layer.get("config") if isinstance(layer, Mapping) and layer.get("class_name") == "RNN" else None
    cell = config.get("cell") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(cell, Mapping) or not _table(cell.get("config")):
        return layer
    asked = {key: config.get(key, False) for key in ("return_sequences", "return_state")}
    return {"class_name": cell.get("class_name"), "config": {**cell["config"], **asked}}


def _merged(op: CallOp, x: FeatureMap, layer: Mapping[str, Any], mode: Any) -> Made:
    found = _read(op, x, str(layer["class_name"]), layer["config"], bidirectional=True)
    if mode == "concat":
        return found
    first, *states = found if isinstance(found, list) else [found]
    halves = [op.row("Split", first, tail=f"out_{tail}", sections=2, index=n) for n, tail in enumerate(_SIDES)]
    if mode is None:
        return [*halves, *states]
    if mode not in ("sum", "mul", "ave"):
        raise op.problem(f"merge_mode = {str(mode)[:50]!r} is not supported")
    merged = combined(op, halves, "mul" if mode == "mul" else "add", tail="merged")
    merged = op.row("Elementwise", merged, tail="mean", function="div") if mode == "ave" else merged
    return [merged, *states] if states else merged


def _same_backwards(op: CallOp, layer: Mapping[str, Any]) -> None:
    """Refuse a second layer that is not the first one backwards."""
    other = _of_cell(op.get("backward_layer"))
    if other is None:
        return
    config = other.get("config") if isinstance(other, Mapping) else None
    same = isinstance(other, Mapping) and other.get("class_name") == layer.get("class_name")
    keys = ("units", "use_bias", "reset_after")
    if not isinstance(config, Mapping) or not same or any(config.get(key) != layer["config"].get(key) for key in keys):
        raise op.problem("a backward_layer that differs from the layer is not supported")


def conv_lstm(op: CallOp) -> Made:
    """Add a convolutional LSTM: a convolution of the inputs, one of the states, and four gates."""
    return op.grouped(_convolved, op.mapped(op.x, op.space))


def _convolved(op: CallOp, x: FeatureMap) -> Made:
    fields = window(op)
    filters = op.number("filters")
    y = op.row("Conv", x, **fields, out_channels=4 * filters, bias=op.flag("use_bias", True))
    state = op.row("Slice", y, tail="state", stop=filters)
    kernel = fields["kernel_size"]
    again = op.row(
        "Conv", state, tail="recurrent", out_channels=4 * filters, kernel_size=kernel, padding="same", bias=False
    )
    gates = op.row("Add", y, again, tail="gates")
    opened = op.row("Activation", gates, tail="opened", function="sigmoid")
    out = op.row("Slice", opened, tail="out", stop=filters)
    if op.flag("return_sequences", False) and not op.flag("return_state", False):
        return out
    place = -out.rank
    last = op.row("Take", out, tail="last", axis=place, keepdim=False, channel=out.channel - 1)
    y = out if op.flag("return_sequences", False) else last
    return [y, last, last] if op.flag("return_state", False) else y
