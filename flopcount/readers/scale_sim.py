"""Topologies of SCALE-Sim, a simulator of systolic arrays: a row for each layer, read and written.

Each row is a layer by itself whose input is padded already; no row reads another.
Convolutions have nine columns or ten, matrix products M, N and K.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import Note, Refusal, UsageError
from flopcount.formulas.numbers import exact, exact_all, product
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
    network_name,
    sanitized,
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

SIZES = 7
"""The sizes of a convolution that every row has; after them another stride, a batch or a ratio may follow."""

PRODUCT = ("M", "N", "K")


class TopologyRow(NamedTuple):
    """A row: its name, its line, its sizes, and the batch that it is computed for."""

    name: str
    line: int
    sizes: list[int]
    batch: int = 1


def read(path: Path) -> Build:
    """Parse a topology."""
    (_, header), *lines = _lines(path) or [(1, [""])]
    names = [cell.upper() for cell in header[1:4]]
    is_product = sorted(names) == sorted(PRODUCT)
    if not is_product and "layer" not in header[0].lower():
        raise Refusal(f"not a topology of SCALE-Sim, whose first line is {', '.join(HEADER)}")
    read_row = partial(_product, names) if is_product else partial(_convolution, header)
    rows, heading = list[TopologyRow](), ""
    for line, (title, *cells) in lines:
        if any(cells):
            name = f"{heading}_{title}" if heading else title
            rows.append(read_row(Origin(title, line=line), name, cells))
        else:  # a title above the rows of a network
            heading = title
    if not rows or len(rows) > MOST_ROWS:
        raise Refusal(f"it has {len(rows)} layers; a topology has 1 to {MOST_ROWS}")
    return partial(_network, network_name(path.stem, "topology"), rows)


def _network(name: str, rows: Sequence[TopologyRow], options: ReadOptions) -> ReadResult:
    """Return a network in which every layer has its own input."""
    if options.input is not None:
        raise UsageError("--input cannot change a topology: each of its layers has its own input; change the file")
    builder, inputs = Builder(), dict[str, tuple[int, ...]]()
    for row in rows:
        label = builder.names.free(sanitized(row.name))
        entry = "input" if len(rows) == 1 else builder.names.fresh(f"{label}_in")
        inputs[entry], fields = _layer(row)
        signal = Signal(entry, Shape(inputs[entry]))
        builder.add(Origin(label, "", row.line), "Conv", [signal], {**fields, "bias": False}, name=label)
    notes = (Note("own-inputs", "each layer of a topology has its own input"),)
    return ReadResult(name, inputs, tuple(builder.nodes), notes, batch=options.batch)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that are not empty with their numbers, cell by cell; # begins a comment, tabs may be commas."""
    text = read_text(path)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter="\t" if "\t" in first and "," not in first else ",")
    found = []
    try:
        for line in reader:
            cells = [*takewhile(lambda cell: not cell.startswith("#"), (cell.strip() for cell in line))]
            if any(cells):
                found.append((reader.line_num, cells))
    except csv.Error as error:
        raise Refusal(f"not CSV: {error}") from None
    return found


def _convolution(header: Sequence[str], origin: Origin, name: str, cells: Sequence[str]) -> TopologyRow:
    """Return a row of a convolution; columns after its sizes are what their heading says, or another stride."""
    sizes, batch = _integers(origin, cells[:SIZES], SIZES), 1
    for place, cell in enumerate(cells[SIZES:], SIZES + 1):
        title = header[place].lower() if place < len(header) else ""
        if ":" in cell or "sparsity" in title:
            _dense(origin, cell)
        elif cell and "batch" in title:
            (batch,) = _integers(origin, [cell], 1)
        elif cell and (not title or "stride" in title):
            sizes += _integers(origin, [cell], 1)
    if len(sizes) > SIZES + 1:
        raise _expected(origin, SIZES)
    return TopologyRow(name, origin.line, sizes, batch)


def _product(names: Sequence[str], origin: Origin, name: str, cells: Sequence[str]) -> TopologyRow:
    """Return a row of a matrix product, its sizes as M, N and K."""
    sizes = dict(zip(names, _integers(origin, cells[: len(PRODUCT)], len(PRODUCT)), strict=True))
    for cell in filter(None, cells[len(PRODUCT) :]):
        _dense(origin, cell)
    return TopologyRow(name, origin.line, [sizes[key] for key in PRODUCT])


def _integers(origin: Origin, cells: Sequence[str], count: int) -> list[int]:
    fits = all(cell.isascii() and cell.isdecimal() and len(cell) <= len(str(LARGEST)) for cell in cells)
    if len(cells) != count or not fits or not all(1 <= int(cell) <= LARGEST for cell in cells):
        raise _expected(origin, count)
    return [int(cell) for cell in cells]


def _expected(origin: Origin, count: int) -> Refusal:
    what = f"{count} integers" if count > 1 else "an integer"
    return origin.problem(f"expected {what} from 1 to 10⁹ after the name")


def _dense(origin: Origin, cell: str) -> None:
    """Refuse a ratio of sparsity, unless it is that of a dense layer."""
    kept, colon, of = cell.partition(":")
    if kept != of and (colon or cell not in {"", "1"}):
        raise origin.problem(f"a sparse layer, {cell[:20]}; only dense ones are supported")


def _layer(row: TopologyRow) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the input and the fields of a row: M×K times K×N is a convolution of M positions with N filters."""
    if len(row.sizes) == len(PRODUCT):
        rows, columns, inner = row.sizes
        return (inner, rows), {"out_channels": columns, "kernel_size": 1}
    height, width, rows, columns, channels, filters, *strides = row.sizes
    stride, kernel = (strides[0], strides[-1]), (rows, columns)
    if row.batch == 1:
        return (channels, height, width), {"out_channels": filters, "kernel_size": kernel, "stride": stride}
    fields = {"out_channels": filters, "kernel_size": (1, *kernel), "stride": (1, *stride)}
    return (channels, row.batch, height, width), fields


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
    macs = sum(exact(leaf.tally.counts.get(name, 0)) for name in MULTIPLIED)
    filters, kernel = exact(leaf.shape.channels), exact_all(leaf.kernel)
    spatial = exact_all(leaf.shape.spatial)
    if min(spatial, default=1) < 1:
        raise UsageError(f"{path} leaves a map that does not exist, which a topology cannot have; change its padding")
    plane = len(kernel) == len(spatial) == PLANE and leaf.shape.channel_axis == 0
    if "conv_mac" in leaf.tally.counts and plane:
        area, positions = exact(product(kernel)), exact(product(spatial))
        if macs == area * positions * filters * (channels := macs // (area * positions * filters)):
            steps = strides if len(set(strides)) == 1 or len(strides) == PLANE else (1, 1)
            reached = [(size - 1) * step + width for size, step, width in zip(spatial, steps * 2, kernel, strict=False)]
            return (*reached, *kernel, channels, filters, *(steps[:1] if steps[0] == steps[-1] else steps))
    rows, inner, filters = as_product(path, leaf)
    return (rows, 1, 1, 1, inner, filters, 1)


def as_product(path: str, leaf: Step) -> tuple[int, int, int]:
    """Return the product of matrices that a part is: rows of some length, and filters; of groups one after another."""
    macs = sum(exact(leaf.tally.counts.get(name, 0)) for name in MULTIPLIED)
    filters = exact(leaf.shape.channels)
    rows = exact(leaf.shape.elements) // filters
    if not rows or macs != rows * filters * (inner := macs // (rows * filters)):
        raise UsageError(
            f"{path} cannot be a row of a topology: its {macs} MACs are not those of a product of a matrix and filters"
        )
    return rows, inner, filters


PLANE = 2
"""The number of axes of a topology's maps."""
