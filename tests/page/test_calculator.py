"""The calculator in a browser, without a network: what it counts, what it says, and what it keeps to itself.

flopcount on this machine is what it is compared with. `make page` builds it, `make test` too where npm can be reached.
"""

import base64
import gzip
import json
import re
import tomllib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Run
from playwright.sync_api import Browser, Page, expect
from test_bad_files import ALL

from flopcount.spec.load import bundled
from page.conftest import ROOT, Findings, Shot, opened

BUILT = ROOT / "build" / "site" / "calculator"
FAILURE = ROOT / "page" / "build" / "calculator.failure"
ORACLES = ROOT / "tests" / "oracles"
SETTLED = re.compile(r"counted in|problem")
START = 60_000
"""Milliseconds until Python has started, on a busy machine."""

pytestmark = pytest.mark.xdist_group("calculator")  # one browser starts Python once

SMALL = """\
name = "small"
input = [3, 16, 16]

[[layers]]
type = "Conv"
out_channels = 8
kernel_size = 3
"""


class Calculator(NamedTuple):
    """The page, started, and what is written down that it must not do."""

    page: Page
    address: str

    def settled(self) -> str:
        """Wait until nothing is counted any more, and return what the status says."""
        status = self.page.locator("#status")
        expect(status).to_have_text(SETTLED, timeout=START)
        expect(self.page.locator("#report")).to_have_attribute("aria-busy", "false", timeout=START)
        return status.inner_text()

    def opened(self, fragment: str) -> str:
        """Open a link in the same tab, and return what the status says then."""
        self.page.evaluate("document.getElementById('status').textContent = ''")
        self.page.evaluate("hash => { history.replaceState(null, '', '#-'); location.hash = hash }", fragment)
        return self.settled()

    def typed(self, text: str, *, wait: bool = True) -> str:
        """Put a text into the editor as the keyboard does, and return what the status says then."""
        content = self.page.locator(".cm-content")
        if not content.is_visible():  # a model of another tool is open
            self.page.get_by_role("button", name="New spec").click()
        content.focus()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.evaluate("document.getElementById('status').textContent = ''")
        self.page.keyboard.insert_text(text)
        return self.settled() if wait else ""

    def set(self, field: str, value: str) -> str:
        """Fill a field of the settings, and return what the status says then."""
        self.page.evaluate("document.getElementById('status').textContent = ''")
        self.page.get_by_label(field, exact=True).fill(value)
        return self.settled()

    def dropped(self, name: str, content: bytes) -> str:
        """Drop a file on the page, and return what the status says then."""
        self.page.evaluate("document.getElementById('status').textContent = ''")
        self.page.evaluate(DROP, {"name": name, "bytes": [*content]})
        return self.settled()

    @property
    def problems(self) -> list[str]:
        """What is said to be wrong."""
        box = self.page.locator("#problems")
        return box.locator("li").all_inner_texts() if box.is_visible() else []

    @property
    def spec(self) -> str:
        """The text in the editor, as far as it is drawn."""
        return "\n".join(self.page.locator(".cm-line").all_text_contents())


DROP = """({ name, bytes }) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="session")
def failures() -> list[str]:
    """Keep what the page did that it must not do."""
    return []


@pytest.fixture(scope="session")
def started(browser: Browser, serve: Callable[[Path], str], failures: list[str]) -> Calculator:
    """Start the calculator once."""
    if not (BUILT / "site.zip").is_file():
        pytest.skip(FAILURE.read_text("utf-8") if FAILURE.is_file() else "the calculator is not built: run make page")
    address = f"{serve(BUILT.parent)}calculator/"
    calculator = Calculator(opened(browser, failures)(address), address)
    calculator.settled()
    return calculator


@pytest.fixture
def calculator(started: Calculator, failures: list[str]) -> Iterator[Calculator]:
    """Use the calculator, with a network and no settings; it may not fail, or ask another host for anything."""
    if not re.search(r"#network=[\w.]+$", started.page.url):
        started.opened("#network=lenet5")
    failures.clear()
    yield started
    assert failures == []


def totals(run: Run, *arguments: str | Path) -> str:
    """Return params and MACs as the status says them, from the command line."""
    found = json.loads(run("count", *arguments, "--format", "json").out)["totals"]
    return f"{found['params']:,} params, {found['macs']:,} MACs"


def test_it_starts_with_a_network_and_its_report(calculator: Calculator, run: Run) -> None:
    assert totals(run, "mobilenet_v1_1.0_224") in calculator.opened("#network=mobilenet_v1_1.0_224")
    assert calculator.page.locator("#report").get_by_role("table").count() > 0


def test_resnet_50_from_the_list_counts_4089184256(calculator: Calculator) -> None:
    search = calculator.page.get_by_role("combobox", name="Bundled networks")
    search.fill("resnet50")
    calculator.page.evaluate("document.getElementById('status').textContent = ''")
    search.press("Enter")
    assert "25,557,032 params, 4,089,184,256 MACs" in calculator.settled()
    expect(calculator.page).to_have_url(f"{calculator.address}#network=resnet50")


def test_a_file_with_the_name_of_a_bundled_network_does_not_take_its_place(calculator: Calculator, run: Run) -> None:
    assert "problem" in calculator.dropped("alexnet", b"nothing")
    assert totals(run, "alexnet") in calculator.opened("#network=alexnet")


def test_every_bundled_network_is_in_the_list(calculator: Calculator) -> None:
    search = calculator.page.get_by_role("combobox", name="Bundled networks")
    search.fill("net")
    search.fill("")
    names = calculator.page.locator("#networks li").evaluate_all("items => items.map(item => item.firstChild.data)")
    search.press("Escape")
    assert sorted(names) == sorted(bundled())


@pytest.mark.parametrize(
    "name", ["onnx/resnet18.onnx", "pt2/mobilenet_v2.pt2", "tflite/dscnn_float.tflite", "keras_models/ResNet50.json.gz"]
)
def test_a_dropped_model_counts_as_on_the_command_line(
    name: str, calculator: Calculator, run: Run, tmp_path: Path
) -> None:
    path = ORACLES / name
    if path.suffix == ".gz":
        path = tmp_path / path.stem
        path.write_bytes(gzip.decompress((ORACLES / name).read_bytes()))
    assert totals(run, path) in calculator.dropped(path.name, path.read_bytes())


def test_a_model_becomes_a_spec_that_costs_the_same(calculator: Calculator, run: Run) -> None:
    path = ORACLES / "onnx" / "resnet18.onnx"
    calculator.dropped(path.name, path.read_bytes())
    calculator.page.evaluate("document.getElementById('status').textContent = ''")
    calculator.page.get_by_role("button", name="Edit as spec").click()
    assert totals(run, path) in calculator.settled()
    assert "[[layers]]" in calculator.spec or "layers = [" in calculator.spec


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.onnx", b"\x08\x07\xff\xff\xff"),
        ("a.tflite", b"TFL3"),
        ("a.pt2", b"PK\x03\x04"),
        ("a.toml", b"\xff\xfe"),
        ("a.bin", b""),
    ],
)
def test_a_damaged_file_is_answered_with_a_sentence(
    name: str, content: bytes, calculator: Calculator, run: Run, tmp_path: Path
) -> None:
    """The one that the command line has."""
    assert "problem" in calculator.dropped(name, content)
    (tmp_path / name).write_bytes(content)
    on_machine = run("count", tmp_path / name).problems
    told = [each.partition(f"{tmp_path / name}: ")[2] or each for each in on_machine]
    assert [re.sub(r"^Line \d+: ", "", each) for each in calculator.problems] == [
        re.sub(r"^.*?:\d+:\d+: ", "", each) for each in told
    ]


def test_a_file_that_is_no_model_comes_with_what_to_run_instead(calculator: Calculator) -> None:
    """Python code is told how to export; the commands of a shell are left out."""
    assert "problem" in calculator.dropped("net.py", b"import torch\n")
    code = calculator.page.locator("#problems pre").inner_text()
    assert code.startswith("import torch\n")
    assert 'torch.export.save(program, "model.pt2")' in code
    assert "flopcount " not in code


def test_an_error_stands_under_its_line(calculator: Calculator, run: Run, tmp_path: Path) -> None:
    """With flopcount's own line and column, and its sentence."""
    text = SMALL.replace("out_channels", "out_chanels").replace("3\n", "0\n")
    assert "problems" in calculator.typed(text)
    (tmp_path / "small.toml").write_text(text)
    lines = [each.partition("small.toml:")[2].split(":", 2) for each in run("count", tmp_path / "small.toml").problems]
    assert calculator.problems == [f"Line {line}: {what.strip()}" for line, _, what in lines]
    under = calculator.page.locator(".cm-problem").all_inner_texts()
    assert under == [what.strip() for _, _, what in lines]
    marked = calculator.page.locator(".cm-lintRange-error").all_inner_texts()
    assert any("out_chanels" in each for each in marked)
    above = calculator.page.locator(".cm-line:has(+ .cm-problem)").all_inner_texts()
    assert [each for each in above if "out_chanels" in each]


def test_a_place_behind_other_scripts_is_where_it_is(calculator: Calculator) -> None:
    """Columns count characters, whatever UTF-16 and UTF-8 make of them."""
    text = 'input = [3]\nlayers = [{ name = "é×𝄞", type = "Flatten", zz = 1 }]'
    calculator.typed(text)
    assert calculator.page.locator(".cm-lintRange-error").all_inner_texts() == ['name = "é×𝄞"', "zz = 1"]


ASK = """async (files) => {
  const told = [];
  const plain = self.postMessage;
  self.postMessage = (message) => told.push(JSON.parse(message.answer));
  for (const { name, content } of files) {
    await self.onmessage({ data: { id: 0, ask: "document", name, content: new Uint8Array(content), options: {} } });
  }
  self.postMessage = plain;
  return told;
}"""


def test_every_error_is_where_it_is_on_the_command_line(calculator: Calculator, run: Run, folder: Path) -> None:
    """The suite of bad files, though the page has another tree-sitter; syntax errors are where its Python has them."""
    files = [{"name": bad.name, "content": [*encoded(bad.content)]} for bad in ALL.values()]
    answers = calculator.page.workers[0].evaluate(ASK, files)
    for name, bad, answer in zip(ALL, ALL.values(), answers, strict=True):
        (folder / bad.name).write_bytes(encoded(bad.content))
        found = [
            (f"{bad.name}:{each['line']}:{each['column']}" if each.get("line") else bad.name) + f": {each['what']}"
            for each in answer["problems"]
        ]
        expected = run("count", bad.name).problems
        pairs = [*zip(found, expected, strict=True)]
        assert [(ours, theirs) for ours, theirs in pairs if placed(ours) != placed(theirs)] == [], name


def placed(problem: str) -> str:
    """Return a problem without the place of a fault of syntax, which differs between versions of Python."""
    return re.sub(r":\d+:\d+: (?=not (?:JSON|TOML))", ": ", problem)


def encoded(content: str | bytes) -> bytes:
    """Return the bytes of a file."""
    return content if isinstance(content, bytes) else content.encode()


MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def test_markup_in_a_spec_or_a_file_stays_text(calculator: Calculator) -> None:
    """In the report, in an error, and in the name of a file."""
    calculator.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    calculator.typed(f'description = "{MARKUP}"\n{SMALL}')
    assert MARKUP in calculator.page.locator("#report").inner_text()
    calculator.typed(f'{SMALL}name = "{MARKUP}"\n')
    assert MARKUP in calculator.problems[0]
    calculator.dropped(f"{MARKUP.replace('/', '')}.onnx", b"")
    assert "<img src=x onerror=alert(1)>" in calculator.page.locator("#file-note").inner_text()
    assert calculator.page.locator("#report script, #problems script, main img").count() == 0


def test_a_link_shows_the_same_again(calculator: Calculator) -> None:
    """Spec, notation, name and settings."""
    calculator.opened("#network=lenet5")
    calculator.typed(SMALL)
    told = calculator.set("Input size", "20")
    expect(calculator.page).to_have_url(re.compile("input=20"))
    link = calculator.page.url
    calculator.opened("#network=resnet18")
    again = calculator.opened(f"#{link.partition('#')[2]}")
    assert again.partition(", counted")[0] == told.partition(", counted")[0]
    assert calculator.spec.strip() == SMALL.strip()
    assert calculator.page.get_by_label("Input size", exact=True).input_value() == "20"
    assert tomllib.loads(calculator.spec)["name"] == "small"


def test_a_damaged_link_is_answered_with_a_sentence(calculator: Calculator) -> None:
    calculator.page.evaluate("location.hash = '#spec=_____'")
    expect(calculator.page.locator("#problems")).to_contain_text("The spec in this link is damaged")
    calculator.settled()


def test_a_link_that_unpacks_to_megabytes_is_told_so(calculator: Calculator) -> None:
    packed = zlib.compress(bytes(3_000_000), 9, wbits=-15)
    word = base64.urlsafe_b64encode(packed).decode()
    calculator.page.evaluate("word => { location.hash = `#spec=${word}`; }", word)
    expect(calculator.page.locator("#problems")).to_contain_text("The spec in this link is too large")
    calculator.settled()


def completed(calculator: Calculator, text: str) -> list[str]:
    """Return what is offered at the place of | in a text."""
    before, _, after = text.partition("|")
    calculator.typed(before + after)
    for _ in after:
        calculator.page.keyboard.press("ArrowLeft")
    calculator.page.keyboard.press("Control+Space")
    options = calculator.page.locator(".cm-tooltip-autocomplete li .cm-completionLabel")
    options.first.wait_for()
    found = options.all_inner_texts()
    calculator.page.keyboard.press("Escape")
    return found


LAYER = 'input = [3, 8, 8]\n[[layers]]\ntype = "Conv"\n'


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ('input = [3]\n[[layers]]\ntype = "|"\n', {"Conv", "DepthSepConv", "Block", "LSTM"}, {"Claim", "stride"}),
        (f"{LAYER}|", {"out_channels", "kernel_size", "stride", "padding", "name"}, {"type", "out_features", "input"}),
        (f'{LAYER}padding = "|"\n', {"same", "valid", "valid-round"}, {"Conv"}),
        (f"{LAYER}bias = |\n", {"true", "false"}, {"same"}),
        ('{"input": [3], "layers": [{"type": "Linear", "|"}]}', {"out_features", "bias"}, {"type", "kernel_size"}),
        ('{"input": [3], "layers": [{"type": "|"}]}', {"Conv", "Linear"}, {"stride"}),
        ("[defaults]\nnorm = |\n", {"batch", "layer", "none"}, {"same"}),
    ],
)
def test_completion_offers_what_the_schema_says(
    text: str, some: set[str], none: set[str], calculator: Calculator
) -> None:
    offered = {*completed(calculator, text)}
    assert some <= offered
    assert not none & offered


def test_a_completed_key_is_written_with_what_follows_it(calculator: Calculator) -> None:
    calculator.typed(f"{SMALL}stri")
    calculator.page.keyboard.press("Control+Space")
    calculator.page.locator(".cm-tooltip-autocomplete li[aria-selected]").wait_for()
    calculator.page.wait_for_timeout(100)  # a key that comes at once is not taken for a choice
    calculator.page.keyboard.press("Enter")
    calculator.page.keyboard.insert_text("2")
    assert calculator.spec.strip().endswith("stride = 2")


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"Width multiplier": "0.35"}, ("--width", "0.35")),
        ({"Input size": "160"}, ("--input", "160")),
        ({"Input size": "3x128x96", "Batch": "4"}, ("--input", "3x128x96", "--batch", "4")),
        ({"Width multiplier": "1.4", "Precision": "int8"}, ("--width", "1.4", "--precision", "int8")),
    ],
)
def test_settings_count_as_the_options_do(
    fields: dict[str, str], options: tuple[str, ...], calculator: Calculator, run: Run
) -> None:
    calculator.opened("#network=mobilenet_v2")
    expect(calculator.page.get_by_label("Input size", exact=True)).to_be_visible()
    for field, value in fields.items():
        told = calculator.set(field, value)
    assert totals(run, "mobilenet_v2", *options) in told
    made = calculator.page.locator("#report .made code").inner_text()
    assert made == f"flopcount report mobilenet_v2 {' '.join(options)}"
    whole = json.loads(run("count", "mobilenet_v2", *options, "--metrics", "weight_bytes", "--format", "json").out)
    weight = f"{whole['totals']['weight_bytes']:,}"
    assert weight in calculator.page.locator("#report .cards").inner_text()


def test_a_slider_moves_the_figures(calculator: Calculator, run: Run) -> None:
    calculator.opened("#network=mobilenet_v2")
    slider = calculator.page.get_by_label("Input size, slider")
    slider.focus()
    calculator.page.evaluate("document.getElementById('status').textContent = ''")
    slider.press("ArrowLeft")
    assert totals(run, "mobilenet_v2", "--input", "192") in calculator.settled()


def test_a_variant_stays_one_when_its_file_is_edited(calculator: Calculator, run: Run) -> None:
    assert totals(run, "resnet101") in calculator.opened("#network=resnet101")
    calculator.page.locator(".cm-content").focus()
    calculator.page.keyboard.press("ControlOrMeta+End")
    calculator.page.evaluate("document.getElementById('status').textContent = ''")
    calculator.page.keyboard.insert_text("# a remark\n")
    assert totals(run, "resnet101") in calculator.settled()
    expect(calculator.page).to_have_url(re.compile("spec=.*variant=resnet101"))
    assert calculator.page.get_by_label("Variant", exact=True).input_value() == "resnet101"


def test_settings_that_do_not_apply_are_not_there(calculator: Calculator) -> None:
    calculator.opened("#network=lenet5")
    calculator.typed('input = [10]\n[[layers]]\ntype = "Linear"\nout_features = 3\n')
    expect(calculator.page.get_by_label("Input size", exact=True)).to_be_hidden()
    expect(calculator.page.get_by_label("Variant", exact=True)).to_be_hidden()
    expect(calculator.page.get_by_label("Batch", exact=True)).to_be_visible()


def test_the_policy_of_the_page_keeps_scripts_and_worker_from_other_hosts(
    calculator: Calculator, failures: list[str]
) -> None:
    """The browser itself refuses a request elsewhere, in the page and in the worker."""
    violation = """() => new Promise((resolve) => {
      const target = self.document ?? self;
      target.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
      fetch("http://127.0.0.1:9/").catch(() => 0);
    })"""
    assert calculator.page.evaluate(violation) == "connect-src"
    assert calculator.page.workers[0].evaluate(violation) == "connect-src"
    failures[:] = [each for each in failures if "127.0.0.1:9" not in each]


def test_nothing_but_the_page_is_fetched(calculator: Calculator) -> None:
    """Also in the worker: what the browser itself measured."""
    script = "() => performance.getEntriesByType('resource').map((each) => each.name)"
    urls = [*calculator.page.evaluate(script), *calculator.page.workers[0].evaluate(script)]
    assert any("pyodide.asm.wasm" in each for each in urls)
    assert [each for each in urls if not each.startswith((calculator.address, "blob:", "data:"))] == []


def test_a_long_count_can_be_stopped(calculator: Calculator) -> None:
    """Python starts again, and counts what comes next."""
    row = '{ type = "Conv", out_channels = 4, kernel_size = 3, padding = "same" }'
    long = f'input = [4, 8, 8]\nlayers = [{{ type = "Block", name = "b", repeat = 40000, layers = [{row}] }}]'
    calculator.typed(long, wait=False)
    calculator.page.get_by_role("button", name="Stop").click()
    expect(calculator.page.locator("#problems")).to_contain_text("Counting was stopped")
    expect(calculator.page.locator("#status")).to_have_text("Ready; change something to count", timeout=START)
    assert "224 params" in calculator.typed(SMALL)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(scheme: Any, calculator: Calculator, axe: Findings) -> None:
    calculator.page.emulate_media(color_scheme=scheme)
    calculator.opened("#network=lenet5")
    assert axe(calculator.page) == []
    calculator.typed(SMALL.replace("Conv", "Covn"))
    assert axe(calculator.page) == []
    calculator.page.emulate_media(color_scheme="light")


def test_the_keyboard_reaches_everything(calculator: Calculator) -> None:
    """Also what is after the editor: Escape and Tab leave it, as the page says."""
    calculator.opened("#network=lenet5")
    calculator.page.locator(".skip").focus()
    reached = list[str]()
    for _ in range(60):
        calculator.page.keyboard.press("Escape")
        calculator.page.keyboard.press("Tab")
        reached.append(calculator.page.evaluate("document.activeElement.id || document.activeElement.className"))
    wanted = ["search", "choose", "new", "link", "save", "setting-input", "setting-width", "setting-batch"]
    assert [each for each in reached if each in wanted] == wanted
    assert next(index for index, each in enumerate(reached) if "cm-content" in each) < len(reached) - 2


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_it_fits_any_screen(width: int, calculator: Calculator, shot: Shot) -> None:
    """Nothing is wider than the screen; build/screenshots has the pictures."""
    calculator.page.set_viewport_size({"width": width, "height": 900})
    calculator.opened("#network=mobilenet_v1_1.0_224")
    calculator.page.wait_for_timeout(200)
    shot(calculator.page, f"calculator-{width}")
    assert calculator.page.evaluate("document.documentElement.scrollWidth") <= width
    calculator.page.set_viewport_size({"width": 1024, "height": 768})
