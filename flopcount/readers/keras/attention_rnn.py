"""Attention layers of Keras."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from flopcount.readers.keras.context import Tensor, Use, along, tensors_in
from flopcount.readers.keras.layers import conv_fields, softmax_along
from flopcount.readers.keras.ops import combined, einsum
from flopcount.readers.keras.shapes import reshaped, turned
from flopcount.readers.rows import whole

TOKENS = 2
"""A sequence has two axes: tokens and channels."""


def _sources(use: Use, *names: str) -> list[Tensor]:
    """Return query, value and key, given by place or by name; the key is the value where there is none."""
    found = list(tensors_in(use.args))[:3]
    for name in names[len(found) :]:
        found += list(tensors_in(use.keywords.get(name)))[:1]
    if len(found) < TOKENS:
        raise use.problem("reads a query and a value, and has not got both")
    if any(x.rank - use.outer < TOKENS for x in found) or len({x.rank for x in found}) > 1:
        raise use.problem("what it reads has no axis of tokens, or not as many axes each")
    query, value, *rest = [use.vectors(x) for x in found]
    return [query, value, *(rest or [value])]


def multihead(use: Use) -> Tensor | list[Tensor]:
    """Write multi-head attention: by its kind where that says it all."""
    sources = _sources(use, "query", "value", "key")
    rank, given = sources[0].rank, use.given("attention_axes")
    axes = [*range(use.outer, rank - 1)] if given is None else along(use, given, rank)
    if axes != [rank - 2]:
        return use.grouped(lambda inner, *xs: _spread(inner, xs, axes), *sources)
    return _attended(use, *sources) if _is_fused(use) else use.grouped(_taken_apart, *sources)


def _is_fused(use: Use) -> bool:
    """Tell whether a row of its kind says it all: heads of keys and of values of one size, and no gate."""
    same = use.given("value_dim") in (None, use.given("key_dim"))
    scores = use.keywords.get("return_attention_scores")
    return same and use.given("output_shape") is None and not use.given("use_gate") and not scores


def _attended(use: Use, query: Tensor, value: Tensor, key: Tensor) -> Tensor:
    heads, size, bias = use.given("num_heads"), use.given("key_dim"), use.flag("use_bias", True)
    xs = _distinct(query, value, key)
    return use.row("MultiheadAttention", *xs, num_heads=heads, head_dim=size, bias=bias)


def _distinct(query: Tensor, value: Tensor, key: Tensor) -> list[Tensor]:
    """Return what attention reads, without what is the same."""
    xs = [query, key, value]
    return xs if value.row != key.row else xs[:2] if value.row != query.row else xs[:1]


def _spread(use: Use, xs: Sequence[Tensor], axes: Sequence[int]) -> Tensor:
    """Lay the axes of tokens out as one, those that are none of them as copies in front of it, and back."""
    rank = xs[0].rank
    if use.keywords.get("return_attention_scores") or rank - 1 in axes or not axes:
        raise use.problem("scores over several axes of tokens, or over that of the channels, are not read")
    order = [*(axis for axis in range(rank - 1) if axis not in axes), *axes, rank - 1]
    seen: dict[str, Tensor] = {}
    for x in xs:
        seen[x.row] = seen.get(x.row) or _as_tokens(use, x, order, len(axes), f"tokens{len(seen) + 1}")
    query, value, key = (seen[x.row] for x in xs)
    y = _attended(use, query, value, key) if _is_fused(use) else _taken_apart(use, query, value, key)
    assert isinstance(y, Tensor)  # noqa: S101  (no scores were asked for)
    made = y.sizes[query.rank - 1 :]
    y = reshaped(use, y, [*(xs[0].sizes[axis] for axis in order[:-1]), *made], tail="back")
    back = [*(order.index(axis) for axis in range(rank - 1)), *range(rank - 1, y.rank)]
    return y if back == [*range(y.rank)] else turned(use, y, back, tail="order")


def _as_tokens(use: Use, x: Tensor, order: Sequence[int], count: int, tail: str) -> Tensor:
    if [*order] != [*range(x.rank)]:
        x = use.vectors(turned(use, x, order, tail=f"{tail}_order"))
    size = [*x.sizes[: -count - 1], prod(x.sizes[-count - 1 : -1]), x.sizes[-1]]
    return use.row("Reshape", x, tail=tail, size=size, axes=x.rank, channel=len(size) - 1)


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
    width = prod(use.checked("output_shape", each) for each in out)
    if use.given("use_gate"):
        gate = use.row("Linear", query, tail="gate", out_features=heads * sizes["value"], bias=bias)
        flat = use.row("Mul", flat, use.row("Activation", gate, tail="opened", function="sigmoid"), tail="gated")
    y = use.row("Linear", flat, out_features=width, bias=bias)
    y = y if len(out) == 1 else reshaped(use, y, [*y.sizes[:-1], *out], tail="out")
    return [y, scores] if use.keywords.get("return_attention_scores") else y


def grouped(use: Use) -> Tensor:
    """Write attention in which several heads of queries share keys and values."""
    query, value, key = _sources(use, "query", "value", "key")
    if use.given("use_gate") or use.keywords.get("return_attention_scores"):
        raise use.problem("use_gate and return_attention_scores are not read where heads share keys")
    xs = _distinct(query, value, key)
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


# Recurrent layers of Keras, and the wrappers around layers.


Reader = Callable[[Use, Tensor], Tensor | list[Tensor]]

CELLS: Mapping[str, str] = {
    **dict.fromkeys(("LSTM", "LSTMCell", "CuDNNLSTM"), "LSTM"),
    **dict.fromkeys(("GRU", "GRUCell", "CuDNNGRU"), "GRU"),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell"), "RNN"),
}
"""The classes of Keras, each with its kind here."""


def recurrent(use: Use) -> Tensor | list[Tensor]:
    """Write a recurrent layer: all states, or the last one, and the state apart where it is asked for."""
    return use.grouped(_reader(use.blame.kind, use.config), use.vectors(use.x))


def wrapped_cell(use: Use) -> Tensor | list[Tensor]:
    """Write an RNN that is made of a cell, or of several on top of each other."""
    cells = _cells(use)
    return use.grouped(lambda inner, x: _stacked(inner, x, cells), use.vectors(use.x))


def _stacked(use: Use, x: Tensor, cells: Sequence[Mapping[str, Any]]) -> Tensor | list[Tensor]:
    """Write cells on top of each other: all but the last hand on every state."""
    for place, cell in enumerate(cells[:-1], 1):
        config = {**cell["config"], "return_sequences": True, "return_state": False}
        found = _read(_numbered(use, place), x, str(cell["class_name"]), config, bidirectional=False)
        x = found if isinstance(found, Tensor) else found[0]
    config = {**cells[-1]["config"], **{key: use.flag(key, False) for key in ("return_sequences", "return_state")}}
    return _read(_numbered(use, len(cells)), x, str(cells[-1]["class_name"]), config, bidirectional=False)


def _numbered(use: Use, place: int) -> Use:
    return use if use.bare else use._replace(name=f"{use.name}_{place}")


def _cells(use: Use) -> list[Mapping[str, Any]]:
    """Return the cells of an RNN, of which there is one or a stack."""
    cell = use.given("cell")
    cells: Any = [cell]
    if isinstance(cell, Mapping) and cell.get("class_name") == "StackedRNNCells":
        config = cell.get("config")
        cells = config.get("cells") if isinstance(config, Mapping) else None
    known: list[Mapping[str, Any]] = []
    for each in cells if isinstance(cells, list) and cells else [None]:
        if not isinstance(each, Mapping) or str(each.get("class_name")) not in CELLS or not _table(each.get("config")):
            kind = each.get("class_name") if isinstance(each, Mapping) else None
            raise use.problem(f"the cell {str(kind)[:50]} is not known")
        known.append(each)
    return known


def _table(value: object) -> bool:
    return isinstance(value, Mapping)


def _biased(kind: str, config: Mapping[str, Any]) -> bool:
    """Tell whether each gate has a second bias, for the state."""
    return kind.startswith("CuDNN") or (CELLS[kind] == "GRU" and bool(config.get("reset_after", True)))


def _reader(kind: str, config: Mapping[str, Any], *, bidirectional: bool = False) -> Reader:
    """Return what writes a recurrent layer, in one direction or both."""
    return lambda use, x: _read(use, x, kind, config, bidirectional=bidirectional)


def _read(use: Use, x: Tensor, kind: str, config: Mapping[str, Any], *, bidirectional: bool) -> Tensor | list[Tensor]:
    bias = config.get("use_bias", True)
    second = _biased(kind, config) or not bias
    y = use.row(
        CELLS[kind],
        x,
        hidden_size=config.get("units"),
        bias=bias,
        recurrent_bias=second,
        bidirectional=bidirectional,
    )
    last = None
    if not config.get("return_sequences", False) or config.get("return_state", False):
        last = use.row("SelectToken", y, tail="last", index=whole(y.shape.leading[-1]) - 1)
    out = y if config.get("return_sequences", False) or last is None else last
    states = 2 if CELLS[kind] == "LSTM" else 1
    if not config.get("return_state", False) or last is None:
        return out
    if not bidirectional:
        return [out, *[last] * states]
    halves = [use.row("Split", last, tail=tail, sections=2, index=place) for place, tail in enumerate(_SIDES)]
    return [out, *[half for half in halves for _ in range(states)]]


_SIDES = ("forward", "backward")


def bidirectional(use: Use) -> Tensor | list[Tensor]:
    """Write a layer that reads in both directions, and what becomes of the two results."""
    layer, mode = _of_cell(use.given("layer")), use.given("merge_mode", "concat")
    if not isinstance(layer, Mapping) or str(layer.get("class_name")) not in CELLS or not _table(layer.get("config")):
        kind = layer.get("class_name") if isinstance(layer, Mapping) else None
        raise use.problem(f"the layer {str(kind)[:50]} is not known inside it")
    _same_backwards(use, layer)
    use = use._replace(held="frozen") if not use.held and layer["config"].get("trainable") is False else use
    return use.grouped(lambda inner, x: _merged(inner, x, layer, mode), use.vectors(use.x))


def _of_cell(layer: Any) -> Any:
    """Return an RNN of one known cell as the layer that it is."""
    config = layer.get("config") if isinstance(layer, Mapping) and layer.get("class_name") == "RNN" else None
    cell = config.get("cell") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(cell, Mapping) or not _table(cell.get("config")):
        return layer
    asked = {key: config.get(key, False) for key in ("return_sequences", "return_state")}
    return {"class_name": cell.get("class_name"), "config": {**cell["config"], **asked}}


def _merged(use: Use, x: Tensor, layer: Mapping[str, Any], mode: Any) -> Tensor | list[Tensor]:
    found = _read(use, x, str(layer["class_name"]), layer["config"], bidirectional=True)
    if mode == "concat":
        return found
    first, *states = found if isinstance(found, list) else [found]
    halves = [use.row("Split", first, tail=f"out_{tail}", sections=2, index=n) for n, tail in enumerate(_SIDES)]
    if mode is None:
        return [*halves, *states]
    if mode not in ("sum", "mul", "ave"):
        raise use.problem(f"merge_mode = {str(mode)[:50]!r} is not known")
    merged = combined(use, halves, "mul" if mode == "mul" else "add", tail="merged")
    merged = use.row("Elementwise", merged, tail="mean", function="div") if mode == "ave" else merged
    return [merged, *states] if states else merged


def _same_backwards(use: Use, layer: Mapping[str, Any]) -> None:
    """Refuse a second layer that is not the first one backwards."""
    other = _of_cell(use.given("backward_layer"))
    if other is None:
        return
    config = other.get("config") if isinstance(other, Mapping) else None
    same = isinstance(other, Mapping) and other.get("class_name") == layer.get("class_name")
    keys = ("units", "use_bias", "reset_after")
    if not isinstance(config, Mapping) or not same or any(config.get(key) != layer["config"].get(key) for key in keys):
        raise use.problem("its backward_layer differs from the layer; that is not read")


def conv_lstm(use: Use) -> Tensor | list[Tensor]:
    """Write a convolutional LSTM: a convolution of the inputs, one of the states, and four gates."""
    axes = int(next(char for char in use.blame.kind if char.isdigit()))
    return use.grouped(_convolved, use.mapped(use.x, axes))


def _convolved(use: Use, x: Tensor) -> Tensor | list[Tensor]:
    fields = conv_fields(use)
    filters = use.number("filters")
    y = use.row("Conv", x, **fields, out_channels=4 * filters, bias=use.flag("use_bias", True))
    state = use.row("Slice", y, tail="state", stop=filters)
    kernel = fields["kernel_size"]
    again = use.row(
        "Conv", state, tail="recurrent", out_channels=4 * filters, kernel_size=kernel, padding="same", bias=False
    )
    gates = use.row("Add", y, again, tail="gates")
    opened = use.row("Activation", gates, tail="opened", function="sigmoid")
    out = use.row("Slice", opened, tail="out", stop=filters)
    if use.flag("return_sequences", False) and not use.flag("return_state", False):
        return out
    place = -out.rank
    last = use.row("Take", out, tail="last", axis=place, keepdim=False, channel=out.channel - 1)
    y = out if use.flag("return_sequences", False) else last
    return [y, last, last] if use.flag("return_state", False) else y
