"""Where results go: files that are written whole or not at all, devices, and pipes that close early."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Process, Run, Write

POSIX = pytest.mark.skipif(os.name == "nt", reason="devices, modes and links of POSIX")


def interrupted(*_: object, **__: object) -> None:
    """Stand in for anything a system may refuse."""
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown", "svg"])
def test_a_file_holds_what_would_have_been_printed(fmt: str, run: Run, tmp_path: Path) -> None:
    """Byte for byte, with line feeds on every system."""
    target = tmp_path / "out"
    printed = run("vgg16", "--format", fmt)
    written = run("vgg16", "--format", fmt, "-o", target)
    assert (written.code, written.out) == (0, "")
    assert target.read_bytes().decode() == printed.out
    assert [*tmp_path.iterdir()] == [target]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere",),
        ("vgg16", "--input", "0"),
        ("vgg16", "--input", "8"),
        ("vgg16", "--set", "layers.0.out_channels=0"),
        ("compare", "vgg16", "nowhere"),
        ("kinds", "Covn"),
    ],
)
def test_a_file_is_left_alone_when_a_command_fails(arguments: tuple[str, ...], run: Run, write: Write) -> None:
    """The result of yesterday is better than half of today's."""
    target = write("out", "yesterday")
    assert run(*arguments, "-o", target).code == 2
    assert target.read_text(encoding="utf-8") == "yesterday"
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("step", ["tempfile.mkstemp", "os.fdopen", "pathlib.Path.chmod", "pathlib.Path.replace"])
def test_a_file_is_left_alone_when_writing_fails(
    step: str, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system refuses on the way, the old file stays and nothing half-written lies beside it."""
    target = write("out", "yesterday")
    monkeypatch.setattr(step, interrupted)
    result = run("vgg16", "-o", target)
    monkeypatch.undo()
    assert (result.code, result.out) == (2, "")
    assert f"{target}: cannot be written: no space left on device" in result.err
    assert target.read_text(encoding="utf-8") == "yesterday"
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("name", ["missing/out", "", "file/out", "a" * 300])
def test_a_place_that_cannot_be_is_named(name: str, run: Run, tmp_path: Path) -> None:
    """A missing folder, a folder, a folder that is a file, a name that is too long."""
    (tmp_path / "file").touch()
    result = run("vgg16", "-o", tmp_path / name)
    assert (result.code, result.out) == (2, "")
    assert f"{tmp_path / name}: cannot be written" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


@POSIX
def test_the_null_device_stays_a_device(run: Run) -> None:
    assert run("vgg16", "-o", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


@POSIX
def test_a_link_is_written_through(run: Run, write: Write) -> None:
    target = write("target", "yesterday")
    link = target.parent / "link"
    link.symlink_to(target.name)
    assert run("vgg16", "--format", "csv", "-o", link).code == 0
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8").startswith("position,")


@POSIX
@pytest.mark.parametrize("mode", [0o640, 0o755, 0o600])
def test_a_file_keeps_its_mode(mode: int, run: Run, write: Write) -> None:
    target = write("out", "yesterday")
    target.chmod(mode)
    assert run("vgg16", "-o", target).code == 0
    assert target.stat().st_mode & 0o777 == mode


@POSIX
def test_a_new_file_has_the_mode_that_new_files_have(run: Run, tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    assert run("vgg16", "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


@POSIX
@pytest.mark.parametrize("arguments", [["vgg16"], ["vgg16", "--format", "json"], ["--help"], ["schema"], ["nowhere"]])
def test_a_reader_that_is_gone_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    """As under `| head -1`: no message, no traceback, and not the exit code of a broken budget."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "flopcount", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, cwd=tmp_path, timeout=60)
    os.close(writing)
    assert done.returncode == (2 if arguments == ["nowhere"] else 0)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("fmt", ["table", "json"])
def test_a_full_disk_behind_stdout_is_no_bug_of_ours(fmt: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flopcount", "vgg16", "--format", fmt]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert b"space" in done.stderr
    assert b"bug" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_message_that_cannot_be_written_keeps_the_exit_code(tmp_path: Path) -> None:
    """Exit code 1 is for budgets and claims alone."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "flopcount", "nowhere"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 2


@POSIX
@pytest.mark.parametrize(
    ("arguments", "closed"), [("vgg16", ">&-"), ("archs", ">&-"), ("-", "<&-"), ("nowhere", "2>&-")]
)
def test_streams_that_are_closed_are_no_bug_of_ours(arguments: str, closed: str, tmp_path: Path) -> None:
    """As some schedulers start their jobs."""
    command = ["/bin/sh", "-c", f'exec "$0" -m flopcount {arguments} {closed}', sys.executable]
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert b"bug" not in done.stderr


def test_a_terminal_of_few_characters_is_no_reason_to_fail(process: Process) -> None:
    result = process("vgg16", PYTHONIOENCODING="ascii:strict")
    assert result.code == 0
    assert "15,470,264,320" in result.out


@pytest.mark.parametrize(
    "arguments",
    [
        *(["vgg16", "--format", fmt] for fmt in ("json", "csv", "markdown", "latex", "svg")),
        ["vgg16", "--graph", "dot"],
        ["schema"],
    ],
)
def test_text_for_machines_is_utf_8_whatever_the_locale(arguments: list[str], process: Process, tmp_path: Path) -> None:
    """Where × is one byte (cp1252), and where it is none (ASCII), the bytes are those of -o."""
    assert process(*arguments, "-o", tmp_path / "file").code == 0
    for encoding in ("cp1252", "ascii"):
        result = process(*arguments, PYTHONIOENCODING=encoding)
        assert (result.code, result.out) == (0, (tmp_path / "file").read_bytes().decode())


def test_a_check_for_machines_is_utf_8_whatever_the_locale(process: Process, write: Write) -> None:
    write("flopcount.toml", 'files = ["*.toml"]\n[[budget]]\nfiles = "net.toml"\nmessage = "é"\nmacs = 1\n')
    path = write("net.toml", 'input = [1]\nlayers = [{type = "Linear", name = "n", out_features = 2}]\n')
    result = process("check", path, "--format", "json", PYTHONIOENCODING="cp1252")
    assert "é" in result.out


STOPPED = """
import os, signal, sys
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
class Stop:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), int(number))
sys.meta_path.insert(0, Stop())
module, number, *sys.argv[1:] = sys.argv[1:]
from flopcount.__main__ import main
main()
"""
"""flopcount, stopped by a signal when it imports a module."""


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["click", "pydantic", "flopcount.report.terminal", "tempfile"])
def test_a_signal_is_130_from_start_up_to_the_end(module: str, number: int, tmp_path: Path) -> None:
    """While libraries are imported, while it counts, and while it writes: no traceback, and no file."""
    command = [sys.executable, "-c", STOPPED, module, str(int(number)), "vgg16", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, b"", b"error: interrupted")
    assert [*tmp_path.iterdir()] == []
