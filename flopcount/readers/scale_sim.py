"""Topologies of SCALE-Sim, a simulator of systolic arrays: a row for each layer, read and written.

Each row is a layer by itself whose input is padded already; no row reads another.
Convolutions have nine columns or ten, matrix products M, N and K.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flopcount.errors import Note, Refusal, UsageError
from flopcount.formulas.numbers import product
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.network.trace import Trace
from flopcount.readers.base import (
    Build,
    Builder,
    Origin,
    ReadOptions,
    ReadResult,
    Signal,
    exact,
    network_name,
    sanitized,
    whole,
)
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

Row = tuple[str, int, list[int]]
"""A row: its name, its line, and its sizes."""


def read(path: Path) -> Build:
    """Parse a topology."""
    header, *lines = _lines(path) or [[""]]
    is_product = [cell.strip().upper() for cell in header[1:4]] == ["M", "N", "K"]
    if not is_product and "layer" not in header[0].lower():
        raise Refusal(f"not a topology of SCALE-Sim, whose first line is {', '.join(HEADER)}")
    if not lines or len(lines) > MOST_ROWS:
        raise Refusal(f"it has {len(lines)} layers; a topology has 1 to {MOST_ROWS}")
    counts = _PRODUCT if is_product else _CONVOLUTION
    rows = [(line[0], number, _numbers(number, line, counts)) for number, line in enumerate(lines, 2)]
    return partial(_network, network_name(path.stem, "topology"), rows)


def _network(name: str, rows: Sequence[Row], options: ReadOptions) -> ReadResult:
    """Return a network in which every layer has its own input."""
    if options.input is not None:
        raise UsageError("--input cannot change a topology: each of its layers has its own input; change the file")
    builder, inputs = Builder(), dict[str, tuple[int, ...]]()
    for title, line, sizes in rows:
        label = builder.names.free(sanitized(title))
        entry = "input" if len(rows) == 1 else builder.names.fresh(f"{label}_in")
        inputs[entry], fields = _layer(sizes)
        signal = Signal(entry, Shape(inputs[entry]))
        builder.add(Origin(label, "", line), "Conv", [signal], {**fields, "bias": False}, name=label)
    notes = (Note("own-inputs", "each layer of a topology has its own input"),)
    return ReadResult(name, inputs, tuple(builder.nodes), notes, batch=options.batch)


def _lines(path: Path) -> list[list[str]]:
    """Return the lines that are not empty, cell by cell."""
    try:
        return [line for line in csv.reader(io.StringIO(read_text(path))) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise Refusal(f"not CSV: {error}") from None


def _numbers(number: int, line: Sequence[str], counts: tuple[int, ...]) -> list[int]:
    """Return the sizes of a row; a ratio of sparsity after them has to be that of a dense layer."""
    cells = [cell.strip() for cell in line[1:]]
    while cells and not cells[-1]:
        cells.pop()
    if cells and ":" in cells[-1]:
        kept, _, of = cells.pop().partition(":")
        if kept != of:
            raise Refusal(f"a sparse layer, {kept}:{of}; only dense ones are supported", line[0].strip(), line=number)
    are_integers = all(cell.isascii() and cell.isdecimal() and len(cell) <= len(str(LARGEST)) for cell in cells)
    if len(cells) not in counts or not are_integers or not all(1 <= int(cell) <= LARGEST for cell in cells):
        raise Refusal(f"expected {counts[0]} integers from 1 to 10⁹ after the name", line[0].strip(), line=number)
    return [int(cell) for cell in cells]


def _layer(sizes: list[int]) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the input and the fields of a row: M×K times K×N is a convolution of M positions with N filters."""
    if len(sizes) in _PRODUCT:
        rows, columns, inner = sizes
        return (inner, rows), {"out_channels": columns, "kernel_size": 1}
    height, width, rows, columns, channels, filters, *strides = sizes
    stride = (strides[0], strides[-1])
    return (channels, height, width), {"out_channels": filters, "kernel_size": (rows, columns), "stride": stride}


def topology(traced: Trace) -> str:
    """Write the convolutions, linear layers and matrix products of a network as a topology."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=",\n")
    writer.writerow(HEADER)
    rows = [row for node, step in traced.items() for row in _rows(node.path, step, _strides(node.layer, step))]
    if not rows:
        raise UsageError("the network has no convolutions, linear layers or matrix products to write as a topology")
    writer.writerows(rows)
    return out.getvalue()


def _strides(layer: Any, step: Step) -> tuple[int, ...]:
    """Return the strides of a layer, for the part with the layer's kernel."""
    value = getattr(layer, "stride", None) or 1
    first = next(step.leaves())
    return value if isinstance(value, tuple) else (value,) * max(len(first.shape.spatial), 1)


def _rows(path: str, step: Step, strides: tuple[int, ...]) -> Iterator[list[str | int]]:
    """Yield a row for each part that multiplies; only the first may have a stride."""
    leaves = [leaf for leaf in step.leaves() if any(name in leaf.tally.counts for name in MULTIPLIED)]
    for place, leaf in enumerate(leaves):
        name = path if len(leaves) == 1 else f"{path}.{place + 1}"
        moved = strides if place == 0 else (1,) * len(strides)
        yield [name, *_sizes(name, leaf, moved)]


MULTIPLIED = ("conv_mac", "linear_mac", "matmul_mac", "rnn_mac")
"""The operations that rows of a topology stand for."""


def _sizes(path: str, leaf: Step, strides: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of a row; they have to give the MACs of the part."""
    macs = sum(whole(leaf.tally.counts.get(name, 0)) for name in MULTIPLIED)
    filters, kernel = whole(leaf.shape.channels), exact(leaf.kernel)
    spatial = exact(leaf.shape.spatial)
    if min(spatial, default=1) < 1:
        raise UsageError(f"{path} leaves a map that does not exist, which a topology cannot have; change its padding")
    plane = len(kernel) == len(spatial) == PLANE and leaf.shape.channel_axis == 0
    if "conv_mac" in leaf.tally.counts and plane:
        area, positions = whole(product(kernel)), whole(product(spatial))
        if macs == area * positions * filters * (channels := macs // (area * positions * filters)):
            steps = strides if len(set(strides)) == 1 or len(strides) == PLANE else (1, 1)
            reached = [(size - 1) * step + width for size, step, width in zip(spatial, steps * 2, kernel, strict=False)]
            return (*reached, *kernel, channels, filters, *(steps[:1] if steps[0] == steps[-1] else steps))
    rows = whole(leaf.shape.elements) // filters
    if macs != rows * filters * (inner := macs // (rows * filters)):
        raise UsageError(
            f"{path} cannot be a row of a topology: its {macs} MACs are not those of a product of a matrix and filters"
        )
    return (rows, 1, 1, 1, inner, filters, 1)


PLANE = 2
"""The number of axes of a topology's maps."""
