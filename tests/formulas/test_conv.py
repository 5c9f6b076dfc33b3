"""Convolutions: worked examples, what must hold, and what a step is made of."""

from collections.abc import Mapping
from typing import Any

import pytest
from broken_constraints import broken

from flopcount.formulas.conv import conv, depth_sep_conv, depthwise_conv, group_conv, het_conv
from flopcount.formulas.numbers import Dim
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step

Map = Shape((16, 14, 14))
SAME: Mapping[str, Any] = {"kernel_size": 3, "padding": "same", "bias": False}


def cost(step: Step) -> tuple[Dim, Dim]:
    """Return weights with biases, and MACs."""
    tally = step.tally
    return tally.weighed({"weight": 1, "bias": 1}), tally.weighed({"conv_mac": 1})


def test_the_stride_of_a_separable_convolution_is_its_depthwise_parts() -> None:
    """MobileNet's second pair: 1,806,336 MACs depthwise, 25,690,112 pointwise, both at 56×56."""
    step = depth_sep_conv(Shape((64, 112, 112)), out_channels=128, stride=2, **SAME)
    assert [(part.name, part.step.shape.dims, *cost(part.step)) for part in step.parts] == [
        ("depthwise", (64, 56, 56), 576, 1806336),
        ("pointwise", (128, 56, 56), 8192, 25690112),
    ]


def test_padding_counts_fully() -> None:
    """A 3×3 kernel on a map of one point: nine MACs, of which eight touch padding."""
    assert cost(conv(Shape((1, 1, 1)), out_channels=1, kernel_size=3, padding=1, bias=False)) == (9, 9)


@pytest.mark.parametrize(
    ("step", "biases"),
    [
        (conv(Map, out_channels=32, kernel_size=3), 32),
        (group_conv(Map, out_channels=32, kernel_size=3, groups=2), 32),
        (depthwise_conv(Map, kernel_size=3, depth_multiplier=2), 32),
        (depth_sep_conv(Map, out_channels=32, kernel_size=3), 32),
        (depth_sep_conv(Map, out_channels=32, kernel_size=3, depthwise_bias=True), 48),
        (depth_sep_conv(Map, out_channels=32, kernel_size=3, bias=False, depthwise_bias=True), 16),
        (het_conv(Map, out_channels=32, kernel_size=3, p=2), 32),
        (het_conv(Map, out_channels=32, kernel_size=3, p=2, bias=False, kernel_bias=True), 32 * 16),
        (het_conv(Map, out_channels=32, kernel_size=3, p=2, kernel_bias=True), 32 + 32 * 16),
    ],
)
def test_biases_are_kept_apart_and_added_at_every_position(step: Step, biases: int) -> None:
    """Each bias is one parameter, added once at each of the 12×12 positions."""
    assert (step.tally.counts["bias"], step.tally.counts["conv_bias_add"]) == (biases, biases * 144)


def test_norm_and_activation_follow_a_convolution() -> None:
    """One row of a file, three parts of a step: 10×10×8 elements through each of the two."""
    step = conv(Shape((4, 12, 12)), out_channels=8, kernel_size=3, norm="batch", activation="relu6")
    assert [(part.name, part.step.kind) for part in step.parts] == [
        ("conv", "Conv"),
        ("norm", "BatchNorm"),
        ("activation", "ReLU6"),
    ]
    assert (step.tally.counts["batch_norm"], step.tally.counts["relu6"], step.tally.counts["norm_weight"]) == (
        800,
        800,
        8,
    )


def test_norm_and_activation_follow_each_part_of_a_separable_convolution() -> None:
    step = depth_sep_conv(Shape((4, 12, 12)), out_channels=8, kernel_size=3, norm="batch", activation="relu")
    kinds = [leaf.kind for leaf in step.leaves()]
    assert kinds == ["DepthwiseConv", "BatchNorm", "ReLU", "Conv", "BatchNorm", "ReLU"]
    assert step.tally.counts["relu"] == 400 + 800


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (
            conv(Shape((9, 8, 8)), out_channels=8, kernel_size=3, groups=4),
            "groups = 4 does not divide the 9 input channels; choose a divisor",
        ),
        (
            group_conv(Shape((8, 8, 8)), out_channels=9, kernel_size=3, groups=4),
            "groups = 4 does not divide the 9 output channels; choose a divisor",
        ),
        (
            het_conv(Shape((7, 8, 8)), out_channels=4, kernel_size=3, p=3),
            "p = 3 does not divide the 7 input channels; choose a divisor",
        ),
        (
            het_conv(Shape((2, 8, 8)), out_channels=4, kernel_size=3, p=3),
            "p = 3 does not divide the 2 input channels; choose a divisor",
        ),
        (
            depthwise_conv(Shape((8, 9, 4)), kernel_size=5),
            "output would be empty: kernel 5 (effective size 5) exceeds axis size 4; enlarge the input or pad",
        ),
        (
            depth_sep_conv(Shape((8, 2, 9)), out_channels=4, kernel_size=3),
            "output would be empty: kernel 3 (effective size 3) exceeds axis size 2; enlarge the input or pad",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Step) else "",
)
def test_what_must_hold_is_said_in_a_sentence(step: Step, says: str) -> None:
    """One broken need, one sentence: what is wrong, and the way out."""
    assert broken(step) == [says]
