"""Conditions over layers: which they hold for, and what is none."""

from typing import Any

import pytest

from flopcount.analyses.whatif import condition, facts
from flopcount.errors import UsageError
from flopcount.network.inputs import input_shapes
from flopcount.network.metrics import Cost
from flopcount.network.plan import plan
from flopcount.network.trace import trace
from flopcount.spec.arch import Arch

KNOWN = frozenset({"path", "type", "in_channels", "out_channels", "kernel_size", "p", "bias", "norm", "padding"})
LAYER: dict[str, Any] = {
    "path": "stage3.2.conv",
    "type": "Conv",
    "in_channels": 64,
    "out_channels": 128,
    "kernel_size": 3,
    "bias": "false",
    "norm": "none",
}


def holds(text: str) -> bool:
    """Tell whether a condition holds for the layer above."""
    return bool(condition(text, KNOWN)(LAYER))


@pytest.mark.parametrize(
    "text",
    [
        *("kernel_size > 1", "kernel_size == 3", "1 < kernel_size < 5", 'path ~ "stage3.*"'),
        *("path~'*.conv'", "path ~ 'stage[1-3].?.conv'", 'kernel_size>1 and path~"stage3.*"'),
        *("kernel_size > 3 or out_channels == 2 * in_channels", "not (kernel_size == 1)"),
        *("not path ~ 'stage1.*'", "type == 'Conv'", "norm == 'none'"),
        *("bias == false and not bias == true", "bias == 'false' and bias ~ 'f*'"),
        *("0.1k < out_channels <= 1k", "out_channels % 64 == 0", "path == 'stage3.2.conv' or path ~ '~'"),
    ],
)
def test_a_condition_that_holds(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize("text", ["p > 1", "p == 1", "p ~ '*'", "p != 1"])
def test_nothing_holds_of_a_field_the_layer_lacks(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *(
            (text, "not a condition; write")
            for text in (
                "",
                "kernel_size >",
                "kernel_size > 1 and",
                "path @ 'a'",
                "kernel_size > 1" + " " * 500,
                "(" * 190,
            )
        ),
        *(
            (text, "not a condition; compare")
            for text in ("kernel_size", "kernel_size + 1", "3", "path ~ type", "'a' ~ path", "(path ~ 'a') == 1")
        ),
        ("kernel > 1", "did you mean 'kernel_size'"),
        ("pth ~ 'a'", "did you mean 'path'"),
        ("path ~ a", "no convolution has a 'a'"),
        *(
            (text, "is not allowed; only comparisons, ~")
            for text in ("path in 'abc'", "kernel_size.real > 1", "__import__('os') == 1", "kernel_size ** 2 > 1")
        ),
        ("path > 3", "a number with a word"),
        ("path + 1 > 3", "computes with words"),
        ("out_channels // (kernel_size - 3) > 3", "divides by zero"),
    ],
)
def test_what_is_no_condition_is_said_in_one_line(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        holds(text)
    assert "\n" not in str(error.value)


def test_the_facts_of_a_layer_are_its_fields_its_place_its_channels_and_its_cost() -> None:
    row = {"type": "HetConv", "out_channels": 32, "kernel_size": [1, 3], "p": 4, "padding": [[0, 0], [1, 2]]}
    network = plan(Arch.model_validate({"input": [16, 9, 9], "layers": [row]}))
    traced = trace(network, input_shapes(network.inputs))
    ((node, step),) = traced.items()
    known = facts(node, step, traced.inputs, Cost(params=800, macs=69120))
    expected = {"path": "HetConv1", "type": "HetConv", "in_channels": 16, "out_channels": 32, "p": 4, "norm": "none"}
    assert expected.items() <= known.items()
    assert (known["kernel_size"], known["padding"]) == (3, 2)
    assert (known["params"], known["macs"]) == (800, 69120)
