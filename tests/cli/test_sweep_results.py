"""Folders of results: written in parts, gone on with after anything, and asked again without counting."""

import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from conftest import Run, Write
from pyarrow import parquet

from flopcount.analyses.sweep import folder as folders
from flopcount.analyses.sweep import parts
from flopcount.analyses.sweep.grid import Words, grid
from flopcount.analyses.sweep.parts import Sweep
from flopcount.analyses.sweep.run import evaluator
from flopcount.analyses.sweep.select import Selection
from flopcount.case import load
from flopcount.errors import FileError, Located, Problem, Refusal, SpecError, UsageError

LENET = ("lenet5", "--input", "14:40", "--set", "layers.0.kernel_size=3,5")
"""54 candidates, the first of them invalid."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut sweeps into parts of about ten candidates."""
    monkeypatch.setattr(parts, "MOST_CELLS", 0)
    monkeypatch.setattr(parts, "CHUNK", 10)
    monkeypatch.setattr(parts, "COUNTED_AT_ONCE", 10)


def told(run: Run, *arguments: str | Path) -> dict[str, Any]:
    """Return what a command says as JSON, without where rows are."""
    result = run("sweep", *arguments, "--format", "json")
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return {name: value for name, value in found.items() if name != "lines"}


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


SWEEPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "all": (LENET, ()),
    "condition": (LENET, ("--where", "macs > 300k and input % 2 == 0")),
    "first": (LENET, ("--where", "macs > 300k", "--top", "13")),
    "sorted": (LENET, ("--sort", "macs", "--top", "13")),
    "front": (LENET, ("--pareto", "-macs,params,input")),
    "sample": ((*LENET, "--sample", "31", "--seed", "3"), ("--where", "macs > 300k")),
    "flops": ((*LENET, "--convention", "torch"), ("--where", "flops > 600k", "--sort", "flops", "--top", "4")),
    "counted": ((*LENET, "--metrics", "arena,receptive_field"), ("--where", "arena > 5000 and receptive_field > 9")),
    "vanished": (("mobilenet_v1", "--input", "120:200:4"), ("--pareto", "macs,-input")),
    "histogram": (LENET, ("--histogram", "macs", "--pareto", "macs,-params", "--where", "macs > 200k")),
    "words": (("mobilenet_v1_1.0_224", "--input", "160x128,224x224", "--set", "layers.3.padding=same,valid"), ()),
}
"""Grids, and what is asked of them."""


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.usefixtures("small")
def test_a_folder_answers_as_the_sweep_does_and_when_it_is_asked_again(name: str, run: Run, tmp_path: Path) -> None:
    """Whether the folder has all rows, or only those that are asked for, and in every notation."""
    axes, asked = SWEEPS[name]
    expected = told(run, *axes, *asked)
    assert told(run, *axes, *asked, "-o", f"{tmp_path}/kept/") == expected
    assert told(run, "--results", tmp_path / "kept") == expected
    run("sweep", *axes, "-o", f"{tmp_path}/all/")
    assert len(files(tmp_path / "all")) > (3 if name != "words" else 1)
    assert told(run, "--results", tmp_path / "all", *asked) == expected
    if "--sort" not in asked or "--top" in asked:
        run("sweep", *axes, *asked, "-o", tmp_path / "one.csv")
        run("sweep", "--results", tmp_path / "all", *asked, "-o", tmp_path / "other.csv")
        assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


@pytest.mark.usefixtures("small")
def test_ids_beyond_64_bits_are_kept_whole(run: Run, tmp_path: Path) -> None:
    axes = [f"--set=layers.{place}.out_channels=1:1000" for place in range(13)]
    line = ("mobilenet_v1_1.0_224", *axes, "--sample", "25")
    expected = told(run, *line)
    assert told(run, *line, "-o", f"{tmp_path}/r/") == expected
    assert told(run, "--results", tmp_path / "r") == expected


@pytest.mark.usefixtures("small")
def test_a_part_is_parquet_with_numbers_and_the_manifest_says_what_became_of_all(run: Run, tmp_path: Path) -> None:
    run("sweep", *LENET, "-o", tmp_path / "r")
    *names, last = sorted(files(tmp_path / "r"))
    assert (names, last) == (
        [f"{start:02}-{min(start + 10, 54):02}.parquet" for start in range(0, 54, 10)],
        "_manifest.json",
    )
    table = parquet.read_table(tmp_path / "r")
    assert table.column_names == ["id", "input", "layers.0.kernel_size", "macs", "params"]
    manifest = json.loads((tmp_path / "r" / last).read_text())
    many = table.num_rows
    assert manifest["counts"] == {"seen": 54, "valid": many, "invalid": 54 - many, "kept": many}
    assert sum(each["many"] for each in manifest["invalid"]) == 54 - many > 0
    assert manifest["ranges"] == {"length": 10, "parts": 6, "stop": 54}
    assert manifest["sweep"]["axes"]["layers.0.kernel_size"] == [3, 5]
    assert manifest["complete"]


def stopped(at: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a sweep end before a part is written."""
    write: Callable[..., None] = folders.Folder.write
    count: Iterator[int] = iter(range(100))

    def ended(self: folders.Folder, name: str, content: bytes) -> None:
        if name.endswith(".parquet") and next(count) == at:
            raise error(28, "No space left on device") if error is OSError else error
        write(self, name, content)

    monkeypatch.setattr(folders.Folder, "write", ended)


@pytest.mark.usefixtures("small")
def test_the_same_command_goes_on_and_counts_only_what_is_missing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sweep", *LENET, "-o", tmp_path / "whole")
    with monkeypatch.context() as patched:
        stopped(3, KeyboardInterrupt, patched)
        result = run("sweep", *LENET, "-o", tmp_path / "r")
    assert (result.code, result.out) == (130, "")
    assert f"stopped; what is counted is in {tmp_path / 'r'}; run the same command to go on" in result.err
    before = {each: each.stat().st_mtime_ns for each in (tmp_path / "r").glob("*.parquet")}
    assert len(before) == 3
    part = told(run, "--results", tmp_path / "r")
    assert (part["note_codes"][0], part["counts"]["seen"]) == ("results-incomplete", 30)
    result = run("sweep", *LENET, "-o", tmp_path / "r")
    assert "6 parts in" in result.out
    assert "3 of them from before" in result.out
    assert {each: each.stat().st_mtime_ns for each in before} == before
    assert files(tmp_path / "r") == files(tmp_path / "whole")


@pytest.mark.usefixtures("small")
def test_what_a_kill_or_a_power_cut_leaves_is_counted_again(run: Run, tmp_path: Path) -> None:
    run("sweep", *LENET, "-o", tmp_path / "r")
    whole = files(tmp_path / "r")
    (tmp_path / "r" / "00-10.parquet").write_bytes(b"")
    (tmp_path / "r" / "10-20.parquet").write_bytes(whole["10-20.parquet"][:100])
    (tmp_path / "r" / ".20-30.parquet.0123.part").write_bytes(b"PAR1")
    (tmp_path / "r" / "20-30.parquet").unlink()
    assert run("sweep", "--results", tmp_path / "r").code == 2
    assert run("sweep", *LENET, "-o", tmp_path / "r").code == 0
    assert files(tmp_path / "r") == whole


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (("--where", "macs > 3"), "which differs in where;"),
        (("--seed", "2", "--sample", "20"), "which differs in sample and seed;"),
        (("--set", "layers.0.out_channels=6,7"), "which differs in axes;"),
        (("--params", "total"), "which differs in convention;"),
        (("--input", "14:44"), "which differs in axes;"),
        (("--batch", "2"), "which differs in network;"),
        (("--metrics", "peak"), "which differs in metrics;"),
    ],
)
def test_a_folder_of_another_sweep_is_refused(others: tuple[str, ...], words: str, run: Run, tmp_path: Path) -> None:
    run("sweep", *LENET, "-o", tmp_path)
    before = files(tmp_path)
    result = run("sweep", *LENET, *others, "-o", tmp_path)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
    assert words in result.err
    assert "name another folder" in result.err
    assert files(tmp_path) == before


def test_a_network_that_changed_is_another_sweep(run: Run, write: Write, tmp_path: Path) -> None:
    text = 'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 3 }]\n'
    path = write("net.toml", text)
    line = ("sweep", path, "--input", "8:20", "-o", tmp_path / "r")
    assert run(*line).code == 0
    write("net.toml", f"# a comment changes nothing\n{text}")
    assert "1 part in" in run(*line).out
    assert "1 of them from before" in run(*line).out
    write("net.toml", text.replace("4", "5"))
    assert "which differs in network;" in run(*line).err
    path.unlink()
    assert json.loads(run("sweep", "--results", tmp_path / "r", "--format", "json").out)["counts"]["seen"] == 13
    assert "conv1" not in run("sweep", "--results", tmp_path / "r", "--id", "3").err
    assert "candidate 3: --input 11" in run("sweep", "--results", tmp_path / "r", "--id", "3").out


def test_errors_of_another_process_are_those_of_this_one() -> None:
    file = FileError("a.toml", Located("wrong", 2, 3))
    spec = SpecError([Problem(("layers", 0), "wrong", "conv")])
    for error in (file, spec, UsageError("--where a: wrong"), Refusal("wrong", "node", "Op", 4)):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  (its own)
        assert (type(again), str(again), again.messages) == (type(error), str(error), error.messages)


def test_a_model_that_has_moved_is_named_again(run: Run, tmp_path: Path) -> None:
    model = Path(__file__).parent.parent / "oracles" / "onnx" / "resnet18.onnx"
    (tmp_path / "m.onnx").write_bytes(model.read_bytes())
    run("sweep", tmp_path / "m.onnx", "--input", "64:128:32", "-o", tmp_path / "r")
    expected = run("sweep", "--results", tmp_path / "r").out
    (tmp_path / "sub").mkdir()
    (tmp_path / "m.onnx").rename(tmp_path / "sub" / "m.onnx")
    lost = run("sweep", "--results", tmp_path / "r")
    assert (lost.code, len(lost.problems)) == (2, 1)
    assert f"{tmp_path / 'm.onnx'} is not there; flopcount sweep FILE --results" in lost.err
    assert run("sweep", tmp_path / "sub" / "m.onnx", "--results", tmp_path / "r").out == expected
    (tmp_path / "sub" / "m.onnx").rename(tmp_path / "other.onnx")
    assert run("sweep", tmp_path / "other.onnx", "--results", tmp_path / "r").code == 0


def test_another_version_that_counts_otherwise_is_refused(run: Run, tmp_path: Path) -> None:
    run("sweep", *LENET, "-o", tmp_path)
    manifest = tmp_path / "_manifest.json"
    manifest.write_text(re.sub(r'("program": "sha256:)\w+', r"\1other", manifest.read_text()))
    assert "wrote it, and this one, " in run("sweep", *LENET, "-o", tmp_path).err
    assert "counts otherwise" in run("sweep", "--results", tmp_path).err


def test_two_sweeps_do_not_write_one_folder(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with folders.Folder(str(tmp_path)).locked():
        result = run("sweep", *LENET, "-o", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "another sweep is writing it" in result.err
    assert run("sweep", *LENET, "-o", tmp_path).code == 0


@pytest.mark.usefixtures("small")
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r"

    def full(_: Any, path: str, content: bytes) -> None:
        Path(path).write_bytes(content[:10])
        if "30-40" in path:
            raise OSError(28, "No space left on device")
        Path(path).write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr("fsspec.implementations.local.LocalFileSystem.pipe_file", full)
        result = run("sweep", *LENET, "-o", folder)
    assert (result.code, result.out) == (2, "")
    assert result.problems == [
        f"{folder}: cannot be written: no space left on device; once it can, run the same command to go on"
    ]
    assert sorted(files(folder)) == ["00-10.parquet", "10-20.parquet", "20-30.parquet", "_manifest.json"]
    assert "3 of them from before" in run("sweep", *LENET, "-o", folder).out


@pytest.mark.parametrize("scheme", ["memory://", "file://"])
@pytest.mark.usefixtures("small")
def test_a_folder_may_be_a_url(scheme: str, run: Run, tmp_path: Path) -> None:
    url = f"{scheme}{tmp_path}/r"
    asked = ("--where", "macs > 300k")
    run("sweep", *LENET, "-o", url)
    assert told(run, "--results", url, *asked) == told(run, *LENET, *asked)
    system, path = fsspec.core.url_to_fs(url)
    system.rm_file(f"{path}/10-20.parquet")
    assert "5 of them from before" in run("sweep", *LENET, "-o", url).out
    assert len(system.ls(path)) == 7


@pytest.mark.usefixtures("small")
def test_columns_of_measurements_are_joined_before_or_after(run: Run, write: Write, tmp_path: Path) -> None:
    rows = "".join(f"{size},{size % 7 + 60.5}\n" for size in range(16, 40))
    path = write("top1.csv", f"input,top1\n{rows}")
    asked = ("--join", str(path), "--pareto", "macs,-top1")
    expected = told(run, *LENET, *asked)
    assert expected["candidates"]
    run("sweep", *LENET, "-o", tmp_path / "all")
    after = told(run, "--results", tmp_path / "all", *asked)
    assert after["candidates"] == expected["candidates"]
    assert told(run, "--results", tmp_path / "all", "--join", str(path)) == told(run, *LENET, "--join", str(path))
    run("sweep", *LENET, "--join", path, "-o", tmp_path / "joined")
    assert told(run, "--results", tmp_path / "joined", "--pareto", "macs,-top1")["candidates"] == expected["candidates"]
    assert "top1" in parquet.read_table(tmp_path / "joined").column_names
    before = told(run, "--results", tmp_path / "joined")
    path.rename(tmp_path / "moved.csv")
    assert "top1.csv is not there; flopcount sweep --join FILE" in run("sweep", "--results", tmp_path / "joined").err
    moved = told(run, "--results", tmp_path / "joined", "--join", tmp_path / "moved.csv")
    assert moved["candidates"] == before["candidates"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--results", "nowhere"], "there is no _manifest.json; flopcount sweep -o FOLDER/ writes one"),
        (["--results", "r", "--input", "96"], "its candidates are counted; omit --input"),
        (["--results", "r", "--sample", "3", "--set", "a=1"], "omit --sample and --set"),
        (["--results", "r", "-o", "s/"], "name a file of rows"),
        (["--results", "r", "--where", "peak > 3"], "there is no column 'peak'"),
        (["--results", "r", "--id", "54"], "ids go from 0 to 53"),
        (["--results", "bad"], "this is no manifest of format 1"),
        (["--results", "worse"], "this is no manifest of format 1"),
        ([], "name a network, or a folder of results"),
        ([*LENET, "-o", "r", "--plot", "c.svg"], "draw what the folder has"),
        ([*LENET, "-o", "r", "--sort", "macs"], "needs --top"),
        ([*LENET, "-o", "file"], "cannot be written: file exists"),
        ([*LENET, "-o", "memory://x", "--workers", "2"], "in the memory of one process"),
        ([*LENET, "-o", "data://x/"], "cannot be"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_a_folder_cannot_do_is_one_sentence(arguments: list[str], words: str, run: Run) -> None:
    run("sweep", *LENET, "-o", "r")
    for name, text in (("bad", "{}"), ("worse", '{"format": 1, "sweep": {}, "asked": {"options": {"no": 1}}}')):
        Path(name).mkdir()
        Path(name, "_manifest.json").write_text(text, encoding="utf-8")
    Path("file").write_text("", encoding="utf-8")
    result = run("sweep", *arguments)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
    assert words in result.err


@pytest.mark.usefixtures("small")
def test_a_chart_is_drawn_of_a_folder(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    run("sweep", *LENET, "-o", tmp_path / "r")
    run("sweep", *LENET, "--where", "macs > 1M", "--plot", tmp_path / "one.svg")
    assert run("sweep", "--results", tmp_path / "r", "--where", "macs > 1M", "--plot", tmp_path / "two.svg").code == 0
    one, two = (re.sub(r"clip\d+", "clip", (tmp_path / f"{name}.svg").read_text("utf-8")) for name in ("one", "two"))
    assert one == two


def test_what_runs_everywhere_is_one_pure_function_that_can_be_pickled() -> None:
    """The same rows wherever it is evaluated, however often, and merged in any grouping."""
    space = grid(load("lenet5"), Words("14:40", settings=("layers.0.kernel_size=3,5",)), metrics=("macs", "arena"))
    sweep = Sweep(space, evaluator(space), Selection(pareto=("macs", "-input")))
    evaluate = pickle.loads(pickle.dumps(sweep.evaluate))  # noqa: S301  (its own)
    found = [evaluate(start, start + 18) for start in (0, 18, 36)]
    again = sweep.evaluate(18, 36)
    assert [each.tolist() for each in again.rows.values()] == [each.tolist() for each in found[1].rows.values()]
    one, two, three = found
    left = sweep.merged(sweep.merged(one, two), three)
    right = sweep.merged(one, sweep.merged(two, three))
    whole = sweep.evaluate(0, 54)
    for each in (left, right):
        assert each.tally == whole.tally
        assert each.rows["id"].tolist() == whole.rows["id"].tolist()
