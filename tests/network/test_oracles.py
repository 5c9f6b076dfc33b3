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
KERAS = {
    "Conv": "Conv2D",
    "DepthwiseConv": "DepthwiseConv2D",
    "DepthSepConv": "SeparableConv2D",
    "MaxPool": "MaxPooling2D",
    "GlobalAvgPool": "GlobalAveragePooling2D",
    "BatchNorm": "BatchNormalization",
    "ReLU6": "ReLU",
    "Flatten": "Flatten",
    "Linear": "Dense",
    "Softmax": "Activation",
}

TRAINABLE, TOTAL, WEIGHTS = (convention(policy) for policy in ("trainable", "total", "weights"))


def leaves(result: Count) -> Iterator[Step]:
    """Yield the innermost steps of a network."""
    for step in result.trace.steps.values():
        yield from step.leaves()


def channels_last(dims: tuple[Any, ...]) -> list[Any]:
    """Write a shape as Keras does."""
    return [*dims[1:], dims[0]]


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
            TRAINABLE.params(step.tally),
            TRAINABLE.macs(step.tally),
            step.tally.weighed({"conv_bias_add": 1, "linear_bias_add": 1}),
        ]
        for step in leaves(result)
        if step.kind != "Flatten"
    ] == columns(figures, "kind", "output", "params", "macs", "bias_adds")
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


@pytest.mark.parametrize("name", ["cifar10_vgg", "cifar10_vgg_separable"])
def test_keras_layer_by_layer(name: str) -> None:
    """Class, output and params of every layer; Keras keeps activations inside, the record has no dropout."""
    figures, result = oracle(name), count(bundled(name))
    found = [
        [KERAS[step.kind], channels_last(step.shape.dims), TRAINABLE.params(step.tally)]
        for step in result.trace.steps.values()
        if step.kind not in {"Dropout", "Softmax"}
    ]
    assert found == columns(figures, "class", "output", "params")
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


@pytest.mark.parametrize("name", ["cifar10_vgg", "cifar10_vgg_separable"])
def test_keras_models_without_untrained_params(name: str) -> None:
    net = bundled(name)
    assert count(net, params="total").total == count(net, params="trainable").total
    assert oracle(name)["non_trainable"] == 0


def test_keras_mobilenet_layer_by_layer() -> None:
    """Every part of every layer: class, size of its output, all its params and the untrained ones.

    Keras pads in layers of their own and ends in a 1×1 convolution.
    """
    figures, result = oracle("mobilenet_v1_1.0_224_keras"), count(bundled("mobilenet_v1_1.0_224"))
    kinds = {**KERAS, "Linear": "Conv2D"}
    skipped = {"ZeroPadding2D", "Dropout", "Reshape"}
    assert [
        [kinds[step.kind], step.shape.elements, TOTAL.params(step.tally), step.tally.weighed({"running": 1})]
        for step in leaves(result)
        if step.kind != "Flatten"
    ] == [
        [kind, elements(output), params, untrained]
        for kind, output, params, untrained in columns(figures, "class", "output", "params", "non_trainable")
        if kind not in skipped
    ]


def elements(output: list[int]) -> int:
    """Return how many numbers a recorded output has."""
    found = 1
    for size in output:
        found *= size
    return found


@pytest.mark.parametrize(("policy", "name"), [("total", "params"), ("trainable", "trainable")])
def test_keras_mobilenet_in_total(policy: str, name: str) -> None:
    figures = oracle("mobilenet_v1_1.0_224_keras")
    assert tuple(count(bundled("mobilenet_v1_1.0_224"), params=policy).total.values()) == (
        figures[name],
        figures["macs"],
    )


def test_slim_mobilenet_layer_by_layer() -> None:
    """Weights and MACs of all 27 convolutions, as a docstring of TF-slim lists them."""
    figures = oracle("mobilenet_v1_1.0_224_slim")
    convolutions = [step for step in leaves(count(bundled("mobilenet_v1_1.0_224"))) if "Conv" in step.kind]
    found = [[WEIGHTS.params(step.tally), WEIGHTS.macs(step.tally)] for step in convolutions]
    assert found == columns(figures, "weights", "macs")
    assert [sum(column) for column in zip(*found, strict=True)] == [figures["weights"], figures["macs"]]


def test_grouped_alexnet_layer_by_layer() -> None:
    """The network as published, with the second, fourth and fifth layer in two groups."""
    figures, result = oracle("alexnet_grouped"), count(bundled("alexnet_grouped"))
    params = [TRAINABLE.params(step.tally) for step in result.trace.steps.values()]
    assert [[each] for each in params if each != 0] == columns(figures, "params")
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


def test_grouped_alexnet_against_one_without_groups() -> None:
    figures, result = oracle("alexnet_grouped")["without_groups"], count(bundled("alexnet_grouped"))
    assert result.standard_total
    assert tuple(result.standard_total.values()) == (figures["params"], figures["macs"])


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("lenet5", 61706, 416520),
        ("alexnet", 61100840, 714188480),
        ("vgg16", 138357544, 15470264320),
        ("cifar10_vgg", 1186378, 152805376),
        ("cifar10_vgg_separable", 174821, 18295808),
    ],
)
def test_totals(name: str, params: int, macs: int) -> None:
    """What the sources of the bundled networks state for the whole."""
    assert tuple(count(bundled(name)).total.values()) == (params, macs)


def test_vgg16_convolutions_alone() -> None:
    """The 15300 M that MobileNet's table 8 quotes leave out the classifier: 15,346,630,656."""
    steps = count(bundled("vgg16")).trace.steps.values()
    assert sum(step.tally.weighed({"conv_mac": 1}) for step in steps) == 15346630656


VARIANTS = [pytest.param(each, id=each["name"]) for each in oracle("variants_basic")["rows"]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_the_convolution(variant: Mapping[str, Any]) -> None:
    """One worked example each, with its source."""
    found = cost(variant["input"], *variant["layers"], defaults={"bias": False, "padding": "same"})
    assert found == (variant["params"], variant["macs"])
