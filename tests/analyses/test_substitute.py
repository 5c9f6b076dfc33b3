"""Other convolutions in a network: what they cost, which layers stay, and the way back."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from required import REQUIRED

from flopcount.analyses.whatif import Alternative, Choice, alternative, columns, condition
from flopcount.case import Case, Count
from flopcount.network.convention import convention
from flopcount.network.inputs import input_shapes
from flopcount.network.plan import plan
from flopcount.network.trace import trace
from flopcount.network.transform import Target, standardized
from flopcount.spec.arch import Arch
from flopcount.spec.kinds import STAND_INS
from flopcount.spec.load import load

BODY = ((32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Channels and strides of MobileNet's body."""


def network(*layers: Mapping[str, Any], size: tuple[int, ...] = (16, 12, 12), **keys: Any) -> Count:
    """Count a network of rows."""
    return of(Arch.model_validate({"input": [*size], "layers": [*layers], **keys}))


def of(arch: Arch, size: str | None = None) -> Count:
    """Count an arch."""
    nodes = plan(arch)
    return Case.of(nodes, input_shapes(nodes.inputs, size), convention()).count


def conv(channels: int = 16, kernel: int = 3, **fields: Any) -> dict[str, Any]:
    """Return the row of a standard convolution that keeps the size."""
    return {"type": "Conv", "out_channels": channels, "kernel_size": kernel, "padding": "same", "bias": False, **fields}


def changed(base: Count, kind: str, choice: Choice | None = None, **fields: Any) -> Alternative:
    """Put a kind in the place of convolutions."""
    return alternative(base, Target(kind, fields), choice or Choice())


def reasons(found: Alternative) -> dict[str, str]:
    """Return why layers were left alone, by path."""
    return {each.path: str(each.reason) for each in found.unchanged}


def ratios(base: Count, found: Alternative) -> dict[str, Fraction]:
    """Return MACs after over MACs before of the layers that were replaced."""
    after, before = found.counted, base
    return {
        path: Fraction(after.cost(after.trace.steps[path]).macs, before.cost(before.trace.steps[path]).macs)
        for path in found.replaced
    }


def test_the_standard_body_becomes_mobilenet() -> None:
    """The two figures of the published script: 1045417824 before, 126373376 after."""
    rows = [{"type": "Conv", "out_channels": channels, "stride": stride} for channels, stride in BODY]
    defaults = {"kernel_size": 3, "padding": "valid-round", "bias": False}
    base = network(*rows, size=(3, 160, 160), defaults=defaults)
    found = changed(base, "DepthSepConv")
    assert (base.total.macs, found.counted.total.macs) == (1045417824, 126373376)
    assert reasons(found) == {"Conv1": "it is the first convolution; --first replaces it too"}


def test_a_separable_convolution_in_vgg16_costs_one_over_n_and_one_over_nine() -> None:
    """MobileNets, section 3.1: the ratio is 1/N + 1/k²."""
    base = of(load("vgg16").arch)
    found = changed(base, "DepthSepConv")
    channels = {path: base.trace.steps[path].shape.channels for path in found.replaced}
    assert ratios(base, found) == {path: Fraction(1, int(str(n))) + Fraction(1, 9) for path, n in channels.items()}
    assert len(found.replaced) == 12


@pytest.mark.parametrize("name", ["vgg16", "resnet18"])
def test_standard_convolutions_in_place_of_standard_ones_change_nothing(name: str) -> None:
    base = of(load(name).arch)
    found = changed(base, "Conv")
    assert found.replaced == ()
    assert found.counted.total == base.total
    assert all(new is old for new, old in zip(found.counted.trace.plan.nodes, base.trace.plan.nodes, strict=True))


@pytest.mark.parametrize("kind", sorted(STAND_INS))
def test_there_and_back_costs_what_it_did(kind: str) -> None:
    """Standard convolutions, exchanged for any kind and back, have the counts they had."""
    size = (16, 4, 6, 6) if kind == "Conv2Plus1D" else (16, 12, 12)
    base = network(*[conv(norm="batch", activation="relu")] * 3, size=size)
    found = changed(base, kind, Choice(first=True), **REQUIRED.get(kind, {}))
    assert len(found.replaced) == (0 if kind == "Conv" else 3), reasons(found)
    named = condition("type ~ '*'", columns())  # depthwise ones stay otherwise
    back = changed(found.counted, "Conv", Choice(named)).counted
    assert back.total == base.total
    standard = found.counted.standard_total
    assert standard in (base.total, None)


@pytest.mark.parametrize("kind", sorted(STAND_INS - {"Conv2Plus1D"}))
def test_no_map_changes(kind: str) -> None:
    """What cannot leave the same map is left alone, whatever the strides and sizes are."""
    rows = [conv(), conv(32, 3, stride=2), conv(48, 5, dilation=2), conv(48, 1)]
    base = network(*rows, size=(16, 13, 15))
    found = changed(base, kind, Choice(first=True), **REQUIRED.get(kind, {}))
    shapes = [[step.shape.dims for step in each.trace.steps.values()] for each in (base, found.counted)]
    assert shapes[0] == shapes[1]


UNCHANGED = [
    ([conv(stride=2)], "WinogradConv", {}, "WinogradConv has no stride, which is 2 here"),
    ([conv(dilation=2)], "WinogradConv", {}, "WinogradConv has no dilation, which is 2 here"),
    ([conv(24), conv(24)], "HetConv", {"p": 16}, "p = 16 does not divide the 24 input channels"),
    ([conv(32)], "DepthwiseConv", {}, "DepthwiseConv would output 16×12×12 instead of 32×12×12"),
    (
        [{"type": "MixConv", "kernel_sizes": [3, 5]}],
        *("DepthSepConv", {}, "MixConv does not replace a standard convolution"),
    ),
]


@pytest.mark.parametrize(("rows", "kind", "fields", "reason"), UNCHANGED, ids=[reason for *_, reason in UNCHANGED])
def test_a_layer_that_cannot_be_replaced_is_left_alone(
    rows: list[Mapping[str, Any]], kind: str, fields: Mapping[str, Any], reason: str
) -> None:
    """The others are replaced; a layer that is no convolution needs no reason."""
    base = network(conv(), *rows, {"type": "MaxPool", "kernel_size": 2})
    found = changed(base, kind, **fields)
    *others, last = [path for path in base.trace.steps if path != "Conv1"][:-1]
    assert found.replaced == tuple(others)
    assert reasons(found).keys() == {"Conv1", last}
    assert reasons(found)[last].startswith(reason)


def test_a_1x1_kernel_is_left_alone_where_only_larger_ones_can_save() -> None:
    """A group convolution is another matter: it saves at 1×1 too."""
    base = network(conv(), conv(16, 1))
    assert changed(base, "DepthSepConv").replaced == ()
    assert changed(base, "GroupConv", groups=4).replaced == ("Conv2",)


def test_the_first_convolutions_are_those_with_nothing_before_them_that_weighs() -> None:
    rows = [{"type": "Pad", "padding": 1}, conv(name="a"), conv(name="b", after=["Pad1"]), conv(name="c", after=["a"])]
    base = network(*rows)
    assert changed(base, "DepthSepConv").replaced == ("c",)
    assert changed(base, "DepthSepConv", Choice(first=True)).replaced == ("a", "b", "c")


def test_a_condition_decides_on_layers() -> None:
    where = condition("out_channels > 16", frozenset({"out_channels"}))
    found = changed(network(conv(), conv(), conv(32)), "DepthSepConv", Choice(where))
    assert found.replaced == ("Conv3",)


def test_a_layer_that_is_one_already_keeps_what_is_not_asked_for() -> None:
    row = {"type": "DepthSepConv", "out_channels": 32, "kernel_size": 3, "padding": 1, "depth_multiplier": 2}
    base = network(conv(), {**row, "bias": False})
    assert reasons(changed(base, "DepthSepConv"))["DepthSepConv2"] == "it is a DepthSepConv already"
    found = changed(base, "DepthSepConv", depthwise_bias=True)
    assert found.counted.total.params - base.total.params == 2 * 16


def test_groups_that_follow_from_the_channels_are_compared_with_none() -> None:
    """A depthwise convolution written as a Conv: 16·9 weights, and 16·16·9 as a standard one."""
    row = conv(groups="channels") | {"out_channels": "channels"}
    arch = {"input": [16, 12, 12], "templates": {"deep": {"layers": [row]}}, "layers": [{"type": "deep"}]}
    network_ = plan(Arch.model_validate(arch))
    traced = trace(network_, input_shapes(network_.inputs))
    standard = standardized(traced)
    assert standard is not None
    result = Case.of(network_, input_shapes(network_.inputs), convention()).count
    assert result.total.params == 16 * 9
    assert result.standard_total is not None
    assert result.standard_total.params == 16 * 16 * 9
