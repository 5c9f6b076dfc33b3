"""`flopcount memory`: what is alive, the peak, what lowers it, other orders, patches, and TFLM's table."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses.memory.curve import peak_of
from flopcount.analyses.memory.lower import lowered
from flopcount.case import Case, load
from flopcount.report.memory import TOTALS, Memory, memory_report
from flopcount.report.terminal import Screen, render_terminal

CHAIN = """
name = "chain"
input = [1, 8, 8]
precision = "int8"
layers = [
  { type = "Conv", name = "a", out_channels = 4, kernel_size = 3, padding = 1, bias = false },
  { type = "Conv", name = "b", out_channels = 2, kernel_size = 3, padding = 1, bias = false },
  { type = "GlobalAvgPool", name = "c" },
]
"""
"""Maps of 64, 256, 128 and 2 bytes."""

BRANCHES = """
name = "branches"
input = [1, 8, 8]
precision = "int8"
layers = [
  { type = "Conv", name = "a", out_channels = 8, kernel_size = 1 },
  { type = "Conv", name = "b", out_channels = 8, kernel_size = 1, after = ["input"] },
  { type = "Conv", name = "a2", out_channels = 1, kernel_size = 1, after = ["a"] },
  { type = "Conv", name = "b2", out_channels = 1, kernel_size = 1, after = ["b"] },
  { type = "Add", name = "c", after = ["a2", "b2"] },
]
"""
"""a and b take 512 bytes each, what reads them 64: one branch after the other has them apart."""


def found(run: Run, *arguments: str, text: str = CHAIN) -> dict[str, Any]:
    result = run("memory", "-", *arguments, "--format", "json", stdin=text.encode())
    assert result.code == 0, result.err
    data: dict[str, Any] = json.loads(result.out)
    return data


def test_the_curve_the_peak_and_its_tensors_are_those_of_hand(run: Run) -> None:
    data = found(run)
    assert [each["peak"] for each in data["layers"]] == [64 + 256, 256 + 128, 128 + 2]
    assert data["totals"]["peak"] == data["totals"]["arena"] == 256 + 128
    assert data["totals"]["macs"] == sum(each["macs"] for each in data["layers"]) == 64 * (36 + 72)
    assert (data["peak"]["bytes"], data["peak"]["at"]) == (384, "b")
    assert data["peak"]["tensors"] == [
        {"name": "a", "shape": [4, 8, 8], "bits": 8, "bytes": 256, "from": "a", "to": "b"},
        {"name": "b", "shape": [2, 8, 8], "bits": 8, "bytes": 128, "from": "b", "to": "c"},
    ]


def test_what_lowers_the_peak_is_counted(run: Run) -> None:
    """At 6×6 the maps are 36 places: 6 of them; with half of a, 2 + 2 maps; with 3 and 1 channels 4."""
    lower = {each["what"]: (each["option"], each["peak"]) for each in found(run)["lower"]}
    assert lower == {
        "width": ("--width 0.75", 64 * (3 + 1)),
        "half the channels of a": ("--set a.out_channels=2", 64 * (2 + 2)),
    }
    assert next(each["option"] for each in found(run, "--input", "12")["lower"]) == "--input 8"
    again = found(run, "--width", "0.75")
    assert again["peak"]["bytes"] == 64 * 4


def test_one_branch_after_the_other_takes_less(run: Run) -> None:
    """In the file's order the input, a and b are alive: 1,088; then one branch to its end: 64 + 512 + 64."""
    data = found(run, "--reorder", text=BRANCHES)
    assert data["reorder"] == {
        "before": 512 + 512 + 64,
        "peak": 64 + 512 + 64,
        "proven": True,
        "lower_bound": 64 + 512 + 64,
        "order": ["a", "a2", "b", "b2", "c"],
    }
    assert [each["path"] for each in data["layers"]] == data["reorder"]["order"]
    assert max(each["peak"] for each in data["layers"]) == 640
    shown = run("memory", "-", "--reorder", stdin=BRANCHES.encode()).out
    assert "the peak 1,088 → 640 bytes; no order has less" in shown


def test_patches_compute_halos_again(run: Run) -> None:
    """A quarter of b, 4×4, follows from 5×5 of a and 6×6 of the input; MACs of a: 36 a place, of b: 72."""
    data = found(run, "--patch", "2x2:b")["patch"]
    assert data == {
        "layer": "b",
        "grid": [2, 2],
        "layers": 2,
        "before": 384,
        "peak": 64 + 128 + 4 * 25,  # the input, all of b, and a region of a
        "peak_in_patches": 292,
        "peak_after": 128 + 2,
        "macs": 64 * (36 + 72),
        "macs_recomputed": (4 * 25 - 64) * 36,
        "largest_input": [6, 6],
    }
    assert found(run, "--patch", "1x1:b")["patch"]["macs_recomputed"] == 0


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("3x2:b", "b writes 8×8, which the patches do not divide"),
        ("2:b", "b writes 8×8; give the patches along each of its axes"),
        ("2x2:c", "which the patches do not divide"),
        ("1x1:c", "needs all of what it reads"),
        ("2x2:d", "there is no layer 'd'"),
        ("2x2", "as in 2x2:layer1.conv2"),
        ("0x2:b", "as in 2x2:layer1.conv2"),
    ],
)
def test_a_patch_that_cannot_be_is_an_error(patch: str, words: str, run: Run) -> None:
    result = run("memory", "-", "--patch", patch, stdin=CHAIN.encode())
    assert (result.code, result.out) == (2, "")
    assert words in result.err, result.err


def test_a_map_inside_the_patches_is_read_by_nobody_else(run: Run) -> None:
    text = CHAIN.replace(
        '{ type = "GlobalAvgPool", name = "c" }', '{ type = "Concat", name = "c", after = ["a", "b"] }'
    )
    result = run("memory", "-", "--patch", "2x2:b", stdin=text.encode())
    assert (result.code, "c reads a, which would be in patches" in result.err) == (2, True)


def test_the_patches_of_mobilenet_v2_lower_its_peak(run: Run) -> None:
    """Strides, residuals and padding: each patch of 18×18 is checked by the MACs of 1×1 patches."""
    options = ("mobilenet_v2", "--input", "144", "--width", "0.35", "--precision", "int8", "--format", "json")
    data = json.loads(run("memory", *options, "--patch", "2x2:stage2.2.add").out)["patch"]
    assert data["before"] == 311_040
    assert data["peak"] < 170_000
    whole = json.loads(run("memory", *options, "--patch", "1x1:stage2.2.add").out)["patch"]
    assert (whole["macs_recomputed"], whole["macs"]) == (0, data["macs"])


def test_the_table_of_tflm_has_the_head_and_where_each_tensor_is(run: Run) -> None:
    """The largest is at 0, what it is alive with after it; the mean has 2 bytes and sums of 8, rounded to 16."""
    lines = run("memory", "-", "--format", "tflm", stdin=CHAIN.encode()).out.splitlines()
    assert lines[0] == "[RecordingMicroAllocator] Arena allocation head 384 bytes"
    assert lines[2:] == [
        "0 (id=0): size=64, offset=256, first_used=0 last_used=1",
        "1 (id=1): size=256, offset=0, first_used=1 last_used=2",
        "2 (id=2): size=128, offset=256, first_used=2 last_used=3",
        "3 (id=3): size=16, offset=16, first_used=3 last_used=3",
        "4 (id=4): size=16, offset=0, first_used=3 last_used=3",
    ]


def test_the_curve_is_a_table_in_every_format_and_a_chart(run: Run, tmp_path: Path) -> None:
    chart = tmp_path / "memory.svg"
    for name in ("table", "csv", "markdown", "latex"):
        result = run("memory", "-", "--format", name, "--plot", str(chart), stdin=CHAIN.encode())
        assert result.code == 0, result.err
        assert "384" in result.out
    assert "alive bytes" in chart.read_text(encoding="utf-8")


def test_orders_and_patches_are_not_mixed(run: Run) -> None:
    result = run("memory", "-", "--reorder", "--patch", "2x2:b", stdin=CHAIN.encode())
    assert (result.code, "name one" in result.err) == (2, True)
    result = run("memory", "-", "--reorder", "--format", "tflm", stdin=CHAIN.encode())
    assert (result.code, "omit --reorder" in result.err) == (2, True)


def test_metrics_that_are_asked_for_are_columns(run: Run) -> None:
    """LeNet's first layer has 156 params, reads 1×32×32 and writes 6×28×28: 5,884 numbers of 4 bytes."""
    lines = run("memory", "lenet5", "--metrics", "traffic", "--format", "csv").out.splitlines()
    assert (lines[0].split(",")[-1], lines[1].split(",")[-1]) == ("traffic", str(4 * 5884))


def test_what_is_not_searched_is_said(run: Run, write: Write) -> None:
    layers = '[{ type = "Identity", repeat = 20001 }]'
    found = run("memory", write("net.toml", f"input = [1]\nlayers = {layers}\n"))
    assert "what would lower the peak is searched in networks of at most 20,000 layers" in found.out


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_is_to_be_copied_is_whole(width: int) -> None:
    """The names of MobileNet's layers are so long that the table does not fit."""
    case = Case(load("mobilenet_v2"), metrics=("params", "macs", *TOTALS))
    report = memory_report(case.count, Memory(peak_of(case), lowered(case)))
    assert "--set stage2.1.expand.out_channels=48" in " ".join(render_terminal(report, Screen(width)).split())


def test_a_gate_is_refused_because_it_needs_all_of_the_map(run: Run) -> None:
    text = CHAIN.replace(
        '{ type = "GlobalAvgPool", name = "c" }', '{ type = "SqueezeExcitation", squeeze_channels = 1 }'
    )
    found = run("memory", "-", "--patch", "2x2:SqueezeExcitation3", stdin=text.encode())
    assert (found.code, "needs all of the map, which no patch has; name a layer before it" in found.err) == (2, True)


def test_a_column_that_groups_do_not_have_is_named(run: Run) -> None:
    found = run("count", "lenet5", "--by", "type", "--metrics", "intensity,receptive_field")
    assert "not of several layers together: MACs/byte, receptive field" in found.out


TWO = """
input = [32, 32, 3]
layers = [
  { type = "Conv", name = "a", out_channels = 64, kernel_size = 1 },
  { type = "Conv", name = "b", out_channels = 64, kernel_size = 1, after = ["a"] },
  { type = "Conv", name = "c", out_channels = 64, kernel_size = 1, after = ["a"] },
  { type = "Conv", name = "d", out_channels = 1, kernel_size = 1, after = ["b"] },
  { type = "Conv", name = "e", out_channels = 1, kernel_size = 1, after = ["c"] },
  { type = "Add", after = ["d", "e"] },
]
"""


def test_another_order_has_the_notes_of_the_file(run: Run) -> None:
    """The input looks like an image with its channels last, in any order of the layers."""
    found = json.loads(run("memory", "-", "--reorder", "--format", "json", stdin=TWO.encode()).out)
    assert found["reorder"]["peak"] < found["reorder"]["before"]
    assert found["note_codes"] == ["input-order"]
