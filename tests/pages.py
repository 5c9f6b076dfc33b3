"""What pages of the documentation show, beside what is printed."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent


def differs(printed: list[str], expected: tuple[str, ...]) -> str:
    """Say where the printed lines leave the expected ones, in which `…` is any number of lines; empty if nowhere."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else f"{re.escape(line)}\n" for line in expected)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)):
        return ""
    return "expected\n" + "\n".join(expected) + "\nbut printed was\n" + "\n".join(printed)


class Part(NamedTuple):
    """A block of a page that a reader carries out: a file to write, Python to run, or commands to type."""

    language: str
    text: str
    line: int
    file: str = ""


PART = re.compile(r"(?:^<!-- file: (\S+) -->\n+)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def parts(page: Path) -> Iterator[Part]:
    """Yield the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    for found in PART.finditer(text):
        yield Part(found[2], found[3], text.count("\n", 0, found.start(3)) + 1, found[1] or "")


def commands(part: Part) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield each command of a block with its line, and the lines that it prints."""
    lines = part.text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield part.line + start, lines[start][2:], tuple(line.rstrip() for line in lines[start + 1 : end])


GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{
        f"GIT_{who}_{what}": text
        for who in ("AUTHOR", "COMMITTER")
        for what, text in {"NAME": "a", "EMAIL": "a@b"}.items()
    },
}
NOT_RUN = frozenset({"pip", "git submodule"})
"""Commands that install something, or that need a repository elsewhere."""


class Reader:
    """Follows a page from top to bottom in the working folder, as somebody does who learns from it."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run
        self.names: dict[str, Any] = {}
        self.code = 0

    def follow(self, page: Path) -> list[str]:
        """Carry out a page, and return where something else is printed than it shows."""
        wrong = []
        for part in parts(page):
            if part.file:
                Path(part.file).parent.mkdir(parents=True, exist_ok=True)
                Path(part.file).write_text(part.text, encoding="utf-8")
            elif part.language == "python":
                exec(compile(part.text, page.name, "exec"), self.names)  # noqa: S102  (the page is ours)
            elif part.language == "console":
                for line, command, expected in commands(part):
                    if found := self.typed(command, expected):
                        wrong.append(f"{page.name}:{line}: {command}\n{found}")
        return wrong

    def typed(self, command: str, expected: tuple[str, ...]) -> str:
        """Type a command, and say where what is printed differs."""
        if any(command.startswith(each) for each in NOT_RUN):
            return ""
        printed = "\n".join(line.rstrip() for line in self.printed(command).splitlines())
        return differs(printed.rstrip("\n").splitlines(), tuple("\n".join(expected).rstrip("\n").splitlines()))

    def printed(self, command: str) -> str:
        """Return what a command prints, standard error after standard output."""
        if command == "echo $?":
            return f"{self.code}\n"
        program, *arguments = shlex.split(command)
        if program == "flopcount":
            result = self.run(*arguments)
            self.code = result.code
            return str(result.out + result.err)
        call = [sys.executable if program == "python" else program, *arguments]
        environment = {**os.environ, **GIT, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False, timeout=600)
        self.code = done.returncode
        return done.stdout + done.stderr
