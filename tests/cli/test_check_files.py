"""`flopcount check` and files: of any name, given in any way, and the formats that are written to some."""

import json
import os
import sys
from pathlib import Path

import pytest
from checkednet import BROKEN, BUDGET, NET, written
from conftest import Process, Run
from repositories import committed, repository


@pytest.mark.skipif(sys.platform == "win32", reason="these names are not possible there")
@pytest.mark.parametrize("name", ["new\nline.toml", "    indented.toml", "a: 1:2: b.toml", "-x.toml", "\t.toml"])
def test_what_is_wrong_in_a_file_of_any_name_is_one_line_at_its_place(folder: Path, run: Run, name: str) -> None:
    (folder / name).write_text(NET.replace('"Conv", name = "two"', '"Konv", name = "two"'))
    result = run("check", "--", name)
    assert (result.code, len(result.out.splitlines())) == (2, 2)
    assert ":5:3: FC901 two: unknown type 'Konv'; did you mean 'Conv'?" in result.out.splitlines()[0]


@pytest.mark.skipif(sys.platform == "win32", reason="these names are not possible there")
@pytest.mark.parametrize("name", ["with space.toml", "quo'te\".toml", "ünï.toml", "new\nline.toml", "[a]*.toml"])
def test_odd_names_are_checked_at_their_base(folder: Path, run: Run, name: str) -> None:
    committed(repository(folder), {name: NET})
    (folder / name).write_text(NET.replace("= 8, k", "= 9, k") + '\n[budget]\nmacs.max_increase = "1%"\n')
    result = run("check", name, "--base", "HEAD")
    assert result.code == 1
    assert len([line for line in result.out.splitlines() if "FC201" in line]) == 1


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_marks_move_no_position(folder: Path, run: Run, prefix: bytes, end: str) -> None:
    (folder / "net.toml").write_bytes(prefix + (NET + BUDGET).replace("\n", end).encode())
    assert run("check", "net.toml").out.startswith("net.toml:9:1: FC101 ")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_loop_of_links_ends(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self.toml").symlink_to(folder / "self.toml")
    result = run("check", "**/*.toml")
    assert (result.code, result.out.splitlines()[0]) == (0, "1 file checked: no limits apply")
    assert run("check", "self.toml").code == 2


def test_a_file_that_is_given_twice_is_checked_once(folder: Path, run: Run) -> None:
    (folder / "sub").mkdir()
    written(folder, net__toml=NET)
    assert run("check", "net.toml", "./net.toml", "sub/../net.toml", folder / "net.toml", "*.toml").out.startswith(
        "1 file "
    )


@pytest.mark.skipif(sys.platform == "win32", reason="these names are not possible there")
@pytest.mark.parametrize("name", ["[a]", "*", "a b", "-x"])
def test_a_folder_is_no_pattern(folder: Path, run: Run, name: str) -> None:
    for each in (name, "a"):
        (folder / each).mkdir()
        written(folder / each, net__toml=NET)
    assert f"no limits apply to {name}/net.toml;" in run("check", "--", name).out


def test_what_is_hidden_in_a_folder_is_left_alone(folder: Path, run: Run) -> None:
    (folder / ".venv").mkdir()
    written(folder / ".venv", bad__toml=BROKEN)
    written(folder, net__toml=NET)
    assert run("check", ".").out.startswith("1 file checked: no limits apply\n")


@pytest.mark.parametrize("mark", [".git", "pyvenv.cfg"])
def test_what_is_of_another_repository_or_environment_in_a_folder_is_left_alone(
    folder: Path, run: Run, mark: str
) -> None:
    """A submodule with flopcount itself has 130 networks, which are not the project's own."""
    inside = folder / "tools" / "other" / "archs"
    inside.mkdir(parents=True)
    (inside.parent / mark).touch()
    written(inside, net__toml=NET)
    written(folder, net__toml=NET)
    assert run("check", ".").out.startswith("1 file checked: no limits apply\n")
    assert run("check", "tools/other/archs").out.startswith("1 file checked: no limits apply\n")


def test_a_folder_stands_for_the_arch_files_in_it(folder: Path, run: Run) -> None:
    (folder / "archs" / "deep").mkdir(parents=True)
    written(folder / "archs", net__toml=NET)
    written(folder / "archs" / "deep", net__json=json.dumps({"input": [1, 1, 1], "layers": [{"type": "Flatten"}]}))
    assert run("check", "archs").out.startswith("2 files checked")


@pytest.mark.parametrize("name", ["", "nowhere.toml", "no/*.toml", "[", "a\0b"])
def test_files_that_are_not_there_exit_2(folder: Path, run: Run, name: str) -> None:
    assert folder.is_dir()
    result = run("check", name)
    assert (result.code, len(result.problems)) == (2, 1)


def test_several_formats_go_to_files_of_their_own(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET + BUDGET)
    result = run("check", "net.toml", "--format", "json=out.json", "--format", "github", "--format", "junit=out.xml")
    assert result.code == 1
    assert result.out.startswith("::error title=flopcount check::")
    assert json.loads((folder / "out.json").read_text())["exit_code"] == 1
    assert (folder / "out.xml").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        (["text", "json"], "two formats cannot share standard output"),
        (["text", "json=-"], "two formats cannot share standard output"),
        (["text=a", "json=./a"], "two formats cannot share a file"),
        (["xml"], "expected one of text, json"),
        (["json="], "expected one of text, json"),
        (["json=no/such/folder.json"], "choose another FORMAT=FILE"),
    ],
)
def test_formats_that_cannot_be_written_exit_2(folder: Path, run: Run, formats: list[str], words: str) -> None:
    written(folder, net__toml=NET)
    result = run("check", "net.toml", *(word for each in formats for word in ("--format", each)))
    assert result.code == 2
    assert words in result.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_is_read_only_is_one_clear_line(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET)
    (folder / "out").mkdir(mode=0o500)
    result = run("check", "net.toml", "--format", "json=out/a.json")
    assert (result.code, len(result.problems)) == (2, 1)


def test_the_step_summary_is_added_to(folder: Path, process: Process) -> None:
    written(folder, net__toml=NET + BUDGET, summary__md="before\n")
    result = process("check", "net.toml", "--format", "github", GITHUB_STEP_SUMMARY=str(folder / "summary.md"))
    assert result.code == 1
    text = (folder / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- flopcount check -->\n### ❌ flopcount: 1 file checked: 1 limit broken")


def test_json_files_have_positions_too(folder: Path, run: Run) -> None:
    layers = [{"type": "Conv", "out_channels": 4, "kernel_size": 3}]
    data = {"input": [3, 8, 8], "layers": layers, "budget": [{"params": "1M"}, {"layer": {"macs": {"max": 5}}}]}
    written(folder, net__json=json.dumps(data, indent=1))
    line = (folder / "net.json").read_text().splitlines().index('     "max": 5') + 1
    assert run("check", "net.json").out.startswith(f"net.json:{line}:6: FC101 network Conv1 macs 3.888k > 5 ")
