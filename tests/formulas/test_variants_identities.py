"""What must hold between variants of the convolution, whatever their numbers."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from broken_constraints import broken
from hypothesis import given, settings
from hypothesis import strategies as st
from variant_layers import cost, count, made

from flopcount.formulas.shape import Shape

unhurried = settings(deadline=None, max_examples=50)
some = st.integers(1, 12)
odd = st.sampled_from([1, 3, 5])


@pytest.mark.parametrize(
    ("kind", "options", "other", "plain"),
    [
        ("GhostConv", {"ratio": 1}, "Conv", {}),
        ("CoordConv", {}, "Conv", {"more": 2}),
        ("CoordConv", {"with_r": True}, "Conv", {"more": 3}),
        ("OctaveConv", {"alpha_in": 0.0, "alpha_out": 0.0}, "Conv", {}),
        ("TiedBlockConv", {"blocks": 1}, "Conv", {}),
        ("SubPixelConv", {"upscale_factor": 1}, "Conv", {}),
        ("WinogradConv", {"tile_size": 1}, "Conv", {}),
        ("ConvTranspose", {}, "Conv", {}),
        ("BinaryConv", {}, "Conv", {}),
        ("GroupPointwiseConv", {"groups": 16}, "DepthSepConv", {}),
        ("SpatiallySepConv", {"kernel_size": [3, 1], "mid_channels": 32}, "LowRankConv", {"rank": 32, "k": [3, 1]}),
    ],
)
def test_with_nothing_special_a_variant_is_a_plain_layer(
    kind: str, options: Mapping[str, Any], other: str, plain: dict[str, Any]
) -> None:
    """The same map, params and MACs, with and without biases."""
    common = {"out_channels": 32, "kernel_size": plain.pop("k", 3), "padding": "same"}
    x = Shape((16 + plain.pop("more", 0), 14, 14))
    for bias in (False, True):
        one = made(kind, **{**common, **options, "bias": bias})
        two = made(other, x, **{**common, **plain, "bias": bias})
        assert (one.shape.dims, cost(one)) == (two.shape.dims, cost(two))


def test_a_single_kernel_size_is_depthwise_or_in_groups() -> None:
    mixed, deep = made("MixConv", kernel_sizes=[5]), made("DepthwiseConv", kernel_size=5, padding="same")
    assert cost(mixed) == cost(deep)
    pyramid = made("PyConv", out_channels=32, kernel_sizes=[5], groups=[4])
    assert cost(pyramid) == cost(made("GroupConv", out_channels=32, kernel_size=5, groups=4, padding="same"))


def test_nothing_set_aside_is_a_standard_convolution() -> None:
    part = made("PartialConv", kernel_size=3, n_div=1)
    assert cost(part) == cost(made("Conv", out_channels=16, kernel_size=3, padding="same"))


def test_a_partial_convolution_is_a_sixteenth() -> None:
    """FasterNet, section 3.2: with a quarter of the channels, 1/16 of the MACs."""
    full = made("Conv", out_channels=16, kernel_size=3, padding="same")
    assert count(full, "conv_mac") == 16 * count(made("PartialConv", kernel_size=3), "conv_mac")


def test_all_pairs_active_is_a_standard_convolution() -> None:
    """1×1: each position is its own and only pair."""
    sparse = made("SparseConv", out_channels=32, kernel_size=1, active_pairs=196, bias=True)
    assert sparse.tally.counts == made("Conv", out_channels=32, kernel_size=1, bias=True).tally.counts


def test_on_a_map_of_one_position_unshared_weights_are_shared() -> None:
    x = Shape((16, 3, 3))
    assert cost(made("LocallyConnected", x, out_channels=32, kernel_size=3, bias=True)) == cost(
        made("Conv", x, out_channels=32, kernel_size=3, bias=True)
    )


@unhurried
@given(some, some, some, odd, st.integers(1, 3))
def test_dual_is_group_and_pointwise(groups: int, inner: int, outer: int, kernel: int, stride: int) -> None:
    """DualConv, eq. 3: the costs of both, at the same positions."""
    x = Shape((groups * inner, 9, 12))
    options: Mapping[str, Any] = {"out_channels": groups * outer, "stride": stride, "padding": "same"}
    dual = made("DualConv", x, **options, kernel_size=kernel, groups=groups)
    parts = [
        made("GroupConv", x, **options, kernel_size=kernel, groups=groups),
        made("Conv", x, **options, kernel_size=1),
    ]
    for name in ("weight", "conv_mac"):
        assert count(dual, name) == sum(count(part, name) for part in parts)


@unhurried
@given(some, some, some, odd)
def test_dual_over_standard_is_1_over_g_plus_1_over_k_squared(groups: int, inner: int, outer: int, kernel: int) -> None:
    """Exact for weights and for MACs."""
    x = Shape((groups * inner, 9, 12))
    options: Mapping[str, Any] = {"out_channels": groups * outer, "kernel_size": kernel, "padding": "same"}
    dual, full = made("DualConv", x, **options, groups=groups), made("Conv", x, **options)
    for name in ("weight", "conv_mac"):
        assert Fraction(count(dual, name), count(full, name)) == Fraction(1, groups) + Fraction(1, kernel**2)


@unhurried
@given(some, some, odd)
def test_a_blueprint_is_a_separable_convolution_backwards(channels: int, out: int, kernel: int) -> None:
    """Unconstrained, from M to N channels, it has the weights of a separable one from N to M."""
    blueprint = made("BSConvU", Shape((channels, 9, 12)), out_channels=out, kernel_size=kernel, padding="same")
    separable = made("DepthSepConv", Shape((out, 9, 12)), out_channels=channels, kernel_size=kernel, padding="same")
    assert cost(blueprint) == cost(separable)


@unhurried
@given(some, some, st.sampled_from([0.25, 0.5, 0.75]), odd)
def test_octave_over_standard_is_1_minus_three_quarters(four: int, out: int, alpha: float, kernel: int) -> None:
    """OctConv, table 1: 1 − ¾·α·(2 − α) of the MACs, and the same weights."""
    x = Shape((4 * four, 12, 8))
    options: Mapping[str, Any] = {"out_channels": 4 * out, "kernel_size": kernel, "padding": "same"}
    octave = made("OctaveConv", x, **options, alpha_in=alpha, alpha_out=alpha)
    full = made("Conv", x, **options)
    share = Fraction(str(alpha))
    expected = 1 - Fraction(3, 4) * share * (2 - share)
    assert count(octave, "weight") == count(full, "weight")
    assert Fraction(count(octave, "conv_mac"), count(full, "conv_mac")) == expected


@unhurried
@given(some, some, some, odd)
def test_tied_blocks_have_the_macs_of_groups_and_fewer_weights(
    blocks: int, inner: int, outer: int, kernel: int
) -> None:
    x = Shape((blocks * inner, 9, 12))
    options: Mapping[str, Any] = {"out_channels": blocks * outer, "kernel_size": kernel, "padding": "same"}
    tied, grouped = made("TiedBlockConv", x, **options, blocks=blocks), made("GroupConv", x, **options, groups=blocks)
    assert count(tied, "conv_mac") == count(grouped, "conv_mac")
    assert blocks * count(tied, "weight") == count(grouped, "weight")


@unhurried
@given(some, some, st.integers(1, 5), st.integers(1, 3), st.integers(0, 2))
def test_a_transposed_convolution_undoes_the_shape_and_costs_the_same(
    channels: int, out: int, kernel: int, stride: int, padding: int
) -> None:
    """What a convolution makes of a map, its transpose takes back, at the same MACs; output_padding is the rest."""
    size = kernel + 3 * stride + 1
    x = Shape((channels, size, size))
    options: Mapping[str, Any] = {"kernel_size": kernel, "stride": stride, "padding": padding}
    there = made("Conv", x, out_channels=out, **options)
    rest = (size + 2 * padding - kernel) % stride
    back = made("ConvTranspose", there.shape, out_channels=channels, **options, output_padding=rest)
    assert broken(back) == []
    assert back.shape.dims == x.dims
    assert cost(back) == cost(there)
