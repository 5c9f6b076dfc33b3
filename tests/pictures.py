"""The picture of the README: commands and what a terminal shows of them, drawn for `make picture`."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from flopcount.report.picture import Theme, picture
from flopcount.report.terminal import Line, Look

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "tests" / "oracles" / "onnx" / "resnet18.onnx"
COMMANDS = (
    "flopcount model.onnx --depth 1",
    "flopcount model.onnx --sort macs --top 3 --columns layer,type,kernel,output,macs,share",
    "flopcount check model.onnx --max-macs 1.5G",
)
WIDTH = 100
STYLES: dict[str, Look] = {"1": "title", "2": "aside", "31": "bad", "32": "good", "33": "note", "36": "bar"}
"""The look for each code of a terminal."""


def terminal(command: str, folder: Path) -> str:
    """Return what a command writes to a terminal of a given width."""
    import pty
    import termios

    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (50, WIDTH))
    words = [sys.executable, "-m", *command.split()]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(WIDTH)} | {"NO_COLOR": "", "FORCE_COLOR": ""}
    process = subprocess.Popen(words, stdout=follower, stderr=follower, cwd=folder, env=environment)
    os.close(follower)
    written = b"".join(iter(lambda: _read(leader), b""))
    process.wait()
    return written.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def lines(text: str) -> Iterator[Line]:
    """Yield the lines of a terminal's output, each part with its look."""
    for line in text.splitlines():
        parts = re.findall(r"\x1b\[(\d+)m(.*?)\x1b\[0m|([^\x1b]+)", line)
        yield [(styled or bare, STYLES[code] if code else "") for code, styled, bare in parts]


def workflow(theme: Theme) -> str:
    """Return the picture: each command after a prompt, and what it prints."""
    drawn: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODEL, Path(folder) / "model.onnx")
        for command in COMMANDS:
            drawn += [[("$ ", "aside"), (command, "title")], *lines(terminal(command, Path(folder))), [("", "")]]
    return picture("flopcount on a model from PyTorch", drawn, theme)


if __name__ == "__main__":
    for name in get_args(Theme):
        if name != "auto":
            (ROOT / "docs" / f"workflow-{name}.svg").write_text(workflow(name), encoding="utf-8", newline="\n")
