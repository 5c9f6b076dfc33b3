"""How the time of a run grows with the network: per layer it should stay the same.

Archs of 100 to 100,000 layers are written to a temporary folder in both
notations and counted by whole processes. What a run costs at any size is that
of a network with one layer of each kind, timed in alternation and taken off. Of
several runs the fastest counts: what disturbs a run only ever adds to it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

SIZES = (100, 1_000, 10_000, 100_000)
NOTATIONS = ("json", "toml")
FORMATS = ("json", "csv")
MOST_RUNS = 21

Row = Mapping[str, Any]

ROWS: Sequence[Row] = (
    {"type": "Conv", "out_channels": 64, "kernel_size": 3, "padding": "same", "bias": False},
    {"type": "BatchNorm"},
    {"type": "Activation", "function": "relu"},
    {"type": "DepthSepConv", "out_channels": 64, "kernel_size": 3, "padding": 1, "norm": "batch"},
    {"type": "MaxPool", "kernel_size": 3, "stride": 1, "padding": 1},
)
"""The layers of a generated network, over and over; they leave the map as it is."""


def written(folder: Path, layers: int, notation: str) -> Path:
    """Write a network of so many layers."""
    file = folder / f"network_{layers}.{notation}"
    arch = {"name": f"network_{layers}", "input": [64, 32, 32], "layers": [*islice(cycle(ROWS), layers)]}
    text = json.dumps(arch) if notation == "json" else "\n".join(_toml(arch))
    file.write_text(text, encoding="utf-8")
    return file


def _toml(arch: Mapping[str, Any]) -> Iterator[str]:
    """Yield an arch as TOML, one row a layer; a plain value is written as in JSON."""
    for key in ("name", "input"):
        yield f"{key} = {json.dumps(arch[key])}"
    yield "layers = ["
    for row in arch["layers"]:
        yield f"  {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in row.items())} }},"
    yield "]\n"


def seconds(file: Path, fmt: str) -> float:
    """Return how long it takes to count a file, as a whole process."""
    command = (sys.executable, "-m", "flopcount", str(file), "--format", fmt)
    start = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return perf_counter() - start


def measured(folder: Path, notation: str, fmt: str, sizes: Sequence[int]) -> None:
    """Print a row for each size: seconds, microseconds per layer, the ratio to the median of those."""
    least = written(folder, len(ROWS), notation)
    rows: list[tuple[int, float, float]] = []
    for layers in sizes:
        file = written(folder, layers, notation)
        runs = max(2, min(MOST_RUNS, 30_000 // layers))
        start, whole = map(min, zip(*((seconds(least, fmt), seconds(file, fmt)) for _ in range(runs)), strict=True))
        rows.append((layers, whole, (whole - start) / (layers - len(ROWS))))
    usual = median(each for _, _, each in rows)
    for layers, whole, each in rows:
        print(f"{notation:10}{fmt:8}{layers:>9,}{whole:>10.3f}{each * 1e6:>14.1f}{each / usual:8.2f}", flush=True)


def main() -> None:
    """Print how long runs take, by notation, format and number of layers."""
    parser = argparse.ArgumentParser(description="Time counting as networks grow.")
    parser.add_argument(
        "--largest", type=int, choices=SIZES, default=SIZES[-1], help="leave out networks of more layers"
    )
    largest = parser.parse_args().largest
    sizes = [size for size in SIZES if size <= largest]
    print(f"{'file':10}{'format':8}{'layers':>9}{'seconds':>10}{'µs per layer':>14}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for notation in NOTATIONS:
            for fmt in FORMATS:
                measured(Path(folder), notation, fmt, sizes)


if __name__ == "__main__":
    main()
