"""`flopcount conventions` and `--convention`: listed, shown, and obeyed by every command."""

import csv
import io
import json
from pathlib import Path

import pytest
from conftest import Run, Write

from flopcount.network.convention import convention, mac_conventions


def test_all_are_listed(run: Run) -> None:
    rows = json.loads(run("conventions", "--format", "json").out)["conventions"]
    assert [row["convention"] for row in rows] == mac_conventions()


@pytest.mark.parametrize("name", mac_conventions())
def test_one_is_shown_with_all_its_weights(name: str, run: Run) -> None:
    data = json.loads(run("conventions", name, "--format", "json").out)
    rule = convention(macs=name)
    assert {row["entry"]: row["weight"] for row in data["weights"]} == rule.operations.weights
    assert {row["entry"]: row["weight"] for row in data["params"]} == rule.parameters.weights
    assert (data["name"], data["headline"]) == (name, rule.headline)


def test_a_convention_is_shown_readably(run: Run) -> None:
    out = run("conventions", "thop").out
    assert "batch_norm " in out
    assert "2 per element, 2 more with scale and shift; said to be fused, and counted" in out
    assert "written: function" in out
    assert "thop/vision/basic_hooks.py" in out


def total(run: Run, *arguments: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(run(*arguments, "--format", "json").out)["totals"]
    return found


def test_flops_are_called_flops(run: Run) -> None:
    """In data and in titles; a column of MACs is never called so, whatever the counter says."""
    assert total(run, "resnet50", "--convention", "calflops") == {"params": 25557032, "flops": 8211108352}
    table = run("resnet50", "--convention", "calflops", "--depth", "1").out
    assert "FLOPs" in table
    assert "   MACs" not in table
    fvcore = run("resnet50", "--convention", "fvcore", "--depth", "1").out
    assert "     MACs" in fvcore


def test_the_word_of_the_counter_stands_over_its_numbers(run: Run) -> None:
    shown = run("resnet50", "--convention", "torchinfo", "--depth", "1").out
    assert "   mult-adds   " in shown
    assert "   4,089,238,376   " in shown
    assert "total_float_ops   " in run("lenet5", "--convention", "tf-profiler").out


def test_params_are_those_of_the_counter_unless_chosen(run: Run) -> None:
    """Thop sees neither the class token nor the positions, nor what is inside attention."""
    assert total(run, "vit_b_16", "--convention", "thop")["params"] == 86567656 - 28500480
    assert total(run, "vit_b_16", "--convention", "thop", "--params", "trainable")["params"] == 86567656
    assert total(run, "resnet50", "--convention", "keras")["params"] == 25557032 + 53120


def test_the_rows_add_up_to_the_total(run: Run) -> None:
    for name in mac_conventions():
        data = json.loads(run("mobilenet_v3_small", "--convention", name, "--format", "json").out)
        key = "flops" if "flops" in data["totals"] else "macs"
        assert sum(row[key] for row in data["layers"]) == data["totals"][key]
        assert sum(row["params"] for row in data["layers"]) == data["totals"]["params"]


def test_a_sweep(run: Run) -> None:
    out = run("sweep", "resnet18", "--input", "192,224", "--convention", "thop", "--format", "csv").out
    rows = [*csv.DictReader(io.StringIO(out))]
    assert [row["macs"] for row in rows if row["input"] == "224"] == ["1824033792"]


def test_a_sweep_that_is_written_says_flops(run: Run, tmp_path: Path) -> None:
    for name in ("out.csv", "out.jsonl"):
        run("sweep", "resnet18", "--input", "224,256", "--convention", "torch", "-o", tmp_path / name)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "3628146688" in text
        assert "flops" in text
        assert "macs" not in text


def test_a_formula(run: Run) -> None:
    """2·1,813,561,344 at 224, of which all but the linear layer grows with the area."""
    out = run("formula", "resnet18", "--convention", "torch", "--format", "csv").out
    assert "FLOPs,72288·r² + 1024000,r" in out
    assert "MACs," not in out


def test_a_formula_of_a_kind_has_no_convention(run: Run) -> None:
    result = run("formula", "Conv", "--convention", "thop")
    assert (result.code, result.problems) == (2, ["--convention is for networks, and Conv is a kind of layer"])


def test_a_law_in_the_batch_needs_a_counter_that_counts_it(run: Run) -> None:
    result = run("formula", "resnet18", "--in", "batch", "--convention", "ptflops")
    assert result.code == 2
    assert result.problems == ["ptflops divides by the batch; give the batch as a plain number"]


def test_a_claim_may_name_any_convention(run: Run, write: Write) -> None:
    text = """
input = [3, 8, 8]
layers = [{ type = "Conv", out_channels = 4, kernel_size = 3, padding = 1, norm = "batch" }]
[[claims]]
source = "by hand"
macs = 7_936        # 4·3·9·64, and 4 for each of 256 elements
counts = "thop"
"""
    assert run("verify", write("net.toml", text)).code == 0


def test_macs_asked_of_a_convention_of_flops_are_its_flops(run: Run) -> None:
    asked = [
        run("lenet5", "--convention", "calflops", "--columns", f"path,{name}", "--sort", name)
        for name in ("macs", "flops")
    ]
    assert asked[0] == asked[1]
    assert asked[0].code == 0


def test_columns_of_flops_are_asked_for_as_they_are_called(run: Run) -> None:
    counted = run("lenet5", "--convention", "calflops", "--columns", "path,flops", "--sort", "flops", "--format", "csv")
    assert (counted.code, counted.out.splitlines()[0]) == (0, "path,flops")
    swept = run(
        *("sweep", "mobilenet_v2", "--width", "0.25,1", "--convention", "torch"),
        *("--where", "flops <= 200M", "--sort", "flops", "--format", "csv"),
    )
    assert (swept.code, len(swept.out.splitlines())) == (0, 2)


def test_a_comparison(run: Run) -> None:
    rows = json.loads(run("compare", "resnet18", "resnet34", "--convention", "thop", "--format", "json").out)["archs"]
    assert [row["macs"] for row in rows] == [1824033792, 3678739456]


def test_a_what_if(run: Run) -> None:
    data = json.loads(
        run("whatif", "resnet18", "--to", "DepthSepConv", "--convention", "torch", "--format", "json").out
    )
    before = next(row for row in data["alternatives"] if row["alternative"] == "as they are")
    assert before["flops"] == 3628146688


def test_a_chart_of_a_sweep_is_of_the_flops_of_the_convention(run: Run, tmp_path: Path) -> None:
    """The page has the numbers of calflops under its own word."""
    path = tmp_path / "sweep.html"
    result = run("sweep", "lenet5", "--input", "28:36:4", "--convention", "calflops", "--plot", path)
    assert (result.code, result.err.count("error")) == (0, 0)
    assert "FLOPs" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("resnet18",), ("totals", "flops")),
        (("compare", "resnet18", "resnet34"), ("archs", 0, "flops")),
        (("diff", "resnet18", "resnet34"), ("before", "flops")),
        (("whatif", "resnet18", "--width", "1,0.5"), ("alternatives", 0, "flops")),
        (("sweep", "resnet18", "--batch", "1,2"), ("candidates", 0, "flops")),
    ],
)
def test_metrics_adds_a_metric_to_any_command(command: tuple[str, ...], place: tuple[str | int, ...], run: Run) -> None:
    """Two FLOPs for each of the 1,814,073,344 MACs of torchvision's table."""
    found = json.loads(run(*command, "--metrics", "flops", "--format", "json").out)
    for key in place:
        found = found[key]
    assert found == 2 * 1814073344


@pytest.mark.parametrize("command", [("resnet18",), ("formula", "Conv")])
def test_a_metric_that_cannot_be_shown_is_refused(command: tuple[str, ...], run: Run) -> None:
    name = "flops" if command[0] == "formula" else "flopz"
    assert run(*command, "--metrics", name).code == 2
