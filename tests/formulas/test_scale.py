"""Norms beyond the batch norm, and learned scales."""

import pytest
from broken_constraints import broken

from flopcount.formulas.conv import conv
from flopcount.formulas.norm import (
    NORMS,
    affine,
    group_norm,
    instance_norm,
    layer_norm,
    layer_scale,
    local_response_norm,
    prelu,
    rms_norm,
    stochastic_depth,
)
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step

Map = Shape((32, 14, 14))
KEPT = ("norm_weight", "norm_bias", "running", "scale", "shift", "slope")


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (layer_norm(Map), {"norm_weight": 32, "norm_bias": 32}),
        (layer_norm(Map, bias=False), {"norm_weight": 32}),
        (layer_norm(Map, elementwise_affine=False), {}),
        (layer_norm(Shape((197, 768), 1)), {"norm_weight": 768, "norm_bias": 768}),
        (group_norm(Map, num_groups=4), {"norm_weight": 32, "norm_bias": 32}),
        (group_norm(Map, num_groups=4, affine=False), {}),
        (instance_norm(Map), {}),
        (instance_norm(Map, affine=True), {"norm_weight": 32, "norm_bias": 32}),
        (instance_norm(Map, track_running_stats=True), {"running": 64}),
        (rms_norm(Map), {"norm_weight": 32}),
        (rms_norm(Map, elementwise_affine=False), {}),
        (local_response_norm(Map, size=5), {}),
        (layer_scale(Map), {"scale": 32}),
        (affine(Map), {"scale": 32, "shift": 32}),
        (prelu(Map), {"slope": 1}),
        (prelu(Map, num_parameters=32), {"slope": 32}),
        (stochastic_depth(Map, p=0.1), {}),
    ],
)
def test_what_is_kept(step: Step, kept: dict[str, int]) -> None:
    """Numbers per channel, whatever the map; the shape stays."""
    assert {name: count for name, count in step.tally.counts.items() if name in KEPT} == kept
    assert step.tally.weighed({"conv_mac": 1, "linear_mac": 1}) == 0


def test_every_element_is_normalized_once() -> None:
    assert layer_norm(Shape((10, 64), 1)).tally.counts["layer_norm"] == 640
    assert group_norm(Shape((8, 16, 16)), num_groups=4).tally.counts["group_norm"] == 2048


def test_groups_have_to_divide_the_channels() -> None:
    says = ["num_groups = 5 does not divide the 32 channels; choose a divisor"]
    assert broken(group_norm(Map, num_groups=5)) == says


def test_slopes_are_one_or_one_per_channel() -> None:
    assert broken(prelu(Map, num_parameters=2)) == ["num_parameters = 2 is neither 1 nor the number of channels, 32"]


@pytest.mark.parametrize("name", NORMS)
def test_a_convolution_takes_every_norm(name: str) -> None:
    step = conv(Map, out_channels=64, kernel_size=1, norm=name)
    assert [part.name for part in step.parts] == ["conv", "norm"]
    assert f"{name}_norm" in step.tally.counts


def test_a_group_norm_behind_a_convolution_has_32_groups() -> None:
    says = ["num_groups = 32 does not divide the 48 channels; choose a divisor"]
    assert broken(conv(Map, out_channels=48, kernel_size=1, norm="group")) == says
