"""The page of `flopcount report` in a browser: it opens from a file, without a network, and shows the numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from onnx_files import Weights, graph, model, node
from playwright.sync_api import Page

from flopcount.report.page import page_parts
from page.conftest import ROOT, Findings, Shot, Tab

Report = Callable[..., Path]
"""Writes the report of a command line and returns its path."""


@pytest.fixture
def report(run: Run, tmp_path: Path) -> Report:
    """Write reports in an empty folder."""

    def call(*arguments: str | Path) -> Path:
        path = tmp_path / "report.html"
        assert run("report", *arguments, "-o", path).code == 0
        return path

    return call


def cells(page: Page, row: str) -> list[str]:
    """Return the cells of a row of the table of layers."""
    found = page.locator("#layers tbody tr", has=page.locator(f'th span[title="{row}"]'))
    return found.first.locator("th, td").all_inner_texts()


def test_resnet50_counts_4089184256_in_the_charts_and_in_the_table(report: Report, tab: Tab, axe: Findings) -> None:
    page = tab(report("resnet50"))
    assert page.locator(".cards .digits").all_inner_texts()[:3] == ["25,557,032", "4,089,184,256", "8,178,368,512"]
    assert "4,089,184,256 MACs" in page.locator("#where .amount").inner_text()
    bars = page.get_by_role("treeitem")
    assert bars.first.get_attribute("aria-label") == "resnet50: 4,089,184,256 MACs, 100.0%"
    page.get_by_label("all digits").check()
    assert page.locator("#layers tfoot").inner_text().split("\t")[3:5] == ["25,557,032", "4,089,184,256"]
    assert axe(page) == []


def test_the_icicle_shows_what_the_table_says_for_every_block(report: Report, tab: Tab) -> None:
    page = tab(report("mobilenet_v2"))
    page.get_by_label("all digits").check()
    page.get_by_label("Depth", exact=True).select_option(label="all layers")
    for metric, title in (("macs", "MACs"), ("params", "params"), ("peak", "peak bytes")):
        page.get_by_label("Metric").select_option(metric)
        labels = page.get_by_role("treeitem").evaluate_all("each => each.map(x => x.getAttribute('aria-label'))")
        shown = {path: text.split(f" {title}")[0] for path, _, text in (each.partition(": ") for each in labels)}
        headings = [text.split(" ↓")[0] for text in page.locator("#layers thead th").all_inner_texts()]
        for path in ("stage2", "stage2.1", "stage2.1.expand", "classifier"):
            if path in shown:
                assert cells(page, path)[headings.index(title)] == shown[path], (metric, path)


def test_a_click_zooms_and_escape_zooms_out(report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"))
    page.get_by_role("treeitem", name="layer4: ").click()
    assert "of the network" in page.locator("#where .amount").inner_text()
    assert page.get_by_role("treeitem").first.get_attribute("aria-label") == "layer4: 411,041,792 MACs, 22.7%"
    page.get_by_role("treeitem").first.focus()
    page.keyboard.press("Escape")
    assert page.get_by_role("treeitem").count() > 20


def test_the_icicle_works_by_keyboard_alone(report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"))
    page.get_by_role("treeitem").first.focus()
    focused = "document.activeElement.getAttribute('aria-label').split(':')[0]"
    for key, path in (("ArrowDown", "conv1"), ("ArrowRight", "layer1"), ("ArrowDown", "layer1.1")):
        page.keyboard.press(key)
        assert page.evaluate(focused) == path
    page.keyboard.press("Enter")
    assert (page.get_by_role("treeitem").first.get_attribute("aria-label") or "").startswith("layer1.1: ")
    assert page.evaluate("document.querySelectorAll('[role=treeitem][tabindex=\"0\"]').length") == 1


def test_a_search_marks_blocks_and_filters_rows(report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"))
    page.get_by_label("Search").fill("downsample")
    assert page.locator(".bar.hit").count() >= 3
    rows = page.locator("#layers tbody th span").evaluate_all("each => each.map(x => x.title)")
    assert [row for row in rows if row.endswith("downsample")] == [f"layer{n}.1.downsample" for n in (2, 3, 4)]
    assert not [row for row in rows if row.startswith("layer1")]


def test_a_filter_compares_numbers(report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"))
    page.get_by_label("Filter").fill("params>1M conv")
    rows = page.locator("#layers tbody tr:not(.block):not(.part) th span").evaluate_all("x => x.map(y => y.title)")
    assert rows == [f"layer4.{block}.conv{n}" for block in (1, 2) for n in (1, 2)]


def test_columns_sort_within_their_block_and_say_so(report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"))
    page.locator("#layers thead").get_by_role("button", name="params").click()
    assert page.locator('#layers th[aria-sort="descending"]').inner_text().startswith("params")
    first = page.locator("#layers tbody th span").first.inner_text()
    assert first == "layer4"


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("CSV", "fc,Linear,1000,513000,512000"),
        ("Markdown", "| fc | Linear | 1000 | 513000 | 512000 |"),
        ("LaTeX", "fc & Linear & 1000 & 513000 & 512000 \\\\"),
    ],
)
def test_rows_are_copied_with_exact_integers(form: str, line: str, report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=form, exact=True).click()
    page.get_by_role("button", name="copied").wait_for()
    assert line in page.evaluate("navigator.clipboard.readText()").splitlines()


def test_networks_stand_side_by_side_with_what_changed(report: Report, tab: Tab, axe: Findings, shot: Shot) -> None:
    page = tab(report("resnet18", "resnet34", "--on", "a100"), scheme="dark")
    assert "2.020" in page.locator("#compare table").first.inner_text()
    assert "24 added" in page.locator("#compare").inner_text()
    page.get_by_role("button", name="resnet34").first.click()
    assert "3,663,761,408" in page.locator(".network").inner_text()
    assert axe(page) == []
    shot(page, "report-compare-dark")


def test_a_lower_bound_beside_another_network_says_so(run: Run, tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"input": [3, 8, 8], "unknown": {"Foo": 1}, "layers": [{"type": "Conv", "out_channels": 8, "kernel_size": 3}]}'
    )
    assert run("report", tmp_path / "a.json", "lenet5", "-o", tmp_path / "a.html").code == 0
    names = tab(tmp_path / "a.html").locator("#compare table").first.locator("tbody th").all_inner_texts()
    assert names == ["network (at least)", "lenet5"]


def test_limits_have_their_verdicts(run: Run, tab: Tab, axe: Findings, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"input": [3, 8, 8], "budget": {"params": 10, "macs": "1G"},'
        ' "layers": [{"type": "Conv", "out_channels": 8, "kernel_size": 3}]}'
    )
    assert run("check", tmp_path / "a.json", "--format", f"html={tmp_path / 'a.html'}").code == 1
    page = tab(tmp_path / "a.html")
    assert page.locator("h1").inner_text() == "Not all limits hold"
    rows = [text.split("\t")[:1] + text.split("\t")[3:5] for text in page.locator("#limits tbody tr").all_inner_texts()]
    assert rows == [["✗ broken", "224", "10"], ["✓ holds", "7,776", "1,000,000,000"]]
    assert axe(page) == []


def test_a_limit_that_is_broken_by_one_is_not_rounded_into_agreement(run: Run, tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"input": [3, 333, 333], "layers": [{"type": "Conv", "out_channels": 8, "kernel_size": 1}]}'
    )
    assert run("check", tmp_path / "a.json", "--max-macs", "2661335", "-o", tmp_path / "a.html").code == 1
    page = tab(tmp_path / "a.html")
    assert page.locator("#limits tr.bad").inner_text().split("\t")[3:6] == ["2,661,336", "2,661,335", ">100%"]


def test_a_metric_that_blocks_do_not_have_has_no_shares(report: Report, tab: Tab) -> None:
    page = tab(report("resnet18"))
    page.get_by_label("Metric").select_option("intensity")
    assert "MACs/byte is a number of each layer" in page.locator("#where .empty").inner_text()
    assert page.locator("#layers .share, #graph .legend").count() == 0


def test_layers_too_narrow_to_see_are_drawn_together_and_unfold(run: Run, tab: Tab, tmp_path: Path) -> None:
    rows = [{"type": "Conv", "name": f"c{n}", "out_channels": 8, "kernel_size": 1} for n in range(5000)]
    (tmp_path / "a.json").write_text(json.dumps({"input": [8, 4, 4], "layers": rows}))
    assert run("report", tmp_path / "a.json", "-o", tmp_path / "a.html").code == 0
    page = tab(tmp_path / "a.html")
    bars = page.get_by_role("treeitem")
    assert 20 < bars.count() < 100
    assert bars.nth(1).get_attribute("aria-label") == "c0 … c99, 100 together: 102,400 MACs, 2.0%"
    bars.nth(1).click()
    assert bars.count() == 101
    assert bars.nth(100).get_attribute("aria-label") == "c99: 1,024 MACs, <0.1%"
    page.keyboard.press("Escape")
    assert bars.count() < 100


HOSTILE = "<script>document.title = 'x'</script>\"'`&amp;</script><!--"


def test_text_of_a_model_is_never_markup(run: Run, tab: Tab, tmp_path: Path) -> None:
    """Arch files refuse such names, other tools do not."""
    data = json.loads(run("report", "lenet5", "--format", "json").out)
    network = data["networks"][0]
    network["name"] = network["title"] = network["count"]["layers"][0]["type"] = HOSTILE
    network["count"]["notes"] = data["networks"][0]["lines"] = [HOSTILE]
    network["count"]["layers"][1]["path"] = HOSTILE.replace(".", "")
    (tmp_path / "a.html").write_text("".join(page_parts(data)), encoding="utf-8")
    page = tab(tmp_path / "a.html")
    assert page.title() == f"{HOSTILE} · flopcount"
    assert page.locator("h1").inner_text() == HOSTILE
    assert HOSTILE in page.locator("#layers tbody tr").first.inner_text()
    assert page.locator("main script, main img").count() == 0


def test_integers_beyond_doubles_keep_all_digits(run: Run, tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"input": [3, 1000001, 1000001], "layers": ['
        '{"type": "Conv", "out_channels": 7919, "kernel_size": 1, "bias": false},'
        '{"type": "Conv", "out_channels": 7919, "kernel_size": 1, "bias": false}]}'
    )
    assert run("report", tmp_path / "a.json", "-o", tmp_path / "a.html").code == 0
    page = tab(tmp_path / "a.html")
    assert f"{1000001**2 * 7919 * (3 + 7919):,}" in page.locator(".cards").inner_text()
    large = 1000001**2 * 7919 * 7919
    assert page.locator(f'#roofline td[title="{large:,}"]').count() == 1
    for limit, found in ((large, 1), (large + 1, 0)):
        page.get_by_label("Filter").fill(f"macs>={limit}")
        assert page.locator("#layers tbody tr").count() == found


def test_a_lower_bound_says_so_wherever_a_total_stands(run: Run, tab: Tab, tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "a", kernel_shape=(1, 1)), node("What", "a", "y", domain="com.microsoft")]
    content = graph(nodes, {"x": (1, 3, 8, 8)}, {"w": Weights((8, 3, 1, 1))})
    (tmp_path / "a.onnx").write_bytes(model(content))
    assert run("report", tmp_path / "a.onnx", "lenet5", "--allow-unknown", "-o", tmp_path / "a.html").code == 0
    page = tab(tmp_path / "a.html")
    assert page.locator("#where .amount").inner_text() == "at least 1,536 MACs"
    assert page.locator("#layers tfoot th").inner_text() == "at least"
    assert all(text.startswith("peak: at least ") for text in page.locator("#memory .mark").all_inner_texts())
    assert "runs: at least " in page.locator("#memory h3").first.inner_text()
    assert "At least" in page.locator("#roofline").inner_text()
    assert "at least" in page.locator("#compare table").first.inner_text()
    page.get_by_role("button", name="lenet5").first.click()
    assert "at least" not in page.locator("#where, #layers, #memory").all_inner_texts()


def test_a_page_prints(report: Report, tab: Tab, tmp_path: Path) -> None:
    page = tab(report("resnet18"))
    page.pdf(path=tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not page.get_by_label("Filter").is_visible()
    assert page.locator("#layers").is_visible()


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_nothing_is_wider_than_the_window(width: int, report: Report, tab: Tab, shot: Shot) -> None:
    page = tab(report("mobilenet_v1", "--input", "160"), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "0.12088312739538674" in page.locator(".cards").inner_text()
    assert "36539904 of the 126373376 MACs" in page.locator(".notes").inner_text()
    shot(page, f"report-mobilenet_v1-{width}")


def test_the_page_is_built_from_its_sources() -> None:
    import runpy

    digest = runpy.run_path(str(ROOT / "page" / "build.py"))["digest"]()
    built = (ROOT / "flopcount" / "report" / "assets" / "page.sha256").read_text().strip()
    assert built == digest, "the sources of the page have changed; run make page"
