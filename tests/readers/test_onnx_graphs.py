"""Graphs inside operators, values of inputs, and what has no size: counted exactly, or as a true lower bound."""

import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from onnx_files import Weights, counted, field, function, graph, last, model, node, tensor, wire

from flopcount.case import Count
from flopcount.cli.loading import Options, count_of

ROW = {"x": (1, 8)}
SQUARE = {"w": Weights((8, 8)), "five": 5, "one": 1, "zero": 0}
"""A square matrix, whose product with a row of 8 takes 64 MACs."""

STEP = [node("MatMul", "v w", "vo"), node("Identity", "c", "co")]


def body(nodes: Sequence[bytes], reads: str, writes: str, **tensors: Any) -> bytes:
    """Write a graph inside an operator."""
    return graph(nodes, dict.fromkeys(reads.split()), tensors, writes.split())


def count(folder: Path, nodes: Sequence[bytes], **tensors: Any) -> Count:
    return counted(folder, nodes, ROW, {**SQUARE, **tensors})


LESS = [node("Less", "t five", "co"), node("MatMul", "v w", "vo"), node("Add", "t one", "to")]
NESTED = node(
    "Loop", "two - v", "vo", body=body([node("MatMul", "u w", "uo"), node("Identity", "d", "do")], "j d u", "do uo")
)


@pytest.mark.parametrize(
    ("nodes", "times"),
    [
        pytest.param([node("Loop", "five - x", "y", body=body(STEP, "i c v", "co vo"))], 5, id="a constant"),
        pytest.param(
            [
                node("Shape", "x", "s"),
                node("ReduceProd", "s", "n", keepdims=0),
                node("Loop", "n - x", "y", body=body(STEP, "i c v", "co vo")),
            ],
            8,
            id="the size of an axis",
        ),
        pytest.param(
            [node("Loop", "- one zero x", "t y", body=body(LESS, "i c t v", "co to vo"))], 6, id="while t < 5, after it"
        ),
        pytest.param([node("Loop", "- zero x", "y", body=body(STEP, "i c v", "co vo"))], 0, id="never"),
        pytest.param(
            [node("Loop", "five - x", "y", body=body([NESTED, node("Identity", "c", "co")], "i c v", "co vo"))],
            10,
            id="a loop in a loop",
        ),
    ],
)
def test_a_loop_is_counted_as_often_as_it_runs(tmp_path: Path, nodes: list[bytes], times: int) -> None:
    result = count(tmp_path, nodes, two=2)
    assert (result.total.macs, result.total.params) == (64 * times, 64 if times else 0)


def test_what_a_loop_leaves_each_time_is_along_a_new_axis(tmp_path: Path) -> None:
    """5 rows of 1×8 by 8×8: 320 MACs inside, 5·8·8 after it."""
    inside = body([*STEP, node("Identity", "vo", "each")], "i c v", "co vo each")
    result = count(tmp_path, [node("Loop", "five - x", "z all", body=inside), node("MatMul", "all w", "y")])
    assert (last(result), result.total.macs) == ((5, 1, 8), 320 + 320)


def test_a_scan_runs_once_for_each_place(tmp_path: Path) -> None:
    """7 steps of 8·8, whose outputs are 7×1×8."""
    inside = body(
        [node("Add", "h e", "a"), node("MatMul", "a w", "ho"), node("Identity", "ho", "out")], "h e", "ho out"
    )
    nodes = [node("Scan", "x z", "h y", body=inside, num_scan_inputs=1), node("Relu", "y", "r")]
    result = counted(tmp_path, nodes, {"x": (1, 8), "z": (7, 1, 8)}, SQUARE)
    assert (last(result), result.total.macs) == ((7, 1, 8), 7 * 64)


def test_a_loop_that_does_not_end_is_refused(run: Run, write: Write) -> None:
    nodes = [node("Loop", "many - x", "y", body=body(STEP, "i c v", "co vo"))]
    result = run(write("model.onnx", model(graph(nodes, ROW, {**SQUARE, "many": 10**12}))))
    assert (result.code, "more than 100000 nodes" in result.err) == (2, True)


def test_a_function_that_reads_too_much_is_refused(run: Run, write: Write) -> None:
    """100 calls that read 20,000 tensors each."""
    wide = function("wide", "x", "y", [node("Sum", "x " * 20_000, "y")])
    calls = [node("wide", "x", f"y{number}", domain="own") for number in range(100)]
    result = run(write("model.onnx", model(graph(calls, ROW), wide)))
    assert (result.code, "1000000 inputs" in result.err) == (2, True)


NARROW = body([node("MatMul", "x a", "t")], "", "t", a=Weights((8, 2)))
WIDE = body([node("MatMul", "x b", "e")], "", "e", b=Weights((8, 4)))


def branching(condition: str, then: bytes = NARROW, other: bytes = WIDE) -> bytes:
    return node("If", condition, "y", then_branch=then, else_branch=other)


@pytest.mark.parametrize(("condition", "width"), [("one", 2), ("zero", 4)])
def test_weights_of_the_branch_that_is_taken_are_params(tmp_path: Path, condition: str, width: int) -> None:
    result = count(tmp_path, [branching(condition)])
    assert (result.total.macs, result.total.params) == (8 * width, 8 * width)
    assert [note.code for note in result.notes] == ["untaken-branch"]


def test_a_branch_may_depend_on_sizes(tmp_path: Path) -> None:
    nodes = [node("Shape", "x", "s"), node("ReduceMax", "s", "m", keepdims=0), node("Less", "m five", "c")]
    assert count(tmp_path, [*nodes, branching("c")]).total.macs == 8 * 4


def test_equal_branches_need_no_condition(tmp_path: Path) -> None:
    nodes = [node("ReduceMax", "x", "m", keepdims=0), node("Less", "m five", "c")]
    assert count(tmp_path, [*nodes, branching("c", NARROW, NARROW)]).total.macs == 16


VALUED = [node("Equal", "rate five", "c"), branching("c")]


@pytest.fixture
def valued(write: Write) -> Path:
    """Write a model whose branch depends on the value of an input."""
    return write("model.onnx", model(graph(VALUED, {**ROW, "rate": ()}, SQUARE)))


def test_without_its_value_the_input_that_decides_is_named(run: Run, valued: Path) -> None:
    result = run(valued)
    assert (result.code, "--value rate=1" in result.err) == (2, True)


def test_what_follows_an_unknown_branch_is_certain_if_both_have_one_size(run: Run, write: Write) -> None:
    """Either branch leaves 2 numbers, by one product or by two; 2·3 MACs follow."""
    longer = body(
        [node("MatMul", "x a", "u"), node("MatMul", "u b", "t")], "", "t", a=Weights((8, 2)), b=Weights((2, 2))
    )
    nodes = [node("Equal", "rate five", "c"), branching("c", NARROW, longer), node("MatMul", "y e", "z")]
    content = model(graph(nodes, {**ROW, "rate": ()}, {**SQUARE, "e": Weights((2, 3))}))
    data = json.loads(run(write("model.onnx", content), "--allow-unknown", "--format", "json").out)
    assert (data["totals"], [*data["unknown"]]) == ({"params": 6, "macs": 6}, ["If (an unknown branch)"])
    content = model(graph([node("Magic", "five", "c"), *nodes[1:]], ROW, {**SQUARE, "e": Weights((2, 3))}))
    data = json.loads(run(write("model.onnx", content), "--allow-unknown", "--format", "json").out)
    assert (data["totals"]["macs"], sorted(data["unknown"])) == (6, ["If (an unknown branch)", "Magic"])


@pytest.mark.parametrize("command", ["count", "compare", "import", "formula", "reconcile --with 16"])
@pytest.mark.parametrize(("rate", "macs"), [(5, 16), (6, 32)])
def test_every_command_takes_a_value(run: Run, valued: Path, command: str, rate: int, macs: int) -> None:
    name, *options = f"{command} {'--in batch' if command == 'formula' else ''}".split()
    result = run(name, valued, "--value", f"rate={rate}", *options)
    assert (result.code, str(macs // 8 if name == "import" else macs) in result.out) == (0, True)


def test_a_value_may_stand_among_the_sizes_as_for_a_budget(run: Run, valued: Path) -> None:
    limit = '[[budget]]\nfiles = "*.onnx"\nmacs = {}\n[inputs]\n"*.onnx" = "rate=6"\n'
    codes = []
    for macs in (32, 31):
        (valued.parent / "flopcount.toml").write_text(limit.format(macs))
        codes.append(run("check", valued, "--config", valued.parent / "flopcount.toml").code)
    assert codes == [0, 1]


@pytest.mark.parametrize(("value", "width"), [("false", 4), ("0", 4), ("true", 2), ("1", 2)])
def test_a_condition_is_given_in_words_or_numbers(run: Run, write: Write, value: str, width: int) -> None:
    content = graph([branching("go")], ROW, {**SQUARE}) + field(11, wire("go", (), 9))
    result = run(write("model.onnx", model(content)), "--value", f"go={value}", "--format", "json")
    assert json.loads(result.out)["totals"]["macs"] == 8 * width


@pytest.mark.parametrize("value", ["x=5", "speed=5", "rate=fast", "rate", "="])
def test_a_value_is_one_number_of_an_input_that_is_one(run: Run, valued: Path, value: str) -> None:
    result = run(valued, "--value", value)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)


@pytest.mark.parametrize("reference", ["lenet5", "resnet18"])
def test_networks_without_values_refuse_them(run: Run, reference: str) -> None:
    assert (run(reference, "--value", "sr=1").code, "--value sr=1" in run(reference, "--value", "sr=1").err) == (
        2,
        True,
    )


FOUND = [node("NonZero", "x", "n"), node("Gather", "x n", "g"), node("Relu", "g", "r")]


def test_a_size_that_depends_on_values_matters_where_something_multiplies(run: Run, write: Write) -> None:
    costless = run(
        write("free.onnx", model(graph([node("MatMul", "x w", "z"), *FOUND], ROW, SQUARE))), "--format", "json"
    )
    data = json.loads(costless.out)
    assert (data["totals"]["macs"], data.get("at_least"), "unknown size" in str(data["notes"])) == (64, None, True)
    nodes = [node("MatMul", "x w", "z"), *FOUND, node("MatMul", "r w2", "y")]
    path = write("costly.onnx", model(graph(nodes, ROW, {**SQUARE, "w2": Weights((8, 3))})))
    assert run(path).code == 2
    bounded = json.loads(run(path, "--allow-unknown", "--format", "json").out)
    assert (bounded["totals"], bounded["at_least"]) == ({"params": 64 + 24, "macs": 64}, True)
    assert [*bounded["unknown"]] == ["MatMul (reads an unknown size)"]


def test_a_function_may_read_what_has_no_size(tmp_path: Path) -> None:
    """Nothing in it multiplies."""
    twice = function("Twice", "a", "b", [node("Add", "a a", "b")])
    nodes = [node("MatMul", "x w", "z"), *FOUND, node("Twice", "r", "y", domain="own")]
    assert counted(tmp_path, nodes, ROW, SQUARE, twice).total.macs == 64


def test_the_first_operator_may_be_unknown(run: Run, write: Write) -> None:
    """What follows is not known either, but its weights are certain."""
    content = model(graph([node("Magic", "x", "m"), node("MatMul", "m w", "y")], ROW, SQUARE))
    data = json.loads(run(write("model.onnx", content), "--allow-unknown", "--format", "json").out)
    assert (data["totals"], data["at_least"]) == ({"params": 64, "macs": 0}, True)


def test_a_sequence_that_enters_has_no_size(run: Run, write: Write) -> None:
    """8·3 MACs and the 8·4 weights that read the sequence."""
    nodes = [node("SequenceAt", "s zero", "a"), node("MatMul", "a b", "c"), node("MatMul", "x e", "y")]
    kept = {"zero": 0, "b": Weights((8, 4)), "e": Weights((8, 3))}
    listed = field(11, field(1, "s") + field(2, field(4, field(1, field(1, field(1, 1))))))
    path = write("model.onnx", model(graph(nodes, ROW, kept) + listed))
    assert "its input 's' is a sequence or an optional value" in run(path).err
    data = json.loads(run(path, "--allow-unknown", "--format", "json").out)
    assert (data["totals"], data["at_least"]) == ({"params": 56, "macs": 24}, True)


def test_nodes_may_stand_in_any_order(tmp_path: Path) -> None:
    nodes = [node("Relu", "z", "y"), node("Reshape", "x to", "r"), node("MatMul", "r w", "z")]
    value = field(1, "value") + field(5, tensor("", [1, 8])) + field(20, 4)
    constant = field(2, "to") + field(4, "Constant") + field(5, value)
    assert count(tmp_path, [*nodes, constant]).total.macs == 64


def test_a_cache_may_be_empty(tmp_path: Path) -> None:
    """Nothing before 6 tokens of 8: 6·6·8."""
    nodes = [
        node("Concat", "past k", "all", axis=1),
        node("Transpose", "all", "t", perm=(0, 2, 1)),
        node("MatMul", "k t", "y"),
    ]
    path = tmp_path / "model.onnx"
    path.write_bytes(model(graph(nodes, {"past": (1, "p", 8), "k": (1, "seq", 8)})))
    assert count_of(str(path), Options(size="p=0,seq=6")).total.macs == 6 * 6 * 8


def test_further_outputs_have_their_sizes(tmp_path: Path) -> None:
    nodes = [
        node("LayerNormalization", "x s b", "z mean deviation"),
        node("Sub", "x mean", "c"),
        node("MatMul", "c w", "y"),
    ]
    result = count(tmp_path, nodes, s=Weights((8,)), b=Weights((8,)))
    assert (result.total.macs, result.total.params) == (64, 16 + 64)


@pytest.mark.parametrize(
    ("nodes", "dims", "out"),
    [
        # 1 + (1600 - 400) // 160 frames, 400 // 2 + 1 frequencies
        ([node("STFT", "x step window", "y")], (2, 1600, 1), (2, 8, 201, 2)),
        ([node("STFT", "x step - length", "y", onesided=0)], (2, 1600, 1), (2, 8, 400, 2)),
        ([node("DFT", "x", "y", axis=1, onesided=1)], (2, 16, 1), (2, 9, 2)),
        ([node("HannWindow", "length", "h"), node("Mul", "x h", "y")], (2, 400), (2, 400)),
        ([node("AffineGrid", "x size", "y")], (2, 2, 3), (2, 5, 6, 2)),
        ([node("MaxPool", "x", "z y", kernel_shape=(2, 2))], (2, 3, 8, 8), (2, 3, 7, 7)),
    ],
)
def test_sizes_follow_from_attributes(
    tmp_path: Path, nodes: list[bytes], dims: tuple[int, ...], out: tuple[int, ...]
) -> None:
    tensors = {"step": 160, "length": 400, "window": Weights((400,)), "size": [2, 3, 5, 6]}
    assert last(counted(tmp_path, nodes, dims, tensors, opset=17)) == out


@pytest.mark.parametrize(
    ("nodes", "out"),
    [
        pytest.param([node("Add", "x bias", "y", broadcast=1, axis=1)], (2, 3, 4, 4), id="an axis to begin at"),
        pytest.param([node("Reshape", "x", "y", shape=(2, -1))], (2, 48), id="a shape as attribute"),
        pytest.param([node("Pad", "x", "y", paddings=(0, 0, 1, 0, 0, 0, 1, 0))], (2, 3, 6, 4), id="paddings"),
        pytest.param([node("Upsample", "x", "y", width_scale=2.0, height_scale=3.0)], (2, 3, 12, 8), id="scales"),
        pytest.param([node("Cast", "x", "y", to="FLOAT"), node("Relu", "y", "z")], (2, 3, 4, 4), id="a type as word"),
        pytest.param([node("Tile", "x two one", "y")], (2, 6, 4, 4), id="an axis to repeat"),
        pytest.param([node("Dropout", "x", "y mask", is_test=1), node("Relu", "y", "z")], (2, 3, 4, 4), id="a test"),
    ],
)
def test_old_opsets_are_read(tmp_path: Path, nodes: list[bytes], out: tuple[int, ...]) -> None:
    result = counted(tmp_path, nodes, (2, 3, 4, 4), {"bias": Weights((3,)), "two": 2, "one": 1}, opset=1)
    assert last(result) == out


def test_a_file_may_have_no_standard_operators(tmp_path: Path) -> None:
    content = graph([node("FusedGemm", "x w", "y", domain="com.microsoft")], ROW, SQUARE)
    path = tmp_path / "model.onnx"
    path.write_bytes(field(1, 8) + field(8, field(1, "com.microsoft") + field(2, 1)) + field(7, content))
    assert count_of(str(path), Options()).total.macs == 64


def shaped(folder: Path, location: str) -> Path:
    """Write a model whose target of a Reshape is in another file."""
    folder.mkdir(exist_ok=True)
    (folder / "sizes.bin").write_bytes(struct.pack("<2q", 4, -1))
    nodes = [node("Reshape", "x shape", "r"), node("MatMul", "r m", "y")]
    path = folder / "model.onnx"
    path.write_bytes(model(graph(nodes, ROW, {"shape": Weights((2,), 7, location), "m": Weights((2, 5))})))
    return path


def test_sizes_in_a_file_beside_the_model_are_read(tmp_path: Path) -> None:
    """4 rows of 2 by 2×5."""
    assert count_of(str(shaped(tmp_path, "sizes.bin")), Options()).total.macs == 4 * 2 * 5


@pytest.mark.parametrize(
    "location", ["../sizes.bin", "/etc/passwd", "link.bin", "pipe", "", "none.bin", "a/../sizes.bin"]
)
def test_other_files_are_not_opened(run: Run, tmp_path: Path, location: str) -> None:
    folder = tmp_path / "inside"
    path = shaped(folder, location)
    (tmp_path / "sizes.bin").write_bytes(struct.pack("<2q", 4, -1))
    (folder / "link.bin").symlink_to(tmp_path / "sizes.bin")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    result = run(path)
    assert (result.code, "numbers that decide a size are in" in result.err) == (2, True)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Pow", "k k", "a"), node("Pow", "a a", "s")],
        [
            node("Mul", "k k", "k0"),
            *(node("Mul", f"k{n} k{n}", f"k{n + 1}") for n in range(30)),
            node("Identity", "k30", "s"),
        ],
    ],
)
def test_integers_beyond_64_bits_are_not_known(run: Run, write: Write, nodes: list[bytes]) -> None:
    tail = [node("Reshape", "x s", "r"), node("MatMul", "r w", "y")]
    result = run(write("model.onnx", model(graph([*nodes, *tail], ROW, {**SQUARE, "k": [1000, 1000]}))))
    assert (result.code, "not in the file, or too many" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([node("Conv", "x w b", "y")], "'b' has 5 numbers, and 8 are needed"),
        ([node("ConvTranspose", "x w b", "y")], "'b' has 5 numbers, and 4 are needed"),
        ([node("BatchNormalization", "x n n b n", "y")], "'b' has 5 numbers, and 4 are needed"),
        ([node("Flatten", "x", "f"), node("Gemm", "f g b", "y")], "'b' has 5 numbers, and 1 or 3 are needed"),
        ([node("Conv", "x w", "y", kernel_shape=(3, 3))], "its kernel_shape is 3×3, and its weights have 1×1"),
        ([node("DeformConv", "x w x", "y")], "offsets or factors of 1×4×2×2 are not 2 for each position"),
        ([node("Einsum", "x", "y", equation="ab->a")], "'ab' does not name the axes of its input of 1×4×2×2"),
        ([node("Gather", "x four", "y", axis=1)], "it takes a place outside of 4"),
        ([node("Relu", "x", "y"), node("Tanh", "x", "y")], "two nodes make 'y'"),
    ],
)
def test_damaged_weights_are_named(run: Run, write: Write, nodes: list[bytes], says: str) -> None:
    shapes = {"w": (8, 4, 1, 1), "b": (5,), "n": (4,), "g": (16, 3)}
    shapes["w"] = (4, 4, 1, 1) if "ConvTranspose" in str(nodes) else shapes["w"]
    kept = {"four": 4, **{name: Weights(dims) for name, dims in shapes.items()}}
    result = run(write("model.onnx", model(graph(nodes, {"x": (1, 4, 2, 2)}, kept))))
    assert (result.code, says in result.err) == (2, True)


def test_a_tensor_with_other_bytes_than_its_sizes_is_named(run: Run, write: Write) -> None:
    damaged = graph([node("MatMul", "x w", "y")], ROW) + field(
        5, field(1, 8) + field(1, 8) + field(2, 1) + field(8, "w") + field(9, b"1234")
    )
    assert "'w' has 4 bytes for 64 numbers of 4" in run(write("model.onnx", model(damaged))).err


def test_a_state_for_another_batch_is_refused(run: Run, write: Write) -> None:
    kept = {"w": Weights((1, 16, 8)), "r": Weights((1, 16, 4)), "h": Weights((1, 3, 4))}
    content = model(graph([node("LSTM", "x w r - - h", "y", hidden_size=4)], {"x": (5, 2, 8)}, kept))
    assert "an initial state is 1×3×4, and has to be 1×2×4" in run(write("model.onnx", content)).err


@pytest.mark.parametrize(("op", "domain"), [("Attention", ""), ("MultiHeadAttention", "com.microsoft")])
def test_a_learned_bias_of_attention_is_trained_wherever_it_is_read(tmp_path: Path, op: str, domain: str) -> None:
    """2 heads of 3×3 scores: 18 numbers; 2·3²·8 MACs."""
    heads: dict[str, Any] = {"num_heads": 2} if domain else {"q_num_heads": 2, "kv_num_heads": 2}
    reads = "x x x - - b" if domain else "x x x b"
    nodes = [node(op, reads, "y", domain=domain, **heads)]
    result = counted(tmp_path, nodes, (1, 3, 8), {"b": Weights((1, 2, 3, 3))}, opset=23)
    assert (result.total.macs, result.total.params) == (2 * 9 * 8, 18)


def test_a_table_of_distances_is_a_bias_of_attention(tmp_path: Path) -> None:
    """32 distances for 2 heads; 2·5²·8 MACs."""
    nodes = [
        node("RelativePositionBias", "t five5 five5", "b", domain="com.microsoft"),
        node("MultiHeadAttention", "x x x - - b", "y", domain="com.microsoft", num_heads=2),
    ]
    result = counted(tmp_path, nodes, (1, 5, 8), {"t": Weights((32, 2)), "five5": [5]})
    assert (result.total.macs, result.total.params) == (400, 64)


@pytest.mark.parametrize(
    ("spec", "out"),
    [
        (node("ImageScaler", "x", "y", scale=0.5), (3, 8, 9)),
        (node("Crop", "x", "y", border=(1, 2, 3, 4)), (3, 2, 5)),
        (node("Crop", "x", "y", border=(1, 2, 0, 0), scale=(4, 3)), (3, 4, 3)),
    ],
)
def test_operators_that_early_converters_wrote_are_read(tmp_path: Path, spec: bytes, out: tuple[int, ...]) -> None:
    assert last(counted(tmp_path, [spec], (1, 3, 8, 9), opset=6)) == out


def test_the_lower_bound_has_the_weights_of_fused_operators(run: Run, write: Write) -> None:
    """8·24 weights and 24 biases of an attention, 2·8 of a norm, whose input has no known size; no scales."""
    nodes = [
        node("Magic", "x", "a", domain="own"),
        node("Attention", "a w b", "c", domain="com.microsoft", num_heads=2),
        node("SkipLayerNormalization", "c x n n2", "y", domain="com.microsoft"),
    ]
    kept = {"w": Weights((8, 24)), "b": Weights((24,)), "n": Weights((8,)), "n2": Weights((8,))}
    path = write("model.onnx", model(graph(nodes, {"x": (1, 3, 8)}, kept)))
    data = json.loads(run(path, "--allow-unknown", "--format", "json").out)
    assert data["totals"] == {"params": 216 + 16, "macs": 0}
    assert len(data["unknown"]) == 3


def test_the_lower_bound_has_no_state_of_zeros_and_no_sizes(run: Run, write: Write) -> None:
    """16·(8 + 4) weights of an LSTM, 20·3 of 4 bits; the state is zeros, and what is concatenated are sizes."""
    nodes = [
        node("Magic", "x", "a", domain="own"),
        node("LSTM", "a w r - - h", "l", hidden_size=4),
        node("Cast", "half", "s", to=7),
        node("Concat", "a s", "c", axis=0),
        node("MatMulNBits", "c q z", "y", domain="com.microsoft", K=20, N=3, bits=4, block_size=16),
    ]
    kept = {
        "q": Weights((3, 2, 8), 2),
        "z": [0.5],
        "w": Weights((1, 16, 8)),
        "r": Weights((1, 16, 4)),
        "half": [3.5, 4.5],
        "h": [0.0, 0.0, 0.0, 0.0],
    }
    path = write("model.onnx", model(graph(nodes, {"x": (3, 1, 8)}, kept)))
    data = json.loads(run(path, "--allow-unknown", "--format", "json").out)
    assert data["totals"] == {"params": 16 * 12 + 20 * 3, "macs": 0}


def test_an_output_that_nothing_reads_is_no_layer(tmp_path: Path) -> None:
    kept = {"w": Weights((1, 16, 8)), "r": Weights((1, 16, 4))}
    result = counted(tmp_path, [node("LSTM", "x w r", "y h c", hidden_size=4)], (5, 1, 8), kept)
    assert "Take" not in {step.kind for step in result.trace.steps.values()}


@pytest.mark.parametrize(("corner", "params"), [(0.0, 0), (0.5, 4)])
def test_a_matrix_of_zeros_and_ones_is_a_mask(write: Write, corner: float, params: int) -> None:
    """As that of causal attention, which multiplies scores; any other number is trained."""
    numbers = struct.pack("<4f", 1, corner, 1, 1)
    mask = field(5, field(1, 2) + field(1, 2) + field(2, 1) + field(8, "m") + field(9, numbers))
    path = write("model.onnx", model(graph([node("Mul", "x m", "y")], {"x": (1, 2, 2)}) + mask))
    assert count_of(str(path), Options()).total.params == params


@pytest.mark.parametrize(("mask", "params"), [([0.0, -3.4e38, 0.0, 0.0], 0), ([0.0, -1.5, 0.0, 0.0], 4)])
def test_a_mask_is_no_parameter(tmp_path: Path, mask: list[float], params: int) -> None:
    """Zeros, and numbers so low that nothing is left after a softmax."""
    nodes = [node("Add", "x mask", "a"), node("Softmax", "a", "y")]
    assert counted(tmp_path, nodes, (1, 2, 4, 4), {"mask": mask}).total.params == params


@pytest.mark.parametrize(
    ("equation", "shapes", "out", "macs"),
    [
        ("ij->ji", [(2, 3)], (3, 2), 0),
        ("ij->", [(2, 3)], (1,), 0),
        ("ii->i", [(5, 5)], (5,), 0),
        ("...ii->...i", [(2, 5, 5)], (2, 5), 0),
        ("i,i->", [(5,), (5,)], (1,), 5),
        ("ii,ij->ij", [(5, 5), (5, 4)], (5, 4), 20),
        ("ab,c->a", [(2, 3), (4,)], (2,), 2),  # both are summed before: 2·1
        ("nctw,cd,vw->ndtv", [(2, 3, 4, 5), (3, 6), (5, 5)], (2, 6, 4, 5), 2 * 3 * 4 * 5 * 6 + 2 * 6 * 4 * 5 * 5),
        ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 4)], (2, 2, 4), 2 * 2 * 3 * 4),
    ],
)
def test_sums_of_products_are_multiplied_pairwise(
    tmp_path: Path, equation: str, shapes: list[tuple[int, ...]], out: tuple[int, ...], macs: int
) -> None:
    """As torch.einsum without opt_einsum, whose counter reports these."""
    inputs = {f"x{place}": dims for place, dims in enumerate(shapes)}
    result = counted(tmp_path, [node("Einsum", " ".join(inputs), "y", equation=equation)], inputs)
    assert (last(result), result.total.macs) == (out, macs)
    layer = f'{{ type = "Einsum", after = {[*inputs]}, equation = "{equation}" }}'
    arch = tmp_path / "arch.toml"
    sizes = ", ".join(f"{name} = {[*dims]}" for name, dims in inputs.items())
    arch.write_text(f'name = "sum"\ninput = {{ {sizes} }}\nlayers = [{layer}]\n')
    written = count_of(str(arch), Options())
    assert (last(written), written.total.macs) == (out, macs)
    assert ["einsum-order"] * (len(shapes) > 2) == [note.code for note in written.notes]
