"""`flopcount sweep`: what is printed, written, refused and resumed."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses.sweep import run as sweeping

LENET = "lenet5"
GRID = ("--input", "14:32:6", "--set", "layers.0.kernel_size=3,5")
"""Eight candidates."""


def report(run: Run, *arguments: str | Path) -> Any:
    """Return a sweep as JSON."""
    result = run("sweep", *arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def written(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return [*csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]


def test_each_row_is_what_the_candidate_is_alone(run: Run) -> None:
    for row in report(run, LENET, *GRID)["candidates"]:
        size, kernel = row["input"], row["layers.0.kernel_size"]
        alone = run(LENET, "--input", str(size), "--set", f"layers.0.kernel_size={kernel}", "--format", "json")
        assert {"macs": row["macs"], "params": row["params"]} == json.loads(alone.out)["totals"]


def test_flops_are_named_like_macs_at_twice_the_number(run: Run, tmp_path: Path) -> None:
    """They are a column where an option names them, and in the file; no other sweep has them."""
    grid, path = ("mobilenet_v2", "--input", "96:224:32"), tmp_path / "rows.csv"
    known = report(run, *grid, "--where", "macs < 250M", "--sort=-macs")["candidates"]
    assert 1 < len(known) < 5
    assert not any("flops" in row for row in known)
    named = report(run, *grid, "--where", "flops < 500M", "--sort=-flops", "--top", "9", "-o", path)["candidates"]
    assert named == [{**row, "flops": 2 * row["macs"]} for row in known]
    assert [int(row["flops"]) for row in written(path)] == [row["flops"] for row in named]
    assert report(run, *grid, "--where", "macs < 250M", "--pareto", "flops,params")["candidates"] == named[:1]


def test_axes_may_be_paths_and_arguments(run: Run) -> None:
    """A layer may be named by its path or by its place in the file, a template by the path of its use."""
    for one, other in (("conv1.kernel_size", "layers.0.kernel_size"), ("layer1.width", "layers.2.width")):
        rows = [report(run, "resnet50", "--set", f"{each}=16,64")["candidates"] for each in (one, other)]
        assert [row["macs"] for row in rows[0]] == [row["macs"] for row in rows[1]]
        assert rows[0][1]["macs"] > rows[0][0]["macs"]


def test_a_front_is_cut_when_it_is_whole(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 8·40/g MACs the two with the fewest are beaten by 8·12/2, and that of one group is not."""
    monkeypatch.setattr(sweeping, "CHUNK", 3)
    text = 'input = [8, 1]\nlayers = [{ type = "Conv", name = "c", out_channels = 40, kernel_size = 1 }]'
    axes = ("--set", "c.out_channels=40,12", "--set", "c.groups=1,2,4")
    front = ("--where", "c.out_channels == 40 or c.groups == 2", "--pareto", "macs,c.groups", "--top", "2")
    rows = report(run, write("a.toml", text), *axes, *front)["candidates"]
    assert [(row["macs"], row["c.groups"]) for row in rows] == [(48, 2), (320, 1)]


def test_rows_are_sorted_and_cut(run: Run) -> None:
    grid = ("mobilenet_v2", "--width", "0.35:1.4:0.35", "--input", "96:224:64")
    macs = sorted(row["macs"] for row in report(run, *grid)["candidates"])
    assert [row["macs"] for row in report(run, *grid, "--sort", "macs", "--top", "2")["candidates"]] == macs[:-3:-1]
    assert [row["macs"] for row in report(run, *grid, "--sort=-macs", "--top", "2")["candidates"]] == macs[:2]


def test_invalid_candidates_are_counted_and_the_reason_told(run: Run) -> None:
    """A 9×9 or 11×11 kernel and a pool leave at most 4×4 of 16, to which the second layer's 5×5 does not fit."""
    found = report(run, LENET, "--input", "14,16,32", "--set", "layers.0.kernel_size=9,11")
    assert found["counts"] == {"seen": 6, "valid": 2, "kept": 2}
    assert sum(each["many"] for each in found["invalid"]) == 4
    assert "output would be empty" in found["notes"][0]
    assert "invalid" in run("sweep", LENET, "--input", "4,32").out


def test_without_numpy_a_sentence_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    result = run("sweep", LENET, *GRID)
    assert (result.code, result.out) == (2, "")
    assert result.problems == [
        "this needs numpy: run pip install '.[sweep]' in a clone of flopcount, or pip install numpy"
    ]


def test_a_small_decimal_is_what_it_says(run: Run) -> None:
    """A float of 0.00001 prints with an exponent, which no option takes."""
    grid = ("mobilenet_v1_1.0_224", "--width", "0.00001,1")
    row = report(run, *grid)["candidates"][0]
    alone = json.loads(run("mobilenet_v1_1.0_224", "--width", "0.00001", "--format", "json").out)["totals"]
    assert {"params": row["params"], "macs": row["macs"]} == alone
    assert "--width 0.00001" in run("sweep", *grid, "--id", "0").out


def test_a_candidate_is_counted_again_by_its_id(run: Run) -> None:
    row = report(run, LENET, *GRID)["candidates"][-1]
    result = run("sweep", LENET, *GRID, "--id", str(row["id"]), "--format", "json")
    assert json.loads(result.out)["totals"] == {"params": row["params"], "macs": row["macs"]}


def test_the_same_seed_draws_the_same(run: Run) -> None:
    grid = ("mobilenet_v1_1.0_224", *(f"--set=layers.{place}.out_channels=8:64:8" for place in range(13)))
    drawn = [report(run, *grid, "--sample", "15", "--seed", seed)["candidates"] for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 15


BIG = [f"--set=layers.{place}.out_channels=1:10" for place in range(13)]
"""10¹³ candidates."""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", "320:96:32"], "give the smaller end first"),
        (["--input", "96:320:0"], "give a step above 0"),
        (["--input", "0,96"], "invalid --input 0: sizes go"),
        (["--input", "96:97:0.5"], "takes integers"),
        (["--input", "96,big"], "not a number"),
        (["--width", "0,1"], "--width 0 is invalid"),
        (["--width", "0.5:1.5"], "needs a step; write 0.5:1.5:0.25"),
        (["--width", "0.5-1.5"], "a range is 0.5:1.5:0.25"),
        (["--input", "96..224"], "a range is 96:224:32"),
        (["--batch", "1-4"], "is not an integer; write 8, 1,2,4 or 1:8"),
        (["--width", "0.5,2000"], "at most 1000"),
        (["--input", "96"], "nothing varies"),
        (["--set", "nowhere.stride=1,2"], "no layer at nowhere"),
        (["--set", "layers.99.stride=1,2"], "'99' is not one of the"),
        (["--set", "layers.0.strid=1,2"], "did you mean 'stride'"),
        (["--set", "Conv1.strid=1,2"], "did you mean 'stride'"),
        (["--set", "layers.0.stride=0:2"], "invalid stride 0"),
        (["--set", "layers.0.padding=same,smae"], "smae"),
        (["--set", "layers.0.stride=1,2", "--set", "layers.0.stride=1:3"], "two axes have this name"),
        ([*BIG], "10000000000000 candidates; use --sample"),
        ([*BIG[:2], "--sample", "100"], "omit --sample"),
        (["--input", "96,97", "--where", "mac < 3"], "did you mean 'macs'"),
        (["--input", "96,97", "--where", "macs <"], "not a condition; write"),
        (["--input", "96,97", "--pareto", "macs"], "two columns"),
        (["--input", "96,97", "--pareto", "macs,foo"], "no column 'foo'"),
        (["--input", "96,97", "--sort", "foo"], "no column 'foo'"),
        (["--input", "96,97", "--sort", "macs", "-o", "x.csv"], "needs --top"),
        (["--input", "96,97", "-o", "x.txt"], ".csv, .jsonl or .parquet"),
        (["--input", "96,97", "-o", "memory://a/rows.csv"], "on this machine; results/ and URLs are folders"),
        (["--input", "96,97", "-o", "nothing://a"], "Protocol not known: nothing"),
        (["--input", "96,97", "--shard", "3/2"], "--shard: no such option; sweep -o FOLDER/ --scheduler"),
        (["--input", "96,97", "--start", "2"], "--start: no such option; sweep -o FOLDER/ goes on"),
        (["--input", "96,97", "--workers", "2", "--scheduler", "tcp://a:1"], "omit one of them"),
        (["--input", "96,97", "--where", ""], "not a condition; write"),
        (["--input", "96,97", "--where", "macs < 'a'"], "a number with a word"),
        (["--input", "96x96,96x96"], "a value occurs twice"),
        (["--set", "layers.0.padding=same,same"], "a value occurs twice"),
        (["--input", "96,97", "--id", "0", "--pareto", "macs,params"], "omit --pareto"),
        (["--input", "96,97", "--id", "2"], "from 0 to 1"),
        (["--input", "96,97", "--histogram", "mac"], "did you mean 'macs'"),
        (["--width", "0.5,0.75", "--histogram", "width"], "name a column of integers"),
        (["--input", "96,97", "--histogram", "macs", "--format", "csv"], "use --format json"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_sentence(arguments: list[str], words: str, run: Run) -> None:
    result = run("sweep", "mobilenet_v1_1.0_224", *arguments)
    assert (result.code, result.out) == (2, ""), result.err
    assert len(result.problems) == 1
    assert words in result.err


def test_a_network_that_cannot_be_points_into_its_file(run: Run, write: Write) -> None:
    path = write("a.toml", 'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 9 }]')
    result = run("sweep", path, "--set", "layers.0.out_channels=1:4")
    assert result.code == 2
    assert f"{path}:2:" in result.err


def test_a_condition_and_a_front_keep_candidates(run: Run) -> None:
    grid = ("mobilenet_v2", "--width", "0.35:1.4:0.35", "--input", "96:224:64")
    every = report(run, *grid)["candidates"]
    some = report(run, *grid, "--where", "macs <= 100M and params > 1.7M")["candidates"]
    assert some == [row for row in every if row["macs"] <= 10**8 and row["params"] > 1_700_000]
    front = report(run, *grid, "--where", "macs > 50M", "--pareto", "macs,params")["candidates"]
    left = [row for row in every if row["macs"] > 5 * 10**7]
    beaten = [a for a in left if any(_beats(b, a) for b in left)]
    assert sorted(row["id"] for row in front) == [row["id"] for row in left if row not in beaten]


def _beats(one: dict[str, int], other: dict[str, int]) -> bool:
    pairs = [(one[key], other[key]) for key in ("macs", "params")]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def test_a_grid_without_a_valid_candidate_says_why(run: Run) -> None:
    found = report(run, "m5", "--width", "0.5,1", "--input", "160:320:32")
    assert (found["candidates"], [each["many"] for each in found["invalid"]]) == ([], [12])
    assert found["invalid"][0]["sentence"].startswith("MaxPool6")


@pytest.mark.parametrize(
    ("options", "noted"),
    [
        ((), 1),
        (("--pareto", "macs,params"), 2),
        (("--sort", "macs", "--top", "1"), None),
        (("--where", "macs>1G"), None),
    ],
)
def test_notes_are_about_the_candidates_that_are_kept(options: tuple[str, ...], noted: int | None, run: Run) -> None:
    """Of 1024, 160 and 128 the last two leave maps that do not exist."""
    found = report(run, "mobilenet_v1", "--input", "1024,160,128", *options)
    assert [note.split(":")[0] for note in found["notes"]][:1] == ([f"candidate {noted}"] if noted else [])


def test_a_network_that_same_padding_breaks_is_counted_with_its_note(run: Run, write: Write) -> None:
    """Same padding keeps 8×8 beside the 6×6 of the other branch, so there are no true figures to give."""
    rows = [
        '{ type = "Conv", name = "a", out_channels = 4, kernel_size = 3, padding = "valid-round" }',
        '{ type = "Conv", name = "b", after = ["input"], out_channels = 4, kernel_size = 3 }',
        '{ type = "Add", after = ["a", "b"] }',
        '{ type = "Conv", out_channels = 4, kernel_size = 9, padding = "valid-round" }',
    ]
    path = write("a.toml", f"input = [3, 8, 8]\nlayers = [{', '.join(rows)}]")
    found = report(run, path, "--input", "8,9")
    assert [row["id"] for row in found["candidates"]] == [0, 1]
    assert "there are no true figures" in found["notes"][0]


def test_a_metric_has_one_column_however_it_is_named(run: Run) -> None:
    """Under a convention of FLOPs they are what is counted, with or without --metrics flops."""
    line = ("sweep", "lenet5", "--input", "28,32", "--convention", "torch", "--format", "csv")
    assert run(*line, "--metrics", "flops").out == run(*line).out


def test_what_has_no_expression_is_counted_one_candidate_at_a_time(run: Run, write: Write) -> None:
    """Maps of 1 + 4 and 1 + 8 channels: the arena is what is alive, each in multiples of 16 bytes; one is invalid."""
    text = """
name = "net"
input = [1, 8, 8]
precision = "int8"
layers = [{ type = "Conv", name = "a", out_channels = 4, kernel_size = 5, bias = false }]
"""
    path = write("net.toml", text)
    options = ("--input", "4,6,9", "--set", "a.out_channels=4,8", "--metrics", "arena,intensity", "--format", "json")
    found = json.loads(run("sweep", path, *options).out)
    assert [each["arena"] for each in found["candidates"]] == [48 + 16, 48 + 32, 96 + 112, 96 + 208]
    assert found["candidates"][0]["intensity"] == 4 * 4 * 25 / (100 + 36 + 16)
    assert found["counts"]["valid"] == 4
    fields = run("sweep", "resnet18", "--input", "96,128", "--metrics", "receptive_field", "--format", "csv").out
    assert [line.split(",")[2] for line in fields.splitlines()] == ["receptive_field", "435×435", "435×435"]
    assert (
        "is a number of each layer"
        in run("sweep", "resnet18", "--input", "96,128", "--metrics", "receptive_stride").err
    )
    found = json.loads(run("sweep", path, *options, "--where", "arena < 100 and intensity > 2").out)
    assert [each["arena"] for each in found["candidates"]] == [64, 80]


def test_metrics_are_columns_in_the_order_of_asking(run: Run) -> None:
    line = ("sweep", "lenet5", "--input", "28,32", "--metrics", "weight_bytes,peak,traffic", "--format", "csv")
    assert run(*line).out.splitlines()[0] == "id,input,weight_bytes,peak,traffic,macs,params"


@pytest.mark.parametrize("limit", ["22KiB", "22 KiB", "22.528 kB", "22528", "0.022528MB"])
def test_a_condition_takes_sizes(limit: str, run: Run) -> None:
    """LeNet writes 6×28×28 and 6×14×14 numbers of 4 bytes at 32×32: 23,520, and 17,472 at 28×28."""
    line = ("sweep", "lenet5", "--input", "28,32", "--format", "csv", "--metrics", "peak", "--where")
    assert [row.split(",")[1] for row in run(*line, f"peak <= {limit}").out.splitlines()[1:]] == ["28"]


def test_a_hundred_thousand_candidates_are_counted_at_most(run: Run) -> None:
    found = run("sweep", "resnet18", "--input", "32:1000", "--batch", "1:200", "--metrics", "arena")
    assert (found.code, "at most 100,000, and here are 193,800" in found.err) == (2, True)
    for line in (
        ("space", "resnet18", "--input", "32,64", "--where", "arena < 9"),
        ("formula", "resnet18", "--metrics", "arena"),
    ):
        found = run(*line)
        assert (found.code, "arena is a function of the whole network" in found.err) == (2, True), found.err


def test_a_histogram_counts_candidates_between_numbers_of_one_digit(run: Run) -> None:
    """All candidates that meet the condition, whatever --top shows; empty bins between others are there too."""
    grid = ("mobilenet_v2", "--width", "0.35:1.4:0.35", "--input", "32,224", "--where", "macs > 2M")
    every = [row["macs"] for row in report(run, *grid)["candidates"]]
    found = report(run, *grid, "--top", "1", "--histogram", "macs")["histogram"]
    for each in found:
        assert each["candidates"] == sum(each["from"] <= macs < each["below"] for macs in every)
    assert sum(each["candidates"] for each in found) == len(every)
    assert [each["below"] for each in found[:-1]] == [each["from"] for each in found[1:]]
    assert 0 in [each["candidates"] for each in found]
    assert "MACs from" in run("sweep", *grid, "--histogram", "macs").out


@pytest.mark.parametrize("command", ["sweep", "space"])
def test_a_seed_of_nothing_is_refused(command: str, run: Run) -> None:
    result = run(command, "lenet5", "--batch", "1:4", "--seed", "3")
    assert (result.code, result.problems[0]) == (2, "--seed 3: it is about a sample; add --sample N")
