"""The site of the documentation, built without a network and read from a disk: `make test-site`."""

import functools
import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag

import click
import pytest

from flopcount.analyses.budgets.findings import CODES
from flopcount.cli.main import commands
from flopcount.network.convention import mac_conventions
from flopcount.network.metrics import METRICS
from flopcount.spec.kinds import KINDS

from .conftest import Findings, Scheme, Shot, Tab

pytestmark = pytest.mark.site

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
SHOWN = (
    "index",
    "tutorials/budget",
    "importing",
    "reference/counters",
    "reference/codes",
    "reference/commands",
    "reference/kinds/HetConv",
    "reference/api",
)
"""Pages of each sort."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does; where the system can take the network away, without one."""
    target = tmp_path_factory.mktemp("site")
    alone = ["unshare", "--map-root-user", "--net"]
    can = shutil.which("unshare") and subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0
    build = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-b", "html", "-c"]
    call = [*(alone if can else []), *build, "docs/site", "docs", str(target)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="session")
def address(site: Path, serve: Callable[[Path], str]) -> str:
    """Serve the site: axe reads style sheets again, which a page from a disk may not."""
    return serve(site)


class Read(NamedTuple):
    """What a page leads to, what it loads, and the places in it."""

    links: list[str]
    loads: list[str]
    places: set[str]
    words: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.read = Read([], [], set(), "")
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag names."""
        found = {name: value or "" for name, value in attrs}
        self.read.places.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.read.links.append(found["href"])
        is_loaded = tag == "link" and found.get("rel") in {"stylesheet", "icon", "preload", "search"}
        self.read.loads.extend(found[name] for name in ("src", "srcset") if found.get(name))
        self.read.loads.extend([found["href"]] if is_loaded else [])

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        self.text.append(data)


@functools.cache
def read(page: Path) -> Read:
    """Read a page of the site."""
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader.read._replace(words=" ".join("".join(reader.text).split()))


def pages(site: Path) -> list[Path]:
    """Return all pages."""
    return sorted(site.rglob("*.html"))


def dead(site: Path) -> Iterator[str]:
    """Yield every link and every file of a page that does not exist."""
    for page in pages(site):
        found = read(page)
        for link in (*found.links, *found.loads):
            path, place = urldefrag(link)
            path = path.partition("?")[0]
            if "://" in link or link.startswith(("mailto:", "data:")):
                continue
            target = (page.parent / unquote(path)).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            lacks = place and target.suffix == ".html" and target.exists() and unquote(place) not in read(target).places
            if lacks or not target.exists():
                yield f"{page.relative_to(site)}: {link}"


def test_every_link_anchor_and_image_of_the_site_exists(site: Path) -> None:
    assert len(pages(site)) > len(KINDS)
    assert [*dead(site)] == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = {load for page in pages(site) for load in read(page).loads if "://" in load or load.startswith("//")}
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert loads == set()
    assert "url(http" not in styles.replace('"', "").replace("'", "")
    assert "@import" not in styles


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_equations_a_source_its_fields_and_a_worked_example(site: Path, kind: str) -> None:
    page = site / "reference" / "kinds" / f"{kind}.html"
    text = page.read_text(encoding="utf-8")
    assert text.count("<math") >= 2
    assert all(word in read(page).words for word in ("Source: ", "Fields", "Example", f'type = "{kind}"', "total"))


def test_the_reference_has_every_option_of_every_command(site: Path) -> None:
    text = read(site / "reference" / "commands.html").words
    with click.Context(commands) as context:
        every = [(name, commands.get_command(context, name)) for name in commands.list_commands(context)]
    assert [name for name, _ in every if f"flopcount {name}" not in text] == []
    options = {option for _, each in every if each for part in each.params for option in part.opts if option[0] == "-"}
    assert len(options) > 40
    assert [option for option in options if option not in text and not option.startswith("--max-")] == []


def test_the_reference_has_every_metric_convention_and_code(site: Path) -> None:
    reference = {
        name: read(site / "reference" / f"{name}.html") for name in ("metrics", "conventions", "codes", "counters")
    }
    assert [name for name in METRICS if f" {name} " not in reference["metrics"].words] == []
    assert [name for name in mac_conventions() if name.replace("_", "-") not in reference["conventions"].places] == []
    sys.path.append(str(SITE))
    codes: Any = importlib.import_module("codes")
    known = {*CODES, *codes.raised().errors, *codes.raised().notes}
    assert sorted(code for code in known if f" {code}" not in reference["codes"].words) == []


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("DepthSepConv", "reference/kinds/DepthSepConv.html"),
        ("budget pull request", "tutorials/budget.html"),
        ("receptive field", "receptive-field.html"),
        ("maps-vanished", "reference/codes.html"),
    ],
)
def test_the_search_finds_pages_from_a_disk(site: Path, tab: Tab, words: str, page: str) -> None:
    opened = tab(site / "index.html", width=1600, height=1000)
    opened.fill("input[name=q]", words)
    opened.press("input[name=q]", "Enter")
    opened.wait_for_selector("#search-results ul.search li a")
    links = opened.eval_on_selector_all("#search-results ul.search li a", "all => all.map(each => each.href)")
    assert any(page in link for link in links[:10]), links[:10]
    opened.click(f"#search-results a[href*='{page}']")
    assert page in opened.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", [*SHOWN, "search"])
def test_a_page_keeps_nobody_out(address: str, tab: Tab, axe: Findings, page: str, scheme: Scheme) -> None:
    assert axe(tab(f"{address}{page}.html", scheme=scheme)) == []


@pytest.mark.parametrize("page", SHOWN)
@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_a_page_fits_every_screen(site: Path, tab: Tab, shot: Shot, page: str, width: int) -> None:
    opened = tab(site / f"{page}.html", width=width, height=900)
    shot(opened, f"site-{page.replace('/', '-')}-{width}")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_tables_and_code_that_scroll_can_be_reached_with_the_keyboard(site: Path, tab: Tab) -> None:
    opened = tab(site / "reference" / "counters.html", width=390)
    found = opened.eval_on_selector_all(
        ".table-wrapper, pre", "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.tabIndex)"
    )
    assert found
    assert set(found) == {0}
