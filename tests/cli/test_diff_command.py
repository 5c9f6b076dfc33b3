"""`flopcount diff` as a user meets it: files, bundled networks, and files as git has them."""

import csv
import io
import json
from pathlib import Path

import pytest
from checkednet import NET
from conftest import Run
from repositories import committed, git, repository

SMALLER = NET.replace("out_channels = 8", "out_channels = 6")
"""two: 4·6·9 = 216 on 4×4 = 3456; together 324 and 7344."""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository with a network that has changed since."""
    folder = repository(tmp_path / "repo", **{"archs/net__toml": NET})
    (folder / "archs" / "net.toml").write_text(SMALLER, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("repo")
def test_what_changed_is_a_row_with_figures_before_and_after(run: Run) -> None:
    result = run("diff", "HEAD:archs/net.toml", "archs/net.toml", "--format", "csv")
    assert result.code == 0
    row, total = csv.DictReader(io.StringIO(result.out))
    assert {**row} == {
        "status": "changed",
        "layer": "two",
        "type": "Conv",
        "changed": "out_channels 8 → 6",
        "output": "8×4×4 → 6×4×4",
        "params_before": "288",
        "params_after": "216",
        "params_delta": "-72",
        "macs_before": "4608",
        "macs_after": "3456",
        "macs_delta": "-1152",
    }
    assert (total["params_before"], total["params_after"], total["macs_delta"]) == ("396", "324", "-1152")


@pytest.mark.usefixtures("repo")
def test_json_has_both_sides_exactly(run: Run) -> None:
    data = json.loads(run("diff", "HEAD:archs/net.toml", "archs/net.toml", "--format", "json").out)
    assert data["before"] == {
        "reference": "HEAD:archs/net.toml", "arch": "net", "input": [3, 8, 8], "params": 396, "macs": 8496
    }  # fmt: skip
    assert data["delta"] == {"params": 324 - 396, "macs": 7344 - 8496}
    assert data["ratio"] == {"params": 324 / 396, "macs": 7344 / 8496}
    assert data["numbers"] == {"added": 0, "removed": 0, "moved": 0, "changed": 1, "renumbered": 0, "same": 1}
    (layer,) = data["layers"]
    assert layer["fields"] == {"out_channels": [8, 6]}
    assert (layer["before"]["path"], layer["after"]["macs"]) == ("two", 3456)


@pytest.mark.usefixtures("repo")
def test_what_is_as_it_was_is_counted_and_shown_when_asked_for(run: Run) -> None:
    references = ("HEAD:archs/net.toml", "archs/net.toml")
    assert "1 layer unchanged; --all shows them" in run("diff", *references).out
    shown = run("diff", *references, "--all", "--format", "csv").out.splitlines()
    assert [line.split(",")[0] for line in shown[1:]] == ["same", "changed", "total"]


@pytest.mark.usefixtures("repo")
def test_differences_have_their_sign(run: Run) -> None:
    there = run("diff", "HEAD:archs/net.toml", "archs/net.toml", "--format", "markdown").out
    back = run("diff", "archs/net.toml", "HEAD:archs/net.toml", "--format", "markdown").out
    assert "-1,152" in there
    assert "+1,152" in back


@pytest.mark.usefixtures("repo")
def test_options_are_for_both_sides(run: Run) -> None:
    """At half the width: 2·3·9 = 54 weights, then 4·2·9 = 72 against 3·2·9 = 54."""
    words = ("--width", "0.5", "--input", "16", "--format", "json")
    data = json.loads(run("diff", "HEAD:archs/net.toml", "archs/net.toml", *words).out)
    assert (data["before"]["params"], data["after"]["params"]) == (54 + 72, 54 + 54)
    assert data["before"]["input"] == data["after"]["input"] == [3, 16, 16]
    assert data["layers"][0]["fields"] == {"out_channels": [4, 3]}


def test_paths_are_from_the_top_and_with_a_dot_from_the_folder(
    repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo / "archs")
    assert run("diff", "HEAD:archs/net.toml", "net.toml").code == 0
    assert run("diff", "HEAD:./net.toml", "HEAD:../archs/net.toml").code == 0
    result = run("diff", "HEAD:net.toml", "net.toml")
    assert result.code == 2
    assert "did you mean './net.toml'?" in result.err


@pytest.mark.parametrize("ref", ["HEAD", "main", "HEAD~0", "HEAD^{commit}", "@{0}", "v1"])
def test_any_name_of_a_commit_will_do(ref: str, repo: Path, run: Run) -> None:
    git(repo, "tag", "-f", "-a", "v1", "-m", "v1")
    assert run("diff", f"{ref}:archs/net.toml", "archs/net.toml").code == 0


def test_a_file_whose_name_has_a_colon_is_a_file(repo: Path, run: Run) -> None:
    (repo / "HEAD:net.toml").write_text(NET, encoding="utf-8")
    data = json.loads(run("diff", "HEAD:net.toml", "archs/net.toml", "--format", "json").out)
    assert data["before"]["params"] == 396


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("HEAD:archs/nett.toml", "HEAD:archs/nett.toml: no such file in this commit; did you mean 'archs/net.toml'?"),
        ("nowhere:archs/net.toml", "nowhere: no such commit in this repository"),
        (":archs/net.toml", "give a commit and a path, as in HEAD:archs/net.toml"),
        ("HEAD:", "give a commit and a path"),
        ("HEAD:archs", "no such file in this commit"),
        ("HEAD:../net.toml", "no such file in this commit"),
        ("C:\\archs\\net.toml", "no such file"),
        ("C:/archs/net.toml", "no such file"),
        ("missing.toml", "no such file"),
    ],
)
@pytest.mark.usefixtures("repo")
def test_what_is_not_there_is_one_clear_line(reference: str, words: str, run: Run) -> None:
    for pair in ((reference, "archs/net.toml"), ("archs/net.toml", reference)):
        result = run("diff", *pair)
        assert (result.code, result.out, len(result.problems)) == (2, "", 1)
        assert words in result.err


def test_a_ref_that_looks_like_an_option_is_refused(repo: Path, run: Run) -> None:
    for words in (("--output=x:archs/net.toml", "archs/net.toml"), ("--", "--output=x:archs/net.toml", "lenet5")):
        result = run("diff", *words)
        assert (result.code, result.out) == (2, "")
    assert "a ref must not be empty or start with -" in result.err
    assert not (repo / "x:archs").exists()


def test_outside_of_a_repository_there_is_no_ref(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("diff", "HEAD:net.toml", "lenet5")
    assert (result.code, result.out) == (2, "")
    assert result.problems == ["HEAD:net.toml: no such file, and no git repository in which 'HEAD' could be found"]


def test_mistakes_in_a_commit_point_into_it(repo: Path, run: Run) -> None:
    committed(repo, {"bad.toml": NET.replace("kernel_size = 3", "kernel_size = 0")})
    result = run("diff", "HEAD:bad.toml", "archs/net.toml")
    assert result.code == 2
    assert result.problems[0].startswith("HEAD:bad.toml:4:52: one: invalid kernel_size 0")
    assert "^^^^^^^^^^^^^^^\n" in result.err


@pytest.mark.usefixtures("repo")
def test_standard_input_can_be_one_side(run: Run) -> None:
    assert run("diff", "HEAD:archs/net.toml", "-", stdin=SMALLER.encode()).code == 0
    result = run("diff", "-", "-")
    assert (result.code, result.problems) == (2, ["standard input can be one of the two, not both"])


def test_odd_names_are_found_in_a_commit(repo: Path, run: Run) -> None:
    for name in ("a b", "ü漢", 'a"b', "a:b"):
        committed(repo, {f"{name}.toml": NET})
        assert run("diff", f"HEAD:{name}.toml", "archs/net.toml").code == 0


@pytest.mark.parametrize("names", [("flat", "one"), ("one", "flat")])
def test_a_metric_that_one_side_does_not_have_has_no_difference(
    names: tuple[str, str], run: Run, tmp_path: Path
) -> None:
    """A network that moves no bytes has no MACs per byte."""
    layers = {"flat": '{"type": "Flatten"}', "one": '{"type": "Conv", "out_channels": 8, "kernel_size": 1}'}
    for name, layer in layers.items():
        (tmp_path / f"{name}.json").write_text(f'{{"input": [3, 8, 8], "layers": [{layer}]}}')
    result = run("diff", *(tmp_path / f"{name}.json" for name in names), "--metrics", "intensity", "--format", "json")
    assert result.code == 0
    data = json.loads(result.out)
    assert abs(data["delta"]["macs"]) == 8 * 3 * 8 * 8
    assert "intensity" not in data["delta"] | data["ratio"]
