"""Bundled networks layer by layer against Keras' summaries of the same networks."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from zoo import counted, oracle

from flopcount.case import Count
from flopcount.formulas.step import Step
from flopcount.network.convention import convention


class Same(NamedTuple):
    """A model of Keras, and which bundled network at which options is the same."""

    record: str
    name: str
    width: str | None = None
    size: str | None = None
    ends_in: str = "Dense"

    def counted(self, which: str = "trainable") -> Count:
        """Count the bundled network."""
        return counted(self.name, width=self.width, size=self.size, params=which)


NETWORKS = [
    Same("mobilenet_v1_1.0_224_keras", "mobilenet_v1_1.0_224", ends_in="Conv2D"),
    Same("keras_mobilenet_050_160", "mobilenet_v1_1.0_224", width="0.5", size="160", ends_in="Conv2D"),
    Same("keras_mobilenet_v2", "mobilenet_v2"),
    Same("keras_vgg16", "vgg16"),
    Same("keras_resnet50", "keras_resnet50"),
    Same("keras_efficientnet_b0", "keras_efficientnet_b0"),
    Same("keras_xception", "legacy_xception"),
    Same("keras_densenet121", "densenet121"),
    Same("cifar10_vgg", "cifar10_vgg"),
    Same("cifar10_vgg_separable", "cifar10_vgg_separable"),
]
"""MobileNet's classifier is a 1×1 convolution there."""

CLASSES = {
    "Conv": "Conv2D",
    "DepthwiseConv": "DepthwiseConv2D",
    "DepthSepConv": "SeparableConv2D",
    "BatchNorm": "BatchNormalization",
    "MaxPool": "MaxPooling2D",
    "AvgPool": "AveragePooling2D",
    "GlobalAvgPool": "GlobalAveragePooling2D",
    "Add": "Add",
    "Concat": "Concatenate",
}
TOTAL = convention("total")

EACH = pytest.mark.parametrize("same", [pytest.param(each, id=each.record) for each in NETWORKS])

Rows = dict[str, list[tuple[list[Any], Any, Any]]]
"""Output, params and untrained params of each layer, by class, in the order of the computation."""


def rows(result: Count, classes: dict[str, str]) -> Rows:
    """Return what flopcount counts, as Keras would list it."""
    found: Rows = defaultdict(list)
    for step in steps(result, classes):
        if step.kind in classes:
            untrained = step.tally.weighed({"running": 1})
            found[classes[step.kind]].append(
                (size([*step.shape.dims[1:], step.shape.dims[0]]), params(step), untrained)
            )
    return found


def steps(result: Count, classes: dict[str, str]) -> Iterator[Step]:
    """Yield the innermost steps; a separable convolution is one layer where Keras has it as one."""
    for step in result.trace.steps.values():
        if step.kind == "DepthSepConv" and step.kind in classes:
            yield step
        else:
            yield from step.leaves()


def params(step: Step) -> Any:
    """Return all that Keras totals: the running means and variances too."""
    return TOTAL.params_of(step)


def size(dims: list[Any]) -> list[Any]:
    """Leave out axes of size 1, which one side keeps after a global mean and the other does not."""
    return [each for each in dims if each != 1]


def recorded(figures: dict[str, Any], wanted: set[str]) -> Rows:
    """Return what Keras lists."""
    found: Rows = defaultdict(list)
    for row in figures["rows"]:
        layer = dict(zip(figures["columns"], row, strict=True))
        if layer["class"] in wanted:
            found[layer["class"]].append((size(layer["output"]), layer["params"], layer["non_trainable"]))
    return found


def classes_of(same: Same, figures: dict[str, Any]) -> dict[str, str]:
    """Return which class of Keras each kind is; parts of a separable convolution are layers where Keras lists them."""
    listed = {row[figures["columns"].index("class")] for row in figures["rows"]}
    known = {kind: called for kind, called in CLASSES.items() if called in listed}
    return {**known, "Linear": same.ends_in}


@EACH
def test_layer_by_layer(same: Same) -> None:
    """Output, params and untrained params of every layer, class by class: Keras lists parallel branches by depth."""
    figures = oracle(same.record)
    classes = classes_of(same, figures)
    result = same.counted()
    assert rows(result, classes) == recorded(figures, {*classes.values()})
    assert [*result.trace.input.dims[1:], result.trace.input.dims[0]] == figures["input"]


@EACH
def test_totals(same: Same) -> None:
    """Params in total, trainable and not, and the MACs of convolutions and dense layers."""
    figures = oracle(same.record)
    params, macs = same.counted("total").total.values()
    trainable, _ = same.counted("trainable").total.values()
    assert [params, macs] == [figures["params"], figures["macs"]]
    assert trainable == figures["trainable"]
    assert params - trainable == figures["non_trainable"]


def test_efficientnet_normalizes_its_input() -> None:
    """Keras lists 7 untrained numbers for 3 channels: means, variances, and one count."""
    (listed,) = (row for row in oracle("keras_efficientnet_b0")["rows"] if row[1] == "Normalization")
    step = counted("keras_efficientnet_b0").trace.steps["normalization"]
    assert [params(step), step.tally.weighed({"running": 1})] == listed[3:]
    assert listed[3:] == [7, 7]
