"""What enters a Keras model: sizes from the file, and from the command line where the file leaves them open."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.counting.inputs import input_shape
from flopcount.errors import UsageError
from flopcount.importers.foreign import ImportProblem
from flopcount.importers.keras.graph import Layer, Model
from flopcount.importers.keras.tensors import Tensor, held, order_of
from flopcount.importers.rows import Rows, whole
from flopcount.schema.base import LARGEST

MOST_AXES = 8
"""An input with more axes behind the batch is refused."""

_OPEN = "leaves sizes open, {}; give them with --input, as in --input {}"


class Entry(NamedTuple):
    """One input of the model: its sizes as Keras orders them without the batch, None where they are open."""

    name: str
    sizes: tuple[int | None, ...]


def entered(path: Path, model: Model, rows: Rows, size: str | None) -> tuple[Any, dict[str, Tensor], tuple[str, ...]]:
    """Return the input of the arch file, the tensor of each input layer, and what has to be said about it."""
    entries = [_entry(path, model.layers[name]) for name in _names(model)]
    if not entries:
        raise ImportProblem(path, "nothing enters the model: it has no input layer")
    first = _channels_first(model)
    shapes = [
        _sized(path, entry, first, size if place == 0 else None, place == 0) for place, entry in enumerate(entries)
    ]
    notes: tuple[str, ...] = ()
    for place, entry in enumerate(entries[1:], 1):
        if None in entry.sizes:
            shapes[place] = _after(path, entry, entries[0], shapes[0])
            notes = ("sizes that other inputs leave open are those of the first",)
    single = len(entries) == 1
    labels = ["input" if single else rows.name(entry.name) for entry in entries]
    channels = [0 if first or len(sizes) == 1 else len(sizes) - 1 for sizes in shapes]
    tensors = {
        entry.name: Tensor(label, held(sizes, channel, 0), channel)
        for entry, label, sizes, channel in zip(entries, labels, shapes, channels, strict=True)
    }
    dims = {tensor.row: [whole(each) for each in tensor.shape.dims] for tensor in tensors.values()}
    if not single:
        rows.last = labels[0]
    return (dims["input"] if single else dims), tensors, notes


def _names(model: Model) -> list[str]:
    """Return the names of the input layers, in the order of the model's inputs."""
    every = [layer.name for layer in model.layers.values() if layer.kind == "InputLayer"]
    named = [ref.layer for ref in model.inputs if ref.layer in every]
    return [*dict.fromkeys([*named, *every])]


def _entry(path: Path, layer: Layer) -> Entry:
    config = layer.config
    sizes = config.get("batch_shape") or config.get("batch_input_shape") or config.get("shape")
    if sizes is config.get("shape") and isinstance(sizes, list):
        sizes = [None, *sizes]
    if not isinstance(sizes, list | tuple):
        raise ImportProblem(path, "the file does not say its shape; build the model before it is exported", layer.name)
    if not 1 <= len(sizes) <= MOST_AXES + 1 or not all(each is None or _is_size(each) for each in sizes):
        raise ImportProblem(path, f"its shape {str(sizes)[:80]} is not a list of sizes from 1 to 10⁹", layer.name[:50])
    return Entry(layer.name, tuple(sizes[1:]) or (1,))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST


def _channels_first(model: Model) -> bool:
    """Tell whether the layers of a model take the channels to be before space."""
    return any(
        layer.config.get("data_format") == "channels_first"
        or (layer.model is not None and _channels_first(layer.model))
        or (layer.wrapped is not None and layer.wrapped.config.get("data_format") == "channels_first")
        for layer in model.layers.values()
    )


def _sized(path: Path, entry: Entry, first: bool, size: str | None, required: bool) -> tuple[int, ...]:  # noqa: FBT001
    """Return the sizes of an input, as Keras orders them."""
    rank = len(entry.sizes)
    channel = 0 if first or rank == 1 else rank - 1
    axes = order_of(channel, 0, rank)
    asked: list[int | None] = [None] * rank
    if size is not None:
        declared = tuple(entry.sizes[axis] or LARGEST + 1 for axis in axes)
        given = [whole(each) for each in input_shape(declared, size).dims][-rank:]
        asked = [given[axes.index(axis)] for axis in range(rank)]
        if asked[channel] != entry.sizes[channel] == given[-1]:
            raise UsageError(f"--input {size[:60]} names the channels last; here they come first, as in 3x224x224")
        asked = [None if each is not None and each > LARGEST else each for each in asked]
    sizes = [ours or theirs for ours, theirs in zip(asked, entry.sizes, strict=True)]
    if None in sizes and required:
        raise ImportProblem(path, _open(sizes), entry.name[:50])
    return tuple(each or 1 for each in sizes)


def _open(sizes: list[int | None]) -> str:
    """Say which sizes are open, and what to write."""
    shown = "×".join("?" if each is None else str(each) for each in sizes)
    spatial, channels = sizes[:-1], sizes[-1]
    if not spatial:
        return _OPEN.format(shown, 128)
    example = "224" if channels is not None else "x".join(["3", *["224"] * len(spatial)])
    return _OPEN.format(shown, example)


def _after(path: Path, entry: Entry, model: Entry, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of a further input, open ones as the first input has them."""
    if len(entry.sizes) != len(sizes):
        raise ImportProblem(
            path, f"leaves sizes open, and {model.name[:50]} has other axes; export it with sizes", entry.name
        )
    return tuple(theirs or ours for theirs, ours in zip(entry.sizes, sizes, strict=True))


def inputs_read(data: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, tuple[str, ...]]:
    """Leave out the inputs that no row reads, such as states and masks, and say so."""
    if not isinstance(data, dict):
        return data, ()
    first, *_ = data
    read = {name for row in rows for name in row.get("after", ())}
    read |= {first} if rows and "after" not in rows[0] else set()
    left = [name for name in data if name not in read]
    kept = {name: sizes for name, sizes in data.items() if name in read}
    note = (f"no layer computes with the inputs {', '.join(left)}: they are left out",) if left and kept else ()
    return (kept or data), note
