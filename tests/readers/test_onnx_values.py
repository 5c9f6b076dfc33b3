"""What operators compute from constants, and the sizes of what they move: by the definitions of ONNX, by hand."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from onnx_files import Sizes, Weights, counted, field, graph, last, model, node, varint

from flopcount.errors import BadInput

MS, NCHW = "com.microsoft", "com.microsoft.nchwc"

TO_FIVE = node("MatMul", "x w", "a")

NUMBERS: dict[str, Any] = {
    "one": [1],
    "two": [2],
    "three": [3],
    "pair": [2, 3],
    "triple": [2, 3, 4],
    "zeros": [0],
    "minus": [-7],
    "seven": [7],
    "huge": [-(2**60) - 1],
    "quarter": [2**58],
    "half": [2.5],
    "i": 1,
    "swap": [1, 0],
    "six": [6],
    "table": [2, 3, 4, 5, 6, 7],
}


@pytest.mark.parametrize(
    ("nodes", "values"),
    [
        ([node("Concat", "pair triple", "v", axis=0)], (2, 3, 2, 3, 4)),
        ([node("Tile", "pair three", "v")], (2, 3, 2, 3, 2, 3)),
        ([node("Expand", "two three", "v")], (2, 2, 2)),
        ([node("Clip", "triple - i3", "v")], (2, 3, 3)),
        ([node("Clip", "triple i3", "v")], (3, 3, 4)),
        ([node("Div", "minus two", "q"), node("Neg", "q", "v")], (3,)),
        ([node("Div", "huge quarter", "q"), node("Neg", "q", "v")], (4,)),
        ([node("Cast", "half", "v", to=7)], (2,)),
        (
            [
                *(node("Cast", name, f"{name}f", to=1) for name in ("seven", "two")),
                *(node("Div", "sevenf twof", "q"), node("Mul", "q twof", "m"), node("Cast", "m", "v", to=7)),
            ],
            (7,),
        ),
        ([node("Constant", "", "c", value_ints=(2, 3, 4)), node("Shape", "c", "v")], (3,)),
        ([node("Gather", "triple swap", "v", axis=0)], (3, 2)),
        ([node("Concat", "one zeros", "p", axis=0), node("Gather", "triple p", "v")], (3, 2)),
        (
            [node("Reshape", "table pair", "m"), node("Transpose", "m", "t"), node("Reshape", "t six", "v")],
            (2, 5, 3, 6, 4, 7),
        ),
        ([node("Reshape", "table pair", "m"), node("Gather", "m i", "v", axis=0)], (5, 6, 7)),
        ([node("Reshape", "table pair", "m"), node("Gather", "m i", "v", axis=1)], (3, 6)),
        ([node("Reshape", "table pair", "m"), node("Concat", "m m", "c", axis=1), node("Shape", "c", "v")], (2, 6)),
        ([node("Reshape", "table pair", "m"), node("Tile", "m pair", "c"), node("Shape", "c", "v")], (4, 9)),
        (
            [node("Reshape", "table pair", "m"), node("Slice", "m one two one", "c"), node("Reshape", "c two", "v")],
            (3, 6),
        ),
        ([node("Split", "table", "u v", axis=0)], (5, 6, 7)),
        ([node("Range", "i2 i8 i3", "v")], (2, 5)),
        ([node("Mod", "table three", "m"), node("Add", "m one", "v")], (3, 1, 2, 3, 1, 2)),
        ([node("Pow", "pair two", "v")], (4, 9)),
        (
            [
                *(node("Sub", "half half", "none"), node("Log", "none", "log"), node("Max", "log half", "m")),
                node("Cast", "m", "v", to=7),
            ],
            (2,),
        ),
        ([node("ConstantOfShape", "three", "c"), node("Add", "c two", "v")], (2, 2, 2)),
    ],
)
def test_constants_are_computed(tmp_path: Path, nodes: list[bytes], values: tuple[int, ...]) -> None:
    """A tensor is stretched to the numbers that are computed."""
    tensors = {**NUMBERS, "i2": 2, "i3": 3, "i8": 8}
    result = counted(tmp_path, [*nodes, node("Expand", "x v", "y")], (1,), tensors)
    assert last(result) == values


@pytest.mark.parametrize(("entries", "value"), [({"max": 3.0}, 3), ({"min": 5.0}, 5), ({}, 4)])
def test_an_old_clip_has_attributes(tmp_path: Path, entries: Mapping[str, Any], value: int) -> None:
    nodes = [node("Clip", "c", "d", **entries), node("Cast", "d", "v", to=7), node("Expand", "x v", "y")]
    assert last(counted(tmp_path, nodes, (1,), {"c": [4.5]}, opset=8)) == (value,)


def constant(dtype: int, numbers: bytes) -> bytes:
    """Write a Constant of one number, kept in a field of its type."""
    value = field(1, 1) + field(2, dtype) + numbers
    return field(2, "c") + field(4, "Constant") + field(5, field(1, "value") + field(5, value) + field(20, 4))


@pytest.mark.parametrize(
    "content",
    [
        constant(6, field(5, varint(3))),
        constant(7, field(7, varint(3))),
        constant(7, field(9, struct.pack("<q", 3))),
        constant(13, field(11, varint(3))),
        constant(1, field(4, struct.pack("<f", 3.0))),
        constant(11, field(10, struct.pack("<d", 3.0))),
    ],
)
def test_numbers_are_read_from_the_field_of_their_type(tmp_path: Path, content: bytes) -> None:
    assert last(counted(tmp_path, [content, node("Cast", "c", "v", to=7), node("Expand", "x v", "y")], (1,))) == (3,)


def untyped(name: str, number: int, content: bytes | int) -> bytes:
    """Write an attribute as the first files did, without its type."""
    return field(5, field(1, name) + field(number, content))


def test_attributes_of_old_files_have_no_type(tmp_path: Path) -> None:
    """Of 2×3×4×5, Flatten leaves 6×20 at axis 2 and 2×60 at its default."""
    branch = graph([field(1, "x") + field(2, "z") + field(4, "Flatten") + untyped("axis", 3, 2)], {}, {}, ["z"])
    nodes = [field(1, "c") + field(2, "y") + field(4, "If") + untyped("then_branch", 6, branch)]
    nodes = [nodes[0] + untyped("else_branch", 6, branch), node("Relu", "y", "r")]
    assert last(counted(tmp_path, nodes, (2, 3, 4, 5), {"c": 1})) == (6, 20)


@pytest.mark.parametrize(
    ("nodes", "dims", "out"),
    [
        ([node("SoftmaxCrossEntropyLoss", "x l", "y", reduction="none")], (2, 5, 7), (2, 7)),
        ([node("Squeeze", "x", "y")], (2, 1, 4, 1), (2, 4)),
        ([node("MaxPool", "x", "y", kernel_shape=(2, 2), dilations=(2, 2))], (2, 3, 8, 8), (2, 3, 6, 6)),
        ([node("NhwcMaxPool", "x", "y", domain=MS, kernel_shape=(2, 2))], (2, 8, 8, 3), (2, 7, 7, 3)),
        ([node("MaxUnpool", "x places", "y", kernel_shape=(2, 2), strides=(2, 2))], (2, 3, 4, 5), (2, 3, 8, 10)),
        ([node("Col2Im", "x space block", "y")], (2, 12, 4), (2, 3, 4, 4)),
        ([node("ReorderOutput", "x", "y", domain=NCHW, channels=7)], (2, 8, 4, 4), (2, 7, 4, 4)),
        ([node("ReorderOutput", "x", "y", domain=NCHW, channels=1)], (2, 8, 4, 4), (2, 1, 4, 4)),
        ([node("Pad", "x channels", "y")], (2, 4, 8, 8), (2, 5, 10, 8)),
        ([node("Pad", "x cut", "y")], (2, 4, 8, 8), (2, 4, 7, 9)),
        (
            [
                node("Slice", "x four four one", "e"),
                node("Shape", "e", "s"),
                node("Slice", "s three four", "w"),
                node("Concat", "m w", "v", axis=0),
                node("Reshape", "x v", "y"),
            ],
            (2, 4, 8, 5),
            (64, 5),
        ),
        ([node("Concat", "minus i", "p", axis=0), node("Gather", "x p", "y", axis=2)], (2, 4, 8), (2, 4, 2)),
    ],
)
def test_what_moves_has_the_sizes_of_the_definition(
    tmp_path: Path, nodes: list[bytes], dims: Sizes, out: tuple[int, ...]
) -> None:
    tensors = {"l": Weights((2, 7), 7), "channels": [0, 1, 0, 0, 0, 0, 2, 0], "cut": [0, 0, -1, 1, 0, 0, 0, 0]}
    more = {
        "places": Weights((2, 3, 4, 5), 7),
        "space": [4, 4],
        "block": [2, 2],
        "four": [4],
        "one": [1],
        "three": [3],
        "m": [-1],
        "minus": [-1],
        "i": [1],
    }
    assert last(counted(tmp_path, nodes, dims, {**tensors, **more})) == out


@pytest.mark.parametrize(
    ("nodes", "kind", "macs", "params"),
    [
        ([node("Transpose", "x", "t", perm=(0, 2, 1)), node("MatMul", "x t", "y")], "MatMul", 6 * 8 * 6, 0),
        ([node("Einsum", "x w", "y", equation="bij,jk->bik")], "Linear", 6 * 8 * 5, 40),
        ([TO_FIVE, node("Gather", "a i", "y", axis=1)], "SelectToken", 6 * 8 * 5, 40),
        ([TO_FIVE, node("ReduceMean", "a", "y", axes=(1,), keepdims=0)], "MeanTokens", 6 * 8 * 5, 40),
        ([node("MatMulIntegerToFloat", "x w s s - - b", "y", domain=MS)], "Linear", 6 * 8 * 5, 45),
        ([node("MatMulNBits", "x q s3", "y", domain=MS, K=8, N=3, bits=4, block_size=4)], "Linear", 6 * 8 * 3, 24),
    ],
)
def test_an_operator_is_the_kind_that_says_the_same(
    tmp_path: Path, nodes: list[bytes], kind: str, macs: int, params: int
) -> None:
    """Weights of four bits are two in a byte: 3 rows of two blocks of 4 take 12 bytes."""
    tensors = {"w": Weights((8, 5)), "b": Weights((5,)), "s": [0.5], "q": Weights((3, 2, 2), 2), "i": 0}
    result = counted(tmp_path, nodes, (1, 6, 8), {**tensors, "s3": Weights((6,))})
    found = [step.kind for step in result.trace.steps.values()]
    assert (kind in found, result.total.macs, result.total.params) == (True, macs, params)


@pytest.mark.parametrize(
    ("nodes", "dims", "says"),
    [
        ([node("Relu", "u", "v"), node("Concat", "x v", "y", axis=1)], (2, 4, 8, 8), "differ in more than one axis"),
        ([node("FusedConv", "x w", "y", domain=MS, activation="Wavy")], (1, 4, 8, 8), "'Wavy' is not supported"),
        ([node("Col2Im", "x space block", "y")], (2, 11, 4), "do not hold whole blocks of 4 numbers"),
        ([node("MatMulNBits", "x q s", "y", domain=MS, K=8, N=3, bits=4, block_size=4)], (1, 6, 8), "are not 8×3"),
        ([node("Relu", "x", "y")] * 100_001, (1, 6, 8), "it has more than 100000 nodes"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, nodes: list[bytes], dims: Sizes, says: str) -> None:
    tensors = {"w": Weights((5, 4, 1, 1)), "space": [4, 4], "block": [2, 2], "q": Weights((3, 2, 4), 2), "s": [0.5]}
    with pytest.raises(BadInput, match=says):
        counted(tmp_path, nodes, {"x": dims, "u": (2, 4, 8, 7)}, tensors).total  # noqa: B018


CHANNELS_LAST = [node("Transpose", "x", "t", perm=(0, 3, 1, 2)), node("Conv", "t w", "y")]
IN_FOURS = [node("Reshape", "x fours", "r"), node("MatMul", "r v", "y")]


@pytest.mark.parametrize(
    ("nodes", "dims", "words", "macs"),
    [
        (CHANNELS_LAST, ("N", 64, 64, 3), ("--input", "32"), 8 * 3 * 9 * 30 * 30),
        (IN_FOURS, (4, 3, 2), ("--batch", "4"), 4 * 6 * 5),
    ],
)
def test_sizes_on_the_command_line_are_those_of_the_file(
    run: Run, write: Write, nodes: list[bytes], dims: Sizes, *, words: tuple[str, ...], macs: int
) -> None:
    """Of an image with the channels last, space is in the middle; a batch that the file fixes may be named."""
    tensors = {"w": Weights((8, 3, 3, 3)), "fours": [4, 6], "v": Weights((6, 5))}
    path = write("model.onnx", model(graph(nodes, {"x": dims}, tensors)))
    assert json.loads(run(path, *words, "--format", "json").out)["totals"]["macs"] == macs


def test_layers_of_fewer_axes_are_the_same_for_a_batch(tmp_path: Path) -> None:
    result = counted(tmp_path, [node("Relu", "u", "v"), node("Add", "x v", "y")], {"x": (1, 6, 8), "u": (6, 8)})
    assert last(result) == (6, 8)


def test_a_norm_is_along_the_last_axis_by_default(tmp_path: Path) -> None:
    result = counted(tmp_path, [node("LpNormalization", "x", "y")], (2, 6, 8))
    assert (2, 6, 1) in [step.shape.dims for step in result.trace.steps.values()]
