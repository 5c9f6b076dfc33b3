"""Bytes to data: encodings, notations, and the limits that hold before anything is built."""

import json
from pathlib import Path

import pytest

from flopcount.errors import FileError
from flopcount.spec.source import Notation
from flopcount.spec.text import DEEPEST, MOST_BYTES, decoded, notation_of, parsed, read_text


@pytest.mark.parametrize(
    ("name", "text", "notation"),
    [
        ("a.toml", "{", "toml"),
        ("a.TOML", "{", "toml"),
        ("a.json", "a = 1", "json"),
        ("a.Json", "a = 1", "json"),
        ("a", "{}", "json"),
        ("a.txt", "\r\n\t {", "json"),
        ("a", "[a]", "toml"),
        ("a", "a = 1", "toml"),
        ("a.conf", "# {\n", "toml"),
    ],
)
def test_the_ending_tells_the_notation_else_the_first_character(name: str, text: str, notation: Notation) -> None:
    assert notation_of(Path(name), text) == notation


@pytest.mark.parametrize("content", ["a = 'é×𝄞'".encode(), b"\xef\xbb\xbfa = '\xc3\xa9\xc3\x97\xf0\x9d\x84\x9e'"])
def test_text_is_utf_8_with_or_without_a_mark(content: bytes) -> None:
    assert decoded(content, "t") == "a = 'é×𝄞'"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\xff", "1:1"),
        (b"a\0b", "1:2"),
        ("a = 1\nbé".encode("latin-1"), "2:2"),
        (b"\xed\xa0\x80", "1:1"),
        (b"\xef\xbb\xbf\xc3\xa9\n\xc3\xa9\xff", "2:2"),
    ],
)
def test_anything_else_is_not_text_and_its_first_wrong_character_is_named(content: bytes, place: str) -> None:
    with pytest.raises(FileError, match=f"^t:{place}: this is not text"):
        decoded(content, "t")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b" \t\r\n"])
def test_blanks_alone_are_an_empty_file(content: bytes) -> None:
    with pytest.raises(FileError, match=r"^t: the file is empty"):
        decoded(content, "t")


def test_the_size_is_judged_before_the_text() -> None:
    """A byte more than the limit is too much, whatever the bytes are."""
    assert len(decoded(b"#" * MOST_BYTES, "t")) == MOST_BYTES
    with pytest.raises(FileError, match="larger than 64 MiB"):
        decoded(b"\xff" * (MOST_BYTES + 1), "t")


@pytest.mark.parametrize("notation", ["toml", "json"])
def test_the_deepest_nesting_that_is_read(notation: Notation) -> None:
    """The table of the file is the first level."""

    def lists(depth: int) -> str:
        inside = "[" * depth + "]" * depth
        return f"a = {inside}" if notation == "toml" else f'{{"a": {inside}}}'

    assert parsed(lists(DEEPEST - 1), notation, "t").data
    column = len(lists(DEEPEST).partition("[")[0]) + DEEPEST
    with pytest.raises(FileError, match=f"^t:1:{column}: nested too deep; at most {DEEPEST} levels"):
        parsed(lists(DEEPEST), notation, "t")


def test_equal_data_comes_out_of_both_notations() -> None:
    data = {"a": [1, 2.5, True, "é"], "b": {"c": {"d": []}}}
    toml = 'a = [1, 2.5, true, "é"]\n[b.c]\nd = []\n'
    assert parsed(toml, "toml", "t").data == parsed(json.dumps(data), "json", "t").data == data


@pytest.mark.parametrize(
    ("text", "notation", "message"),
    [
        ("a = 1\nb = ", "toml", "^t:2:[45]: not TOML"),
        ("a = 1\na = 2", "toml", "^t:2:"),
        ("\na = 01", "toml", "^t:2:"),
        ("A = 1\n[A]", "toml", "A"),
        ("{\n  ]", "json", "^t:2:3: not JSON"),
        ('{"é": 1,}', "json", "^t:1:9: not JSON"),
        ('{"a": 1\n, "a": 2}', "json", "^t:2:3: .*'a'"),
        ('{"a": NaN}', "json", "^t:1:7: NaN is not a number"),
        ('{"NaN": "NaN",\n"a": -Infinity}', "json", "^t:2:6: -Infinity is not a number"),
        ("[]", "json", "^t:1:1: .*table"),
        (f"# {'9' * 5000}\na = {'9' * 5000}", "toml", "^t:2:5: a number has too many digits"),
        (f'{{"{"9" * 5000}": {"9" * 5000}}}', "json", "^t:1:5006: a number has too many digits"),
        (f"a = 1\n b{'.b' * 70} = 1", "toml", "^t:2:2: nested too deep"),
    ],
)
def test_a_text_that_cannot_be_parsed_says_where(text: str, notation: Notation, message: str) -> None:
    with pytest.raises(FileError, match=message):
        parsed(text, notation, "t")


def test_an_error_carries_its_place_as_values() -> None:
    with pytest.raises(FileError) as caught:
        parsed("a = 1\n  b = = 2\n", "toml", "t")
    (problem,) = caught.value.problems
    assert (caught.value.title, problem.line, problem.column, problem.code) == ("t", 2, 7, "syntax")
    assert problem.snippet == ("b = = 2", "    ^")


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Line ends included: what is read is what a position counts in."""
    path = tmp_path / "a.toml"
    path.write_bytes(b"a = 1\r\n# \xc3\xa9\r\n")
    assert read_text(path) == "a = 1\r\n# é\r\n"


def test_a_folder_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot be read|this is a folder|permission denied"):
        read_text(tmp_path)


def test_a_file_that_went_away_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        read_text(tmp_path / "a.toml")
