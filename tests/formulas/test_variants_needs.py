"""Variants of the convolution that cannot be: each says why."""

from collections.abc import Mapping
from typing import Any

import pytest
from broken_constraints import broken
from variant_layers import made

from flopcount.errors import ShapeError
from flopcount.formulas.shape import Shape


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (
            "ConvTranspose",
            {"out_channels": 8, "kernel_size": 3, "stride": 2, "output_padding": 2},
            "output_padding = 2 must be smaller than stride = 2 or dilation = 1",
        ),
        (
            "ConvTranspose",
            {"out_channels": 8, "kernel_size": 3, "padding": 9},
            "output would be empty: the padding removes all of the output of an axis of size 14; pad less",
        ),
        (
            "PartialConv",
            {"kernel_size": 3, "n_div": 17},
            "n_div = 17 leaves none of the 16 channels to convolve; choose a smaller one",
        ),
        (
            "PartialConv",
            {"kernel_size": 3, "padding": 0},
            "a partial convolution must keep the map, but an axis of 14 becomes 12; change the padding",
        ),
        (
            "Res2Conv",
            {"kernel_size": 3, "padding": 1, "scales": 3},
            "scales = 3 does not divide the 16 channels; choose a divisor",
        ),
        (
            "Res2Conv",
            {"kernel_size": 3, "padding": 1, "scales": 1},
            "scales = 1 leaves nothing to convolve; choose 2 or more",
        ),
        (
            "OctaveConv",
            {"out_channels": 8, "kernel_size": 3, "padding": 0},
            "the enlarged coarse map has 10 positions along an axis, but the fine map 12; change the padding",
        ),
        (
            "RepVGGConv",
            {"out_channels": 8, "kernel_size": 3, "padding": 1, "identity": True},
            "identity = true adds the input to the output, but they have 16 and 8 channels",
        ),
        (
            "Involution",
            {"kernel_size": 3, "stride": 3},
            "stride = 3 does not divide an axis of size 14, on which kernels are computed; pad or crop first",
        ),
        (
            "DynamicConv",
            {"out_channels": 8, "kernel_size": 3, "reduction": 17},
            "reduction = 17 leaves none of the 16 channels; choose a smaller one",
        ),
        (
            "SparseConv",
            {"out_channels": 8, "kernel_size": 1, "active_pairs": 197},
            "active_pairs = 197 exceeds the 196 pairs of a position and a point of the kernel",
        ),
        (
            "PyConv",
            {"out_channels": 7, "kernel_sizes": [3, 5], "groups": [1, 1]},
            "2 shares do not divide the 7 output channels; choose a multiple of them",
        ),
    ],
)
def test_what_must_hold(kind: str, options: Mapping[str, Any], says: str) -> None:
    """Each sentence names the numbers and the way out."""
    assert says in broken(made(kind, **options))


def test_an_octave_needs_an_even_map() -> None:
    step = made("OctaveConv", Shape((16, 7, 8)), out_channels=8, kernel_size=3)
    assert broken(step)[0] == ("an axis of size 7 cannot be halved; choose an even size")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("SpatiallySepConv", {"out_channels": 8, "kernel_size": 3}),
        ("FlattenedConv", {"out_channels": 8, "kernel_size": 3}),
        ("Conv2Plus1D", {"out_channels": 8, "kernel_size": 3}),
        ("ConvTranspose", {"out_channels": 8, "kernel_size": 3}),
        ("CoordConv", {"out_channels": 8, "kernel_size": 3}),
        ("DeformConv", {"out_channels": 8, "kernel_size": 3}),
        ("Involution", {"kernel_size": 3}),
        ("MixConv", {"kernel_sizes": [3, 5]}),
        ("ShiftConv", {"kernel_size": 3}),
    ],
)
def test_a_vector_has_nothing_to_slide_over(kind: str, options: Mapping[str, Any]) -> None:
    with pytest.raises(ShapeError, match="axes"):
        made(kind, Shape((16,)), **options)


def test_levels_of_a_pyramid_are_counted_alike() -> None:
    with pytest.raises(ShapeError) as caught:
        made("PyConv", out_channels=8, kernel_sizes=[3, 5], groups=[1])
    assert str(caught.value) == "groups has 1 entries, but kernel_sizes has 2"
