"""`flopcount reconcile`: figures that hold, that do not, and that come from somewhere else."""

import json

import pytest
from conftest import Run, Write


def test_a_figure_that_holds_with_its_terms(run: Run) -> None:
    result = run("reconcile", "resnet50", "--with", "thop=4133742592", "--format", "json")
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    assert [(row["entry"], row["amount"]) for row in data["terms"]] == [
        ("batch_norm", 44455936),
        ("global_pool_in", 100352),
        ("global_pool_out", 2048),
    ]
    assert data["totals"][1] == {
        "convention": "thop",
        "number": 4133742592,
        "word": "MACs",
        "unit": "MAC",
        "difference": 44558336,
        "figure": "4133742592",
        "status": "holds",
    }


def test_the_table_says_how_it_goes(run: Run) -> None:
    out = run("reconcile", "resnet50", "--to", "thop").out
    assert "2, and 2 for scale and shift" in out
    assert "44,558,336" in out


def test_a_figure_that_does_not_hold_fails_and_is_looked_for(run: Run) -> None:
    result = run("reconcile", "resnet50", "--with", "paper=3.8G")
    assert result.code == 1
    assert result.problems == ["figures that do not hold: paper=3.8G"]
    assert "differs by -289,184,256" in result.out
    assert "of resnet50_v1" in result.out


def test_a_figure_that_is_another_counters(run: Run) -> None:
    result = run("reconcile", "resnet50", "--with", "fvcore=4133742592", "--format", "json")
    assert result.code == 1
    origins = json.loads(result.out)["origins"]
    assert [(row["convention"], row["rule"]) for row in origins] == [("thop, ultralytics-thop", "exactly")]


def test_a_number_alone_is_found(run: Run) -> None:
    result = run("reconcile", "mobilenet_v2", "--with", "327486720", "--format", "json")
    assert result.code == 0
    assert [row["convention"] for row in json.loads(result.out)["origins"]] == ["thop, ultralytics-thop"]


def test_between_two_conventions_without_a_number(run: Run) -> None:
    result = run("reconcile", "resnet50", "--convention", "thop", "--to", "fvcore", "--format", "json")
    totals = json.loads(result.out)["totals"]
    assert [(row["convention"], row["number"]) for row in totals] == [("thop", 4133742592), ("fvcore", 4111512576)]
    assert sum(row["amount"] for row in json.loads(result.out)["terms"]) == 4111512576 - 4133742592


def test_the_input_and_the_changes_of_a_count_are_taken(run: Run) -> None:
    """VGG-11 at 224 in thop's count: 7609140224; the pool counts in + out."""
    result = run("reconcile", "vgg11", "--with", "thop=7609140224", "--input", "224", "--batch", "1")
    assert result.code == 0
    assert run("reconcile", "vgg11", "--with", "thop=7609140224", "--input", "256").code == 1


def test_a_convention_of_a_user(run: Run, write: Write) -> None:
    path = write("my.toml", "weights = { relu = 1 }")
    result = run("reconcile", "resnet50", "--with", f"{path}=9608704")
    assert result.code == 0


def test_a_word_that_is_not_that_of_the_unit_is_told(run: Run) -> None:
    assert "note: fvcore labels its number FLOPs; it counts MACs" in run("reconcile", "lenet5", "--to", "fvcore").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to reconcile with; give --with thop=4133742592, --with 4.13G or --to thop"),
        (["--to", "tho"], "no convention is named 'tho'; did you mean 'thop'?"),
        (["--with", "thop"], "--with thop: 'thop' is not a figure; write e.g. 4133742592, 4.13G or thop=4.13G"),
        (["--with", "tho=3"], "no convention is named 'tho'; did you mean 'thop'?"),
        (["--with", "0"], "--with 0: a figure of 0 matches nothing; give the number that the counter prints"),
        (["--convention", "x", "--to", "thop"], "no convention is named 'x'"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], says: str, run: Run) -> None:
    result = run("reconcile", "lenet5", *arguments)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert result.problems[0].startswith(says)


def test_several_figures_of_one_convention_have_one_explanation(run: Run) -> None:
    data = json.loads(run("reconcile", "lenet5", "--with", "thop=1", "--to", "thop", "--format", "json").out)
    once = json.loads(run("reconcile", "lenet5", "--to", "thop", "--format", "json").out)
    assert data["terms"] == once["terms"]


def test_a_figure_is_not_searched_at_other_inputs_of_a_large_network(run: Run, write: Write) -> None:
    """6,000 layers, at 18 inputs, under 26 conventions, would take minutes; a note says what was not tried."""
    inside = '[{"type": "Conv", "out_channels": 8, "kernel_size": 1}]'
    layers = f'[{{"type": "Block", "name": "b", "repeat": 6000, "layers": {inside}}}]'
    result = run("reconcile", write("a.json", f'{{"input": [8, 8, 8], "layers": {layers}}}'), "--with", "3")
    assert (result.code, "other inputs were not searched" in result.out) == (1, True)


@pytest.mark.parametrize("words", [("--to", ""), ("--convention", "", "--to", "thop")])
def test_an_empty_name_is_no_convention(words: tuple[str, ...], run: Run) -> None:
    result = run("reconcile", "lenet5", *words)
    assert (result.code, len(result.problems)) == (2, 1)
    assert "no convention is named ''" in result.problems[0]
