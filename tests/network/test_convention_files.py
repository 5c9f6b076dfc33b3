"""Conventions from files: those that come along are sound, those of users are read or refused."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from small_networks import network, row

from flopcount.case import Case
from flopcount.formulas.step import GRADIENTS, OPERATIONS, PARAMETERS
from flopcount.network.convention import COUNTERS, convention, described, mac_conventions
from flopcount.network.inputs import input_shapes
from flopcount.network.padding_exact import PADDING_EXACT
from flopcount.spec.kinds import KINDS

OWN = ("macs", "conv", "conv_bias")
FILES = [pytest.param(path, id=path.stem) for path in sorted(COUNTERS.glob("*.toml"))]
ASKED_FOR = {
    *("macs", "paper", "thop", "fvcore", "ptflops", "ptflops-aten", "torchinfo", "torch", "calflops", "deepspeed"),
    *("onnx-tool", "keras", "tf-profiler", "pnnx", "xla"),
}

SMALL = network(
    (3, 8, 8),
    row("Conv", out_channels=4, kernel_size=3, padding=1, bias=True, activation="relu"),
    row("Flatten"),
    row("Linear", out_features=10),
)
"""4·3·9·64 = 6912 MACs and 2560; 256 bias adds and 10; 256 elements through ReLU; 112 and 2570 params."""


def cost(name: str) -> tuple[int, int]:
    total = Case.of(SMALL, input_shapes(SMALL.inputs), convention(macs=name)).count.total
    return total.params, total.macs


def test_every_convention_that_is_promised_is_there() -> None:
    assert set(mac_conventions()) >= ASKED_FOR


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_comes_along_says_where_it_is_from(path: Path) -> None:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert {"about", "source", "counts", "leaves_out"} <= data.keys()
    found = described(path.stem)
    assert set(found.notes) <= {*OPERATIONS, *GRADIENTS, *PARAMETERS, *PADDING_EXACT}
    assert found.rule.name == path.stem


@pytest.mark.parametrize("path", FILES)
def test_flops_weigh_a_multiply_accumulate_with_two(path: Path) -> None:
    rule = convention(macs=path.stem)
    weights = rule.operations.weights
    once = weights.get("conv_mac", weights.get("conv_mac_valid"))
    assert once == (2 if rule.unit == "FLOP" else 1)


@pytest.mark.parametrize("path", FILES)
def test_exceptions_are_for_steps_that_there_are(path: Path) -> None:
    kinds = convention(macs=path.stem).operations.kinds.keys()
    assert kinds <= KINDS.keys()


@pytest.mark.parametrize(
    ("text", "macs"),
    [
        ("weights = { conv_mac = 1 }", 6912),
        ("weights = { conv_mac = 2, conv_bias_add = 1, relu = -1 }", 2 * 6912),
        ("weights = { conv_mac = 1, linear_mac = 1 }\nkinds = { Linear = { linear_mac = 3 } }", 6912 + 3 * 2560),
        ("weights = { conv_mac = 1, linear_mac = 1 }\nkinds = { Linear = { '*' = 0 } }", 6912),
        ("weights = { weight = 1, bias = 1 }", 112 + 2570),
        ("extends = 'macs'", 6912 + 2560),
        ("extends = 'thop'\nweights = { relu = 1, conv_mac = 0 }", 2560 + 256),
        ("extends = 'calflops'", 2 * (6912 + 2560) + 256 + 256),
    ],
)
def test_a_file_of_a_user(text: str, macs: int, write: Write) -> None:
    assert cost(str(write("my.toml", text)))[1] == macs


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", 112 + 2570),
        ("params = { policy = 'weights' }", 108 + 2560),
        ("params = { weights = { bias = 1 } }", 14),
        ("params = { weights = { bias = 1, weight = 1 }, kinds = { Linear = { '*' = 0 } } }", 112),
        ("extends = 'thop'\nparams = { weights = { weight = 0 } }", 14),
    ],
)
def test_params_of_a_file_of_a_user(text: str, params: int, write: Write) -> None:
    assert cost(str(write("my.toml", text)))[0] == params


def test_params_that_count_as_work_count_once_for_each_input(run: Run, write: Write) -> None:
    """As torchinfo counts, with twice the scales: 2·8 + 8 of a batch norm of 8 channels, for each of 3."""
    own = write("my.toml", "extends = 'torchinfo'\nweights = { norm_weight = 2 }")
    net = write("net.toml", "input = [8, 4, 4]\nlayers = [{ type = 'BatchNorm' }]")
    result = run(net, "--batch", "3", "--convention", own, "--format", "json")
    assert json.loads(result.out)["totals"]["macs"] == 3 * (2 * 8 + 8)


def test_a_word_of_its_own_is_told_with_the_convention(run: Run, write: Write) -> None:
    plain, own = write("plain.toml", "weights = { conv_mac = 1 }"), write("own.toml", "headline = 'mult-adds'")
    assert "MACs (plain): " in run("lenet5", "--convention", plain).out
    assert "mult-adds (own)" in run("lenet5", "--convention", own).out


def test_a_file_with_several(run: Run, write: Write) -> None:
    path = write("my.toml", "[conventions.one]\nweights = { relu = 1 }\n[conventions.two]\nweights = { relu = 2 }\n")
    assert (cost(f"{path}:one")[1], cost(f"{path}:two")[1]) == (256, 512)
    result = run("lenet5", "--convention", path)
    assert (result.code, result.problems) == (2, [f"{path}: there are several conventions here; write {path}:one"])
    result = run("lenet5", "--convention", f"{path}:three")
    assert result.problems == [f"{path}: no convention is named 'three' here; write {path}:one"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weights = { conv_macs = 1 }", 'unknown entry "conv_macs"; did you mean'),
        ("weights = { conv_mac = 1.5 }", "invalid weights.conv_mac 1.5: expected an integer of at most a million"),
        ("weights = { conv_mac = true }", "invalid weights.conv_mac true: expected an integer of at most a million"),
        ("weights = 3", "invalid weights 3: expected a table of entries and integers"),
        ("wieghts = {}", '1:1: unknown key "wieghts"; did you mean'),
        ("unit = 'FLOPs'", 'invalid unit "FLOPs": expected "MAC" or "FLOP"'),
        ("batch = 3", 'invalid batch 3: expected "counted", "divided" or "times params"'),
        ("folds = 1", "invalid folds 1: expected true or false"),
        ("extends = 'tho'", 'unknown bundled convention "tho"; did you mean'),
        ("extends = ['thop']", "expected the name of a bundled convention"),
        ("kinds = { Linear = 3 }", "invalid kinds.Linear 3: expected a table of entries and integers"),
        ("kinds = 3", "invalid kinds 3: expected a table of kinds"),
        ("written = { functional = {} }", 'unknown call style "functional"; did you mean'),
        (
            "params = { policy = 'all' }",
            'invalid policy "all": expected "trainable", "weights", "total", "folded", "slim" or "active"',
        ),
        ("params = { weights = { relu = 1 } }", 'unknown entry "relu"'),
        ("params = { wieghts = {} }", '1:12: unknown key "wieghts"; did you mean'),
        ("notes = 3", "invalid notes 3: expected a table"),
        ("about = 3", "invalid about 3: expected one line of text"),
        ('counts = "a\\u001bb"', "expected one line of text"),
        ("kinds = { Liner = { conv_mac = 1 } }", 'unknown kind of step "Liner"; did you mean'),
        ("notes = { conv_macs = 'x' }", 'unknown entry "conv_macs"; did you mean'),
        ("notes = { conv_mac = 3 }", "invalid notes.conv_mac 3: expected one line of text"),
        ("weights = {", ":1:12: not TOML"),
        ("[conventions]\nx = 3", "invalid 3: expected a table"),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence(text: str, says: str, run: Run, write: Write) -> None:
    path = write("my.toml", text)
    result = run("lenet5", "--convention", f"{path}:x" if "conventions" in text else path)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert says in result.problems[0]


def test_mistakes_are_told_with_their_places(run: Run, write: Write) -> None:
    text = """
[conventions.mine]
weights = { conv_mac = 1, relu = "two" }
unti = "FLOP"

[conventions.mine.written.functon]
relu = 0
"""
    path = write("my.toml", text)
    result = run("lenet5", "--convention", f"{path}:mine")
    assert (result.code, result.out) == (2, "")
    assert result.problems == [
        f'{path}:3:27: invalid weights.relu "two": expected an integer of at most a million',
        f"{path}:4:1: unknown key \"unti\"; did you mean 'unit'?",
        f"{path}:6:1: unknown call style \"functon\"; did you mean 'function'?",
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tho", "no convention is named 'tho'; did you mean 'thop'?"),
        ("nowhere.toml", "nowhere.toml: no such file or directory"),
        ("../../thop", "no convention is named '../../thop'"),
        ("my.toml:", "my.toml: no such file or directory; check the path"),
    ],
)
def test_a_convention_that_is_not_there(name: str, says: str, run: Run) -> None:
    for command in (["lenet5", "--convention", name], ["conventions", name]):
        result = run(*command)
        assert (result.code, result.out, len(result.problems)) == (2, "", 1)
        assert result.problems[0].startswith(says)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = 1\n" * 200_000, b"a = " + b"[" * 5000])
def test_what_is_no_file_of_conventions_is_refused(content: bytes, run: Run, write: Write) -> None:
    result = run("lenet5", "--convention", write("my.toml", content))
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)


def test_params_can_be_chosen_apart() -> None:
    """Of 25,557,032, thop's own way leaves none out here; weights alone are 25,502,912."""
    assert convention(macs="thop").params_name == "thop"
    chosen: Any = convention("weights", "thop")
    assert (chosen.params_name, chosen.name) == ("weights", "thop")
    assert chosen.parameters.weights.keys() == {"weight", "frozen_weight"}


def test_a_headline_is_not_empty(run: Run, write: Write) -> None:
    result = run("lenet5", "--convention", write("own.toml", "headline = ''"))
    assert (result.code, len(result.problems)) == (2, 1)
    assert "headline" in result.problems[0]
