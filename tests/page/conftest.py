"""Fixtures for pages in a real browser: the installed Chromium, driven by Playwright, without a network.

`tab` opens a file, or a folder that it serves, and holds the page to its promise: no request leaves the origin of the
page, and nothing fails in its scripts. `axe` lists what keeps people out; `shot` saves a picture in build/screenshots.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Literal, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

ROOT = Path(__file__).parent.parent.parent
sys.path += [str(ROOT / "tests" / each) for each in ("cli", "readers")]  # the suite of bad files, and files of ONNX
SCREENSHOTS = ROOT / "build" / "screenshots"

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)

Scheme = Literal["light", "dark"]

SERIOUS = {"serious", "critical"}


class Tab(Protocol):
    """Opens a page."""

    def __call__(
        self, source: Path | str, *, width: int = 1024, height: int = 768, scheme: Scheme = "light", **options: Any
    ) -> Page:
        """Return the page of a file or an address, with other options of Playwright's new_context."""
        ...


Findings = Callable[[Page], list[str]]
"""Returns what axe finds on a page that is serious or critical, one line for each rule."""

Shot = Callable[[Page, str], Path]
"""Saves a picture of a whole page under a name and returns its path."""


CORE = frozenset(
    {
        *("test_harness.py", "test_report.py"),
        *(
            "test_the_roofline_has_the_numbers_of_the_device_asked_for",
            "test_axe_finds_nothing_serious_in_the_drawings",
        ),
        *("test_it_starts_with_a_network_and_its_report", "test_resnet_50_from_the_list_counts_4089184256"),
        *("test_a_folded_block_of_the_graph_has_the_value_of_the_table", "test_names_in_the_drawings_are_text"),
        "test_the_memory_at_the_peak_is_that_of_the_memory_command",
        "test_the_page_has_no_control_characters",
        "test_the_policy_of_the_page_keeps_scripts_and_worker_from_other_hosts",
    }
)
"""What `make test` runs of the tests of pages, files and tests; `make test-page` runs all."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of pages that are not in the core."""
    for each in items:
        if each.path.parent == Path(__file__).parent and {each.path.name, each.name.partition("[")[0]}.isdisjoint(CORE):
            each.add_marker(pytest.mark.page)


def chromium() -> str | None:
    """Return the browser to drive: $CHROMIUM, or the first one that is installed."""
    named = (os.environ.get("CHROMIUM", ""), *BROWSERS)
    return next((path for path in map(shutil.which, filter(None, named)) if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the installed browser; without one, the test is skipped."""
    path = chromium()
    if path is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}, and $CHROMIUM names none")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium refuses its sandbox to root
    flags = [*FLAGS, *["--no-sandbox"] * is_root]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=flags)
        yield found
        found.close()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files with the types that modules need, whatever this machine says of them."""

    extensions_map = {  # noqa: RUF012  (the base class has no ClassVar)
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name of the base class)
        """Say nothing."""


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve folders on this machine; returns the address of each, which ends in a slash."""
    servers: dict[Path, ThreadingHTTPServer] = {}

    def call(folder: Path) -> str:
        if folder not in servers:
            servers[folder] = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
            Thread(target=servers[folder].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[folder].server_address[1]}/"

    yield call
    for server in servers.values():
        server.shutdown()
        server.server_close()


def opened(browser: Browser, failures: list[str]) -> Tab:
    """Return what opens pages in a browser, and writes down what they must not do."""

    def call(
        source: Path | str, *, width: int = 1024, height: int = 768, scheme: Scheme = "light", **options: Any
    ) -> Page:
        address = source if isinstance(source, str) else source.resolve().as_uri()
        origin = "/".join(address.split("/")[:3])
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        page = context.new_page()
        page.set_default_timeout(30_000)

        def requested(request: Request) -> None:
            if not request.url.startswith((f"{origin}/", "data:", "blob:")):
                failures.append(f"a request to {request.url}")

        def said(message: ConsoleMessage) -> None:
            if message.type == "error":
                failures.append(f"in the console: {message.text}")

        context.on("request", requested)
        page.on("pageerror", lambda error: failures.append(f"an error: {error}"))
        page.on("console", said)
        page.goto(address)
        return page

    return call


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """Open pages in a window of their own; none may fail, or ask another host for anything."""
    failures = list[str]()
    before = {*browser.contexts}
    yield opened(browser, failures)
    for context in browser.contexts:
        if context not in before:
            context.close()
    assert failures == []


@pytest.fixture(scope="session")
def axe() -> Findings:
    """Run axe on a page."""
    runner = Axe()

    def call(page: Page) -> list[str]:
        found = runner.run(page).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {', '.join(str(node['target'][0]) for node in each['nodes'][:5])}"
            for each in found
            if each["impact"] in SERIOUS
        ]

    return call


@pytest.fixture(scope="session")
def shot() -> Shot:
    """Save pictures in build/screenshots."""

    def call(page: Page, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return call
