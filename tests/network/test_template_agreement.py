"""Expressions in templates agree over ints and letters, given at a template's path."""

from typing import Any

import pytest
from expressions import at, letters
from small_networks import Row, network, row

from flopcount.errors import SpecError
from flopcount.formulas.shape import Shape
from flopcount.network.plan import Plan
from flopcount.network.trace import trace

Map = Shape((4, 8, 8))
CANDIDATES = (1, 2, 3, 7, 8, 12, 20, 31, 64, 100)


def conv(out_channels: Any, **fields: Any) -> Row:
    return row("Conv", out_channels=out_channels, kernel_size=1, bias=False, **fields)


def used(*layers: Row, repeat: int = 1, **keys: Any) -> Plan:
    """Use a template with an argument c once, or several times in a row."""
    templates = {"t": {"required": ["c"], "layers": [*layers]}, **keys.pop("templates", {})}
    return network((4, 8, 8), row("t", name="t", c=4, repeat=repeat), templates=templates, **keys)


def weights(net: Plan, given: dict[str, dict[str, Any]]) -> list[Any]:
    """Return the weights of every layer."""
    return [step.tally.counts.get("weight", 0) for step in trace(net, Map, given).steps.values()]


EXPRESSIONS = [
    *("c", "c + in_channels", "3 * c + channels", "c // 3 + 1", "c % 5 + 1", "ceil_div(c, 3)"),
    *("ceil(0.3 * c)", "floor(0.3 * c) + 1", "round(1.5 * c)", "round(0.5 * c) + 1", "divisible(c, 8)"),
    *("divisible(0.35 * c, 8)", "divisible(1.4 * c, 8, 16)", "min(c, 10)", "max(c, in_channels)"),
    *("max(c - 8, 1)", "c * c", "1.5 // 0.5 * c", "-(0 - c)", "2 * c if index == 1 else c"),
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_letters_agree_with_ints(text: str) -> None:
    """A trace with a letter gives, once a number is put in its place, what the number gives."""
    net = used(conv(text), conv("2 * channels"))
    together = weights(net, {"t": {"c": letters("c")[0]}})
    for number in CANDIDATES:
        assert at(together, {"c": number}) == weights(net, {"t": {"c": number}})


def test_what_is_given_is_what_the_file_could_have_said() -> None:
    """An argument from outside counts as one in the file."""
    layers = (conv("c"), conv("c + in_channels"))
    templates = {"t": {"required": ["c"], "layers": [*layers]}}
    for number in CANDIDATES:
        written = network((4, 8, 8), row("t", name="t", c=number), templates=templates)
        assert weights(used(*layers), {"t": {"c": number}}) == weights(written, {})


@pytest.mark.parametrize("text", ["8 if c > 4 else 2", "8 + (c == 4)", "8 if in_channels > 4 else 2"])
def test_letters_decide_nothing(text: str) -> None:
    """Which layers exist never depends on them; the layer is named."""
    value, entry = letters("cd")
    net = network(
        (4, 8, 8),
        conv(4, name="stem"),
        row("t", name="t", c=4),
        templates={"t": {"required": ["c"], "layers": [conv(text)]}},
    )
    with pytest.raises(SpecError, match=r"t\.Conv1: .*never depends on shapes"):
        trace(net, Map, {"t": {"c": value}, "stem": {"out_channels": entry}})


def test_what_comes_in_may_be_a_letter() -> None:
    """`in_channels` and `channels` of a given stem."""
    net = network(
        (4, 8, 8),
        conv(4, name="stem"),
        row("t", name="t"),
        templates={"t": {"layers": [conv("2 * in_channels"), conv("in_channels + channels")]}},
    )
    _, first, second = weights(net, {"stem": {"out_channels": letters("n")[0]}})
    assert [at([first, second], {"n": n}) for n in (4, 9)] == [[2 * n**2, 6 * n**2] for n in (4, 9)]
