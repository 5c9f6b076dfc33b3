"""The drawings of a report in a browser: the graph, the memory over time, and the roofline of a device."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from playwright.sync_api import Locator, Page, expect

from flopcount.report.page import page_parts
from page.conftest import ROOT, Findings, Shot, Tab

FOLDS = """
name = "folds"
input = [8, 16, 16]
layers = [
  { type = "Conv", name = "stem", out_channels = 16, kernel_size = 3, padding = 1 },
  { type = "Block", name = "body", repeat = 30, layers = [
    { type = "Conv", name = "a", out_channels = 16, kernel_size = 3, padding = 1 },
    { type = "Conv", name = "b", out_channels = 16, kernel_size = 1 },
    { type = "Add", name = "add", after = ["b", "input"] },
  ] },
  { type = "Conv", name = "head", out_channels = 10, kernel_size = 1 },
]
"""

Opens = Callable[..., Page]
"""Writes the report of a command line and opens it, with options of the page."""


def boxes(page: Page) -> Locator:
    """Return the boxes of the graph."""
    return page.locator(".graph .box")


def box(page: Page, name: str) -> Locator:
    """Return the box of a layer, a block or a group by the beginning of its label."""
    return page.locator(f'.graph .box[aria-label^="{name}; "]')


def label(found: Locator) -> str:
    """Return what a screen reader says of a box."""
    return found.get_attribute("aria-label") or ""


@pytest.fixture
def opens(run: Run, tab: Tab, tmp_path: Path) -> Opens:
    """Write reports in an empty folder, and open them."""

    def call(*arguments: str | Path, **options: Any) -> Page:
        path = tmp_path / "report.html"
        assert run("report", *arguments, "-o", path).code == 0
        page = tab(path, **options)
        boxes(page).first.wait_for()
        return page

    return call


def exact_cell(page: Page, section: str, row: str, column: str) -> str:
    """Return the exact integer of a cell: what hovering shows."""
    table = page.locator(f"{section} table").first
    titles = [each.split(" ↓")[0] for each in table.locator("thead th").all_inner_texts()]
    found = table.locator("tbody tr", has=page.locator(f'th :text-is("{row}")')).first
    return found.locator("th, td").nth(titles.index(column)).get_attribute("title") or ""


def test_a_folded_block_of_the_graph_has_the_value_of_the_table(opens: Opens) -> None:
    page = opens("resnet50")
    page.get_by_role("button", name="Fold all").click()
    expect(boxes(page)).to_have_count(11)  # 8 modules, the flattening, the input and the output
    for name in ("layer1", "layer2", "layer3", "layer4"):
        told = label(box(page, name))
        assert f"{exact_cell(page, '#layers', name, 'MACs')} MACs" in told
    assert label(box(page, "layer1")).startswith(
        "layer1; 13 layers; output 256×56×56; 667,942,912 MACs, 16.3%; reads max"
    )
    page.get_by_label("Metric").select_option("params")
    assert "; 215,808 params, 0.8%; " in label(box(page, "layer1"))


def test_the_edges_of_the_graph_are_those_of_the_network(opens: Opens, write: Write) -> None:
    """The graph is drawn from the JSON; a folded block has the edges of what is in it, each once."""
    page = opens(write("folds.toml", FOLDS))
    page.get_by_role("button", name="Fold all").click()
    expect(boxes(page)).to_have_count(5)
    told = page.locator(".graph .edge title").evaluate_all("all => all.map(each => each.textContent)")
    assert told == [
        "input → stem: 8×16×16",
        "stem → body: 16×16×16",
        "body → head: 16×16×16",
        "head → output: 10×16×16",
    ]
    page.get_by_role("button", name="Unfold one level").click()
    page.get_by_role("button", name="Unfold one level").click()
    expect(boxes(page)).to_have_count(4 + 90)
    assert page.locator(".graph .edge").count() == 1 + 1 + 30 * 3 + 29 + 1 + 1


def test_the_graph_unfolds_and_folds_by_keyboard(opens: Opens) -> None:
    page = opens("resnet50")
    page.locator('.graph .box[tabindex="0"]').focus()
    for name in ("conv1", "maxpool", "layer1.1"):
        page.keyboard.press("ArrowDown")
        expect(box(page, name)).to_be_focused()
    page.keyboard.press("Enter")
    expect(box(page, "layer1.1.conv1")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(box(page, "layer1.1.downsample")).to_be_focused()
    page.keyboard.press("Escape")
    expect(box(page, "layer1.1")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(box(page, "maxpool")).to_be_focused()
    assert page.locator('.graph .box[tabindex="0"]').count() == 1


def test_a_layer_in_a_folded_block_marks_the_block_and_can_be_revealed(opens: Opens) -> None:
    page = opens("resnet50")
    page.get_by_role("searchbox").first.fill("layer3.2.conv2")
    page.locator("#layers tbody tr", has=page.locator('th span[title="layer3.2.conv2"]')).click()
    expect(page.locator(".graph .box.holds")).to_have_attribute("data-path", "layer3.2")
    expect(page.locator(".graph .box.hit")).to_have_count(1)
    assert page.locator(".graph .box.hit .hits").text_content() == "1 found"
    page.get_by_role("button", name="Reveal layer3.2.conv2").click()
    expect(page.locator(".graph .box.chosen")).to_have_attribute("data-path", "layer3.2.conv2")
    assert page.locator(".graph .edge.chosen").count() == 2
    box(page, "layer3.2.conv1").click()
    expect(page.locator("#layers tr.selected th")).to_have_count(0)  # the search hides it
    expect(page.locator(".graph .box.chosen")).to_have_attribute("data-path", "layer3.2.conv1")


def test_the_graph_zooms_and_moves(opens: Opens) -> None:
    page = opens("resnet18")
    view = page.locator(".graph .view")
    page.locator(".graph .canvas").scroll_into_view_if_needed()

    def scale() -> float:
        return float(re.findall(r"scale\((.*?)\)", view.get_attribute("transform") or "")[0])

    before = scale()
    page.get_by_role("button", name="Zoom in").click()
    assert scale() == pytest.approx(1.25 * before)
    page.get_by_role("button", name="Fit", exact=True).click()
    assert scale() < before
    area = page.locator(".graph .canvas").bounding_box()
    assert area
    page.mouse.move(area["x"] + 20, area["y"] + 60)
    before = scale()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(view).not_to_have_attribute("transform", re.compile(re.escape(f"scale({before})")))
    assert scale() > before
    moved = view.get_attribute("transform")
    page.mouse.down()
    page.mouse.move(area["x"] + 60, area["y"] + 90)
    page.mouse.up()
    assert view.get_attribute("transform") != moved


@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_the_graph_of_5000_layers_is_drawn_in_groups(opens: Opens, kind: str, write: Write) -> None:
    row = '{{ type = "Conv", name = "c{}", out_channels = 8, kernel_size = 1 }}'
    if kind == "flat":
        layers = ", ".join(row.format(number) for number in range(1, 5001))
    else:
        inner = ", ".join(row.format(number) for number in range(1, 6))
        block = f'{{ type = "Block", name = "b", repeat = 100, layers = [{inner}] }}'
        layers = f'{{ type = "Block", name = "stage", repeat = 10, layers = [{block}] }}'
    page = opens(write("net.toml", f'name = "n"\ninput = [8, 4, 4]\nlayers = [{layers}]\n'))
    assert 10 <= boxes(page).count() <= 60
    first = "layers 1–100" if kind == "flat" else "stage.1.b"
    expect(box(page, first)).to_have_attribute("aria-expanded", "false")
    assert f"; {100 * 1024 if kind == 'flat' else 500 * 1024:,} MACs, " in label(box(page, first))
    box(page, first).focus()
    page.keyboard.press("Enter")
    inner_group = "layers 1–10" if kind == "flat" else "b.1 – b.10"
    page.locator(f'.graph .box[aria-label^="{inner_group}; "]').wait_for()
    more, count = page.get_by_role("button", name="Unfold one level"), page.locator(".graph .count")
    while kind == "flat" and more.is_enabled():
        more.click()
        expect(count).to_contain_text("boxes for 5000 layers")
    if kind == "flat":
        expect(count).to_have_text(re.compile(r"1[45]\d\d boxes for 5000 layers; more only one by one"))
    assert boxes(page).count() < 400  # only what is in view


def test_the_page_has_no_control_characters() -> None:
    """Its libraries have some in their texts, which the build escapes: a page that is printed harms no terminal."""
    page = ROOT / "flopcount" / "report" / "assets" / "page.html"
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", page.read_bytes())


def test_names_in_the_drawings_are_text(run: Run, tab: Tab, tmp_path: Path) -> None:
    """Arch files refuse such names, other tools do not."""
    hostile = "<script>document.title='x'</script>"
    data = json.loads(run("report", "lenet5", "--format", "json").out.replace('"Conv3"', json.dumps(hostile)))
    (tmp_path / "a.html").write_text("".join(page_parts(data)), encoding="utf-8")
    page = tab(tmp_path / "a.html")
    assert label(page.locator(".graph .box.layer").nth(2)).startswith(f"{hostile}; Conv; ")
    assert hostile in page.locator(".graph .edge title").all_text_contents()[3]
    assert hostile in page.locator(".longest").inner_text()
    page.get_by_role("slider", name="Layer").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert hostile in page.locator(".memory .alive").inner_text()
    assert page.locator("main script").count() == 0
    assert page.title() == "lenet5 · flopcount"


def test_the_memory_at_the_peak_is_that_of_the_memory_command(opens: Opens, run: Run) -> None:
    page = opens("resnet50", "--precision", "int8")
    found = json.loads(run("memory", "resnet50", "--precision", "int8", "--format", "json").out)
    cursor = page.get_by_role("slider", name="Layer")
    peak = found["peak"]
    assert cursor.get_attribute("aria-valuetext") == f"{peak['at']}: {peak['bytes']:,} bytes alive"
    rows = page.locator(".memory .alive tbody tr")
    shown = [each.locator("th, td").all_inner_texts() for each in rows.all()]
    assert [[each[0], *each[4:]] for each in shown] == [[x["name"], x["from"], x["to"]] for x in peak["tensors"]]
    titles = page.locator(".memory .alive td[title]").evaluate_all("all => all.map(each => each.title)")
    assert titles == [f"{each['bytes']:,} bytes" for each in peak["tensors"]]
    cursor.focus()
    for key, number in (
        ("Home", 1),
        ("ArrowRight", 2),
        ("End", len(found["layers"])),
        ("ArrowLeft", len(found["layers"]) - 1),
    ):
        page.keyboard.press(key)
        row = found["layers"][number - 1]
        assert cursor.get_attribute("aria-valuetext") == f"{row['path']}: {row['peak']:,} bytes alive"
    lower = [each.locator("td").last.inner_text() for each in page.locator(".memory .lower tbody tr").all()]
    assert lower == [f"{100 * each['ratio']:.1f}%" for each in found["lower"]]


def test_the_tensors_alive_add_up_for_every_layer_and_style(run: Run, tmp_path: Path) -> None:
    for name in ("unet", "gpt2", "googlenet"):
        path = tmp_path / "data.json"
        assert run("report", name, "-o", path).code == 0
        network = json.loads(path.read_text())["networks"][0]
        for style in ("peak", "peak_unfused", "peak_inplace", "peak_unfused_inplace"):
            tensors = network["tensors_by_style"].get(style, network["tensors"])
            for row in network["count"]["layers"]:
                alive = (each["bytes"] for each in tensors if each["first"] <= row["position"] <= each["last"])
                assert sum(alive) == row[style]


def test_the_roofline_has_the_numbers_of_the_device_asked_for(opens: Opens, run: Run) -> None:
    page = opens("resnet50", "--on", "a100")
    found = json.loads(run("resnet50", "--on", "a100", "--format", "json").out)
    assert page.locator(".roofline select").input_value() == "a100"
    total = page.locator(".roofline .verdicts strong").get_attribute("title") or ""
    assert float(total.split()[0]) == found["totals"]["least_seconds"]
    page.locator(".longest").get_by_role("button", name="Show more").click()
    cells = [each.locator("th, td") for each in page.locator(".longest tbody tr").all()]
    rows = [(each.nth(0).inner_text(), each.nth(2).get_attribute("title"), each.nth(4).inner_text()) for each in cells]
    words = {"compute": "MACs", "memory": "bytes"}
    shown = {path: (float((seconds or "").split()[0]), bound.split()[-1]) for path, seconds, bound in rows}
    assert shown == {
        each["path"]: (each["least_seconds"], words[each["bound"]]) for each in found["layers"] if each["bound"]
    }


def test_the_roofline_of_any_device_is_what_on_says(opens: Opens, run: Run) -> None:
    page = opens("mobilenet_v2", "--precision", "int8")
    for device in ("edge-tpu", "h100-sxm", "cortex-m7"):
        options = page.locator(".roofline select option").evaluate_all("all => all.map(each => each.value)")
        if device not in options:
            assert run("mobilenet_v2", "--precision", "int8", "--on", device).code == 2
            continue
        page.locator(".roofline select").select_option(device)
        line = ("mobilenet_v2", "--precision", "int8", "--on", device, "--format", "json")
        expected = json.loads(run(*line).out)["totals"]["least_seconds"]
        total = page.locator(".roofline .verdicts strong").get_attribute("title") or ""
        assert float(total.split()[0]) == pytest.approx(expected, rel=1e-12)
    assert "only" in (page.locator(".roofline .missing li").first.text_content() or "")


def test_mixed_precision_takes_the_rate_of_each_layer(opens: Opens, run: Run) -> None:
    line = ("alexnet", "--precision", "int8;fc*:float32")
    page = opens(*line)
    page.locator(".roofline select").select_option("a100")
    expected = json.loads(run(*line, "--on", "a100", "--format", "json").out)["totals"]["least_seconds"]
    total = page.locator(".roofline .verdicts strong").get_attribute("title") or ""
    assert float(total.split()[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_the_drawings_fit_every_width(opens: Opens, shot: Shot, width: int) -> None:
    page = opens("inception_v3", "--on", "a100", width=width, scheme="light" if width == 390 else "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    first, last = (box(page, name).bounding_box() for name in ("maxpool1", "Mixed_7c"))
    assert first
    assert last
    assert (last["x"] - first["x"] > 200) == (width > 390)  # columns where there is place for them
    shot(page, f"drawings-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_drawings(opens: Opens, axe: Findings, scheme: str) -> None:
    page = opens("resnet18", "--on", "h100-sxm", scheme=scheme)
    page.get_by_role("searchbox").first.fill("conv2")
    box(page, "layer1.1.conv2").click()
    assert axe(page) == []
