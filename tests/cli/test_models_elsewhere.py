"""Models of other tools in other commands: each counts as it does when it is read at its size."""

import json
from pathlib import Path

import pytest
from conftest import Run, Write
from repositories import git, repository

FOLDER = Path(__file__).parent.parent / "oracles" / "onnx"
RESNET = FOLDER / "resnet18.onnx"
LAYERS = [
    {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 8, 8, 3]}},
    {"class_name": "Conv2D", "config": {"name": "c", "filters": 4, "kernel_size": [3, 3], "padding": "same"}},
    {"class_name": "Own", "config": {"name": "o"}},
]
MODEL = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": LAYERS}})


def counted(run: Run, *words: str | Path) -> int:
    """Return the MACs of a plain count."""
    return int(json.loads(run(*words, "--format", "json").out)["totals"]["macs"])


@pytest.mark.parametrize("batch", [(), ("--batch", "4")])
@pytest.mark.parametrize(("command", "key"), [("whatif", "alternatives"), ("sweep", "candidates")])
def test_several_inputs_of_a_model_cost_what_each_costs(
    run: Run, command: str, key: str, batch: tuple[str, ...]
) -> None:
    rows = json.loads(run(command, RESNET, "--input", "96,128", *batch, "--format", "json").out)[key]
    assert [row["macs"] for row in rows][-2:] == [
        counted(run, RESNET, "--input", size, *batch) for size in ("96", "128")
    ]


def test_sizes_that_a_model_fixes_are_invalid(run: Run) -> None:
    data = json.loads(run("whatif", FOLDER / "vit_tiny_patch16_224.onnx", "--input", "96,224", "--format", "json").out)
    assert [row["input"][-1] for row in data["alternatives"]] == [224]
    assert [each["input"] for each in data["invalid"]] == ["96"]


def test_a_model_with_open_sizes_is_compared_checked_and_locked_at_given_ones(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = FOLDER / "resnet18__dynbatch.onnx"
    rows = json.loads(run("whatif", open_, "--input", "96,128", "--batch", "2", "--format", "json").out)["alternatives"]
    assert [row["macs"] for row in rows] == [
        counted(run, open_, "--input", size, "--batch", "2") for size in ("96", "128")
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "a.onnx").write_bytes(open_.read_bytes())
    (tmp_path / "b.onnx").write_bytes(open_.read_bytes())
    rule = '[[budget]]\nfiles = "*.onnx"\nmacs = 1\n'
    (tmp_path / "flopcount.toml").write_text(f'files = "*.onnx"\ninput = 96\n{rule}[inputs]\n"b*" = "128"\n')
    found = json.loads(run("check", "--format", "json").out)["findings"]
    assert [each["value"] for each in found] == [counted(run, open_, "--input", size) for size in ("96", "128")]
    assert run("lock").out == "flopcount.lock: 2 networks: 2 new\n"
    assert run("lock", "--check").code == 0
    assert run("lock", "--check", "--input", "96").code == 1
    found = json.loads(run("check", "--input", "64", "--format", "json").out)["findings"]
    assert [each["value"] for each in found] == [counted(run, open_, "--input", "64")] * 2


@pytest.mark.parametrize("size", [(), ("--input", "96")])
def test_a_model_with_other_convolutions_is_saved_as_an_arch_file(
    run: Run, tmp_path: Path, size: tuple[str, ...]
) -> None:
    path = tmp_path / "new.toml"
    result = run("whatif", RESNET, *size, "--to", "DepthSepConv", "--save", path, "--format", "json")
    assert result.code == 0, result.err
    assert counted(run, path) == json.loads(result.out)["alternatives"][-1]["macs"]


def test_a_model_in_git_is_counted_at_the_size_that_is_asked_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(tmp_path / "project", note="")
    (folder / "net.onnx").write_bytes(RESNET.read_bytes())
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "net")
    monkeypatch.chdir(folder)
    words = ("--input", "96", "--batch", "2", "--format", "json")
    data = json.loads(run("diff", "HEAD:net.onnx", "net.onnx", *words).out)
    assert (data["before"]["arch"], data["before"]["macs"]) == ("net", data["after"]["macs"])


def test_an_error_in_a_model_names_it_as_it_was_given(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("model.json", MODEL)
    monkeypatch.chdir(path.parent)
    assert run("check", "model.json").out.startswith("model.json:1:1: FC901 it has layers that")


def test_a_saved_file_says_which_operators_were_skipped(run: Run, write: Write, tmp_path: Path) -> None:
    model = write("model.json", MODEL)
    words = ("--allow-unknown", "--to", "DepthSepConv", "--first", "--save", tmp_path / "new.toml")
    assert run("whatif", model, *words).code == 0
    data = json.loads(run(tmp_path / "new.toml", "--format", "json").out)
    assert (data["at_least"], data["unknown"]) == (True, {"Own": 1})


def test_a_model_has_no_published_figures(run: Run) -> None:
    result = run("verify", RESNET)
    assert (result.code, "has no published figures; convert it with flopcount import" in result.err) == (2, True)


def test_an_import_says_what_it_leaves_out(run: Run, write: Write, tmp_path: Path) -> None:
    result = run("import", write("model.json", MODEL), "--allow-unknown", "-o", tmp_path / "new.toml")
    assert "Own (1×)" in result.err


def test_a_wrong_option_points_at_the_help_of_its_command(run: Run) -> None:
    assert "see flopcount diff --help" in run("diff", "lenet5", "lenet5", "--plt").err
