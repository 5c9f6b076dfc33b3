"""A process that is stopped at any moment leaves each file whole, as it was or as it becomes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signal ends a process there")

COMMANDS = {
    "layers.csv": "vgg16 -o layers.csv",
    "picture.svg": "vgg16 -o picture.svg",
    "bars.html": "vgg16 --plot bars.html",
    "model.json": "import lenet.toml -o model.json",
    "found.sarif": "check lenet.toml --max-macs 1 --format sarif=found.sarif",
    "flopcount.lock": "lock lenet.toml",
    "flopcount.toml": "init lenet.toml",
    "saved.toml": "whatif lenet.toml --to DepthSepConv --save saved.toml",
    "chosen.toml": "sweep lenet.toml --input 28,32 --id 1 --save chosen.toml",
    "rows.csv": "sweep lenet5 --input 28:40 -o rows.csv",
    "rows.jsonl": "sweep lenet5 --input 28:40 -o rows.jsonl",
    "rows.parquet": "sweep lenet5 --input 28:40 -o rows.parquet",
}
"""Every kind of file that is written, with the command that writes it."""

STOPPED = """
import os, signal, sys

folder, left, number = os.getcwd(), int(sys.argv[1]), getattr(signal, sys.argv[2])
changes = {"os.rename", "os.chmod", "os.remove", "os.truncate"}

def look(event, given):
    global left
    writes = event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR) or event in changes
    if writes and str(given[0]).startswith(folder):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)

sys.addaudithook(look)
sys.argv[1:] = sys.argv[3:]
from flopcount.__main__ import main
main()
"""
"""Runs a command line, and stops it at the given one of the moments at which it changes files in its folder."""


def stopped(moment: int, name: str, output: str, folder: Path) -> int:
    """Return the exit code of a command that is stopped at some moment, if it gets there."""
    code = [sys.executable, "-c", STOPPED, str(moment), name, *COMMANDS[output].split()]
    return subprocess.run(code, cwd=folder, capture_output=True, check=False, timeout=60).returncode


@pytest.mark.parametrize(("name", "output"), [*(("SIGKILL", each) for each in COMMANDS), ("SIGTERM", "flopcount.lock")])
def test_a_file_is_whole_or_absent_at_every_moment(name: str, output: str, tmp_path: Path) -> None:
    """What a kill leaves beside it ends in .part; SIGTERM leaves nothing."""
    lenet = Path(__file__).parents[2] / "archs" / "lenet" / "lenet5.toml"
    (tmp_path / "lenet.toml").write_bytes(lenet.read_bytes())
    target, moment = tmp_path / output, 0
    seen = set[bytes | None]()
    code = -1
    while code in {130, -signal.SIGKILL, -1}:
        moment += 1
        code = stopped(moment, name, output, tmp_path)
        seen.add(target.read_bytes() if target.exists() else None)
        others = {path.name for path in tmp_path.iterdir()} - {output, "lenet.toml"}
        assert all(each.endswith(".part") for each in others)
        assert name == "SIGKILL" or not others
    whole = target.read_bytes()
    assert code in {0, 1}
    assert moment > 1
    assert seen == {None, whole}
