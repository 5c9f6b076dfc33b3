"""The project's configuration: where it is found, and which files its patterns mean."""

import os
import sys
from pathlib import Path

import pytest

from flopcount.errors import FileError
from flopcount.spec.project import found, matching, read


def named(config: Path | None) -> str:
    """Return what the configuration found from a folder is called."""
    assert config is not None
    result = found(config)
    return result.source.title if result else ""


def test_the_nearest_is_found_and_called_from_where_one_is(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "flopcount.toml").write_text("")
    assert named(deep) == "../../flopcount.toml"
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.flopcount]\nfiles = "*"\n')
    assert named(deep) == "../pyproject.toml"
    (tmp_path / "a" / "flopcount.toml").write_text("")
    assert named(deep) == "../flopcount.toml"
    assert named(tmp_path / "a") == "flopcount.toml"


@pytest.mark.parametrize(
    "text", ["", "[tool.other]\n", '[project]\ndependencies = ["flopcount"]\n', "tool = 3 # flopcount\n", "not TOML ["]
)
def test_a_project_file_that_says_nothing_of_flopcount_is_passed_by(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text(text)
    (tmp_path / "flopcount.toml").write_text("")
    assert named(tmp_path / "a") == "../flopcount.toml"


def test_a_folder_of_that_name_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "a" / "flopcount.toml").mkdir(parents=True)
    (tmp_path / "flopcount.toml").write_text("")
    assert named(tmp_path / "a") == "../flopcount.toml"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("flopcount.toml", b"\xff", "flopcount.toml:1:1: this is not text"),
        ("pyproject.toml", b"[project]\n", r"it has no \[tool.flopcount\]"),
        ("pyproject.toml", b"tool.flopcount = 3\n", "pyproject.toml:1:1: invalid 3: expected a table"),
        ("other.toml", None, "no such file; --config names"),
    ],
)
def test_what_is_no_configuration_is_said_in_a_sentence(
    tmp_path: Path, name: str, text: bytes | None, words: str
) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text)
    with pytest.raises(FileError, match=words):
        read(tmp_path / name)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a project in a folder of its own, with a file beside it."""
    project = tmp_path / "project"
    for name in ("archs/deep/b.toml", "archs/a.toml", "archs/A.JSON", "flopcount.toml", "archs/[x].toml"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    (tmp_path / "beside.toml").write_text("")
    return project


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.toml", []),
        ("archs/*.toml", ["archs/[x].toml", "archs/a.toml"]),
        ("archs/**/*.toml", ["archs/[x].toml", "archs/a.toml", "archs/deep/b.toml"]),
        ("./archs/a.toml", ["archs/a.toml"]),
        ("../*.toml", ["../beside.toml"]),
        ("archs/[[]x].toml", ["archs/[x].toml"]),
        ("archs", []),
        ("archs/", []),
        (".", []),
        ("**", []),
        ("~/x.toml", []),
        ("archs/**a.toml", []),
        ("a\0b", []),
    ],
)
def test_a_pattern_is_from_the_folder_and_matches_files(tree: Path, pattern: str, names: list[str]) -> None:
    hits = matching(tree, [pattern])[pattern]
    assert [os.path.relpath(hit, tree).replace(os.sep, "/") for hit in hits] == names


@pytest.mark.skipif(sys.platform == "win32", reason="these separators are possible there")
def test_separators_of_another_system_match_nothing(tree: Path) -> None:
    assert matching(tree, ["archs\\*.toml"]) == {"archs\\*.toml": []}


def test_an_absolute_pattern_is_taken_as_it_is(tree: Path) -> None:
    pattern = str(tree / "archs" / "a*.toml")
    assert matching(tree / "archs" / "deep", [pattern]) == {pattern: [tree / "archs" / "a.toml"]}


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_folders_behind_links_are_not_walked(tree: Path) -> None:
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "archs" / "link.toml").symlink_to(tree / "archs" / "a.toml")
    names = [hit.name for hit in matching(tree, ["**/*.toml"])["**/*.toml"]]
    assert names == ["[x].toml", "a.toml", "b.toml", "link.toml"]
