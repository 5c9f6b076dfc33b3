"""The first minutes with limits: on the command line, written by `init`, and what a green check says."""

import json
import os
import sys
from pathlib import Path

import pytest
from conftest import Run

NET = 'name = "net"\ninput = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 8, kernel_size = 3, padding = 1 }]\n'
MACS, PARAMS = 8 * 8 * 8 * 27, 8 * 27 + 8


@pytest.fixture
def net(folder: Path) -> Path:
    path = folder / "net.toml"
    path.write_text(NET)
    return path


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--max-macs", "13.8k"), 1, "FC101 net macs 13.82k > 13.8k by 24 (0.17%) [--max-macs 13.8k]"),
        (("--max-macs", "13.824k", "--max-flops", "1M"), 0, "1 file checked: all limits hold"),
        (("--max-weight-bytes", "896"), 0, "100.00%"),
        (("--max-weight-bytes", "895 B"), 1, "weight_bytes 896 B > 895 B"),
        (("--max-params", "1 MB"), 2, ""),
    ],
)
def test_a_limit_on_the_command_line_holds_for_every_file(
    options: tuple[str, ...], code: int, words: str, run: Run, net: Path
) -> None:
    result = run("check", net.name, *options)
    assert result.code == code
    assert words in result.out


def test_a_quantity_that_is_none_is_said_with_its_option(run: Run, net: Path) -> None:
    assert run("check", net.name, "--max-params", "1 MB").problems[0].startswith("--max-params 1 MB: MB is a unit of")


def test_a_green_check_has_a_line_for_each_limit(run: Run, net: Path) -> None:
    """Value, limit and percent used; a limit on every layer is shown at the layer that is nearest to it."""
    net.write_text(f'{NET}[budget]\nmacs = {{ max = "20k", warn = "90%", min = 1 }}\nlayer.params = 400\n')
    lines = run("check", net.name).out.splitlines()
    rows = [" ".join(line.split()) for line in lines[2:-1]]
    assert rows == [
        "net.toml macs 13,824 20,000 69.12%",
        "net.toml macs warn 13,824 18,000 76.80%",
        "net.toml macs min 13,824 1",
        "net.toml Conv1 params 224 400 56.00%",
    ]
    assert "| net.toml | macs | 13,824 | 20,000 | 69.12% |" in run("check", net.name, "--format", "markdown").out
    data = json.loads(run("check", net.name, "--format", "json").out)
    assert [(row["metric"], row["name"], row["limit"]) for row in data["limits"]][:2] == [
        ("macs", "max", 20_000),
        ("macs", "warn", 18_000),
    ]


def test_a_file_without_limits_is_not_said_to_be_within_them(run: Run, net: Path) -> None:
    result = run("check", net.name)
    assert result.code == 0
    assert result.out.startswith("1 file checked: no limits apply\nnote: no limits apply to net.toml;")


def test_the_ending_of_the_file_decides_the_format_of_a_check(run: Run, net: Path) -> None:
    assert run("check", net.name, "-o", "report.json").out == ""
    assert json.loads((net.parent / "report.json").read_text())["ok"] is True
    assert "does not go into" in run("check", net.name, "-o", "report.json", "--format", "junit").problems[0]


def test_init_writes_limits_that_hold_with_the_margin_to_spare(run: Run, net: Path) -> None:
    """The file is one that `check` reads, and its limits are at most the margin and a digit above the cost."""
    (net.parent / "package.json").write_text("{}")
    result = run("init")
    assert result.code == 0
    assert "note: not counted, so without limits: package.json" in result.out
    data = json.loads(run("check", "--format", "json").out)
    assert {row["metric"]: row["limit"] for row in data["limits"]} == {"params": 247, "macs": 15_210}


@pytest.mark.usefixtures("net")
def test_init_without_a_margin_allows_what_there_is(run: Run) -> None:
    assert f'macs = "{MACS}"' in run("init", "net.toml", "--margin", "0%", "-o", "-").out
    assert f'params = "{PARAMS}"' in run("init", "net.toml", "--margin", "0%", "-o", "-").out


@pytest.mark.parametrize("name", ["flopcount.toml", "pyproject.toml"])
def test_init_overwrites_nothing(name: str, run: Run, net: Path) -> None:
    (net.parent / name).write_text('[tool.flopcount]\nbase = "main"\n' if name[0] == "p" else 'base = "main"\n')
    before = (net.parent / name).read_text()
    result = run("init")
    assert (result.code, (net.parent / name).read_text()) == (2, before)
    assert "nothing was written" in result.problems[0]


@pytest.mark.parametrize("words", [("nowhere.toml",), ("net.toml", "broken.toml"), ("net.toml", "--margin", "5")])
def test_init_writes_everything_or_nothing(words: tuple[str, ...], run: Run, net: Path) -> None:
    (net.parent / "broken.toml").write_text("layers = 1")
    assert run("init", *words).code == 2
    assert not (net.parent / "flopcount.toml").exists()


def test_two_files_of_one_name_get_rules_of_two_names(run: Run, net: Path) -> None:
    for name in ("a", "b"):
        (net.parent / name).mkdir()
        (net.parent / name / "the net.toml").write_text(NET)
    assert run("init", "a", "b").code == 0
    assert run("check").code == 0
    text = (net.parent / "flopcount.toml").read_text()
    assert [line for line in text.splitlines() if line.startswith("id")] == ['id = "the_net"', 'id = "the_net_2"']


def test_a_check_and_the_lock_are_one_report(run: Run, net: Path) -> None:
    """Both findings, with one set of formats; what cannot be read is told once."""
    assert run("lock", "net.toml").code == 0
    assert run("check", "net.toml", "--lock").code == 0
    net.write_text(NET.replace("= 8, k", "= 9, k"))
    result = run("check", "net.toml", "--lock", "--max-macs", "1k")
    assert (result.code, result.out.count("FC101"), result.out.count("FC301")) == (1, 1, 2)
    net.write_text("layers = 1")
    assert run("check", "net.toml", "--lock").out.count("FC901") == run("check", "net.toml").out.count("FC901") > 0


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are Unicode there")
def test_a_name_that_is_not_utf_8_gets_no_limits(run: Run, net: Path) -> None:
    """TOML could not hold it; with other files it is left out, by name it is refused."""
    odd = os.fsdecode(b"\xff.toml")
    (net.parent / odd).write_text(NET)
    assert (run("init", odd).code, (net.parent / "flopcount.toml").exists()) == (2, False)
    assert "\\udcff.toml" in run("init").out
    assert run("check").code == 0


def test_init_says_why_a_file_is_left_out(run: Run, net: Path) -> None:
    net.with_name("bad.toml").write_text("input = [3", encoding="utf-8")
    result = run("init", "-o", "-")
    assert (result.code, "without limits: bad.toml (not TOML" in result.err) == (0, True)
