"""Networks of tokens, and the worked examples of the layers they are made of."""

from collections.abc import Mapping
from typing import Any

import pytest
from small_networks import bundled, cost, count, oracle

VARIANTS = [pytest.param(each, id=each["name"]) for each in oracle("variants_other")["rows"]]


@pytest.mark.parametrize("example", VARIANTS)
def test_worked_examples(example: Mapping[str, Any]) -> None:
    """Params and MACs of one layer, as its paper or a hand derives them."""
    assert cost(example["input"], *example["layers"]) == (example["params"], example["macs"])


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
