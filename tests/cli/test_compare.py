"""`flopcount compare`: totals and ratios to the first, and layers where the structures match."""

import json
from typing import Any

import pytest
from badfile import CONV, layers
from conftest import Run, Write

PLAIN, SEPARABLE = "cifar10_vgg", "cifar10_vgg_separable"
ROWS = [1792, 36928, 73856, 147584, 295168, 590080, 40970]
SEPARABLE_ROWS = [283, 4736, 8896, 17664, 34176, 68096, 40970]
"""Parameters of the layers with weights, as Keras prints them."""

FORMATS = ["table", "json", "csv", "markdown", "svg"]


def compared(run: Run, *arguments: str) -> Any:
    """Return a comparison as JSON."""
    result = run("compare", *arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def test_totals_stand_side_by_side_with_ratios_to_the_first(run: Run) -> None:
    found = compared(run, PLAIN, SEPARABLE, "lenet5")
    assert found["schema_version"] == 2
    assert [row["arch"] for row in found["archs"]] == [PLAIN, SEPARABLE, "lenet5"]
    assert [row["params"] for row in found["archs"]] == [sum(ROWS), sum(SEPARABLE_ROWS), 61706]
    assert [row["params_ratio"] for row in found["archs"]] == [1.0, sum(SEPARABLE_ROWS) / sum(ROWS), 61706 / sum(ROWS)]


def test_layers_are_compared_where_the_structures_match(run: Run) -> None:
    """The two networks have the same maps, layer for layer."""
    rows = compared(run, PLAIN, SEPARABLE)["layers"]
    weighted = [row for row in rows if row["params_1"]]
    assert [row["params_1"] for row in weighted] == ROWS
    assert [row["params_2"] for row in weighted] == SEPARABLE_ROWS
    assert weighted[1]["ratio_2"] == 1 / 64 + 1 / 9
    assert [row["type_2"] for row in weighted] == ["DepthSepConv"] * 6 + ["Linear"]


def test_layers_add_up_to_the_totals(run: Run) -> None:
    found = compared(run, PLAIN, SEPARABLE, PLAIN)
    for position, total in enumerate(found["archs"], 1):
        for key in ("params", "macs"):
            assert sum(row[f"{key}_{position}"] for row in found["layers"]) == total[key]


def test_layers_are_not_compared_where_they_do_not_match(run: Run) -> None:
    assert "layers" not in compared(run, PLAIN, "lenet5")


@pytest.mark.parametrize("fmt", FORMATS)
def test_exact_integers_and_ratios_are_in_every_format(fmt: str, run: Run) -> None:
    text = run("compare", "alexnet", "alexnet_grouped", "--format", fmt, "--exact-numbers").out
    for figure in (61_100_840, 714_188_480, 60_965_224, 724_406_816, 724_406_816 / 714_188_480):
        assert str(figure) in text


def test_options_apply_to_every_network(run: Run) -> None:
    found = compared(run, "vgg16", "alexnet", "--params", "weights", "--batch", "2")
    assert [row["input"] for row in found["archs"]] == [[2, 3, 224, 224]] * 2
    assert found["archs"][0]["macs"] == 2 * 15_470_264_320
    assert found["convention"]["params"] == "weights"


def test_nothing_to_divide_by_is_no_ratio(run: Run, write: Write) -> None:
    """A network without parameters has none to compare with."""
    path = write("a.toml", layers('{ type = "Flatten" }'))
    found = compared(run, str(path), "lenet5")
    assert [row["params_ratio"] for row in found["archs"]] == [None, None]
    assert run("compare", path, "lenet5").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "A B"),
        (("vgg16", "nowhere"), "nowhere"),
        (("vgg61", "vgg16"), "did you mean vgg1"),
        (("vgg16", "lenet5", "--input", "0"), "--input 0"),
        (("m5", "vgg16", "--input", "1x2x3x4"), "1 spatial axes"),
        (("vgg16", "lenet5", "--set", "nowhere.stride=1"), "no layer at nowhere"),
        (("vgg16", "lenet5", "--set", "layers.0.stride=1,2"), "several values"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments: tuple[str, ...], words: str, run: Run) -> None:
    result = run("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


def test_every_broken_file_is_told_about(run: Run, write: Write) -> None:
    """The line names the file it is about."""
    good, bad = write("good.toml", layers(CONV)), write("bad.toml", layers("{}"))
    result = run("compare", good, bad)
    assert result.code == 2
    assert [line.startswith(f"{bad}:3:1: layer 1") for line in result.problems] == [True]


def test_networks_of_one_name_are_distinguished_by_their_references(run: Run, write: Write) -> None:
    text = 'name = "lenet5"\ninput = [1, 32, 32]\nlayers = [{ type = "Flatten" }]\n'
    result = run("compare", "lenet5", write("mine.toml", text), "alexnet", "--format", "csv")
    names = [line.split(",")[0] for line in result.out.splitlines()[1:]]
    assert names[0] == "lenet5"
    assert names[1].endswith("mine.toml")
    assert names[2] == "alexnet"


def test_notes_say_which_network_they_are_about(run: Run) -> None:
    notes = compared(run, "vgg16", "mobilenet_v1")["notes"]
    assert [note.startswith("mobilenet_v1: ") for note in notes] == [True]
