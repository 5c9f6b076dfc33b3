"""`flopcount sweep --join` and `--pareto` with directions: fronts derived by hand."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from pyarrow import parquet

from flopcount.analyses.sweep import run as sweeping

NET = """
input = [2, 1]
layers = [{ type = "Conv", name = "c", out_channels = 1, kernel_size = 1, bias = false }]
"""
GRID = ("--input", "1,2,3", "--set", "c.out_channels=1,2,3")
"""Candidate 3·(i − 1) + (o − 1) has input i and o channels: 2·i·o MACs and 2·o parameters.

    id       0   1   2   3   4   5   6   7   8
    MACs     2   4   6   4   8  12   6  12  18
    params   2   4   6   2   4   6   2   4   6
"""
ACCURACY = "id,accuracy\n6,55\n0,50\n1,60\n2,60.0\n3,60\n4,7e1\n"


@pytest.fixture(autouse=True)
def _in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "CHUNK", 2)


def report(run: Run, net: Path, *arguments: str | Path) -> Any:
    """Return a sweep as JSON."""
    result = run("sweep", net, *GRID, *arguments, "--format", "json")
    assert (result.code, result.err) == (0, ""), result.err
    return json.loads(result.out)


def ids(found: Any) -> list[int]:
    """Return the ids of the candidates that are kept, in their order."""
    return [row["id"] for row in found["candidates"]]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("macs,params", [0]),
        ("macs,-params", [0, 1, 2]),  # the fewest MACs with 2, 4 and 6 parameters
        ("macs,-input", [0, 3, 6]),  # and at each input
        ("-params,macs", [2, 1, 0]),
        ("-macs,params", [8, 7, 6]),  # 18 with 6, 12 with 4, 6 with 2
        ("-macs,-params", [8]),
        ("-input,params", [6]),
        ("flops,-c.out_channels", [0, 1, 2]),
        ("macs,-id", [0, 3, 6, 7, 8]),  # 4 MACs: 3 before 1; 6: 6 before 2; 12: 7 before 5
        ("macs,-input,-params", [0, 3, 1, 6, 2, 4, 7, 5, 8]),  # more of either costs MACs
        ("macs,params,-input", [0, 3, 6]),
    ],
)
def test_each_column_of_a_front_has_its_direction(front: str, expected: list[int], run: Run, write: Write) -> None:
    assert ids(report(run, write("a.toml", NET), "--pareto", front)) == expected


def test_a_front_of_accuracies_keeps_ties_and_names_what_has_no_value(run: Run, write: Write) -> None:
    """1 and 3 tie at 4 MACs and 60; 2 has 60 for 6 MACs; 5, 7 and 8 are not in the file."""
    net, path = write("a.toml", NET), write("acc.csv", ACCURACY)
    found = report(run, net, "--join", path, "--pareto", "macs,-accuracy")
    assert ids(found) == [0, 1, 3, 4]
    assert [row["accuracy"] for row in found["candidates"]] == [50.0, 60.0, 60.0, 70.0]
    (note,) = found["notes"]
    assert note == f"3 of 9 candidates have no accuracy in {path}, such as candidate 5; they are not on the front"
    assert found["note_codes"] == ["not-joined"]
    of_three = report(run, net, "--join", path, "--pareto", "macs,params,-accuracy")
    assert ids(of_three) == [0, 3, 4]  # 3 has the MACs and accuracy of 1 with fewer parameters


def test_joined_columns_are_sorted_and_compared(run: Run, write: Write) -> None:
    """Missing values come last in both directions, and no comparison holds for them."""
    net, path = write("a.toml", NET), write("acc.csv", ACCURACY)
    falling, rising = (report(run, net, "--join", path, "--sort", by) for by in ("accuracy", "-accuracy"))
    assert ids(falling) == [4, 1, 2, 3, 6, 0, 5, 7, 8]
    assert ids(rising) == [0, 6, 1, 2, 3, 4, 5, 7, 8]
    assert falling["notes"][0].endswith("; they come last")
    assert ids(report(run, net, "--join", path, "--sort", "accuracy", "--top", "2")) == [4, 1]
    for where, kept in (
        ("accuracy >= 60", [1, 2, 3, 4]),
        ("accuracy != 60", [0, 4, 6]),
        ("accuracy * 2 < 111", [0, 6]),
    ):
        found = report(run, net, "--join", path, "--where", where)
        assert ids(found) == kept
        assert "no comparison with accuracy holds for them" in found["notes"][0]


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (("--input", "1,2"), "input,width,accuracy\n1,0.5,60\n1,1.0,70\n2,1,71\n2,2,80\n", {0: 70, 1: 71}),
        (("--width", "1,2"), "input,width,accuracy\n1,1,60\n2,1,70\n2,2,71\n", {0: 70, 1: 71}),
        (("--input", "1,2", "--set", "c.out_channels=2"), "input,c.out_channels,a\n1,1,3\n1,2,4\n", {0: 4, 1: None}),
        (("--input", "1,2"), 'name,a\n"input=1,width=0.5",5\n"input=1,width=1",6\n', {0: 6, 1: None}),
    ],
)
def test_rows_about_another_value_of_what_is_fixed_are_not_joined(
    words: tuple[str, ...], text: str, expected: dict[int, int], run: Run, write: Write
) -> None:
    """A file of a larger grid: a width, an input or a field that does not vary here has one value."""
    net = write("net.toml", NET.replace("[2, 1]", "[2, 2]"))
    result = run("sweep", net, *words, "--join", write("measured.csv", text), "--format", "json")
    found = json.loads(result.out)
    (name,) = {"accuracy", "a"} & {*found["candidates"][0]}
    assert {row["id"]: row[name] for row in found["candidates"]} == expected
    assert "which is fixed here" in found["notes"][-1 if found["note_codes"][-1] == "join-outside" else -2]
    other = write("other.csv", "id,width,a\n0,0.5,1\n")
    refused = run("sweep", net, "--input", "1,2", "--join", other)
    assert (refused.code, refused.out) == (2, "")
    assert "no row is about a candidate of this grid; line 2: width 0.5 is not 1, which is fixed here" in refused.err


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("input >= 2", [3, 4, 5, 6, 7, 8]),  # not the column 2
        ("macs <= 0.004k", [0, 1, 3]),  # 4 MACs at most
        ("class >= 8 and input > 2", [6, 7]),  # a word of Python
        ("2.a == 1", [0]),
        ("not class >= 0", [2, 3, 4, 5, 8]),
    ],
)
def test_numbers_and_words_of_conditions_are_no_columns(
    condition: str, expected: list[int], run: Run, write: Write
) -> None:
    """Columns may have any name: tables without a header have numbers."""
    text = "id,2,0.004k,class,2.a,>=,and,in\n0,9,9,8,1,1,1,1\n1,9,9,7,2,1,1,1\n6,9,9,8,3,1,1,1\n7,9,9,9,4,1,1,1\n"
    found = report(run, write("net.toml", NET), "--join", write("a.csv", text), "--where", condition)
    assert ids(found) == expected


def test_candidates_without_a_row_are_counted_in_one_note(run: Run, write: Write) -> None:
    """A row that is missing has none of its columns."""
    path = write("a.csv", "id,b,c,d\n0,1,2,3\n1,1,2,\n")
    found = report(run, write("net.toml", NET), "--join", path)
    assert found["notes"] == [
        f"8 of 9 candidates have no d in {path}, such as candidate 1",
        f"7 of 9 candidates have no b, c in {path}, such as candidate 2",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input,c.out_channels,accuracy\n2,1,60\n1.0,3,70\n", {2: 70, 3: 60}),
        ("c.out_channels,accuracy\n2,60\n1,70\n", {0: 70, 1: 60, 3: 70, 4: 60, 6: 70, 7: 60}),
        ("name,accuracy\n--input 2 --set 'c.out_channels=1',60\nc.out_channels=3 input=1,70\n", {2: 70, 3: 60}),
        ("id;accuracy\n3;60\n2;70\n", {2: 70, 3: 60}),
        ("\ufeffid\taccuracy\r\n3\t60\r\n\r\n2.0\t70\r\n", {2: 70, 3: 60}),
        (",ID,input,accuracy\n0,3,2,60\n1,2,1,70\n", {2: 70, 3: 60}),
    ],
    ids=["axes", "one axis", "name", "semicolons", "tabs", "id and axes"],
)
def test_rows_are_joined_by_id_by_axes_and_by_name(text: str, expected: dict[int, int], run: Run, write: Write) -> None:
    found = report(run, write("a.toml", NET), "--join", write("acc.csv", text))
    known = {row["id"]: row["accuracy"] for row in found["candidates"] if row["accuracy"] is not None}
    assert known == expected


def test_integers_are_exact_and_words_may_be_joined(run: Run, write: Write) -> None:
    """2⁵³ + 1 and 2⁵³ are one float, and two integers."""
    net, path = write("a.toml", NET), write("acc.csv", f"id,ns,top-1,tag\n0,{2**53 + 1},1,a\n1,{2**53},2,b\n2,1,3,\n")
    found = report(run, net, "--join", path, "--where", "top-1 <= 2", "--pareto", "macs,-ns")
    assert [(row["id"], row["ns"], row["tag"]) for row in found["candidates"]] == [(0, 2**53 + 1, "a")]
    assert ids(report(run, net, "--join", path, "--where", 'tag ~ "*"')) == [0, 1]
    assert ids(report(run, net, "--join", path, "--where", 'tag != "a"')) == [1]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("options", [(), ("--pareto", "macs,-params")], ids=["all", "front"])
def test_files_have_the_joined_columns_and_their_types(
    ending: str, options: tuple[str, ...], run: Run, write: Write, tmp_path: Path
) -> None:
    path, rows = write("acc.csv", "id,accuracy,n,tag\n1,60.5,7,b\n2,,,\n"), tmp_path / f"rows.{ending}"
    shown = report(run, write("a.toml", NET), "--join", path, *options, "-o", rows)["candidates"]
    assert [shown[1][key] for key in ("accuracy", "n", "tag")] == [60.5, 7, "b"]
    if ending == "parquet":
        assert parquet.read_table(rows).to_pylist() == shown
        types = {field.name: str(field.type) for field in parquet.read_schema(rows)}
        assert [types[key] for key in ("accuracy", "n", "tag")] == ["double", "int64", "string"]
    elif ending == "jsonl":
        assert [*map(json.loads, rows.read_text(encoding="utf-8").splitlines())] == shown
    else:
        found = [*csv.DictReader(io.StringIO(rows.read_text(encoding="utf-8")))]
        assert found == [{key: "" if cell is None else str(cell) for key, cell in row.items()} for row in shown]


def test_rows_and_columns_that_are_not_joined_are_named(run: Run, write: Write) -> None:
    path = write("acc.csv", "input,macs,c.out_channels,accuracy\n1,2,1,50\n4,8,1,60\n")
    found = report(run, write("a.toml", NET), "--join", path, "--where", "accuracy > 0")
    assert ids(found) == [0]
    assert found["notes"][:2] == [
        f"{path}: 1 row is about no candidate of this grid; line 3: input 4 is not one of 1, 2, 3",
        f"{path}: not joined: macs, which sweep counts itself",
    ]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("id,accuracy\n1,60\n1,61\n", (), ":3:1: id 1 occurs twice, first on line 2; keep one row"),
        ("id,accuracy\n9,60\n", (), ":2:1: id '9' is not a candidate; ids go from 0 to 8"),
        ("id,accuracy\nx,60\n", (), ":2:1: id 'x' is not a candidate"),
        ("id,accuracy\n1.5,60\n", (), ":2:1: id '1.5' is not a candidate"),
        ("id,input,accuracy\n3,1,60\n", (), ":2:1: candidate 3 has input 2, not 1; the ids are of another grid"),
        ("input,c.out_channels,accuracy\n1,x,60\n", (), ":2:1: c.out_channels 'x' is not a number"),
        ("input,c.out_channels,accuracy\n1,,60\n", (), ":2:1: the row has no c.out_channels"),
        ("name,accuracy\nbest,60\n", (), "expected values such as input=1 c.out_channels=1"),
        ("input,accuracy\n4,60\n", (), ": no row is about a candidate of this grid; line 2: input 4 is not one of"),
        ("id,accuracy\n1,N/A\n", ("--pareto", "macs,-accuracy"), ":2:1: accuracy 'N/A' is not a number, which"),
        ("id,accuracy\n1,nan\n", ("--sort", "accuracy"), ":2:1: accuracy 'nan' is not a number, which"),
        ("id,accuracy\n1,60\n", ("--pareto", "macs,-acuracy"), "no column 'acuracy'; did you mean 'accuracy'?"),
        ("id,accuracy\n1,60\n", ("--pareto", "macs,-macs"), "expected two columns or more, each once"),
        ("id,accuracy\n1,60\n", ("--pareto", "-accuracy"), "expected two columns or more, each once"),
        ("id,accuracy\n1,60\n", ("--where", "accuracy > 'a'"), "compares a number with a word"),
        ("id,accuracy\n1,60\n", ("--id", "1"), "omit --join"),
        (f"id,n\n1,{2**63}\n", (), ":2:1: n 9223372036854775808 has too many digits to be exact"),
        (f"id,n\n1,{2**53 + 1}\n2,0.5\n", (), ":2:1: n 9007199254740993 has too many digits to be exact"),
        ("id,accuracy\n1,60,1\n", (), ":2:1: cells in this row: 3, columns in the first line: 2"),
        ('id,accuracy\n1,"60\n', (), "not CSV"),
        ("id,accuracy,accuracy\n1,2,3\n", (), ":1:1: two columns have the name 'accuracy'"),
        ("epoch,accuracy\n1,2\n", (), "write id,accuracy or input,c.out_channels,accuracy"),
        ("id,macs\n1,2\n", (), ":1:1: there is no column to join; write id,accuracy"),
        ("", (), "there are no rows; expected CSV"),
        ("id,accuracy\n", (), "there are no rows; expected CSV"),
        ("\0\1\2", (), "this is not text in UTF-8; expected CSV"),
    ],
)
def test_what_cannot_be_joined_is_refused_in_one_sentence(
    text: str, options: tuple[str, ...], words: str, run: Run, write: Write
) -> None:
    net, path = write("a.toml", NET), write("acc.csv", text)
    result = run("sweep", net, *GRID, "--join", path, *options)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert words in result.err
    assert f"{path}:" in result.err or options


def test_a_file_that_is_not_there_is_named(run: Run, write: Write, tmp_path: Path) -> None:
    for path, words in ((tmp_path / "no.csv", "no such file"), (tmp_path, "this is a folder")):
        result = run("sweep", write("a.toml", NET), *GRID, "--join", path)
        assert (result.code, len(result.problems)) == (2, 1)
        assert words in result.err


def test_the_chart_draws_the_front_in_its_directions(run: Run, write: Write, tmp_path: Path) -> None:
    """From the best of the first column on, the line goes to the worse of both."""
    net, page = write("a.toml", NET), tmp_path / "out.html"
    for front, step, ends in (
        ("macs,-params", "after", "least MACs and most params"),
        ("-input,macs", "before", "most"),
    ):
        assert run("sweep", net, *GRID, "--pareto", front, "--plot", page).code == 0
        text = page.read_text(encoding="utf-8")
        assert re.findall(r'"interpolate": ?"step-(\w+)"', text) == [step]
        assert f"that no candidate beats in both: {ends}" in text
    three = run("sweep", net, *GRID, "--pareto", "macs,-params,-input", "--plot", page)
    assert (three.code, "--plot draws two columns" in three.err) == (2, True)


def test_space_says_that_sweep_has_fronts(run: Run, write: Write) -> None:
    for option in ("--pareto", "--join"):
        assert "flopcount sweep has it" in run("space", write("a.toml", NET), *GRID, option, "x").err
