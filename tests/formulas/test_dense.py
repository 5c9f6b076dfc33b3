"""Linear layers."""

import pytest

from flopcount.errors import ShapeError
from flopcount.formulas.attention import linear
from flopcount.formulas.shape import Shape


def test_a_linear_layer_reads_every_channel() -> None:
    """AlexNet's last layer: 4096 × 1000 weights, 1000 biases, each used once."""
    step = linear(Shape((4096,)), out_features=1000)
    assert step.shape.dims == (1000,)
    assert step.tally.counts == {"linear_mac": 4096000, "linear_bias_add": 1000, "weight": 4096000, "bias": 1000}


def test_every_token_passes_through_the_same_weights() -> None:
    """197 tokens of 768 channels to 3072: the weights once, the MACs 197 times."""
    step = linear(Shape((197, 768), 1), out_features=3072)
    assert step.shape.dims == (197, 3072)
    assert (step.tally.counts["weight"], step.tally.counts["linear_mac"]) == (2359296, 464781312)


def test_a_map_has_to_be_flattened_first() -> None:
    with pytest.raises(ShapeError) as caught:
        linear(Shape((4, 12, 10)), out_features=5)
    assert str(caught.value) == (
        "Linear expects a flat input, got 4×12×10; add a Flatten before it, or use a Conv with kernel_size = 1"
    )
