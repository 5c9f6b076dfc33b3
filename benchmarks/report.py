"""How long a page takes to write and to open, and how large it is: ResNet-50, and networks of 5,000 layers.

Writing is one whole process, beside `flopcount resnet50 --format json`. Opening is what the installed Chromium needs
from the request to the first heading drawn by a script; without Playwright or a browser it is left out.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

FLAGS = ("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-sandbox")
AIMS = {"resnet50": (1.0, 1.5e6, 2.0), "5,000 layers, flat": (5.0, 3e6, 2.0), "5,100 layers in blocks": (5.0, 3e6, 2.0)}
"""Seconds to write, bytes, and seconds to open, at most."""

TIMES = 3


def conv(name: str) -> dict[str, Any]:
    """Return a convolution."""
    return {"type": "Conv", "name": name, "out_channels": 8, "kernel_size": 1}


def block(name: str, repeat: int, *layers: dict[str, Any]) -> dict[str, Any]:
    """Return a block that is repeated."""
    return {"type": "Block", "name": name, "repeat": repeat, "layers": [*layers]}


def written(folder: Path) -> dict[str, str]:
    """Write the networks, and return what to call them on a command line."""
    unit = block("unit", 100, conv("a"), conv("b"), {"type": "Add", "name": "add", "after": ["b", "input"]})
    nets = {"flat": [conv(f"c{n}") for n in range(5000)], "blocks": [block("stage", 17, unit)]}
    for name, layers in nets.items():
        (folder / f"{name}.json").write_text(json.dumps({"input": [8, 16, 16], "layers": layers}))
    return dict(zip(AIMS, ("resnet50", str(folder / "flat.json"), str(folder / "blocks.json")), strict=True))


def seconds(*words: str) -> float:
    """Time one command, the fastest of a few runs."""
    suffix = ".exe" if sys.platform == "win32" else ""
    command = [str(Path(sysconfig.get_path("scripts")) / f"flopcount{suffix}"), *words]
    times = []
    for _ in range(TIMES):
        start = perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(perf_counter() - start)
    return min(times)


def opened(pages: list[Path]) -> list[float | None]:
    """Time how long the browser needs for each page."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        return [None] * len(pages)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        times: list[float | None] = [_open(browser, page) for page in pages]
        browser.close()
    return times


def _open(browser: Any, path: Path) -> float:
    times = []
    for _ in range(TIMES):
        page = browser.new_page()
        start = perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("h1")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        times.append(perf_counter() - start)
        page.close()
    return min(times)


def main() -> None:
    """Print a row for each network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archs = written(folder)
        pages = [folder / f"{number}.html" for number, _ in enumerate(archs)]
        writing = [seconds("report", arch, "-o", str(page)) for arch, page in zip(archs.values(), pages, strict=True)]
        opening, sizes = opened(pages), [page.stat().st_size for page in pages]
    json_time = seconds("resnet50", "--format", "json")
    rows = zip(AIMS.items(), writing, sizes, opening, strict=True)
    for (title, (most, large, slow)), write, size, opens in rows:
        holds = write <= most and size <= large and (opens or 0) <= slow
        told = "not opened" if opens is None else f"opens in {opens:.2f} s"
        verdict = "holds" if holds else "DOES NOT HOLD"
        print(f"{title:24}{write:6.2f} s ({write / json_time:.2f}x of JSON){size / 1e6:7.2f} MB   {told}   {verdict}")


if __name__ == "__main__":
    main()
