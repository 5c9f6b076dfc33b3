"""Gates: their parts, and what the parts cost."""

from broken_constraints import broken

from flopcount.formulas.conv_dynamic import cbam, eca, squeeze_excitation
from flopcount.formulas.shape import Shape

Map = Shape((16, 14, 14))


def test_the_parts_of_squeeze_and_excitation() -> None:
    """Two 1×1 convolutions on a map of one point, then a product with the whole map."""
    step = squeeze_excitation(Map, squeeze_channels=4, activation="silu", gate="hardsigmoid")
    assert [(leaf.kind, leaf.shape.dims) for leaf in step.leaves()] == [
        ("GlobalAvgPool", (16, 1, 1)),
        ("Conv", (4, 1, 1)),
        ("SiLU", (4, 1, 1)),
        ("Conv", (16, 1, 1)),
        ("Hardsigmoid", (16, 1, 1)),
        ("Mul", (16, 14, 14)),
    ]


def test_a_norm_follows_the_first_convolution_only() -> None:
    step = squeeze_excitation(Map, squeeze_channels=4, norm="batch", bias=False)
    assert (step.tally.counts["norm_weight"], step.tally.counts["bias"]) == (4, 0)


def test_eca_slides_over_the_channels() -> None:
    step = eca(Map, kernel_size=5)
    assert [(part.name, part.step.shape.dims) for part in step.parts] == [
        ("pool", (16, 1, 1)),
        ("conv", (1, 16)),
        ("gate", (1, 16)),
        ("mul", (16, 14, 14)),
    ]
    assert (step.tally.counts["weight"], step.tally.counts["conv_mac"]) == (5, 80)


def test_cbam_needs_a_reduction_that_divides() -> None:
    assert broken(cbam(Map, reduction=5)) == ["reduction = 5 does not divide the 16 channels; choose a divisor"]
