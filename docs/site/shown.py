"""What the generators of pages share: tables in Markdown, and what commands print."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from flopcount.cli.main import run


class Printed(NamedTuple):
    """What a command left: its exit code, and both streams."""

    code: int
    out: str
    err: str


def table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a table in Markdown."""
    names = [*titles]
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _cell(cell: object) -> str:
    return str(cell).replace("|", r"\|").replace("\n", " ")


def printed(*arguments: str) -> Printed:
    """Run a command in the working folder."""
    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = run([*arguments])
    return Printed(code, *(each.buffer.getvalue().decode() for each in (out, err)))


def output(*arguments: str) -> str:
    """Return what a command prints; it has to succeed."""
    found = printed(*arguments)
    if found.code:
        raise ValueError(f"{' '.join(arguments)}: {found.err}")
    return found.out


def counted(text: str, *options: str) -> str:
    """Return the table of the network in an arch file, which has to be counted."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("example.toml").write_text(text, encoding="utf-8")
        return output("example.toml", *options).strip("\n")
