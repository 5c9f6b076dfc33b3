"""One result, five formats: the same exact integers, rows that add up, and the promises of the JSON."""

import csv
import io
import itertools
import json
import re
from typing import Any
from xml.parsers import expat

import pytest
from conftest import Process, Result, Run

MOBILENET = ("mobilenet_v1", "--input", "160")
STANDARD, SPECIFIED, RATIO = 1045417824, 126373376, 0.12088312739538674
"""What the well-known script prints."""

WIDTHS = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
SIZES = [79, 77, 38, 36, 17, 15, 6, 4, 2, 0, -2, -4, -3, -5]
"""The script's maps at 160."""

FIRST_WEIGHTS = 3 * 32 * 3**2
PRODUCTS = 3_139_584
"""The channels read times the channels written, summed over the thirteen layers after the first."""

STANDARD_WEIGHTS = FIRST_WEIGHTS + 3**2 * PRODUCTS
SPECIFIED_WEIGHTS = FIRST_WEIGHTS + 3**2 * 4960 + PRODUCTS
"""4960 are the channels read, summed the same way: one 3×3 filter for each."""

FORMATS = ["table", "json", "csv", "markdown", "svg"]


def data(run: Run, *arguments: str) -> Any:
    """Return what a command says as JSON."""
    result = run(*arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def words(result: Result) -> str:
    """Return what was printed with single blanks, without the tags of a picture."""
    return " ".join(re.sub(r"<[^>]*>|&#160;", " ", result.out + result.err).split())


def printed_rows(run: Run, fmt: str, *arguments: str) -> list[dict[str, str]]:
    """Read the main table of a format back, by its own titles."""
    text = run(*arguments, "--format", fmt).out
    if fmt == "csv":
        return [*csv.DictReader(io.StringIO(text))]
    lines = text.splitlines() if fmt == "table" else text.replace("**", "").splitlines()
    cells = [re.split(r"\s{3,}", line.strip()) if fmt == "table" else line[2:-2].split(" | ") for line in lines]
    start = next(index for index, row in enumerate(cells) if row[0] == "#")
    rows = itertools.takewhile(lambda row: len(row) > 3, cells[start + 2 :])
    return [dict(zip(cells[start], row, strict=False)) for row in rows]


def test_the_json_of_a_count_has_the_promised_keys(run: Run) -> None:
    """These are what scripts rely on."""
    found = data(run, *MOBILENET)
    assert found["schema_version"] == 2
    assert found["arch"] == "mobilenet_v1"
    assert found["input"] == [3, 160, 160]
    assert found["convention"]
    assert found["totals"] == {"params": SPECIFIED_WEIGHTS, "macs": SPECIFIED}
    assert found["weighted_layers"] == 1 + 2 * 13
    assert found["standard"] == {
        "totals": {"params": STANDARD_WEIGHTS, "macs": STANDARD},
        "ratio": {"params": SPECIFIED_WEIGHTS / STANDARD_WEIGHTS, "macs": RATIO},
    }
    assert [layer["output"] for layer in found["layers"]] == [
        [width, size, size] for width, size in zip(WIDTHS, SIZES, strict=True)
    ]
    assert [layer["type"] for layer in found["layers"]] == ["Conv"] + ["DepthSepConv"] * 13
    paths = ["Conv1", *(f"DepthSepConv{position}" for position in range(2, 15))]
    assert [layer["path"] for layer in found["layers"]] == paths
    assert all(type(layer[key]) is int for layer in found["layers"] for key in ("params", "macs"))


@pytest.mark.parametrize("arch", ["mobilenet_v1", "mobilenet_v1_1.0_224", "vgg16", "alexnet_grouped", "m5"])
def test_the_rows_of_the_json_add_up(arch: str, run: Run) -> None:
    """Layers to the totals, with standard convolutions too, and parts to their layer."""
    found = data(run, arch)
    for key, total in found["totals"].items():
        assert sum(layer[key] for layer in found["layers"]) == total
    if "standard" in found:
        macs = sum(layer.get("standard_macs", layer["macs"]) for layer in found["layers"])
        assert macs == found["standard"]["totals"]["macs"]
    for layer in found["layers"]:
        for key in ("params", "macs"):
            assert sum(part[key] for part in layer.get("parts", [layer])) == layer[key]


def test_the_json_says_which_parts_a_layer_has(run: Run) -> None:
    """A depthwise-separable layer is its two convolutions."""
    second = data(run, *MOBILENET)["layers"][1]
    assert [part["path"] for part in second["parts"]] == ["DepthSepConv2.depthwise", "DepthSepConv2.pointwise"]
    assert [part["params"] for part in second["parts"]] == [32 * 3**2, 32 * 64]


@pytest.mark.parametrize("fmt", ["table", "csv", "markdown"])
@pytest.mark.parametrize("arch", ["mobilenet_v1", "mobilenet_v1_1.0_224", "vgg16"])
def test_the_rows_that_are_printed_add_up(fmt: str, arch: str, run: Run) -> None:
    """To the totals of the JSON, whose numbers the last row repeats."""
    totals = data(run, arch)["totals"]
    rows = printed_rows(run, fmt, arch)
    total = rows.pop() if "total" in rows[-1].values() else None
    for key, title in (("params", "params"), ("macs", "macs" if fmt == "csv" else "MACs")):
        assert sum(int(row[title].replace(",", "")) for row in rows) == totals[key]
        assert total is None or int(total[title].replace(",", "")) == totals[key]


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_exact_integers_are_in_every_format(fmt: str, run: Run) -> None:
    """Without separators, to be searched for and copied; and so is the ratio, to its last digit."""
    result = run(*MOBILENET, "--format", fmt)
    found = {*re.findall(r"[\w.]+", result.out)}
    assert {str(STANDARD), str(SPECIFIED), str(RATIO), str(SPECIFIED_WEIGHTS)} <= found
    assert fmt == "csv" or str(STANDARD_WEIGHTS) in found


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_convention_in_force_is_in_every_format(fmt: str, run: Run) -> None:
    text = words(run("vgg16", "--format", fmt, "--params", "weights"))
    assert "MACs: conv, linear, matmul · params: weights" in text or "weights of convolutions and linear layers" in text


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_note_on_vanished_maps_is_in_every_format(fmt: str, run: Run) -> None:
    """From which layer on, how much of each figure, and the true figures; CSV says it on stderr."""
    text = words(run(*MOBILENET, "--format", fmt))
    facts = ["DepthSepConv10", "325582848", "36539904", "2482790400", "289651200", "0.11666357337292749"]
    assert [fact for fact in facts if fact not in text] == []


@pytest.mark.parametrize("fmt", FORMATS)
def test_there_is_no_note_where_nothing_vanishes(fmt: str, run: Run) -> None:
    result = run(*MOBILENET, "--set", "defaults.padding=same", "--format", fmt)
    assert "vanished" not in result.out + result.err
    assert "2482790400" in result.out
    assert "289651200" in result.out
    assert "0.11666357337292749" in result.out


@pytest.mark.parametrize("fmt", FORMATS)
def test_an_arch_with_nothing_to_compare_has_no_such_columns(fmt: str, run: Run) -> None:
    """VGG is made of standard convolutions."""
    result = run("vgg16", "--format", fmt)
    assert re.search(r"\b(standard|ratio)\b", result.out + result.err) is None


def test_flops_are_not_shown_by_default(run: Run) -> None:
    """1 MAC is 2 FLOPs; the default is MACs."""
    for fmt in FORMATS:
        assert "flops" not in run(*MOBILENET, "--format", fmt).out.lower()


def test_flops_are_two_for_each_mac_wherever_an_option_names_them(run: Run) -> None:
    """In rows, groups, parts, totals and comparisons, labeled FLOPs, under a key of their own."""
    found = data(run, *MOBILENET, "--sort", "flops")
    assert found["totals"]["flops"] == 2 * SPECIFIED
    assert found["standard"]["totals"]["flops"] == 2 * STANDARD
    assert all(each["flops"] == 2 * each["macs"] for row in found["layers"] for each in (row, *row.get("parts", ())))
    assert data(run, *MOBILENET, "--by", "type", "--sort", "flops")["groups"][0]["flops"] > SPECIFIED
    rows = printed_rows(run, "csv", *MOBILENET, "--columns", "path,flops,standard_flops,flops_share")
    assert [*rows[-1].values()] == ["total", str(2 * SPECIFIED), str(2 * STANDARD), "1.0"]
    assert "FLOPs" in run(*MOBILENET, "--sort", "FLOPs").out
    found = data(run, "whatif", "vgg16", "--to", "DepthSepConv", "--sort", "flops_1", "--where", "flops > 1G")
    assert all(row["flops"] == 2 * row["macs"] for row in (*found["layers"], *found["alternatives"]))
    assert all(row["flops_1"] == 2 * row["macs_1"] for row in found["layers"])


def test_a_convention_of_flops_has_them_as_its_cost(run: Run) -> None:
    """There is no column of MACs, and FLOPs are not doubled again."""
    found = data(run, "lenet5", "--convention", "calflops", "--sort", "flops")
    assert [*found["totals"]] == ["params", "flops"]
    assert found["totals"] == data(run, "lenet5", "--convention", "calflops")["totals"]


def test_each_note_has_its_code_beside_it(run: Run) -> None:
    found = data(run, *MOBILENET)
    assert found["note_codes"] == ["maps-vanished"]
    assert len(found["notes"]) == 1


def test_the_picture_is_well_formed(run: Run) -> None:
    text = run(*MOBILENET, "--format", "svg").out
    expat.ParserCreate().Parse(text, True)
    assert text.startswith("<svg")


def test_parts_are_shown_when_asked_for(run: Run) -> None:
    """A row for each convolution inside, 288 + 2048 = 2336 weights in the second layer."""
    assert "DepthSepConv2.depthwise" not in run(*MOBILENET).out
    text = run(*MOBILENET, "--parts").out
    assert re.search(r"DepthSepConv2\.depthwise .* 288 ", text)
    assert re.search(r"DepthSepConv2\.pointwise .* 2,048 ", text)


def test_what_is_piped_is_neither_wrapped_nor_colored(process: Process) -> None:
    """However narrow the terminal is that started it."""
    narrow = process(*MOBILENET, COLUMNS="20", TERM="xterm-256color")
    assert narrow == process(*MOBILENET, COLUMNS="300", TERM="dumb", NO_COLOR="1")
    assert "\x1b" not in narrow.out
    notes = [line for line in narrow.out.splitlines() if line.startswith("note:")]
    assert len(notes) == 1
    assert "2482790400" in notes[0]


def test_color_is_forced_on_tables_only(process: Process) -> None:
    assert "\x1b[1m" in process(*MOBILENET, FORCE_COLOR="1").out
    assert "\x1b" not in process(*MOBILENET, "--format", "markdown", FORCE_COLOR="1").out
    assert "\x1b" not in process(*MOBILENET, CLICOLOR_FORCE="1", PY_COLORS="1").out


def test_trailing_blanks_are_none(run: Run) -> None:
    for fmt in ("table", "json", "csv"):
        assert all(line == line.rstrip() for line in run(*MOBILENET, "--format", fmt).out.splitlines())


EVERY = (
    ("compare", "alexnet", "alexnet_grouped"),
    ("whatif", "resnet18", "--to", "HetConv", "--set", "p=4"),
    ("whatif", "resnet18", "--to", "HetConv", "--set", "p=2,4"),
    ("whatif", "mobilenet_v1", "--width", "1,0.5", "--input", "224,160"),
    ("space", "lenet5", "--input", "28:36:4", "--where", "macs <= 250k"),
    ("formula", "HetConv"),
    ("formula", "resnet18"),
    ("formula", "HetConv", "--pattern", "6x4", "-p", "3"),
    ("diff", "resnet18", "resnet34"),
    ("reconcile", "lenet5", "--to", "calflops", "--with", "416520"),
    ("lenet5", "--convention", "pnnx"),
    ("conventions", "pnnx"),
)


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown", "latex", "svg"])
@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_writes_every_format(command: tuple[str, ...], fmt: str, run: Run) -> None:
    result = run(*command, "--format", fmt)
    assert (result.code, bool(result.out)) == (0, True)
