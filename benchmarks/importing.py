"""Compare reading ONNX files with weights against other tools: wall time, CPU time, peak memory, reported total.

Runs whole processes in alternation and takes the best of several runs. The other tools are installed into
an environment of their own in a temporary folder, which is kept for the next time; so is the bytecode of
this source tree, which an installed package would have.

    python benchmarks/importing.py [RUNS]
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PEERS = ("onnx==1.23.2", "onnx-tool==1.0.1")
MODELS = ("mobilenet_v1", "resnet50", "vit_base")

ONNX_TOOL = """
import sys, onnx_tool
model = onnx_tool.Model(sys.argv[1])
model.graph.shape_infer(); model.graph.profile()
print(int(model.graph.macs[0]))
"""
ONNX_ALONE = """
import sys, onnx
print(len(onnx.load(sys.argv[1]).graph.node))
"""
COUNTING = "from flopcount.cli.main import main; main()"


class Run(NamedTuple):
    """The time and memory of one process, and the last line it printed."""

    seconds: float
    cpu: float
    megabytes: float
    printed: str


def prepared(folder: Path) -> Path:
    """Return the Python of the other tools, installed on first use."""
    python = folder / "peers" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "peers", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    if not all((folder / f"{name}.onnx").exists() for name in MODELS):
        subprocess.run([python, HERE / "onnx_models.py", folder], check=True)
    return python


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process that keeps its bytecode."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def measured(command: list[str], variables: Mapping[str, str]) -> Run:
    """Run a process and measure it."""
    read, write = os.pipe()
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, variables, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.close(write)
    with os.fdopen(read) as output:
        printed = output.read().strip().splitlines()
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{' '.join(command[:3])} … failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed[-1] if printed else "")


def commands(python: Path, model: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands to compare, by tool."""
    ours = [sys.executable, "-c", COUNTING, str(model), "--format", "csv", "--columns", "path,macs"]
    yield "flopcount", ours
    yield "onnx-tool", [str(python), "-c", ONNX_TOOL, str(model)]
    yield "onnx.load alone", [str(python), "-c", ONNX_ALONE, str(model)]


def best(runs: list[Run]) -> Run:
    """Return the fastest run."""
    return min(runs)


def compared(python: Path, folder: Path, times: int) -> None:
    """Print a row for each model and tool, and the ratios to onnx-tool."""
    print(f"{'model':14}{'MB':>8}  {'tool':18}{'seconds':>9}{'CPU':>9}{'peak MB':>9}  reported")
    for name in MODELS:
        model = folder / f"{name}.onnx"
        listed: Mapping[str, list[str]] = dict(commands(python, model))
        runs: dict[str, list[Run]] = {tool: [] for tool in listed}
        for _ in range(times):
            for tool, command in listed.items():
                runs[tool].append(measured(command, environment(folder)))
        for tool, found in runs.items():
            run = best(found)
            size = model.stat().st_size / 2**20
            print(f"{name:14}{size:8.1f}  {tool:18}{run.seconds:9.3f}{run.cpu:9.3f}{run.megabytes:9.1f}  {run.printed}")
        ours, theirs = best(runs["flopcount"]), best(runs["onnx-tool"])
        ratios = {"time": ours.seconds / theirs.seconds, "CPU": ours.cpu / theirs.cpu}
        ratios |= {"memory": ours.megabytes / theirs.megabytes}
        shown = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
        print(f"{'':14}{'':8}  flopcount / onnx-tool: {shown}")


if __name__ == "__main__":
    place = Path(tempfile.gettempdir()) / "flopcount-benchmarks"
    place.mkdir(exist_ok=True)
    compared(prepared(place), place, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
