"""`flopcount archs` and `flopcount kinds`: what there is, from the code itself."""

import json

import pytest
from conftest import Run, Write

from flopcount.spec.arch import class_named
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import bundled, load

FORMATS = ["table", "json", "csv", "markdown", "svg"]

PUBLISHED = {
    "alexnet": (61_100_840, 714_188_480),
    "alexnet_grouped": (60_965_224, 724_406_816),
    "mobilenet_v1_1.0_224": (4_231_976, 568_740_352),
    "vgg16": (138_357_544, 15_470_264_320),
}
"""Trainable parameters and MACs at the input of the file."""


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_bundled_file_is_listed(fmt: str, run: Run) -> None:
    result = run("archs", "--format", fmt)
    assert result.code == 0
    text = result.out.replace("\\_", "_")
    assert [name for name in bundled() if name not in text] == []


def test_networks_are_listed_with_what_they_cost(run: Run) -> None:
    rows = json.loads(run("archs", "--format", "json").out)["archs"]
    assert [row["arch"] for row in rows] == [*bundled()]
    found = {row["arch"]: (row["params"], row["macs"]) for row in rows}
    assert {name: found[name] for name in PUBLISHED} == PUBLISHED
    assert all(row["description"] and row["input"] for row in rows)


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_kind_is_listed_with_a_line(fmt: str, run: Run) -> None:
    result = run("kinds", "--format", fmt)
    assert result.code == 0
    assert [kind for kind in KINDS if kind not in result.out] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_shown_with_fields_equation_and_source(kind: str, run: Run) -> None:
    """Every field has its default, what it takes and what it is."""
    found = json.loads(run("kinds", kind, "--format", "json").out)
    assert found["kind"] == kind
    assert "params = " in found["description"]
    assert "MACs = " in found["description"]
    assert "Source: " in found["description"]
    fields = class_named(kind).model_fields
    assert {row["field"] for row in found["fields"]} == {*fields}
    assert all(row["takes"] and row["is"] and row["default"] for row in found["fields"])
    required = {row["field"] for row in found["fields"] if row["default"] == "required"}
    assert required == {name for name, info in fields.items() if info.is_required()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_shown_to_people_too(kind: str, run: Run) -> None:
    result = run("kinds", kind)
    assert (result.code, result.err) == (0, "")
    assert "Source: " in result.out
    assert [name for name in class_named(kind).model_fields if name not in result.out] == []
    assert "another value" not in result.out


@pytest.mark.parametrize(
    ("kind", "way_out"), [("Covn", "'Conv'"), ("conv", "'Conv'"), ("maxpool", "'MaxPool'"), ("Zzzz", "Conv")]
)
def test_a_mistyped_kind_is_answered_with_a_suggestion(kind: str, way_out: str, run: Run) -> None:
    result = run("kinds", kind)
    assert (result.code, result.out) == (2, "")
    assert way_out in result.err


@pytest.mark.parametrize("kind", KINDS)
def test_the_row_to_copy_is_one_that_an_arch_file_may_have(kind: str, run: Run, write: Write) -> None:
    row = json.loads(run("kinds", kind, "--format", "json").out)["row"]
    assert f'type = "{kind}"' in row
    assert load(str(write("net.toml", f"input = [64, 14, 14]\nlayers = [\n  {row},\n]\n"))).arch.layers


def test_a_word_is_answered_with_every_kind_that_has_it(run: Run) -> None:
    named = ("ChannelShuffle", "PixelShuffle", "PixelUnshuffle")
    assert all(kind in run("kinds", "shuffle").problems[0] for kind in named)


@pytest.mark.parametrize(("pattern", "names"), [("lenet*", {"lenet5"}), ("resnet1", {"resnet18", "resnet101"})])
def test_networks_are_listed_by_pattern_or_by_part_of_their_names(pattern: str, names: set[str], run: Run) -> None:
    found = {row["arch"] for row in json.loads(run("archs", pattern, "--format", "json").out)["archs"]}
    assert names <= found
    assert all(pattern.strip("*") in name for name in found)


def test_networks_are_sorted_and_cut(run: Run) -> None:
    rows = json.loads(run("archs", "--sort", "-macs", "--top", "3", "--format", "json").out)["archs"]
    every = json.loads(run("archs", "--format", "json").out)["archs"]
    assert [row["macs"] for row in rows] == sorted(row["macs"] for row in every)[:3]
