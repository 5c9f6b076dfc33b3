"""Files of Keras 1, of TensorFlow.js, and what a file fixes or leaves to a shorter notation; numbers by hand."""

import json
from typing import Any

import pytest
from conftest import Run, Write
from reports import told


def row(kind: str, name: str, *sources: str, **config: Any) -> dict[str, Any]:
    """Return a layer that reads others."""
    nodes = [[[source, 0, 0] for source in sources]] if sources else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def model(shape: list[int | None], *rows: dict[str, Any], version: str = "1.2.2") -> dict[str, Any]:
    """Return a model on one input, whose output is the last layer."""
    layers = [row("InputLayer", "x", batch_input_shape=shape), *rows]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[rows[-1]["name"], 0, 0]]}
    return {"class_name": "Model", "keras_version": version, "config": {"name": "m", "layers": layers, **ends}}


CONV = {"nb_filter": 4, "nb_row": 3, "nb_col": 1, "border_mode": "valid", "dim_ordering": "th"}
OLD = [
    (row("Convolution2D", "y", "x", **CONV, subsample=[2, 1], bias=False), [4, 3, 8], 4 * 9, 24 * 36),
    (row("AtrousConvolution2D", "y", "x", **CONV, atrous_rate=[2, 2]), [4, 4, 8], 4 * 9 + 4, 32 * 36),
    (row("MaxPooling2D", "y", "x", pool_size=[2, 2], border_mode="same", dim_ordering="th"), [3, 4, 4], 0, 0),
    (row("UpSampling2D", "y", "x", size=[2, 3], dim_ordering="th"), [3, 16, 24], 0, 0),
    (row("Dropout", "y", "x", p=0.25), [3, 8, 8], 0, 0),
    (row("ZeroPadding2D", "y", "x", padding=[1, 0, 2, 1], dim_ordering="th"), [3, 9, 11], 0, 0),
    (row("Convolution2D", "y", "x", **{**CONV, "border_mode": "half"}), [4, 8, 8], 4 * 9 + 4, 64 * 36),
    (row("Deconvolution2D", "y", "x", **CONV, output_shape=[None, 4, 10, 8]), [4, 10, 8], 4 * 9 + 4, 64 * 36),
]


@pytest.mark.parametrize(("layer", "shape", "params", "macs"), OLD, ids=[each[0]["class_name"] for each in OLD])
def test_options_of_keras_1_are_read(
    run: Run, write: Write, *, layer: dict[str, Any], shape: list[int], params: int, macs: int
) -> None:
    """An image of 3×8×8, the channels first: dim_ordering = th."""
    rows = (layer, row("Flatten", "f", "y"), row("Dense", "d", "f", output_dim=2))
    report = told(run, write("model.json", json.dumps(model([None, 3, 8, 8], *rows))))
    inner = shape[0] * shape[1] * shape[2] * 2
    assert sorted(report["layers"][0]["output"]) == sorted(shape)
    assert report["totals"] == {"params": params + inner + 2, "macs": macs + inner}


SEQUENCE = [
    (row("Convolution1D", "y", "x", nb_filter=4, filter_length=3, subsample_length=2), 4 * 15 + 4, 4 * 60),
    (row("MaxPooling1D", "y", "x", pool_length=3, stride=3, border_mode="valid"), 0, 0),
    (row("TimeDistributedDense", "y", "x", output_dim=4), 4 * 5 + 4, 9 * 20),
    (row("LSTM", "y", "x", output_dim=4, return_sequences=True), 4 * (4 * 9 + 4), 9 * 4 * 36),
    (row("GRU", "y", "x", output_dim=4, return_sequences=True), 3 * (4 * 9 + 4), 9 * 3 * 36),
]


@pytest.mark.parametrize(("layer", "params", "macs"), SEQUENCE, ids=[each[0]["class_name"] for each in SEQUENCE])
def test_sequences_of_keras_1_are_read(run: Run, write: Write, layer: dict[str, Any], params: int, macs: int) -> None:
    """Nine steps of 5 numbers; a GRU had one bias for each gate."""
    report = told(run, write("model.json", json.dumps(model([None, 9, 5], layer))))
    assert report["totals"] == {"params": params, "macs": macs}


@pytest.mark.parametrize(("mode", "width"), [("sum", 6), ("mul", 6), ("ave", 6), ("max", 6), ("concat", 12)])
def test_a_merge_is_the_layer_of_its_mode(run: Run, write: Write, mode: str, width: int) -> None:
    merged = row("Merge", "m", "a", "b", mode=mode, concat_axis=-1, dot_axes=-1)
    rows = (row("Dense", "a", "x", output_dim=6), row("Dense", "b", "x", output_dim=6), merged)
    report = told(run, write("model.json", json.dumps(model([None, 5], *rows, row("Dense", "c", "m", output_dim=2)))))
    assert report["totals"]["macs"] == 2 * 30 + 2 * width


DENSE = row("Dense", "d", "x", units=3)


@pytest.mark.parametrize("keys", [["modelTopology"], ["modelTopology", "model_config"]])
def test_a_layers_model_of_tensorflow_js_is_a_model_of_keras(run: Run, write: Write, keys: list[str]) -> None:
    data: dict[str, Any] = model([None, 4], DENSE, version="2.8.0")
    for key in reversed(keys):
        data = {key: data}
    weights = [{"paths": ["group1-shard1of1.bin"], "weights": [{"name": "d/kernel", "shape": [4, 3]}]}]
    text = json.dumps({"format": "layers-model", **data, "weightsManifest": weights})
    assert told(run, write("model.json", text))["totals"] == {"params": 15, "macs": 12}


@pytest.mark.parametrize(("options", "times"), [((), 6), (("--batch", "2"), 2), (("--input", "1x4"), 1)])
def test_a_batch_in_the_file_is_counted(run: Run, write: Write, options: tuple[str, ...], times: int) -> None:
    path = write("model.json", json.dumps(model([6, 4], DENSE, version="2.8.0")))
    assert told(run, path, *options)["totals"] == {"params": 15, "macs": 12 * times}


def test_flags_may_be_numbers(run: Run, write: Write) -> None:
    norm = row("BatchNormalization", "n", "x", scale=1, center=0)
    path = write("model.json", json.dumps(model([None, 4], norm, version="2.8.0")))
    assert told(run, path)["totals"]["params"] == 4


def cell(units: int, **config: Any) -> dict[str, Any]:
    """Return a recurrent layer inside another."""
    return {"class_name": "LSTM", "config": {"name": "l", "units": units, **config}}


@pytest.mark.parametrize(
    ("sizes", "mode", "output"), [((4, 3), "concat", [7]), ((4, 3), "concat", [9, 7]), ((4, 4), "sum", [4])]
)
def test_the_two_directions_may_differ(
    run: Run, write: Write, sizes: tuple[int, int], mode: str, output: list[int]
) -> None:
    """Gates of 5 inputs and the state; the second direction has no biases."""
    every = {"return_sequences": len(output) > 1}
    forward, backward = cell(sizes[0], **every), cell(sizes[1], use_bias=False, go_backwards=True, **every)
    both = row("Bidirectional", "y", "x", merge_mode=mode, layer=forward, backward_layer=backward)
    report = told(run, write("model.json", json.dumps(model([None, 9, 5], both, version="2.8.0"))))
    weights = sum(4 * units * (5 + units) for units in sizes)
    assert report["totals"] == {"params": weights + 4 * sizes[0], "macs": 9 * weights}
    assert report["layers"][-1]["output"] == output


@pytest.mark.parametrize(
    ("equation", "shape", "bias", "params", "macs"),
    [
        ("abc,bcd->abd", [7, 5], None, 7 * 16 * 5, 7 * 16 * 5),
        ("abc,bcd->abd", [7, 5], "bd", 7 * 16 * 5 + 35, 7 * 16 * 5),
        ("abc,bcd->adb", [5, 7], "d", 7 * 16 * 5 + 5, 7 * 16 * 5),
        ("abc,cd->abd", [None, 5], "d", 16 * 5 + 5, 7 * 16 * 5),
    ],
)
def test_einsum_dense_may_have_weights_for_each_place(
    run: Run, write: Write, *, equation: str, shape: list[int | None], bias: str | None, params: int, macs: int
) -> None:
    dense = row("EinsumDense", "y", "x", equation=equation, output_shape=shape, bias_axes=bias)
    report = told(run, write("model.json", json.dumps(model([None, 7, 16], dense, version="2.8.0"))))
    assert report["totals"] == {"params": params, "macs": macs}
    assert report["layers"][-1]["output"][-1] == (shape[-1] or 7)


def test_a_sequential_that_begins_with_a_merge_has_an_input_for_each_branch(run: Run, write: Write) -> None:
    """Keras 1 kept the branches in the merge: 5 · 6 and 7 · 6, then 12 · 2."""
    left, right = (
        {"class_name": "Sequential", "config": [row("Dense", "d", output_dim=6, batch_input_shape=[None, size])]}
        for size in (5, 7)
    )
    merged = {
        "class_name": "Merge",
        "config": {"name": "m", "mode": "concat", "concat_axis": -1, "layers": [left, right]},
    }
    data = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [merged, row("Dense", "c", output_dim=2)]}
    report = told(run, write("model.json", json.dumps(data)))
    assert report["totals"] == {"params": 30 + 42 + 24 + 6 + 6 + 2, "macs": 30 + 42 + 24}


@pytest.mark.parametrize("branch", [{}, 1, "x", None])
def test_a_branch_of_a_merge_that_is_no_model_is_refused(run: Run, write: Write, branch: Any) -> None:
    merged = {"class_name": "Merge", "config": {"mode": "concat", "layers": [branch]}}
    data = {"class_name": "Sequential", "config": [merged]}
    result = run(write("model.json", json.dumps(data)))
    assert (result.code, len(result.problems)) == (2, 1)


def operation(kind: str, name: str, *args: Any, **config: Any) -> dict[str, Any]:
    """Return an operation as Keras 3 writes it; a tensor is its name and its shape."""
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"shape": [None, *arg[1]], "keras_history": [arg[0], 0, 0]}}
        if isinstance(arg, tuple)
        else arg
        for arg in args
    ]
    nodes = [{"args": tensors, "kwargs": {}}]
    module = "keras.src.ops.numpy" if kind != "Dense" else "keras.layers"
    return {
        "module": module,
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": nodes,
    }


def test_masks_between_layers_multiply_nothing(run: Run, write: Write) -> None:
    """What Keras 3 writes for a Masking or an Embedding with mask_zero: comparisons, any, zeros of a size, a choice."""
    x, y = ("x", [9, 4]), ("n", [9, 4])
    rows = [
        operation("NotEqual", "n", x, 0.0),
        operation("Any", "a", y, axis=-1, keepdims=True),
        operation("ZerosLike", "z", x),
        operation("Where", "w", ("a", [9, 1]), x, ("z", [9, 4])),
        operation("Dense", "d", ("w", [9, 4]), units=3),
    ]
    path = write("model.json", json.dumps(model([None, 9, 4], *rows, version="3.0.0")))
    assert told(run, path)["totals"] == {"params": 15, "macs": 9 * 12}


def test_a_model_may_begin_with_a_model(run: Run, write: Write) -> None:
    """TensorFlow.js says the shape in the first layer of the inner one alone."""
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 3, "batch_input_shape": [None, 4]}}
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [dense]}}
    data = {"class_name": "Sequential", "keras_version": "tfjs-layers 4.22.0"}
    rows = [inner, {"class_name": "Dense", "config": {"name": "e", "units": 2}}]
    text = json.dumps({"modelTopology": {**data, "config": {"name": "outer", "layers": rows}}})
    assert told(run, write("model.json", text))["totals"] == {"params": 15 + 8, "macs": 12 + 6}


def test_the_dot_product_of_two_vectors_multiplies(run: Run, write: Write) -> None:
    """Five products for each sample, as in a factorization of users and films."""
    rows = (row("Dense", "a", "x", units=5), row("Dense", "b", "x", units=5), row("Dot", "y", "a", "b", axes=1))
    report = told(run, write("model.json", json.dumps(model([None, 3], *rows, version="2.15.0"))))
    assert (report["totals"]["macs"], report["layers"][-1]["output"]) == (2 * 15 + 5, [1])


ENCODED = [
    ("CategoryEncoding", {"num_tokens": 7, "output_mode": "multi_hot"}, [7]),
    ("CategoryEncoding", {"num_tokens": 7, "output_mode": "one_hot"}, [4, 7]),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "int"}, [4]),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "count"}, [3]),
    ("Hashing", {"num_bins": 9}, [4]),
]


@pytest.mark.parametrize(("kind", "config", "shape"), ENCODED)
def test_encodings_of_categories_are_read(
    run: Run, write: Write, kind: str, config: dict[str, Any], shape: list[int]
) -> None:
    """Four values: as many numbers, or places for what they may be (keras.layers, output_mode)."""
    text = json.dumps(model([None, 4], row(kind, "y", "x", **config), version="2.15.0"))
    assert told(run, write("model.json", text))["layers"][-1]["output"] == shape
