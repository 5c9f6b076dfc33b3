"""An option means the same in every command: -o and its ending, --sort, several networks, --from, ranges."""

import json
from pathlib import Path

import pytest
from conftest import Run, Write

NET = 'input = [1, 8, 8]\nlayers = [{ type = "Conv", out_channels = 2, kernel_size = 3 }]\n'
REPORTS = (("lenet5",), ("compare", "lenet5", "lenet5"), ("archs", "lenet"), ("kinds", "Conv"), ("verify", "lenet5"))


@pytest.mark.parametrize("command", REPORTS, ids=" ".join)
@pytest.mark.parametrize(
    ("ending", "fmt"),
    [(".json", "json"), (".csv", "csv"), (".md", "markdown"), (".TEX", "latex"), (".txt", "table"), ("", "text")],
)
def test_the_ending_of_the_file_decides_the_format(
    command: tuple[str, ...], ending: str, fmt: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / f"report{ending}"
    assert run(*command, "-o", path).code == 0
    assert path.read_text(encoding="utf-8") == run(*command, "--format", fmt).out


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("lenet5 --format json -o x.csv", "json does not go into a file that ends in .csv"),
        ("compare lenet5 lenet5 --format table -o x.md", "table does not go into"),
        ("lenet5 -o x.yaml", "nothing here is written as .yaml"),
        ("lenet5 -o x.png", "--plot draws a chart"),
        ("lenet5 --graph dot -o x.svg", "dot does not go into a file that ends in .svg; name a file that ends in .dot"),
        ("lenet5 --graph mermaid -o x.dot", "mermaid does not go into"),
        ("archs -o x.dot", "nothing here is written as .dot"),
        ("import lenet5 -o x.yaml", "name a file that ends in .toml, .json, .csv"),
        ("formula lenet5 --latex -o x.json", "latex does not go into"),
        ("schema -o x.toml", "json does not go into"),
        ("sweep lenet5 --input 28,32 -o x.json", ".csv, .jsonl or .parquet"),
        ("check lenet5.toml -o x.csv", "nothing here is written as .csv"),
    ],
)
def test_a_contradiction_is_an_error_and_writes_nothing(line: str, what: str, run: Run, folder: Path) -> None:
    result = run(*line.split())
    assert (result.code, result.out) == (2, "")
    assert what in result.problems[0]
    assert [*folder.iterdir()] == []


def test_a_file_for_a_drawing_is_a_drawing(run: Run, folder: Path) -> None:
    assert run("lenet5", "-o", "net.dot").code == run("lenet5", "-o", "net.mmd").code == 0
    assert (folder / "net.dot").read_text() == run("lenet5", "--graph", "dot").out
    assert (folder / "net.mmd").read_text() == run("lenet5", "--graph", "mermaid").out


def test_the_rows_of_a_sweep_and_its_summary_have_each_their_format(run: Run, folder: Path) -> None:
    result = run("sweep", "lenet5", "--input", "28,32", "-o", "rows.csv", "--format", "json")
    assert json.loads(result.out)["candidates"]
    assert (folder / "rows.csv").read_text().startswith("id,input,")


@pytest.mark.parametrize(
    ("asked", "meant"), [("md", "did you mean 'markdown'?"), ("tsv", "'csv'"), ("html", "--plot"), ("jsn", "'json'")]
)
def test_a_format_of_another_name_is_answered_with_its_name_here(asked: str, meant: str, run: Run) -> None:
    assert meant in run("lenet5", "--format", asked).problems[0]


@pytest.mark.parametrize(
    ("command", "key"),
    [(("lenet5",), "layers"), (("archs",), "archs"), (("whatif", "lenet5", "--width", "1,2"), "alternatives")],
)
def test_a_minus_sorts_the_other_way_round(command: tuple[str, ...], key: str, run: Run) -> None:
    down, up = (
        [row["macs"] for row in json.loads(run(*command, "--sort", f"{sign}macs", "--format", "json").out)[key]]
        for sign in ("", "-")
    )
    assert down == sorted(down, reverse=True)
    assert up == sorted(down)


@pytest.mark.parametrize("command", ["compare", "check", "verify"])
@pytest.mark.parametrize("names", [("nets",), ("nets/*.toml",), ("nets/a.toml", "nets/b.toml")])
def test_folders_and_patterns_stand_for_files_wherever_several_are_taken(
    command: str, names: tuple[str, ...], run: Run, folder: Path
) -> None:
    (folder / "nets").mkdir()
    for name in ("a", "b"):
        (folder / "nets" / f"{name}.toml").write_text(NET)
    result = run(command, *names, "--format", "json")
    assert (result.code, result.err) == (0, "")
    assert result == run(command, "nets/a.toml", "nets/b.toml", "--format", "json")
    assert run(command, "nets/c*.toml").code == 2


def test_standard_input_has_a_notation_wherever_it_is_read(run: Run) -> None:
    text = b'{"input": [1, 8, 8], "layers": [{"type": "Conv", "out_channels": 2, "kernel_size": 3}]}'
    for words in (("count", "-"), ("reconcile", "-", "--to", "thop"), ("compare", "-"), ("formula", "-")):
        assert run(*words, "--from", "json", stdin=text).code == 0, words


def test_a_range_of_fractions_needs_its_step(run: Run) -> None:
    assert "needs a step; write 0.5:1.5:0.25" in run("whatif", "lenet5", "--width", "0.5:1.5").problems[0]
    assert run("whatif", "lenet5", "--width", "1:3").code == 0


def test_values_of_inputs_reach_a_check_by_option_and_by_configuration(run: Run, write: Write, folder: Path) -> None:
    write("net.toml", NET)
    assert "--value sr=1" in run("check", "net.toml", "--value", "sr=1").out
    write("flopcount.toml", 'files = "net.toml"\n[values]\n"net.toml" = "sr=1"\n')
    assert "--value sr=1" in run("check").out
    assert (
        "values = "
        in run("check", "--config", str(write("other.toml", '[values]\n"no.onnx" = "a=1"\n')), "net.toml").out
    )
    assert folder.is_dir()
