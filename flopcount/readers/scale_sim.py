"""Topologies of SCALE-Sim, a simulator of systolic arrays: a row for each layer, read and written.

A row is a layer by itself, with what enters it padded already; no row reads
another. Convolutions have nine columns or ten, matrix products M, N and K.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flopcount.errors import UsageError
from flopcount.formulas.numbers import product
from flopcount.formulas.step import Step
from flopcount.network.trace import Trace
from flopcount.readers.rows import Imported, ImportProblem, Names, ReadOptions, whole
from flopcount.spec.fields import LARGEST
from flopcount.spec.text import read_text

HEADER = (
    *("Layer name", "IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width"),
    *("Channels", "Num Filter", "Strides"),
)
"""The columns of a topology of convolutions."""

MOST_ROWS = 100_000
"""A longer topology is refused."""

_CONVOLUTION, _PRODUCT = (7, 8), (3,)


def read(path: Path, request: ReadOptions) -> Imported:
    """Read a topology: every layer has an input of its own."""
    if request.size is not None:
        raise UsageError("--input cannot change a topology: each of its layers has its own input; change the file")
    title, *lines = _lines(path) or [[""]]
    products = [cell.strip().upper() for cell in title[1:4]] == ["M", "N", "K"]
    if not products and "layer" not in title[0].lower():
        raise ImportProblem(path, f"this is no topology of SCALE-Sim, whose first line is {', '.join(HEADER)}")
    if not lines or len(lines) > MOST_ROWS:
        raise ImportProblem(path, f"it has {len(lines)} layers; a topology has from 1 to {MOST_ROWS}")
    inputs: dict[str, list[int]] = {}
    layers: list[dict[str, Any]] = []
    names = Names()
    for number, line in enumerate(lines, 2):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", line[0].strip())[:80].lstrip("-") or "layer"
        name = names.fresh(f"{name}_layer" if re.fullmatch(r"input\d*", name) else name)
        sizes = _numbers(path, name, number, line[1:], _PRODUCT if products else _CONVOLUTION)
        entry = names.fresh(f"{name}_in")
        inputs[entry], fields = _product(sizes) if products else _convolution(sizes)
        layers.append({"type": "Conv", "name": name, "after": [entry], **fields, "bias": False})
    data: dict[str, Any] = {
        "name": re.sub(r"[^A-Za-z0-9_.+-]", "_", path.stem)[:100].lstrip(".+-") or "topology",
        "input": inputs,
    }
    single = len(inputs) == 1
    if single:
        data["input"] = next(iter(inputs.values()))
        layers[0].pop("after")
    return Imported({**data, "layers": layers}, ("each layer of a topology has an input of its own",))


def _lines(path: Path) -> list[list[str]]:
    """Return the lines that say something, cell by cell."""
    try:
        return [line for line in csv.reader(io.StringIO(read_text(path))) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise ImportProblem(path, f"this is no CSV: {error}") from None


def _numbers(path: Path, name: str, number: int, cells: list[str], counts: tuple[int, ...]) -> list[int]:
    """Return the sizes of a row; a ratio of sparsity behind them has to be that of a dense layer."""
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    if cells and ":" in cells[-1]:
        kept, _, of = cells.pop().partition(":")
        if kept != of:
            raise ImportProblem(
                path, f"line {number} is of a sparse layer, {kept}:{of}; only dense ones are read", name
            )
    whole_numbers = all(cell.isascii() and cell.isdecimal() and len(cell) <= len(str(LARGEST)) for cell in cells)
    if len(cells) not in counts or not whole_numbers or not all(1 <= int(cell) <= LARGEST for cell in cells):
        raise ImportProblem(path, f"line {number} has no {counts[0]} whole numbers from 1 to 10⁹ behind the name", name)
    return [int(cell) for cell in cells]


def _convolution(sizes: list[int]) -> tuple[list[int], dict[str, Any]]:
    height, width, rows, columns, channels, filters, *strides = sizes
    kernel: Any = rows if rows == columns else [rows, columns]
    stride: Any = strides[0] if strides[0] == strides[-1] else strides
    moved = {} if stride == 1 else {"stride": stride}
    return [channels, height, width], {"out_channels": filters, "kernel_size": kernel, **moved}


def _product(sizes: list[int]) -> tuple[list[int], dict[str, Any]]:
    """Return M×K times K×N as a convolution of one point: M positions, K channels, N filters."""
    rows, columns, inner = sizes
    return [inner, rows], {"out_channels": columns, "kernel_size": 1}


def topology(traced: Trace) -> str:
    """Write the convolutions, linear layers and matrix products of a network as a topology."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=",\n")
    writer.writerow(HEADER)
    rows = [row for node, step in traced.items() for row in _rows(node.path, step, _strides(node.layer, step))]
    if not rows:
        raise UsageError("the network multiplies no matrices: there is nothing to write as a topology")
    writer.writerows(rows)
    return out.getvalue()


def _strides(layer: Any, step: Step) -> tuple[int, ...]:
    """Return the strides of a layer, for the part of it that has the layer's kernel."""
    value = getattr(layer, "stride", None) or 1
    first = next(step.leaves())
    return value if isinstance(value, tuple) else (value,) * max(len(first.shape.spatial), 1)


def _rows(path: str, step: Step, strides: tuple[int, ...]) -> Iterator[list[str | int]]:
    """Yield a row for each part that multiplies; only the first may stride."""
    leaves = [leaf for leaf in step.leaves() if any(name in leaf.tally.counts for name in MULTIPLIED)]
    for place, leaf in enumerate(leaves):
        name = path if len(leaves) == 1 else f"{path}.{place + 1}"
        moved = strides if place == 0 else (1,) * len(strides)
        yield [name, *_sizes(name, leaf, moved)]


MULTIPLIED = ("conv_mac", "linear_mac", "matmul_mac", "rnn_mac")
"""What a topology is made of."""


def _sizes(path: str, leaf: Step, strides: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seven sizes of a row, whose product has to be what the part multiplies."""
    macs = sum(whole(leaf.tally.counts.get(name, 0)) for name in MULTIPLIED)
    filters, kernel = whole(leaf.shape.channels), [whole(size) for size in leaf.kernel]
    spatial = [whole(size) for size in leaf.shape.spatial]
    plane = len(kernel) == len(spatial) == PLANE and leaf.shape.channel_axis == 0
    if "conv_mac" in leaf.tally.counts and plane:
        area, positions = whole(product(kernel)), whole(product(spatial))
        if macs == area * positions * filters * (channels := macs // (area * positions * filters)):
            steps = strides if len(set(strides)) == 1 or len(strides) == PLANE else (1, 1)
            reached = [(size - 1) * step + width for size, step, width in zip(spatial, steps * 2, kernel, strict=False)]
            return (*reached, *kernel, channels, filters, *(steps[:1] if steps[0] == steps[-1] else steps))
    rows = whole(leaf.shape.elements) // filters
    if macs != rows * filters * (inner := macs // (rows * filters)):
        raise UsageError(f"{path} has no row in a topology: its {macs} MACs are no product of a matrix and filters")
    return (rows, 1, 1, 1, inner, filters, 1)


PLANE = 2
"""A topology has maps of two axes."""
