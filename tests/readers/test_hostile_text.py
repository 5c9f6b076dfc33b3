"""The same hostile words through every command and format: each output parses, and none of them is more than text."""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from conftest import Result, Run
from markdown_it import MarkdownIt
from onnx_files import Weights, graph, model, node
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
from repositories import git, repository

from flopcount.report import escape

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these names of files are not possible there")

EVIL = (
    "=cmd|' /C calc'!A0 @octocat @org/team #1 GH-1 <img src=x onerror=alert(1)><!-- ]]> </script> &amp; &lt;b&gt; "
    "[l](javascript:x) ![i](https://x.example/i) https://x.example www.x.example `c` **b** ~~s~~ | $x$ \\input{x} "
    '\\end{tabular} %0A%% ##[add-mask]y ::error::x {{u}} "]; click n0 href "x" \\'
)
"""What can be said on a line of a file: printable characters."""

RAW = "\n::error::z\r##[group]\x1b[31m\x9b31m\x7f\u202e\u2066\u200b\ufeff\t" + EVIL.replace("/", "")
"""What a name can be: anything."""

NAME = f"@net{RAW[:150]}"
QUOTED = json.dumps(EVIL)
NET = f"""
description = {QUOTED}
input = [3, 8, 8]
budget = {{ macs.max = 1, macs.max_increase = 0, params.warn = 1, message = {QUOTED} }}
layers = [
  {{ type = "Conv", name = "one", out_channels = 4, kernel_size = 3, bias = false }},
  {{ type = "DepthSepConv", name = "two", out_channels = 8, kernel_size = 3 }},
]
claims = [
  {{ source = {QUOTED}, table = {QUOTED}, macs = "2M", erratum = {QUOTED} }},
  {{ source = {QUOTED}, table = {QUOTED}, params = "2M" }},
]
"""
CONFIG = f"""
files = "*.toml"
[[budget]]
id = "all"
files = "*.toml"
params = 1
message = {QUOTED}
[[exempt]]
id = "all"
files = "b*.toml"
reason = {QUOTED}
expires = 9999-01-01
"""
OWN = f"about = {QUOTED}\nversion = {QUOTED}\nsource = {QUOTED}\ncounts = {QUOTED}\nextends = 'macs'\n"


@pytest.fixture
def hostile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project whose files and names are hostile."""
    root = repository(folder / "project", flopcount__toml=CONFIG, b__toml=NET, c__toml=NET)
    os.chdir(root)
    Path(f"{NAME}.toml").write_text(NET, encoding="utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    for name in (f"{NAME}.toml", "c.toml"):
        Path(name).write_text(NET.replace("= 8, k", "= 9, k"), encoding="utf-8")
    Path("own.conv").write_text(OWN, encoding="utf-8")
    Path("bad.conv").write_text(f'name = "n"\n::error::z \x9b{EVIL}\n', encoding="utf-8")
    nodes = [node("Conv", "x w", "h", name=RAW), node("Relu", "h", "y", name=EVIL)]
    sizes: Mapping[str, tuple[int | str, ...]] = {RAW: (1, 3, 8, 8), "x": (1, 3, 8, 8)}
    Path(f"m{NAME}.onnx").write_bytes(model(graph(nodes, sizes, {"w": Weights((4, 3, 3, 3))})))
    nodes = [node("Conv", "x w", "h", name=RAW), node("Strange", "h", "y", name=RAW, domain=RAW)]
    Path("u.onnx").write_bytes(model(graph(nodes, {"x": (1, 3, 8, 8)}, {"w": Weights((4, 3, 3, 3))})))
    Path(f"k{NAME}.cfg").write_text(f"[net]\nheight=8\nwidth=8\nchannels=3\n[{RAW}]\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
    return root


def printable(text: str) -> None:
    """Nothing that a terminal or a runner obeys is left, whatever the format."""
    assert {char for char in text if not char.isprintable()} <= {"\n"}
    assert "##[" not in text


def commands(text: str) -> list[str]:
    """Return the lines that a runner reads as commands."""
    return [line for line in text.splitlines() if line.lstrip().startswith("::")]


def as_text(text: str) -> None:
    assert commands(text) == []


def as_json(text: str) -> None:
    as_text(text)
    assert EVIL[:40] in json.dumps(json.loads(text), ensure_ascii=False).replace('\\"', '"')


def as_json_lines(text: str) -> None:
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


def as_csv(text: str) -> None:
    as_text(text)
    rows = [*csv.reader(io.StringIO(text), strict=True)]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [cell for row in rows for cell in row if re.match(r"\s*[=+@＝＋－＠\t\r-](?!\d+(\.\d+)?$)", cell)] == []


SUMMARY = r"([^<>]*): \d+ layers? changed|\d+ limits? kept"
HEAD = rf"<!-- flopcount check -->|<details><summary>({SUMMARY})</summary>|</details>"


def as_markdown(text: str) -> None:
    as_text(text)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    blocks = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert all(re.fullmatch(HEAD, block) for block in blocks)
    assert {child.type for child in inline} <= {"text", "softbreak", "hardbreak", "strong_open", "strong_close"}
    headed = [token for token in tokens if token.type == "heading_open"]
    assert [token.tag for token in headed] == ["h3"]
    said = "\n".join([*(child.content for child in inline), *blocks])
    assert re.findall(r"@\w|#\d|GH-\d", said.replace("&#8203;", "\u200b")) == []
    assert re.findall(r"(?<!\\):(?=//)|www\.", text) == []


def as_latex(text: str) -> None:
    as_text(text)
    outside = re.sub(r"\\begin\{(tabular|align\*)\}.*?\n\\end\{\1\}\n", "", text, flags=re.DOTALL)
    assert all(line.startswith("%") for line in outside.splitlines() if line)
    assert "\\input" not in "".join(line for line in text.splitlines() if not line.startswith("%"))


class Tags(HTMLParser):
    """The names of the tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Keep a name."""
        del attrs
        self.names.append(tag)


def as_html(text: str) -> None:
    assert sorted(Tags(text).names) == ["div", "meta", "script", "script", "title"]


def as_svg(text: str) -> None:
    names = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}  # noqa: S314  (our own)
    assert names <= {
        "svg",
        "style",
        "defs",
        "clipPath",
        "rect",
        "text",
        "circle",
        "g",
        "path",
        "line",
        "title",
        "tspan",
    }


def as_dot(text: str) -> None:
    word = r'"(?:[^"\\]|\\.)*"'
    known = rf"    {word}( -> {word}| \[label={word}, tooltip={word}, fillcolor={word}\]);"
    assert all(re.fullmatch(known, line) for line in text.splitlines()[2:-1])


def as_mermaid(text: str) -> None:
    known = r'    n\d+(\["[^"`<>%]*"\]| --> n\d+)|    style n\d+ fill:#[0-9a-f]{6},color:#222'
    assert all(re.fullmatch(known, line.replace("<br>", "")) for line in text.splitlines()[1:])


def as_github(text: str) -> None:
    found = commands(text)
    assert found[-2:] == ["::group::flopcount check", "::endgroup::"]
    assert all(
        re.match(r"::(error|warning|notice) (file=[^:,]*,line=\d+,col=\d+,)?title=[^:,]*::", each)
        for each in found[:-2]
    )


def as_junit(text: str) -> None:
    as_text(text)
    names = {element.tag for element in ET.fromstring(text).iter()}  # noqa: S314  (our own)
    assert names == {"testsuites", "testsuite", "testcase", "failure", "system-out"}


def as_sarif(text: str) -> None:
    as_text(text)
    found = re.findall(r'"uri": "([^"]*)"', text)
    assert found
    assert all(each.isascii() and not urlsplit(each).scheme and not urlsplit(each).netloc for each in found)
    assert f"{NAME}.toml" in map(unquote, found)


def as_openmetrics(text: str) -> None:
    families = text_fd_to_metric_families(io.StringIO(text))  # type: ignore[no-untyped-call]
    labels = {sample.labels.get("path") for family in families for sample in family.samples}
    assert f"{escape.lines(NAME)}.toml" in labels


PARSERS: Mapping[str, Callable[[str], None]] = {
    "table": as_text,
    "text": as_text,
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
    "latex": as_latex,
    "svg": as_svg,
    "html": as_html,
    "dot": as_dot,
    "mermaid": as_mermaid,
    "github": as_github,
    "junit": as_junit,
    "gitlab": as_json,
    "sarif": as_sarif,
    "openmetrics": as_openmetrics,
    "benchmark": json.loads,
}


def harmless(result: Result, form: str) -> None:
    """Check that what is printed is well formed, and that nothing in it is obeyed."""
    assert result.code in {0, 1, 2}, result
    for text in (result.out, result.err):
        printable(text)
    as_text(result.err)
    if result.out:
        PARSERS[form](result.out)


VIEWS = [
    *(("{0}",), ("{1}",), ("{2}",), ("verify", "{0}"), ("verify", "{0}", "--errata"), ("compare", "{0}", "{1}")),
    *(("diff", "HEAD:c.toml", "{0}"), ("diff", "HEAD:{0}", "{0}"), ("whatif", "{0}", "--width", "1,2")),
    *(("u.onnx", "--allow-unknown"), ("conventions", "./own.conv"), ("{0}", "--convention", "./own.conv")),
    *(("reconcile", "{0}", "--with", "./own.conv=3"), ("formula", "{0}"), ("sweep", "{0}", "--width", "1,2")),
    *(("{0}", "--convention", "./bad.conv"), ("diff", "HEAD:x{0}", "{0}"), ("space", "{0}", "--width", "1,2")),
]


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown", "latex", "svg"])
@pytest.mark.parametrize("words", VIEWS, ids=" ".join)
@pytest.mark.usefixtures("hostile")
def test_what_a_command_shows_is_text(run: Run, words: tuple[str, ...], form: str) -> None:
    files = (f"{NAME}.toml", f"m{NAME}.onnx", f"k{NAME}.cfg")
    result = run(*(word.format(*files) for word in words), "--format", form)
    if form == "json" and EVIL[:40] not in result.out:
        assert json.loads(result.out or "{}") is not None
        result = result._replace(out="")
    harmless(result, form)


@pytest.mark.parametrize(
    "form", ["text", "json", "markdown", "github", "gitlab", "junit", "sarif", "openmetrics", "benchmark"]
)
@pytest.mark.parametrize("words", [("check", "--base", "HEAD"), ("lock", "--check")], ids=" ".join)
def test_what_a_check_finds_is_text(hostile: Path, run: Run, words: tuple[str, ...], form: str) -> None:
    if words[0] == "lock":
        (hostile / "c.toml").write_text(NET.replace("= 8, k", "= 7, k"))
        names = [f"{NAME}.toml", "b.toml", "c.toml"]
        harmless(run("lock", *names), "text")
        (hostile / "c.toml").write_text(NET)
        harmless(run("lock"), "text")
        harmless(run("lock", "--allow-increase", "c.toml", "--reason", EVIL), "text")
        (hostile / f"{NAME}.toml").write_text(NET.replace("= 8, k", "= 11, k"))
        harmless(run("lock"), "text")
    result = run(*words, "--format", form)
    assert result.out
    harmless(result, form) if words[0] == "check" else printable(result.out)
    if form in {"github", "markdown"}:
        as_markdown((hostile.parent / "summary").read_text(encoding="utf-8"))


@pytest.mark.parametrize("graph", ["dot", "mermaid"])
@pytest.mark.parametrize("name", [f"{NAME}.toml", f"m{NAME}.onnx"], ids=["arch", "onnx"])
@pytest.mark.usefixtures("hostile")
def test_a_graph_is_text(run: Run, graph: str, name: str) -> None:
    harmless(run(name, "--graph", graph), graph)


@pytest.mark.parametrize("ending", ["svg", "html"])
@pytest.mark.usefixtures("hostile")
def test_a_chart_is_text(run: Run, ending: str) -> None:
    harmless(run(f"m{NAME}.onnx", "--plot", f"out.{ending}"), "table")
    PARSERS[ending](Path(f"out.{ending}").read_text(encoding="utf-8"))


@pytest.mark.parametrize("ending", ["toml", "json", "csv"])
@pytest.mark.usefixtures("hostile")
def test_what_is_imported_is_text_and_can_be_read(run: Run, ending: str) -> None:
    harmless(run("import", f"m{NAME}.onnx", "-o", f"out.{ending}"), "table")
    printable(Path(f"out.{ending}").read_text(encoding="utf-8"))
    assert run(f"out.{ending}").code == 0


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.usefixtures("hostile")
def test_what_a_sweep_writes_is_text(run: Run, ending: str) -> None:
    harmless(run("sweep", f"{NAME}.toml", "--width", "1,2", "-o", f"out.{ending}"), "table")
    (as_csv if ending == "csv" else as_json_lines)(Path(f"out.{ending}").read_text(encoding="utf-8"))


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1", "=", "-x"])
def test_a_formula_in_csv_is_text(cell: str) -> None:
    assert str(escape.csv(cell))[0] in "'\\"


@pytest.mark.parametrize("cell", [-1, -1.5, "-1", "+3", "-0.5", "-1e-3", "-12%", "a=1", "3-1", "", None])
def test_a_number_in_csv_stays_one(cell: object) -> None:
    assert escape.csv(cell) == cell


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1. a", "1\\. a"),
        ("# a", "\\# a"),
        ("- a", "\\- a"),
        ("> a", "\\> a"),
        ("===", "\\==="),
        ("@a #1 gh-1", "@&#8203;a #&#8203;1 gh-&#8203;1"),
        ("--input 3 > 2", "--input 3 > 2"),
        ("#", "#"),
        ("-5", "-5"),
        ("1.5", "1.5"),
        ("R&D", "R&D"),
    ],
)
def test_markdown_is_escaped_where_it_has_a_meaning(text: str, written: str) -> None:
    assert escape.markdown(text) == written
