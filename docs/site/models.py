"""Small models in binary formats, from which the page of codes has its messages; tests write theirs the same way."""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2] / "tests"
sys.path.append(str(TESTS / "readers"))

import onnx_files as onnx  # noqa: E402  (beside the tests of readers)
import pt2_files as pt2  # noqa: E402
import tflite_files as tflite  # noqa: E402

RUNTIME = "com.microsoft"


def _blocked() -> bytes:
    nodes = [
        onnx.node("Conv", "x w", "c", domain=f"{RUNTIME}.nchwc"),
        onnx.node("ReorderOutput", "c", "y", domain=f"{RUNTIME}.nchwc", channels=5),
    ]
    return onnx.model(onnx.graph(nodes, {"x": (1, 4, 8, 8)}, {"w": onnx.Weights((8, 4, 1, 1))}))


def _filled() -> bytes:
    nodes = [onnx.node("ConstantOfShape", "shape", "w"), onnx.node("Conv", "x w", "y")]
    return onnx.model(onnx.graph(nodes, {"x": (1, 4, 8, 8)}, {"shape": [5, 4, 3, 3]}))


def _blurred() -> bytes:
    value = onnx.field(1, "value") + onnx.field(5, onnx.tensor("", onnx.Weights((4, 1, 3, 3)))) + onnx.field(20, 4)
    blur = onnx.field(2, "blur") + onnx.field(4, "Constant") + onnx.field(5, value)
    nodes = [blur, onnx.node("Conv", "x blur", "b", group=4), onnx.node("Conv", "b w", "y")]
    return onnx.model(onnx.graph(nodes, {"x": (1, 4, 8, 8)}, {"w": onnx.Weights((5, 4, 1, 1))}))


def _resized() -> bytes:
    nodes = [
        onnx.node("Conv", "x w", "a", strides=(2, 2), pads=(1, 1, 1, 1)),
        onnx.node("Resize", "a - - fixed", "u", name="up"),
        onnx.node("Conv", "u v", "y", pads=(1, 1, 1, 1)),
    ]
    tensors = {"w": onnx.Weights((8, 3, 3, 3)), "v": onnx.Weights((8, 8, 3, 3)), "fixed": [1, 8, 64, 64]}
    return onnx.model(onnx.graph(nodes, {"x": (1, 3, 64, 64)}, tensors))


def _cached() -> bytes:
    nodes = [
        onnx.node("Concat", "past k", "all", axis=1),
        onnx.node("Transpose", "all", "t", perm=(0, 2, 1)),
        onnx.node("MatMul", "k t", "y"),
    ]
    return onnx.model(onnx.graph(nodes, {"past": (1, "p", 8), "k": (1, "seq", 8)}))


def _open() -> bytes:
    nodes = [onnx.node("Conv", "x w", "y")]
    return onnx.model(onnx.graph(nodes, {"x": ("batch", 3, 8, 8)}, {"w": onnx.Weights((8, 3, 3, 3))}))


def _biased() -> bytes:
    nodes = [
        onnx.node("RelativePositionBias", "t five five", "b", domain=RUNTIME),
        onnx.node("MultiHeadAttention", "x x x - - b", "y", domain=RUNTIME, num_heads=2),
    ]
    return onnx.model(onnx.graph(nodes, {"x": (1, 5, 8)}, {"t": onnx.Weights((32, 2)), "five": [5]}))


def _branching() -> bytes:
    weights = {"then_branch": onnx.Weights((8, 2)), "else_branch": onnx.Weights((8, 4))}
    branches: dict[str, Any] = {
        name: onnx.graph([onnx.node("MatMul", "x w", "t")], {}, {"w": each}, outputs=("t",))
        for name, each in weights.items()
    }
    content = onnx.graph([onnx.node("If", "go", "y", **branches)], {"x": (1, 8)})
    return onnx.model(content + onnx.field(11, onnx.wire("go", (), 9)))


def _planned() -> bytes:
    tensors = {name: tflite.Tensor((1, 16)) for name in "xyz"} | {"plan": tflite.ints(1, 0, 4, 128, -1, 0, -1)}
    graph = tflite.Graph(tensors, "x", "z", [tflite.Op("EXP", "x", "y"), tflite.Op("EXP", "y", "z")])
    return tflite.model(graph, fields={6: [{0: "OfflineMemoryAllocation", 1: tflite.Number("I", 1)}]})


LINEAR: tuple[int, dict[int, object]] = (8, {})


def _sparse() -> bytes:
    tensor = tflite.Tensor((8, 16), "float32", bytes(40), more={6: {}})
    return tflite.single("FULLY_CONNECTED", LINEAR, x=tflite.Tensor((1, 16)), w=tensor, y=tflite.Tensor((1, 8)))


def _found() -> bytes:
    names = {
        "x": tflite.Tensor((5,), "bool"),
        "z": tflite.Tensor((1, 1), "int64", signature=(-1, 1)),
        "y": tflite.Tensor((1, 1), "int64", signature=(-1, 1)),
    }
    return tflite.model(tflite.Graph(names, "x", "y", [tflite.Op("WHERE", "x", "z"), tflite.Op("ABS", "z", "y")]))


def _signed() -> bytes:
    names = {"x": tflite.Tensor((1, 16)), "y": tflite.Tensor((1, 16))}
    graph = tflite.Graph(names, "x", "y", [tflite.Op("EXP", "x", "y")])
    return tflite.model(graph, graph, fields={7: [{2: "serve", 4: 0}, {2: "train", 4: 1}]})


def _opened() -> bytes:
    tokens = "Symbol('s20')@6"
    data = pt2.program(
        [pt2.call("linear.default", "y", "", "", input="x", weight="p_w")],
        ["y"],
        inputs={"x": pt2.tensor(1, tokens, 8)},
        params={"w": pt2.tensor(4, 8, requires_grad=True)},
        made={"y": pt2.tensor(1, tokens, 4)},
        ranges={"s20": (2, 100)},
    )
    with tempfile.TemporaryDirectory() as folder:
        return pt2.save(Path(folder, "open.pt2"), data).read_bytes()


def _keras(*layers: tuple[str, str, dict[str, object], list[str]]) -> bytes:
    """Return a functional model of Keras: the class, the name, the options and the inputs of each layer."""
    written: list[dict[str, Any]] = [
        {
            "class_name": kind,
            "config": {"name": name} | options,
            "name": name,
            "inbound_nodes": [[[each, 0, 0, {}] for each in reads]] if reads else [],
        }
        for kind, name, options, reads in layers
    ]
    inputs = [[name, 0, 0] for kind, name, _, _ in layers if kind == "InputLayer"]
    config = {"name": "model", "layers": written, "input_layers": inputs, "output_layers": [[layers[-1][1], 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"}).encode()


CONV: dict[str, object] = {"filters": 8, "kernel_size": [3, 3], "padding": "same"}


def _masked() -> bytes:
    sizes: dict[str, object] = {"batch_input_shape": [None, 32, 32, 3]}
    return _keras(("InputLayer", "x", sizes, []), ("InputLayer", "mask", sizes, []), ("Conv2D", "a", CONV, ["x"]))


def _two() -> bytes:
    sizes: dict[str, object] = {"batch_input_shape": [None, None, None, 3]}
    return _keras(
        ("InputLayer", "a", sizes, []),
        ("InputLayer", "b", sizes, []),
        ("Conv2D", "c", CONV, ["a"]),
        ("Conv2D", "d", CONV, ["b"]),
        ("Add", "sum", {}, ["c", "d"]),
    )


MODELS: Mapping[str, Callable[[], bytes]] = {
    "blocked.onnx": _blocked,
    "filled.onnx": _filled,
    "blurred.onnx": _blurred,
    "resized.onnx": _resized,
    "cached.onnx": _cached,
    "open.onnx": _open,
    "biased.onnx": _biased,
    "branching.onnx": _branching,
    "planned.tflite": _planned,
    "sparse.tflite": _sparse,
    "found.tflite": _found,
    "signed.tflite": _signed,
    "open.pt2": _opened,
    "masked.json": _masked,
    "two.json": _two,
    "tied.pt2": (TESTS / "oracles/pt2/own_tied.pt2").read_bytes,
}
"""The models, each made when an example names it."""
