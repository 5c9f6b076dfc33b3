"""Recurrent layers, after the shapes of PyTorch's weights."""

from typing import Any

import pytest
from broken_constraints import broken

from flopcount.errors import ShapeError
from flopcount.formulas.attention import gru, lstm, rnn
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step

Tokens = Shape((10, 16), 1)


@pytest.mark.parametrize(
    ("step", "weights"),
    [
        (lstm(Tokens, hidden_size=32), 4 * 32 * 16 + 4 * 32 * 32),
        (gru(Tokens, hidden_size=32), 3 * 32 * 16 + 3 * 32 * 32),
        (rnn(Tokens, hidden_size=32), 32 * 16 + 32 * 32),
        (lstm(Tokens, hidden_size=32, num_layers=2), 128 * (16 + 32) + 128 * (32 + 32)),
        (lstm(Tokens, hidden_size=32, bidirectional=True), 2 * 128 * (16 + 32)),
        (lstm(Tokens, hidden_size=32, num_layers=3, bidirectional=True), 2 * 128 * (16 + 32) + 2 * 2 * 128 * (64 + 32)),
    ],
)
def test_weights_of_every_layer_and_direction(step: Step, weights: int) -> None:
    """Each reads what enters and its own state; a higher one is entered by both directions. Once a step."""
    assert (step.tally.counts["rnn_weight"], step.tally.counts["rnn_mac"]) == (weights, 10 * weights)


def test_every_gate_has_two_biases() -> None:
    """weight_ih and weight_hh come with one each: 2·4·32, for each layer and direction."""
    assert lstm(Tokens, hidden_size=32).tally.counts["rnn_bias"] == 256
    assert lstm(Tokens, hidden_size=32, num_layers=2, bidirectional=True).tally.counts["rnn_bias"] == 1024
    assert lstm(Tokens, hidden_size=32, bias=False).tally.counts["rnn_bias"] == 0


@pytest.mark.parametrize(
    ("options", "params", "channels"),
    [
        # weight_ih 28×11, weight_hh 28×3, two biases of 28, weight_hr 3×7
        ({}, 28 * 11 + 28 * 3 + 2 * 28 + 3 * 7, 3),
        # the second layer reads both directions of the first: weight_ih 28×6
        ({"num_layers": 2, "bidirectional": True}, 2 * (28 * 14 + 56 + 21) + 2 * (28 * 9 + 56 + 21), 6),
        ({"num_layers": 3, "bias": False}, 28 * 14 + 21 + 2 * (28 * 6 + 21), 3),
    ],
)
def test_an_lstm_projects_its_state(options: dict[str, Any], params: int, channels: int) -> None:
    """torch.nn.LSTM(11, 7, proj_size=3) has 469, 1596 and 791 parameters."""
    step = lstm(Shape((13, 11), 1), hidden_size=7, proj_size=3, **options)
    assert step.tally.counts["rnn_weight"] + step.tally.counts["rnn_bias"] == params
    assert (step.tally.counts["rnn_mac"], step.shape.dims) == (13 * step.tally.counts["rnn_weight"], (13, channels))
    assert step.tally.counts["lstm_state"] == 13 * 7 * options.get("num_layers", 1) * (1 + (channels == 6))


def test_a_projection_makes_the_state_smaller() -> None:
    """Torch refuses others."""
    assert broken(lstm(Tokens, hidden_size=7, proj_size=7)) == ["proj_size = 7 is not smaller than hidden_size = 7"]


def test_both_directions_lie_side_by_side() -> None:
    assert gru(Tokens, hidden_size=32).shape.dims == (10, 32)
    assert gru(Shape((3, 10, 16), 2), hidden_size=32, bidirectional=True).shape.dims == (3, 10, 64)


def test_a_recurrent_layer_reads_tokens() -> None:
    with pytest.raises(ShapeError, match="LSTM expects tokens with the channels last, got 16×10"):
        lstm(Shape((16, 10)), hidden_size=32)
