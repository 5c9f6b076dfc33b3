"""A reader who follows a tutorial from top to bottom sees what it shows: files, commands, Python, git."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from pages import Reader, parts

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
LIVE = {"pytorch.md"}
"""Tutorials that need torch; `make drift` follows them."""


@pytest.mark.parametrize("page", [page for page in TUTORIALS if page.name not in LIVE], ids=lambda page: page.stem)
def test_a_tutorial_prints_what_it_shows(page: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Reader(run).follow(page) == []


def test_what_a_tutorial_does_not_print_is_noticed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```console\n$ flopcount lenet5 --format csv --columns path,macs\nConv1,1\n$ echo $?\n1\n```\n")
    assert len(Reader(run).follow(page)) == 2


def test_the_workflow_of_a_tutorial_is_what_github_reads(tmp_path: Path) -> None:
    (workflow,) = (part for page in TUTORIALS for part in parts(page) if part.file.startswith(".github/"))
    (tmp_path / "workflow.yml").write_text(workflow.text, encoding="utf-8")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*check, tmp_path / "workflow.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
