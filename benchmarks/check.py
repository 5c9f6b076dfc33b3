"""How long a check takes: over everything bundled against a base, and over many files.

Each is one whole process. The many files are copies of resnet50 that differ by a
comment, so that none is a repetition for any cache.
"""

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from flopcount.spec.load import ROOT

COPIES = 1000
AIMS = {"everything bundled, --base HEAD": 5.0, f"{COPIES} copies of resnet50": 30.0}
"""Seconds each may take."""


def seconds(folder: Path, arguments: Sequence[str]) -> float:
    """Time one check; every limit has to hold."""
    suffix = ".exe" if sys.platform == "win32" else ""
    command = [str(Path(sysconfig.get_path("scripts")) / f"flopcount{suffix}"), "check", *arguments]
    start = perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - start


def copied(folder: Path) -> None:
    """Write the copies, each with a limit that holds."""
    text = (ROOT / "resnet" / "resnet50.toml").read_text(encoding="utf-8")
    for number in range(COPIES):
        (folder / f"resnet50_{number}.toml").write_text(
            f'# {number}\n{text}\n[budget]\nmacs = "5G"\n', encoding="utf-8"
        )


def main() -> None:
    """Print a row for each case."""
    with tempfile.TemporaryDirectory() as name:
        copied(Path(name))
        times = (seconds(ROOT.parent, ["archs/**/*.toml", "--base", "HEAD"]), seconds(Path(name), ["."]))
    for (title, aim), time in zip(AIMS.items(), times, strict=True):
        verdict = "holds" if time <= aim else "DOES NOT HOLD"
        print(f"{title:34}{time:8.2f} s   at most {aim:g} s   {verdict}")


if __name__ == "__main__":
    main()
