"""Values as text, rows as data, and what Markdown must not read as markup."""

import csv
import io
import json

import pytest

from flopcount.errors import Note
from flopcount.report.table import (
    Column,
    Form,
    Line,
    Report,
    Row,
    Table,
    cell_text,
    render_csv,
    render_json,
    render_markdown,
)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, "count", ""),
        (0, "count", "0"),
        (1234567, "count", "1,234,567"),
        (-1234, "count", "-1,234"),
        (10**30, "count", "1,000,000,000,000,000,000,000,000,000,000"),
        (0.25, "share", "25.00%"),
        (1, "share", "100.00%"),
        (0.11666357337292749, "ratio", "0.1167"),
        (1.0, "ratio", "1.000"),
        ([32, 79, 79], "shape", "32×79×79"),
        ([7], "shape", "7"),
        (0.11666357337292749, "text", "0.11666357337292749"),
        ("a", "prose", "a"),
    ],
)
def test_a_value_is_written_as_its_column_says(value: object, form: Form, text: str) -> None:
    assert cell_text(value, form) == text


def a_report(text: str) -> Report:
    """Make a report that says the text wherever one can be."""
    columns = (Column("name", text), Column("count", "count", "count"))
    row = Row({"name": text, "count": 12345678901234567890, "hidden": [1]}, (Row({"name": "part", "count": 1}),))
    tables = (Table("rows", columns, (row,), Row({"name": "total", "count": 1}), text), Table("", columns, (row,)))
    return Report(text, tables, (Line("text", text),), (Note("code", text),), {"fact": text})


def test_json_has_everything_and_says_its_version() -> None:
    """Cells without a column, and the rows inside a row; a table without a key says nothing new."""
    assert json.loads(render_json(a_report("é"))) == {
        "schema_version": 2,
        "fact": "é",
        "rows": [{"name": "é", "count": 12345678901234567890, "hidden": [1], "parts": [{"name": "part", "count": 1}]}],
        "notes": ["é"],
        "note_codes": ["code"],
    }


@pytest.mark.parametrize("text", ["a,b", 'a"b', "a\nb", "é×", " a ", ""])
def test_csv_reads_back_as_it_was(text: str) -> None:
    rows = [*csv.reader(io.StringIO(render_csv(a_report(text)), newline=""))]
    assert rows == [["name", "count"], [text, "12345678901234567890"], ["total", "1"]]


@pytest.mark.parametrize("char", "\\|*_`<[")
def test_markdown_escapes_what_would_be_markup(char: str) -> None:
    """In titles, lines, cells and notes alike."""
    text = render_markdown(a_report(f"a{char}b"))
    assert text.count(f"a\\{char}b") == text.count(f"{char}b")
