"""Models of Keras against what Keras says of them: totals, and every layer."""

import json
from pathlib import Path

import pytest
from conftest import Run, Write
from keras_oracles import archived, counted, figures, model_json, plain
from reports import refused, told

EACH = pytest.mark.parametrize("name", sorted(figures()))

IN_LINE = {"heads", "tf.split"}
"""What has several outputs has no row of its own name: a block has one output."""


@EACH
def test_totals_and_layers_are_those_of_keras(write: Write, name: str) -> None:
    """Params, trainable params, MACs where recorded; output shape and params of each layer.

    A shape is compared as a set of sizes: here the channels may come first.
    """
    figure = figures()[name]
    count = counted(write("model.json", model_json(name)))
    assert [count.params, count.trainable] == [figure["params"], figure["trainable"]]
    assert figure["macs"] in {None, count.macs}
    expected = {plain(layer): rest for layer, *rest in figure["layers"] if layer not in IN_LINE}
    assert expected.keys() <= count.layers.keys()
    for layer, (shape, params, trainable) in expected.items():
        found = count.layers[layer]
        assert [layer, *found[1:]] == [layer, params, trainable]
        if shape is not None and None not in shape:
            assert [layer, found[0]] == [layer, sorted(shape or [1])]


@pytest.mark.parametrize("name", ["EfficientNetB0", "ConvNeXtTiny"])
def test_an_archive_is_read_like_its_configuration(write: Write, tmp_path: Path, name: str) -> None:
    text = model_json(name)
    assert counted(archived(tmp_path, {"config.json": text}))[:3] == counted(write("model.json", text))[:3]


def test_efficientnet_keeps_a_count_of_samples(run: Run, write: Write) -> None:
    """Keras lists 7 untrained numbers for 3 channels: means, variances, and one count."""
    result = run(write("model.json", model_json("EfficientNetB0")), "--params", "total", "--format", "csv")
    (row,) = (line for line in result.out.splitlines() if ",normalization," in line)
    assert row.split(",")[4] == "7"


def test_weights_used_twice_are_counted_once_and_reported(run: Run, write: Write) -> None:
    result = run(write("model.json", model_json("layers_v3/siamese")))
    assert "weights that are used more than once are counted once: dense_1 (2×), tower (2×)" in result.out + result.err


def test_frozen_params_are_not_trainable(run: Run, write: Write) -> None:
    path = write("model.json", model_json("layers_v3/frozen"))
    assert counted(path)[:2] == (figures()["layers_v3/frozen"]["params"], figures()["layers_v3/frozen"]["trainable"])
    assert run(path, "--params", "weights", "--format", "csv").out.count("\n") > 3


def test_an_imported_model_costs_the_same(run: Run, write: Write) -> None:
    model, arch = write("model.json", model_json("ResNet50")), write("arch.toml", "")
    assert run("import", model, "-o", arch).code == 0
    assert counted(arch)[:3] == counted(model)[:3]


MULTIPLIED = {
    "mha_axes": 4 * 42 * 8 * 8 + 2 * 42 * 42 * 8,  # 6×7 places are tokens of each other
    "mha_axes2": 4 * 42 * 8 * 8 + 6 * 2 * 7 * 7 * 8,  # 6 times 7 tokens
    "mha_4d": 4 * 18 * 8 * 8 + 2 * 18 * 18 * 8,  # without axes, all but the last
    "mha_gate": 5 * 6 * 8 * 8 + 2 * 6 * 6 * 8,  # a fifth linear layer
    "opsattn": 2 * 8 * 8 * 8,
    "einsum_e": 10 * 16 * 8,
    "bidir_rnn": 2 * 7 * 4 * 4 * (5 + 4),
    "revemb": 6 * 8 * 8 + 6 * 8 * 30,  # the scores of 30 rows, after a linear layer
}
"""Small models by name, and the MACs they take, by hand: places · what each reads · what each makes."""


@pytest.mark.parametrize("name", MULTIPLIED)
def test_layers_with_odd_arguments_multiply_as_often_as_by_hand(write: Write, name: str) -> None:
    assert counted(write("model.json", model_json(f"layers_odd/{name}"))).macs == MULTIPLIED[name]


@pytest.mark.parametrize("size", ["224", "224x224", "3x224x224", "1x3x224x224"])
def test_open_sizes_are_those_of_the_command_line(run: Run, write: Write, size: str) -> None:
    """MobileNetV3Large of keras.applications has 5,507,432 params, and at 224 × 224 so many MACs."""
    path = write("model.json", model_json("MobileNetV3Large"))
    totals = told(run, path, "--input", size, "--params", "total")["totals"]
    assert totals == {"params": 5_507_432, "macs": 216_589_760}


def test_sizes_with_the_channels_last_are_pointed_out(run: Run, write: Write) -> None:
    refused(run, write("model.json", model_json("MobileNetV3Large")), "as in 3x224x224", "--input", "224x224x3")


def test_json_that_is_written_once_more_as_a_text_is_read(write: Write) -> None:
    """`json.dump(model.to_json(), file)` writes a text in quotes."""
    text = model_json("layers_odd/flatvec")
    assert counted(write("model.json", json.dumps(text)))[:3] == counted(write("plain.json", text))[:3]
