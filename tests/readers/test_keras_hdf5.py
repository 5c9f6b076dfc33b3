"""Keras models in HDF5: the text of the model is found in the bytes; weights alone are none."""

import json

import pytest
from conftest import Run, Write
from reports import told

MAGIC = b"\x89HDF\r\n\x1a\n"
MODEL = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 8, 8, 3]}},
            {
                "class_name": "Conv2D",
                "config": {"name": "conv", "filters": 4, "kernel_size": [3, 3], "padding": "same"},
            },
        ],
    },
}
LOSS = {"loss": "mse", "optimizer_config": {"class_name": "Adam", "config": {"name": "adam", "learning_rate": 0.001}}}


def _file(*texts: bytes, between: bytes = bytes(100)) -> bytes:
    """Return the beginning of a file, and texts as attributes are: after a header, before padding."""
    return MAGIC + between + between.join(b"model_config\0\1\0\0\0" + text + bytes(8) for text in texts)


@pytest.mark.parametrize("ending", ["h5", "hdf5"])
@pytest.mark.parametrize("before", [b"", bytes(2**20 - 150), b"\xff" * 3_000_000], ids=["near", "at an edge", "far"])
def test_the_model_is_found_wherever_it_is(ending: str, before: bytes, run: Run, write: Write) -> None:
    """4 filters of 3 × 3 × 3 and 4 biases, at 64 positions."""
    content = _file(json.dumps(LOSS).encode(), before + json.dumps(MODEL).encode())
    assert told(run, write(f"model.{ending}", content))["totals"] == {"params": 112, "macs": 6912}


def test_another_input_is_read_as_in_json(run: Run, write: Write) -> None:
    path = write("model.h5", _file(json.dumps(MODEL).encode()))
    assert told(run, path, "--input", "16")["totals"]["macs"] == 4 * 6912


@pytest.mark.parametrize("content", [_file(json.dumps(LOSS).encode()), _file(b"weights"), MAGIC, b"", b"text"])
def test_weights_without_a_model_are_answered_with_the_lines_that_write_one(
    content: bytes, run: Run, write: Write
) -> None:
    result = run(write("weights.h5", content))
    assert result.code == 2
    assert "this is an HDF5 file; write the model as JSON" in result.err
    assert "model.to_json()" in result.err


def test_a_text_that_is_cut_off_is_refused(run: Run, write: Write) -> None:
    result = run(write("model.h5", _file(json.dumps(MODEL).encode()[:-40])))
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "not JSON" in result.err


def test_unknown_layers_are_named(run: Run, write: Write) -> None:
    text = json.dumps(MODEL).replace("Conv2D", "Magic").encode()
    assert "Magic" in run(write("model.h5", _file(text))).err


def test_a_beginning_without_an_end_is_read_once(run: Run, write: Write) -> None:
    """50,000 beginnings of a text that does not end: each was read up to the end of the file."""
    path = write("net.h5", b"\x89HDF\r\n\x1a\n" + b'{"class_name": "Sequential", "config":' * 50_000)
    assert run("count", path).code == 2
