"""Params that are shared with another layer or frozen, and the parts of a norm that are left out."""

import json
from typing import Any

import pytest
from conftest import Run, Write

TEXT = """
input = [3, 8, 8]
layers = [
  {{ type = "Conv", name = "a", out_channels = 4, kernel_size = 3, norm = "batch" }},
  {{ type = "Conv", name = "b", after = ["input"], out_channels = 4, kernel_size = 3, norm = "batch"{} }},
  {{ type = "Add", after = ["a", "b"] }},
]
"""
CONV, AFFINE, RUNNING = 4 * 27 + 4, 8, 8


def totals(run: Run, path: Any, policy: str) -> tuple[int, int]:
    """Return params and MACs."""
    found = json.loads(run(path, "--params", policy, "--format", "json").out)["totals"]
    return found["params"], found["macs"]


@pytest.mark.parametrize(
    ("held", "trainable", "total", "weights"),
    [
        ("", 2 * (CONV + AFFINE), 2 * (CONV + AFFINE + RUNNING), 2 * 108),
        (", shared = true", CONV + AFFINE, CONV + AFFINE + RUNNING, 108),
        (", frozen = true", CONV + AFFINE, 2 * (CONV + AFFINE + RUNNING), 2 * 108),
    ],
)
def test_shared_params_count_once_and_frozen_ones_are_not_trained(
    run: Run, write: Write, *, held: str, trainable: int, total: int, weights: int
) -> None:
    """4 filters of 3×3×3 with biases, a norm of 4 channels; both convolve 6×6 positions, whatever they keep."""
    path = write("arch.toml", TEXT.format(held))
    macs = 2 * 108 * 36
    expected = {"trainable": trainable, "total": total, "weights": weights}
    assert {policy: totals(run, path, policy) for policy in expected} == {
        policy: (params, macs) for policy, params in expected.items()
    }


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ('shared = "all"', "true, or a table"),
        ("shared = { weights = 4 }", "shared names weights"),
        ("shared = { running = 8, slope = 4 }", "shared names slope"),
        ("shared = { conv_mac = 4 }", "shared names conv_mac"),
        ("shared = { weight = 109 }", "shared = 109 of weight, but the layer has 108"),
    ],
)
def test_what_cannot_be_shared_is_refused(run: Run, write: Write, field: str, words: str) -> None:
    result = run(write("arch.toml", TEXT.format(f", {field}")))
    assert result.code == 2
    assert words in result.err


def test_some_params_are_shared_and_the_others_frozen(run: Run, write: Write) -> None:
    path = write("arch.toml", TEXT.format(", shared = { weight = 100, bias = 4 }, frozen = true"))
    assert totals(run, path, "trainable")[0] == CONV + AFFINE
    assert totals(run, path, "total")[0] == CONV + AFFINE + RUNNING + (108 - 100) + AFFINE + RUNNING


def test_what_parts_of_a_layer_share_is_taken_off_one_after_the_other(run: Run, write: Write) -> None:
    """Attention on 8 channels: 3·8 × 8 and 8 × 8 weights; 200 numbers are more than the first has."""
    row = '{ type = "MultiheadAttention", num_heads = 2, bias = false, shared = { weight = 200 } }'
    path = write("arch.toml", f'input = [8, 5]\nlayers = [{{ type = "ChannelsLast" }}, {row}]\n')
    found = json.loads(run(path, "--format", "json").out)
    assert found["totals"]["params"] == 4 * 64 - 200
    assert min(part["params"] for part in found["layers"][1]["parts"]) >= 0


@pytest.mark.parametrize("field", ["shared", "frozen", "scale"])
def test_a_block_has_no_params_of_its_own_to_hold(run: Run, write: Write, field: str) -> None:
    value = '"never"' if field == "scale" else "true"
    inner = '[{ type = "Linear", out_features = 2 }]'
    text = f'input = [3]\nlayers = [{{ type = "Block", {field} = {value}, layers = {inner} }}]\n'
    result = run(write("arch.toml", text))
    assert (result.code, result.err.count("set it on the layers inside")) == (2, 1)


KEPT = [
    ("BatchNorm", "gamma = false", 5, 15),
    ("BatchNorm", "beta = false", 5, 15),
    ("BatchNorm", "gamma = false, beta = false", 0, 10),
    ("LayerNorm", "gamma = false", 5, 5),
    ("GroupNorm", "num_groups = 5, beta = false", 5, 5),
    ("DataNorm", "", 0, 11),
    ("DataNorm", "per_channel = false", 0, 3),
    ("DataNorm", "track_stats = false", 0, 0),
]
"""What norms of 5 channels keep, trained and in all: keras.layers of the same settings."""


@pytest.mark.parametrize(
    ("kind", "fields", "trainable", "total"), KEPT, ids=[f"{kind} {what}" for kind, what, *_ in KEPT]
)
def test_a_norm_keeps_what_it_says(
    run: Run, write: Write, *, kind: str, fields: str, trainable: int, total: int
) -> None:
    row = ", ".join(filter(None, [f'type = "{kind}"', fields]))
    path = write("arch.toml", f"input = [5, 4, 4]\nlayers = [{{ {row} }}]\n")
    assert [totals(run, path, policy)[0] for policy in ("trainable", "total")] == [trainable, total]


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_a_gate_has_one_bias_where_that_of_the_state_is_left_out(run: Run, write: Write, kind: str, gates: int) -> None:
    """keras.layers.LSTM(6) on 5 channels: 4·6·(5 + 6) + 4·6."""
    row = f'{{ type = "{kind}", hidden_size = 6, recurrent_bias = false }}'
    path = write("arch.toml", f'input = [5, 7]\nlayers = [{{ type = "ChannelsLast" }}, {row}]\n')
    assert totals(run, path, "trainable")[0] == gates * 6 * (5 + 6) + gates * 6
