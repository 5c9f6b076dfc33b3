"""Conventions: rows of integers over the vocabulary of the tallies."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import flopcount.network.convention as module
from flopcount.formulas.step import INPUT_GRADIENTS, OPERATIONS, PARAMETERS, WEIGHT_GRADIENTS
from flopcount.network.convention import convention

TABLE: dict[str, Any] = tomllib.loads(Path(module.__file__).with_name("conventions.toml").read_text(encoding="utf-8"))
SECTIONS = {"macs": OPERATIONS, "params": PARAMETERS}
ROWS = [pytest.param(section, name, id=f"{section}.{name}") for section in SECTIONS for name in TABLE[section]]

MACS = {"conv_mac", "binary_mac", "linear_mac", "matmul_mac", "rnn_mac"}
TRAINED = {
    *("weight", "bias", "norm_weight", "norm_bias", "scale", "shift", "slope"),
    *("token", "position", "embedding", "parameter", "rnn_weight", "rnn_bias"),
}


@pytest.mark.parametrize(("section", "name"), ROWS)
def test_a_convention_gives_names_of_the_vocabulary_whole_numbers(section: str, name: str) -> None:
    """A row over operations names operations, a row over parameters names parameters."""
    weights = TABLE[section][name]["weights"]
    assert weights
    assert weights.keys() <= SECTIONS[section].keys()
    assert {type(weight) for weight in weights.values()} == {int}


def test_by_default_trainable_parameters_and_macs_are_counted() -> None:
    """MACs of convolutions and linear layers, in training those of gradients; no bias, norm, activation or pool."""
    default = convention()
    assert (default.name, default.params_name, default.folds) == ("macs", "trainable", False)
    counted = {name for name, weight in default.operations.weights.items() if weight == 1}
    assert counted == {*MACS, *INPUT_GRADIENTS, *WEIGHT_GRADIENTS}


@pytest.mark.parametrize(
    ("policy", "counted"),
    [
        ("weights", {"weight", "frozen_weight"}),
        ("trainable", TRAINED),
        ("total", TRAINED | {"running", "frozen_weight", "frozen"}),
        ("folded", TRAINED),
    ],
)
def test_what_a_policy_counts(policy: str, counted: set[str]) -> None:
    rule = convention(policy)
    assert {name for name, weight in rule.parameters.weights.items() if weight == 1} == counted
