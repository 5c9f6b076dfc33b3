"""The bits of a Keras model: those of the policy of each layer."""

import json
from typing import Any

import pytest
from conftest import Run, Write


def policy(name: str) -> dict[str, Any]:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}}


@pytest.mark.parametrize(
    ("dtype", "weights", "written"),
    [
        ("float32", 4, 4),
        ("float16", 2, 2),
        (policy("mixed_float16"), 4, 2),
        (policy("bfloat16"), 2, 2),
        ("float64", 8, 8),
    ],
)
def test_a_policy_says_the_bits_of_weights_and_outputs(
    dtype: str | dict[str, Any], weights: int, written: int, run: Run, write: Write
) -> None:
    """A layer of 5 units on 3 features has 20 params, and writes 5 numbers."""
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 3]}},
        {"class_name": "Dense", "config": {"name": "y", "units": 5, "dtype": dtype}},
    ]
    model = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    found = run(
        "count", write("net.json", json.dumps(model)), "--metrics", "weight_bytes,activation_bytes", "--format", "json"
    )
    totals = json.loads(found.out)["totals"]
    assert (totals["weight_bytes"], totals["activation_bytes"]) == (20 * weights, 5 * written)
