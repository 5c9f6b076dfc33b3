"""`flopcount space`: what is printed, declared in files, and refused."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

SPACE = """
arch = "lenet5"

[space]
input = "28:36:4"
"layers.0.out_channels" = [4, 6, "8:10"]
width = [0.5, 1]
"""
OPTIONS = ("--input", "28:36:4", "--set", "layers.0.out_channels=4,6,8,9,10", "--width", "0.5,1")


def report(run: Run, *arguments: str | Path) -> Any:
    """Return an answer as JSON."""
    result = run("space", *arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def refused(run: Run, *arguments: str | Path) -> str:
    """Return the one sentence with which something is refused."""
    result = run("space", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert len(result.problems) == 1
    return str(result.problems[0])


def test_a_file_of_axes_is_the_same_as_options(run: Run, write: Write) -> None:
    """30 candidates either way; which is which is a matter of the order."""
    declared, said = report(run, write("space.toml", SPACE)), report(run, "lenet5", *OPTIONS)
    assert declared["counts"] == said["counts"]
    assert declared["counts"]["all"] == 30
    assert declared["axes"]["layers.0.out_channels"] == [4, 6, 8, 9, 10]


def test_flops_limit_a_space_like_macs_at_half_the_number(run: Run) -> None:
    axes = ("mobilenet_v2", "--input", "96:224:32", "--width", "0.25:1:0.25")
    known, named = (report(run, *axes, "--where", where) for where in ("macs < 250M", "flops < 500M"))
    assert 0 < known["counts"]["meeting"]["lower"] < 20
    assert named["counts"] == known["counts"]
    rows = {row["what"]: row for row in named["candidates"]}
    assert rows["most FLOPs of those"]["id"] == known["candidates"][-1]["id"]
    assert all(row["flops"] == 2 * row["macs"] for row in rows.values())
    assert not any("flops" in row for row in known["candidates"])


def test_a_file_may_declare_its_own_axes_as_json_or_nested(run: Run, write: Write) -> None:
    arch = {
        "input": [3, 8, 8],
        "layers": [{"type": "Conv", "name": "a", "out_channels": 4, "kernel_size": 1, "bias": False}],
        "space": {"a": {"out_channels": [1, 2, 4]}, "input": "8:16:8"},
    }
    found = report(run, write("own.json", json.dumps(arch)), "--where", "params <= 6")
    assert found["counts"] == {"all": 6, "valid": 6, "meeting": {"lower": 4, "upper": 4, "exact": True}}
    assert json.loads(run(write("own.json", json.dumps(arch)), "--format", "json").out)["totals"]["params"] == 12


def test_options_go_before_what_a_file_declares(run: Run, write: Write) -> None:
    path = write("space.toml", SPACE)
    assert report(run, path, "--input", "32", "--width", "0.25:1:0.25")["counts"]["all"] == 20
    assert report(run, path, "--set", "layers.0.out_channels=5")["counts"]["all"] == 6


def test_a_base_beside_the_file_goes_before_a_bundled_one(run: Run, write: Write) -> None:
    write("base.toml", 'input = [1, 4, 4]\nlayers = [{ type = "Flatten" }, { type = "Linear", out_features = 10 }]')
    path = write("space.toml", 'arch = "base.toml"\n[space]\n"Linear2.out_features" = "1:9"')
    assert report(run, path)["counts"]["all"] == 9
    assert json.loads(run(path, "--format", "json").out)["totals"]["macs"] == 160


def test_a_star_gives_each_layer_an_axis_of_its_own(run: Run) -> None:
    found = report(run, "mobilenet_v1_1.0_224", "--set", "DepthSepConv1?.out_channels=64,128")
    assert [*found["axes"]] == [f"DepthSepConv{place}.out_channels" for place in range(10, 15)]
    assert found["counts"]["valid"] == 2**5


def test_sweep_and_space_mean_the_same_candidates(run: Run, write: Write) -> None:
    path = write("space.toml", SPACE)
    drawn = report(run, path, "--where", "macs <= 250k", "--sample", "5", "--seed", "3")["candidates"]
    rows = {
        row["id"]: row for row in json.loads(run("sweep", path, "--format", "json", "--top", "99").out)["candidates"]
    }
    assert len([each for each in drawn if each["what"] == "drawn"]) == 5
    for each in drawn:
        what = each.pop("what")
        assert each == rows[each["id"]]
        assert each["macs"] <= 250_000 or what not in {"drawn", "most MACs of those"}


def test_bounds_are_printed_as_bounds(run: Run) -> None:
    """Of 8¹³ and of 8⁹ candidates nothing exact is said where it is not known."""
    every = ("--set", "*.out_channels=64:512:64", "--where", "macs <= 2G", "--bounds")
    counts = report(run, "mobilenet_v1_1.0_224", *every)["counts"]["meeting"]
    assert counts["lower"] < counts["upper"]
    assert not counts["exact"]
    some = ("--set", "DepthSepConv?.out_channels=61:509:64", "--where", "macs <= 2G and params <= 4M", "--bounds")
    assert "\nbetween " in run("space", "mobilenet_v1_1.0_224", *some).out


def test_bounds_hold_the_exact_count(run: Run) -> None:
    """8 layers × 8 widths × 4 inputs are 4·8⁸ candidates."""
    axes = ("--input", "128:224:32", "--set", "DepthSepConv?.out_channels=8:64:8", "--where", "macs <= 100M")
    exact = report(run, "mobilenet_v1_1.0_224", *axes)["counts"]
    bounds = report(run, "mobilenet_v1_1.0_224", *axes, "--bounds")["counts"]["meeting"]
    assert exact["all"] == exact["valid"] == 4 * 8**8
    assert exact["meeting"]["exact"]
    assert 0 < bounds["lower"] <= exact["meeting"]["lower"] <= bounds["upper"] < exact["all"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--input", "64:32:8"), "give the smaller end first"),
        (("--input", "32:64:0"), "give a step above 0"),
        (("--set", "layers.0.flavour=1,2"), "flavour"),
        (("--set", "nothing.here=1,2"), "nothing"),
        (("--set", "x*.out_channels=1,2"), "no layer with 'out_channels'"),
        (("--set", "Conv?.flavour=1,2"), "no layer with 'flavour'"),
        (("--input", "28,32", "--where", "macs <="), "not a condition; write"),
        (("--input", "28,32", "--where", "bytes < 3"), "there is no column"),
        (("--input", "28,32", "--where", "macs * macs < 3"), "limits on metrics"),
        (("--input", "28,32", "--where", "macs < 'a'"), "limits on metrics"),
        (("--input", "28,32", "--exact", "--bounds"), "omit one of them"),
        (("--input", "28,32", "--where", "macs < 1", "--sample", "1"), "no candidate meets"),
        ((), "nothing varies"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(run, "lenet5", *arguments)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('arch = "lenet5"\n[space]\ninput = []', "[space] input: no values"),
        ('arch = "lenet5"\n[space]\ninput = "64:32"', "give the smaller end first"),
        ('arch = "lenet5"\n[space]\ninput = "a,b"', "[space] input"),
        ('arch = "lenet5"\n[space]\ndepth = [1, 2]', "[space] depth: unknown axis"),
        ('arch = "lenet5"\n[space]\n"layers.0.stride" = [1, 1]', "[space] layers.0.stride: a value occurs twice"),
        ('arch = "no_such_net"\n[space]\ninput = [28, 32]', "no file or bundled network"),
        ("arch = 3\n[space]\ninput = [28, 32]", "arch takes the name"),
        ('arch = "lenet5"\nspace = 3', "space a table"),
        ('arch = "lenet5"\nbudget = 3\n[space]\ninput = [28, 32]', "not 'budget'"),
        ('arch = "lenet5"', "nothing varies"),
        ('arch = "lenet5"\n[space]\n"layers.0.*" = [1, 2]', "layers.0"),
        ('arch = "space.toml"\n[space]\ninput = [28, 32]', "another space"),
    ],
)
def test_what_a_file_cannot_declare_is_refused_in_one_sentence(run: Run, write: Write, text: str, words: str) -> None:
    assert words in refused(run, write("space.toml", text))


def test_without_numpy_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert "pip install '.[sweep]'" in refused(run, "lenet5", "--input", "28,32")


def test_a_space_can_come_from_standard_input(run: Run) -> None:
    result = run("space", "-", "--format", "json", stdin=SPACE.encode())
    assert json.loads(result.out)["counts"]["all"] == 30


def test_the_header_says_each_thing_once(run: Run, write: Write) -> None:
    """A kernel of 3 does not fit the input of 2, which has 8 MACs with a kernel of 1 and of 2; all others have more."""
    path = write(
        "a.toml", 'input = [1, 2]\nlayers = [{ type = "Conv", name = "c", out_channels = 4, kernel_size = 1 }]'
    )
    assert run("space", path, "--input", "2,3").out.splitlines()[:4] == [
        "network: a space of 2 candidates",
        "axis input (2)",
        "MACs: conv, linear, matmul · params: trainable",
        "",
    ]
    both = ("--input", "2,3", "--set", "c.kernel_size=1,2,3", "--where", "macs <= 8")
    assert run("space", path, *both).out.splitlines()[1:5] == [
        "axes input (2), c.kernel_size (3)",
        "MACs: conv, linear, matmul · params: trainable",
        "5 valid, 1 invalid",
        "2 meet macs <= 8",
    ]
    one = run("space", path, "--input", "2,3", "--where", "macs <= 8", "--sample", "1").out.splitlines()
    assert one[3:5] == ["1 meets macs <= 8", "1 sampled uniformly with replacement from those that meet it"]
