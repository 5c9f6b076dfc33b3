"""Weights that are constants of the graph, not initializers."""

from pathlib import Path
from typing import Any

import pytest
from onnx_files import Weights, counted, field, node, tensor

from flopcount.cli.loading import Options, count_of


def constant(name: str, *dims: int) -> bytes:
    """Write a Constant of decimals."""
    value = field(1, "value") + field(5, tensor("", Weights(dims))) + field(20, 4)
    return field(2, name) + field(4, "Constant") + field(5, value)


def test_where_there_are_no_initializers_constants_are_the_params(tmp_path: Path) -> None:
    result = counted(tmp_path, [constant("w", 5, 4, 1, 1), node("Conv", "x w", "y")], (1, 4, 8, 8))
    assert result.total.params == 20


def test_beside_initializers_constants_are_weights_too(tmp_path: Path) -> None:
    """A file cannot say that a filter is fixed, such as one that blurs; a note says which weights are constants."""
    nodes = [constant("blur", 4, 1, 3, 3), node("Conv", "x blur", "b", group=4), node("Conv", "b w", "y")]
    result = counted(tmp_path, nodes, (1, 4, 8, 8), {"w": Weights((5, 4, 1, 1))})
    assert (result.total.params, result.total.macs) == (20 + 36, 36 * 36 + 20 * 36)


def test_weights_that_a_graph_fills_in_are_no_params_and_a_note_says_so(tmp_path: Path) -> None:
    """Neither are the numbers of the shape that is filled."""
    nodes = [node("ConstantOfShape", "shape", "w"), node("Conv", "x w", "y")]
    result = counted(tmp_path, nodes, (1, 4, 8, 8), {"shape": [5, 4, 3, 3]})
    assert (result.total.params, result.total.macs) == (0, 180 * 36)
    assert any("180 weights are not parameters" in str(note) for note in result.notes)


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_a_bias_of_zeros_filled_in_from_one_constant_is_none(tmp_path: Path, op: str) -> None:
    """torch.onnx.export(…, optimize=False) writes it for each convolution without a bias, and one zero for all."""
    zero = field(1, "value") + field(5, tensor("", [0.0])) + field(20, 4)
    fill = field(2, "zero") + field(4, "Constant") + field(5, zero)
    nodes = [fill, node("Expand", "zero five", "b"), node(op, "x w b", "y"), node(op, "y v b", "z")]
    tensors = {"five": [5], "w": Weights((5, 5, 1, 1)), "v": Weights((5, 5, 1, 1))}
    result = counted(tmp_path, nodes, (1, 5, 8, 8), tensors)
    assert (result.total.params, [*result.notes]) == (50, [])


def test_a_table_that_is_read_in_part_is_trained_as_a_whole(tmp_path: Path) -> None:
    """Six of 32 positions, as a short input reads them."""
    nodes = [node("Slice", "table zero six", "some"), node("Add", "x some", "y")]
    tensors = {"table": Weights((32, 8)), "zero": [0], "six": [6]}
    result = counted(tmp_path, nodes, (1, 6, 8), tensors)
    assert result.total.params == 32 * 8


@pytest.mark.parametrize(("size", "stride", "expected"), [(7, 2, 4), (8, 2, 4), (8, 3, 3)])
def test_a_border_that_the_graph_computes_makes_the_map_as_large_as_it_says(
    tmp_path: Path, size: int, stride: int, expected: int
) -> None:
    """TensorFlow's "same": max((⌈n/s⌉ - 1)·s + k - n, 0) in all, half of it before; k = 3."""
    nodes = [
        node("Shape", "x", "dims"),
        node("Split", "dims", "batch channels h across", axis=0),
        node("Cast", "h", "height", to=1),
        node("Div", "height stride", "quotient"),
        node("Ceil", "quotient", "rounded"),
        node("Sub", "rounded one", "steps"),
        node("Mul", "steps stride", "reach"),
        node("Add", "reach kernel", "end"),
        node("Sub", "end height", "open"),
        node("Clip", "open zero -", "border"),
        node("Div", "border two", "half"),
        node("Floor", "half", "before"),
        node("Sub", "border before", "after"),
        node("Concat", "nothing before before nothing after after", "pads", axis=0),
        node("Cast", "pads", "whole", to=7),
        node("Pad", "x whole", "padded"),
        node("Conv", "padded filter", "y", strides=[stride, stride]),
    ]
    numbers = {"stride": [float(stride)], "one": [1.0], "kernel": [3.0], "zero": [0.0], "two": [2.0]}
    tensors = {**numbers, "nothing": [0.0, 0.0], "filter": Weights((5, 4, 3, 3))}
    result = counted(tmp_path, nodes, (1, 4, size, size), tensors)
    assert result.total.macs == 180 * expected**2


@pytest.mark.parametrize(
    ("name", "is_named"), [("onnx::Add_3", True), ("view_2", True), ("pos_embed", False), ("body.view_2", False)]
)
def test_a_table_that_an_exporter_may_have_computed_is_named(tmp_path: Path, name: str, *, is_named: bool) -> None:
    result = counted(tmp_path, [node("Mul", f"x {name}", "y")], (1, 3, 4), {name: Weights((3, 4))})
    assert ("table-params" in {note.code for note in result.notes}, result.total.params) == (is_named, 12)


@pytest.mark.parametrize("op", ["Add", "Mul", "Concat"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_constant_beside_a_layer_is_there_for_each_input(tmp_path: Path, op: str, batch: int) -> None:
    """A file of one input: twice 3·4·5 MACs, and 15 numbers, for each of the batch."""
    axes: dict[str, Any] = {"axis": 2} if op == "Concat" else {}
    nodes = [node("MatMul", "x v", "a"), node(op, "a c", "b", **axes)]
    kept = {"v": Weights((4, 5)), "c": Weights((1, 3, 5)), "u": Weights((10 if op == "Concat" else 5, 4))}
    counted(tmp_path, [*nodes, node("MatMul", "b u", "y")], (1, 3, 4), kept)
    total = count_of(str(tmp_path / "model.onnx"), Options(batch=batch)).total
    assert total.macs == batch * (60 + 60 * (1 + (op == "Concat")))
