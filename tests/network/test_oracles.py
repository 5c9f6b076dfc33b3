"""Networks layer by layer against what frameworks and papers report for them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from small_networks import bundled, cost, count, oracle

from flopcount.case import Count
from flopcount.formulas.step import Step
from flopcount.network.convention import convention

TORCH = {
    "Conv": "Conv2d",
    "ReLU": "ReLU",
    "MaxPool": "MaxPool2d",
    "AdaptiveAvgPool": "AdaptiveAvgPool2d",
    "Dropout": "Dropout",
    "Linear": "Linear",
}

TRAINABLE, TOTAL, WEIGHTS = (convention(policy) for policy in ("trainable", "total", "weights"))


def leaves(result: Count) -> Iterator[Step]:
    """Yield the innermost steps of a network."""
    for step in result.trace.steps.values():
        yield from step.leaves()


def columns(figures: Mapping[str, Any], *names: str) -> list[list[Any]]:
    """Return some columns of recorded rows."""
    places = [figures["columns"].index(name) for name in names]
    return [[each[place] for place in places] for each in figures["rows"]]


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_torchvision_layer_by_layer(name: str) -> None:
    """Kind, output, params, MACs and bias additions of every module; a Flatten is no module there."""
    figures, result = oracle(name), count(bundled(name))
    assert [
        [
            TORCH[step.kind],
            [*step.shape.dims],
            TRAINABLE.params_of(step),
            TRAINABLE.macs_of(step),
            step.tally.weighed({"conv_bias_add": 1, "linear_bias_add": 1}),
        ]
        for step in leaves(result)
        if step.kind != "Flatten"
    ] == columns(figures, "kind", "output", "params", "macs", "bias_adds")
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


def test_slim_mobilenet_layer_by_layer() -> None:
    """Weights and MACs of all 27 convolutions, as a docstring of TF-slim lists them."""
    figures = oracle("mobilenet_v1_1.0_224_slim")
    convolutions = [step for step in leaves(count(bundled("mobilenet_v1_1.0_224"))) if "Conv" in step.kind]
    found = [[WEIGHTS.params_of(step), WEIGHTS.macs_of(step)] for step in convolutions]
    assert found == columns(figures, "weights", "macs")
    assert [sum(column) for column in zip(*found, strict=True)] == [figures["weights"], figures["macs"]]


def test_grouped_alexnet_layer_by_layer() -> None:
    """The network as published, with the second, fourth and fifth layer in two groups."""
    figures, result = oracle("alexnet_grouped"), count(bundled("alexnet_grouped"))
    params = [TRAINABLE.params_of(step) for step in result.trace.steps.values()]
    assert [[each] for each in params if each != 0] == columns(figures, "params")
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


def test_grouped_alexnet_against_one_without_groups() -> None:
    figures, result = oracle("alexnet_grouped")["without_groups"], count(bundled("alexnet_grouped"))
    assert result.standard_total
    assert tuple(result.standard_total.values()) == (figures["params"], figures["macs"])


def test_vgg16_convolutions_alone() -> None:
    """The 15300 M that MobileNet's table 8 quotes leave out the classifier: 15,346,630,656."""
    steps = count(bundled("vgg16")).trace.steps.values()
    assert sum(step.tally.weighed({"conv_mac": 1}) for step in steps) == 15346630656


WITHOUT_BIAS = {"bias": False, "padding": "same"}
EXAMPLES = [
    pytest.param(each, defaults, id=each["name"])
    for name, defaults in (("variants_basic", WITHOUT_BIAS), ("variants_other", {}))
    for each in oracle(name)["rows"]
]


@pytest.mark.parametrize(("example", "defaults"), EXAMPLES)
def test_worked_examples(example: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Params and MACs of convolutions, and of layers of tokens, as their papers or a hand derive them."""
    assert cost(example["input"], *example["layers"], defaults=defaults) == (example["params"], example["macs"])


@pytest.mark.parametrize(("name", "library", "params", "macs"), oracle("transformers")["rows"])
def test_recorded_totals(name: str, library: str, params: int, macs: int) -> None:
    """Exactly what the library's own network has, and takes."""
    assert library in {"timm", "torchvision"}
    assert tuple(count(bundled(name)).total.values()) == (params, macs)


def test_vit_without_its_matrix_products() -> None:
    """Counters that see modules only find 16,848,500,736 in ViT-B/16: the products make the difference."""
    steps = count(bundled("vit_b_16")).trace.steps.values()
    assert sum(step.tally.weighed({"conv_mac": 1, "linear_mac": 1}) for step in steps) == 16848500736


def test_what_vit_keeps_outside_its_layers() -> None:
    """A class token of 192 and 197 positions of 192; 5,679,400 in all the layers."""
    steps = count(bundled("vit_tiny_patch16_224")).trace.steps.values()
    kept = {name: sum(step.tally.weighed({name: 1}) for step in steps) for name in ("token", "position")}
    assert kept == {"token": 192, "position": 37824}
