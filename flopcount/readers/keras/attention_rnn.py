"""Attention and recurrent layers of Keras."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from flopcount.formulas.numbers import exact_all
from flopcount.readers.keras.context import CallOp, FeatureMap, Made, reshaped, turned
from flopcount.readers.keras.graph import parts
from flopcount.readers.keras.layers import window
from flopcount.readers.keras.ops import SEQUENCE, combined, concatenated, weighed


def query_value_key(op: CallOp, names: Sequence[str] = ("query", "value", "key")) -> list[FeatureMap]:
    """Return query, value and key, by place or by name; by default, the key is the value."""
    found = [*parts(op.args, FeatureMap)][:3]
    for name in names[len(found) :]:
        found += [*parts(op.keywords.get(name), FeatureMap)][:1]
    if len(found) < SEQUENCE:
        raise op.problem("it takes a query and a value")
    if any(x.rank - op.outer < SEQUENCE for x in found) or len({x.rank for x in found}) > 1:
        raise op.problem("its inputs need an axis of tokens and the same number of axes")
    query, value, *rest = [op.vectors(x) for x in found]
    return [query, value, *(rest or [value])]


def multihead(op: CallOp) -> Made:
    """Add multi-head attention: by its kind if that expresses it fully."""
    sources = query_value_key(op)
    rank, given = sources[0].rank, op.get("attention_axes")
    axes = [*range(op.outer, rank - 1)] if given is None else op.axes(given, rank)
    if axes != [rank - 2]:
        return op.grouped(lambda inner, *xs: _spread(inner, xs, axes), *sources)
    return _attended(op, *sources) if _is_fused(op) else op.grouped(_taken_apart, *sources)


def _is_fused(op: CallOp) -> bool:
    """Tell whether its kind expresses it fully: keys and values have one size, and there is no gate."""
    same = op.get("value_dim") in (None, op.get("key_dim"))
    scores = op.keywords.get("return_attention_scores")
    return same and op.get("output_shape") is None and not op.get("use_gate") and not scores


def _attended(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap, **fields: Any) -> FeatureMap:
    """Add a row of its kind, which reads each tensor once."""
    xs = [query, key, value]
    xs = xs if value.path != key.path else xs[:2] if value.path != query.path else xs[:1]
    given = {"num_heads": op.get("num_heads"), "head_dim": op.get("key_dim"), **fields}
    return op.row("MultiheadAttention", *xs, bias=op.flag("use_bias", True), **given)


def _spread(op: CallOp, xs: Sequence[FeatureMap], axes: Sequence[int]) -> FeatureMap:
    """Merge the axes of tokens into one, with the other axes as copies before it, and separate them again."""
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
    summed, scores = weighed(op, made["query"], made["key"], made["value"])
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
    if op.get("use_gate") or op.keywords.get("return_attention_scores"):
        raise op.problem("use_gate and return_attention_scores are not supported if heads share keys")
    names = {"num_heads": "num_query_heads", "num_kv_heads": "num_key_value_heads", "head_dim": "head_dim"}
    return _attended(op, *query_value_key(op), **{field: op.get(key) for field, key in names.items()})


def attention(op: CallOp) -> Made:
    """Add attention without linear layers: products of queries and keys, of scores and values."""
    if op.word("score_mode", "dot") != "dot":
        raise op.problem("only score_mode = dot is supported")
    return op.grouped(_multiplied, *query_value_key(op))


def _multiplied(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap) -> Made:
    scores = op.row("MatMul", query, key, transpose=True, tail="scores")
    if op.flag("use_scale", False):
        weight = op.row("Parameter", scores, tail="scale", size=[1], channel=0)
        scores = op.row("Elementwise", scores, weight, tail="scaled", function="mul", channel=scores.channel)
    return _gathered(op, scores, value)


def additive(op: CallOp, query: FeatureMap, value: FeatureMap, key: FeatureMap) -> Made:
    """Add additive attention: each query plus each key, through tanh, summed with learned weights."""
    n, m, width = query.sizes[-2], key.sizes[-2], query.sizes[-1]
    one = op.row("Reshape", query, tail="queries", size=[n, 1, width], axes=2, channel=query.rank)
    other = op.row("Reshape", key, tail="keys", size=[1, m, width], axes=2, channel=key.rank)
    summed = op.row("Elementwise", one, other, tail="pairs", function="add", channel=one.channel)
    opened = op.row("Activation", summed, tail="tanh", function="tanh")
    scaled = op.row("LayerScale", opened, tail="scale") if op.flag("use_scale", True) else opened
    scores = op.row("Reduce", scaled, tail="scores", axes=[-1], function="sum", keepdim=False, channel=query.rank - 1)
    return _gathered(op, scores, value)


def _gathered(op: CallOp, scores: FeatureMap, value: FeatureMap) -> Made:
    """Add a sum of values, weighted by a softmax of scores."""
    weights = op.row("Softmax", op.vectors(scores), tail="softmax")
    y = op.row("MatMul", weights, value)
    return [y, weights] if op.keywords.get("return_attention_scores") else y


Cell = tuple[str, Mapping[str, Any]]
"""A recurrent layer or cell: its class, and its configuration."""

CELLS: Mapping[str, str] = {
    **dict.fromkeys(("LSTM", "LSTMCell", "CuDNNLSTM"), "LSTM"),
    **dict.fromkeys(("GRU", "GRUCell", "CuDNNGRU"), "GRU"),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell"), "RNN"),
}
"""The classes of Keras, each with its kind here."""


def recurrent(op: CallOp) -> Made:
    """Add a recurrent layer: all states or the last one, and the state separately if it is returned."""
    return op.grouped(lambda inner, x: _read(inner, x, (op.kind, op.config)), op.vectors(op.x))


def wrapped_cell(op: CallOp) -> Made:
    """Add an RNN that consists of a cell, or of several on top of each other."""
    cell = op.get("cell")
    cells: Any = [cell]
    if isinstance(cell, Mapping) and cell.get("class_name") == "StackedRNNCells":
        config = cell.get("config")
        cells = config.get("cells") if isinstance(config, Mapping) else None
    stack = [_cell(op, each, "cell") for each in (cells if isinstance(cells, list) and cells else [None])]
    return op.grouped(lambda inner, x: _stacked(inner, x, stack), op.vectors(op.x))


def _stacked(op: CallOp, x: FeatureMap, cells: Sequence[Cell]) -> Made:
    """Add cells on top of each other: all but the last return every state."""
    made: Made = x
    for place, (kind, config) in enumerate(cells, 1):
        returned = {key: op.flag(key, False) for key in _RETURNED}
        if place < len(cells):
            returned = {"return_sequences": True, "return_state": False}
        inner = op if op.bare else op.having(name=f"{op.name}_{place}")
        made = _read(inner, made if isinstance(made, FeatureMap) else made[0], (kind, {**config, **returned}))
    return made


_RETURNED = ("return_sequences", "return_state")


def _cell(op: CallOp, entry: Any, title: str) -> Cell:
    """Return a layer or a cell; an RNN of one cell is the layer of that cell."""
    table = entry if isinstance(entry, Mapping) else {}
    kind, config = str(table.get("class_name")), table.get("config")
    if kind == "RNN" and title == "layer" and isinstance(config, Mapping):
        kind, cell = _cell(op, config.get("cell"), title)
        config = {**cell, **{key: config.get(key, False) for key in _RETURNED}}
    if kind not in CELLS or not isinstance(config, Mapping):
        raise op.problem(f"the {title} {kind[:50]} is not supported")
    return kind, config


def _read(op: CallOp, x: FeatureMap, cell: Cell, *, bidirectional: bool = False) -> Made:
    kind, config = cell
    bias, every, state = (config.get(key, key == "use_bias") for key in ("use_bias", *_RETURNED))
    own = kind.startswith("CuDNN") or (CELLS[kind] == "GRU" and bool(config.get("reset_after", False)))
    fields = {"bias": bias, "recurrent_bias": own or not bias, "bidirectional": bidirectional}
    y = op.row(CELLS[kind], x, hidden_size=config.get("units"), **fields)
    if every and not state:
        return y
    last = op.row("SelectToken", y, tail="last", index=exact_all(y.shape.leading)[-1] - 1)
    out = y if every else last
    if not state:
        return out
    sides = _sides(op, last, "") if bidirectional else [last]
    return [out, *(side for side in sides for _ in range(2 if CELLS[kind] == "LSTM" else 1))]


def _sides(op: CallOp, x: FeatureMap, tail: str) -> list[FeatureMap]:
    """Split the channels of both directions."""
    names = enumerate(("forward", "backward"))
    return [op.row("Split", x, tail=f"{tail}{side}", sections=2, index=place) for place, side in names]


def bidirectional(op: CallOp) -> Made:
    """Add a layer that reads in both directions, and the merge of the two results; each may be of its own size."""
    cell = _cell(op, op.get("layer"), "layer")
    back = cell if op.get("backward_layer") is None else _cell(op, op.get("backward_layer"), "layer")
    mode = op.get("merge_mode", "concat")
    if back[0] != cell[0] or any(back[1].get(key) != cell[1].get(key) for key in _OWN):
        return op.grouped(lambda inner, x: _two_sided(inner, x, cell, back), op.vectors(op.x))
    op = _of_cell(op, cell)
    return op.grouped(lambda inner, x: _merged(inner, x, cell, mode), op.vectors(op.x))


_OWN = ("units", "use_bias", "reset_after", "trainable", *_RETURNED)
"""Options in which the layers of the two directions may differ."""


def _of_cell(op: CallOp, cell: Cell) -> CallOp:
    return op.having(held="frozen") if not op.held and cell[1].get("trainable") is False else op


def _two_sided(op: CallOp, x: FeatureMap, cell: Cell, back: Cell) -> Made:
    """Add a layer for each direction; both return the same."""
    returned = {key: cell[1].get(key, False) for key in _RETURNED}
    made = [_read(_of_cell(op, each), x, (each[0], {**each[1], **returned})) for each in (cell, back)]
    sides = [side if isinstance(side, list) else [side] for side in made]
    firsts, states = [side[0] for side in sides], [state for side in sides for state in side[1:]]
    mode = op.get("merge_mode", "concat")
    if mode is None:
        return [*firsts, *states]
    merged = concatenated(op, firsts, firsts[0].rank - 1) if mode == "concat" else _combined(op, firsts, mode)
    return [merged, *states] if states else merged


def _combined(op: CallOp, sides: list[FeatureMap], mode: Any) -> FeatureMap:
    """Add the sum, product or mean of the two directions."""
    if mode not in ("sum", "mul", "ave"):
        raise op.problem(f"merge_mode = {str(mode)[:50]!r} is not supported")
    merged = combined(op, sides, "mul" if mode == "mul" else "add", tail="merged")
    return op.row("Elementwise", merged, tail="mean", function="div") if mode == "ave" else merged


def _merged(op: CallOp, x: FeatureMap, cell: Cell, mode: Any) -> Made:
    found = _read(op, x, cell, bidirectional=True)
    if mode == "concat":
        return found
    first, *states = found if isinstance(found, list) else [found]
    halves = _sides(op, first, "out_")
    if mode is None:
        return [*halves, *states]
    merged = _combined(op, halves, mode)
    return [merged, *states] if states else merged


def conv_lstm(op: CallOp, x: FeatureMap) -> Made:
    """Add a convolutional LSTM: a convolution of the inputs, one of the states, and four gates."""
    fields, filters = window(op), op.number("filters")
    y = op.row("Conv", x, **fields, out_channels=4 * filters, bias=op.flag("use_bias", True))
    state = op.row("Slice", y, tail="state", stop=filters)
    inner = {"kernel_size": fields["kernel_size"], "padding": "same", "bias": False}
    again = op.row("Conv", state, tail="recurrent", out_channels=4 * filters, **inner)
    gates = op.row("Add", y, again, tail="gates")
    opened = op.row("Activation", gates, tail="opened", function="sigmoid")
    out = op.row("Slice", opened, tail="out", stop=filters)
    every, state_too = (op.flag(key, False) for key in _RETURNED)
    if every and not state_too:
        return out
    last = op.row("Take", out, tail="last", axis=-out.rank, keepdim=False, channel=out.channel - 1)
    y = out if every else last
    return [y, last, last] if state_too else y
