"""MobileNets, ShuffleNets, EfficientNets and their like against what frameworks and papers have."""

from typing import Any

import pytest
from zoo import counted, leaves, oracle

from flopcount.case import Count
from flopcount.spec.load import bundled

MOBILE = oracle("mobile")
NETWORKS = [dict(zip(MOBILE["columns"], row, strict=True)) for row in MOBILE["networks"]]


@pytest.mark.parametrize("network", [pytest.param(each, id=f"{each['name']}-{each['source']}") for each in NETWORKS])
def test_as_recorded(network: dict[str, Any]) -> None:
    """Input, params, MACs and running statistics of the whole network."""
    result = counted(network["name"])
    running = sum(step.tally.weighed({"running": 1}) for step in result.trace.steps.values())
    found = [[*result.trace.input.dims], *result.total.values(), running]
    assert found == [network[key] for key in ("input", "params", "macs", "running")]


def with_norms(result: Count) -> list[list[Any]]:
    """Return output, params and MACs of every convolution and linear layer, a batch norm with what it follows."""
    rows: list[list[Any]] = []
    for step in leaves(result):
        if step.kind == "BatchNorm":
            rows[-1][1] += result.cost(step).params
        elif "Conv" in step.kind or step.kind == "Linear":
            rows.append([[*step.shape.dims], *result.cost(step).values()])
    return rows


@pytest.mark.parametrize("name", MOBILE["layers"])
def test_layer_by_layer(name: str) -> None:
    """Convolutions and linear layers in the order of the framework."""
    assert with_norms(counted(name)) == MOBILE["layers"][name]


def test_efficientnets_grow() -> None:
    """Each variant has more of both than the one before; b1 to b7 come from the file of b0."""
    costs = [counted(f"efficientnet_b{number}").total for number in range(8)]
    assert [cost.params for cost in costs] == sorted(cost.params for cost in costs)
    assert [cost.macs for cost in costs] == sorted(cost.macs for cost in costs)


@pytest.mark.parametrize("name", [name for name in bundled() if name.startswith("shufflenet_v1")])
def test_shufflenets_keep_their_maps(name: str) -> None:
    """Table 1: 56 behind the pool, then 28, 14 and 7."""
    steps = counted(name).trace.steps
    maps = [steps[path].shape.spatial[0] for path in ("maxpool", "stage2.4.relu", "stage3.8.relu", "stage4.4.relu")]
    assert maps == [56, 28, 14, 7]


@pytest.mark.parametrize(
    ("name", "coordinates"),
    [
        # 4·(19²·3 + (10² + 5² + 3² + 2² + 1)·6): the 1917 boxes of SSD on MobileNet
        ("mobilenet_ssd_300", 4 * 1917),
        # 4·(20²·3 + (10² + 5² + 3² + 2² + 1)·6)
        ("ssdlite320_mobilenet_v2", 4 * 2034),
        ("ssd320_mobilenet_v2", 4 * 2034),
    ],
)
def test_boxes(name: str, coordinates: int) -> None:
    """Four coordinates for each box of each of six maps."""
    places = [step for path, step in counted(name).trace.steps.items() if path.endswith(".places")]
    assert len(places) == 6
    assert sum(step.shape.elements for step in places) == coordinates


def test_classes_change_the_scores_alone() -> None:
    """70 classes fewer at 1083 boxes of 512 channels, 600 of 1024 and so on."""
    coco, voc = counted("mobilenet_ssd_300").total, counted("mobilenet_ssd_300_voc").total
    boxes = {512: 1083 + 150, 1024: 600, 256: 54 + 24, 128: 6}
    assert coco.macs - voc.macs == 70 * sum(channels * number for channels, number in boxes.items())


def test_minimalistic_networks_have_no_gates() -> None:
    """No squeeze-and-excitation, no hardswish, no 5×5 kernels."""
    for name in ("mobilenet_v3_large_minimalistic", "mobilenet_v3_small_minimalistic"):
        found = [*leaves(counted(name))]
        assert not {"Mul", "Hardswish", "Hardsigmoid"} & {step.kind for step in found}
        assert {step.kernel for step in found if step.kind == "DepthwiseConv"} == {(3, 3)}


def test_the_shallow_network_lacks_five_layers() -> None:
    """Table 5: each is 9·512 + 512² weights, at 14×14 positions."""
    full, shallow = counted("mobilenet_v1_1.0_224", params="weights"), counted("mobilenet_v1_shallow", params="weights")
    assert full.total.params - shallow.total.params == 5 * (9 * 512 + 512 * 512)
    assert full.total.macs - shallow.total.macs == 5 * (9 * 512 + 512 * 512) * 14 * 14
