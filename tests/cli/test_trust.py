"""How far a configuration is trusted, and what may be read: the user's own files, and those that the user names."""

import os
import sys
from pathlib import Path

import pytest
from checkednet import NET, written
from conftest import Process, Run
from repositories import repository

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and pipes are those of Unix")
is_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give a file away")

RULE = '[[budget]]\nfiles = "**/net.toml"\nmacs = 1\n'


def check(run: Run, folder: Path, *words: str) -> tuple[int, str]:
    """Check a network in a folder; return the exit code, and all that is said."""
    folder.mkdir(exist_ok=True, parents=True)
    written(folder, net__toml=NET)
    os.chdir(folder)
    result = run("check", "net.toml", *words)
    return result.code, result.out + result.err


def test_no_configuration_from_above_the_repository(folder: Path, run: Run) -> None:
    written(folder, flopcount__toml=RULE)
    inner = repository(folder / "repo") / "deep"
    assert check(run, inner) == (
        0,
        "1 file checked: no limits apply\nnote: no limits apply to net.toml; flopcount init writes some\n",
    )
    written(folder / "repo", flopcount__toml=RULE)
    assert check(run, inner)[0] == 1


def test_no_configuration_from_above_the_home(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, flopcount__toml=RULE)
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert check(run, folder / "home" / "deep")[0] == 0
    written(folder / "home", flopcount__toml=RULE)
    assert check(run, folder / "home" / "deep")[0] == 1


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_no_configuration_from_a_folder_that_others_may_write(folder: Path, run: Run, mode: int) -> None:
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(mode)
    written(shared, flopcount__toml=RULE)
    assert check(run, shared / "mine")[0] == 0
    code, said = check(run, shared)
    reason = "other users may write the folder; if you trust it, give --config flopcount.toml"
    assert (code, said) == (2, f"error: flopcount.toml: not used: {reason}\n")
    assert check(run, shared, "--config", "flopcount.toml")[0] == 1


def test_no_configuration_that_others_may_write(folder: Path, run: Run) -> None:
    written(folder, flopcount__toml=RULE)
    (folder / "flopcount.toml").chmod(0o666)
    assert "other users may write the file" in check(run, folder)[1]


def test_no_configuration_linked_from_a_folder_that_others_may_write(folder: Path, run: Run) -> None:
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o777)
    written(folder / "shared", flopcount__toml=RULE)
    (folder / "flopcount.toml").symlink_to("shared/flopcount.toml")
    assert "other users may write the folder" in check(run, folder)[1]


@is_root
def test_no_configuration_of_somebody_else(folder: Path, run: Run) -> None:
    foreign = repository(folder / "foreign", flopcount__toml=RULE, net__toml=NET)
    os.chown(foreign / "flopcount.toml", 12345, -1)
    assert "not used: the file belongs to another user" in check(run, foreign)[1]
    os.chown(foreign / "flopcount.toml", 0, -1)
    os.chown(foreign, 12345, -1)
    assert "not used: the folder belongs to another user" in check(run, foreign)[1]
    assert check(run, foreign / "mine")[0] == 0


@pytest.mark.parametrize(
    "pattern",
    [
        *("{0}/secret.toml", "../secret.toml", "../s*.toml", "*/../../secret.toml", "link.toml", "l*.toml"),
        *(
            "up/secret.toml",
            "up/*.toml",
            "u*/**/none.toml",
            "**/u*/none.toml",
            "/**/secret.toml",
            "../project/../secret.toml",
        ),
    ],
)
@pytest.mark.parametrize(
    "table", ['files = "{}"\n', f'files = "net.toml"\n{RULE}[[exempt]]\nfiles = "{{}}"\n', "[inputs]\n'{}' = 9\n"]
)
def test_a_configuration_reaches_no_file_outside_its_folder(folder: Path, run: Run, pattern: str, table: str) -> None:
    project = folder / "project"
    project.mkdir()
    written(folder, secret__toml=NET)
    (project / "link.toml").symlink_to("../secret.toml")
    (project / "up").symlink_to("..")
    more = 'id = "a"\nreason = "r"\nexpires = 9999-01-01\n' if "exempt" in table else ""
    text = table.replace("macs = 1", 'macs = 1\nid = "a"').format(pattern.format(folder)) + more
    written(project, flopcount__toml=text, net__toml=NET)
    os.chdir(project)
    result = run("check")
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert "leads out of the folder of this configuration" in result.err
    assert "leads out" not in run("check", "--config", "flopcount.toml").err
    if "exempt" not in table:
        (project / "flopcount.toml").unlink()
        assert run("check", "../secret.toml", "link.toml").code == 0


@pytest.mark.parametrize("name", ["../stolen.lock", "{0}/stolen.lock", "link.lock", "up/stolen.lock"])
def test_a_configuration_has_no_lock_file_outside_its_folder(folder: Path, run: Run, name: str) -> None:
    project = folder / "project"
    project.mkdir()
    (project / "link.lock").symlink_to("../stolen.lock")
    (project / "up").symlink_to("..")
    written(project, flopcount__toml=f'files = "net.toml"\nlock = "{name.format(folder)}"\n', net__toml=NET)
    os.chdir(project)
    for words in (("lock",), ("lock", "--check")):
        result = run(*words)
        assert (result.code, len(result.problems)) == (2, 1)
        assert result.err.startswith("error: flopcount.toml:2:")
    assert not (folder / "stolen.lock").exists()
    (folder / "stolen.lock").write_text("version = 1\nnetworks = []\n")
    assert run("lock", "--config", "flopcount.toml").code == 0


def test_a_lock_file_leads_nowhere_else(folder: Path, run: Run) -> None:
    written(folder, secret__toml=NET)
    (folder / "project").mkdir()
    os.chdir(folder / "project")
    assert run("lock", "../secret.toml").code == 0
    result = run("lock", "--check")
    assert (result.code, result.problems) == (
        2,
        ["flopcount.lock: ../secret.toml is outside this folder; name the files to check on the command line"],
    )
    assert run("lock", "--check", "../secret.toml").code == 0
    Path("flopcount.lock").unlink()
    Path("flopcount.lock").symlink_to("../stolen.lock")
    assert "a link to a file outside this folder" in run("lock", "../secret.toml").err
    Path("flopcount.lock").unlink()
    Path("flopcount.lock").symlink_to("flopcount.lock")
    assert run("lock", "../secret.toml").code == 2


SPECIAL = ["fifo.toml", "fifo.onnx", "zero.toml", "zero.json", "loop.toml", "folder.toml"]


@pytest.fixture
def special(folder: Path) -> Path:
    """Make files that block, never end, or are none."""
    for name in SPECIAL:
        path = folder / name
        if name.startswith("fifo"):
            os.mkfifo(path)
        elif name.startswith("folder"):
            path.mkdir()
        else:
            path.symlink_to("/dev/zero" if name.startswith("zero") else name)
    written(folder, net__toml=NET)
    return folder


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize(
    "words",
    [
        *(("{}",), ("check", "{}"), ("diff", "net.toml", "{}"), ("compare", "net.toml", "{}"), ("verify", "{}")),
        *(
            ("import", "{}"),
            ("whatif", "{}", "--width", "1,2"),
            ("lock", "{}"),
            ("sweep", "{}", "--width", "1,2"),
            ("reconcile", "{}", "--with", "1"),
        ),
        *(("net.toml", "--convention", "./{}"), ("check", "net.toml", "--config", "{}"), ("conventions", "./{}")),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("special")
def test_what_is_no_file_is_refused(run: Run, words: tuple[str, ...], name: str) -> None:
    result = run(*(word.format(name) for word in words))
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert name.partition(".")[0] in result.problems[0]


@pytest.mark.parametrize("words", [("lock",), ("lock", "--check"), ("check",), ("check", "net.toml")])
def test_no_file_beside_the_named_ones_blocks(folder: Path, run: Run, words: tuple[str, ...]) -> None:
    written(folder, flopcount__toml='files = "*.toml"\n', net__toml=NET)
    os.mkfifo(folder / "flopcount.lock")
    os.mkfifo(folder / "pyproject.toml")
    os.mkfifo(folder / "fifo.toml")
    assert run(*words).code == (0 if words[0] == "check" else 2)


def test_standard_input_has_a_name_too(process: Process, tmp_path: Path) -> None:
    assert "8,496" in process("/dev/stdin", stdin=NET.encode()).out.replace("8496", "8,496")
    os.mkfifo(tmp_path / "fifo")
    assert process("fifo", stdin=NET.encode()).code == 2
