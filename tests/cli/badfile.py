"""What the tests of bad files share: how a case is written, and what of it a message leaves out."""

from pathlib import Path
from typing import NamedTuple

from conftest import Result

INPUT = "input = [3, 8, 8]\n"
CONV = '{ type = "Conv", out_channels = 4, kernel_size = 3 }'

ANYWHERE = ""
"""For a problem of the file as a whole, or one whose line nobody can know."""


class Bad(NamedTuple):
    """A file that cannot be used, and for each of its problems where it is and words that must be in its line."""

    content: str | bytes
    problems: list[tuple[str, ...]]
    name: str = "a.toml"


def layers(*rows: str) -> str:
    """Write an arch file with these rows, the first of them in line 3."""
    return f"{INPUT}layers = [\n" + "".join(f"{row},\n" for row in rows) + "]\n"


def conv(fields: str) -> str:
    """Write an arch file of one convolution, in line 3."""
    return layers(f'{{ type = "Conv", {fields} }}')


def plus(fields: str) -> str:
    """Write an arch file of CONV with more fields, which begin in column 53 of line 3."""
    return conv(f"out_channels = 4, kernel_size = 3, {fields}")


def amiss(result: Result, path: Path, bad: Bad) -> list[str]:
    """Return what a refusal lacks: exit code 2, an empty stdout, and one line for each problem with its place."""
    found = [] if (result.code, result.out) == (2, "") else [f"exit code {result.code}, stdout {result.out!r}"]
    found += ["a traceback"] if "Traceback" in result.err else []
    found += ["control characters"] if not all(char.isprintable() or char == "\n" for char in result.err) else []
    found += ["an endless line"] if any(len(line) > len(str(path)) + 700 for line in result.problems) else []
    if len(result.problems) != len(bad.problems):
        found.append(f"{len(bad.problems)} problems in {len(result.problems)} lines")
    for spot, *words in bad.problems:
        lines = [line for line in result.problems if line.startswith(f"{path}:{spot}")]
        found += [] if any(all(word in line for word in words) for line in lines) else [f"at {spot}: {words}"]
    return [*found, result.err] if found else []
