"""What projects use as it is: the hooks of pre-commit, the action of GitHub, and the project's own budgets."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Run
from repositories import committed, git, repository

ROOT = Path(__file__).parent.parent
HOOKS = ROOT / ".pre-commit-hooks.yaml"
ACTION = ROOT / "action.yml"
NET = 'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 3 }]\n'

NEEDS_BASH = pytest.mark.skipif(sys.platform == "win32" or shutil.which("bash") is None, reason="needs bash")


def tool(module: str, *arguments: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a tool of Python's, with this Python's commands first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def test_the_manifest_of_hooks_is_valid() -> None:
    assert tool("pre_commit", "validate-manifest", HOOKS).returncode == 0


def local(folder: Path, *ids: str) -> None:
    """Configure the hooks as those of a local repository, in which they run with what is installed here."""
    hooks = [{**hook, "language": "system"} for hook in yaml.safe_load(HOOKS.read_text()) if hook["id"] in ids]
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(("budget", "code", "words"), [("1k", 1, "FC101 net macs 3.888k > 1k"), ("4k", 0, "Passed")])
def test_the_hook_checks_the_files_of_a_commit(tmp_path: Path, budget: str, code: int, words: str) -> None:
    local(tmp_path, "flopcount-check")
    committed(repository(tmp_path), {"archs/net.toml": f'{NET}name = "net"\n[budget]\nmacs = "{budget}"\n'})
    done = tool("pre_commit", "run", "--all-files", folder=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout


@pytest.mark.parametrize(
    ("path", "triggers"),
    [
        ("archs/net.toml", True),
        ("exports/net.onnx", True),
        ("net.keras", True),
        ("models/net.cfg", True),
        ("models/net.prototxt", True),
        ("setup.cfg", False),
        ("pyproject.toml", False),
        ("models/config.json", False),
    ],
)
def test_the_hooks_are_triggered_by_networks_of_every_format(path: str, triggers: bool) -> None:  # noqa: FBT001
    for hook in yaml.safe_load(HOOKS.read_text()):
        assert "types_or" not in hook
        assert bool(re.search(hook["files"], path)) == triggers


def test_the_hook_leaves_other_files_alone(tmp_path: Path) -> None:
    local(tmp_path, "flopcount-check")
    committed(repository(tmp_path), {"other.toml": "not an arch file"})
    assert "no files to check" in tool("pre_commit", "run", "--all-files", folder=tmp_path).stdout


def test_the_hook_of_the_lock_checks_what_is_locked(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    local(tmp_path, "flopcount-lock")
    committed(repository(tmp_path), {"archs/net.toml": NET, "flopcount.toml": 'files = "archs/*.toml"\n'})
    monkeypatch.chdir(tmp_path)
    assert run("lock").code == 0
    git(tmp_path, "add", "-A")
    assert tool("pre_commit", "run", "--all-files", folder=tmp_path).returncode == 0
    (tmp_path / "archs" / "net.toml").write_text(NET.replace("= 4", "= 5"))
    assert "FC301" in tool("pre_commit", "run", "--all-files", folder=tmp_path).stdout


def action() -> dict[str, Any]:
    """Return the action as data."""
    data: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    return data


def test_the_action_is_what_its_platform_reads() -> None:
    assert tool("check_jsonschema", "--builtin-schema", "vendor.github-actions", ACTION).returncode == 0


def test_no_input_of_the_action_gets_into_a_script() -> None:
    scripts = [step["run"] for step in action()["runs"]["steps"]]
    assert scripts
    assert not any("${{" in script for script in scripts)


@NEEDS_BASH
@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({}, 1),
        ({"FILES": "archs/fine.toml\n"}, 0),
        ({"FILES": "archs/fine.toml\nno/such.toml"}, 2),
        (
            {
                "FILES": "archs/fine.toml",
                "BASE": "HEAD",
                "FORMATS": "json=out.json\nsarif=out.sarif",
                "COMMENT": "c.md",
            },
            0,
        ),
        ({"FILES": 'archs/fine.toml"; touch hacked; "', "BASE": "$(touch hacked)"}, 2),
        ({"BASE": "-x"}, 2),
        ({"FILES": "archs/fine.toml", "LOCK": "true"}, 2),
        ({"FILES": "archs/fine.toml", "CONFIG": "ci/other.toml", "LOCK": "true"}, 0),
        ({"CONFIG": "ci/other.toml", "LOCK": "true"}, 1),
    ],
)
def test_the_action_checks(tmp_path: Path, inputs: dict[str, str], code: int) -> None:
    files = {"archs/net.toml": f"{NET}[budget]\nmacs = 1\n", "archs/fine.toml": NET}
    files["ci/other.toml"] = 'files = "../archs/*.toml"\nlock = "other.lock"\n'
    files["archs/new.toml"] = files["archs/net.toml"]
    committed(repository(tmp_path / "work"), {**files, "flopcount.toml": 'files = "archs/*.toml"\n'})
    flopcount = Path(sys.executable).parent / "flopcount"
    words = [str(flopcount), "lock", "--config", "ci/other.toml", "archs/fine.toml", "archs/net.toml"]
    subprocess.run(words, cwd=tmp_path / "work", capture_output=True, check=True)
    given = {f"FLOPCOUNT_{name}": "" for name in ("FILES", "BASE", "CONFIG", "FORMATS", "COMMENT", "LOCK")}
    given |= {f"FLOPCOUNT_{name}": value for name, value in inputs.items()}
    outside = {"GITHUB_OUTPUT": str(tmp_path / "output"), "FLOPCOUNT": str(flopcount), "PYTHONPATH": str(ROOT)}
    script = action()["runs"]["steps"][1]["run"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path / "work", env={**os.environ, **outside, **given}, capture_output=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    assert not (tmp_path / "work" / "hacked").exists()
    if "FORMATS" in inputs:
        assert json.loads((tmp_path / "work" / "out.json").read_text())["ok"] is True
        assert (tmp_path / "work" / "c.md").is_file()


def recipe(name: str) -> Any:
    """Return a recipe of the page on budgets as data."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"<!-- recipe: {re.escape(name)} -->\n```yaml\n(.*?)```", page, re.DOTALL)
    assert "OWNER" not in text
    return yaml.safe_load(text)


FAKE_GH = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *--jq*) printf '%s' "$FOUND";; esac
"""


@NEEDS_BASH
@pytest.mark.parametrize(
    ("found", "call"),
    [
        ("", "api --silent repos/a/b/issues/7/comments --field body=@comment.md"),
        ("12\n13\n", "api --silent --method PATCH repos/a/b/issues/comments/12 --field body=@comment.md"),
    ],
)
def test_the_recipe_posts_one_comment_and_updates_it(tmp_path: Path, found: str, call: str) -> None:
    steps = recipe(".github/workflows/budgets.yml")["jobs"]["check"]["steps"]
    given = next(step["with"] for step in steps if step.get("uses", "").startswith("./"))
    assert {*given} <= {*action()["inputs"]}
    (tmp_path / "gh").write_text(FAKE_GH)
    (tmp_path / "gh").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    outside = {
        "PATH": path,
        "CALLS": str(tmp_path / "calls"),
        "FOUND": found,
        "COMMENTS": "repos/a/b/issues/7/comments",
    }
    for text in (None, "the comment"):
        if text:
            (tmp_path / given["comment"]).write_text(text)
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[-1]["run"]]
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **outside}, check=True)
        assert (tmp_path / "calls").exists() == bool(text)
    assert (tmp_path / "calls").read_text().splitlines()[-1] == call


def test_the_recipe_of_pre_commit_names_hooks_that_exist() -> None:
    (repo,) = recipe(".pre-commit-config.yaml")["repos"]
    assert {hook["id"] for hook in repo["hooks"]} == {hook["id"] for hook in yaml.safe_load(HOOKS.read_text())}


def test_the_bundled_networks_are_within_their_budgets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = run("check")
    assert result.code == 0, result.out
