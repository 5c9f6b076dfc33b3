"""Files a sweep writes: the same rows in every notation, readable whatever happens."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from pyarrow import parquet

from flopcount.analyses.sweep import parts
from flopcount.cli import files

GRID = ("lenet5", "--input", "14:32:6", "--set", "layers.0.kernel_size=3,5")
"""Eight candidates, some of them invalid."""

ENDINGS = ("csv", "jsonl", "parquet")


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file, every value as text."""
    ending = path.name.removesuffix(".part").rpartition(".")[2]
    if ending == "parquet":
        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    else:
        text = path.read_text(encoding="utf-8")
        found = [*csv.DictReader(io.StringIO(text))] if ending == "csv" else [*map(json.loads, text.splitlines())]
    return [{name: str(value) for name, value in row.items()} for row in found]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "grid",
    [
        GRID,
        ("mobilenet_v2", "--width", "0.35,1,1.4", "--where", "macs > 100M"),
        ("mobilenet_v1_1.0_224", "--set", "layers.3.padding=same,valid", "--input", "160x128,224x224"),
        ("mobilenet_v2", "--width", "0.35:1.4:0.35", "--input", "96,224", "--pareto", "macs,params"),
        ("mobilenet_v2", "--width", "0.35:1.4:0.35", "--input", "96,224", "--sort=-macs", "--top", "3"),
    ],
)
def test_a_file_has_the_rows_that_are_shown(ending: str, grid: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    result = run("sweep", *grid, "-o", path, "--format", "json")
    shown = json.loads(result.out)["candidates"]
    assert shown
    assert rows(path) == [{name: str(value) for name, value in row.items()} for row in shown]


def test_parquet_has_numbers_for_numbers_and_words_for_words(run: Run, tmp_path: Path) -> None:
    """A column has one type whatever the rows: a width is a decimal even where only 1.0 is kept."""
    path = tmp_path / "rows.parquet"
    axes = ("--width", "0.5,1", "--input", "96,224", "--set", "layers.0.padding=same,1")
    run("sweep", "mobilenet_v1_1.0_224", *axes, "--where", "width == 1", "-o", path)
    found = {field.name: str(field.type) for field in parquet.read_schema(path)}
    whole = dict.fromkeys(("id", "input", "macs", "params"), "int64")
    assert found == {**whole, "width": "double", "layers.0.padding": "string"}
    assert {row["width"] for row in rows(path)} == {"1.0"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_sweep_that_keeps_nothing_leaves_a_readable_file(ending: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    assert run("sweep", *GRID, "--where", "macs < 0", "-o", path).code == 0
    assert rows(path) == []
    names = ["id", "input", "layers.0.kernel_size", "macs", "params"]
    if ending == "csv":
        assert path.read_text(encoding="utf-8").strip().split(",") == names
    if ending == "parquet":
        assert parquet.read_schema(path).names == names


def test_rows_of_many_chunks_are_few_groups(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 ranges of 5 candidates, groups of at least 50 rows are made: four of them, and no row is lost."""
    monkeypatch.setattr(parts, "MOST_CELLS", 0)
    monkeypatch.setattr(parts, "CHUNK", 5)
    monkeypatch.setattr(files, "GROUP", 50)
    path = tmp_path / "rows.parquet"
    run("sweep", "lenet5", "--input", "32:231", "-o", path)
    assert parquet.ParquetFile(path).num_row_groups == 4
    assert [row["id"] for row in rows(path)] == [*map(str, range(200))]


@pytest.mark.parametrize("ending", ENDINGS)
def test_ids_beyond_64_bits_are_written_whole(ending: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    grid = [f"--set=layers.{place}.out_channels=1:1000" for place in range(13)]
    assert run("sweep", "mobilenet_v1_1.0_224", *grid, "--sample", "5", "-o", path).code == 0
    assert max(int(row["id"]) for row in rows(path)) > 2**64


def test_parquet_needs_pyarrow(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("sweep", *GRID, "-o", tmp_path / "rows.parquet")
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert "needs pyarrow: run pip install '.[parquet]' in a clone" in result.err


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_cannot_be_written_is_one_sentence(ending: str, run: Run, tmp_path: Path) -> None:
    result = run("sweep", *GRID, "-o", tmp_path / "nowhere" / f"rows.{ending}")
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert "cannot be written: no such file or directory" in result.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_that_is_full_is_one_sentence(ending: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    path.symlink_to("/dev/full")
    result = run("sweep", *GRID, "-o", path)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert "no space left on device" in result.err


def part_of(path: Path) -> Path:
    """Return the file that has the rows of another until all are written."""
    return path.with_name(f"{path.name}.part")


INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from flopcount.__main__ import main; main()"
)
"""A process that was started in the background ignores interruptions; this one does not."""

LONG = ("lenet5", "--input", "28:1000", "--set", "layers.0.out_channels=1:10000", "--where", "id % 40 == 0")
"""9.73 million candidates, of which a fortieth is kept."""


def stopped(path: Path, number: signal.Signals) -> tuple[int, str, str]:
    """Start a long sweep, send it a signal when rows are written, and return its exit code and what it printed."""
    command = [sys.executable, "-c", INTERRUPTIBLE, "sweep", *LONG, "-o", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        while not part_of(path).exists() or part_of(path).stat().st_size == 0:
            assert running.poll() is None
            time.sleep(0.001)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    return running.returncode, out, err


@pytest.mark.parametrize(("ending", "number"), [*zip(ENDINGS, [signal.SIGINT, *[signal.SIGTERM] * 2], strict=True)])
def test_an_interrupted_process_leaves_the_old_file_and_says_how_to_keep_rows(
    ending: str, number: signal.Signals, tmp_path: Path
) -> None:
    path = tmp_path / f"rows.{ending}"
    path.write_text("old", encoding="utf-8")
    code, out, err = stopped(path, number)
    assert (code, out, path.read_text(encoding="utf-8")) == (130, "", "old"), err
    assert "stopped; -o FOLDER/ keeps what is counted, so that the same command can go on" in err
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_killed_process_leaves_is_not_the_file_and_not_in_the_way(ending: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / f"rows.{ending}"
    path.write_text("old", encoding="utf-8")
    assert stopped(path, signal.SIGKILL)[0] == -signal.SIGKILL
    assert path.read_text(encoding="utf-8") == "old"
    assert run("sweep", "lenet5", "--input", "28:30", "-o", path).code == 0
    assert len(rows(path)) == 3
    assert [*tmp_path.iterdir()] == [path]


def test_two_sweeps_do_not_write_one_file(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "rows.csv"
    with part_of(path).open("ab") as other:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(other, fcntl.LOCK_EX)
        result = run("sweep", *GRID, "-o", path)
    assert (result.code, result.out) == (2, "")
    assert "another sweep is writing it" in result.err


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_are_not_written_through_what_somebody_else_put_in_place_of_the_part(
    ending: str, tmp_path: Path, run: Run
) -> None:
    """A link or a pipe of that name, in a repository or a shared folder, would lead to another file or wait forever."""
    other, file = tmp_path / "other", tmp_path / f"rows.{ending}"
    part = tmp_path / f"rows.{ending}.part"
    other.write_text("precious", encoding="utf-8")
    for leads_to in (other, tmp_path / "new", None):
        os.mkfifo(part) if leads_to is None else part.symlink_to(leads_to)
        result = run("sweep", *GRID, "-o", file)
        assert (result.code, result.out, file.exists()) == (2, "", False)
        assert f"{part}: rows are kept there until all are written, and it is no plain file" in result.err
        part.unlink()
    assert (other.read_text(encoding="utf-8"), (tmp_path / "new").exists()) == ("precious", False)


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit on the size of files")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_without_space_leaves_the_old_file_and_nothing_else(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    path.write_text("old", encoding="utf-8")
    command = ["/bin/sh", "-c", 'ulimit -f 0; exec "$0" -m flopcount "$@"', sys.executable, "sweep", *GRID, "-o"]
    done = subprocess.run([*command, str(path)], capture_output=True, check=False, cwd=tmp_path, timeout=120)
    assert (done.returncode, b"file too large" in done.stderr) == (2, True)
    assert [(each, each.read_text(encoding="utf-8")) for each in tmp_path.iterdir()] == [(path, "old")]
