"""Nothing that a repository configures runs, nothing is fetched, and git's check of who owns it stays on."""

import os
import shlex
import sys
from pathlib import Path

import pytest
from checkednet import NET, written
from conftest import Run
from repositories import committed, git, repository

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")

WIDER = NET.replace("= 8, k", "= 9, k")
RULE = '[[budget]]\nfiles = "**/n*.toml"\nmacs.max_increase = 0\n'
"""WIDER has 4·9 more weights in `two`, on 4×4: 576 MACs more."""
BROKEN = "net macs 9.072k > 8.496k (base 8.496k) by 576 (6.78%)"


@pytest.fixture
def hostile(folder: Path) -> Path:
    """Make a repository with every program that git can be told to run, each of which would leave a mark."""
    root = repository(folder / "hostile", net__toml=NET, flopcount__toml=RULE)
    spy = folder / "spy"
    spy.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(folder / 'mark'))}\ncat\n")
    spy.chmod(0o755)
    (root / ".gitattributes").write_text("* filter=spy diff=spy merge=spy\n")
    (root / "net.toml").write_text(WIDER)
    (root / ".git" / "hooks").mkdir(exist_ok=True)
    for hook in ("fsmonitor-watchman", "post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        (root / ".git" / "hooks" / hook).symlink_to(spy)
    for key in (
        *("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.gitProxy"),
        *("core.alternateRefsCommand", "diff.external", "diff.spy.command", "diff.spy.textconv", "credential.helper"),
        *("filter.spy.clean", "filter.spy.smudge", "filter.spy.process", "merge.spy.driver", "gpg.program"),
        *("remote.origin.uploadpack", "pager.rev-parse", "pager.diff", "pager.ls-tree", "pager.cat-file"),
        *("alias.rev-parse", "alias.cat-file", "alias.ls-tree", "alias.diff-tree", "interactive.diffFilter"),
    ):
        git(root, "config", key, f"!{spy}" if key.startswith("alias") else str(spy))
    (root / ".git" / "index").touch()
    (folder / "mark").unlink(missing_ok=True)
    os.chdir(root)
    return folder


def test_the_spy_would_be_seen(hostile: Path) -> None:
    git(hostile / "hostile", "status")
    assert (hostile / "mark").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("check", "--base", "HEAD"), BROKEN),
        (("check", "--base", "main", "net.toml"), BROKEN),
        (("lock",), "1 network: 1 new"),
        (("diff", "HEAD:net.toml", "net.toml"), "9,072"),
        (("check", "--base", ":0:net.toml"), "must not be empty or start with - or :"),
        (("check", "--base", "HEAD^{:0:net.toml}"), "no such commit"),
    ],
)
def test_no_program_of_the_repository_runs(hostile: Path, run: Run, words: tuple[str, ...], expected: str) -> None:
    result = run(*words)
    assert expected in result.out + result.err
    assert not (hostile / "mark").exists()


def test_no_program_runs_for_a_rename(hostile: Path, run: Run) -> None:
    (hostile / "hostile" / "net.toml").rename(hostile / "hostile" / "new.toml")
    assert BROKEN in run("check", "--base", "main").out
    assert not (hostile / "mark").exists()


def test_nothing_is_written_to_the_repository(hostile: Path, run: Run) -> None:
    (hostile / "hostile" / "net.toml").rename(hostile / "hostile" / "new.toml")
    files = {path: path.stat().st_mtime_ns for path in (hostile / "hostile").rglob("*")}
    run("check", "--base", "main")
    assert files == {path: path.stat().st_mtime_ns for path in (hostile / "hostile").rglob("*")}


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_a_partial_clone_fetches_nothing_and_says_what_to_do(folder: Path, run: Run, filtered: str) -> None:
    origin = repository(folder / "origin", net__toml=NET)
    git(origin, "config", "uploadpack.allowFilter", "true")
    committed(origin, {"net.toml": WIDER})
    git(folder, "clone", "-q", f"--filter={filtered}", origin.as_uri(), "part")
    spy = folder / "spy"
    spy.write_text(f'#!/bin/sh\ntouch {folder / "mark"}\nexec git-upload-pack "$@"\n')
    spy.chmod(0o755)
    git(folder / "part", "config", "remote.origin.uploadpack", str(spy))
    os.chdir(folder / "part")
    for words in (("check", "--base", "HEAD~1", "net.toml"), ("diff", "HEAD~1:net.toml", "net.toml")):
        result = run(*words)
        assert result.code == 2
        assert "git fetch --refetch --no-filter" in result.err
    assert not (folder / "mark").exists()
    git(folder / "part", "fetch", "-q", "--refetch", "--no-filter")
    assert run("check", "--base", "HEAD~1", "net.toml").code == 0


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("words", [("check", "--base", "main", "net.toml"), ("diff", "main:net.toml", "net.toml")])
def test_the_repository_of_somebody_else_is_not_read(folder: Path, run: Run, words: tuple[str, ...]) -> None:
    root = repository(folder / "foreign", net__toml=NET)
    for path in (root, *root.rglob("*")):
        os.chown(path, 12345, 12345)
    os.chdir(root)
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert "dubious ownership" in result.err
    assert "safe.directory" in result.err
    mine = root / "mine"
    mine.mkdir()
    written(mine, net__toml=NET)
    os.chdir(mine)
    assert "dubious ownership" in run("check", "--base", "main", "net.toml").err


def test_no_program_of_a_superproject_runs(hostile: Path, run: Run) -> None:
    """The base of a submodule is the commit that the base of the whole has."""
    whole, inner = hostile / "hostile", repository(hostile / "inner", net__toml=NET)
    spied = (whole / ".git" / "config").read_text()
    git(whole, "config", "--remove-section", "filter.spy")
    git(whole, "config", "--unset", "core.fsmonitor")
    git(whole, "submodule", "--quiet", "add", inner.as_uri(), "sub")
    committed(whole, {})
    committed(whole / "sub", {"net.toml": f"{WIDER}[budget]\nmacs.max_increase = 0\n"})
    (whole / ".git" / "config").write_text(spied)
    (hostile / "mark").unlink(missing_ok=True)
    os.chdir(whole / "sub")
    assert BROKEN in run("check", "--base", "main", "net.toml").out
    assert not (hostile / "mark").exists()


def test_objects_that_a_repository_borrows_are_found(folder: Path, run: Run) -> None:
    origin = repository(folder / 'odd: "name\\', net__toml=NET)
    git(folder, "clone", "-q", "--shared", str(origin), "it's: shared")
    git(folder / "it's: shared", "worktree", "add", "-q", "-b", "side", str(folder / "work\ntree"))
    os.chdir(folder / "work\ntree")
    written(Path(), net__toml=f"{WIDER}[budget]\nmacs.max_increase = 0\n")
    assert BROKEN in run("check", "--base", "main", "net.toml").out


def test_a_repository_with_longer_hashes_is_read(folder: Path, run: Run) -> None:
    root = folder / "sha256"
    root.mkdir()
    git(root, "init", "-q", "-b", "main", "--object-format=sha256")
    committed(root, {"net.toml": NET, "flopcount.toml": RULE})
    (root / "net.toml").unlink()
    (root / "new.toml").write_text(WIDER)
    os.chdir(root)
    assert BROKEN in run("check", "--base", "main").out


@pytest.mark.parametrize(
    "ref", ["$(touch mark)", "`touch mark`", "main;touch mark", "--output=mark", "@{u}", "x" * 5000]
)
def test_a_hostile_ref_is_a_sentence(folder: Path, run: Run, ref: str) -> None:
    root = repository(folder / "root", net__toml=NET)
    os.chdir(root)
    result = run("check", f"--base={ref}", "net.toml")
    assert (result.code, len(result.problems)) == (2, 1)
    assert not (root / "mark").exists()


@pytest.mark.parametrize(
    "name", ["n\n--output=mark.toml", "-n.toml", "n\x1b[31m.toml", "n'$(touch mark)'.toml", "n:0:.toml"]
)
def test_a_hostile_name_is_compared(folder: Path, run: Run, name: str) -> None:
    root = committed(repository(folder / "root", flopcount__toml=RULE.replace("n*", "*n*")), {name: NET})
    (root / name).rename(root / f"n{name}")
    (root / f"n{name}").write_text(WIDER)
    os.chdir(root)
    result = run("check", "--base", "main")
    assert BROKEN in result.out
    assert "\x1b" not in result.out
    assert not (root / "mark").exists()


def test_a_folder_in_a_repository_that_looks_like_one_is_refused(folder: Path, run: Run) -> None:
    root = repository(folder / "root", net__toml=NET)
    (root / "inner" / ".git").mkdir(parents=True)
    os.chdir(root / "inner")
    written(Path(), net__toml=NET)
    result = run("check", "--base", "main", "net.toml")
    assert (result.code, result.problems) == (
        2,
        [f"{root}/inner/.git: this is not a git repository; run git init, or remove it"],
    )


def test_more_content_than_fits_is_not_read(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chdir(repository(folder / "root", net__toml=NET))
    monkeypatch.setattr("flopcount.spec.git.MOST_CONTENT", 100)
    for words in (("check", "--base", "main", "net.toml"), ("diff", "main:net.toml", "net.toml")):
        assert "MiB in this commit" in run(*words).problems[0]
