"""Views of a count: folded, summed, sorted, cut; whatever is shown adds up to the total."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
from conftest import Result, Run, Write

View = Callable[..., list[dict[str, str]]]
NETWORKS = ("mobilenet_v1_1.0_224", "resnet50", "googlenet")
CONTENT = """name = "n"
input = [3, 8, 8]
[[layers]]
type = "Conv"
name = "stem"
out_channels = 4
kernel_size = 1
bias = false
[[layers]]
type = "Block"
name = "b"
repeat = 2
[[layers.layers]]
type = "DepthSepConv"
name = "s"
out_channels = 4
kernel_size = 3
padding = 1
bias = false
[[layers.layers]]
type = "Block"
name = "c"
[[layers.layers.layers]]
type = "Conv"
name = "x"
out_channels = 4
kernel_size = 1
bias = false
[[layers.layers.layers]]
type = "Conv"
name = "y"
out_channels = 4
kernel_size = 3
padding = 1
bias = false
[[layers]]
type = "Flatten"
[[layers]]
type = "Linear"
out_features = 2
bias = false
"""
"""stem 12; b.1 and b.2: s 36 + 16, c.x 16, c.y 144; Linear 512. Each but the last at 64 places."""


def rows(result: Result) -> list[dict[str, str]]:
    assert result.code == 0, result.err
    return [*csv.DictReader(io.StringIO(result.out))]


@pytest.fixture
def view(run: Run, write: Write) -> View:
    """Show the network above; its rows without the total."""
    path = write("n.toml", CONTENT)

    def call(*options: str) -> list[dict[str, str]]:
        *shown, total = rows(run(path, "--format", "csv", *options))
        assert "total" in total.values()
        return shown

    return call


def params(found: list[dict[str, str]], key: str) -> list[tuple[str, int]]:
    return [(row[key], int(row["params"])) for row in found]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        ("1", [("stem", 12), ("b", 424), ("Flatten3", 0), ("Linear4", 512)]),
        ("2", [("stem", 12), ("b.1", 212), ("b.2", 212), ("Flatten3", 0), ("Linear4", 512)]),
        (
            "3",
            [
                *(("stem", 12), ("b.1.s", 52), ("b.1.c", 160), ("b.2.s", 52), ("b.2.c", 160)),
                *(("Flatten3", 0), ("Linear4", 512)),
            ],
        ),
        (
            "9",
            [
                *(("stem", 12), ("b.1.s", 52), ("b.1.c.x", 16), ("b.1.c.y", 144)),
                *(("b.2.s", 52), ("b.2.c.x", 16), ("b.2.c.y", 144), ("Flatten3", 0), ("Linear4", 512)),
            ],
        ),
    ],
)
def test_blocks_are_folded(depth: str, expected: list[tuple[str, int]], view: View) -> None:
    """One row for all layers that share the first names of their paths, numbered anew."""
    found = view("--depth", depth)
    assert params(found, "path") == expected
    assert [int(row["position"]) for row in found] == [*range(1, len(expected) + 1)]


def test_a_fold_leaves_what_its_last_layer_leaves(view: View) -> None:
    assert [row["output"] for row in view("--depth", "1")] == ["4×8×8", "4×8×8", "256", "2"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("type", [("Conv", 332), ("DepthSepConv", 104), ("Flatten", 0), ("Linear", 512)]),
        ("kernel", [("Conv 1×1", 76), ("DepthwiseConv 3×3", 72), ("Conv 3×3", 288), ("Flatten", 0), ("Linear", 512)]),
        ("block", [("stem", 12), ("b", 424), ("Flatten3", 0), ("Linear4", 512)]),
        ("output", [("4×8×8", 436), ("256", 0), ("2", 512)]),
    ],
)
def test_rows_are_summed_by_a_column(key: str, expected: list[tuple[str, int]], view: View) -> None:
    """Groups stand where their first layer does; kernels look into composite layers."""
    assert params(view("--by", key), key) == expected


def test_groups_are_counted(view: View) -> None:
    """A composite layer is one by its type, and two by the kernels in it."""
    assert {row["type"]: row["layers"] for row in view("--by", "type")}["DepthSepConv"] == "2"
    assert {row["kernel"]: row["layers"] for row in view("--by", "kernel")}["DepthwiseConv 3×3"] == "2"


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "options",
    [
        *((), ("--depth", "1"), ("--depth", "2"), ("--by", "type"), ("--by", "kernel"), ("--by", "block")),
        *(("--by", "output"), ("--by", "path"), ("--depth", "2", "--by", "type"), ("--depth", "1", "--by", "kernel")),
        *(("--sort", "macs"), ("--depth", "1", "--sort", "params"), ("--by", "type", "--sort", "macs")),
    ],
    ids=" ".join,
)
def test_rows_add_up_to_the_total(name: str, options: tuple[str, ...], run: Run) -> None:
    """Params and MACs exactly, shares to one; and the total is that of the plain view."""
    *shown, total = rows(run(name, "--format", "csv", *options))
    plain = rows(run(name, "--format", "csv"))[-1]
    for key in ("params", "macs"):
        assert sum(int(row[key]) for row in shown) == int(total[key]) == int(plain[key])
    assert sum(float(row["share"]) for row in shown) == pytest.approx(1)


def test_table_2_of_the_mobilenet_paper(run: Run) -> None:
    """MACs and weights by kernel; the paper's 1.19 % for 3×3 convolutions is a known erratum: it is 1.91 %."""
    found = rows(run("mobilenet_v1_1.0_224", "--by", "kernel", "--params", "weights", "--format", "csv"))
    shares = {row["kernel"]: (f"{float(row['share']):.2%}", f"{float(row['params_share']):.2%}") for row in found}
    assert shares["Conv 1×1"] == ("94.86%", "74.59%")
    assert shares["DepthwiseConv 3×3"] == ("3.06%", "1.06%")
    assert shares["Conv 3×3"] == ("1.91%", "0.02%")
    assert shares["Linear"] == ("0.18%", "24.33%")


def test_comparisons_with_standard_convolutions_add_up(run: Run) -> None:
    """Each fold has the standard MACs of its layers, and the ratio of the sums."""
    for options in (("--by", "type"), ("--by", "block"), ("--by", "output")):
        *shown, total = rows(run("mobilenet_v1", "--format", "csv", *options))
        assert sum(int(row["standard_macs"] or 0) for row in shown) == int(total["standard_macs"])
        for row in shown:
            if row["ratio"] and int(row["standard_macs"]):
                assert float(row["ratio"]) <= 1


@pytest.mark.parametrize("key", ["params", "macs", "share", "params_share"])
def test_numbers_are_sorted_from_the_largest(key: str, run: Run) -> None:
    *shown, _ = rows(run("resnet50", "--format", "csv", "--sort", key, "--columns", key))
    values = [float(row[key]) for row in shown]
    assert all(one >= other for one, other in pairwise(values))


@pytest.mark.parametrize("key", ["path", "type"])
def test_words_are_sorted_from_a(key: str, view: View) -> None:
    values = [row[key] for row in view("--sort", key)]
    assert values == sorted(values)


def test_the_first_rows_alone(run: Run, view: View, write: Write) -> None:
    """The total stays that of all, and a line says so."""
    assert params(view("--sort", "params", "--top", "2"), "path") == [("Linear4", 512), ("b.1.c.y", 144)]
    assert len(view("--top", "999")) == 9
    path = write("n.toml", CONTENT)
    assert rows(run(path, "--top", "1", "--format", "csv"))[-1]["params"] == "948"
    for fmt in ("table", "markdown", "latex"):
        assert "8 more rows" in run(path, "--top", "1", "--format", fmt).out
    assert "8 more" in run(path, "--top", "1", "--by", "path", "--format", "table").out


def test_columns_are_chosen_and_ordered(view: View) -> None:
    assert [*view("--columns", "macs, path")[0]] == ["macs", "path"]
    assert [*view("--by", "kernel", "--columns", "params_share,kernel,layers")[0]] == [
        "params_share",
        "kernel",
        "layers",
    ]


def test_rows_say_what_they_are_about_whatever_columns_are_chosen(view: View) -> None:
    assert [*view("--columns", "macs")[0]] == ["path", "macs"]
    assert [*view("--by", "type", "--columns", "macs")[0]] == ["type", "macs"]


def test_more_columns_than_are_shown_may_be_chosen(view: View) -> None:
    found = view("--columns", "path,kernel,params_share")
    assert found[0] == {"path": "stem", "kernel": "1×1", "params_share": str(12 / 948)}


def test_options_go_together(view: View) -> None:
    """Folded, then summed, then sorted, then cut, then the columns."""
    found = view("--depth", "2", "--by", "output", "--sort", "params", "--top", "1", "--columns", "params,output")
    assert found == [{"params": "512", "output": "2"}]


def test_the_data_have_what_is_shown(run: Run, write: Write) -> None:
    """JSON has the same groups, exactly, and the totals of the whole."""
    path = write("n.toml", CONTENT)
    data = json.loads(run(path, "--by", "kernel", "--format", "json").out)
    assert data["totals"] == {"params": 948, "macs": 436 * 64 + 512}
    assert [(group["kernel"], group["params"]) for group in data["groups"]] == [
        *(("Conv 1×1", 76), ("DepthwiseConv 3×3", 72), ("Conv 3×3", 288), ("Flatten", 0), ("Linear", 512))
    ]
    folded = json.loads(run(path, "--depth", "1", "--format", "json").out)["layers"]
    assert [(layer["path"], layer["params"]) for layer in folded][1] == ("b", 424)
    assert len(json.loads(run(path, "--top", "2", "--format", "json").out)["layers"]) == 2


WRONG: Mapping[str, tuple[tuple[str, ...], str]] = {
    "by a misspelt column": (("--by", "tpye"), "did you mean 'type'"),
    "by what adds up": (("--by", "params"), "kernel"),
    "by nothing": (("--by", ""), "type"),
    "sort by a misspelt column": (("--sort", "parms"), "did you mean 'params'"),
    "sort by what is gone": (("--by", "type", "--sort", "path"), "layers"),
    "sort by nothing": (("--sort", ""), "path"),
    "columns misspelt": (("--columns", "path,marcs"), "did you mean 'macs'"),
    "columns that are gone": (("--by", "type", "--columns", "output"), "type"),
    "columns of nothing": (("--columns", ""), "path"),
    "columns with a gap": (("--columns", "path,,macs"), "path"),
    "no depth": (("--depth", "0"), "at least 1"),
    "less than no depth": (("--depth", "-1"), "at least 1"),
    "depth of a word": (("--depth", "all"), "integer"),
    "top of none": (("--top", "0"), "at least 1"),
    "top of less": (("--top", "-5"), "at least 1"),
    "top of a word": (("--top", "ten"), "integer"),
}


@pytest.mark.parametrize(("options", "word"), WRONG.values(), ids=WRONG)
def test_an_invalid_view_is_refused_with_a_hint(options: tuple[str, ...], word: str, run: Run) -> None:
    result = run("resnet50", *options)
    assert (result.code, result.out) == (2, "")
    assert word in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("option", ["--by", "--sort", "--columns"])
def test_no_column_is_suggested_twice(option: str, run: Run) -> None:
    listed = run("resnet50", option, "zzzz").problems[0].rpartition("expected one of ")[2].split(", ")
    assert len(listed) == len({*listed})


def test_layers_have_the_columns_people_look_for(run: Run) -> None:
    """By hand: the 3×3 depthwise convolution of the second block of MobileNet v2, and the sum before its pool."""
    keys = "path,input,kernel,stride,groups,activations,flops"
    rows = [*csv.DictReader(io.StringIO(run("mobilenet_v2", "--columns", keys, "--format", "csv").out))]
    (row,) = (row for row in rows if row["path"] == "stage2.1.depthwise")
    assert [*row.values()][1:] == ["96×112×112", "3×3", "2×2", "96", str(96 * 56**2), str(2 * 9 * 96 * 56**2)]
    assert rows[-1]["activations"] == str(sum(int(row["activations"]) for row in rows[:-1]))


def test_an_unknown_column_is_answered_with_all_that_are_accepted(run: Run) -> None:
    error = run("resnet18", "--columns", "bogus").err
    accepted = error.partition("known here: ")[2].strip().split(", ")
    assert {"path", "kernel", "input", "stride", "groups", "flops", "activations", "params_share"} <= {*accepted}
    assert run("resnet18", "--columns", ",".join(accepted)).code == 0


def test_standard_convolutions_are_compared_if_asked_or_if_composite_kinds_stand_for_them(run: Run) -> None:
    assert "standard MACs" in run("mobilenet_v1_1.0_224").out
    assert "standard" not in run("mobilenet_v2").out
    assert "5549139968   300774272   0.05420196169757165" in run("mobilenet_v2", "--standard").out
    assert "every convolution is a standard one" in run("resnet18", "--standard").out
    assert "standard_macs" in run("mobilenet_v2", "--format", "csv").out
