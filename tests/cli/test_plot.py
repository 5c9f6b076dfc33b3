"""`--plot`: a picture below the table, or in a file that is whole or not there."""

import builtins
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Process, Run

from flopcount.cli.output import ink_of_stdout

BLOCKS = re.compile("[█▏▎▍▌▋▊▉]")
GRID = ("sweep", "mobilenet_v1_1.0_224", "--input", "96:224:32", "--width", "0.25:1:0.25")
DRAWN = [
    ("vgg16",),
    ("vgg16", "--depth", "1"),
    ("vgg16", "--by", "kernel"),
    ("compare", "vgg16", "alexnet"),
    ("whatif", "vgg16", "--to", "DepthSepConv"),
    ("whatif", "vgg16", "--to", "HetConv", "--set", "p=1,2,4"),
    ("whatif", "mobilenet_v1_1.0_224", "--width", "1,0.75,0.5"),
    GRID,
    (*GRID, "--id", "3"),
]
"""Command lines that have a picture."""


def svg(path: Path) -> str:
    """Return the words of a picture, one to a line."""
    return "\n".join(re.findall(r"<text[^>]*>([^<]*)", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("arguments", DRAWN, ids=" ".join)
def test_the_picture_comes_below_the_table(arguments: tuple[str, ...], run: Run) -> None:
    plain, drawn = run(*arguments), run(*arguments, "--plot")
    assert (drawn.code, drawn.err) == (0, "")
    assert drawn.out.startswith(plain.out)
    assert re.search("[█●⠁-⣿]", drawn.out.removeprefix(plain.out))


@pytest.mark.parametrize("arguments", DRAWN, ids=" ".join)
def test_the_picture_goes_to_a_file_and_a_note_says_so(arguments: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    result = run(*arguments, "--plot", tmp_path / "out.svg")
    assert (result.code, result.err) == (0, "")
    assert f"note: the picture is in {tmp_path / 'out.svg'}" in result.out
    assert "MACs (" in svg(tmp_path / "out.svg")
    assert [*tmp_path.iterdir()] == [tmp_path / "out.svg"]


def test_the_landscape_of_bundled_networks_is_drawn(run: Run, tmp_path: Path) -> None:
    assert run("archs", "--plot", tmp_path / "out.svg").code == 0
    assert "MACs (G), logarithmic" in svg(tmp_path / "out.svg")
    assert "lenet5" in svg(tmp_path / "out.svg")


@pytest.mark.parametrize("fmt", ["json", "csv", "markdown", "latex"])
def test_every_format_goes_with_a_file(fmt: str, run: Run, tmp_path: Path) -> None:
    result = run("vgg16", "--format", fmt, "--plot", tmp_path / "out.svg")
    assert result.code == 0
    assert "the picture is in" in result.out + result.err
    assert (tmp_path / "out.svg").exists()


def test_the_chart_in_docs_is_the_one_that_is_drawn(run: Run, tmp_path: Path) -> None:
    """Word for word; where each stands depends on the fonts of a system."""
    shown = Path(__file__).parents[2] / "docs" / "mobilenet_v1_bars.svg"
    run("mobilenet_v1", "--set", "defaults.padding=same", "--plot", tmp_path / "out.svg")
    assert svg(shown) == svg(tmp_path / "out.svg"), "run make chart"


def test_what_others_are_compared_with_is_lighter(run: Run) -> None:
    """The network as it is stands first, among convolutions and among widths."""
    for change in (("--to", "DepthSepConv", "--to", "GhostConv"), ("--width", "1,0.5,0.25")):
        lines = run("whatif", "mobilenet_v1_1.0_224", *change, "--plot").out.splitlines()
        bars = [line for line in lines if re.search("[█░]", line)]
        assert ["░" in line for line in bars] == [True] + [False] * (len(bars) - 1)


def test_json_stays_json(run: Run, tmp_path: Path) -> None:
    printed = json.loads(run("vgg16", "--format", "json", "--plot", tmp_path / "out.svg").out)
    assert printed["totals"]["macs"] == 15_470_264_320


def test_the_ending_chooses_the_kind_whatever_its_case(run: Run, tmp_path: Path) -> None:
    assert run("lenet5", "--plot", tmp_path / "out.PNG").code == 0
    assert (tmp_path / "out.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("place", [("--plot", "vgg16"), ("vgg16", "--plot"), ("vgg16", "--plot", "--sort", "macs")])
def test_what_follows_plot_is_a_file_or_an_option(place: tuple[str, ...], run: Run) -> None:
    result = run(*place)
    if place[0] == "vgg16":
        assert (result.code, bool(BLOCKS.search(result.out))) == (0, True)
    else:
        assert result.code == 2
        assert "--plot vgg16: a picture is a file that ends in .svg, .png or .html" in result.err
        assert "let --plot be the last word" in result.err


@pytest.mark.parametrize(
    "arguments", [("--plot", "out.svg", "lenet5"), ("--plot=out.svg", "lenet5"), ("lenet5", "--plot=out.svg")]
)
def test_the_option_stands_anywhere(
    arguments: tuple[str, ...], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).code == 0
    assert (tmp_path / "out.svg").exists()


@pytest.mark.parametrize("name", ["out.pdf", "out", "out.svg.gz", ".svg", "out.jsn"])
def test_other_files_are_refused(name: str, run: Run, tmp_path: Path) -> None:
    result = run("lenet5", "--plot", tmp_path / name)
    assert (result.code, result.out) == (2, "")
    assert ".svg, .png or .html" in result.err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("fmt", ["json", "csv", "markdown", "latex", "svg"])
def test_in_the_terminal_a_picture_goes_with_a_table_only(fmt: str, run: Run) -> None:
    result = run("lenet5", "--format", fmt, "--plot")
    assert (result.code, result.out) == (2, "")
    assert f"with --format {fmt} give it a file" in result.err


def test_a_graph_is_another_picture(run: Run) -> None:
    result = run("lenet5", "--graph", "dot", "--plot")
    assert result.code == 2
    assert "--graph draws the network; --plot" in result.err


def test_a_picture_that_cannot_be_written_is_no_half_picture(run: Run, tmp_path: Path) -> None:
    result = run("lenet5", "--plot", tmp_path / "missing" / "out.svg")
    assert (result.code, result.out) == (2, "")
    assert "cannot be written: no such file or directory; choose another --plot" in result.err


def test_the_old_picture_stays_when_a_command_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out.svg").write_text("yesterday", encoding="utf-8")
    assert run("nowhere", "--plot", tmp_path / "out.svg").code == 2
    assert (tmp_path / "out.svg").read_text(encoding="utf-8") == "yesterday"


@pytest.mark.parametrize("arguments", [("lenet5",), GRID], ids=["count", "sweep"])
def test_a_missing_library_is_named(arguments: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    result = run(*arguments, "--plot", "out.svg")
    assert (result.code, result.out) == (2, "")
    assert "install flopcount[plot]" in result.err


def test_a_terminal_picture_needs_no_library(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        assert name.partition(".")[0] not in {"vl_convert", "altair", "matplotlib", "numpy"}
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert run("lenet5", "--plot").code == 0


def test_a_file_of_the_table_has_the_picture_below(run: Run, tmp_path: Path) -> None:
    printed = run("lenet5", "--plot").out
    assert run("lenet5", "--plot", "-o", tmp_path / "out.txt").out == ""
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == printed


def test_what_is_not_kept_is_not_drawn(run: Run) -> None:
    drawn = run(*GRID, "--where", "macs < 1", "--plot")
    assert drawn.code == 0
    assert "no candidate is kept" in drawn.out


def test_the_front_is_drawn_over_all_candidates_that_meet_the_condition(run: Run, tmp_path: Path) -> None:
    """Of 5 sizes and 4 widths those of at least 100M MACs; MACs and width are both to be small."""
    rows = json.loads(run(*GRID, "--where", "macs >= 100M", "--format", "json").out)["candidates"]
    front = json.loads(run(*GRID, "--where", "macs >= 100M", "--pareto", "macs,width", "--format", "json").out)
    run(*GRID, "--where", "macs >= 100M", "--pareto", "macs,width", "--plot", tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    ids = [int(found) for found in re.findall(r'"cell id": "(\d+)"', page)]
    assert len(front["candidates"]) > 1
    assert ids[: len(rows)] == [row["id"] for row in rows]
    assert ids[len(rows) : len(rows) + len(front["candidates"])] == [row["id"] for row in front["candidates"]]


def test_a_terminal_of_few_characters_gets_plain_bars(process: Process) -> None:
    result = process("lenet5", "--plot", PYTHONIOENCODING="ascii:strict")
    assert result.code == 0
    assert re.search(r"^Conv3 +#+ 240 k +#+ 2\.42 k$", result.out, re.MULTILINE)


def test_a_terminal_says_how_wide_and_colourful_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert ink_of_stdout(to_terminal=True)[:2] == (72, True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert ink_of_stdout(to_terminal=True)[:2] == (72, False)
    assert ink_of_stdout(to_terminal=False)[:2] == (100, False)


def test_a_file_has_more_characters_than_a_poor_terminal(process: Process, tmp_path: Path) -> None:
    assert process("lenet5", "--plot", "-o", tmp_path / "out.txt", PYTHONIOENCODING="ascii:strict").code == 0
    assert "█" in (tmp_path / "out.txt").read_text(encoding="utf-8")


def test_a_plain_count_imports_nothing_of_pictures() -> None:
    code = "from flopcount.cli.main import run; import sys; run(['lenet5']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert {name for name in done.stderr.split() if "chart" in name or "picture" in name or "vl_" in name} == set()
