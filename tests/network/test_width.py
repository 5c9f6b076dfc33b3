"""The width multiplier: every rule, and every way to be left out of it, computed by hand."""

from typing import Any

import pytest
from conftest import Process, Run, Write
from small_networks import Row, network, row

from flopcount.network.inputs import input_shapes
from flopcount.network.trace import trace
from flopcount.network.transform import scaled, width_ratio
from flopcount.spec.arch import Scaling

SIZE = (3, 8, 8)


def conv(out_channels: Any, **fields: Any) -> Row:
    return row("Conv", out_channels=out_channels, kernel_size=1, bias=False, **fields)


def widths(width: str, *layers: Row, scaling: Row | None = None, **keys: Any) -> list[Any]:
    """Return the channels that each layer leaves at this width."""
    net = network(SIZE, *layers, **keys)
    rule = None if scaling is None else Scaling.model_validate(scaling)
    steps = trace(net, input_shapes(net.inputs), scaled(net, rule, width_ratio(width))).steps
    return [step.shape.channels for step in steps.values()]


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, "1", 32),
        (32, "0.75", 24),
        (30, "0.75", 22),  # 22.5
        (33, "0.5", 16),  # 16.5
        (16, "0.25", 8),  # 4, and the minimum is 8
        (64, "0.1", 8),  # 6.4
        (90, "0.1", 9),  # exactly 9, where binary decimals might say 8.99
        (100, "0.29", 29),  # 28.999999999999996 in binary decimals
        (32, "1.4", 44),  # 44.8
    ],
)
def test_truncation(channels: int, width: str, expected: int) -> None:
    """Rounded down, and at least the minimum."""
    assert widths(width, conv(channels), scaling={"rule": "truncate", "minimum": 8}) == [expected]


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, "1", 32),
        (32, "0.75", 24),
        (24, "0.75", 24),  # 18: 16 is 11 % less, so 24
        (32, "0.35", 16),  # 11.2: 8 is 29 % less, so 16
        (64, "0.35", 24),  # 22.4: 24 is nearest
        (96, "0.35", 32),  # 33.6: 32 is 5 % less
        (16, "0.35", 8),  # 5.6: never under 8
        (24, "0.5", 16),  # 12 is halfway: up
        (320, "1.4", 448),
        (24, "1.4", 32),  # 33.6: 32 is 5 % less
        (20, "1", 24),  # 20 is halfway from 16 to 24: up
        (200, "0.1", 24),  # 20, likewise
    ],
)
def test_multiples(channels: int, width: str, expected: int) -> None:
    """The nearest multiple of 8, a half up, and one more where a tenth would be lost."""
    assert widths(width, conv(channels), scaling={"rule": "divisible", "divisor": 8, "minimum": 8}) == [expected]


def test_the_divisor_and_the_minimum_are_the_files() -> None:
    """Of 40 half is 20: 20 of fours, 30 at least."""
    assert widths("0.5", conv(40), scaling={"divisor": 4}) == [20]
    assert widths("0.5", conv(40), scaling={"divisor": 4, "minimum": 30}) == [30]
    assert widths("0.5", conv(8), scaling={"rule": "truncate", "minimum": 5}) == [5]


def test_without_a_rule_channels_are_rounded_down_to_one_at_least() -> None:
    assert widths("0.3", conv(10), conv(11), conv(2)) == [3, 3, 1]


def test_a_layer_may_never_scale_or_only_upwards() -> None:
    """At half and at twice the width."""
    layers = (conv(40), conv(40, scale="never"), conv(40, scale="up"))
    assert widths("0.5", *layers) == [20, 40, 40]
    assert widths("2", *layers) == [80, 40, 80]


def test_what_never_scales_does_not_become_a_multiple() -> None:
    """20 is no multiple of 8."""
    layers = (conv(20, scale="never"), conv(20, scale="up"))
    assert widths("0.5", *layers, scaling={"divisor": 8}) == [20, 20]


def test_what_follows_from_the_input_follows() -> None:
    """4 times what comes in is not scaled again; an argument is, and the classes are not."""
    layers = [conv("c"), conv("4 * in_channels"), conv("2 * channels"), row("DepthwiseConv", kernel_size=1)]
    templates = {"t": {"required": ["c"], "layers": layers}}
    net = (conv(40), row("t", name="t", c=10), row("GlobalAvgPool"), row("Flatten"), row("Linear", out_features=7))
    assert widths("0.5", *net, templates=templates) == [20, 5, 80, 160, 160, 160, 160, 7]


def test_arguments_that_follow_from_the_input_follow() -> None:
    """The inner template is given twice what comes in; the outer one, a number."""
    inner = {"required": ["d"], "layers": [conv("d")]}
    outer = {"required": ["c"], "layers": [row("inner", d="2 * in_channels"), row("inner", d="c // 2")]}
    net = (conv(40), row("outer", c=40))
    assert widths("0.5", *net, templates={"inner": inner, "outer": outer}) == [20, 40, 10]


def test_a_row_of_a_template_may_scale_its_own_way() -> None:
    templates = {"t": {"required": ["c"], "layers": [conv("c", scale="never"), conv("c", scale="up"), conv("c")]}}
    assert widths("0.5", row("t", c=40), templates=templates) == [40, 40, 20]


def test_every_repetition_scales() -> None:
    templates = {"t": {"required": ["c"], "layers": [conv("c * index")]}}
    assert widths("0.5", row("t", c=8, repeat=3), templates=templates) == [4, 8, 12]


@pytest.mark.parametrize("width", ["0", "-1", "abc", "nan", "inf", "1e999", "1/0", "", " "])
def test_a_width_that_is_none_is_refused_in_one_line(width: str, run: Run) -> None:
    """An empty one too."""
    result = run("mobilenet_v2", "--width", width)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert result.problems[0].startswith("--width")


def test_a_width_may_be_a_quotient() -> None:
    assert width_ratio("3/4") == width_ratio("0.75") == width_ratio(" .750 ")


@pytest.mark.parametrize("width", ["1e99999999999", "1e-99999999999"])
def test_a_width_beyond_all_numbers_is_refused(width: str, process: Process) -> None:
    """Without writing the number out first; in a process that is not given time for ever."""
    result = process("vgg16", "--width", width)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert result.problems[0].startswith("--width")


def test_channels_have_a_limit(run: Run, write: Write) -> None:
    """A thousand times 10⁹."""
    content = 'input = [3, 8, 8]\nlayers = [\n{ type = "Conv", out_channels = 1000000000, kernel_size = 1 },\n]\n'
    path = write("a.toml", content)
    result = run(path, "--width", "1000")
    assert (result.code, result.out) == (2, "")
    assert f"{path}:3:1: Conv1:" in result.err
    assert "10⁹" in result.err


@pytest.mark.parametrize(
    "scaling",
    [
        *("3", "[]", '"divisible"', '{ rule = "round" }', "{ divisor = 0 }", "{ divisor = 1.5 }", "{ divisor = true }"),
        *("{ minimum = -1 }", "{ minimum = 10000000000 }", "{ multiple = 8 }"),
    ],
)
def test_a_rule_that_is_none_is_refused(scaling: str, run: Run, write: Write) -> None:
    """With or without a width."""
    path = write("a.toml", f'input = [3, 8, 8]\nlayers = [{{ type = "Flatten" }}]\nscaling = {scaling}\n')
    for options in ((), ("--width", "0.5")):
        result = run(path, *options)
        assert (result.code, result.out) == (2, "")
        assert f"{path}:3:" in result.err
        assert "Traceback" not in result.err
