"""Rows with dotted paths become blocks where that says the same, and repeated blocks become templates."""

import tomllib
from typing import Any

import pytest

from flopcount.case import Case, Count
from flopcount.network.network import of_spec
from flopcount.readers.base import Names
from flopcount.readers.nest import Flat, Source, folded, nested, spelled
from flopcount.spec.load import validated
from flopcount.spec.source import Source as Text
from flopcount.spec.write import to_text


def counted(data: dict[str, Any]) -> Count:
    """Count the data of an arch file."""
    return Case(of_spec(validated(Text("net", "", "toml", data)))).count


def conv(path: str, channels: int, *reads: Source) -> Flat:
    """Make a row of a 1×1 convolution."""
    data = {"type": "Conv", "out_channels": channels, "kernel_size": 1}
    return Flat(tuple(path.split(".")), data, reads)


def add(path: str, *reads: Source) -> Flat:
    """Make a row of an addition."""
    return Flat(tuple(path.split(".")), {"type": "Add"}, reads)


def paths(rows: list[Flat], *, fold: bool = False) -> list[str]:
    """Return the paths that the layers have when the file is counted."""
    data: dict[str, Any] = {"name": "net", "input": [8, 4, 4], "layers": nested(rows, ["input"])}
    result = counted(folded(data) if fold else data)
    return [*result.trace.steps]


RESIDUAL = [
    conv("stem", 8, "input"),
    conv("stage.0.one", 8, 0),
    conv("stage.0.two", 8, 1),
    add("stage.0.sum", 2, 0),
    conv("stage.1.one", 8, 3),
    conv("stage.1.two", 8, 4),
    add("stage.1.sum", 5, 3),
    conv("head", 10, 6),
]


@pytest.mark.parametrize("fold", [False, True], ids=["blocks", "templates"])
def test_paths_stay_in_blocks_and_templates(fold: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    assert paths(RESIDUAL, fold=fold) == [".".join(row.path) for row in RESIDUAL]


def test_a_block_that_is_read_inside_is_dissolved() -> None:
    """The second layer outside reads what is not the last inside."""
    rows = [conv("a.one", 8, "input"), conv("a.two", 8, 0), add("sum", 1, 0)]
    assert paths(rows) == ["a_one", "a_two", "sum"]


def test_inside_a_block_that_is_dissolved_others_stay() -> None:
    rows = [conv("a.b.one", 8, "input"), conv("a.b.two", 8, 0), conv("a.three", 8, 1), add("sum", 2, 1)]
    assert paths(rows) == ["a_b.one", "a_b.two", "a_three", "sum"]


def test_layers_of_one_name_get_numbers() -> None:
    assert paths([conv("a", 8, "input"), conv("a", 8, 0), conv("a", 8, 1)]) == ["a", "a_2", "a_3"]


@pytest.mark.parametrize(
    ("name", "becomes"), [("a/b c", "a_b_c"), ("input", "input_"), ("input2", "input2_"), ("", "layer"), ("--x", "x")]
)
def test_a_name_is_spelled_as_a_file_may_have_it(name: str, becomes: str) -> None:
    assert spelled(name) == becomes


def test_numbers_that_differ_together_become_one_argument() -> None:
    rows = [
        conv(f"stage.{block}.{layer}", 8 << block, 2 * block + place - 1 if block + place else "input")
        for block in range(3)
        for place, layer in enumerate(("one", "two"))
    ]
    data = folded({"name": "net", "input": [8, 4, 4], "layers": nested(rows, ["input"])})
    (template,) = data["templates"].values()
    assert template["required"] == ["out_channels"]
    assert [row["out_channels"] for row in data["layers"][0]["layers"]] == [8, 16, 32]


def test_what_layers_share_stays_shared_in_a_template() -> None:
    """By hand: of six convolutions of 8·8 weights and 8 biases, five share the biases of the first."""
    rows = [
        Flat(("stage", str(block), name), {"type": "Conv", "out_channels": 8, "kernel_size": 1, **shared}, (read,))
        for block, name, read, shared in (
            (0, "one", "input", {}),
            (0, "two", 0, {"shared": {"bias": 8}}),
            (1, "one", 1, {"shared": {"bias": 8}}),
            (1, "two", 2, {"shared": {"bias": 8}}),
            (2, "one", 3, {"shared": {"bias": 8}}),
            (2, "two", 4, {"shared": {"bias": 8}}),
        )
    ]
    data = folded({"name": "net", "input": [8, 4, 4], "layers": nested(rows, ["input"])})
    assert len(data["templates"]) == 1
    assert counted(data).total.params == 6 * 64 + 8


def test_what_is_written_is_read_as_the_same() -> None:
    data = folded({"name": "net", "input": [8, 4, 4], "layers": nested(RESIDUAL, ["input"])})
    assert tomllib.loads(to_text(data, "toml", "a comment\nof two lines")) == data


def test_thousands_of_layers_of_one_name_take_no_time() -> None:
    """Each is given a number at once, not looked for from 2 on."""
    names = Names()
    assert [names.fresh("a") for _ in range(20_000)][-1] == "a_20000"
