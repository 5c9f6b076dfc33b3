"""Any convolution in the place of any other that stands for the same one, against worked examples of each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from required import REQUIRED

from flopcount.analyses.whatif import Alternative, Choice, alternative, columns, condition
from flopcount.case import Case, Count
from flopcount.network.convention import convention
from flopcount.network.inputs import input_shapes
from flopcount.network.metrics import Cost
from flopcount.network.plan import plan
from flopcount.network.transform import CARRIED, Target
from flopcount.spec.arch import Arch
from flopcount.spec.kinds import KINDS, STAND_INS

ORACLE = Path(__file__).parent.parent / "oracles" / "variants.json"
ROWS = json.loads(ORACLE.read_text(encoding="utf-8"))["rows"]
SIZE = [16, 14, 14]
FIRST = Choice(first=True)
ANY = Choice(condition("type ~ '*'", columns()), first=True)
"""Every convolution is named, depthwise ones too."""


class Example(NamedTuple):
    """A convolution of 16 channels on a 14×14 map, and what it costs by its source."""

    layer: Mapping[str, Any]
    cost: Cost

    @property
    def target(self) -> Target:
        """The kind with what other convolutions do not share with it."""
        own = {name: value for name, value in self.layer.items() if name not in {"type", *CARRIED}}
        return Target(self.layer["type"], own)


def is_common(row: Mapping[str, Any]) -> bool:
    """Tell whether an example has a 3×3 kernel on the common map, without dilation."""
    layer = row["layer"]
    common = row["input"] == SIZE and layer.get("kernel_size") == 3 and "dilation" not in layer
    return (
        common and layer["type"] in STAND_INS and layer.get("padding", "same") == "same" and "valid" not in row["name"]
    )


def filters(layer: Mapping[str, Any]) -> int:
    """Return how many channels a layer makes of 16."""
    found: int = layer.get("out_channels", 16 * layer.get("depth_multiplier", 1))
    return found


EXAMPLES = [Example(row["layer"], Cost(params=row["params"], macs=row["macs"])) for row in ROWS if is_common(row)]
TO_32 = [each for each in EXAMPLES if filters(each.layer) == 32]
STANDARD_16 = Example(
    {"type": "Conv", "out_channels": 16, "kernel_size": 3, "padding": "same"},
    Cost(params=16 * 16 * 9, macs=16 * 16 * 9 * 196),
)
DEPTHWISE_16 = Example(
    {"type": "DepthwiseConv", "kernel_size": 3, "padding": "same"}, Cost(params=16 * 9, macs=16 * 9 * 196)
)
TO_16 = [each for each in EXAMPLES if filters(each.layer) == 16] + [STANDARD_16, DEPTHWISE_16]


def of(*layers: Mapping[str, Any]) -> Count:
    """Count a network of layers without biases."""
    network = plan(Arch.model_validate({"input": SIZE, "layers": [*layers], "defaults": {"bias": False}}))
    return Case.of(network, input_shapes(network.inputs), convention()).count


def reasons(found: Alternative) -> dict[str, str]:
    """Return why layers were left alone, by path."""
    return {each.path: str(each.reason) for each in found.unchanged}


def test_there_is_an_example_of_every_kind_that_stands_for_a_convolution() -> None:
    """The one in space and time is for volumes, and has its own test."""
    assert {each.layer["type"] for each in (*TO_32, *TO_16)} == STAND_INS - {"Conv2Plus1D"}


@pytest.mark.parametrize("source", [*TO_32, *TO_16], ids=lambda each: each.target.label)
def test_any_kind_becomes_any_other_at_the_cost_of_that(source: Example) -> None:
    """A layer of the same kind keeps what is not asked for, and is left out here."""
    base = of(source.layer)
    assert base.total == source.cost
    others = (each for each in (TO_32 if source in TO_32 else TO_16) if each.target.kind != source.target.kind)
    for other in (source, *others):
        found = alternative(base, other.target, ANY)
        assert (found.counted.total, other.target.label) == (other.cost, other.target.label), reasons(found)


def test_a_convolution_in_space_and_time_becomes_a_factored_one_and_back() -> None:
    (row,) = (row for row in ROWS if row["layer"]["type"] == "Conv2Plus1D")
    (standard,) = (row for row in ROWS if row["name"] == "3-D conv")
    network = plan(Arch.model_validate({"input": row["input"], "layers": [{**standard["layer"], "bias": False}]}))
    base = Case.of(network, input_shapes(network.inputs), convention()).count
    there = alternative(base, Target("Conv2Plus1D"), FIRST).counted
    assert there.total == Cost(params=row["params"], macs=row["macs"])
    assert alternative(there, Target("Conv"), FIRST).counted.total == Cost(
        params=standard["params"], macs=standard["macs"]
    )


def test_a_partial_convolution_stands_for_one_that_keeps_its_map() -> None:
    """FasterNet, section 3.2: a sixteenth of the MACs; by hand 4·4·9 of 16·16·9 weights, and the norm stays."""
    keeps = {"type": "Conv", "out_channels": 16, "kernel_size": 3, "padding": 1, "norm": "batch", "activation": "relu"}
    widens, shrinks = {**keeps, "out_channels": 32}, {**keeps, "out_channels": 32, "stride": 2}
    base = of(keeps, widens, shrinks, {**keeps, "out_channels": 32, "kernel_size": 1, "padding": 0})
    found = alternative(base, Target("PartialConv"), FIRST)
    assert found.replaced == ("Conv1",)
    assert base.total.params - found.counted.total.params == (16 * 16 - 4 * 4) * 9
    assert base.total.macs - found.counted.total.macs == (16 * 16 - 4 * 4) * 9 * 196
    assert reasons(found) == {
        "Conv2": "PartialConv would output 16×14×14 instead of 32×14×14",
        "Conv3": "PartialConv has no stride, which is 2 here",
        "Conv4": "its kernel is 1×1; PartialConv replaces larger ones only",
    }


def test_a_share_too_small_to_convolve_leaves_a_layer_alone() -> None:
    found = alternative(of(STANDARD_16.layer), Target("PartialConv", {"n_div": 17}), FIRST)
    assert reasons(found)["Conv1"].startswith("n_div = 17 leaves none of the 16 channels to convolve")


@pytest.mark.parametrize("kind", [name for name, row in KINDS.items() if row.spatial])
def test_kinds_for_larger_kernels_leave_1x1_alone(kind: str) -> None:
    base = of({"type": "Conv", "out_channels": 16, "kernel_size": 1})
    found = alternative(base, Target(kind, REQUIRED.get(kind, {})), FIRST)
    assert reasons(found) == {"Conv1": f"its kernel is 1×1; {kind} replaces larger ones only"}
