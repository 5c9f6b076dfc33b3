"""Sequences, optional values and the arithmetic on sizes, as runtimes do it: MACs by hand."""

from pathlib import Path

import pytest
from conftest import Run, Write
from onnx_files import Weights, counted, graph, model, node

X = (2, 5, 8)
KEPT = {"w": Weights((8, 4)), "one": 1, "two": 2, "halves": [2, 3], "three": 3}
"""A product with w takes 8·4 = 32 MACs for each row."""


def body(nodes: list[bytes], reads: str, writes: str) -> bytes:
    return graph(nodes, dict.fromkeys(reads.split()), {}, writes.split())


STEP = [node("Gather", "x i", "e", axis=1), node("SequenceInsert", "s e", "t"), node("Identity", "c", "d")]


@pytest.mark.parametrize(
    ("nodes", "rows"),
    [
        ([node("SplitToSequence", "x", "s", axis=1), node("SequenceAt", "s one", "a")], 2),
        ([node("SplitToSequence", "x halves", "s", axis=1), node("SequenceAt", "s one", "a")], 2 * 3),
        ([node("SplitToSequence", "x two", "s", axis=1), node("SequenceAt", "s two", "a")], 2 * 1),
        (
            [
                node("SplitToSequence", "x", "s", axis=1, keepdims=0),
                node("ConcatFromSequence", "s", "a", axis=0, new_axis=1),
            ],
            5 * 2,
        ),
        ([node("SequenceConstruct", "x x x", "s"), node("ConcatFromSequence", "s", "a", axis=1)], 3 * 10),
        (
            [
                node("SequenceConstruct", "x x x", "s"),
                node("SequenceLength", "s", "n"),
                node("Gather", "x n", "a", axis=1),
            ],
            2,
        ),
        (
            [
                node("SplitToSequence", "x", "s", axis=1),
                node("SequenceErase", "s one", "t"),
                node("Identity", "t", "u"),
                node("ConcatFromSequence", "u", "a", axis=1),
            ],
            2 * 4,
        ),
        (
            [
                node("SequenceEmpty", "", "n"),
                node("Loop", "three - n", "s", body=body(STEP, "i c s", "d t")),
                node("ConcatFromSequence", "s", "a", axis=0),
            ],
            3 * 2,
        ),
        ([node("Optional", "x", "o"), node("OptionalGetElement", "o", "a")], 10),
    ],
)
def test_a_sequence_holds_tensors_of_known_sizes(tmp_path: Path, nodes: list[bytes], rows: int) -> None:
    result = counted(tmp_path, [*nodes, node("MatMul", "a w", "y")], X, KEPT)
    assert (result.total.macs, result.total.params) == (32 * rows, 32)


def test_each_tensor_of_a_sequence_runs_through_the_body_of_a_map(tmp_path: Path) -> None:
    """2·2 rows and 2·3, 32 MACs each."""
    inside = body([node("MatMul", "e w", "f")], "e", "f")
    nodes = [
        node("SplitToSequence", "x halves", "s", axis=1),
        node("SequenceMap", "s", "t", body=inside),
        node("ConcatFromSequence", "t", "y", axis=1),
    ]
    assert counted(tmp_path, nodes, X, KEPT).total.macs == 32 * (4 + 6)


def test_a_scan_of_opset_8_runs_for_each_of_a_batch(tmp_path: Path) -> None:
    """3 of a batch, 7 steps, 8·4 MACs."""
    inside = body([node("Identity", "h", "g"), node("MatMul", "e w", "f")], "h e", "g f")
    nodes = [node("Scan", "- x x", "h y", body=inside, num_scan_inputs=1)]
    assert counted(tmp_path, nodes, (3, 7, 8), KEPT, opset=8).total.macs == 3 * 7 * 32


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([node("SequenceConstruct", "x x", "s"), node("Relu", "s", "y")], "y (Relu): it reads a sequence"),
        ([node("SequenceAt", "x one", "y")], "y (SequenceAt): its first input is not a sequence"),
        ([node("SequenceConstruct", "x", "s"), node("SequenceAt", "s one", "y")], "place 1 is not one of 1"),
        ([node("SequenceEmpty", "", "s"), node("ConcatFromSequence", "s", "y", axis=0)], "its sequence is empty"),
        ([node("SplitToSequence", "x zero", "s", axis=1)], "cannot be split into tensors of 0"),
    ],
)
def test_what_is_no_sequence_is_refused_by_name(run: Run, write: Write, nodes: list[bytes], says: str) -> None:
    result = run(write("model.onnx", model(graph(nodes, {"x": X}, {"one": 1, "zero": 0}))))
    assert (result.code, says in result.err) == (2, True)


CAST = [node("Cast", "n", "p", to=7)]
INT32, UINT8, BOOLEAN, FLOAT = 6, 2, 9, 1


@pytest.mark.parametrize(
    ("nodes", "numbers"),
    [
        pytest.param([node("Cast", "a", "n", to=INT32), *CAST], {"a": [2**32 + 6]}, id="32 bits"),
        pytest.param(
            [*(node("Cast", f"{n}0", n, to=INT32) for n in "ab"), node("Mul", "a b", "n"), *CAST],
            {"a0": [2**31 - 1], "b0": [-6]},
            id="6 - 6·2³¹ in 32 bits",
        ),
        pytest.param(
            [*(node("Cast", f"{n}0", n, to=UINT8) for n in "ab"), node("Sub", "a b", "n"), *CAST],
            {"a0": [2], "b0": [252]},
            id="2 - 252 in 8 bits",
        ),
        pytest.param(
            [node("Cast", "a", "c", to=BOOLEAN), node("Cast", "c", "n", to=7), node("Mul", "six n", "p")],
            {"a": [0.5]},
            id="one half is true",
        ),
        pytest.param([node("Mod", "a b", "n", fmod=1), node("Neg", "n", "p")], {"a": [-20], "b": [7]}, id="as in C"),
        pytest.param([node("Div", "a b", "n"), node("Neg", "n", "p")], {"a": [-20], "b": [3]}, id="towards zero"),
        pytest.param(
            [
                node("Shape", "x", "s"),
                node("Cast", "s", "f", to=FLOAT),
                node("Gather", "f i0", "h"),
                node("Gather", "f i1", "v"),
                node("Div", "h v", "q"),
                node("Mul", "q a", "n"),
                *CAST,
            ],
            {"a": [16.0], "i0": [1], "i1": [2]},
            id="3/8 of 16",
        ),
        pytest.param(
            [node("Cast", "a", "c", to=FLOAT), node("Mul", "c b", "m"), node("Floor", "m", "n"), *CAST],
            {"a": [100], "b": [0.06]},
            id="100 × 0.06 in single precision",
        ),
    ],
)
def test_sizes_are_computed_as_runtimes_do(tmp_path: Path, nodes: list[bytes], numbers: dict[str, list[int]]) -> None:
    """Each row makes the number 6: 48 numbers are 6 rows of 8, 32 MACs each."""
    tail = [node("Concat", "p eight", "t", axis=0), node("Reshape", "x t", "r"), node("MatMul", "r w", "y")]
    kept = {**KEPT, **numbers, "eight": [8], "six": [6]}
    assert counted(tmp_path, [*nodes, *tail], (2, 3, 8), kept).total.macs == 6 * 32
