"""Operators of ONNX, one small graph each: sizes, params and MACs by hand."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from onnx_files import Sizes, Weights, counted, function, graph, last, node, total

from flopcount.case import Count

Counting = Callable[..., Count]
MAP: Sizes = (1, 4, 8, 8)
TOKENS: Sizes = (1, 6, 8)


@pytest.fixture
def count(tmp_path: Path) -> Counting:
    """Count a graph of some nodes."""
    return partial(counted, tmp_path)


def kinds(result: Count) -> list[str]:
    """Return the kinds of the layers, without those that only say which axis is the channels."""
    return [step.kind for step in result.trace.steps.values() if step.kind != "Reshape"]


def test_a_convolution_with_different_padding_before_and_after(count: Counting) -> None:
    """8 + 0 + 1 − 3 leaves 6 steps of 1, and 7 positions each way."""
    weights = {"w": Weights((5, 4, 3, 3)), "b": Weights((5,))}
    result = count([node("Conv", "x w b", "y", pads=(0, 0, 1, 1))], {"x": MAP}, weights)
    assert (last(result), result.total.macs, result.total.params) == ((5, 7, 7), 5 * 4 * 9 * 49, 5 * 4 * 9 + 5)


def test_a_convolution_in_as_many_groups_as_channels_is_depthwise(count: Counting) -> None:
    result = count([node("Conv", "x w", "y", group=4, auto_pad="SAME_UPPER")], {"x": MAP}, {"w": Weights((4, 1, 3, 3))})
    assert kinds(result) == ["DepthwiseConv"]
    assert (last(result), result.total.macs) == ((4, 8, 8), 4 * 9 * 64)


@pytest.mark.parametrize("bias_first", [False, True])
def test_a_product_with_weights_and_a_sum_after_it_are_one_linear_layer(count: Counting, *, bias_first: bool) -> None:
    nodes = [node("MatMul", "x w", "p"), node("Add", "b p" if bias_first else "p b", "y")]
    result = count(nodes, {"x": TOKENS}, {"w": Weights((8, 5)), "b": Weights((5,))})
    assert kinds(result) == ["Linear"]
    assert (last(result), result.total.macs, result.total.params) == ((6, 5), 6 * 8 * 5, 45)


def test_a_product_of_two_layers_has_no_params(count: Counting) -> None:
    nodes = [node("Transpose", "x", "t", perm=(0, 2, 1)), node("MatMul", "x t", "y")]
    result = count(nodes, {"x": TOKENS})
    assert (last(result), result.total.macs, result.total.params) == ((6, 6), 6 * 8 * 6, 0)


@pytest.mark.parametrize(
    ("equation", "second", "out", "macs"),
    [
        ("bij,bkj->bik", (1, 5, 8), (6, 5), 6 * 8 * 5),
        ("bij,bjk->bik", (1, 8, 5), (6, 5), 6 * 8 * 5),
        ("bij,bij->bi", (1, 6, 8), (6,), 6 * 8),
        ("bij,bkl->bijkl", (1, 2, 3), (6, 8, 2, 3), 6 * 8 * 2 * 3),
        ("bij,bij->b", (1, 6, 8), (1,), 6 * 8),
        ("bij,bjj->bij", (1, 8, 8), (6, 8), 6 * 8),  # by the diagonal
    ],
)
def test_an_einsum_multiplies_all_its_letters(
    count: Counting, equation: str, second: Sizes, out: tuple[int, ...], macs: int
) -> None:
    result = count([node("Einsum", "x z", "y", equation=equation)], {"x": TOKENS, "z": second})
    assert (last(result), result.total.macs) == (out, macs)


def test_layers_are_stretched_to_each_other(count: Counting) -> None:
    """As NumPy does it: 6×1 and 1×8 make 6×8."""
    nodes = [node("Unsqueeze", "x two", "a"), node("Less", "a z", "y")]
    assert last(count(nodes, {"x": (1, 6), "z": (1, 1, 8)}, {"two": [2]})) == (6, 8)


def test_a_product_of_what_is_kept_runs_with_the_network(count: Counting) -> None:
    """Weights times weights: nothing folds it, so that it is multiplied each time."""
    nodes = [node("MatMul", "v w", "p"), node("MatMul", "x p", "y")]
    result = count(nodes, {"x": TOKENS}, {"v": Weights((8, 3)), "w": Weights((3, 5))})
    assert (result.total.macs, result.total.params) == (8 * 3 * 5 + 6 * 8 * 5, 24 + 15)


def test_an_lstm_has_four_gates_in_each_direction(count: Counting) -> None:
    weights = {"w": Weights((2, 12, 8)), "r": Weights((2, 12, 3)), "b": Weights((2, 24))}
    nodes = [node("LSTM", "x w r b - h c", "s end", hidden_size=3, direction="bidirectional"), node("Relu", "s", "y")]
    states = {"h": Weights((2, 1, 3)), "c": Weights((2, 1, 3))}
    result = count(nodes, {"x": (6, 1, 8)}, {**weights, **states})
    assert (result.total.macs, result.total.params) == (2 * 12 * (8 + 3) * 6, 2 * 12 * 11 + 48)
    assert total(result) == 2 * 12 * 11 + 48 + 12


@pytest.mark.parametrize(("heads", "groups"), [(2, 2), (4, 2)])
def test_attention_as_one_operator_has_two_products_whatever_the_heads_of_keys(
    count: Counting, heads: int, groups: int
) -> None:
    nodes = [node("Attention", "x k k", "y", q_num_heads=heads, kv_num_heads=groups)]
    result = count(nodes, {"x": TOKENS, "k": (1, 6, 8 // heads * groups)}, opset=23)
    assert (last(result), result.total.macs) == ((6, 8), 2 * 6 * 6 * 8)


def test_a_table_of_embeddings_that_is_the_last_layer_too_is_counted_once(count: Counting) -> None:
    nodes = [node("Gather", "table x", "e"), node("Transpose", "table", "t", perm=(1, 0)), node("MatMul", "e t", "y")]
    result = count(nodes, {"x": (1, 6)}, {"table": Weights((100, 8))})
    assert (last(result), result.total.macs, result.total.params) == ((6, 100), 6 * 8 * 100, 800)
    assert "counted once" in str(result.notes[0])


def test_params_that_no_layer_has_are_in_all_params(count: Counting) -> None:
    """A bound and what nothing reads are kept, and not trained."""
    result = count([node("Clip", "x low", "y")], {"x": MAP}, {"low": [0.5], "unread": Weights((7,))})
    assert (result.total.params, total(result)) == (0, 8)


@pytest.mark.parametrize(
    ("low", "high", "function"), [([0.0], [6.0], "ReLU6"), ([0.0], None, "ReLU"), ([-1.0], [1.0], "Hardtanh")]
)
def test_a_clip_is_the_function_its_bounds_make_it(
    count: Counting, low: list[float], high: list[float] | None, function: str
) -> None:
    tensors = {"low": low, **({"high": high} if high else {})}
    result = count([node("Clip", f"x low{' high' if high else ''}", "y")], {"x": MAP}, tensors)
    assert next(iter(result.trace.steps.values())).kind == function


def test_what_was_an_attribute_in_old_opsets_is_read_there(count: Counting) -> None:
    nodes = [
        node("Unsqueeze", "x", "a", axes=(2,)),
        node("Squeeze", "a", "b", axes=(2,)),
        node("Slice", "b", "c", starts=(1,), ends=(5,), axes=(1,)),
        node("Pad", "c", "d", pads=(0, 0, 1, 1, 0, 0, 1, 1)),
        node("Clip", "d", "e", min=0.0, max=6.0),
        node("Dropout", "e", "f"),
        node("ReduceMean", "f", "y", axes=(2, 3), keepdims=0),
    ]
    result = count(nodes, {"x": (1, 6, 8, 8)}, opset=9)
    assert (last(result), kinds(result)) == ((4,), ["Slice", "Pad", "ReLU6", "GlobalAvgPool"])


def test_shapes_are_computed_from_shapes(count: Counting) -> None:
    """View as [batch, 2, channels / 2, …] and back, as ShuffleNet does, written out in the graph."""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s one", "channels"),
        node("Div", "channels two", "half"),
        node("Unsqueeze", "half zeroth", "half1"),
        node("Concat", "first half1 rest", "wanted", axis=0),
        node("Reshape", "x wanted", "r"),
        node("Transpose", "r", "t", perm=(0, 2, 1, 3, 4)),
        node("Reshape", "t s", "y"),
    ]
    tensors = {"one": 1, "two": 2, "zeroth": [0], "first": [1, 2], "rest": [8, 8]}
    assert last(count(nodes, {"x": MAP}, tensors)) == (4, 8, 8)


def test_gelu_spelled_out_is_one_function(count: Counting) -> None:
    nodes = [
        node("Div", "x root", "a"),
        node("Erf", "a", "b"),
        node("Add", "b one", "c"),
        node("Mul", "x c", "d"),
        node("Mul", "d half", "y"),
    ]
    result = count(nodes, {"x": TOKENS}, {"root": [1.4142135], "one": [1.0], "half": [0.5]})
    assert kinds(result) == ["GELU", "Constants"]


def layer_norm(**axes: Any) -> list[bytes]:
    """Spell out a layer norm over some axes."""
    return [
        node("ReduceMean", "x", "m", **axes),
        node("Sub", "x m", "c"),
        node("Pow", "c two", "q"),
        node("ReduceMean", "q", "v", **axes),
        node("Add", "v e", "ve"),
        node("Sqrt", "ve", "r"),
        node("Div", "c r", "n"),
        node("Mul", "n g", "s"),
        node("Add", "s b", "y"),
    ]


def test_a_layer_norm_spelled_out_is_one_layer(count: Counting) -> None:
    tensors = {"two": [2.0], "e": [1e-5], "g": Weights((8,)), "b": Weights((8,))}
    result = count(layer_norm(axes=(-1,)), {"x": TOKENS}, tensors)
    assert kinds(result) == ["LayerNorm", "Constants"]
    assert (result.total.params, total(result)) == (16, 18)
    assert "LayerNorm" not in kinds(count(layer_norm(), {"x": TOKENS}, tensors))  # the means are of all numbers


def test_silu_spelled_out_is_one_function(count: Counting) -> None:
    result = count([node("Sigmoid", "x", "s"), node("Mul", "x s", "y")], {"x": MAP})
    assert kinds(result) == ["SiLU"]


def test_channels_last_is_read_as_it_stands(count: Counting) -> None:
    """As TensorFlow exports: a picture comes with its channels last and is turned first."""
    nodes = [node("Transpose", "x", "t", perm=(0, 3, 1, 2)), node("Conv", "t w", "y")]
    result = count(nodes, {"x": (1, 8, 8, 3)}, {"w": Weights((5, 3, 1, 1))})
    assert (last(result), result.total.macs) == ((5, 8, 8), 15 * 64)


def test_a_batch_in_the_file_is_counted_as_it_is(count: Counting) -> None:
    result = count([node("Conv", "x w", "y")], {"x": (2, 4, 8, 8)}, {"w": Weights((5, 4, 1, 1))})
    assert (last(result), result.total.macs) == ((2, 5, 8, 8), 2 * 20 * 64)


def test_a_function_of_the_model_is_unfolded(count: Counting) -> None:
    body = function("Twice", "a k", "c", [node("Conv", "a k", "b"), node("Conv", "b k", "c")])
    nodes = [node("Twice", "x w", "m", domain="own"), node("Twice", "m w", "y", domain="own")]
    result = count(nodes, {"x": MAP}, {"w": Weights((4, 4, 1, 1))}, body)
    assert (result.total.macs, result.total.params) == (4 * 16 * 64, 16)


def test_a_branch_that_is_known_beforehand_is_taken(count: Counting) -> None:
    then = graph([node("Conv", "x w", "taken")], {}, outputs=("taken",))
    other = graph([node("Relu", "x", "left")], {}, outputs=("left",))
    nodes = [node("If", "yes", "y", then_branch=then, else_branch=other)]
    result = count(nodes, {"x": MAP}, {"yes": [1], "w": Weights((5, 4, 1, 1))})
    assert (last(result), result.total.macs) == ((5, 8, 8), 20 * 64)


def test_group_norm_by_instance_norm_has_the_params_of_both(count: Counting) -> None:
    """As PyTorch exports it: groups as channels, normalized, then scale and shift of the real channels."""
    nodes = [
        node("Reshape", "x grouped", "a"),
        node("InstanceNormalization", "a ones zeros", "b"),
        node("Reshape", "b full", "c"),
        node("Mul", "c g", "d"),
        node("Add", "d s", "y"),
    ]
    tensors = {"grouped": [1, 2, -1], "full": [1, 4, 8, 8], "ones": Weights((2,)), "zeros": Weights((2,))}
    scales = {"g": Weights((4, 1, 1)), "s": Weights((4, 1, 1))}
    result = count(nodes, {"x": MAP}, {**tensors, **scales})
    assert (last(result), total(result)) == ((4, 8, 8), 12)


def test_weights_of_eight_bits_are_params_like_others(count: Counting) -> None:
    nodes = [node("DequantizeLinear", "q scale zero", "w"), node("Conv", "x w", "y")]
    tensors = {"q": Weights((5, 4, 1, 1), 3), "scale": [0.5], "zero": Weights((), 3)}
    result = count(nodes, {"x": MAP}, tensors)
    assert (result.total.macs, result.total.params, total(result)) == (20 * 64, 20, 20)
