"""Files that are not read: each is recognized by its content, then by its name, and answered with what to do."""

import io
import zipfile
from pathlib import Path

import pytest
from conftest import Run, Write

from flopcount.spec.foreign import FILE_KINDS, TORCH

NOISE = bytes(range(128, 256)) + b"\0\x01\x02SECRET"

TORCH_LINE, KERAS, TF = "torch.export.save(", "model.to_json()", "python -m tf2onnx.convert"


def zipped(*members: str) -> bytes:
    """Return an archive with these files, all empty."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member in members:
            archive.writestr(member, b"SECRET")
    return stream.getvalue()


BY_CONTENT = {
    "checkpoint": (zipped("m/data.pkl", "m/data/0", "m/version"), "PyTorch checkpoint", TORCH_LINE),
    "old checkpoint": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + NOISE, "PyTorch checkpoint", TORCH_LINE),
    "TorchScript": (zipped("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"), "TorchScript", TORCH_LINE),
    "exported program": (zipped("m/archive_format", "m/models/model.json"), "torch.export", "ending .pt2"),
    "pickle": (b"\x80\x04\x95" + NOISE, "pickle", TORCH_LINE),
    "safetensors": (
        b"\x40\0\0\0\0\0\0\0" + b'{"a.weight":{"dtype":"F32"}}' + NOISE,
        "safetensors",
        "AutoModel.from_config(",
    ),
    "GGUF": (b"GGUF\x03\0\0\0" + NOISE, "GGUF", "AutoModel.from_config("),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + NOISE, "HDF5", KERAS),
    "TensorFlow Lite": (b"\x1c\0\0\0TFL3" + NOISE, "TensorFlow Lite", "the ending .tflite"),
    "OpenVINO": (b'<?xml version="1.0"?>\n<net name="m" version="11">', "OpenVINO", TORCH_LINE),
    "ncnn": (b"7767517\n75 83\nInput data 0 1 data", "ncnn", TORCH_LINE),
    "ONNX": (b"\x08\x08\x12\x07pytorch\x1a\x05" + NOISE, "ONNX model", "the ending .onnx"),
    "Keras": (zipped("config.json", "metadata.json", "model.weights.h5"), "Keras archive", "the ending .keras"),
    "Hugging Face": (
        b'{"architectures": ["BertModel"], "model_type": "bert"}',
        "Hugging Face",
        "AutoModel.from_config(",
    ),
    "notebook": (b'{"cells": [], "nbformat": 4}', "notebook", TORCH_LINE),
    "Python": (b"import torch\n\nclass Net(torch.nn.Module):\n    pass\n", "Python code", TORCH_LINE),
    "Ultralytics": (b"nc: 80\nbackbone:\n  - [-1, 1, Conv, [64, 3, 2]]\n", "Ultralytics", "YOLO("),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS", "git lfs pull"),
    "web page": (b"<!DOCTYPE html>\n<html>", "web page", "download"),
}

BY_NAME = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".pkl", ".py", ".ipynb", ".safetensors"), TORCH_LINE),
    **dict.fromkeys((".mlmodel", ".xml", ".param", ".engine", ".npz"), TORCH_LINE),
    ".h5": KERAS,
    ".tflite": "not a TensorFlow Lite model",
    ".pb": TF,
    ".gguf": "AutoModel.from_config(",
    ".yaml": "json.dump(yaml.safe_load(",
    ".msgpack": "to_onnx(",
}


@pytest.mark.parametrize("ending", ["", ".model", ".json", ".toml"])
@pytest.mark.parametrize("name", BY_CONTENT)
def test_a_file_is_recognized_by_its_content_whatever_its_name(name: str, ending: str, run: Run, write: Write) -> None:
    content, what, line = BY_CONTENT[name]
    path = write(f"file{ending}", content)
    result = run(path)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
    assert result.problems[0].startswith(f"{path}: this is")
    assert what in result.problems[0]
    assert line in result.err
    assert "SECRET" not in result.err


@pytest.mark.parametrize("ending", BY_NAME)
def test_a_file_of_unknown_content_is_recognized_by_its_name(ending: str, run: Run, write: Write) -> None:
    result = run(write(f"file{ending}", NOISE))
    assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
    assert BY_NAME[ending] in result.err
    assert "SECRET" not in result.err


def test_no_bytes_of_a_binary_are_shown(run: Run, write: Write) -> None:
    """Whatever the file is named, and whichever reader its ending chooses."""
    for name in (
        "a",
        "a.toml",
        "a.json",
        "a.onnx",
        "a.tflite",
        "a.keras",
        "a.h5",
        "a.cfg",
        "a.prototxt",
        "a.csv",
        "a.dat",
    ):
        result = run(write(name, NOISE))
        assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
        assert "SECRET" not in result.err
        assert "�" not in result.err


@pytest.mark.parametrize(
    ("inside", "what"),
    [("saved_model.pb", "SavedModel"), ("Manifest.json", "Core ML"), ("model.safetensors", "Hugging Face")],
)
def test_a_folder_is_recognized_by_what_is_in_it(inside: str, what: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / inside).touch()
    assert what in run(tmp_path).err


def test_a_folder_of_networks_is_answered_with_one_of_them(tmp_path: Path, write: Write, run: Run) -> None:
    path = write("net.toml", "")
    assert f"{tmp_path}: this is a folder; name a file in it, such as {path}" in run(tmp_path).err


def test_a_folder_with_an_onnx_file_beside_weights_is_answered_with_that_file(tmp_path: Path, run: Run) -> None:
    """As optimum-cli writes it."""
    for name in ("config.json", "model.safetensors", "model.onnx"):
        (tmp_path / name).touch()
    assert f"name a file in it, such as {tmp_path / 'model.onnx'}" in run(tmp_path).err


def test_large_files_and_standard_input_are_recognized_too(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "large.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data/0", bytes(65 << 20))
        archive.writestr("m/code/__torch__.py", b"")
    assert "TorchScript" in run(path).err
    assert "PyTorch checkpoint" in run("-", stdin=BY_CONTENT["checkpoint"][0]).err


def test_every_kind_of_file_says_what_to_do() -> None:
    """A sentence that ends with a colon is followed by lines, any other is complete."""
    assert [kind.what for kind in FILE_KINDS if kind.what.endswith(":") != bool(kind.lines)] == []
    assert TORCH[-1] == "flopcount model.pt2"
