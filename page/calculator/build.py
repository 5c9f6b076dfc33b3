"""Build the calculator into build/site/calculator: the page, Python as WebAssembly, and flopcount with what it needs.

Everything is pinned: the libraries of the page in package-lock.json, by their hashes; Python's in requirements.txt.
flopcount is the wheel that the build makes. Nothing of it is fetched when the page runs.
"""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SITE = ROOT / "build" / "site" / "calculator"
WORK = HERE.parent / "build" / "calculator"

report = SimpleNamespace(**runpy.run_path(str(HERE.parent / "build.py")))
"""The build of the page of reports, whose functions run npm, node and esbuild."""

PYTHON = ("--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--implementation", "cp")
"""What Pyodide 314 is to pip."""

PLAIN = (
    "node_modules/pyodide/pyodide.asm.mjs",
    "node_modules/pyodide/pyodide.asm.wasm",
    "node_modules/pyodide/python_stdlib.zip",
    "node_modules/web-tree-sitter/web-tree-sitter.wasm",
    "node_modules/tree-sitter-json/tree-sitter-json.wasm",
    "node_modules/@tree-sitter-grammars/tree-sitter-toml/tree-sitter-toml.wasm",
)
"""Files that the page loads as they are."""

LICENSES = {"MIT", "ISC", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "PSF-2.0"}
"""Licenses that allow to hand a library on beside code under MIT."""


DIGEST, FAILURE = WORK.parent / "calculator.sha256", WORK.parent / "calculator.failure"
"""A hash of the sources of what was built, and why the last build failed: tests say it when they are skipped."""


def main(words: Iterable[str]) -> None:
    """Build everything unless it is there; with --if-possible, a build that fails is no failure."""
    FAILURE.unlink(missing_ok=True)
    now = digest()
    is_built = (SITE / "site.zip").is_file()  # make docs writes a page there too
    if "--if-possible" in words and is_built and DIGEST.is_file() and DIGEST.read_text("utf-8") == now:
        return
    try:
        build()
    except (subprocess.CalledProcessError, OSError) as error:
        shutil.rmtree(SITE, ignore_errors=True)
        what = f"the calculator cannot be built: {reason(error)}"
        if "--if-possible" not in words:
            sys.exit(what)
        FAILURE.parent.mkdir(parents=True, exist_ok=True)
        FAILURE.write_text(what, "utf-8")
        sys.stderr.write(f"{what}; its tests are skipped\n")
    else:
        DIGEST.write_text(now, "utf-8")


def reason(error: subprocess.CalledProcessError | OSError) -> str:
    """Return the step of the build that failed."""
    if isinstance(error, OSError):
        return str(error)
    step = " ".join(Path(str(word)).name for word in error.cmd[:4])
    return f"{step} failed; is the package index reachable?"


def digest() -> str:
    """Return a hash of everything that the calculator is made of."""
    found = hashlib.sha256()
    folders = (HERE / "src", HERE / "python", HERE.parent / "src", ROOT / "flopcount", ROOT / "archs")
    paths = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    for path in sorted([*paths, *HERE.glob("*.*"), HERE.parent / "package-lock.json", ROOT / "pyproject.toml"]):
        if path.is_file():
            found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def build() -> None:
    """Build everything."""
    report.install()
    report.install(HERE)
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True)
    script = report.bundle(HERE / "src" / "main.js", SITE / "calculator.js", "--format=iife")
    worker = report.bundle(HERE / "src" / "worker.js", SITE / "worker.js", "--format=esm", "--external:node:*", *NODE)
    report.bundle(HERE / "src" / "main.css", SITE / "calculator.css")
    for meta in SITE.glob("*.meta.json"):
        meta.unlink()
    for path in (*(HERE / each for each in PLAIN), ROOT / "docs" / "arch.schema.json"):
        shutil.copy2(path, SITE / path.name)
    lock = json.loads((HERE / "node_modules" / "pyodide" / "pyodide-lock.json").read_text("utf-8"))
    write("pyodide-lock.json", json.dumps({"info": lock["info"], "packages": {}}))
    distributions = python()
    write("licenses.txt", licenses([script, worker], distributions))
    write("catalog.json", json.dumps(catalog()))
    write("index.html", (HERE / "index.html").read_text("utf-8").replace("{total}", str(total())))


NODE = ("--external:fs/promises", "--external:module", "--external:fs", "--external:path", "--external:url")
"""Modules of node, which code for node imports and browsers never reach."""


def write(name: str, text: str) -> None:
    """Write a file of the site."""
    (SITE / name).write_text(text, "utf-8", newline="\n")


def python() -> list[Distribution]:
    """Write site.zip: flopcount and its dependencies, compiled by the Python that runs them."""
    folder, wheels = WORK / "site", WORK / "wheels"
    shutil.rmtree(WORK, ignore_errors=True)
    wheels.mkdir(parents=True)
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    options = (
        "--only-binary",
        ":all:",
        *PYTHON,
        "--dest",
        str(wheels),
        "--requirement",
        str(HERE / "requirements.txt"),
    )
    subprocess.run([*pip, "--require-hashes", *options], check=True)
    with tempfile.TemporaryDirectory() as made:
        build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", made, str(ROOT))
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        for wheel in (*wheels.glob("*.whl"), *Path(made).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
    for path in (HERE / "python").glob("*.py"):
        shutil.copy2(path, folder / path.name)
    found = [PathDistribution(each) for each in sorted(folder.glob("*.dist-info"))]
    report.node(str(HERE / "compile.mjs"), str(folder), str(SITE / "site.zip"))
    return [*found]


def catalog() -> dict[str, Any]:
    """Return the bundled networks and the names of precisions."""
    from flopcount.case import Case, load
    from flopcount.formulas.bits import NAMED
    from flopcount.spec.load import bundled
    from flopcount.spec.units import brief

    counts = {name: Case(load(name)).count for name in bundled()}
    networks = [
        {"name": name, "description": count.case.plan.description, "macs": brief(count.total["macs"])}
        for name, count in counts.items()
    ]
    return {"networks": networks, "precisions": [*NAMED]}


def total() -> int:
    """Return how many bytes the worker loads to start."""
    names = {"site.zip", "pyodide-lock.json", *(Path(each).name for each in PLAIN)} - {"pyodide.asm.mjs"}
    return sum((SITE / name).stat().st_size for name in names)


def licenses(metas: Iterable[Mapping[str, Any]], distributions: Iterable[Distribution]) -> str:
    """Return the license of every library of the page; one whose license was not looked at is refused."""
    inputs = {name for meta in metas for name in meta["inputs"] if ":" not in name}
    used = {path for name in inputs if (path := folder_of(HERE.parent / name))}
    used |= {path for name in PLAIN if (path := folder_of(HERE / name))}
    texts = [license_of(path) for path in sorted(used, key=lambda path: path.name)]
    texts += [python_license(each) for each in distributions]
    texts.append("Python 3.14 (PSF-2.0), part of Pyodide\nhttps://docs.python.org/3/license.html")
    return "\n\n\n".join(texts) + "\n"


def folder_of(path: Path) -> Path | None:
    """Return the folder of the package that a file is part of."""
    name = report.package(path.parts)
    return Path(str(path).rpartition("node_modules")[0], "node_modules", name) if name else None


def license_of(folder: Path) -> str:
    """Return the name, version and license of a library of the page."""
    about = json.loads((folder / "package.json").read_text("utf-8"))
    check(about["name"], about["license"])
    text = next((report.read(each) for each in sorted(folder.iterdir()) if each.name.lower().startswith("licen")), "")
    text = text or {"MPL-2.0": "https://www.mozilla.org/MPL/2.0/"}[about["license"]]
    source = about.get("repository", "")
    address = source["url"] if isinstance(source, dict) else source
    return f"{about['name']} {about['version']} ({about['license']})\n{address}\n{text}"


def python_license(found: Distribution) -> str:
    """Return the name, version and license of a library of Python."""
    about = found.metadata
    words = about["License-Expression"] or about["License"] or "MIT"
    check(about["Name"], words)
    files = [each for each in found.files or () if "licen" in each.name.lower()]
    texts = [text for each in files if (text := found.read_text(each.relative_to(each.parts[0]).as_posix()))]
    return f"{about['Name']} {about['Version']} ({words})\n" + "\n".join(texts)


def check(name: str, license_name: str) -> None:
    """Refuse a library whose license was not looked at."""
    if license_name not in LICENSES:
        sys.exit(f"{name}: its license, {license_name}, was not looked at")


if __name__ == "__main__":
    main(sys.argv[1:])
