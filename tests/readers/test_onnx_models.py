"""Exported models, read and counted: figures of ONNX's shape inference, of PyTorch and of ONNX Runtime."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flopcount.case import Count
from flopcount.cli.loading import Options, count_of
from flopcount.network.convention import convention

FOLDER = Path(__file__).parent.parent / "oracles"
ORACLES: dict[str, Any] = json.loads((FOLDER / "onnx.json").read_text(encoding="utf-8"))
LAYERS: dict[str, dict[str, Any]] = json.loads((FOLDER / "onnx_layers.json").read_text(encoding="utf-8"))
EVERY_MODEL = pytest.mark.parametrize("name", ORACLES)
SYMBOLIC = "1x3x224x224"


@cache
def counted(name: str) -> Count:
    """Count one of the files."""
    size = SYMBOLIC if name.endswith("dynbatch") else None
    return count_of(str(FOLDER / "onnx" / f"{name}.onnx"), Options(size=size))


@EVERY_MODEL
def test_macs_are_those_that_shape_inference_or_the_module_give(name: str) -> None:
    assert counted(name).total.macs == ORACLES[name]["macs"]


@EVERY_MODEL
def test_all_params_are_the_decimals_among_the_initializers(name: str) -> None:
    assert counted(name).case.at(convention=convention("total")).count.total.params == ORACLES[name]["params_total"]


@EVERY_MODEL
def test_what_comes_out_has_the_shape_that_the_runtime_gives_it(name: str) -> None:
    *_, last = counted(name).trace.steps.values()
    assert [1, *last.shape.dims] == ORACLES[name]["output"]


@pytest.mark.parametrize("name", [name for name in ORACLES if name.endswith("__bn")])
def test_with_batch_norms_kept_the_trainable_params_are_those_of_the_module(name: str) -> None:
    """Running means and variances are initializers too, and not trained."""
    assert counted(name).total.params == ORACLES[name]["torch_params"]


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "vit_tiny_patch16_224"])
def test_without_batch_norms_the_params_are_those_of_the_module(name: str) -> None:
    assert counted(name).total.params == ORACLES[name]["torch_params"]


@pytest.mark.parametrize("name", LAYERS)
def test_every_convolution_and_linear_layer_is_that_module_by_name_shape_and_macs(name: str) -> None:
    """What PyTorch's hooks and counter recorded of the modules that were exported."""
    result = counted(name)
    found = {
        path: [[*step.shape.dims], result.cost(step).macs]
        for path, step in result.trace.steps.items()
        if path in LAYERS[name]
    }
    assert found == LAYERS[name]


def test_layers_have_the_paths_of_the_modules() -> None:
    """Those of torchvision's resnet18, as its state_dict names the convolutions."""
    steps = counted("resnet18").trace.steps
    convolutions = [path for path, step in steps.items() if step.kind == "Conv"]
    blocks = [f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)]
    inner = {block: [f"{block}.conv1", f"{block}.conv2"] for block in blocks}
    for stage in (2, 3, 4):
        inner[f"layer{stage}.0"].append(f"layer{stage}.0.downsample.0")
    assert convolutions == ["conv1", *(path for paths in inner.values() for path in paths)]


def test_the_newer_exporter_has_the_same_paths_by_the_names_of_weights() -> None:
    old, new = (
        [path for path, step in counted(name).trace.steps.items() if step.kind in {"Conv", "Linear"}]
        for name in ("resnet18", "resnet18__dynamo")
    )
    assert sorted(new) == sorted(old)


def test_merged_initializers_are_counted_once_and_reported() -> None:
    (note,) = map(str, counted("resnet18__dedup").notes)
    assert "counted once" in note


def test_a_model_takes_other_sizes_where_its_file_leaves_them_open() -> None:
    """A convolutional network at half the size, by hand: conv1 has 64·3·49 weights at 56·56 positions."""
    result = count_of(str(FOLDER / "onnx" / "resnet18__dynbatch.onnx"), Options(size="112"))
    assert result.cost(result.trace.steps["conv1"]).macs == 64 * 3 * 49 * 56 * 56


def test_a_batch_multiplies_the_macs_and_nothing_else() -> None:
    name, path = "vit_tiny_patch16_224__dynbatch", str(FOLDER / "onnx" / "vit_tiny_patch16_224__dynbatch.onnx")
    result = count_of(path, Options(size="3x3x224x224"))
    assert (result.total.macs, result.total.params) == (3 * ORACLES[name]["macs"], ORACLES[name]["torch_params"])
