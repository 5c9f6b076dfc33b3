"""TensorFlow Lite files: what its interpreter computes, sizes of the format, and what is damaged."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from reports import refused, told
from tflite_files import Graph, Number, Op, Tensor, Vector, byte, flatbuffer, ints, model, single, weights

from flopcount.readers.base import ReadOptions
from flopcount.readers.tflite.file import model as read_model
from flopcount.readers.tflite.read import read

FOLDER = Path(__file__).parents[1] / "oracles" / "tflite"
FIGURES: list[dict[str, Any]] = json.loads((FOLDER.parent / "tflite.json").read_text())["models"]
NAMES = [each["file"] for each in FIGURES]
WEIGHED = [each for each in FIGURES if "weight_bytes" in each]
RESIZED = [each for each in FIGURES if "resized" in each]


@pytest.mark.parametrize("figures", FIGURES, ids=NAMES)
def test_the_macs_and_operators_are_those_of_the_file(figures: dict[str, Any], run: Run) -> None:
    path = FOLDER / figures["file"]
    assert told(run, path)["totals"]["macs"] == figures["macs"]
    names = [operator.name for operator in read_model(path).graph(0).operators]
    assert {name: names.count(name) for name in names} == figures["operators"]


@pytest.mark.parametrize("figures", WEIGHED, ids=[each["file"] for each in WEIGHED])
def test_the_weights_take_the_bytes_that_they_have_in_the_file(figures: dict[str, Any], run: Run) -> None:
    totals = told(run, FOLDER / figures["file"], "--metrics", "weight_bytes")["totals"]
    assert totals["weight_bytes"] == figures["weight_bytes"]


@pytest.mark.parametrize("figures", RESIZED, ids=[each["file"] for each in RESIZED])
def test_another_input_gives_the_macs_that_the_interpreter_resizes_to(figures: dict[str, Any], run: Run) -> None:
    resized = figures["resized"]
    assert told(run, FOLDER / figures["file"], "--input", resized["input"])["totals"]["macs"] == resized["macs"]


@pytest.mark.parametrize("figures", FIGURES, ids=NAMES)
def test_a_model_becomes_an_arch_file_that_costs_the_same(figures: dict[str, Any], run: Run, tmp_path: Path) -> None:
    path, arch = FOLDER / figures["file"], tmp_path / "arch.toml"
    result = run("import", path, "-o", arch)
    assert result.code == 0, result.err
    assert told(run, arch)["totals"] == told(run, path)["totals"]


@pytest.mark.parametrize("name", ["mobilenetv2_035_144_int8", "resnet8_int8", "groups_dyn", "lstm_fp16"])
def test_every_operator_leaves_one_tensor_that_others_read(name: str) -> None:
    """Nodes of one operator follow each other, and only its outputs are read by those after it."""
    path = FOLDER / f"{name}.tflite"
    result, graph = read(path)(ReadOptions()), read_model(path).graph(0)
    outputs = sum(len(operator.outputs) for operator in graph.operators)
    if name in {"mobilenetv2_035_144_int8", "resnet8_int8"}:
        assert len(result.nodes) == outputs
    places = {node.path: place for place, node in enumerate(result.nodes)}
    reads = [(place, places[each]) for place, node in enumerate(result.nodes) for each in node.inputs if each in places]
    assert all(source < place for place, source in reads)


def test_the_file_gives_the_bits_of_weights_biases_and_outputs() -> None:
    """An int8 convolution of TensorFlow Lite: weights and outputs of 8 bits, biases of 32; the shape is int32."""
    result = read(FOLDER / "resnet8_int8.tflite")(ReadOptions())
    first, shape = result.nodes[0], result.nodes[13]
    assert (first.bits, shape.bits) == ({"activation": 8, "weight": 8, "bias": 32}, {})
    assert result.bits == {"input": 8}
    assert read(FOLDER / "resnet8_float.tflite")(ReadOptions()).nodes[0].bits == {}


def test_half_precision_weights_are_weights_of_16_bits() -> None:
    result = read(FOLDER / "conv1d_fp16.tflite")(ReadOptions())
    assert next(node.bits for node in result.nodes if node.kind == "Conv") == {
        "activation": 32,
        "weight": 16,
        "bias": 16,
    }
    assert "DEQUANTIZE" not in {getattr(node.layer, "operator", "") for node in result.nodes}


def test_what_a_node_reads_for_its_size_lives_as_long() -> None:
    """RESHAPE of ResNet-8 reads the tensor that PACK makes."""
    nodes = {node.path: node for node in read(FOLDER / "resnet8_int8.tflite")(ReadOptions()).nodes}
    reshape = next(node for node in nodes.values() if node.kind == "Reshape")
    assert [nodes[each].layer.model_dump()["operator"] for each in reshape.beside] == ["PACK"]


X, SAME = Tensor((1, 8, 6, 4)), 0
"""An input of 8 × 6 positions and 4 channels, and the number of the padding that keeps the size."""


def _conv(padding: int, stride: int, dilation: int = 1, activation: int = 0) -> tuple[int, dict[int, Any]]:
    """Return the options of a convolution: schema.fbs, Conv2DOptions."""
    return 1, {0: byte(padding), 1: stride, 2: stride, 3: byte(activation), 4: dilation, 5: dilation}


DEPTHWISE = (2, {0: byte(SAME), 1: 1, 2: 1, 3: 1, 5: 1, 6: 1})
POOL = (5, {0: byte(1), 1: 2, 2: 2, 3: 2, 4: 2})
LINEAR: tuple[int, dict[int, Any]] = (8, {})
KEEPS = (8, {2: byte(1)})

CASES: dict[str, tuple[bytes, int, int, str]] = {
    "convolution": (
        single("CONV_2D", _conv(SAME, 2), x=X, w=weights(10, 3, 3, 4), b=weights(10), y=Tensor((1, 4, 3, 10))),
        370,
        4320,
        "10×4×3",
    ),
    "valid": (
        single("CONV_2D", _conv(1, 1, 2), x=X, w=weights(10, 3, 2, 4), y=Tensor((1, 4, 4, 10))),
        240,
        3840,
        "10×4×4",
    ),
    "groups": (
        single("CONV_2D", _conv(SAME, 1), x=X, w=weights(6, 3, 3, 2), y=Tensor((1, 8, 6, 6))),
        108,
        5184,
        "6×8×6",
    ),
    "depthwise": (
        single("DEPTHWISE_CONV_2D", DEPTHWISE, x=X, w=weights(1, 3, 3, 8), y=Tensor((1, 8, 6, 8))),
        72,
        3456,
        "8×8×6",
    ),
    "depthwise by its groups": (
        single("CONV_2D", _conv(SAME, 1), x=X, w=weights(4, 3, 3, 1), y=Tensor((1, 8, 6, 4))),
        36,
        1728,
        "4×8×6",
    ),
    "transposed": (
        single(
            "TRANSPOSE_CONV",
            (49, {0: byte(SAME), 1: 2, 2: 2}),
            size=ints(1, 15, 12, 5),
            w=weights(5, 3, 3, 4),
            x=X,
            y=Tensor((1, 15, 12, 5)),
        ),
        180,
        8640,
        "5×15×12",
    ),
    "3D": (
        single(
            "CONV_3D",
            (106, {0: byte(1), 1: 1, 2: 1, 3: 1}),
            x=Tensor((1, 4, 5, 6, 2)),
            w=weights(2, 2, 2, 2, 3),
            y=Tensor((1, 3, 4, 5, 3)),
        ),
        48,
        2880,
        "3×3×4×5",
    ),
    "linear": (
        single("FULLY_CONNECTED", LINEAR, x=Tensor((1, 12)), w=weights(5, 12), b=weights(5), y=Tensor((1, 5))),
        65,
        60,
        "5",
    ),
    "linear of an image": (
        single("FULLY_CONNECTED", LINEAR, x=Tensor((1, 2, 2, 3)), w=weights(5, 12), y=Tensor((1, 5))),
        60,
        60,
        "5",
    ),
    "linear of tokens": (
        single("FULLY_CONNECTED", KEEPS, x=Tensor((1, 7, 12)), w=weights(5, 12), y=Tensor((1, 7, 5))),
        60,
        420,
        "7×5",
    ),
    "product": (
        single("BATCH_MATMUL", x=Tensor((1, 2, 3, 4)), z=Tensor((1, 2, 4, 5)), y=Tensor((1, 2, 3, 5))),
        0,
        120,
        "2×3×5",
    ),
    "product that is turned": (
        single(
            "BATCH_MATMUL", (101, {0: byte(1), 1: byte(1)}), x=Tensor((2, 4, 3)), z=Tensor((5, 4)), y=Tensor((2, 3, 5))
        ),
        0,
        120,
        "2×3×5",
    ),
    "product with a constant": (
        single("BATCH_MATMUL", x=Tensor((1, 3, 4)), z=weights(4, 5), y=Tensor((1, 3, 5))),
        20,
        60,
        "3×5",
    ),
    "SVDF": (
        single(
            "SVDF",
            (6, {0: 2}),
            x=Tensor((1, 10)),
            w=weights(8, 10),
            t=weights(8, 6),
            b=weights(4),
            state=Tensor((1, 48), more={5: byte(1)}),
            y=Tensor((1, 4)),
        ),
        132,
        128,
        "4",
    ),
    "RNN": (
        single(
            "RNN",
            (7, {}),
            x=Tensor((1, 3)),
            w=weights(5, 3),
            r=weights(5, 5),
            b=weights(5),
            state=Tensor((1, 5), more={5: byte(1)}),
            y=Tensor((1, 5)),
        ),
        45,
        40,
        "5",
    ),
    "embedding": (
        single("EMBEDDING_LOOKUP", x=Tensor((7,), "int32"), t=weights(20, 5), y=Tensor((7, 5))),
        100,
        0,
        "7×5",
    ),
    "gather of a table": (
        single("GATHER", (23, {}), t=weights(20, 5), x=Tensor((1, 7), "int32"), y=Tensor((1, 7, 5))),
        100,
        0,
        "7×5",
    ),
    "pool": (single("AVERAGE_POOL_2D", POOL, x=X, y=Tensor((1, 4, 3, 4))), 0, 0, "4×4×3"),
    "mean": (single("MEAN", (27, {}), x=X, a=ints(1, 2), y=Tensor((1, 4))), 0, 0, "4"),
    "mean of tokens": (
        single("MEAN", (27, {0: byte(1)}), x=Tensor((1, 5, 4)), a=ints(-1), y=Tensor((1, 5, 1))),
        0,
        0,
        "5×1",
    ),
    "maximum over the batch": (
        single("REDUCE_MAX", (27, {}), x=Tensor((2, 1, 4)), a=ints(0), y=Tensor((1, 4))),
        0,
        0,
        "4",
    ),
    "channel scale": (single("MUL", (21, {}), x=X, z=weights(4), y=X), 4, 0, "8×6×4"),
    "shift and activation": (single("ADD", (11, {0: byte(1)}), x=X, z=weights(1, 1, 1, 4), y=X), 4, 0, "8×6×4"),
    "number": (single("ADD", (11, {}), x=X, z=weights(1), y=X), 0, 0, "8×6×4"),
    "broadcast": (single("ADD", (11, {}), x=Tensor((2, 1, 4)), z=Tensor((3, 1)), y=Tensor((2, 3, 4))), 0, 0, "2×3×4"),
    "slopes": (single("PRELU", x=X, z=weights(1, 1, 4), y=X), 4, 0, "8×6×4"),
    "transposition": (
        single("TRANSPOSE", x=Tensor((1, 3, 8, 6)), p=ints(0, 2, 3, 1), y=Tensor((1, 8, 6, 3))),
        0,
        0,
        "8×6×3",
    ),
    "transposition of the batch": (
        single("TRANSPOSE", x=Tensor((1, 3, 5)), p=ints(1, 0, 2), y=Tensor((3, 1, 5))),
        0,
        0,
        "3×1×5",
    ),
    "concatenation": (
        single("CONCATENATION", (10, {0: -1}), x=X, z=Tensor((1, 8, 6, 2)), y=Tensor((1, 8, 6, 6))),
        0,
        0,
        "8×6×6",
    ),
    "concatenation along the batch": (
        single("CONCATENATION", (10, {0: 0}), x=Tensor((1, 3, 2)), z=Tensor((1, 3, 2)), y=Tensor((2, 3, 2))),
        0,
        0,
        "2×3×2",
    ),
    "slice": (
        single(
            "STRIDED_SLICE",
            (32, {0: 2, 1: 2}),
            x=X,
            b=ints(0, 0, 1, 0),
            e=ints(1, 0, 5, 4),
            s=ints(1, 2, 2, 1),
            y=Tensor((1, 4, 2, 4)),
        ),
        0,
        0,
        "4×2×4",
    ),
    "one place": (
        single(
            "STRIDED_SLICE",
            (32, {4: 2, 1: 5}),
            x=Tensor((1, 5, 4)),
            b=ints(0, -1, 0),
            e=ints(0, 0, 0),
            s=ints(1, 1, 1),
            y=Tensor((1, 4)),
        ),
        0,
        0,
        "4",
    ),
    "border": (
        single("PAD", x=X, p=ints(0, 0, 1, 2, 0, 1, 0, 0, shape=(4, 2)), y=Tensor((1, 11, 7, 4))),
        0,
        0,
        "11×7×4",
    ),
    "tiles": (single("TILE", x=Tensor((1, 3, 2)), m=ints(2, 1, 3), y=Tensor((2, 3, 6))), 0, 0, "2×3×6"),
    "blocks of space": (
        single("SPACE_TO_BATCH_ND", x=X, b=ints(2, 2), p=ints(0, 0, 0, 0, shape=(2, 2)), y=Tensor((4, 4, 3, 4))),
        0,
        0,
        "4×4×3×4",
    ),
    "resize": (
        single("RESIZE_NEAREST_NEIGHBOR", (74, {}), x=X, s=ints(16, 18), y=Tensor((1, 16, 18, 4))),
        0,
        0,
        "4×16×18",
    ),
    "depth to space": (single("DEPTH_TO_SPACE", (94, {0: 2}), x=X, y=Tensor((1, 16, 12, 1))), 0, 0, "1×16×12"),
    "one hot": (
        single(
            "ONE_HOT",
            (61, {0: -1}),
            x=Tensor((1, 6), "int32"),
            d=ints(9, shape=()),
            on=weights(),
            off=weights(),
            y=Tensor((1, 6, 9)),
        ),
        0,
        0,
        "6×9",
    ),
    "largest": (single("ARG_MAX", (40, {}), x=Tensor((1, 6)), a=ints(1, shape=()), y=Tensor((1,), "int32")), 0, 0, "1"),
}
"""A model of one operator: its params, MACs and output, by hand."""


@pytest.mark.parametrize("name", CASES)
def test_each_operator_costs_what_its_sizes_say(name: str, run: Run, write: Write) -> None:
    content, params, macs, output = CASES[name]
    report = told(run, write("model.tflite", content))
    assert report["totals"] == {"params": params, "macs": macs}
    assert "×".join(map(str, report["layers"][-1]["output"])) == output


@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_two_costs_twice(name: str, run: Run, write: Write) -> None:
    """Where the operator has a batch of one; the params stay."""
    content, params, macs, _ = CASES[name]
    if b"\1\0\0\0" not in content or name.endswith("batch") or "turned" in name:
        return
    result = run(write("model.tflite", content), "--batch", "2", "--format", "json")
    if result.code == 0:
        assert json.loads(result.out)["totals"] == {"params": params, "macs": 2 * macs}
    else:
        assert "batch" in result.err or "(" in result.err


def _lstm(gates: str) -> bytes:
    """Write an LSTM of 5 units over 7 vectors of 3 numbers: its 24 inputs are those of schema.fbs' kernel."""
    names = {"x": Tensor((1, 7, 3))}
    names |= {f"w{gate}": weights(5, 3) for gate in gates} | {f"r{gate}": weights(5, 5) for gate in gates}
    names |= {f"b{gate}": weights(5) for gate in gates}
    names |= {name: Tensor((1, 5), more={5: byte(1)}) for name in ("state", "cell")} | {"y": Tensor((1, 7, 5))}
    rows = [[f"{role}{gate}" if gate in gates else "-" for gate in "ifco"] for role in "wrb"]
    reads = ["x", *rows[0], *rows[1], "-", "-", "-", *rows[2], "-", "-", "state", "cell"]
    return model(Graph(names, "x", "y", [Op("UNIDIRECTIONAL_SEQUENCE_LSTM", " ".join(reads), "y", 71, {})]))


@pytest.mark.parametrize(("gates", "count"), [("ifco", 4), ("fco", 3)])
def test_an_lstm_reads_the_weights_of_its_gates_at_each_step(gates: str, count: int, run: Run, write: Write) -> None:
    """Each gate has 5 · (3 + 5) weights and 5 biases; a coupled gate has none of its own."""
    totals = told(run, write("lstm.tflite", _lstm(gates)))["totals"]
    assert totals == {"params": count * (40 + 5), "macs": 7 * count * 40}


def test_constants_that_share_bytes_are_counted_once(run: Run, write: Write) -> None:
    tensors = {"x": Tensor((1, 4)), "w": weights(4, 4, buffer="w"), "v": weights(4, 4, buffer="w")}
    tensors |= {"h": Tensor((1, 4)), "y": Tensor((1, 4))}
    ops = [Op("FULLY_CONNECTED", "x w", "h", *LINEAR), Op("FULLY_CONNECTED", "h v", "y", *LINEAR)]
    report = told(run, write("model.tflite", model(Graph(tensors, "x", "y", ops))))
    assert report["totals"] == {"params": 16, "macs": 32}
    assert report["notes"] == ["1 constant is used by several layers and counted once (16 numbers), as by h and y"]


def test_sparse_weights_are_counted_in_full(run: Run, write: Write) -> None:
    """A sparse tensor has the bytes of what is not zero."""
    sparse = Tensor((8, 16), "float32", bytes(40), more={6: {}})
    content = single("FULLY_CONNECTED", LINEAR, x=Tensor((1, 16)), w=sparse, y=Tensor((1, 8)))
    report = told(run, write("model.tflite", content))
    assert report["totals"] == {"params": 128, "macs": 128}
    assert report["notes"] == ["128 numbers of weights are stored sparsely, and all counted"]


def test_weights_of_four_bits_have_two_to_a_byte(write: Write) -> None:
    content = single(
        "FULLY_CONNECTED", LINEAR, x=Tensor((1, 5), "int8"), w=weights(3, 5, type="int4"), y=Tensor((1, 3), "int8")
    )
    (node,) = read(write("model.tflite", content))(ReadOptions()).nodes
    assert node.bits == {"activation": 8, "weight": 4}


def test_weights_may_lie_after_the_tables_of_a_large_file(run: Run, write: Write) -> None:
    """Buffer.offset and Buffer.size, which files of more than 2 GB have."""
    tensors = [{0: Vector("i", shape), 2: number} for number, shape in enumerate(((1, 4), (3, 4), (1, 3)))]
    buffers = [{}, {1: Number("Q", 4096), 2: Number("Q", 48)}, {}]
    tensors = [{**each, 3: name, 8: byte(1)} for each, name in zip(tensors, "xwy", strict=True)]
    operator = {0: 0, 1: Vector("i", [0, 1]), 2: Vector("i", [2])}
    graph = {0: tensors, 1: Vector("i", [0]), 2: Vector("i", [2]), 3: [operator]}
    content = flatbuffer({0: 3, 1: [{0: byte(9), 3: 9}], 2: [graph], 4: buffers}).ljust(4096, b"\0") + bytes(48)
    assert told(run, write("model.tflite", content))["totals"] == {"params": 12, "macs": 12}
    refused(run, write("short.tflite", content[:-1]), "a buffer of 48 bytes starts at byte 4096 of 4143")


def test_old_files_have_the_code_of_an_operator_in_one_byte(run: Run, write: Write) -> None:
    content = bytearray(single("FULLY_CONNECTED", LINEAR, x=Tensor((1, 4)), w=weights(3, 4), y=Tensor((1, 3))))
    assert told(run, write("model.tflite", bytes(content)))["totals"]["macs"] == 12
    tensors = [{0: Vector("i", (1, 4)), 3: name, 8: byte(1)} for name in "xy"]
    graph = {
        0: tensors,
        1: Vector("i", [0]),
        2: Vector("i", [1]),
        3: [{0: 0, 1: Vector("i", [0]), 2: Vector("i", [1])}],
    }
    old = flatbuffer({0: 3, 1: [{0: byte(19)}], 2: [graph], 4: [{}]})
    assert told(run, write("old.tflite", old))["layers"][0]["type"] == "Activation"


def _loop(trips: int) -> bytes:
    """Write a loop that multiplies with weights, as often as it counts to."""
    state = {"n": Tensor((), "int32"), "h": Tensor((1, 4))}
    cond = Graph(
        {**state, "most": ints(trips, shape=()), "c": Tensor((), "bool")}, "n h", "c", [Op("LESS", "n most", "c")]
    )
    made = {"one": ints(1, shape=()), "m": Tensor((), "int32"), "w": weights(4, 4), "y": Tensor((1, 4))}
    steps = [Op("ADD", "n one", "m", 11, {}), Op("FULLY_CONNECTED", "h w", "y", *LINEAR)]
    body = Graph({**state, **made}, "n h", "m y", steps)
    main = {"x": Tensor((1, 4)), "zero": ints(0, shape=()), "k": Tensor((), "int32"), "y": Tensor((1, 4))}
    return model(Graph(main, "x", "y", [Op("WHILE", "zero x", "k y", 93, {0: 1, 1: 2})]), cond, body)


def test_a_loop_runs_as_often_as_its_numbers_say(run: Run, write: Write) -> None:
    totals = told(run, write("model.tflite", _loop(5)))["totals"]
    assert totals == {"params": 16, "macs": 5 * 16}


def test_a_loop_without_an_end_is_refused(run: Run, write: Write) -> None:
    refused(run, write("model.tflite", _loop(2**31 - 1)), "more than 100000 operators")


def test_a_graph_that_calls_itself_is_refused(run: Run, write: Write) -> None:
    graph = Graph({"x": Tensor((1, 4)), "y": Tensor((1, 4))}, "x", "y", [Op("CALL", "x", "y", 16, {0: 0})])
    refused(run, write("model.tflite", model(graph)), "graphs call each other deeper than 16 levels")


def _custom() -> bytes:
    tensors = {"x": X, "h": X, "w": weights(10, 3, 3, 4), "y": Tensor((1, 8, 6, 10))}
    return model(Graph(tensors, "x", "y", [Op("Magic", "x", "h"), Op("CONV_2D", "h w", "y", *_conv(SAME, 1))]))


def test_custom_operators_are_refused_by_name(run: Run, write: Write) -> None:
    refused(run, write("model.tflite", _custom()), "it has operators that flopcount does not support: CUSTOM Magic;")


def test_skipped_operators_make_a_lower_bound(run: Run, write: Write) -> None:
    """What follows is counted at the sizes of the file, and not at others."""
    path = write("model.tflite", _custom())
    assert told(run, path, "--allow-unknown")["totals"]["macs"] == 48 * 360
    assert told(run, path, "--allow-unknown", "--input", "16")["totals"]["macs"] == 0


def _found(*after: Op, **tensors: Tensor) -> bytes:
    """Write a network that finds the places that are not zero, whose number depends on the values of the input."""
    names = {"x": Tensor((5,), "bool"), "z": Tensor((1, 1), "int64", signature=(-1, 1)), **tensors}
    return model(Graph(names, "x", "y" if after else "z", [Op("WHERE", "x", "z"), *after]))


def test_what_has_no_known_size_is_exact_where_nothing_multiplies(run: Run, write: Write) -> None:
    y = Tensor((1, 1), "int64", signature=(-1, 1))
    report = told(run, write("model.tflite", _found(Op("ABS", "z", "y"), y=y)))
    assert report["totals"]["macs"] == 0
    assert report["notes"] == ["what follows from here has an unknown size: z (WHERE)"]


def test_a_product_of_an_unknown_size_is_refused(run: Run, write: Write) -> None:
    tensors = {"w": weights(3, 1), "y": Tensor((1, 3), signature=(-1, 3))}
    path = write("model.tflite", _found(Op("FULLY_CONNECTED", "z w", "y", *LINEAR), **tensors))
    refused(run, path, "FULLY_CONNECTED (reads an unknown size);")
    assert told(run, path, "--allow-unknown")["unknown"] == {"FULLY_CONNECTED (reads an unknown size)": 1}


def _branches(then: str, other: str) -> bytes:
    """Write a network that runs one of two operators, by a condition that it is given."""
    branch = {"x": Tensor((1, 4)), "y": Tensor((1, 4)), "w": weights(4, 4)}
    reads = {"FULLY_CONNECTED": Op("FULLY_CONNECTED", "x w", "y", *LINEAR)}
    graphs = [Graph(branch, "x", "y", [reads.get(name, Op(name, "x", "y"))]) for name in (then, other)]
    main = {"c": Tensor((), "bool"), "x": Tensor((1, 4)), "y": Tensor((1, 4))}
    return model(Graph(main, "c x", "y", [Op("IF", "c x", "y", 92, {0: 1, 1: 2})]), *graphs)


def test_an_unknown_branch_is_exact_if_neither_multiplies(run: Run, write: Write) -> None:
    assert told(run, write("model.tflite", _branches("ABS", "EXP")))["totals"]["macs"] == 0
    refused(run, write("other.tflite", _branches("ABS", "FULLY_CONNECTED")), "IF (its branch depends on the input);")


def test_a_product_of_constants_runs_each_time(run: Run, write: Write) -> None:
    """Nothing computes it before: 12 products, as many as of the input."""
    tensors = {"x": Tensor((1, 4)), "w": weights(3, 4), "c": Tensor((1, 4), "int32", bytes(16)), "f": Tensor((1, 4))}
    tensors |= {"h": Tensor((1, 3)), "v": weights(3, 4), "g": Tensor((1, 3)), "y": Tensor((1, 3))}
    ops = [Op("CAST", "c", "f"), Op("FULLY_CONNECTED", "f w", "h", *LINEAR)]
    ops += [Op("FULLY_CONNECTED", "x v", "g", *LINEAR), Op("ADD", "h g", "y", 11, {})]
    totals = told(run, write("model.tflite", model(Graph(tensors, "x", "y", ops))))["totals"]
    assert totals["macs"] == 2 * 12


def test_a_number_enters_a_network(run: Run, write: Write) -> None:
    report = told(run, write("model.tflite", single("EXP", x=Tensor(()), y=Tensor(()))))
    assert report["layers"][0]["output"] == [1]


def test_a_folder_of_models_is_checked(run: Run, write: Write) -> None:
    path = write("model.tflite", (FOLDER / "chain_int8.tflite").read_bytes())
    assert run("check", path.parent, "--max-macs", "2M").code == 0
    assert run("check", path.parent, "--max-macs", "1M").code == 1


def test_a_recorded_size_that_is_wrong_is_an_error(run: Run, write: Write) -> None:
    wrong = single("CONV_2D", _conv(SAME, 2), x=X, w=weights(10, 3, 3, 4), y=Tensor((1, 8, 3, 10)))
    refused(run, write("model.tflite", wrong), "its output is 1×4×3×10, and the file says 1×8×3×10")


def test_open_sizes_of_a_file_are_not_compared(run: Run, write: Write) -> None:
    x, y = Tensor((1, 8, 6, 4), signature=(-1, 8, 6, 4)), Tensor((1, 1, 1, 10), signature=(-1, -1, -1, 10))
    content = single("CONV_2D", _conv(SAME, 2), x=x, w=weights(10, 3, 3, 4), y=y)
    assert told(run, write("model.tflite", content))["totals"]["macs"] == 4320


def test_a_constant_shape_fixes_the_size(run: Run, write: Write) -> None:
    path = write("model.tflite", single("RESHAPE", (17, {}), x=X, s=ints(1, 192), y=Tensor((1, 192))))
    refused(run, path, "y (RESHAPE): 320 elements cannot be reshaped to 1×192", "--input", "10x8x4")


def test_a_batch_in_the_file_is_part_of_it(run: Run, write: Write) -> None:
    content = single("CONV_2D", _conv(SAME, 1), x=Tensor((3, 8, 6, 4)), w=weights(10, 3, 3, 4), y=Tensor((3, 8, 6, 10)))
    path = write("model.tflite", content)
    assert told(run, path)["totals"]["macs"] == 3 * 48 * 360
    assert told(run, path, "--batch", "2")["totals"]["macs"] == 2 * 48 * 360


def test_the_channels_come_first_in_an_input(run: Run) -> None:
    path = FOLDER / "chain_int8.tflite"
    assert told(run, path, "--input", "4x20x20")["totals"] == told(run, path)["totals"]
    refused(run, path, "has the channels last; give them first", "--input", "20x20x4")


HOSTILE = {
    "nothing": (b"", "empty"),
    "the mark of another format": (flatbuffer({0: 3}, b"TFL2"), "bytes 4 to 8 are not TFL3"),
    "no graphs": (flatbuffer({0: 3}), "no graph number 0"),
    "a root outside": (struct.pack("<I", 10**9) + b"TFL3" + bytes(64), "outside of the file"),
    "a root before": (struct.pack("<I", 0xFFFFFFF0) + b"TFL3" + bytes(64), "outside of the file"),
    "a vector of 2³² tables": (flatbuffer({0: 3, 1: Vector("I", [])})[:-4] + b"\xff\xff\xff\xff", "more than"),
    "a tensor that nothing makes": (
        model(Graph({"x": X, "z": X, "y": X}, "x", "y", [Op("ADD", "x z", "y", 11, {})])),
        "no operator makes",
    ),
    "options of another operator": (single("ADD", (1, {}), x=X, z=X, y=X), "those of another operator"),
    "too few bytes": (single("PRELU", x=X, z=Tensor((4,), "float32", bytes(12)), y=X), "has 12 bytes, and needs 16"),
    "a kernel of another rank": (single("CONV_2D", _conv(0, 1), x=X, w=weights(3, 3), y=X), "needs 4 axes"),
    "a stride of nothing": (single("CONV_2D", _conv(0, 0), x=X, w=weights(4, 3, 3, 4), y=X), "stride"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_file_is_refused_in_one_sentence(name: str, run: Run, write: Write) -> None:
    content, said = HOSTILE[name]
    refused(run, write("model.tflite", content), said)


@pytest.mark.parametrize("name", ["chain_int8", "dense_block_int8"])
def test_a_truncated_file_is_refused_or_lacks_weights_only(name: str, run: Run, write: Write) -> None:
    content = (FOLDER / f"{name}.tflite").read_bytes()
    for size in range(1, len(content), len(content) // 40):
        result = run(write("model.tflite", content[:size]))
        assert (result.code, len(result.err.splitlines())) == (2, 1), result.err


@pytest.mark.parametrize(("missing", "head", "offsets"), [(0, 192, [128, 64, 0]), (1, 128, [0, 64, 0])])
def test_a_file_may_bring_its_own_plan(missing: int, head: int, offsets: list[int], run: Run, tmp_path: Path) -> None:
    """128 and 0 come first, then the tensor between them; a plan without a place for each tensor is refused by TFLM."""
    places = [128, -1, 0, -1][: 4 - missing]
    tensors = {name: Tensor((1, 16)) for name in "xyz"} | {"plan": ints(1, 0, len(places), *places)}
    graph = Graph(tensors, "x", "z", [Op("EXP", "x", "y"), Op("EXP", "y", "z")])
    path = tmp_path / "planned.tflite"
    path.write_bytes(model(graph, fields={6: [{0: "OfflineMemoryAllocation", 1: Number("I", 1)}]}))
    found = json.loads(run(path, "--metrics", "arena", "--format", "json").out)
    assert (found["totals"]["arena"], found["note_codes"]) == (head, ["arena-offline"])
    lines = [line for line in run("memory", path, "--format", "tflm").out.splitlines() if "offset=" in line]
    assert [int(line.split("offset=")[1].split(",")[0]) for line in lines] == offsets
