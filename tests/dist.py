"""Build what is released, and use it as a stranger does: `make dist-test`.

The wheel and the archive of the source are checked, the wheel that the archive builds is the one of this folder, and
uvx and pipx run the command from it, each in an environment of its own with the dependencies of the package index.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
BIN = Path(sys.executable).parent
RESNET50 = "4,089,184,256"
"""MACs of ResNet-50 at 3×224×224."""


def main() -> None:
    """Build, check and run; the first step that fails ends it."""
    shutil.rmtree(DIST, ignore_errors=True)
    built(ROOT, DIST, "--sdist")
    wheel = built(ROOT, DIST, "--wheel")
    (source,) = DIST.glob("*.tar.gz")
    checked("twine", "check", "--strict", wheel, source)
    checked("check-wheel-contents", wheel)
    check_same(wheel, source)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(shutil.copy(wheel, folder))  # both keep environments by the path of the wheel
        for start in (("uvx", "--from", fresh), ("pipx", "run", "--spec", fresh)):
            check_runs(start, Path(folder))
    print(f"{wheel.name} and {source.name} are in dist")


def built(folder: Path, target: Path, *what: str) -> Path:
    """Build in a folder, and return what was built last."""
    checked("python", "-m", "build", "--no-isolation", *what, "--outdir", target, folder)
    return max(target.glob("*.whl"), default=target, key=lambda path: path.stat().st_mtime)


def checked(program: str, *arguments: str | Path, folder: Path = ROOT) -> str:
    """Run a program of this environment that has to succeed, and return what it prints."""
    print("$", program, *(each.name if isinstance(each, Path) else each for each in arguments), flush=True)
    command = [str(BIN / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\n{program} failed with exit code {done.returncode}")
    return done.stdout


def check_same(wheel: Path, source: Path) -> None:
    """Check that the archive of the source builds the same wheel, file by file."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        again = built(Path(folder, source.name.removesuffix(".tar.gz")), Path(folder, "dist"), "--wheel")
        one, other = contents(wheel), contents(again)
    if differing := sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)):
        sys.exit(f"the wheel of {source.name} differs in {', '.join(differing)}")


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check_runs(start: tuple[str | Path, ...], folder: Path) -> None:
    """Check that the command counts a bundled network and writes a report, from a folder with nothing in it."""
    program, *words = start
    if RESNET50 not in checked(str(program), *words, "flopcount", "resnet50", folder=folder):
        sys.exit(f"{program} counts something else than {RESNET50}")
    report = folder / f"{program}.html"
    checked(str(program), *words, "flopcount", "report", "resnet18", "-o", report, folder=folder)
    if "<html" not in report.read_text(encoding="utf-8"):
        sys.exit(f"{program} writes no report")


if __name__ == "__main__":
    main()
