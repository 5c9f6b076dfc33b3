"""`flopcount whatif` over widths and sizes: one row for each network, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses.explain import prints_as

MOBILENET = "mobilenet_v1_1.0_224"
TABLE_6 = (("1", "4.2M", "569M"), ("0.75", "2.6M", "325M"), ("0.5", "1.3M", "149M"), ("0.25", "0.5M", "41M"))
"""Howard et al., MobileNets, table 6: width, parameters, multiply-adds."""

TABLE_7 = ((224, "569M", "round"), (192, "418M", "round"), (160, "290M", "truncate"), (128, "186M", "round"))
"""The same, table 7: resolution, multiply-adds, and how they are printed."""

SMALL = """\
name = "small"
input = [8, 16, 16]
layers = [
  { type = "Conv", out_channels = 16, kernel_size = 3, padding = 1 },
  { type = "Conv", out_channels = 32, kernel_size = 3, padding = 1 },
]
[defaults]
bias = false
"""


def networks(run: Run, *words: Any) -> list[dict[str, Any]]:
    """Return the rows of a comparison."""
    result = run("whatif", *words, "--format", "json")
    assert result.code == 0, result.err
    rows: list[dict[str, Any]] = json.loads(result.out)["alternatives"]
    return rows


def plain(run: Run, *words: Any) -> dict[str, int]:
    """Return the totals of a plain count."""
    found: dict[str, int] = json.loads(run(*words, "--format", "json").out)["totals"]
    return found


def test_table_6_of_mobilenets_is_one_command(run: Run) -> None:
    rows = networks(run, MOBILENET, "--width", "1,0.75,0.5,0.25", "--params", "weights")
    assert [row["width"] for row in rows] == [width for width, _, _ in TABLE_6]
    for row, (_, params, macs) in zip(rows, TABLE_6, strict=True):
        assert prints_as(row["params"], row["params"], params, "round")
        assert prints_as(row["macs"], row["macs"], macs, "round")


def test_table_7_of_mobilenets_is_one_command(run: Run) -> None:
    rows = networks(run, MOBILENET, "--input", "224,192,160,128")
    assert [row["input"] for row in rows] == [[3, size, size] for size, _, _ in TABLE_7]
    assert all(
        prints_as(row["macs"], row["macs"], macs, rule) for row, (_, macs, rule) in zip(rows, TABLE_7, strict=True)
    )


def test_the_first_row_is_the_network_of_the_file_wherever_it_stands_in_the_list(run: Run) -> None:
    rows = networks(run, MOBILENET, "--width", "0.25,0.5,1")
    assert [row["width"] for row in rows] == ["1", "0.25", "0.5"]
    assert (rows[0]["macs_ratio"], rows[1]["macs_ratio"]) == (1.0, 41030272 / 568740352)


def test_the_network_of_the_file_is_added_where_it_is_not_in_the_list(run: Run) -> None:
    rows = networks(run, MOBILENET, "--width", "0.25,0.5")
    assert [row.get("width") for row in rows] == [None, "0.25", "0.5"]
    assert rows[0]["macs"] == 568740352


def test_every_row_costs_what_a_plain_count_says(run: Run) -> None:
    rows = networks(run, "mobilenet_v2", "--width", "0.5,0.75", "--input", "96:160:32,160x128")
    assert len(rows) == 1 + 2 * 4
    for row in rows[1:]:
        size = "x".join(map(str, row["input"]))
        assert plain(run, "mobilenet_v2", "--width", row["width"], "--input", size) == {
            "params": row["params"],
            "macs": row["macs"],
        }


def test_other_convolutions_are_counted_at_each_width_and_size(run: Run, write: Write) -> None:
    """By hand, the second layer: M·9 + M·N weights for M·N·9, at each width."""
    path = write("small.toml", SMALL)
    rows = networks(run, path, "--to", "DepthSepConv", "--width", "1,0.5", "--input", "16,8")
    assert [(row["width"], row["input"][1], row["alternative"]) for row in rows] == [
        (width, size, kind) for width in ("1", "0.5") for size in (16, 8) for kind in ("as they are", "DepthSepConv")
    ]
    first = {"1": 8 * 16 * 9, "0.5": 8 * 8 * 9}
    second = {"1": (16 * 32 * 9, 16 * 9 + 16 * 32), "0.5": (8 * 16 * 9, 8 * 9 + 8 * 16)}
    for row in rows:
        weights = first[row["width"]] + second[row["width"]][row["alternative"] != "as they are"]
        assert (row["params"], row["macs"]) == (weights, weights * row["input"][1] ** 2)
        assert row["macs_ratio"] == row["macs"] / rows[0]["macs"]


def test_one_width_holds_for_all_rows_and_several_make_rows(run: Run) -> None:
    rows = networks(run, MOBILENET, "--width", "0.5", "--input", "160,128", "--to", "Conv")
    assert rows[0]["macs"] == plain(run, MOBILENET, "--width", "0.5")["macs"]
    assert not any("width" in row for row in rows)


def test_standard_input_is_read_once(run: Run) -> None:
    result = run("whatif", "-", "--width", "0.5,0.25", "--format", "csv", stdin=SMALL.encode())
    assert (result.code, len(result.out.splitlines())) == (0, 4)


def test_networks_that_cannot_be_are_listed_beside_those_that_can(run: Run) -> None:
    result = run("whatif", "vgg16", "--input", "224,8", "--format", "json")
    data = json.loads(result.out)
    assert result.code == 2  # what was asked for could not all be answered
    assert [row["input"] for row in data["alternatives"]] == [[3, 224, 224]]
    ((invalid, note),) = zip(data["invalid"], data["notes"], strict=True)
    assert (invalid["alternative"], invalid["input"]) == ("input 8", "8")
    assert "exceeds axis size 1" in invalid["reason"]
    assert note == f"input 8: {invalid['reason']}"


def test_without_any_network_that_can_be_the_error_names_the_size(run: Run) -> None:
    result = run("whatif", "vgg16", "--input", "8,4")
    assert result.code == 2
    assert result.problems[0].endswith("at input 8")


def test_a_network_with_other_convolutions_is_the_one_that_is_saved_at_every_input(run: Run, tmp_path: Path) -> None:
    """The rounding of the published script lets maps vanish: which, depends on the input."""
    path = tmp_path / "ghost.toml"
    assert run("whatif", "mobilenet_v1", "--to", "GhostConv", "--save", path).code == 0
    for size in ("96", "128", "160", "224", "256"):
        asked = run("whatif", "mobilenet_v1", "--input", size, "--to", "GhostConv", "--format", "json")
        saved = run(path, "--input", size, "--format", "json")
        assert asked.code == saved.code
        if saved.code == 0:
            row = json.loads(asked.out)["alternatives"][-1]
            assert {name: row[name] for name in ("params", "macs")} == json.loads(saved.out)["totals"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "nothing changes; give --to KIND"),
        (("--first", "--width", "0.5,1"), "--first selects convolutions to replace; give --to KIND"),
        (("--where", "kernel_size>1", "--width", "0.5,1"), "--where selects convolutions"),
        (("--save", "x.toml", "--width", "0.5,1"), "there are 2 networks"),
        (("--save", "x.toml", "--width", "0.5,1", "--to", "BSConvU"), "there are 4 networks"),
        (("--set", "p=4", "--width", "0.5,1"), "not a key of an arch file"),
        (("--width", "1,1"), "a value occurs twice"),
        (("--width", "1:0.5:0.1"), "is empty; give the smaller end first"),
        (("--width", "0,1"), "is invalid"),
        (("--width", "0.5,"), "is not a number"),
        (("--input", "16,x"), "is not a size"),
        (("--input", "16:8:x"), "not a number or a range"),
        (("--input", "16.5,8"), "is not a size"),
        (("--input", "1:1000"), "1000 networks are too many; at most 100"),
        (("--input", "1:51", "--to", "BSConvU"), "102 networks are too many; at most 100"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(run: Run, write: Write, words: tuple[str, ...], says: str) -> None:
    result = run("whatif", write("small.toml", SMALL), *words)
    assert result.code == 2
    assert len(result.problems) == 1
    assert says in result.problems[0]


@pytest.mark.parametrize("words", [("--width", "0.5,0.75"), ("--input", "128:224:32"), ("--input", "16,32")])
@pytest.mark.parametrize("command", [(), ("compare",), ("formula",)])
def test_other_commands_point_to_those_that_compare(run: Run, command: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = run(*command, MOBILENET, *words)
    assert result.code == 2
    assert "use flopcount whatif to compare several, flopcount sweep for a grid" in result.problems[0]
