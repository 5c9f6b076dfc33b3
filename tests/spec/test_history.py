"""Files as they were at a base: which git finds, and what it says where it finds none."""

import os
import sys
from pathlib import Path

import pytest
from repositories import committed, git, repository

from flopcount.errors import BadInput, UsageError
from flopcount.spec.git import content_in, outside, texts_at
from flopcount.spec.text import root_of

ODD = ["with space.toml", "quo'te\".toml", "ünï→.toml", "tab\there.toml", "-dash.toml", "a,b.toml"]
LINE = "new\nline.toml"


def before(root: Path, name: str, ref: str = "HEAD") -> bytes | None:
    return texts_at(root, ref, [root / name]).get(root / name)


def test_a_file_is_read_as_it_was_at_the_merge_base(tmp_path: Path) -> None:
    root = repository(tmp_path, a__toml="one")
    git(root, "checkout", "-q", "-b", "work")
    committed(root, {"a.toml": "two"})
    git(root, "checkout", "-q", "main")
    committed(root, {"a.toml": "later on main"})
    git(root, "checkout", "-q", "work")
    (root / "a.toml").write_text("not committed")
    assert before(root, "a.toml", "main") == b"one"
    assert before(root, "a.toml", "HEAD") == b"two"


@pytest.mark.skipif(sys.platform == "win32", reason="these names are not possible there")
@pytest.mark.parametrize("name", [*ODD, LINE])
def test_any_name_is_found(tmp_path: Path, name: str) -> None:
    root = committed(repository(tmp_path), {name: "old"})
    (root / name).write_text("new")
    assert before(root, name) == b"old"


def test_a_new_file_was_not_there(tmp_path: Path) -> None:
    root = repository(tmp_path, a__toml="one")
    (root / "b.toml").write_text("new")
    assert before(root, "b.toml") is None


def test_renames_are_followed(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(30))
    root = committed(repository(tmp_path), {"old/name of it.toml": text})
    (root / "new").mkdir()
    git(root, "mv", "old/name of it.toml", "new/ü.toml")
    (root / "new" / "ü.toml").write_text(f"{text}more\n")
    assert before(root, "new/ü.toml") == text.encode()


def test_bytes_come_as_they_are(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfname = 1\r\n\x00\xff"
    (tmp_path / "a.toml").write_bytes(content)
    root = repository(tmp_path)
    (root / "a.toml").write_text("changed")
    assert before(root, "a.toml") == content


def test_many_files_are_read_at_once(tmp_path: Path) -> None:
    names = [f"{number}.toml" for number in range(200)]
    root = committed(repository(tmp_path), {name: name * 100 for name in names})
    found = texts_at(root, "HEAD", [root / name for name in names])
    assert [found[root / name].decode() for name in names] == [name * 100 for name in names]


@pytest.mark.parametrize("ref", ["-x", "--upload-pack=touch x", "-", "a\0b"])
def test_a_ref_that_looks_like_an_option_is_refused(tmp_path: Path, ref: str) -> None:
    with pytest.raises(UsageError, match="a ref must not be empty or start with -"):
        texts_at(repository(tmp_path), ref, [])


@pytest.mark.parametrize("ref", ["nowhere", "origin/main", "HEAD~5", "a b", "main:", "a..b"])
def test_a_ref_that_is_not_there_is_refused_with_a_hint(tmp_path: Path, ref: str) -> None:
    root = repository(tmp_path)
    with pytest.raises(UsageError, match=r"no such commit in this repository; fetch it first, as in git fetch origin"):
        texts_at(root, ref, [])


def test_a_shallow_clone_says_how_to_get_the_rest(tmp_path: Path) -> None:
    root = repository(tmp_path / "whole", a__toml="one")
    committed(root, {"a.toml": "two"})
    git(tmp_path, "clone", "-q", "--depth", "1", root.as_uri(), "part")
    with pytest.raises(UsageError, match=r"this clone is shallow: run git fetch --unshallow, or set fetch-depth: 0"):
        texts_at(tmp_path / "part", "HEAD~1", [])


def test_without_a_common_commit_there_is_no_base(tmp_path: Path) -> None:
    root = repository(tmp_path, a__toml="one")
    git(root, "checkout", "-q", "--orphan", "other")
    committed(root, {"a.toml": "two"})
    with pytest.raises(UsageError, match="no commit in common"):
        texts_at(root, "main", [])


def test_before_the_first_commit_there_is_no_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="no such commit"):
        texts_at(tmp_path, "HEAD", [])


def test_a_bare_repository_has_no_files(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    assert root_of(tmp_path / "bare.git") is None
    assert "a bare repository" in str(outside(tmp_path / "bare.git"))


def test_outside_a_repository_there_is_no_base(tmp_path: Path) -> None:
    assert root_of(tmp_path) is None
    assert "not in a git repository" in str(outside(tmp_path))


def test_a_submodule_has_the_base_of_the_whole(tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner", a__toml="one")
    whole = repository(tmp_path / "whole")
    git(whole, "submodule", "--quiet", "add", inner.as_uri(), "sub")
    committed(whole, {})
    committed(whole / "sub", {"a.toml": "two"})
    assert root_of(whole / "sub") == whole / "sub"
    assert before(whole / "sub", "a.toml", "main") == b"one"


def test_a_linked_worktree_is_a_working_tree(tmp_path: Path) -> None:
    root = repository(tmp_path / "main", a__toml="one")
    git(root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "a.toml").write_text("two")
    assert before(tmp_path / "side", "a.toml", "main") == b"one"


def test_what_a_hook_sets_does_not_lead_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "one", a__toml="one")
    other = repository(tmp_path / "two", a__toml="two")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert before(root, "a.toml") == b"one"


def test_without_git_a_hint_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path, a__toml="one")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="needs git, which is not on the path"):
        texts_at(root, "HEAD", [])


def test_a_damaged_repository_is_a_line_not_a_traceback(tmp_path: Path) -> None:
    root = repository(tmp_path, a__toml="one")
    for path in (root / ".git" / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")
    with pytest.raises(BadInput):
        before(root, "a.toml")


def test_a_commit_has_its_files_by_name(tmp_path: Path) -> None:
    root = repository(tmp_path, a__toml="one")
    committed(root, {"a.toml": "two"})
    assert content_in("HEAD~1", "a.toml", root) == b"one"
    with pytest.raises(BadInput, match="no such file in this commit"):
        content_in("HEAD", "b.toml", root)


def test_a_link_is_followed_to_the_file(tmp_path: Path) -> None:
    root = repository(tmp_path, a__toml="one")
    if not hasattr(os, "symlink"):
        return
    (root / "link.toml").symlink_to("a.toml")
    (root / "a.toml").write_text("two")
    assert before(root, "link.toml") == b"one"


def test_a_file_outside_the_repository_is_as_good_as_new(tmp_path: Path) -> None:
    root = repository(tmp_path / "in", a__toml="one")
    (tmp_path / "out.toml").write_text("x")
    assert texts_at(root, "HEAD", [tmp_path / "out.toml"]) == {}
