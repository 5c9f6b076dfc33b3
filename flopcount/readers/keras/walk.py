"""What enters a Keras model: sizes from the file, and from the command line where the file leaves them open."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import UsageError
from flopcount.network.plan import input_shape
from flopcount.readers.base import unknown_problem
from flopcount.readers.keras.context import Tensor, Use, held, order_of, shown, tensors_in
from flopcount.readers.keras.file import archived_config, json_config
from flopcount.readers.keras.graph import MOST_CALLS, Layer, Model, Ref, Turn, model_of, turns
from flopcount.readers.keras.kinds import shown_kind, unknown_layers, writer
from flopcount.readers.rows import Blame, Imported, ImportProblem, ReadOptions, Rows, listed, whole
from flopcount.spec.fields import LARGEST

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


# The walk over a Keras model: each call becomes rows, each inner model a block.


Outputs = dict[tuple[str, int], list[Tensor]]


def network(path: Path, model: Model, request: ReadOptions) -> Imported:
    """Turn a model into the data of an arch file."""
    unknown = Counter(unknown_layers(model))
    if unknown and not request.allow_unknown:
        raise unknown_problem("it has layers", unknown)
    rows = Rows()
    sizes, tensors, notes = entered(path, model, rows, request.size)
    walk = _Walk(path, checked=request.size is None)
    walk.through(model, _Scene(rows), tensors)
    if not rows.data:
        raise ImportProblem(path, "the model has no layers behind its inputs")
    sizes, unread = inputs_read(sizes, rows.data)
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", model.name)[:100].lstrip(".+-") or "model"
    data = {"name": name, "input": sizes, "layers": rows.data}
    return Imported(data, (*notes, *unread, *walk.notes()), dict(unknown))


class _Scene:
    """Where the rows of a model go, and what holds for all of its layers."""

    def __init__(
        self, rows: Rows, prefix: str = "", outer: int = 0, *, frozen: bool = False, again: bool = False
    ) -> None:
        self.rows, self.prefix, self.outer = rows, prefix, outer
        self.frozen, self.again = frozen, again


class _Walk:
    """One walk: which layers were met already, and how much may still be met."""

    def __init__(self, path: Path, *, checked: bool) -> None:
        self.path, self.checked = path, checked
        self.met: set[int] = set()
        self.shared: Counter[str] = Counter()
        self.left = MOST_CALLS

    def notes(self) -> tuple[str, ...]:
        """Say whose weights are used more than once."""
        times = {name: count + 1 for name, count in self.shared.items()}
        return (f"weights that are used more than once are counted once: {listed(times)}",) if times else ()

    def through(self, model: Model, scene: _Scene, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Walk a model, and return what leaves it."""
        made: Outputs = {(name, 0): [x] for name, x in inputs.items()}
        recorded = _recorded(model)
        for turn in turns(self.path, model):
            self.left -= 1
            if self.left < 0:
                raise ImportProblem(self.path, f"more than {MOST_CALLS} layers, inner models unrolled")
            if turn.layer.kind == "InputLayer" and turn.layer.model is None:
                continue
            place = (turn.layer.name, turn.number)
            made[place] = self._made(turn, scene, made, recorded)
            if self.checked and not scene.outer:
                self._check(turn.layer, made[place], [recorded.get((*place, n)) for n in range(len(made[place]))])
        return [self._found(made, ref, model.name) for ref in model.outputs]

    def _found(self, made: Outputs, ref: Ref, reader: str) -> Tensor:
        outputs = made.get((ref.layer, ref.call), [])
        if ref.output >= len(outputs):
            what = f"reads output {ref.output} of {ref.layer[:50]!r}, which has {len(outputs)}"
            raise ImportProblem(self.path, what, reader[:50])
        return outputs[ref.output]

    def _made(
        self, turn: Turn, scene: _Scene, made: Outputs, recorded: Mapping[tuple[str, int, int], tuple[Any, ...]]
    ) -> list[Tensor]:
        layer = turn.layer
        args, keywords = (self._filled(value, made, layer.name) for value in (list(turn.call.args), turn.call.keywords))
        again = scene.again or id(layer) in self.met
        frozen = scene.frozen or layer.config.get("trainable") is False
        self.met.add(id(layer))
        before = len(scene.rows.data)
        use = Use(
            scene.rows,
            Blame(self.path, layer.name, shown_kind(layer)),
            scene.prefix + layer.name,
            layer.config,
            tuple(args),
            keywords,
            "shared" if again else "frozen" if frozen else "",
            scene.outer,
        )
        found = self._written(layer, use, recorded.get((layer.name, turn.number, 0)))
        if again and not scene.again and _holds(scene.rows.data[before:]):
            self.shared[layer.name] += 1
        return found if isinstance(found, list) else [found]

    def _filled(self, value: Any, made: Outputs, reader: str) -> Any:
        """Put tensors in place of the references to them."""
        if isinstance(value, Ref):
            return self._found(made, value, reader)
        if isinstance(value, Mapping):
            return {key: self._filled(each, made, reader) for key, each in value.items()}
        return [self._filled(each, made, reader) for each in value] if isinstance(value, list | tuple) else value

    def _written(self, layer: Layer, use: Use, recorded: tuple[Any, ...] | None) -> Tensor | list[Tensor]:
        """Write one layer, whatever it is: a model, a wrapper, a class that is known or one that is not."""
        if layer.model is not None:
            return self._inner(layer.model, use)
        _unchanged(use)
        write = writer(layer)
        if write is None:
            return _left_out(layer, use, recorded)
        inner = layer.wrapped
        if inner is None:
            return write(use)
        frozen = inner.config.get("trainable") is False

        def inside(given: Use) -> Tensor | list[Tensor]:
            blame = Blame(self.path, f"{layer.name}.{inner.name}", shown_kind(inner))
            held = given.held or ("frozen" if frozen else "")
            return self._written(inner, given._replace(blame=blame, config=inner.config, wrapped=None, held=held), None)

        return write(use._replace(wrapped=inside))

    def _inner(self, model: Model, use: Use) -> list[Tensor]:
        """Write an inner model as a block; one with several outputs in line, under names that begin with its own."""
        xs = list(tensors_in(use.args)) or list(tensors_in(use.keywords))
        names = [ref.layer for ref in model.inputs]
        if len(xs) != len(names):
            raise use.problem(f"{len(xs)} tensors enter a model that has {len(names)} inputs")
        flags = {"frozen": use.held == "frozen", "again": use.held == "shared"}
        if len(model.outputs) != 1:
            scene = _Scene(use.rows, f"{use.name}_", use.outer, **flags)
            return self.through(model, scene, dict(zip(names, xs, strict=True)))
        rows = Rows()
        labels = ["input", *(f"input{place}" for place in range(2, len(xs) + 1))]
        inside = {name: x._replace(row=label) for name, x, label in zip(names, xs, labels, strict=True)}
        (y,) = self.through(model, _Scene(rows, "", use.outer, **flags), inside)
        if y.row != rows.last or not rows.data:
            y = use._replace(rows=rows, name="output").row("Identity", y)
        return [y._replace(row=use.rows.block(use.name, rows, tuple(xs)))]

    def _check(self, layer: Layer, made: list[Tensor], recorded: list[tuple[Any, ...] | None]) -> None:
        """Hold each output to the sizes that the file records for it."""
        for x, sizes in zip(made, recorded, strict=True):
            if sizes is None or len(sizes) < 2:  # noqa: PLR2004  (one number for each sample has no axes)
                continue
            wanted = sizes[1:]
            if len(wanted) != x.rank or any(
                (size is not None and size != ours) for size, ours in zip(wanted, x.sizes, strict=True)
            ):
                what = f"leaves {shown(x)}, and the file says {'×'.join(map(str, wanted))[:80]}; export the model again"
                raise ImportProblem(self.path, what, layer.name[:50], shown_kind(layer))


def _unchanged(use: Use) -> None:
    """Refuse a layer that keeps more numbers than its class says: low-rank additions, scales of a quantisation."""
    policy = use.given("dtype")
    if use.given("lora_rank"):
        raise use.problem("lora_rank adds weights beside its own; export the model without them")
    if isinstance(policy, Mapping) and "Quantized" in str(policy.get("class_name")):
        raise use.problem("it is quantised, with scales beside its weights; export the model before it is quantised")


def _holds(rows: list[dict[str, Any]]) -> bool:
    """Tell whether any of some rows has params that another counts."""
    return any(row.get("shared") or _holds(row.get("layers", [])) for row in rows)


def _recorded(model: Model) -> Mapping[tuple[str, int, int], tuple[Any, ...]]:
    """Return the sizes that readers of a tensor say it has."""
    refs = (ref for layer in model.layers.values() for call in layer.calls for ref in call.refs())
    return {(ref.layer, ref.call, ref.output): ref.sizes for ref in refs if ref.sizes is not None}


def _left_out(layer: Layer, use: Use, recorded: tuple[Any, ...] | None) -> Tensor:
    """Write a layer that is not known: what leaves it has the sizes the file records, or those of what enters."""
    sizes = [*use.x.sizes] if not recorded or None in recorded[1:] or len(recorded) < 2 else [*recorded[1:]]  # noqa: PLR2004
    return use.row("Operation", use.x, operator=shown_kind(layer), size=sizes, channel=len(sizes) - 1)


# Models of Keras: what `model.to_json()` writes, and the `.keras` archive around it.
#
# Only the configuration is read, never a weight; classes are known by name, so no
# code of a model is ever run.


def read(path: Path, request: ReadOptions) -> Imported:
    """Read a model from JSON."""
    return network(path, model_of(path, json_config(path)), request)


def read_archive(path: Path, request: ReadOptions) -> Imported:
    """Read a model from a `.keras` archive."""
    return network(path, model_of(path, archived_config(path)), request)


def refuse_weights(path: Path, _: ReadOptions) -> Imported:
    """Refuse HDF5, whose configuration stands between the weights."""
    raise ImportProblem(
        path,
        "HDF5 is not read; save the model as .keras, or write model.to_json() to a .json file",
    )
