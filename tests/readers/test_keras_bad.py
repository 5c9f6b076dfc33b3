"""Keras files that cannot be read: one clear sentence, exit code 2, in bounded time and memory."""

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from keras_oracles import archived, model_json
from reports import refused, told


def entry(name: str = "x", shape: Any = (None, 8, 8, 3)) -> dict[str, Any]:
    """Return an input layer."""
    config = {"name": name, "batch_shape": list(shape) if isinstance(shape, tuple) else shape}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def layer(kind: str, name: str, *sources: str, **config: Any) -> dict[str, Any]:
    """Return a layer that reads others, as Keras 2 writes it."""
    nodes = [[[source, 0, 0, {}] for source in sources]]
    return {"class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": nodes}


def model(*layers: dict[str, Any], last: str = "") -> str:
    """Return a functional model as JSON."""
    outputs = [[last or layers[-1]["name"], 0, 0]]
    config = {"name": "m", "layers": [*layers], "input_layers": [["x", 0, 0]], "output_layers": outputs}
    return json.dumps({"class_name": "Functional", "config": config})


def conv(name: str, *sources: str, **config: Any) -> dict[str, Any]:
    """Return a convolution."""
    return layer("Conv2D", name, *sources, **{"filters": 4, "kernel_size": [3, 3], **config})


def nested(depth: int) -> str:
    """Return models inside models."""
    inner = {"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, 3]}}
    for _ in range(depth):
        inner = {"class_name": "Sequential", "config": {"name": "s", "layers": [inner]}}
    return json.dumps(inner)


def doubling(depth: int) -> str:
    """Return a model that calls a model twice, that calls one twice, and so on."""
    built: dict[str, Any] = {"class_name": "Dense", "config": {"name": "d0", "units": 3}}
    inner: dict[str, Any] = built
    for level in range(1, depth):
        called = {**inner, "name": f"d{level - 1}", "inbound_nodes": [[["x", 0, 0, {}]], [[f"d{level - 1}", 0, 0, {}]]]}
        config = {
            "name": f"d{level}",
            "layers": [entry(shape=(None, 3)), called],
            "input_layers": [["x", 0, 0]],
            "output_layers": [[f"d{level - 1}", 1, 0]],
        }
        inner = {"class_name": "Functional", "config": config}
    return json.dumps(inner)


MIXED = (entry(), layer("Warp", "a", "x"), layer("Lambda", "b", "a"), layer("Warp", "c", "b"))
SUBCLASSED = '{"class_name": "MyModel", "config": {"units": 3}}'
SEVENS = model(entry(), layer("Reshape", "a", "x", target_shape=[7, -1]))
VAST = model(entry(shape=(None, 10**9, 10**9, 3)), layer("UpSampling2D", "a", "x", size=[9, 9]))

BAD = [
    pytest.param('{"class_name": "Functional"', "not JSON", id="cut off"),
    pytest.param(SUBCLASSED, "MyModel is written without its graph", id="subclass"),
    pytest.param('{"class_name": "Sequential", "config": {"layers": []}}', "has no layers", id="empty"),
    pytest.param(model(*MIXED), "Lambda, Warp (2×)", id="all unknown classes"),
    pytest.param(model(entry(), conv("a", "b"), conv("b", "a")), "form a cycle: a, b", id="circle"),
    pytest.param(model(entry(), conv("a", "nowhere")), "reads call 0 of 'nowhere'", id="missing"),
    pytest.param(model(entry(), conv("a", "x"), conv("a", "x")), "two layers have the same name", id="twice"),
    pytest.param(model(entry(), conv("a", "x", filters=-1)), "a (Conv2D): invalid out_channels -1", id="negative"),
    pytest.param(model(entry(), conv("a", "x", filters=10**12)), "out_channels", id="enormous"),
    pytest.param(model(entry(), conv("a", "x", filters="many")), "out_channels", id="word"),
    pytest.param(model(entry(), conv("a", "x", kernel_size=[3])), "invalid kernel_size '[3]'", id="axes"),
    pytest.param(model(entry(), conv("a", "x", kernel_size=[9, 9])), "output would be empty", id="vanished"),
    pytest.param(model(entry(), conv("a", "x", padding="odd")), "invalid padding 'odd'", id="padding"),
    pytest.param(model(entry(), conv("a", "x", activation="warp")), "unknown function 'warp'", id="function"),
    pytest.param(model(entry(), conv("a", "x", use_bias="yes")), "invalid use_bias 'yes': expected true", id="flag"),
    pytest.param(SEVENS, "8×8×3 cannot be reshaped to 7×-1", id="reshape"),
    pytest.param(model(entry(), conv("a", "x"), layer("Add", "b", "x", "a")), "b (Add)", id="sizes"),
    pytest.param(model(entry(), layer("Concatenate", "a", "x", "x", axis=9)), "not one of the 3 axes", id="axis"),
    pytest.param(model(entry(), layer("Flatten", "a"), last="a"), "it has no inputs", id="no input"),
    pytest.param(model(entry(shape=(None, -3, 8, 3)), conv("a", "x")), "expected a list of sizes", id="negative input"),
    pytest.param(model(entry(shape="wide"), conv("a", "x")), "does not say its shape", id="shape"),
    pytest.param(model(entry(shape=(None, None, None, 3)), conv("a", "x")), "give them with --input 224", id="open"),
    pytest.param(VAST, "10⁹", id="grows"),
    pytest.param(nested(40), "nested deeper than 64 levels", id="deep"),
    pytest.param('{"class_name": "x", "config": ' + "[" * 100_000, "nested deeper than 64 levels", id="brackets"),
    pytest.param('{"class_name": "x", "config": {"layers": [' + "9" * 5000 + "]}}", "too many digits", id="digits"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_cannot_be_is_refused_in_a_sentence(run: Run, write: Write, text: str, said: str) -> None:
    refused(run, write("model.json", text), said)


def test_models_inside_models_are_walked_so_many_times_and_no_more(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a few kilobytes can ask for a million layers, and for more than there is memory."""
    monkeypatch.setattr("flopcount.readers.keras.read.MOST_CALLS", 1000)
    refused(run, write("model.json", doubling(15)), "more than 1000 layers, inner models unrolled")


def test_sizes_that_a_file_records_wrongly_are_found(run: Run, write: Write) -> None:
    """Keras 3 records the shape of every tensor: a count that disagrees with it is not printed."""
    text = model_json("cifar10_vgg").replace('"pool_size": [2, 2]', '"pool_size": [3, 3]', 1)
    assert run(write("plain.json", text)).code == 0  # a Sequential records none
    text = model_json("MobileNetV2").replace('"strides": [2, 2]', '"strides": [1, 1]', 1)
    refused(run, write("model.json", text), "its output is 224×224×32, and the file says 112×112×32")


def test_a_class_of_somebody_else_is_not_taken_for_one_of_keras(run: Run, write: Write) -> None:
    mine = {**layer("Dense", "a", "x", units=3), "module": "my_package", "registered_name": "mine>Dense"}
    assert "Dense" in run(write("model.json", model(entry(), mine))).err


def test_what_is_unknown_is_left_out_when_that_is_allowed(run: Run, write: Write) -> None:
    """What reads an unknown layer is counted only where the file says the size: a Lambda may, for its own input."""
    path = write("model.json", model(entry(), conv("a", "x"), layer("Warp", "b", "x"), conv("c", "b")))
    report = told(run, path, "--allow-unknown")
    assert report["totals"]["params"] == 4 * 27 + 4
    assert report["unknown"] == {"Warp": 1, "Conv2D (after an unsupported one)": 1}
    sized = layer("Lambda", "b", "x", output_shape=[8, 8, 5], output_shape_type="raw")
    path = write("model.json", model(entry(), conv("a", "x"), sized, conv("c", "b")))
    assert told(run, path, "--allow-unknown")["totals"]["params"] == 4 * 27 + 4 + 4 * 45 + 4
    assert told(run, path, "--allow-unknown", "--input", "6")["totals"]["params"] == 4 * 27 + 4


def test_a_sum_with_an_unknown_layer_has_the_size_of_the_map_beside_it(run: Run, write: Write) -> None:
    """As in FaceNet, whose branches end in a Lambda; a vector might be stretched, so nothing is said of its sum."""
    text = model(
        entry(), conv("a", "x", padding="same"), layer("Lambda", "b", "a"), layer("Add", "c", "a", "b"), conv("d", "c")
    )
    report = told(run, write("model.json", text), "--allow-unknown")
    assert report["totals"]["params"] == 4 * 27 + 4 + 4 * 36 + 4
    assert report["unknown"] == {"Lambda": 1, "Add (after an unsupported one)": 1}
    flat = layer("Dense", "d", "c", units=2)
    text = model(entry(shape=(None, 3)), layer("Lambda", "b", "x"), layer("Add", "c", "x", "b"), flat)
    assert told(run, write("model.json", text), "--allow-unknown")["totals"]["params"] == 0


def test_an_unknown_layer_has_the_size_that_the_next_one_was_built_for(run: Run, write: Write) -> None:
    """Keras 3 writes it with each layer of a Sequential; an inner model that ends in one has no known output."""
    rows: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
        {"class_name": "Warp", "config": {"name": "w"}},
        {"class_name": "Dense", "config": {"name": "d", "units": 3}, "build_config": {"input_shape": [None, 7]}},
    ]
    text = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": rows}})
    assert told(run, write("model.json", text), "--allow-unknown")["totals"] == {"params": 24, "macs": 21}
    inner = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [rows[0], {**rows[2], "build_config": {}}, rows[1]]},
    }
    text = json.dumps({"class_name": "Sequential", "config": {"name": "t", "layers": [rows[0], inner, rows[2]]}})
    report = told(run, write("model.json", text), "--allow-unknown")
    assert (report["totals"]["params"], report["unknown"]) == (15, {"Warp": 1, "Dense (after an unsupported one)": 1})


def test_a_model_of_which_nothing_is_known_has_a_lower_bound(run: Run, write: Write) -> None:
    report = told(run, write("model.json", model(entry(), layer("Warp", "a", "x"))), "--allow-unknown")
    assert (report["totals"], report["at_least"]) == ({"params": 0, "macs": 0}, True)


def test_a_graph_of_tensorflow_js_is_refused_with_a_hint(run: Run, write: Write) -> None:
    text = json.dumps({"format": "graph-model", "modelTopology": {"node": [{"name": "x", "op": "Placeholder"}]}})
    refused(run, write("model.json", text), "it is a graph model of TensorFlow.js")


def test_inputs_of_different_batches_are_refused(run: Run, write: Write) -> None:
    text = model(entry("x", (2, 4)), entry("y", (3, 4)), layer("Add", "a", "x", "y"))
    refused(run, write("model.json", text), "its inputs have different batches: 2, 3")


ARCHIVES: list[Any] = [
    pytest.param({"weights.h5": b"x"}, "it contains no config.json", id="without"),
    pytest.param({"config.json": b"\xff\xfe\x00"}, "not a .keras archive", id="no text"),
    pytest.param({"config.json": " " * (65 * 2**20)}, "larger than 16 MiB", id="bomb"),
    pytest.param({"config.json": f"[{'{},' * 600_000}{{}}]"}, "more than 1000000 tables", id="bomb of tables"),
]


@pytest.mark.parametrize(("members", "said"), ARCHIVES)
def test_an_archive_that_cannot_be_is_refused(run: Run, tmp_path: Path, members: dict[str, Any], said: str) -> None:
    refused(run, archived(tmp_path, members), said)


def test_an_archive_that_lies_about_its_size_is_refused(run: Run, tmp_path: Path) -> None:
    """The declared size of the member is overwritten in the directory and in front of the data."""
    path = archived(tmp_path, {"config.json": "[" * (66 * 2**20)})
    real, lie = (66 * 2**20).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(real, lie))
    assert run(path).code == 2


def test_nothing_in_an_archive_but_the_configuration_is_opened(run: Run, tmp_path: Path) -> None:
    members = {"../../outside.txt": "x", "/etc/model": "x", "config.json": model_json("VGG16")}
    assert run(archived(tmp_path, members)).code == 0
    assert not (tmp_path.parent.parent / "outside.txt").exists()


@pytest.mark.parametrize("name", ["cifar10_vgg_separable", "layers_v3/mha", "layers_v2/tfops", "layers_v3/bidir"])
def test_a_damaged_file_is_refused_or_counted(run: Run, write: Write, name: str) -> None:
    """Bytes changed, cut out or cut off: never a traceback, never another exit code."""
    chance, whole = random.Random(name), model_json(name).encode()  # noqa: S311  (variety, not secrecy)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        assert run(write("model.json", bytes(damaged))).code in {0, 2}


def test_a_damaged_archive_is_refused_or_counted(run: Run, tmp_path: Path) -> None:
    path = archived(tmp_path, {"config.json": model_json("cifar10_vgg")})
    assert zipfile.is_zipfile(path)
    chance, whole = random.Random(3), path.read_bytes()  # noqa: S311  (variety, not secrecy)
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        assert run(path).code in {0, 2}


def test_two_configurations_in_an_archive_are_refused(run: Run, tmp_path: Path) -> None:
    path = archived(tmp_path, {"config.json": model(entry(), conv("a", "x"))})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as packed:
        packed.writestr("config.json", model(entry(), conv("a", "x", filters=8)))
    refused(run, path, "several config.json")


QUANTIZED = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}


@pytest.mark.parametrize(
    ("extra", "words"), [({"lora_rank": 2}, "lora_rank"), ({"dtype": QUANTIZED}, "it is quantized")]
)
def test_weights_that_a_class_does_not_tell_are_refused(
    run: Run, write: Write, extra: dict[str, Any], words: str
) -> None:
    refused(run, write("model.json", model(entry(), conv("a", "x", **extra))), words)


def test_a_layer_that_is_called_very_often_is_read_in_time(run: Run, write: Write) -> None:
    often = layer("Dense", "a", units=3)
    often["inbound_nodes"] = [[["x", 0, 0, {}]], *([["a", call, 0, {}]] for call in range(8_000))]
    result = run(write("model.json", model(entry(shape=(None, 3)), often)), "--depth", "1", "--top", "1")
    assert (result.code, "a (8001×)" in result.out + result.err) == (0, True)


@pytest.mark.parametrize("width", ["a", [1, "b"], 10**30])
def test_a_border_that_is_no_number_is_refused(run: Run, write: Write, width: Any) -> None:
    border = layer("TFOpLambda", "tf.pad", "x", function="pad")
    border["inbound_nodes"][0][0][3]["paddings"] = [[0, 0], [1, 1], [1, 1], width]
    refused(run, write("model.json", model(entry(), border)), "invalid pad_width")
