"""Output in a terminal: colors, signs of its encoding, and tables that fit its width."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Run, Write
from rich.cells import cell_len

from flopcount.errors import Message, Note
from flopcount.report import terminal
from flopcount.report.table import Column, Line, Report, Row, Table, cell_text
from flopcount.report.terminal import Screen, failure, render_terminal

COLUMNS = (
    Column("path", "layer", "path"),
    Column("macs", "MACs", "count"),
    Column("share", "share", "share", rank=1),
)
ROWS = (
    Row({"path": "a" * 40, "macs": 1234567, "share": 0.25}),
    Row({"path": "b", "macs": 10**18, "share": None}, (Row({"path": "b.inner", "macs": 7}),)),
)
REPORT = Report(
    title="[red]net[/nope] :smile:",
    tables=(Table("layers", COLUMNS, ROWS, Row({"path": "total", "macs": 10**18 + 1234567})),),
    lines=(Line("text", "a line of prose that is rather longer than forty characters are wide"),),
    notes=(Note("code", "[bold]a note that is rather longer than forty characters are wide"),),
)


def test_a_narrow_table_loses_the_middle_of_paths_and_then_columns_with_a_line_that_names_them() -> None:
    wide, narrow = (render_terminal(REPORT, Screen(width)).splitlines() for width in (120, 56))
    assert any("a" * 40 in line and "1,234,567" in line and "25.00%" in line for line in wide)
    assert any("aaa…aaa" in line and "1.235 M" in line and "25.0%" in line for line in narrow)
    assert not any("not shown" in line for line in narrow)
    lines = render_terminal(REPORT, Screen(33)).splitlines()
    assert "not shown at 33 columns: share; see a wider terminal or --format csv" in " ".join(lines)
    assert not any("25.0" in line for line in lines)
    assert max(map(len, lines)) <= 33


def test_a_table_whose_columns_all_stay_becomes_a_paragraph_for_each_row() -> None:
    lines = render_terminal(REPORT, Screen(24)).splitlines()
    assert "a" * 24 in lines
    assert "   MACs 1,234,567" in lines
    assert max(map(len, lines)) <= 24


def test_exact_tables_have_all_digits_at_any_width() -> None:
    table = REPORT.tables[0]._replace(exact=True)
    for width in (40, 60, 120):
        assert "1234567" in render_terminal(REPORT._replace(tables=(table,)), Screen(width))


def test_piped_output_is_neither_wrapped_nor_cut() -> None:
    lines = render_terminal(REPORT).splitlines()
    assert str(REPORT.lines[0]) in lines
    assert any("a" * 40 in line and f"{1234567:,}" in line for line in lines)


def test_nothing_in_a_text_is_markup() -> None:
    text = render_terminal(REPORT, Screen(color=True))
    assert "[red]net[/nope] :smile:" in text
    assert "[bold]a note" in text


@pytest.mark.parametrize(("encoding", "signs"), [("ascii", "x-#."), ("cp1252", "×-#…"), ("utf-8", "×─█…")])
def test_an_encoding_that_lacks_a_sign_gets_another(encoding: str, signs: str) -> None:
    columns = (Column("path", "layer"), Column("output", "output", "shape"), Column("share", "share", "share"))
    rows = (Row({"path": "a", "output": [64, 112, 112], "share": 0.5}), Row({"path": "b", "share": 0.25}))
    text = render_terminal(Report("a…z", (Table("layers", columns, rows),)), Screen(60, encoding=encoding))
    assert text.encode(encoding).decode(encoding) == text
    assert all(sign in text for sign in signs)


def test_rows_without_cost_are_dim_and_shares_have_a_bar(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = run("lenet5").out.splitlines()
    assert all(line.startswith("\x1b[2m") for line in lines if "AvgPool" in line)
    assert any("57.62%" in line and "█" * 20 in line for line in lines)


def test_a_difference_is_red_if_it_costs_and_green_if_it_saves(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    there, back = (run("diff", *pair).out for pair in (("resnet18", "resnet34"), ("resnet34", "resnet18")))
    assert re.search(r"\x1b\[31m +\+115,605,504", there)
    assert re.search(r"\x1b\[32m +-115,605,504", back)


@pytest.mark.parametrize(
    ("terminal", "variables", "colored"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (False, {"TERM": "xterm"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_color_is_for_terminals_that_want_it(
    terminal: bool,  # noqa: FBT001  (a parameter of the test)
    variables: dict[str, str],
    colored: bool,  # noqa: FBT001  (a parameter of the test)
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`NO_COLOR`, `FORCE_COLOR` and dumb terminals are honored."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert ("\x1b[" in run("vgg16").out) is colored


COMMANDS = """
lenet5
mobilenet_v1.toml --input 160
mobilenet_v2 --standard
resnet50 --depth 1
resnet50 --by kernel
resnet18 --columns path,input,kernel,stride,groups,activations,flops,output,params_share
mobilenet_v1 --parts --exact-numbers
resnet18 --convention thop
compare resnet18 mobilenet_v2
compare cifar10_vgg cifar10_vgg_separable
whatif resnet18 --to GhostConv
whatif resnet18 --to GhostConv --to DepthSepConv
whatif lenet5 --width 0.5,0.75 --input 28,32
diff resnet18 resnet34
sweep lenet5 --input 28,32 --width 0.5,1 --set layers.0.kernel_size=3,5
sweep mobilenet_v1_1.0_224 --set *.out_channels=64,128 --top 2
space lenet5 --input 28,32 --width 0.5,1
space mobilenet_v1_1.0_224 --set *.out_channels=64,128
formula DepthSepConv
formula resnet18
formula HetConv --pattern 64x8 -p 4
archs
verify resnet50
verify --errata mobilenet_v1
reconcile resnet50 --with thop=4133742592
reconcile resnet50 --with 3.8G
conventions
conventions thop
kinds
kinds DepthSepConv
""".strip().splitlines()
WIDTHS = (60, 80, 100, 120, 200)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_fits_every_terminal_and_names_what_is_missing(
    command: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that is not shown is named; in paragraphs every cell is there."""
    shown: list[Report] = []

    def render(report: Report, *_: object, **__: object) -> str:
        shown.append(report)
        return ""

    monkeypatch.setattr(terminal, "render_terminal", render)
    assert run(*command.split()).code == 0
    (report,) = shown
    for width in WIDTHS:
        lines = render_terminal(report, Screen(width)).splitlines()
        assert [line for line in lines if len(line) > width] == []
        text = " ".join(lines).split()
        for table in report.tables:
            assert len({column.title for column in table.columns}) == len(table.columns)
            for column in table.columns:
                cells = [cell_text(row.cells.get(column.key), column.form) for row in table.rows]
                assert {*column.title.split()} <= {word.strip(",;:") for word in text} | {*text} or all(
                    {*cell.split()} <= {*text} for cell in cells
                )


@pytest.mark.parametrize("command", ["sweep", "space"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_values_of_every_axis_stand_beside_each_candidate(
    command: str, width: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On lines of a record if 14 columns do not fit: of the extremes of the space, and of the first two of the grid."""
    axes = ("mobilenet_v1_1.0_224", "--set", "*.out_channels=64,128")
    found = json.loads(run(command, *axes, "--format", "json", *(["--top", "2"] if command == "sweep" else [])).out)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    text = run(command, *axes, *(["--top", "2"] if command == "sweep" else [])).out
    paragraphs = [" ".join(each.split()).replace(" · ", " ") for each in text.split("\n\n")[1:]]
    for row, paragraph in zip(found["candidates"], paragraphs, strict=False):
        assert len(row) > 16
        assert all(f"{name} {row[name]}" in paragraph for name in found["axes"])


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize(
    ("command", "words"),
    [("diff resnet18 resnet34", "reads layer3.2.Add6 →"), ("verify mobilenet_v2", "--width 1.4")],
)
def test_what_tells_rows_apart_stays_in_a_narrow_terminal(
    command: str, words: str, width: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why a layer has changed whose cost has not, and what a figure is of."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    assert words in run(*command.split()).out


LONG = """input = [1]
layers = [{ type = "Block", name = "b", repeat = 3000, layers = [{ type = "Linear", out_features = 1 }] }]"""


@pytest.mark.parametrize(
    ("options", "words", "more"),
    [
        ("", "the table of 3000 rows is folded as by --depth 1", "3000 layers"),
        ("--sort=path", "the table of 3000 rows is cut after 2000 rows", "1000 more rows (included in the total)"),
        ("--top=2500", "the table of 2500 rows is cut after 2000 rows", "500 more rows (included in the total)"),
    ],
)
def test_a_long_table_is_shortened_on_a_terminal_only(
    options: str, words: str, more: str, *, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("net.toml", LONG)
    arguments: list[str | Path] = [path, *options.split()]
    assert run(*arguments).out.count(".Linear1 ") == (2500 if "top" in options else 3000)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "300")
    drawn = run(*arguments).out
    assert f"{words}; a pipe, such as | less, and -o FILE have all rows" in drawn
    assert more in drawn
    assert drawn.count(".Linear1 ") <= 2000


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("before", ["a" * 150, "b", "多" * 70])
def test_the_source_under_an_error_fits_and_its_carets_are_under_the_mistake(width: int, before: str) -> None:
    source = f"{before} wrong {'z' * 90}"
    carets = " " * cell_len(f"{before} ") + "^^^^^"
    lines = [
        "".join(text for text, _ in line) for line in failure(Message("it is wrong", (source, carets)), Screen(width))
    ]
    shown, under = lines[-2:]
    assert all(cell_len(line) <= width for line in lines)
    assert cell_len(shown.partition("wrong")[0]) == len(under) - len("^^^^^")
    assert "wrong" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo terminals")
@pytest.mark.parametrize(
    ("arguments", "color"),
    [("resnet50", "\x1b[2m"), ("bad.toml", "\x1b[31m"), ("check bad.toml", "\x1b[31m"), ("archs", "\x1b[1m")],
)
def test_a_terminal_of_80_columns_is_respected(arguments: str, color: str, write: Write) -> None:
    """Tables, errors and findings, in a pseudo terminal."""
    row = f'{{ type = "Conv", out_channels = {"1" * 90}, kernel_size = 3, wrong = 1 }}'
    folder = write("bad.toml", f"input = [1, 8, 8]\nlayers = [{row}]").parent
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    words = [sys.executable, "-m", "flopcount", *arguments.split()]
    unset = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, cwd=folder, env={**unset, "TERM": "xterm"}) as process:
        os.close(theirs)
        text = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(ours, 65536):
                text += part
    os.close(ours)
    lines = text.decode().split("\r\n")
    assert process.returncode in {0, 2}
    assert color in text.decode()
    assert [line for line in lines if len(re.sub(r"\x1b\[[0-9;]*m", "", line)) > 80] == []


@pytest.mark.parametrize("lines", [("a line longer than the screen",), ("the first of two", "and the second")])
def test_lines_to_copy_are_wrapped_and_never_cut(lines: tuple[str, ...]) -> None:
    """However many they are: they are not a source and its carets."""
    drawn = ["".join(text for text, _ in line) for line in failure(Message("it is wrong", lines=lines), Screen(24))]
    assert max(map(len, drawn)) <= 24
    assert " ".join(" ".join(drawn[1:]).split()) == " ".join(lines)
