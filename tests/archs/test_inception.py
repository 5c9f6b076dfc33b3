"""GoogLeNet, Inception v3, Xception and U-Net against what frameworks and papers have."""

from typing import Any

import pytest
from zoo import counted, leaves, oracle, wrong_claims

INCEPTION = oracle("inception")
NETWORKS = [dict(zip(INCEPTION["columns"], row, strict=True)) for row in INCEPTION["rows"]]
EACH = pytest.mark.parametrize("network", [pytest.param(each, id=each["name"]) for each in NETWORKS])


@EACH
def test_params_and_macs_as_recorded(network: dict[str, Any]) -> None:
    result = counted(network["name"])
    assert [*result.trace.input.dims] == network["input"]
    assert tuple(result.total.values()) == (network["params"], network["macs"])


@EACH
def test_weights_and_running_statistics_as_recorded(network: dict[str, Any]) -> None:
    tallies = [step.tally for step in counted(network["name"]).trace.steps.values()]
    assert sum(tally.weighed({"weight": 1}) for tally in tallies) == network["weights"]
    assert sum(tally.weighed({"running": 1}) for tally in tallies) == network["running"]


@EACH
def test_as_many_modules_as_recorded(network: dict[str, Any]) -> None:
    """Convolutions, depthwise ones among them, and batch norms."""
    kinds = [step.kind for step in leaves(counted(network["name"]))]
    assert kinds.count("Conv") + kinds.count("DepthwiseConv") == network["convolutions"]
    assert kinds.count("BatchNorm") == network["batch_norms"]


@pytest.mark.parametrize(("name", "params"), INCEPTION["with_auxiliary_heads"].items())
def test_auxiliary_heads_come_with_the_variant(name: str, params: int) -> None:
    assert counted(name).total.params == params


def test_googlenet_with_the_kernels_of_the_paper() -> None:
    """Its nine 5×5 convolutions have 16·(reduce · five) more weights each, 380,928 in all."""
    more = counted("googlenet_5x5").total.params - counted("googlenet").total.params
    assert more == 380928


def test_unet_layer_by_layer() -> None:
    """Map sizes, params and MACs of every convolution, by hand from the paper's figure."""
    figures, result = oracle("unet"), counted("unet")
    found = [
        [path, [*step.shape.dims], *result.cost(step).values()]
        for path, step in result.trace.steps.items()
        if "Conv" in step.kind
    ]
    assert found == figures["rows"]
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


@pytest.mark.parametrize(
    ("skip", "size"), [("skip4", [512, 56, 56]), ("skip3", [256, 104, 104]), ("skip2", [128, 200, 200])]
)
def test_unet_crops_its_skips_to_what_comes_up(skip: str, size: list[int]) -> None:
    assert [*counted("unet").trace.steps[skip].shape.dims] == size


@pytest.mark.parametrize("name", ["googlenet", "inception_v3_noaux", "legacy_xception", "unet"])
def test_no_claim_is_wrong(name: str) -> None:
    """Every published figure in the file holds or is a known erratum."""
    assert wrong_claims(name) == []
