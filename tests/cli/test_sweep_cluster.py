"""Sweeps on Dask: two real processes give the bytes of one, and what dies is replaced or told in one sentence."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses.sweep import parts
from flopcount.analyses.sweep.cluster import opened
from flopcount.errors import UsageError

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.xdist_group("cluster")  # so that it is started once

LONG = ("mobilenet_v2", "--width", "0.25:1.249:0.001", "--input", "32:2031", "--batch", "1:8", "--where", "macs <= 9M")
"""16 million candidates in 12 parts, of which few are kept."""


def local(workers: int) -> Any:
    """Start a cluster of processes on this machine."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    quiet = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    return distributed.LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", **quiet)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start two processes, which all tests here share: each start takes a second."""
    with local(2) as found:
        yield found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut sweeps into parts of about ten candidates."""
    monkeypatch.setattr(parts, "MOST_CELLS", 0)
    monkeypatch.setattr(parts, "CHUNK", 10)
    monkeypatch.setattr(parts, "COUNTED_AT_ONCE", 10)


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


LENET = ("lenet5", "--input", "14:40", "--set", "layers.0.kernel_size=3,5")


ASKED = (
    (*LENET, "--where", "macs > 300k"),
    (*LENET, "--where", "macs > 300k", "--top", "7"),
    (*LENET, "--sort", "macs", "--top", "13", "--histogram", "params"),
    (*LENET, "--pareto", "-macs,params,input", "--sample", "31"),
    ("mobilenet_v1", "--input", "120:200:8", "--set", "layers.3.padding=same,valid-round", "--metrics", "peak,arena"),
)


@pytest.mark.usefixtures("small")
def test_two_processes_print_and_write_the_bytes_of_one(cluster: Any, run: Run, tmp_path: Path) -> None:
    there = ("--scheduler", cluster.scheduler_address)
    for number, asked in enumerate(ASKED):
        folder = tmp_path / str(number)
        for options in ((), ("-o", tmp_path / "rows.csv"), ("-o", folder)):
            found = []
            for where in ((), there):
                result = run("sweep", *asked, *options, *where, "--format", "json")
                assert result.code == 0, result.err
                found.append((result.out, (tmp_path / "rows.csv").read_bytes() if options else b""))
                if options[1:] == (folder,) and not where:
                    folder.rename(tmp_path / f"{number}-alone")
            assert found[0] == found[1]
        kept, alone = files(folder), files(tmp_path / f"{number}-alone")
        assert {name: kept[name] for name in alone} == alone  # more parts may be there if the first rows are enough
        one, two = (run("sweep", "--results", folder, *where, "--format", "json") for where in ((), there))
        assert one.out == two.out == found[0][0]
        assert json.loads(one.out)["candidates"]


@pytest.mark.usefixtures("small")
def test_what_is_wrong_on_a_worker_is_the_sentence_of_one_process(cluster: Any, run: Run, write: Write) -> None:
    """A file of an arch is sent, so a worker needs none."""
    path = write("net.toml", 'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 3 }]\n')
    line = ("sweep", path, "--input", "8:40", "--metrics", "arena", "--where", "macs // (input - 30) > 0")
    one, two = run(*line), run(*line, "--scheduler", cluster.scheduler_address)
    assert (one.code, one.problems) == (two.code, two.problems)
    assert "it divides by zero" in two.err


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the folder that one process writes without being disturbed."""
    folder = tmp_path_factory.mktemp("alone") / "r"
    command = [sys.executable, "-m", "flopcount", "sweep", *LONG, "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return files(folder)


def many_parts(folder: Path, many: int) -> None:
    """Wait until a folder has some parts."""
    end = time.monotonic() + 60
    while len([*folder.glob("*.parquet")]) < many and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no SIGKILL")
def test_a_worker_that_is_killed_is_replaced_and_its_ranges_are_counted_again(
    cluster: Any, run: Run, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    folder, killed = tmp_path / "r", []

    def kill() -> None:
        many_parts(folder, 2)
        killed.append(next(iter(cluster.workers.values())).pid)
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    result = run("sweep", *LONG, "-o", folder, "--scheduler", cluster.scheduler_address)
    killer.join()
    assert result.code == 0, result.err
    assert killed
    assert files(folder) == alone


STARTING = """
import asyncio, os, signal
from distributed import Nanny
from flopcount.__main__ import main

async def ended(self):
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(60)

Nanny.start_unsafe = ended
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever this process inherits from the one that runs the tests
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no SIGTERM")
def test_a_signal_while_processes_start_is_no_traceback(tmp_path: Path) -> None:
    line = ("sweep", *LENET, "--workers", "2", "-o", str(tmp_path / "r"))
    found = subprocess.run([sys.executable, "-c", STARTING, *line], capture_output=True, text=True, check=False)
    told = [each for each in found.stderr.splitlines() if each]
    assert (found.returncode, found.stdout) == (130, ""), found.stderr
    assert told[1:] == ["error: interrupted"]
    assert "the same command" in told[0]


@pytest.mark.cluster
def test_a_client_that_is_killed_is_started_again_and_keeps_what_was_counted(
    tmp_path: Path, alone: dict[str, bytes], run: Run
) -> None:
    """Its workers end with it."""
    folder = tmp_path / "r"
    command = [sys.executable, "-m", "flopcount", "sweep", *LONG, "-o", str(folder), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        many_parts(folder, 3)
        running.kill()
    before = len([*folder.glob("*.parquet")])
    assert 3 <= before < len(alone) - 1
    result = run("sweep", *LONG, "-o", folder)
    assert f"{len(alone) - 1} parts in {folder}, " in result.out
    assert " of them from before" in result.out
    assert files(folder) == alone


@pytest.mark.cluster
@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit on the size of files")
def test_a_disk_that_is_full_for_the_workers_is_one_sentence(tmp_path: Path) -> None:
    """Parts of ten thousand ids take more than the 1 KiB that is allowed, and the manifest less."""
    folder = tmp_path / "r"
    command = ["/bin/sh", "-c", 'ulimit -f 8; exec "$0" -m flopcount sweep "$@"', sys.executable]
    grid = ["lenet5", "--width", "0.25:1.25:0.01", "--input", "28:128", "--workers", "2", "-o", str(folder)]
    done = subprocess.run([*command, *grid], capture_output=True, check=False, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    said = "cannot be written: file too large; once it can, run the same command to go on"
    assert done.stderr.splitlines() == [f"error: {folder}: {said}"]
    assert [*files(folder)] == ["_manifest.json"]


@pytest.mark.cluster
def test_a_scheduler_that_ends_is_one_sentence_that_says_how_to_go_on(
    run: Run, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    folder = tmp_path / "r"
    started = local(1)

    def end() -> None:
        many_parts(folder, 2)
        started.close()

    ender = threading.Thread(target=end)
    ender.start()
    result = run("sweep", *LONG, "-o", folder, "--scheduler", started.scheduler_address)
    ender.join()
    assert (result.code, result.out) == (2, "")
    lost = "the connection to the scheduler is lost"
    again = f"what is counted is in {folder}; run the same command to go on"
    assert result.problems == [f"--scheduler {started.scheduler_address}: {lost}; {again}"]
    assert run("sweep", *LONG, "-o", folder).code == 0
    assert files(folder) == alone


@pytest.mark.cluster
def test_two_runs_on_one_folder_leave_what_one_does(tmp_path: Path, alone: dict[str, bytes]) -> None:
    """Where there are locks one is refused; without them both write the same parts."""
    folder = tmp_path / "r"
    command = [sys.executable, "-m", "flopcount", "sweep", *LONG, "-o", str(folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [each.communicate(timeout=120)[1] for each in both]
    codes = sorted(each.returncode for each in both)
    assert codes in ([0, 0], [0, 2])
    assert codes == [0, 0] or any("another sweep is writing it" in each for each in said)
    assert files(folder) == alone


@pytest.mark.cluster
def test_a_worker_takes_less_than_500_megabytes(tmp_path: Path) -> None:
    """All rows are kept, and those with ids beyond 64 bits, which are objects."""
    psutil = pytest.importorskip("psutil")
    wide = [f"--set=layers.{place}.out_channels=1:1000" for place in range(13)]
    for grid in ([*LONG[:-2]], ["mobilenet_v1_1.0_224", *wide, "--sample", "2000000"]):
        command = [sys.executable, "-m", "flopcount", "sweep", *grid, "-o", str(tmp_path / str(len(grid)))]
        most = 0
        with subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.DEVNULL) as running:
            while running.poll() is None:
                with suppress(psutil.Error):
                    taken = (each.memory_info().rss for each in psutil.Process(running.pid).children())
                    most = max(most, *taken, 0)
                time.sleep(0.02)
        assert running.returncode == 0
        assert 50e6 < most < 500e6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scheduler", "nowhere"), "--scheduler nowhere: cannot be reached: missing port"),
        (("--scheduler", "what://a:1"), "cannot be reached: unknown address scheme 'what'"),
        (("--scheduler", "tcp://127.0.0.1:1"), "--scheduler tcp://127.0.0.1:1: cannot be reached: "),
    ],
)
def test_a_scheduler_that_does_not_answer_is_one_sentence(
    options: tuple[str, ...], words: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flopcount.analyses.sweep.cluster.CONNECT", 0.3)
    result = run("sweep", *LENET, *options)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
    assert words in result.err
    assert "; dask scheduler starts one" in result.err


def test_without_distributed_a_sentence_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run("sweep", *LENET, "--workers", "2")
    assert (result.code, result.out) == (2, "")
    assert "--workers 2 needs distributed: run pip install '.[cluster]' in a clone of flopcount" in result.err


def test_a_worker_with_another_version_is_refused() -> None:
    with pytest.raises(UsageError, match="install the same version"):
        opened(b"", "0.0.0")
