"""Fused, quantized and blocked operators: what each reads is used or refused, and what it costs follows by hand."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from onnx_files import Sizes, Weights, counted, graph, last, node, total

from flopcount.errors import FlopcountError
from flopcount.readers.onnx.op import NodeContext, Value
from flopcount.readers.onnx.signature import Signed
from flopcount.readers.onnx.walk import OPERATORS

MS = "com.microsoft"
ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).with_name("onnx_schemas.txt")
SIGNED = {name: write for name, write in OPERATORS.items() if isinstance(write, Signed)}


class Row(NamedTuple):
    """A sample: an operator, its inputs by name, its attributes, and the MACs and params it has."""

    op: str
    reads: str
    macs: int
    params: int
    attributes: Mapping[str, Any] = {}
    outputs: int = 1


def recorded() -> dict[str, tuple[list[str], set[str]]]:
    """Return the inputs and attributes of each operator, as its schema has them."""
    lines = [line for line in SCHEMAS.read_text().splitlines() if not line.startswith("#")]
    parts = (re.split(r": | \| ?|:$", line) for line in lines)
    return {name: (inputs.split(), {*"".join(rest).split()}) for name, inputs, *rest in parts}


RECORDED = recorded()

INPUTS: Mapping[str, Sizes] = {
    "x": (1, 6, 8),
    "x2": (1, 6, 8),
    "one": (1, 1, 8),
    "kv": (1, 6, 4),
    "row": (1, 8),
    "flat": (6, 8),
    "map": (1, 4, 8, 8),
    "map2": (1, 5, 8, 8),
    "last": (1, 8, 8, 4),
    "last2": (1, 8, 8, 5),
    "skip": (1, 4),
    "past": (1, 2, 3, 4),
    "pastg": (1, 1, 3, 4),
    "pair": (2, 1, 2, 3, 4),
    "room": (1, 2, 9, 4),
    "rooms": (2, 1, 2, 9, 4),
    "ids": (1, 6),
    "scores": (6, 4),
    "heads": (1, 2, 6, 4),
    "a": (3, 2, 4),
    "qkv": (1, 1, 24),
    "gqkv": (1, 6, 16),
    "seq": (1, 8, 6),
    "state": (1, 2, 4, 4),
    "h0": (1, 6, 3),
    "flat5": (6, 2, 3, 4),
}
"""Tensors that depend on the input; tokens have 8 channels, maps 4."""

INT8, UINT8, INT32 = 3, 2, 6
KEPT: Mapping[str, Any] = {
    "s": [0.5],
    "z": Weights((), INT8),
    "b2": [1.0, 2.0],
    "at": [0, 6],
    "three": [3],
    "border": [0, 0, 0, 0, 1, 0],
    "total": [9],
    "sizes": [8, 5],
    "w": Weights((8, 5)),
    "wt": Weights((5, 8)),
    "b": Weights((5,)),
    "b5": Weights((5,)),
    "wq": Weights((8, 5), INT8),
    "bq": Weights((5,), INT32),
    "rel": Weights((1, 2, 6, 6)),
    "w24": Weights((8, 24)),
    "b24": Weights((24,)),
    "q24": Weights((8, 24), INT8),
    "w28": Weights((8, 28)),
    "b28": Weights((28,)),
    "c": Weights((5, 4, 1, 1)),
    "cq": Weights((5, 4, 1, 1), INT8),
    **{name: Weights((int(name[1]),)) for name in ("g4", "h4", "i4", "b8", "c8", "d8")},
    **{f"bits{place}": Weights((5, 1, 8), UINT8) for place in ("", 2, 3)},
    "blocked": Weights((8, 8, 1, 1)),
    "four": Weights((20,), UINT8),
    "t4": Weights((9, 4), UINT8),
    "words": Weights((30, 8)),
    "places": Weights((12, 8)),
    "kinds": Weights((2, 8)),
    "dw": Weights((8, 1, 3)),
    "qwords": Weights((30, 8), UINT8),
    "eb": Weights((4, 10)),
    "eb2": Weights((4, 8)),
    "ub": Weights((4, 20)),
    "e1": Weights((4, 10, 8)),
    "e2": Weights((4, 8, 10)),
    "u1": Weights((4, 20, 4), UINT8),
    "u2": Weights((4, 8, 5), UINT8),
    "lw": Weights((1, 12, 8)),
    "lr": Weights((1, 12, 3)),
    "lb": Weights((1, 24)),
    "lp": Weights((1, 9)),
    "dlw": Weights((1, 8, 12), INT8),
    "dlr": Weights((1, 3, 12), INT8),
    "gw": Weights((1, 9, 8)),
    "gr": Weights((1, 9, 3)),
    "gb": Weights((1, 18)),
    "rw": Weights((1, 3, 8)),
    "rr": Weights((1, 3, 3)),
    "rb": Weights((1, 6)),
}
"""Tensors that the file keeps."""

ATTENTION = 2 * 6 * 6 * 8
"""Six queries by six keys of eight channels, and the sum of as many values."""
PAST = 2 * 6 * 9 * 8
"""The same with three further keys and values from a cache."""
TO24 = 6 * 8 * 24
"""A linear layer to queries, keys and values."""

CONV = {
    "kernel_shape": (1, 1),
    "strides": (1, 1),
    "pads": (0,) * 4,
    "dilations": (1, 1),
    "group": 1,
    "auto_pad": "NOTSET",
}
POOL = {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0,) * 4, "auto_pad": "NOTSET", "ceil_mode": 0}
BITS = {"K": 8, "N": 5, "block_size": 16, "bits": 4}
CELL = {"hidden_size": 3, "direction": "forward", "layout": 0}
NORM = {"groups": 2, "activation": 1}
FLEX, QUEUE = "ai.onnx.preview.FlexAttention", "past_present_share_buffer"
AFFINE = {"transA": 0, "transB": 0, "beta": 1.0}
TURNED = {"transA": 0, "transB": 1, "transBatchA": 1, "transBatchB": 1}

SAMPLES = (
    Row("Attention", "Q=x K=x2 V=x past_key=past past_value=past", PAST, 0, {"q_num_heads": 2, "kv_num_heads": 2}, 3),
    Row(
        FLEX,
        "Q=heads K=heads V=heads",
        ATTENTION,
        0,
        {"score_mod": graph([], {}, outputs=()), "prob_mod": graph([], {}, outputs=())},
    ),
    Row("LinearAttention", "query=x key=x2 value=x", 3 * 6 * 2 * 16, 0, {"q_num_heads": 2, "kv_num_heads": 2}, 2),
    Row(f"{MS}.LinearAttention", "query=x key=x2 value=x", 576, 0, {"q_num_heads": 2, "kv_num_heads": 2}),
    Row(
        f"{MS}.LinearAttention",
        "query=x key=x value=x",
        384,
        0,
        {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "gated"},
    ),
    Row(
        f"{MS}.Attention",
        "input=x weights=w24 bias=b24 past=pair",
        TO24 + PAST,
        216,
        {"num_heads": 2, "do_rotary": 1},
        2,
    ),
    Row(
        f"{MS}.Attention",
        "input=x weights=w24 bias=b24 attention_bias=rel",
        TO24 + ATTENTION,
        216 + 72,
        {"num_heads": 2},
    ),
    Row(
        f"{MS}.Attention",
        "input=x weights=w28 bias=b28",
        6 * 8 * 28 + 6 * 6 * 8 + 6 * 6 * 12,
        8 * 28 + 28,
        {"num_heads": 2, "qkv_hidden_sizes": (8, 8, 12)},
    ),
    Row(f"{MS}.QAttention", "input=x weight=q24 bias=b24 past=pair", TO24 + PAST, 216, {"num_heads": 2}),
    # a buffer for nine keys, of which three are of the past
    Row(
        f"{MS}.DecoderMaskedSelfAttention",
        "input=one weights=w24 bias=b24 past=rooms past_sequence_length=three",
        8 * 24 + 2 * 4 * 8,
        216,
        {"num_heads": 2, QUEUE: 1},
        2,
    ),
    Row(
        f"{MS}.DecoderMaskedMultiHeadAttention",
        "query=qkv past_key=room past_value=room past_sequence_length=three bias=b24",
        2 * 4 * 8,
        24,
        {"num_heads": 2, QUEUE: 1},
        3,
    ),
    Row(
        f"{MS}.PackedAttention",
        "input=flat weights=w24 bias=b24 cumulative_sequence_length=at",
        TO24 + ATTENTION,
        216,
        {"num_heads": 2},
    ),
    Row(
        f"{MS}.PackedMultiHeadAttention",
        "query=flat5 bias=b24 cumulative_sequence_length=at",
        ATTENTION,
        24,
        {"num_heads": 2},
    ),
    Row(
        f"{MS}.MultiHeadAttention",
        "query=x key=x2 value=x bias=b24 past_key=past past_value=past",
        PAST,
        24,
        {"num_heads": 2},
        4,
    ),
    Row(f"{MS}.MultiHeadAttention", "query=x key=heads value=heads", ATTENTION, 0, {"num_heads": 2}),
    Row(
        f"{MS}.GroupQueryAttention",
        "query=x key=kv value=kv past_key=pastg past_value=pastg total_sequence_length=total q_norm_weight=g4 "
        "k_norm_weight=h4 head_sink=b2",
        PAST,
        4 + 4 + 2,
        {"num_heads": 2, "kv_num_heads": 1, "do_rotary": 1},
        3,
    ),
    Row(f"{MS}.GroupQueryAttention", "query=gqkv", ATTENTION, 0, {"num_heads": 2, "kv_num_heads": 1}),
    # two of four experts for each token; half of the first layer is the gate of the quantized ones
    Row(
        f"{MS}.MoE",
        "input=x router_probs=scores fc1_experts_weights=e1 fc1_experts_bias=eb fc2_experts_weights=e2 "
        "fc2_experts_bias=eb2",
        6 * 2 * 2 * 80,
        4 * (2 * 80 + 10 + 8),
        {"k": 2, "activation_type": "gelu"},
    ),
    Row(
        f"{MS}.QMoE",
        "input=x router_probs=scores fc1_experts_weights=u1 fc1_experts_bias=ub fc2_experts_weights=u2 "
        "fc2_experts_bias=eb2",
        6 * 3 * 80,
        4 * (3 * 80 + 20 + 8),
        {"activation_type": "swiglu", "swiglu_fusion": 1, "expert_weight_bits": 4},
    ),
    Row("RNN", "X=x W=rw R=rr B=rb", 3 * 11 * 6, 3 * 11 + 6, CELL, 2),
    Row("GRU", "X=x W=gw R=gr B=gb", 9 * 11 * 6, 9 * 11 + 18, CELL),
    Row("LSTM", "X=x W=lw R=lr B=lb P=lp initial_h=h0", 12 * 11 * 6, 12 * 11 + 24 + 9, CELL),
    Row(
        f"{MS}.DynamicQuantizeLSTM",
        "X=x W=dlw R=dlr B=lb P=lp W_scale=s R_scale=s",
        792,
        165,
        {"hidden_size": 3, "direction": "forward"},
    ),
    # three tokens of two heads; the heads are the copies
    Row(f"{MS}.FusedMatMul", "A=a B=a", 2 * 3 * 4 * 3, 0, TURNED),
    Row(f"{MS}.FusedMatMulActivation", "A=a B=a", 72, 0, {**TURNED, "activation": "Relu"}),
    Row(f"{MS}.TransposeMatMul", "A=x B=wt", 240, 40, {"transA": 0, "transB": 1}),
    Row(f"{MS}.FusedGemm", "A=row B=w C=b", 40, 45, {**AFFINE, "activation": "Relu"}),
    Row(f"{MS}.FusedGemm", "A=row B=w C=b", 40, 40, {"beta": 0.0}),
    Row(f"{MS}.GemmFastGelu", "X=x W=w bias=b", 240, 45),
    Row(f"{MS}.QGemm", "A=row a_scale=s B=wq b_scale=s C=bq", 40, 45, {"transA": 0}),
    Row(f"{MS}.MatMulInteger16", "A=x B=w", 240, 40),
    Row(f"{MS}.MatMulIntegerToFloat", "A=x B=wq a_scale=s b_scale=s bias=b", 240, 45),
    Row(f"{MS}.DynamicQuantizeMatMul", "A=x B=wq b_scale=s bias=b", 240, 45),
    Row("MatMulInteger", "A=x B=wq", 240, 40),
    Row("QLinearMatMul", "a=x a_scale=s b=wq b_scale=s", 240, 40),
    Row(f"{MS}.MatMulNBits", "A=x B=bits scales=b bias=b5", 240, 45, BITS),
    Row(
        f"{MS}.MatMulNBitsMlp",
        "A=x skip=x2 norm_scale=b8 gate_B=bits up_B=bits2",
        480,
        88,
        {**BITS, "activation": "silu"},
    ),
    Row(
        f"{MS}.MatMulNBitsQkv",
        "A=x norm_scale=b8 q_B=bits k_B=bits2 v_B=bits3",
        720,
        128,
        {"K": 8, "Nq": 5, "Nkv": 5, "block_size": 16, "bits": 4},
        4,
    ),
    Row(f"{MS}.MatMulBnb4", "A=x B=four absmax=b", 240, 40, {"K": 8, "N": 5, "transB": 1}),
    Row(f"{MS}.MatMulFpQ4", "A=x B=four B_shape=sizes", 240, 40),
    Row(f"{MS}.GatherBlockQuantized", "data=t4 indices=ids scales=b", 0, 9 * 8, {"bits": 4, "gather_axis": 0}),
    Row(
        f"{MS}.EmbedLayerNormalization",
        "input_ids=ids segment_ids=ids word_embedding=words position_embedding=places segment_embedding=kinds "
        "gamma=b8 beta=c8 position_ids=ids",
        0,
        240 + 96 + 16 + 16,
        outputs=3,
    ),
    Row(
        f"{MS}.QEmbedLayerNormalization",
        "input_ids=ids segment_ids=ids segment_embedding=kinds word_embedding_quant=qwords "
        "position_embedding_quant=places gamma_quant=b8 beta_quant=c8 word_embedding_scale=s",
        0,
        240 + 96 + 16 + 16,
    ),
    Row(f"{MS}.SkipLayerNormalization", "input=x skip=x2 gamma=b8 beta=c8 bias=d8", 0, 24, outputs=4),
    Row(f"{MS}.SkipSimplifiedLayerNormalization", "input=x skip=x2 gamma=b8 bias=d8", 0, 16),
    Row(f"{MS}.GroupNorm", "X=last gamma=g4 beta=h4", 0, 8, NORM),
    Row(f"{MS}.GroupNorm", "X=map gamma=g4 beta=h4", 0, 8, {**NORM, "channels_last": 0}),
    Row(f"{MS}.SkipGroupNorm", "X=last gamma=g4 beta=h4 skip=skip bias=i4", 0, 12, NORM, 2),
    *(
        Row(f"{MS}.{name}Gelu", reads, 0, 8)
        for name, reads in (("Bias", "A=x B=b8"), ("Fast", "X=x bias=b8"), ("BiasSplit", "X=x bias=b8"))
    ),
    *(Row(f"{MS}.{name}", "X=x", 0, 0) for name in ("Gelu", "QuickGelu", "ScaledSiLU")),
    Row(f"{MS}.RelativePositionBias", "bias_table=x query_length=three key_length=total", 0, 0),
    Row(f"{MS}.CropAndResize", "X=map rois=flat crop_size=sizes", 0, 0),
    Row(f"{MS}.TorchEmbedding", "weight=words indices=ids", 0, 240),
    Row(f"{MS}.Pad", "data=x pads=border", 0, 0),
    *(Row(f"{MS}.{name}", "X=x", 0, 0) for name in ("Trilu", "Inverse")),
    Row(f"{MS}.GridSample", "X=map Grid=map", 0, 0),
    Row(f"{MS}.GatherND", "data=x indices=flat", 0, 0),
    *(Row(f"{MS}.{name}", "A=x B=x2", 0, 0) for name in ("ComplexMul", "ComplexMulConj")),
    Row(f"{MS}.SwiGLU", "gate=x", 0, 0),
    Row("SwiGLU", "A=x B=x2", 0, 0),
    Row(f"{MS}.BiasAdd", "X=x bias=b8 skip=x2", 0, 8),
    Row(f"{MS}.BiasDropout", "data=x bias=b8 residual=x2", 0, 8),
    Row(f"{MS}.BiasSoftmax", "data=x bias=x2", 0, 0, {"axis": 2}),
    *(
        Row(name, f"{first}=x", 0, 0)
        for name, first in (
            ("RotaryEmbedding", "X"),
            (f"{MS}.RotaryEmbedding", "input"),
            (f"{MS}.MRotaryEmbedding", "input"),
        )
    ),
    Row("CausalConvWithState", "input=seq weight=dw bias=b8", 8 * 3 * 6, 32, {"activation": "silu"}, 2),
    Row(
        f"{MS}.CausalConvWithState",
        "input=x weight=dw bias=b8",
        144,
        32,
        {"channels_last": 1, "dilation": 2, "ndim": 1},
    ),
    *(Row(f"{domain}{name}Linear", "x=x", 0, 0) for domain in ("", f"{MS}.") for name in ("Quantize", "Dequantize")),
    Row("DynamicQuantizeLinear", "x=x", 0, 0, outputs=3),
    Row(f"{MS}.QLinearAdd", "A=x A_scale=s B=x2 B_scale=s", 0, 0),
    Row(f"{MS}.QLinearMul", "A=x A_scale=s B=x2 B_scale=s", 0, 0),
    Row(f"{MS}.QLinearSigmoid", "X=x X_scale=s", 0, 0),
    Row(f"{MS}.QLinearLeakyRelu", "X=x X_scale=s", 0, 0),
    Row(f"{MS}.QLinearSoftmax", "X=x X_scale=s", 0, 0, {"axis": -1, "opset": 13}),
    Row(f"{MS}.QLinearConcat", "Y_scale=s Y_zero_point=z X=x X_scale=s X_zero_point=z", 0, 0, {"axis": 1}),
    Row(f"{MS}.QLinearAveragePool", "X=last x_scale=s", 0, 0, {**POOL, "channels_last": 1}),
    Row(f"{MS}.QLinearGlobalAveragePool", "X=last x_scale=s", 0, 0, {"channels_last": 1}),
    Row(f"{MS}.QLinearReduceMean", "data=x data_scale=s", 0, 0, {"axes": (2,), "keepdims": 1}),
    Row(f"{MS}.QLinearWhere", "condition=x X=x Y=x2", 0, 0),
    Row("QLinearConv", "x=map x_scale=s w=cq w_scale=s B=bq", 1280, 25, CONV),
    Row(f"{MS}.QLinearConv", "x=last x_scale=s w=cq w_scale=s B=bq", 1280, 25, {**CONV, "channels_last": 1}),
    Row("ConvInteger", "x=map w=cq", 1280, 20, CONV),
    Row(f"{MS}.FusedConv", "X=map W=c B=b Z=map2", 1280, 25, {**CONV, "activation": "Relu"}),
    Row(f"{MS}.NhwcFusedConv", "X=last W=c B=b Z=last2", 1280, 25, {**CONV, "activation": "Relu"}),
    Row(f"{MS}.NhwcConv", "X=last W=c B=b", 1280, 25, CONV),
    Row(f"{MS}.NhwcMaxPool", "x=last", 0, 0, POOL),
    # weights for eight channels, of which four are there
    Row(f"{MS}.nchwc.Conv", "X=map W=blocked B=b8", 8 * 4 * 64, 8 * 4 + 8, {**CONV, "activation": "Relu"}),
    *(Row(f"{MS}.nchwc.{name}Pool", "X=map", 0, 0, POOL) for name in ("Max", "Average")),
    *(Row(f"{MS}.nchwc.Global{name}Pool", "X=map", 0, 0) for name in ("Max", "Average")),
    Row(f"{MS}.nchwc.ReorderInput", "X=last", 0, 0, {"channels_last": 1}),
    Row(f"{MS}.nchwc.ReorderOutput", "X=map", 0, 0, {"channels": 3, "channels_last": 1}),
    Row(f"{MS}.nchwc.Upsample", "X=map", 0, 0, {"scales": (1, 1, 2, 2), "mode": "nearest"}),
)


def written(row: Row, *more: str, **attributes: Any) -> tuple[bytes, dict[str, Sizes], dict[str, Any]]:
    """Return the node of a sample, the inputs of its graph, and the tensors that are kept."""
    given = dict(pair.split("=") for pair in row.reads.split())
    words = [word.rstrip("*") for word in SIGNED[row.op].words(len(given))]
    assert given.keys() <= {*words}
    domain, _, op = row.op.rpartition(".")
    reads = " ".join([*(given.get(word, "-") for word in words), *more])
    outputs = " ".join(["y", "a", "b", "c"][: row.outputs])
    spec = node(op, reads, outputs, domain=domain, **{**row.attributes, **attributes})
    names = {*given.values()}
    return (
        spec,
        {name: INPUTS[name] for name in names & INPUTS.keys()},
        {name: KEPT[name] for name in names & KEPT.keys()},
    )


@pytest.mark.parametrize("row", SAMPLES, ids=lambda row: row.op)
def test_what_an_operator_costs(tmp_path: Path, row: Row) -> None:
    spec, inputs, kept = written(row)
    result = counted(tmp_path, [spec, node("Relu", "y", "end")], inputs, kept, opset=25)
    assert (result.total.macs, result.total.params) == (row.macs, row.params)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, set[str]]:
    """Record which inputs and attributes of each operator are asked for."""
    found: dict[str, set[str]] = defaultdict(set)
    current, get, attribute, call = [""], NodeContext.get, NodeContext.attribute, Signed.__call__

    def called(self: Signed, op: NodeContext) -> list[Value]:
        current[0] = op.node.operator
        return call(self, op)

    def got(self: NodeContext, index: int) -> Value | None:
        found[current[0]] |= {*self.names[index : index + 1]}
        return get(self, index)

    def asked(self: NodeContext, name: str, default: Any = None) -> Any:
        found[current[0]].add(name)
        return attribute(self, name, default)

    monkeypatch.setattr(Signed, "__call__", called)
    monkeypatch.setattr(NodeContext, "get", got)
    monkeypatch.setattr(NodeContext, "attribute", asked)
    return found


def test_no_input_and_no_attribute_is_ignored(tmp_path: Path, looked_at: Mapping[str, set[str]]) -> None:
    """What has no star in a signature is asked for; QLinearConcat takes its inputs as a list."""
    for row in SAMPLES:
        spec, inputs, kept = written(row)
        counted(tmp_path, [spec, node("Relu", "y", "end")], inputs, kept, opset=25)
    words = {name: f"{each.inputs} {each.attributes}".replace("...", "").split() for name, each in SIGNED.items()}
    ignored = {name: {word for word in each if word[-1] != "*"} - looked_at[name] for name, each in words.items()}
    assert {name: each for name, each in ignored.items() if each} == {f"{MS}.QLinearConcat": {"X"}}


def test_every_operator_of_a_runtime_has_a_signature() -> None:
    assert [name for name in OPERATORS if "." in name and name not in SIGNED] == []
    assert {row.op for row in SAMPLES} == {*SIGNED}


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_is_that_of_the_schema(name: str) -> None:
    """Each input is in its place, and each attribute exists."""
    signed, (inputs, attributes) = SIGNED[name], RECORDED[name]
    own = [word.rstrip("*") for word in signed.inputs.removesuffix("...").split()]
    assert own == inputs[: len(own)] or (name.endswith("QLinearConcat") and own[:2] == inputs[:2])
    assert {word.rstrip("*") for word in signed.attributes.split()} <= attributes


LEFT_OUT = [
    (row, each)
    for row in {row.op: row for row in SAMPLES}.values()
    for each in sorted(RECORDED[row.op][1])
    if each not in SIGNED[row.op].attributes.replace("*", "").split()
]
"""Attributes that a schema has and no signature."""


@pytest.mark.parametrize(("row", "name"), [*LEFT_OUT, (SAMPLES[0], "new")], ids=lambda each: getattr(each, "op", each))
def test_an_attribute_that_is_not_known_is_refused_by_name(tmp_path: Path, row: Row, name: str) -> None:
    spec, inputs, kept = written(row, **{name: 1})
    with pytest.raises(FlopcountError, match=f"its attribute {name} is not supported"):
        counted(tmp_path, [spec], inputs, kept, opset=25)


def test_a_further_input_is_refused(tmp_path: Path) -> None:
    spec, inputs, kept = written(SAMPLES[0], "x")
    with pytest.raises(FlopcountError, match="its input number 8 is not supported"):
        counted(tmp_path, [spec], inputs, kept, opset=25)


@pytest.mark.parametrize(
    ("spec", "kept", "what"),
    [
        (
            node("LSTM", "x w r", "y", hidden_size=3),
            {"w": Weights((1, 28, 8)), "r": Weights((1, 28, 3))},
            "weights 'w'",
        ),
        (
            node("GRU", "x w r b", "y"),
            {"w": Weights((1, 9, 8)), "r": Weights((1, 9, 3)), "b": Weights((1, 9))},
            "bias 'b'",
        ),
        (
            node("LSTM", "x w r - - h", "y"),
            {"w": Weights((1, 12, 8)), "r": Weights((1, 12, 3)), "h": Weights((1, 1, 4))},
            "state",
        ),
        (
            node("Conv", "m c b", "y"),
            {"c": Weights((8, 4, 1, 1)), "b": Weights((5,))},
            "'b' has 5 numbers, and 8",
        ),
        (node("ConvTranspose", "m c b", "y"), {"c": Weights((4, 3, 2, 2)), "b": Weights((4,))}, "'b' has 4 numbers"),
        (
            node("QLinearConv", "m s - c s - s - b", "y"),
            {"c": Weights((8, 4, 1, 1), INT8), "b": Weights((5,), INT32)},
            "'b' has 5 numbers",
        ),
        (
            node("MatMulNBits", "x q s", "y", domain=MS, K=8, N=5, block_size=16),
            {"q": Weights((5, 1, 4), UINT8)},
            "weights 'q'",
        ),
        (
            node("MatMulBnb4", "x q s", "y", domain=MS, K=8, N=5, block_size=16),
            {"q": Weights((19,), UINT8)},
            "weights 'q'",
        ),
        (
            node("Attention", "x w b", "y", domain=MS, num_heads=2),
            {"w": Weights((8, 24)), "b": Weights((8,))},
            "bias 'b'",
        ),
        (node("MultiHeadAttention", "x x x b", "y", domain=MS, num_heads=2), {"b": Weights((20,))}, "bias 'b' is 20"),
        (node("SkipLayerNormalization", "x x g", "y", domain=MS), {"g": Weights((7,))}, "gamma 'g'"),
        (node("MoE", "x x e f", "y", domain=MS), {"e": Weights((8, 3, 8)), "f": Weights((8, 8, 5))}, "experts"),
    ],
)
def test_weights_of_other_sizes_are_refused_by_name(
    tmp_path: Path, spec: bytes, kept: Mapping[str, Any], what: str
) -> None:
    with pytest.raises(FlopcountError, match=what):
        counted(tmp_path, [spec], {"x": (1, 6, 8), "m": (1, 4, 8, 8)}, {"s": [0.5], **kept})


def test_what_attention_keeps_is_read_by_others(tmp_path: Path) -> None:
    """The keys of the past and the new ones, 3 + 6 tokens, are multiplied with five columns."""
    nodes = [node("Attention", "x x x - past past", "o k v", q_num_heads=2, kv_num_heads=2), node("MatMul", "k w", "y")]
    result = counted(tmp_path, nodes, {"x": (1, 6, 8), "past": (1, 2, 3, 4)}, {"w": Weights((4, 5))}, opset=23)
    assert (result.total.macs, last(result)) == (PAST + 2 * 9 * 4 * 5, (2, 9, 5))


def test_a_cache_with_room_is_read_as_far_as_it_is_filled(tmp_path: Path) -> None:
    """One query, and five keys in a buffer of nine."""
    spec = node("GroupQueryAttention", "q k k room room - t", "y a b", domain=MS, num_heads=2, kv_num_heads=1)
    inputs = {"q": (1, 1, 8), "k": (1, 1, 4), "room": (1, 1, 9, 4)}
    assert counted(tmp_path, [spec], inputs, {"t": [5]}).total.macs == 2 * 5 * 8


def test_a_cache_with_room_whose_filling_is_not_known_is_refused(tmp_path: Path) -> None:
    spec = node("Attention", "x w b - past", "y p", domain=MS, num_heads=2, past_present_share_buffer=1)
    kept = {"w": Weights((8, 24)), "b": Weights((24,))}
    with pytest.raises(FlopcountError, match="past_sequence_length is not a constant"):
        counted(tmp_path, [spec], {"x": (1, 1, 8), "past": (2, 1, 2, 9, 4)}, kept)
    names = "q k k - - room room filled"
    spec = node("DecoderMaskedMultiHeadAttention", names, "y", domain=MS, num_heads=2, past_present_share_buffer=1)
    with pytest.raises(FlopcountError, match="give the value of 'filled', as in --value filled=1"):
        counted(tmp_path, [spec], {"q": (1, 1, 8), "k": (1, 1, 8), "room": (1, 2, 9, 4), "filled": (1,)})


def test_quantized_weights_are_params_and_their_scales_are_none(tmp_path: Path) -> None:
    """A bias of 32 bits and the scale of a norm of 8, each behind a DequantizeLinear; a product of 8 by 5."""
    nodes = [
        *(node("DequantizeLinear", f"{name} s z", f"{name}f") for name in ("q", "b", "g")),
        node("LayerNormalization", "x gf", "n"),
        node("MatMul", "n qf", "m"),
        node("Add", "m bf", "y"),
    ]
    whole = {"q": Weights((8, 5), INT8), "b": Weights((5,), INT32), "g": Weights((8,), INT8)}
    result = counted(tmp_path, nodes, (1, 6, 8), {**whole, "s": Weights((5,)), "z": Weights((5,), INT8)})
    assert (result.total.params, total(result)) == (53, 53)


def test_channels_that_fill_a_block_are_named(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c", domain=f"{MS}.nchwc"),
        node("ReorderOutput", "c", "y", domain=f"{MS}.nchwc", channels=5),
    ]
    result = counted(tmp_path, nodes, (1, 4, 8, 8), {"w": Weights((8, 4, 1, 1))})
    assert (last(result), result.total.params) == ((5, 8, 8), 32)
    assert [note.code for note in result.notes] == ["blocked-channels"]


def test_what_a_score_is_changed_with_may_not_multiply(tmp_path: Path) -> None:
    spec = node(
        "FlexAttention",
        "x x x",
        "y",
        domain="ai.onnx.preview",
        score_mod=graph([node("MatMul", "s s", "t")], {"s": (1,)}, outputs=()),
    )
    with pytest.raises(FlopcountError, match="its score_mod has the operator MatMul"):
        counted(tmp_path, [spec], (1, 2, 6, 4))


NOT_READ = """
align_corners alpha antialias approximate batch_axis center_point_box consumed_inputs coordinate_transformation_mode
count_include_pad cubic_coeff_a detect_negative detect_positive directions exclude_outside exclusive extrapolation_value
high ignore_index is_test lambd largest low momentum nearest_mode output_datatype p padding_mode
periodic ratio reverse round_mode sampling_ratio saturate scan_input_directions scan_output_directions seed
select_last_index sorted spatial_scale stash_type storage_order time_axis training_mode upper value_string value_strings
"""
"""Attributes of other standard operators that change neither a size nor a count."""


def test_every_other_attribute_of_a_standard_operator_is_read() -> None:
    """Those of Upsample in opset 1 are refused when they are missed; the names of two of RoiAlign are put together."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "flopcount/readers/onnx").glob("*.py"))
    read = {*re.findall(r'"(\w+)"', code), *NOT_READ.split()}
    unread = {name for op, (_, known) in RECORDED.items() if op not in SIGNED for name in known - read}
    assert unread == {"height_scale", "width_scale", "output_height", "output_width"}
    assert not [name for name in NOT_READ.split() if f'"{name}"' in code]


def test_a_depthwise_convolution_of_blocks_has_the_channels_that_are_there(tmp_path: Path) -> None:
    """Four channels of 3×3 on a map of 8×8, in a block of eight."""
    domain, kept = f"{MS}.nchwc", {"w": Weights((8, 1, 3, 3)), "b": Weights((8,))}
    spec = node("Conv", "x w b", "y", domain=domain, group=8, pads=(1, 1, 1, 1))
    result = counted(tmp_path, [spec], (1, 4, 8, 8), kept)
    assert (result.total.macs, result.total.params) == (4 * 9 * 64, 4 * 9 + 4)
