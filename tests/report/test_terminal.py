"""Output in a terminal: color on request, prose that wraps, tables that do not."""

import sys
from pathlib import Path

import pytest
from conftest import Run, Write

from flopcount.errors import Note
from flopcount.report.table import Column, Line, Report, Row, Table
from flopcount.report.terminal import render_terminal

COLUMNS = (Column("path", "layer"), Column("macs", "MACs", "count"), Column("share", "share", "share"))
ROWS = (
    Row({"path": "a" * 40, "macs": 1234567, "share": 0.25}),
    Row({"path": "b", "macs": 10**40, "share": None}, (Row({"path": "b.inner", "macs": 7}),)),
)
REPORT = Report(
    title="[red]net[/nope] :smile:",
    tables=(Table("layers", COLUMNS, ROWS, Row({"path": "total", "macs": 10**40 + 1234567})),),
    lines=(Line("text", "a line of prose that is rather longer than forty characters are wide"),),
    notes=(Note("code", "[bold]a note that is rather longer than forty characters are wide"),),
)


def test_prose_wraps_at_the_width_and_tables_never() -> None:
    lines = render_terminal(REPORT, 40).splitlines()
    assert str(REPORT.lines[0]) not in lines
    assert str(REPORT.lines[0]) in " ".join(lines)
    assert any("a" * 40 in line and "1,234,567" in line and "25.00%" in line for line in lines)


def test_nothing_in_a_text_is_markup() -> None:
    text = render_terminal(REPORT, color=True)
    assert "[red]net[/nope] :smile:" in text
    assert "[bold]a note" in text


@pytest.mark.parametrize(
    ("terminal", "variables", "colored"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_color_is_for_terminals_that_want_it(
    terminal: bool,  # noqa: FBT001  (a parameter of the test)
    variables: dict[str, str],
    colored: bool,  # noqa: FBT001  (a parameter of the test)
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`NO_COLOR` and dumb terminals are honoured."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert ("\x1b[" in run("vgg16").out) is colored


def test_a_terminal_gets_prose_as_wide_as_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = run("mobilenet_v1").out.splitlines()
    note = [*filter(lambda line: line.startswith("note:"), lines)]
    assert all(len(line) <= 60 for line in note)


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
