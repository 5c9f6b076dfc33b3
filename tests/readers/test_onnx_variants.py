"""Operators of ONNX in their less common forms: what comes out, MACs and params, by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from onnx_files import Sizes, Weights, counted, last, node

MAP: Sizes = (1, 4, 8, 8)
TOKENS: Sizes = (1, 6, 8)
MS = "com.microsoft"

CASES: Mapping[str, tuple[list[bytes], Sizes, Mapping[str, Any], tuple[int, ...], int, int]] = {
    "a scale for each channel": ([node("Mul", "x g", "y")], MAP, {"g": Weights((4, 1, 1))}, (4, 8, 8), 0, 4),
    "a term for each position": ([node("Add", "x p", "y")], TOKENS, {"p": Weights((1, 6, 8))}, (6, 8), 0, 48),
    "a term for each row": ([node("Sub", "x p", "y")], TOKENS, {"p": Weights((6, 1))}, (6, 8), 0, 6),
    "a tensor that stretches": ([node("Mul", "x p", "y")], (1, 1, 8), {"p": Weights((6, 1))}, (6, 8), 0, 6),
    "a slope for each channel": ([node("PRelu", "x s", "y")], MAP, {"s": Weights((4, 1, 1))}, (4, 8, 8), 0, 4),
    "a slope for each position": ([node("PRelu", "x s", "y")], MAP, {"s": Weights((8, 8))}, (4, 8, 8), 0, 64),
    "tokens before others": ([node("Concat", "t x", "y", axis=1)], TOKENS, {"t": Weights((1, 2, 8))}, (8, 8), 0, 16),
    "a row after others": ([node("Concat", "x t", "y", axis=1)], TOKENS, {"t": Weights((1, 2, 8))}, (8, 8), 0, 16),
    "a bias after a layer": (
        [node("Conv", "x w", "c"), node("Add", "c b", "y")],
        MAP,
        {"w": Weights((5, 4, 1, 1)), "b": Weights((1, 5, 1, 1))},
        (5, 8, 8),
        20 * 64,
        25,
    ),
    "weights before the layer": ([node("MatMul", "w x", "y")], TOKENS, {"w": Weights((3, 6))}, (3, 8), 3 * 6 * 8, 18),
    "weights for each head": (
        [node("MatMul", "x w", "y")],
        TOKENS,
        {"w": Weights((2, 8, 5))},
        (2, 6, 5),
        2 * 6 * 8 * 5,
        80,
    ),
    "a linear layer": (
        [node("Einsum", "x w", "y", equation="...c,dc->...d")],
        TOKENS,
        {"w": Weights((5, 8))},
        (6, 5),
        6 * 8 * 5,
        40,
    ),
    "an equation without a result": (
        [node("Einsum", "x w", "y", equation="bij,jk")],
        TOKENS,
        {"w": Weights((8, 5))},
        (6, 5),
        6 * 8 * 5,
        40,
    ),
    "Gemm the other way round": (
        [node("Gemm", "x w b", "y", transA=1)],
        (6, 8),
        {"w": Weights((6, 5)), "b": Weights((8, 5))},
        (8, 5),
        8 * 6 * 5,
        30 + 40,
    ),
    "a product of two vectors": ([node("MatMul", "x x", "y")], (8,), {}, (1,), 8, 0),
    "depth that becomes space": ([node("DepthToSpace", "x", "y", blocksize=2)], MAP, {}, (1, 16, 16), 0, 0),
    "a product with one side turned": (
        [node("FusedMatMul", "x x", "y", domain=MS, transB=1)],
        TOKENS,
        {},
        (6, 6),
        6 * 8 * 6,
        0,
    ),
    "attention": (
        [node("MultiHeadAttention", "x x x", "y", domain=MS, num_heads=4)],
        TOKENS,
        {},
        (6, 8),
        2 * 6 * 6 * 8,
        0,
    ),
    "growth by strides and output padding": (
        [node("ConvTranspose", "x w", "y", strides=(2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1))],
        MAP,
        {"w": Weights((4, 6, 3, 3))},
        (6, 16, 16),
        4 * 6 * 9 * 64,
        216,
    ),
    "an Upsample": (
        [node("Upsample", "x s", "y", mode="nearest")],
        MAP,
        {"s": [1.0, 1.0, 2.0, 2.0]},
        (4, 16, 16),
        0,
        0,
    ),
    "Gemm without a bias": ([node("Gemm", "x w", "y", transB=1)], (1, 8), {"w": Weights((5, 8))}, (5,), 40, 40),
    "growth to a size": (
        [node("ConvTranspose", "x w", "y", strides=(2, 2), output_shape=(16, 16))],
        MAP,
        {"w": Weights((4, 5, 3, 3))},
        (5, 16, 16),
        4 * 5 * 9 * 64,
        180,
    ),
    "growth to twice the size": (
        [node("ConvTranspose", "x w", "y", strides=(2, 2), auto_pad="SAME_UPPER")],
        MAP,
        {"w": Weights((4, 5, 2, 2))},
        (5, 16, 16),
        4 * 5 * 4 * 64,
        80,
    ),
    "a pool that rounds up": (
        [node("MaxPool", "x", "y", kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1)],
        MAP,
        {},
        (4, 4, 4),
        0,
        0,
    ),
    "a pool padded by all of it": (
        [node("AveragePool", "x", "y", kernel_shape=(2, 2), pads=(2, 2, 2, 2))],
        MAP,
        {},
        (4, 11, 11),
        0,
        0,
    ),
    "an enlargement to a size": (
        [node("Resize", "x - - size", "y", mode="linear")],
        MAP,
        {"size": [1, 4, 12, 20]},
        (4, 12, 20),
        0,
        0,
    ),
    "resized channels that are last": (
        [node("Resize", "x - scales", "y", mode="cubic")],
        MAP,
        {"scales": [1.0, 2.0, 2.0, 1.0]},
        (8, 16, 8),
        0,
        0,
    ),
    "10 · 0.7 is 7 in single precision": (
        [node("Resize", "x - scales", "y")],
        (1, 4, 10, 100),
        {"scales": [1.0, 1.0, 0.7, 1.3]},
        (4, 7, 130),
        0,
        0,
    ),
    "a border around the tokens": ([node("Pad", "x pads", "y")], TOKENS, {"pads": [0, 1, 0, 0, 1, 0]}, (8, 8), 0, 0),
    "a border that cuts off": ([node("Pad", "x pads", "y")], TOKENS, {"pads": [0, -1, 0, 0, 2, 0]}, (7, 8), 0, 0),
    "a GRU of one direction": (
        [node("GRU", "x w r", "y", hidden_size=3)],
        (6, 1, 8),
        {"w": Weights((1, 9, 8)), "r": Weights((1, 9, 3))},
        (6, 1, 3),
        9 * 11 * 6,
        99,
    ),
    "the last state of an RNN": (
        [node("RNN", "x w r", "- y", hidden_size=3)],
        (6, 1, 8),
        {"w": Weights((1, 3, 8)), "r": Weights((1, 3, 3))},
        (1, 1, 3),
        3 * 11 * 6,
        33,
    ),
    "a mean of the tokens": ([node("ReduceMean", "x one", "y", keepdims=0)], TOKENS, {"one": [1]}, (8,), 0, 0),
    "a sum of everything": ([node("ReduceSum", "x", "y", keepdims=0)], TOKENS, {}, (1,), 0, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_counted_as_it_is_by_hand(tmp_path: Path, case: str) -> None:
    nodes, dims, tensors, out, macs, params = CASES[case]
    result = counted(tmp_path, nodes, dims, tensors, opset=18)
    assert (last(result), result.total.macs, result.total.params) == (out, macs, params)
