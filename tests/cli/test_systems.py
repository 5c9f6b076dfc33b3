"""What differs on Windows and macOS, shown on any system: drives, separators, locks, closed pipes, missing signals."""

import errno
import json
import ntpath
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.spec import project
from flopcount.spec.git import revision


class Locks(SimpleNamespace):
    """Stands in for msvcrt: a byte of a file is locked once, until the test ends."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: set[tuple[int, int]] = set()

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        """Lock a byte where the file is, as the function of Windows does."""
        assert (mode, count) == (self.LK_NBLCK, 1)
        key = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        if key in self.held:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.held.add(key)


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> Locks:
    """Remove fcntl, and put a msvcrt in its place."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", found := Locks())
    return found


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_rows_are_the_same_with_the_locks_of_windows(ending: str, run: Run, tmp_path: Path, locks: Locks) -> None:
    """The byte that is locked is behind the rows, and moves none of them."""
    sweep = ("sweep", "lenet5", "--input", "28:34", "-o")
    assert run(*sweep, tmp_path / f"locked.{ending}").code == 0
    assert locks.held
    with pytest.MonkeyPatch.context() as context:
        context.delitem(sys.modules, "fcntl")
        assert run(*sweep, tmp_path / f"plain.{ending}").code == 0
    assert (tmp_path / f"locked.{ending}").read_bytes() == (tmp_path / f"plain.{ending}").read_bytes()


def test_two_sweeps_into_one_file_are_refused_with_the_locks_of_windows(
    run: Run, write: Write, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write("rows.csv.part", "id,input,macs,params\n0,28,1,1\n")
    monkeypatch.setattr(locks, "locking", refused)
    result = run("sweep", "lenet5", "--input", "28:34", "-o", part.with_suffix(""))
    assert result.code == 2
    assert "another sweep is writing it" in result.err
    assert part.read_text(encoding="utf-8").startswith("id,input")


def refused(*_: object) -> None:
    """Refuse a lock as Windows does."""
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("C:net.toml", None),
        (r"C:\nets\net.toml", None),
        ("C:/nets/net.toml", None),
        (r"\\server\share\net.toml", None),
        (r"HEAD:nets\net.toml", ("HEAD", "nets/net.toml")),
        (r"HEAD~1:.\net.toml", ("HEAD~1", "./net.toml")),
    ],
)
def test_a_drive_is_no_revision_on_windows(
    reference: str, found: tuple[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths of a commit have forward slashes, whatever the system's are."""
    monkeypatch.setattr(os, "path", ntpath)
    monkeypatch.setattr(os, "sep", "\\")
    assert revision(reference) == found


def test_a_file_on_another_drive_is_named_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """No relative path leads from one drive to another."""

    def relpath(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(project, "relpath", relpath)
    assert project.title_of(Path("/d/net.toml"), Path("/c")) == "/d/net.toml"


def test_a_closed_pipe_of_windows_is_no_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, writing to a pipe that nobody reads is an invalid argument."""

    def closed(*_: object, **__: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("flopcount.cli.output.emit", closed)
    assert run("vgg16").code == 2
    monkeypatch.setattr(sys, "platform", "win32")
    assert run("vgg16").code == 0


NET = "input = [3, 32, 32]\nlayers = [{ type = 'Conv', out_channels = 4, kernel_size = 3 }]\n"

WITHOUT = """
import os, signal, sys
for module, names in ((signal, ("SIGHUP", "SIGKILL", "SIGPIPE")), (os, ("geteuid", "getegid", "fork", "mkfifo"))):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.modules |= dict.fromkeys(("fcntl", "resource", "pwd", "grp", "termios"))
from flopcount.__main__ import main
main()
"""
"""Runs a command line without what only Unix has."""


@pytest.mark.parametrize(
    "command",
    ["resnet18 --format json", "check net.toml --max-macs 1G --format json", "sweep net.toml --input 28,32 -o a.csv"],
)
def test_nothing_needs_what_only_unix_has(command: str, write: Write) -> None:
    folder = write("net.toml", NET).parent
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *command.split()], cwd=folder, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_part_that_a_kill_has_left_is_no_network(run: Run, write: Write, folder: Path) -> None:
    """Neither a pattern nor a folder finds it."""
    write("net.toml", NET)
    write(".net.toml.x1y2z3.part", NET[:20])
    write("rows.csv.part", "id,")
    for name in ("*", "**/*", ".*", str(folder)):
        found: Any = json.loads(run("check", name, "--max-macs", "1G", "--format", "json").out or '{"files": []}')
        assert ".part" not in json.dumps(found)
    assert run("check", "*", "--max-macs", "1G").code == 0
