"""Attention as one operator: that of the standard, and those of ONNX Runtime.

Queries, keys and values have the axes batch, heads, tokens and channels. All keys are counted, those of the past
too, whether or not a mask hides some of them.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.onnx import ops_conv, ops_product
from flopcount.readers.onnx.file import GraphProto
from flopcount.readers.onnx.op import Dims, NodeContext, Value, Writer, fitting
from flopcount.readers.onnx.ops_element import joined, normalized
from flopcount.readers.onnx.ops_product import linear, summed_product
from flopcount.readers.onnx.ops_shape import concat, like, parameter, reshaped, slice_, split
from flopcount.readers.onnx.signature import Signed

_TOKENS, _HEADS = 3, 4
"""The number of axes of tokens, and of tokens parted into heads."""


def _attended(op: NodeContext, q: Value, k: Value, v: Value) -> tuple[Value, Value]:
    """Write queries by keys, softmax, and the weighted sum of values; return the sum and the scores."""
    if len(q.dims) != _HEADS or q.dims[1] % k.dims[1] or v.dims[1:3] != k.dims[1:3] or q.dims[3] != k.dims[3]:
        raise Refusal(f"queries of {[*q.dims]} do not fit keys of {[*k.dims]} and values of {[*v.dims]}")
    batch, heads, tokens, size = q.dims
    groups, sources, wide = k.dims[1], k.dims[2], v.dims[3]
    copies = (batch, groups, heads // groups, tokens)
    queries, keys = (q, (*copies, size), "bghis"), (k, (batch, groups, 1, sources, size), "bghjs")
    scores = summed_product(op, [queries, keys], "bghij", (*copies, sources), scaled=True)
    biased = reshaped(op, _biased(op, scores, (batch, heads, tokens, sources)), scores.dims)
    weights = op.row("Softmax", op.draft.as_layout(biased, biased.batch_axis, len(biased.inner) - 1))
    values = (v, (batch, groups, 1, sources, wide), "bghjv")
    result = summed_product(op, [(weights, weights.dims, "bghij"), values], "bghiv", (*copies, wide))
    return reshaped(op, result, (batch, heads, tokens, wide)), scores


def _biased(op: NodeContext, scores: Value, dims: Dims) -> Value:
    """Add what is learned to the scores: a bias for each pair of tokens, or a number for each head."""
    for name in ("attn_mask", "attention_bias", "head_sink"):
        bias = op.named(name)
        if bias is not None and bias.static and op.is_trained(bias):
            own = (dims[1], 1, 1) if name == "head_sink" else bias.dims
            scores = joined(op, "add", [reshaped(op, scores, dims), bias._replace(dims=own)])
    return scores


def _headed(op: NodeContext, x: Value | None, number: int) -> Value:
    """Part the channels of tokens into heads; the order within does not matter."""
    if x is None:
        raise Refusal("its queries, keys or values are missing")
    x = parameter(op, x) if x.static else x
    if len(x.dims) == _HEADS:
        return x
    if len(x.dims) != _TOKENS or number < 1 or x.dims[2] % number:
        raise Refusal(f"{number} heads cannot share an input of {[*x.dims]}")
    return reshaped(op, x, (x.dims[0], number, x.dims[1], x.dims[2] // number))


def _flat(op: NodeContext, y: Value) -> Value:
    """Put the heads beside each other again."""
    return reshaped(op, y, (y.dims[0], y.dims[2], y.dims[1] * y.dims[3]))


def _parted(op: NodeContext, x: Value, sizes: Sequence[int], axis: int = -1) -> list[Value]:
    """Part an axis."""
    if sum(sizes) != x.dims[axis] or min(sizes) < 1:
        raise Refusal(f"{x.dims[axis]} channels cannot be split into {' and '.join(map(str, sizes))}")
    if x.static:
        return [x._replace(dims=(*x.dims[:axis], size)) for size in sizes]
    return op.call(split, x, axis=axis, split=tuple(sizes), num_outputs=len(sizes))


def _cached(op: NodeContext, past: Value | None, new: Value, total: int | None) -> tuple[Value, Value]:
    """Return keys or values of the past and new ones, those that are read and those that are kept.

    The past is followed by what is new, or has room for it: then `total` tells how many there are.
    """
    if past is None or not past.elements:
        return new, new
    past = parameter(op, past) if past.static else past
    if total is None or total > past.dims[2]:
        both = op.call(concat, past, new, axis=2)[0]
        if total not in {None, both.dims[2]}:
            raise Refusal(f"{total} keys are {past.dims[2]} of the past and {new.dims[2]} new ones")
        return both, both
    kept = op.operation(past, past, new)
    return op.call(slice_, kept, starts=(0,), ends=(total,), axes=(2,))[0], kept


def _known(op: NodeContext, name: str, more: int = 0) -> int | None:
    """Return the number that an input is, if that is known."""
    value = op.named(name)
    return None if value is None or not value.data else int(value.data[0]) + more


def _total(op: NodeContext, new: int) -> int | None:
    """Return the number of keys if the past has room for more of them; None if all of the past is read."""
    total, has_room = _known(op, "past_sequence_length", new), op.integer("past_present_share_buffer", 0)
    if total is None and (has_room or op.named("past_sequence_length")):
        place = op.names.index("past_sequence_length")
        name = op.node.inputs[place] if place < len(op.node.inputs) else ""
        hint = f"; give the value of {name!r}, as in --value {name}=1" if name else ""
        raise Refusal(f"its past has room for further tokens, and past_sequence_length is not a constant{hint}")
    return total


def attention(op: NodeContext) -> list[Value]:
    """Attention of the standard, with grouped heads and a past."""
    numbers = (op.integer("q_num_heads", 0), *[op.integer("kv_num_heads", 0)] * 2)
    q, k, v = (_headed(op, op.get(place), number) for place, number in enumerate(numbers))
    y, *more = _after_past(op, q, k, v, None)
    return [_flat(op, y) if len(op.at(0).dims) == _TOKENS else y, *more]


def _after_past(op: NodeContext, q: Value, k: Value, v: Value, total: int | None) -> list[Value]:
    """Write attention to what is in a cache and what is new; return its output, then keys, values and scores."""
    pairs = ((op.named("past_key"), k), (op.named("past_value"), v))
    (keys, kept), (values, kept2) = (_cached(op, past, new, total) for past, new in pairs)
    y, scores = _attended(op, q, keys, values)
    return [y, kept, kept2, reshaped(op, scores, (*y.dims[:3], keys.dims[2])) if op.wants(3) else scores]


def _rotated(op: NodeContext, *values: Value) -> list[Value]:
    """Turn queries and keys by their positions if do_rotary says so."""
    inner = op._replace(node=op.node._replace(op="RotaryEmbedding", domain="", attributes={}))
    return [like(inner._replace(inputs=(x,)))[0] for x in values] if op.integer("do_rotary", 0) else [*values]


def multi_head(op: NodeContext) -> list[Value]:
    """MultiHeadAttention: queries, keys and values beside each other, or packed into one tensor."""
    heads, (q, k, v) = op.integer("num_heads", 0), _unpacked(op, op.integer("num_heads", 0))
    q, k, v = _with_bias(op, q, k, v)
    q, k, v = (_headed(op, x, heads) for x in (q, k, v))
    y, *more = _after_past(op, q, k, v, _total(op, k.dims[2]) if op.named("past_key") else None)
    return [_flat(op, y), *more]


def _unpacked(op: NodeContext, heads: int) -> tuple[Value, Value, Value]:
    """Return queries, keys and values; packed ones have heads before them, and the channels of a head after."""
    q, k, v = op.at(0), op.named("key"), op.named("value")
    if k is None and len(q.dims) == _TOKENS:
        q, k, v = _parted(op, q, _widths(op, q.dims[2]))
    *rest, packed = (q,) if k is None else (q, k)
    if v is None and len(packed.dims) == 5:  # noqa: PLR2004  (batch, tokens, heads, queries to values, channels)
        batch, tokens, number, count, size = packed.dims
        parts = _parted(op, packed, (1,) * count, 3)
        found = [*rest, *(reshaped(op, x, (batch, number, tokens, size)) for x in parts)]
        if len(found) == 3 and number == heads:  # noqa: PLR2004  (queries, keys, values)
            return found[0], found[1], found[2]
    if k is None or v is None:
        raise Refusal("its queries, keys or values are missing")
    return q, k, v


def _with_bias(op: NodeContext, *values: Value) -> list[Value]:
    """Add one bias to queries, keys and values; those of a cache have it already."""
    bias = op.named("bias")
    if bias is None:
        return [*values]
    is_packed = op.named("key") is None
    sizes = [x.dims[-1] if len(x.dims) == _TOKENS else x.dims[1] * x.dims[-1] for x in values]
    fitting(bias, (sum(sizes),), "bias")
    parts = _parted(op, parameter(op, bias) if bias.static else bias, sizes)
    flat = [_flat(op, x) if is_packed and len(x.dims) == _HEADS else x for x in values]
    pairs = zip(flat, parts, strict=True)
    return [joined(op, "add", [x, part]) if len(x.dims) == _TOKENS else x for x, part in pairs]


def _widths(op: NodeContext, out: int) -> Dims:
    """Return the channels of queries, keys and values."""
    sizes = op.integers("qkv_hidden_sizes") or (out // 3,) * 3
    if len(sizes) != 3 or sum(sizes) != out or min(sizes) < 1:  # noqa: PLR2004  (queries, keys, values)
        raise Refusal(f"queries, keys and values of {[*sizes]} channels are not the {out} that its weights make")
    return sizes


def projected(op: NodeContext) -> list[Value]:
    """Attention of ONNX Runtime: one linear layer to queries, keys and values, then the attention itself."""
    x, weight, heads = op.at(0), op.at(1), op.integer("num_heads", 0)
    if len(x.dims) != _TOKENS or len(weight.dims) != 2 or weight.dims[0] != x.dims[2]:  # noqa: PLR2004  (a matrix)
        raise Refusal(f"weights of {[*weight.dims]} cannot read its input of {[*x.dims]}")
    sizes, bias = _widths(op, weight.dims[1]), fitting(op.named("bias"), weight.dims[1:], "bias")
    parts = _parted(op, linear(op, x, weight, weight.dims[1], bias), sizes)
    q, k, v = (_headed(op, part, heads) for part in parts)
    q, k = _rotated(op, q, k)
    past, total = op.named("past"), _total(op, k.dims[2])
    pasts = [None, None] if past is None else [reshaped(op, p, p.dims[1:]) for p in _parted(op, past, (1, 1), 0)]
    pairs = zip(pasts, (k, v), strict=True)
    (keys, kept), (values, kept2) = (_cached(op, each, new, total) for each, new in pairs)
    more = [_stacked(op, kept, kept2)] if op.wants(1) else []
    return [_flat(op, _attended(op, q, keys, values)[0]), *more]


def _stacked(op: NodeContext, keys: Value, values: Value) -> Value:
    """Put keys and values into one tensor."""
    return op.call(concat, *(reshaped(op, x, (1, *x.dims)) for x in (keys, values)), axis=0)[0]


def grouped(op: NodeContext) -> list[Value]:
    """GroupQueryAttention: heads that share keys, with norms, positions, and a past with or without room."""
    heads, groups, q, k, v = op.integer("num_heads", 0), op.integer("kv_num_heads", 0), op.at(0), *map(op.get, (1, 2))
    if k is None:
        size = q.dims[-1] // max(heads + 2 * groups, 1)
        q, k, v = _parted(op, q, (heads * size, groups * size, groups * size))
    q, k, v = (_headed(op, x, number) for x, number in ((q, heads), (k, groups), (v, groups)))
    q, k = (
        x if scale is None else normalized(op, "RMSNorm", x, scale=fitting(scale, x.dims[-1:], "norm"))
        for x, scale in ((q, op.named("q_norm_weight")), (k, op.named("k_norm_weight")))
    )
    q, k = _rotated(op, q, k)
    y, *more = _after_past(op, q, k, v, _known(op, "total_sequence_length"))
    return [_flat(op, y), *more]


def packed(write: Writer) -> Writer:
    """Return the writer for tokens of several sequences one after the other, which have to be of one length."""

    def written(op: NodeContext) -> list[Value]:
        ends, tokens = op.named("cumulative_sequence_length"), op.at(0).dims[0]
        count = ends.elements - 1 if ends is not None else 1
        lengths = {end - start for start, end in pairwise(ends.data)} if ends is not None and ends.data else set()
        if count > 1 and lengths != {tokens // count}:
            raise Refusal("its sequences differ in length, or cumulative_sequence_length is not a constant")
        moved = {"input", "query", "key", "value"}
        inputs = (
            reshaped(op, x, (count, tokens // count, *x.dims[1:])) if x is not None and name in moved else x
            for name, x in zip(op.names, op.inputs, strict=False)
        )
        y = write(op._replace(inputs=tuple(inputs)))[0]
        return [reshaped(op, y, (tokens, y.dims[-1]))]

    return written


def modified(op: NodeContext) -> list[Value]:
    """FlexAttention: what changes the scores is a graph, which may not multiply matrices."""
    for name in ("score_mod", "prob_mod"):
        body = op.attribute(name)
        nodes = body.nodes if isinstance(body, GraphProto) else ()
        if wrong := next((node for node in nodes if node.operator in _NOT_ELEMENTS or node.domain), None):
            raise Refusal(f"its {name} has the operator {wrong.operator}, which is not supported there")
    return attention(op)[:1]


def linear_attention(op: NodeContext) -> list[Value]:
    """LinearAttention: a state for each head of keys, which tokens write and queries read."""
    heads, states = op.integer("q_num_heads", 0), op.integer("kv_num_heads", 0)
    q, k, v = (op.at(place) for place in range(3))
    if len(q.dims) != _TOKENS or min(heads, states) < 1:
        raise Refusal(f"{heads} and {states} heads cannot share an input of {[*q.dims]}")
    xs = [op.draft.as_layout(x, x.batch_axis, len(x.inner) - 1) for x in (q, k, v)]
    rule = str(op.attribute("update_rule", "gated_delta"))
    y = op.row("LinearAttention", *xs, num_heads=heads, num_kv_heads=states, delta=rule.endswith("delta"))
    state = (q.dims[0], states, q.dims[2] // heads, v.dims[2] // states)
    return [y, op.sized(*state)] if op.wants(1) else [y]


_GATED = {"swiglu": "silu", "geglu": "gelu"}


def experts(op: NodeContext) -> list[Value]:
    """MoE and QMoE: experts of two linear layers, or three; weights of few bits are packed along their last axis."""
    x, layers = op.at(0), [op.named(f"fc{place}_experts_weights") for place in (1, 2, 3)]
    number, channels, bits = op.at(1).dims[-1], x.dims[-1], op.integer("expert_weight_bits", 4)
    kept = [op.integer(f"fc{place}_expert_weight_bits", bits) if op.node.op == "QMoE" else 8 for place in (1, 2, 3)]
    up, down, third = (0 if w is None else w.elements * 8 // n for w, n in zip(layers, kept, strict=True))
    hidden = down // max(number * channels, 1)
    if not down or down != number * channels * hidden or up not in {down, 2 * down} or third not in {0, down}:
        raise Refusal(f"weights of {up}, {down} and {third} numbers are not those of {number} experts")
    name = str(op.attribute("activation_type", "relu"))
    function = _GATED.get(name, None if name == "identity" else name.removesuffix("2"))
    biases = [bias for place in (1, 2, 3) if (bias := op.named(f"fc{place}_experts_bias")) is not None]
    weights = [
        op.draft.kept.unpacked(w._replace(dims=(w.elements * 8 // n,))) for w, n in zip(layers, kept, strict=True) if w
    ]
    fields: dict[str, Any] = {"num_experts": number, "hidden_features": hidden, "activation": function}
    fields |= {"gated": up + third > down, "bias": bool(biases), "top_k": op.integer("k", 1)}
    rows = op.draft.as_layout(x, x.batch_axis, len(x.inner) - 1)
    params = {"weight": weights, "bias": biases or None}
    return [op.row("MixtureOfExperts", rows, op.at(1), params=params, **fields)]


_EXPERTS = (
    "activation_alpha* activation_beta* activation_type k normalize_routing_weights* swiglu_fusion* swiglu_limit* "
    "swiglu_limit_after_activation* use_sparse_mixer*"
)
_STATE = "query key value past_state* decay* beta*"
_PAST = "past_key past_value"
_MULTI = "key value bias"

OPERATORS: Mapping[str, Writer] = {
    "Attention": Signed(
        attention,
        f"Q K V attn_mask {_PAST} nonpad_kv_seqlen*",
        "q_num_heads kv_num_heads is_causal* scale* softcap* softmax_precision* qk_matmul_output_mode* "
        "left_window_size* right_window_size*",
    ),
    "com.microsoft.Attention": Signed(
        projected,
        "input weights bias mask_index* past attention_bias past_sequence_length",
        "num_heads qkv_hidden_sizes do_rotary past_present_share_buffer mask_filter_value* rotary_embedding_dim* "
        "scale* unidirectional*",
    ),
    "com.microsoft.QAttention": Signed(
        projected,
        "input weight bias input_scale* weight_scale* mask_index* input_zero_point* weight_zero_point* past",
        "num_heads do_rotary past_present_share_buffer mask_filter_value* scale* unidirectional*",
    ),
    "com.microsoft.DecoderMaskedSelfAttention": Signed(
        projected,
        "input weights bias mask_index* past attention_bias past_sequence_length beam_width* cache_indirection*",
        "num_heads do_rotary past_present_share_buffer mask_filter_value* scale*",
    ),
    "com.microsoft.PackedAttention": Signed(
        packed(projected),
        "input weights bias token_offset* cumulative_sequence_length attention_bias",
        "num_heads qkv_hidden_sizes scale*",
    ),
    "com.microsoft.MultiHeadAttention": Signed(
        multi_head,
        f"query {_MULTI} key_padding_mask* attention_bias {_PAST} past_sequence_length cache_indirection*",
        "num_heads mask_filter_value* scale* unidirectional*",
    ),
    "com.microsoft.DecoderMaskedMultiHeadAttention": Signed(
        multi_head,
        f"query key value mask_index* attention_bias {_PAST} past_sequence_length beam_width* cache_indirection* bias",
        "num_heads past_present_share_buffer mask_filter_value* output_qk* scale*",
    ),
    "com.microsoft.PackedMultiHeadAttention": Signed(
        packed(multi_head),
        f"query {_MULTI} token_offset* cumulative_sequence_length attention_bias",
        "num_heads mask_filter_value* scale*",
    ),
    "com.microsoft.GroupQueryAttention": Signed(
        grouped,
        f"query key value {_PAST} seqlens_k* total_sequence_length cos_cache* sin_cache* position_ids* attention_bias "
        "head_sink k_scale* v_scale* q_norm_weight k_norm_weight query_seqlens*",
        "num_heads kv_num_heads do_rotary causal* k_norm_epsilon* k_quant_type* local_window_size* q_norm_epsilon* "
        "qk_norm_epsilon* qk_output* rotary_interleaved* scale* smooth_softmax* softcap* v_quant_type*",
    ),
    "ai.onnx.preview.FlexAttention": Signed(modified, "Q K V", "prob_mod score_mod scale* softmax_precision*"),
    "LinearAttention": Signed(linear_attention, _STATE, "q_num_heads kv_num_heads update_rule chunk_size* scale*"),
    "com.microsoft.LinearAttention": Signed(
        linear_attention, _STATE, "q_num_heads kv_num_heads update_rule chunk_size* scale*"
    ),
    "com.microsoft.MoE": Signed(
        experts,
        "input router_probs fc1_experts_weights fc1_experts_bias fc2_experts_weights fc2_experts_bias "
        "fc3_experts_weights fc3_experts_bias",
        _EXPERTS,
    ),
    "com.microsoft.QMoE": Signed(
        experts,
        "input router_probs fc1_experts_weights fc1_scales* fc1_experts_bias fc2_experts_weights fc2_scales* "
        "fc2_experts_bias fc3_experts_weights fc3_scales* fc3_experts_bias fc1_zero_points* fc2_zero_points* "
        "fc3_zero_points* router_weights* fc1_global_scale* fc2_global_scale* fc1_act_scale* fc2_act_scale* "
        "fc1_act_block_scale* fc2_act_block_scale*",
        f"{_EXPERTS} accuracy_level* block_size* expert_weight_bits fc1_expert_weight_bits fc2_expert_weight_bits "
        "fc3_expert_weight_bits quant_type* weights_prepacked*",
    ),
}
"""Operators by their writer and what it reads."""

_NOT_ELEMENTS = frozenset(("If", "Loop", "Scan", *OPERATORS, *ops_conv.OPERATORS, *ops_product.OPERATORS))
"""Operators that a graph that changes scores may not have."""
