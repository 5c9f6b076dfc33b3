"""Training in every command that counts: options, notes, findings, locks."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run, Write

SMALL = """
name = "small"
input = [4]
layers = [
  { type = "Linear", name = "one", out_features = 8 },
  { type = "Linear", name = "two", out_features = 2 },
]
"""
"""32 and 16 MACs; in training 64 and 48."""


@pytest.fixture
def small(write: Write) -> Path:
    return write("small.toml", SMALL)


def test_json_has_the_parts_of_the_sum_in_all_and_of_each_layer(run: Run, small: Path) -> None:
    data = json.loads(run(small, "--training", "--optimizer", "adam", "--format", "json").out)
    total = {"macs": 112, "macs_forward": 48, "macs_input_gradient": 16, "macs_weight_gradient": 48}
    assert data["totals"] == {"params": 58, **total, "optimizer_bytes": 464, "saved_bytes": 4 * (4 + 8 + 16)}
    assert [each["macs"] for each in data["layers"]] == [64, 48]
    assert data["changes"] == {"training": "--optimizer adam"}
    assert data["note_codes"] == ["training"]


def test_options_about_training_need_it(run: Run, small: Path) -> None:
    assert run(small, "--freeze", "one").problems == ["--freeze: it is about training; add --training"]
    assert run(small, "--metrics", "saved_bytes").problems == ["saved_bytes is a number of training; add --training"]
    assert "one in training" in run(small, "--training", "--params", "folded").err
    assert "forward pass" in run("memory", small, "--training").err


def test_comparisons_and_differences_are_of_training(run: Run, small: Path, write: Write) -> None:
    other = write("other.toml", SMALL.replace("out_features = 8", "out_features = 4"))
    compared = json.loads(run("compare", small, other, "--training", "--format", "json").out)
    assert [each["macs"] for each in compared["archs"]] == [112, 2 * 16 + 3 * 8]
    assert "training" in compared["note_codes"]
    changed = json.loads(run("diff", small, other, "--training", "--freeze", "one", "--format", "json").out)
    assert "training" in changed["note_codes"]


def test_a_sweep_is_of_training(run: Run, small: Path) -> None:
    lines = run("sweep", small, "--set", "layers.0.out_features=4:8:4", "--training", "--format", "csv").out.split()
    assert "macs_weight_gradient" in lines[0].split(",")
    assert [line.split(",")[lines[0].split(",").index("macs")] for line in lines[1:]] == ["56", "112"]


def test_a_formula_is_of_training(run: Run) -> None:
    """ResNet-18 at 32·s: each weight of a convolution is multiplied by the positions."""
    out = run("formula", "resnet18", "--training").out
    assert "weight gradient" in out
    assert "saved bytes" in out


def test_reconcile_explains_the_gradients_of_grouped_weights(run: Run) -> None:
    found = run("reconcile", "mobilenet_v2", "--training", "--with", "torch=12279700992")
    assert found.code == 0
    assert "conv_grouped_gradient" in found.out


def test_a_limit_is_on_training_and_the_finding_says_so(run: Run, small: Path) -> None:
    found = run("check", small, "--training", "--freeze", "one", "--max-macs", "60")
    assert found.code == 1  # 32, and 16 twice: nothing before what is trained has gradients
    assert "macs 64 > 60" in found.out
    assert "--training --freeze one" in found.out
    assert "note: " in found.out


def test_a_rule_holds_in_training(run: Run, small: Path) -> None:
    text = SMALL + '[[budget]]\nmacs = 60\nwhen.training = [true, "--freeze *"]\n'
    small.write_text(text, encoding="utf-8")
    found = json.loads(run("check", small, "--format", "json").out)
    assert [(each["value"], each["point"]) for each in found["findings"]] == [(112, "--training")]
    small.write_text(text.replace("--freeze *", "--freez *"), encoding="utf-8")
    assert run("check", small).code == 2
    small.write_text(SMALL + "[budget]\nsaved_bytes = 60\n", encoding="utf-8")
    assert "when.training = true" in run("check", small).out


def test_a_lock_has_a_row_for_training_that_later_runs_keep(
    run: Run, small: Path, monkeypatch: pytest.MonkeyPatch, read_lock: Callable[[], str]
) -> None:
    monkeypatch.chdir(small.parent)
    assert run("lock", "small.toml", "--training", "--freeze", "*", "--freeze", "!two").code == 0
    rows = read_lock()
    assert '"small.toml --training --freeze * --freeze !two"' in rows
    assert "macs_weight_gradient = 16" in rows
    assert run("lock", "--check").code == 0
    small.write_text(SMALL.replace("out_features = 2", "out_features = 3"), encoding="utf-8")
    found = run("lock", "--check")
    assert found.code == 1
    assert "at --training --freeze * --freeze !two" in found.out


@pytest.fixture
def read_lock(small: Path) -> Callable[[], str]:
    return lambda: (small.parent / "flopcount.lock").read_text(encoding="utf-8")


def test_a_formula_of_a_kind_has_its_gradients(run: Run) -> None:
    """Each MAC of a separable convolution once more for its weight, and once for its input."""
    found = json.loads(run("formula", "DepthSepConv", "--training", "--format", "json").out)
    forms = {each["quantity"]: each["formula"] for each in found["forms"]}
    assert forms["MACs"] == f"3·{forms['forward']}"
    assert forms["weight gradient"] == forms["input gradient"] == forms["forward"]
    assert run("formula", "Conv", "--training", "--freeze", "x").code == 2
    assert run("formula", "DepthSepConv", "--over", "Conv", "--training").code == 2


def test_times_are_those_of_a_forward_pass(run: Run, small: Path) -> None:
    assert run(small, "--training", "--on", "cortex-m7").problems == [
        "--on: times are those of a forward pass; omit it, or --training"
    ]


def test_the_optimizer_is_named_where_its_bytes_are(run: Run, small: Path) -> None:
    codes = json.loads(run(small, "--training", "--format", "json").out)["note_codes"]
    assert codes == ["training", "optimizer"]
    assert "adamw" not in run("check", small, "--training", "--max-macs", "1k").out


def test_a_substitution_is_of_training(run: Run) -> None:
    found = json.loads(run("whatif", "mobilenet_v1", "--to", "Conv", "--training", "--format", "json").out)
    assert "training" in found["note_codes"]
