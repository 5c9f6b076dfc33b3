"""Fixtures that several wings of the tests share: running commands, writing arch files, golden files."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

import hypothesis
import pytest

from flopcount.analyses.explain import Verdict, verdicts
from flopcount.cli.main import run as run_command
from flopcount.errors import INDENT
from flopcount.network.network import Network, of_spec
from flopcount.spec.load import ROOT, load_base

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")  # how long an example takes says nothing on a busy machine

GOLDEN = Path(__file__).parent / "golden"


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines of the error message, each without its `error: `, and without those that show the source."""
        return [line.removeprefix("error: ") for line in self.err.splitlines() if not line.startswith(INDENT)]


class Run(Protocol):
    """Runs one command line."""

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Result:
        """Return the exit code and what was printed."""
        ...


class Process(Protocol):
    """Runs one command line as a process of its own."""

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", **environment: str) -> Result:
        """Return the exit code and what was printed."""
        ...


Write = Callable[[str, str | bytes], Path]
"""Writes a file in an empty folder, as text without any translation or as bytes."""

Golden = Callable[[str, str], None]
"""Compares a text with the golden file of a name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the way to regenerate the golden files."""
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/ anew from what is printed now")


@cache
def _verdicts(reference: str) -> tuple[Verdict, ...]:
    """Recompute the claims of a bundled network once for all tests of this process."""
    spec, variant = load_base(reference)
    return tuple(verdicts(of_spec(spec), variant))


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count all bundled networks once, not for each test that lists or verifies them."""

    def judged(network: Network, variant: str | None = None) -> Iterable[Verdict]:
        is_bundled = variant is None and Path(network.title).is_relative_to(ROOT)
        return _verdicts(network.title) if is_bundled else verdicts(network, variant)

    monkeypatch.setattr("flopcount.analyses.explain.verdicts", judged)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command inside this process."""
    monkeypatch.delenv("FLOPCOUNT_DEBUG", raising=False)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code = run_command([*map(str, arguments)])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Run `python -m flopcount` from a folder that is not the project's."""

    def call(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> Result:
        command = [sys.executable, "-m", "flopcount", *map(str, arguments)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
            timeout=60,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))

    return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return its path."""

    def call(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return call


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare with a file under tests/golden; `pytest --update-golden` writes it instead."""

    def call(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8")

    return call
