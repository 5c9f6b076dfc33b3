"""The harness itself: it opens files and folders, and notices what a page must not do."""

from pathlib import Path

from playwright.sync_api import Browser

from page.conftest import Findings, Tab, opened

PAGE = '<!doctype html><html lang="en"><title>a</title><main><h1>a</h1>{}</main></html>'


def test_a_file_opens_and_axe_is_quiet(tab: Tab, axe: Findings, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE.format("<p>b</p>"))
    page = tab(tmp_path / "a.html", width=390)
    assert page.title() == "a"
    assert page.evaluate("innerWidth") == 390
    assert axe(page) == []


def test_axe_says_what_is_serious(tab: Tab, axe: Findings, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE.format("<button></button>"))
    assert [each.partition(":")[0] for each in axe(tab(tmp_path / "a.html"))] == ["button-name"]


def test_what_a_page_must_not_do_is_written_down(browser: Browser, tmp_path: Path) -> None:
    script = "fetch('http://example.com/').catch(() => 0); setTimeout(() => { throw new Error('x') })"
    (tmp_path / "a.html").write_text(PAGE.format(f"<script>{script}</script>"))
    failures = list[str]()
    page = opened(browser, failures)(tmp_path / "a.html")
    page.wait_for_timeout(300)
    page.context.close()
    assert "a request to http://example.com/" in failures
    assert "an error: x" in failures
