"""`--plot FILE`: a chart in a file that is replaced atomically."""

import json
import re
import sys
from pathlib import Path

import pytest
from conftest import Run

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
    return "\n".join(re.findall(r"<t(?:ext|span)[^>]*>([^<]+)", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("arguments", DRAWN, ids=" ".join)
def test_the_picture_goes_to_a_file_and_a_note_says_so(arguments: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    result = run(*arguments, "--plot", tmp_path / "out.svg")
    assert (result.code, result.err) == (0, "")
    assert f"note: the chart is in {tmp_path / 'out.svg'}" in result.out
    assert "MACs" in svg(tmp_path / "out.svg")
    assert [*tmp_path.iterdir()] == [tmp_path / "out.svg"]


@pytest.mark.parametrize("fmt", ["json", "csv", "markdown", "latex"])
def test_every_format_goes_with_a_file(fmt: str, run: Run, tmp_path: Path) -> None:
    result = run("vgg16", "--format", fmt, "--plot", tmp_path / "out.svg")
    assert result.code == 0
    assert "the chart is in" in result.out + result.err
    assert (tmp_path / "out.svg").exists()


def test_the_chart_in_docs_is_the_one_that_is_drawn(run: Run, tmp_path: Path) -> None:
    """Word for word; where each stands depends on the fonts of a system."""
    shown = Path(__file__).parents[2] / "docs" / "mobilenet_v1_bars.svg"
    run("mobilenet_v1", "--set", "defaults.padding=same", "--plot", tmp_path / "out.svg")
    assert svg(shown) == svg(tmp_path / "out.svg"), "run make chart"


def test_the_ending_chooses_the_kind_whatever_its_case(run: Run, tmp_path: Path) -> None:
    assert run("lenet5", "--plot", tmp_path / "out.PNG").code == 0
    assert (tmp_path / "out.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments", [("--plot", "out.svg", "lenet5"), ("--plot=out.svg", "lenet5"), ("lenet5", "--plot=out.svg")]
)
def test_the_option_stands_anywhere(
    arguments: tuple[str, ...], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).code == 0
    assert (tmp_path / "out.svg").exists()


@pytest.mark.parametrize("name", ["out.ps", "out", "out.svg.gz", ".svg", "out.jsn"])
def test_other_files_are_refused(name: str, run: Run, tmp_path: Path) -> None:
    result = run("lenet5", "--plot", tmp_path / name)
    assert (result.code, result.out) == (2, "")
    assert ".svg, .pdf, .png or .html" in result.err
    assert not [*tmp_path.iterdir()]


def test_a_graph_is_another_picture(run: Run) -> None:
    result = run("lenet5", "--graph", "dot", "--plot", "out.svg")
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
    assert "pip install '.[plot]'" in result.err


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


def test_the_unmodified_network_is_gray(run: Run, tmp_path: Path) -> None:
    """Among convolutions and among widths."""
    for change in (("--to", "DepthSepConv", "--to", "GhostConv"), ("--width", "1,0.5,0.25")):
        assert run("whatif", "mobilenet_v1_1.0_224", *change, "--plot", tmp_path / "out.svg").code == 0
        fills = re.findall(
            r'aria-label="[^"]*label: ([^;"]*)[^"]*"[^>]*role="graphics-symbol"[^>]*fill="([^"]*)"',
            (tmp_path / "out.svg").read_text(encoding="utf-8"),
        )
        gray = {label for label, fill in fills if fill == "#b8bcc2"}
        assert len(gray) == 1


def test_what_is_not_kept_is_not_drawn(run: Run, tmp_path: Path) -> None:
    assert run(*GRID, "--where", "macs < 1", "--plot", tmp_path / "out.svg").code == 0
    assert "no candidate is kept" in svg(tmp_path / "out.svg")


def test_the_landscape_of_bundled_networks_is_drawn(run: Run, tmp_path: Path) -> None:
    assert run("archs", "--plot", tmp_path / "out.svg").code == 0
    assert "MACs, logarithmic" in svg(tmp_path / "out.svg")
    assert "lenet5" in svg(tmp_path / "out.svg")
