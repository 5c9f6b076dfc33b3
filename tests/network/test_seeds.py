"""The figures of the articles that flopcount grew out of, layer by layer.

Five articles: a script that compares MobileNet with and without separable
convolutions, a walk through MobileNet, a Keras tutorial, lightweight
convolutions in PyTorch, and depthwise-separable convolution in PyTorch. Where an
article slips, the right figure stands here and the slip is named.
"""

from fractions import Fraction
from typing import Any

import pytest
from small_networks import Row, cost, count, network, one, row

from flopcount.formulas.step import Step


def weights(step: Step) -> int:
    """Return the weights of a step."""
    found = step.tally.counts["weight"]
    assert isinstance(found, int)
    return found


def macs(step: Step) -> int:
    """Return the MACs of a step of convolutions."""
    found = step.tally.counts["conv_mac"]
    assert isinstance(found, int)
    return found


def conv(out: int, kernel: Any = 3, **fields: Any) -> Row:
    return row("Conv", out_channels=out, kernel_size=kernel, **fields)


def separable(out: int, **fields: Any) -> Row:
    return row("DepthSepConv", out_channels=out, kernel_size=3, **fields)


def het(out: int, p: int, **fields: Any) -> Row:
    return row("HetConv", out_channels=out, kernel_size=3, p=p, **fields)


PARAMS = [
    # the script: 16 channels to 32
    ("conv 16→32", 16, conv(32, bias=False), 4608),
    ("separable 16→32", 16, separable(32, bias=False), 656),
    ("separable 16→32, depth multiplier 2: 9·16·2 + 16·2·32", 16, separable(32, bias=False, depth_multiplier=2), 1312),
    # the Keras tutorial: 3 channels to 64
    ("Conv2D 3→64", 3, conv(64), 1792),
    ("SeparableConv2D 3→64: one bias per filter", 3, separable(64), 283),
    ("two layers, each with biases, 3→64", 3, separable(64, depthwise_bias=True), 286),
    # lightweight convolutions in PyTorch: 6 channels to 8
    ("conv 6→8", 6, conv(8, bias=False), 432),
    ("conv 6→8 with biases", 6, conv(8), 440),
    ("two groups 6→8", 6, row("GroupConv", out_channels=8, kernel_size=3, groups=2, bias=False), 216),
    ("two groups 6→8 with biases", 6, row("GroupConv", out_channels=8, kernel_size=3, groups=2), 224),
    # its first demonstrations, with biases
    ("k1: 3→1", 3, conv(1), 28),
    ("k2: 3→3", 3, conv(3), 84),
    ("2×2, 3→1", 3, conv(1, 2), 13),
    # its separable layer, 5 channels to 10; the article says 270 for the standard convolution, 3·3·5·10 is 450
    ("conv 5→10", 5, conv(10, bias=False), 450),
    ("separable 5→10", 5, separable(10, bias=False), 95),
    ("separable 5→10, its code with all biases", 5, separable(10, depthwise_bias=True), 110),
    # its heterogeneous layer, 6 channels to 4, P = 3; the code gives each of 24 kernels a bias
    ("conv 6→4", 6, conv(4, bias=False), 216),
    ("HetConv 6→4", 6, het(4, 3, bias=False), 88),
    ("HetConv 6→4, a bias per filter", 6, het(4, 3), 92),
    ("HetConv 6→4, a bias per kernel", 6, het(4, 3, bias=False, kernel_bias=True), 112),
    # spatially separable: 3 + 3 weights for 9
    ("3×3", 1, conv(1, bias=False), 9),
    ("3×1", 1, conv(1, [3, 1], bias=False), 3),
    ("1×3", 1, conv(1, [1, 3], bias=False), 3),
]


@pytest.mark.parametrize(("channels", "layer", "expected"), [pytest.param(*each, id=name) for name, *each in PARAMS])
def test_parameters(channels: int, layer: Row, expected: int) -> None:
    """The parameters do not depend on the map."""
    assert cost([channels, 16, 16], layer)[0] == cost([channels, 9, 30], layer)[0] == expected


def test_a_convolution_makes_512_maps_on_the_way() -> None:
    """16 channels to 32 with every filter kept apart: 512 maps from the same 4608 weights."""
    apart = one([16, 16, 16], row("DepthwiseConv", kernel_size=3, depth_multiplier=32, bias=False))
    assert (apart.shape.channels, weights(apart)) == (512, 4608)


@pytest.mark.parametrize(
    ("channels", "layer", "depthwise", "pointwise"),
    [(16, separable(32, bias=False), 144, 512), (5, separable(10, bias=False), 45, 50)],
)
def test_the_two_parts_of_a_separable_layer(channels: int, layer: Row, depthwise: int, pointwise: int) -> None:
    step = one([channels, 16, 16], layer)
    assert [weights(part.step) for part in step.parts] == [depthwise, pointwise]


@pytest.mark.parametrize(
    ("layer", "output", "expected"),
    [
        (conv(1, bias=False), (1, 8, 8), 1728),
        (row("DepthwiseConv", kernel_size=3, bias=False), (3, 8, 8), 1728),
        (conv(1, 1, bias=False), (1, 10, 10), 300),
    ],
    ids=["conv", "depthwise", "pointwise"],
)
def test_shapes_and_macs_on_10_by_10(layer: Row, output: tuple[int, ...], expected: int) -> None:
    """A 10×10 map of 3 channels without padding, in each of three layers."""
    step = one([3, 10, 10], layer)
    assert (step.shape.dims, macs(step)) == (output, expected)


def test_a_pointwise_filter_behind_a_depthwise_layer_costs_192() -> None:
    """Chained, the map is 8×8, not the 10×10 that the article's figure keeps."""
    step = one([3, 10, 10], separable(1, bias=False))
    assert [(part.step.shape.dims, macs(part.step)) for part in step.parts] == [((3, 8, 8), 1728), ((1, 8, 8), 192)]


def test_the_stride_of_a_separable_layer_is_in_its_depthwise_part() -> None:
    step = one([3, 64, 64], separable(64, padding=1, stride=2, depthwise_bias=True))
    assert [part.step.shape.dims for part in step.parts] == [(3, 32, 32), (64, 32, 32)]


def test_a_depthwise_layer_on_64_by_64() -> None:
    """Input (1, 3, 64, 64), 3×3, stride 1, padding 1: 64·64·9·3 MACs."""
    result = count(network([3, 64, 64], row("DepthwiseConv", kernel_size=3, padding=1, bias=False)), batch=1)
    (step,) = result.trace.steps.values()
    assert (step.shape.dims, macs(step)) == ((1, 3, 64, 64), 110592)


@pytest.mark.parametrize(("images", "expected"), [(1, 4415488), (3, 13246464)])
def test_a_heterogeneous_layer_on_a_batch(images: int, expected: int) -> None:
    """88 weights at 224×224 positions, for each image."""
    net = network([6, 224, 224], het(4, 3, padding=1, bias=False))
    assert tuple(count(net, batch=images).total.values()) == (88, expected)


def against_standard(channels: int, layer: Row) -> tuple[Fraction, Fraction]:
    """Return what a layer costs over the standard convolution it stands for: params, MACs."""
    result = count(network([channels, 16, 16], layer), params="weights")
    assert result.standard_total is not None
    return (
        Fraction(result.total.params, result.standard_total.params),
        Fraction(result.total.macs, result.standard_total.macs),
    )


@pytest.mark.parametrize(
    ("p", "times"), [(1, Fraction(1)), (2, Fraction(9, 5)), (4, Fraction(3)), (8, Fraction(9, 2)), (64, Fraction(8))]
)
def test_heterogeneous_layers_cost_up_to_8_times_less(p: int, times: Fraction) -> None:
    """The article says 3 to 8 times: 1.8 at P = 2, 3 at 4, 4.5 at 8, 8 at 64."""
    assert against_standard(64, het(64, p)) == (1 / times, 1 / times)


@pytest.mark.parametrize(("filters", "times"), [(32, "7.02"), (64, "7.89"), (72, "8.00"), (1024, "8.92")])
def test_separable_layers_cost_up_to_9_times_less(filters: int, times: str) -> None:
    """The article says 8 to 9 times for any layer; it takes 72 filters to reach 8."""
    ratio, _ = against_standard(16, separable(filters))
    assert f"{float(1 / ratio):.2f}" == times


def test_1792_over_286_is_more_than_6() -> None:
    """The tutorial says less than 6 times; it is 6.27."""
    standard, custom = cost([3, 32, 32], conv(64))[0], cost([3, 32, 32], separable(64, depthwise_bias=True))[0]
    assert f"{standard / custom:.2f}" == "6.27"
