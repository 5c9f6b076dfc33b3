"""Operators that ONNX Runtime writes, those of late opsets and of whole numbers: params and MACs by hand."""

from pathlib import Path
from typing import Any

import pytest
from onnx_files import Sizes, Weights, counted, node

from flopcount.case import Count

TOKENS: Sizes = (1, 6, 8)
MAP: Sizes = (1, 4, 8, 8)
MS = "com.microsoft"


def kinds(result: Count) -> list[str]:
    """Return the kinds of the layers that compute something."""
    moving = {"Reshape", "Permute", "Split", "ChannelsLast"}
    return [step.kind for step in result.trace.steps.values() if step.kind not in moving]


def test_fused_attention_is_a_linear_layer_and_two_products(tmp_path: Path) -> None:
    nodes = [node("Attention", "x w b", "y", domain=MS, num_heads=2)]
    result = counted(tmp_path, nodes, TOKENS, {"w": Weights((8, 24)), "b": Weights((24,))})
    assert kinds(result) == ["Linear", "Einsum", "Softmax", "Einsum"]
    assert (result.total.macs, result.total.params) == (6 * 8 * 24 + 2 * 6 * 6 * 8, 8 * 24 + 24)


def test_a_fused_convolution_is_followed_by_its_function(tmp_path: Path) -> None:
    nodes = [node("FusedConv", "x w b", "y", domain=MS, activation="Relu")]
    result = counted(tmp_path, nodes, MAP, {"w": Weights((5, 4, 1, 1)), "b": Weights((5,))})
    assert (kinds(result), result.total.macs) == (["Conv", "ReLU"], 20 * 64)


@pytest.mark.parametrize(("op", "params"), [("SkipLayerNormalization", 16), ("SkipSimplifiedLayerNormalization", 8)])
def test_a_skip_norm_adds_first(tmp_path: Path, op: str, params: int) -> None:
    names = "x x g b" if params > 8 else "x x g"
    result = counted(tmp_path, [node(op, names, "y", domain=MS)], TOKENS, {"g": Weights((8,)), "b": Weights((8,))})
    norm = "LayerNorm" if params > 8 else "RMSNorm"
    assert (kinds(result)[:2], result.total.params) == (["Add", norm], params)


def test_a_gelu_with_a_bias_adds_it_first(tmp_path: Path) -> None:
    result = counted(tmp_path, [node("BiasGelu", "x b", "y", domain=MS)], TOKENS, {"b": Weights((8,))})
    assert (kinds(result)[-1], result.total.params) == ("GELU", 8)


@pytest.mark.parametrize(
    ("spec", "dims", "opset", "scale", "params"),
    [
        (node("RMSNormalization", "x g", "y", axis=-1), TOKENS, 23, (8,), 8),
        (node("LayerNormalization", "x g b", "y", axis=-1), TOKENS, 23, (8,), 16),
        (node("LayerNormalization", "x g b", "y", axis=1), TOKENS, 17, (6, 8), 96),
        (node("GroupNormalization", "x g b", "y", num_groups=2), MAP, 21, (4,), 8),
        (node("GroupNormalization", "x g b", "y", num_groups=2), MAP, 18, (2,), 4),
    ],
)
def test_a_norm_has_a_scale_and_a_shift_for_each_channel_or_element(
    tmp_path: Path, spec: bytes, dims: Sizes, opset: int, *, scale: tuple[int, ...], params: int
) -> None:
    """RMS norms have no shift; group norms until opset 20 have numbers for each group."""
    result = counted(tmp_path, [spec], dims, {"g": Weights(scale), "b": Weights(scale)}, opset=opset)
    assert result.total.params == params


def test_a_convolution_of_whole_numbers_is_one_like_others(tmp_path: Path) -> None:
    nodes = [node("QLinearConv", "x s z w s z s z b", "y")]
    scales: dict[str, Any] = {"s": [0.5], "z": Weights((), 3)}
    result = counted(tmp_path, nodes, MAP, {"w": Weights((5, 4, 1, 1), 3), "b": Weights((5,), 6), **scales})
    assert (kinds(result)[0], result.total.macs, result.total.params) == ("Conv", 20 * 64, 25)


@pytest.mark.parametrize(
    ("nodes", "out"),
    [
        ([node("TopK", "x k", "y i", axis=-1)], (6, 3)),
        ([node("CumSum", "x one", "y")], (6, 8)),
        ([node("ArgMax", "x", "y", axis=2, keepdims=0)], (6,)),
        ([node("Tile", "x twice", "y")], (12, 8)),
        ([node("Expand", "x wide", "y")], (3, 6, 8)),
        ([node("Split", "x halves", "a y", axis=2)], (5,)),
        ([node("Where", "x x x", "y")], (6, 8)),
        ([node("OneHot", "x five ends", "y", axis=-1)], (6, 8, 5)),
        ([node("GatherElements", "x x", "y", axis=1)], (6, 8)),
        ([node("GatherND", "x places", "y")], (2, 8)),
        ([node("CenterCropPad", "x small", "y", axes=(1,))], (4, 8)),
        ([node("LpNormalization", "x", "y", axis=-1)], (6, 8)),
        ([node("LogSoftmax", "x", "y", axis=1)], (6, 8)),
        ([node("Gather", "x some", "y", axis=2)], (6, 3)),
        ([node("Slice", "x one five one two", "y")], (2, 8)),
        ([node("Reshape", "x flat", "a"), node("Squeeze", "a none", "y")], (48,)),
        ([node("NonZero", "halves", "n"), node("Gather", "x n", "y", axis=2)], (6, 1, 2)),
        (
            [node("Range", "zero five5 one1", "r"), node("Tile", "r two", "t"), node("Gather", "x r", "y", axis=2)],
            (6, 5),
        ),
        (
            [
                node("ReduceProd", "halves", "p", keepdims=0),
                node("Unsqueeze", "p zeroth", "q"),
                node("Gather", "x zeroth", "y", axis=1),
            ],
            (1, 8),
        ),
        ([node("Hardmax", "x", "a", axis=1), node("Trilu", "a", "y")], (6, 8)),
        ([node("DynamicQuantizeLinear", "x", "y s z")], (6, 8)),
        ([node("Swish", "x", "a"), node("PRelu", "a slope", "y")], (6, 8)),
    ],
)
def test_what_multiplies_nothing_has_the_sizes_that_come_out(
    tmp_path: Path, nodes: list[bytes], out: tuple[int, ...]
) -> None:
    sizes = {"five": [5], "small": [4], "some": [0, 2, 4], "two": [2], "k": [3], "one": [1], "twice": [1, 2, 1]}
    more = {"zero": 0, "five5": 5, "one1": 1, "zeroth": [0], "flat": [48], "none": [], "wide": [3, 6, 8]}
    others = {"halves": [3, 5], "slope": [0.25], "ends": [0.0, 1.0], "places": Weights((2, 2), 7)}
    *_, step = counted(tmp_path, nodes, TOKENS, {**sizes, **more, **others}).trace.steps.values()
    assert (step.shape.dims[-len(out) :], step.tally.counts.get("matmul_mac")) == (out, None)


@pytest.mark.parametrize(
    ("nodes", "dims", "macs"),
    [
        ([node("ConvInteger", "x w", "y")], MAP, 20 * 64),
        ([node("MatMulInteger", "x v", "y")], TOKENS, 6 * 8 * 5),
        ([node("QLinearMatMul", "x s z v s z s z", "y")], TOKENS, 6 * 8 * 5),
        ([node("DeformConv", "x w o", "y")], MAP, 20 * 64),
        ([node("FusedGemm", "f v", "y", domain=MS, activation="Relu")], (1, 8), 40),
    ],
)
def test_what_multiplies_weights_has_their_macs(tmp_path: Path, nodes: list[bytes], dims: Sizes, macs: int) -> None:
    nodes = [node("Identity", "x", "f"), *nodes]
    weights: dict[str, Any] = {"w": Weights((5, 4, 1, 1), 3), "v": Weights((8, 5), 3), "s": [0.5], "z": Weights((), 3)}
    weights["o"] = Weights((1, 2, 8, 8))
    result = counted(tmp_path, nodes, dims, weights)
    assert (result.total.macs, result.total.params) == (macs, 20 if "w" in str(nodes[-1]) and len(dims) > 3 else 40)
