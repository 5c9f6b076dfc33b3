"""Attention: its parts, its closed form, windows, and what does not fit."""

from typing import Any

import pytest
from broken_constraints import broken

from flopcount.errors import ShapeError
from flopcount.formulas.attention import (
    linear_attention,
    matmul,
    mixture_of_experts,
    multihead_attention,
    patch_merging,
    window_attention,
)
from flopcount.formulas.numbers import Dim
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step

Tokens = Shape((197, 192), 1)
Grid = Shape((56, 56, 96), 2)


def cost(step: Step) -> tuple[Dim, Dim]:
    """Return learned numbers, and MACs."""
    tally = step.tally
    return tally.weighed({"weight": 1, "bias": 1, "position": 1}), tally.weighed({"linear_mac": 1, "matmul_mac": 1})


def test_the_parts_of_self_attention() -> None:
    """A block of ViT tiny, as its linear layers are recorded, and two products of 3·197²·64."""
    step = multihead_attention(Tokens, num_heads=3)
    assert [(part.name, part.step.kind, part.step.shape.dims, *cost(part.step)) for part in step.parts] == [
        ("qkv", "Linear", (197, 576), 111168, 21786624),
        ("scores", "MatMul", (3, 197, 197), 0, 7451328),
        ("softmax", "Softmax", (3, 197, 197), 0, 0),
        ("sum", "MatMul", (3, 197, 64), 0, 7451328),
        ("proj", "Linear", (197, 192), 37056, 7262208),
    ]
    assert step.shape.dims == (197, 192)


def test_cross_attention_reads_keys_and_values_from_the_second() -> None:
    """10 tokens of 64 that gather from 20 of 32: 64² + 2·32·64 + 64² weights."""
    step = multihead_attention(Shape((10, 64), 1), Shape((20, 32), 1), num_heads=4, bias=False)
    linear = 10 * 64 * 64 + 2 * 20 * 32 * 64 + 10 * 64 * 64
    assert cost(step) == (64 * 64 + 2 * 32 * 64 + 64 * 64, linear + 2 * 10 * 20 * 64)
    assert [part.name for part in step.parts] == ["q", "k", "v", "scores", "softmax", "sum", "proj"]


def test_a_decode_step_reads_keys_and_values_from_a_cache() -> None:
    """A layer of Llama 3 8B on one token after 2,047: queries and result, 8 of 32 keys and values, 2,048 of both."""
    step = multihead_attention(Shape((1, 4096), 1), num_heads=32, num_kv_heads=8, bias=False, past_length=2047)
    assert cost(step) == (2 * 4096**2 + 2 * 4096 * 1024, 58_720_256)
    assert 2 * 4096**2 + 2 * 4096 * 1024 + 2 * 2048 * 4096 == 58_720_256
    assert step.shape.dims == (1, 4096)


def test_decode_steps_add_up_to_causal_attention() -> None:
    """Six tokens one by one compare 1 + 2 + … + 6 pairs of 64 channels, and take the linear layers of six at once."""
    steps = [multihead_attention(Shape((1, 64), 1), num_heads=4, bias=False, past_length=past) for past in range(6)]
    assert sum(cost(step)[1] for step in steps) == 6 * 4 * 64**2 + 2 * 21 * 64


def test_shared_keys_and_values_save_weights_but_no_products() -> None:
    """8 heads of 16 that share 2 of keys and values: 128 + 2·32 columns in place of 3·128."""
    plain = multihead_attention(Shape((10, 128), 1), num_heads=8, bias=False)
    shared = multihead_attention(Shape((10, 128), 1), num_heads=8, num_kv_heads=2, bias=False)
    assert cost(plain)[0] == 128 * (3 * 128 + 128)
    assert cost(shared)[0] == 128 * (128 + 2 * 32 + 128)
    assert shared.tally.counts["matmul_mac"] == plain.tally.counts["matmul_mac"] == 2 * 10 * 10 * 128


@pytest.mark.parametrize(
    ("options", "biases"),
    [({}, 768), ({"bias": False}, 0), ({"qkv_bias": False}, 192), ({"bias": False, "qkv_bias": True}, 576)],
)
def test_biases_of_both_sides(options: dict[str, bool], biases: int) -> None:
    """Three times 192 before the heads, 192 behind."""
    assert multihead_attention(Tokens, num_heads=3, **options).tally.counts["bias"] == biases


def test_attention_in_windows() -> None:
    """A block of Swin tiny: 64 windows of 49 positions, 3 heads, a table of 13² biases for each."""
    step = window_attention(Grid, num_heads=3, window_size=7, shift_size=3)
    linear, products = 3136 * 4 * 96**2, 2 * 64 * 49 * 49 * 96
    assert cost(step) == (4 * 96**2 + 4 * 96 + 169 * 3, linear + products)
    assert step.shape is Grid


def test_a_map_is_padded_to_whole_windows() -> None:
    """50 positions along an axis need 8 windows of 7, as 56 do."""
    padded = window_attention(Shape((50, 50, 96), 2), num_heads=3, window_size=7)
    assert cost(padded) == cost(window_attention(Grid, num_heads=3, window_size=7))


def test_windows_need_not_be_square() -> None:
    """Windows of 8×7 on 56×56: 7·8 of them, and 15·13 relative positions."""
    step = window_attention(Grid, num_heads=3, window_size=(8, 7))
    assert step.tally.counts["position"] == 15 * 13 * 3
    assert step.tally.counts["matmul_mac"] == 2 * 56 * 56 * 56 * 96


def test_one_window_over_all_is_plain_attention() -> None:
    """A window as large as the map, without the table of positions."""
    tokens, grid = Shape((49, 96), 1), Shape((7, 7, 96), 2)
    whole = window_attention(grid, num_heads=3, window_size=7, relative_position=False)
    assert cost(whole) == cost(multihead_attention(tokens, num_heads=3))


def test_patch_merging_halves_the_map_and_doubles_the_channels() -> None:
    """4·96 channels normalized, then 384·192 weights at 28×28 positions; odd sizes are padded."""
    step = patch_merging(Grid)
    assert (step.shape.dims, cost(step), step.tally.counts["norm_weight"]) == (
        (28, 28, 192),
        (384 * 192, 384 * 192 * 784),
        384,
    )
    assert patch_merging(Shape((7, 5, 96), 2)).shape.dims == (4, 3, 192)


def test_a_matrix_product() -> None:
    """(10×64)·(64×10) takes 6,400, as does a matrix times its own transpose."""
    product = matmul(Shape((10, 64), 1), Shape((64, 10), 1))
    own = matmul(Shape((10, 64), 1), transpose=True)
    assert product.shape.dims == own.shape.dims == (10, 10)
    assert product.tally.counts == own.tally.counts == {"matmul_mac": 6400}


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (
            multihead_attention(Tokens, num_heads=5),
            "num_heads = 5 does not divide the 192 channels; choose a divisor, or set head_dim",
        ),
        (
            multihead_attention(Tokens, num_heads=3, num_kv_heads=2),
            "num_kv_heads = 2 does not divide num_heads = 3; choose a divisor",
        ),
        (multihead_attention(Tokens, num_heads=3, embed_dim=64), "embed_dim = 64, but there are 192 channels"),
        (multihead_attention(Tokens, Tokens, Shape((9, 192), 1), num_heads=3), "there are 197 keys, but 9 values"),
        (matmul(Tokens, Tokens), "192 columns of the first do not match 197 rows of the second"),
        (matmul(Shape((2, 3, 4), 2), Shape((3, 4, 3), 2)), "2 matrices cannot be paired with 3"),
    ],
    ids=lambda value: value.kind if isinstance(value, Step) else "",
)
def test_what_must_hold_is_said_in_a_sentence(step: Step, says: str) -> None:
    assert broken(step) == [says]


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (lambda: multihead_attention(Shape((96, 7, 7)), num_heads=3), "expects tokens with the channels last"),
        (lambda: multihead_attention(*[Tokens] * 4, num_heads=3), "reads one to three layers, not 4"),
        (lambda: multihead_attention(Tokens, Shape((2, 9, 192), 2), num_heads=3), "cannot pair 197×192 with 2×9×192"),
        (lambda: window_attention(Shape((96, 7, 7)), num_heads=3, window_size=7), "add a ChannelsLast before it"),
        (lambda: patch_merging(Tokens), "PatchMerging expects a map of 2 axes with the channels last"),
        (lambda: matmul(Tokens), "MatMul reads two layers, not 1"),
        (lambda: matmul(Tokens, Shape((2, 192, 9), 2)), "MatMul cannot pair 197×192 with 2×192×9"),
    ],
)
def test_what_cannot_be_read_is_refused(refused: Any, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        refused()


def test_linear_attention_writes_and_reads_a_state_for_each_token() -> None:
    """The MatMuls of the function of ONNX: 4 heads of 8 for each of 4 tokens, 8·8 in each of three products."""
    x = Shape((4, 32), 1)
    assert linear_attention(x, x, x, num_heads=4, delta=True).tally.counts == {"matmul_mac": 4 * 4 * 3 * 8 * 8}
    assert linear_attention(x, num_heads=4).tally.counts == {"matmul_mac": 4 * 4 * 2 * 8 * 8}


def test_a_mixture_of_experts_has_more_params_than_a_token_uses() -> None:
    """Mixtral 8x7B (arXiv:2401.04088, section 2 and table 1): 47B params, 13B of them active."""
    experts = mixture_of_experts(
        Shape((10, 4096), 1), num_experts=8, hidden_features=14336, top_k=2, gated=True, bias=False, activation="silu"
    )
    counts = experts.tally.counts
    others = 32 * (2 * 4096**2 + 2 * 4096 * 1024 + 2 * 4096) + 2 * 32000 * 4096 + 4096
    total = 32 * int(str(counts["weight"])) + others
    assert (total, total - 32 * int(str(counts["idle"]))) == (46_702_792_704, 12_879_925_248)
    assert counts["linear_mac"] == 10 * (4096 * 8 + 2 * 3 * 4096 * 14336)
