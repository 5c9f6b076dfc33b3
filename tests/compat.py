"""Run every command with the oldest, or the newest, versions of all dependencies that pyproject.toml allows.

    python tests/compat.py oldest|newest [PYTHON]...

Each environment is a folder `.venv-compat/NAME`, made on first use. By default the present Python is used.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["all"])

HEADLINE = ("1045417824", "126373376", "0.12088312739538674")

RUNS: Sequence[tuple[int, str, Sequence[str]]] = (
    (0, "mobilenet_v1.toml --input 160", HEADLINE),
    (0, "resnet50 --format json", ("4089184256",)),
    (0, "compare resnet18 resnet34 --format csv", ("1814073344", "3663761408")),
    (0, "whatif resnet18 --to DepthSepConv --save new.toml", ("new.toml",)),
    (0, "new.toml", ()),
    (0, "sweep resnet18 --input 64,96 -o rows.parquet", ("333,615,104",)),
    (0, "sweep resnet18 --input 64,96 -o results/", ("1 part in results/",)),
    (0, "sweep --results results/ --sort macs --format csv", ("333615104",)),
    (0, "space mobilenet_v2 --width 0.5:1:0.25 --input 96:224:32 --where macs<=100M", ()),
    (0, "formula Conv", ("N·(M·k² + 1)",)),
    (0, "resnet18 --plot chart.svg", ("chart.svg",)),
    (0, "diff resnet18 resnet34", ("+1,849,688,064",)),
    (0, "lock new.toml", ()),
    (1, "check new.toml --config flopcount.toml", ("FC101",)),
    (0, "import new.toml -o new.json", ()),
    (0, "verify mobilenet_v1", ("0 differ",)),
    (0, "reconcile resnet50 --with thop=4133742592", ("holds",)),
    (0, "archs", ("resnet50",)),
    (0, "kinds HetConv", ("HetConv",)),
    (0, "conventions thop", ("thop",)),
    (0, "schema", ("$defs",)),
    (2, "resnet999", ("did you mean",)),
    (2, "resnet18 --nope", ("No such option",)),
    (2, "bad.toml", ("bad.toml:2",)),
    (2, "", ("Usage",)),
)
"""The exit code of each command line, and what it prints."""

FILES = {
    "flopcount.toml": '[[budget]]\nfiles = "*.toml"\nmacs = "1M"\n',
    "bad.toml": 'input = [3, 8, 8]\nlayers = [{ type = "Conw" }]\n',
}


def oldest(requirement: str) -> str:
    """Return the oldest version that a requirement allows."""
    return re.sub(r">=\s*", "==", requirement)


def environment(python: str, which: str) -> Path:
    """Return the Python of an environment with the oldest or the newest dependencies."""
    version = subprocess.check_output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    folder = ROOT / ".venv-compat" / f"{which}-{version.strip()}"
    own = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / "ready").exists():
        wanted = [oldest(each) if which == "oldest" else each for each in REQUIREMENTS]
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip = [str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", str(ROOT)], check=True)
        (folder / "ready").touch()
    return own


def failures(python: Path) -> Iterator[str]:
    """Yield the command lines that do not do what they should."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        for code, line, words in RUNS:
            command = [str(python), "-m", "flopcount", *line.split()]
            done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
            said = done.stdout + done.stderr
            missing = [word for word in words if word not in said]
            if done.returncode != code or missing or "Traceback" in said:
                yield f"flopcount {line}: exit {done.returncode}, expected {code}; without {missing}\n{said[-2000:]}"


def main() -> None:
    """Run all commands in each environment."""
    which, *pythons = sys.argv[1:]
    for python in pythons or [sys.executable]:
        found = [*failures(environment(python, which))]
        print(f"{which} dependencies, {python}: {len(RUNS) - len(found)} of {len(RUNS)} commands as expected")
        if found:
            sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
