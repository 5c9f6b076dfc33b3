"""The source line under an error: cut, escaped, and marked where the error is, on any screen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.errors import INDENT, FileError, Problem
from flopcount.spec.source import WIDEST, Notation, at_line, excerpt, located, snippet
from flopcount.spec.text import parsed


def cells(text: str) -> int:
    """Return the width of printable text as a terminal has it, from the Unicode tables alone."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) in {"Mn", "Me"} for char in text)


@pytest.mark.parametrize(
    ("line", "column", "length", "shown", "marks"),
    [
        ("input = [0]", 1, 11, "input = [0]", "^^^^^^^^^^^"),
        ("input = [0]", 10, 1, "input = [0]", "         ^"),
        ("  input = 0", 3, 5, "input = 0", "^^^^^"),
        ("\tinput\t= 0", 8, 1, "input    = 0", "         ^"),
        ("input = 0\r", 9, 1, "input = 0", "        ^"),
        ("漢字 = 0", 6, 1, "漢字 = 0", "       ^"),
        ("漢字 = 0", 1, 2, "漢字 = 0", "^^^^"),
        ("e\u0301 = 0", 6, 1, "e\u0301 = 0", "    ^"),
        ("a\x1b[2J = 0", 8, 1, "a\\x1b[2J = 0", "          ^"),
        ("a = ", 5, 1, "a = ", "    ^"),
        ("a = 1", 99, 1, "a = 1", "     ^"),
    ],
)
def test_the_carets_are_under_what_is_meant(line: str, column: int, length: int, shown: str, marks: str) -> None:
    assert excerpt(line, column, length) == (shown, marks)


def test_a_long_line_is_cut_around_the_place() -> None:
    line = f"a = [{'1, ' * 100}X{', 2' * 100}]"
    text, mark = excerpt(line, line.index("X") + 1)
    assert text.startswith("…")
    assert text.endswith("…")
    assert text[mark.index("^")] == "X"
    assert len(text) <= WIDEST + 1


def test_a_long_line_is_cut_at_the_end_alone_if_the_place_is_at_the_start() -> None:
    assert excerpt("x" * 300, 1, 300) == (f"{'x' * WIDEST}…", "^" * WIDEST)


CHARACTERS = st.text(st.characters(exclude_characters="\n"), max_size=200)


@given(CHARACTERS, st.characters(categories=["L", "N"]), CHARACTERS)
def test_whatever_the_line_it_is_printable_narrow_and_marked_at_its_place(before: str, char: str, after: str) -> None:
    text, mark = excerpt(f"{before}{char}{after}", len(before) + 1)
    assert text.isprintable()
    assert cells(text) <= WIDEST + 1
    place = len(mark) - len(mark.lstrip())
    starts = [cells(text[:index]) for index in range(len(text)) if text[index] == char]
    assert place in starts


@given(CHARACTERS, st.integers(1, 250), st.integers(1, 250))
def test_there_is_always_a_caret_and_nothing_else_on_its_line(line: str, column: int, length: int) -> None:
    text, mark = excerpt(line, column, length)
    assert {*mark} <= {" ", "^"}
    assert mark.endswith("^")
    assert cells(mark) <= max(cells(text), cells(mark.rstrip("^")) + 1)


@pytest.mark.parametrize(("line", "lines"), [(0, ["a"]), (2, ["a"]), (1, [""]), (1, ["  \r"])])
def test_where_there_is_nothing_to_show_nothing_is_shown(line: int, lines: list[str]) -> None:
    assert snippet(lines, line, 1) == ()
    assert str(FileError("t", at_line("\n".join(lines), line, 1, "what"))).endswith("what")


@pytest.mark.parametrize(
    ("text", "notation", "lines"),
    [
        ("a = 1\nb = = 2\n", "toml", ["b = = 2", "    ^"]),
        ("[a]\nb = 1\n[a]\n", "toml", ["[a]", "^^^"]),
        ("a = 1\r\na  = 2\r\n", "toml", ["a  = 2", "^^^^^^"]),
        ('{"a": {"b": 1, "b": [2]}}', "json", ['{"a": {"b": 1, "b": [2]}}', "               ^^^^^^^^"]),
        ('{\n\t"a": 1,\n}', "json", ["}", "^"]),
        ('{\n\t"a": NaN\n}', "json", ['"a": NaN', "     ^^^"]),
        ("a = 'é\xa0", "toml", None),
    ],
)
def test_what_cannot_be_parsed_is_shown(text: str, notation: Notation, lines: list[str] | None) -> None:
    with pytest.raises(FileError) as caught:
        parsed(text, notation, "t")
    message, *shown = str(caught.value).split("\n")
    assert message.startswith("t:")
    assert all(line.startswith(INDENT) for line in shown)
    assert lines is None or [line.removeprefix(INDENT) for line in shown] == lines


TOML = """\
input = [3, 8, 8]   # sizes
layers = [
  { type = "Conv", norm = ["batch",
    { eps = 1 }] },
  { type = "Block", layers = [ { type = "Flatten" } ] },
]
[templates . "a.b"]   # a header
required = [
  "x" ]
[[claims]]
params = 1
[[claims]]
params = 2
"""
JSON = """\
{"input": [3,
  8], "layers": [
    {"type": "Conv", "norm": {"kind":
      "batch"}},
    {"type": "Block", "layers": [{"type": "Flatten"}]}]}
"""


@pytest.mark.parametrize(
    ("text", "notation", "place", "marked"),
    [
        (TOML, "toml", ("input",), "input = [3, 8, 8]"),
        (TOML, "toml", ("layers", 0), '{ type = "Conv",'),
        (TOML, "toml", ("layers", 0, "norm", 0), '"batch"'),
        (TOML, "toml", ("layers", 1, "layers", 0, "type"), 'type = "Flatten"'),
        (TOML, "toml", ("templates", "a.b"), '[templates . "a.b"]'),
        (TOML, "toml", ("templates", "a.b", "required", 0), '"x"'),
        (TOML, "toml", ("claims", 1, "params"), "params = 2"),
        (JSON, "json", ("input", 1), "8"),
        (JSON, "json", ("layers", 0, "norm"), '"norm"'),
        (JSON, "json", ("layers", 1, "layers", 0), '{"type": "Flatten"}'),
    ],
)
def test_the_mark_is_as_long_as_what_is_meant_or_its_first_line(
    text: str, notation: Notation, place: tuple[str | int, ...], marked: str
) -> None:
    _, shown, mark = str(located([Problem(place, "what")], parsed(text, notation, "t"))).split("\n")
    assert shown[mark.index("^") : len(mark)] == marked
