"""ONNX models: parse a file, then walk its graph at the sizes asked for and put the layers together."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise, takewhile
from pathlib import Path
from typing import NamedTuple

from flopcount.errors import Note, Refusal, UsageError, listed, plain, suggestion
from flopcount.formulas.numbers import exact_all
from flopcount.network.inputs import numbers_in
from flopcount.network.plan import Node
from flopcount.readers.base import (
    Build,
    Origin,
    ReadOptions,
    ReadResult,
    UnknownSize,
    sizes_asked,
    unknown_problem,
)
from flopcount.readers.nest import Flat, paths, spelled
from flopcount.readers.onnx.file import BITS, FLOATS, LIST, GraphProto, ModelProto, TensorProto, ValueInfo, model
from flopcount.readers.onnx.op import (
    UNKNOWN,
    Dims,
    Draft,
    DraftRow,
    KeptTensors,
    Value,
    empty,
    initial,
    single,
)
from flopcount.readers.onnx.signature import quantized
from flopcount.readers.onnx.walk import OPERATORS, GraphScope, Walk, body, unknown_operators
from flopcount.spec.fields import LARGEST

OLDEST, NEWEST = 1, 28
"""The supported opsets of the standard operators."""


def read(path: Path) -> Build:
    """Parse an ONNX model."""
    found = model(path)
    is_standard = any(node.operator == node.op for node in found.graph.nodes)
    if not (OLDEST if is_standard else 0) <= found.opset <= NEWEST:
        hint = f"opsets {OLDEST} to {NEWEST} are supported; export the model again, or convert it"
        raise Refusal(f"it uses opset {found.opset or 'none'} of the standard operators; {hint}")
    if not found.graph.nodes:
        raise Refusal("its graph has no nodes")
    return lambda options: _network(found, path, options)


def _network(found: ModelProto, path: Path, options: ReadOptions) -> ReadResult:
    """Walk through a model at the sizes asked for."""
    graph, unknown = found.graph, unknown_operators(found)
    if unknown and not options.allow_unknown:
        raise unknown_problem("it has operators", unknown)
    inputs = [info for info in graph.inputs if info.name not in graph.tensors]
    parts = (options.input or "").split(",")
    scalars = [part for part in parts if part.rpartition("=")[0] in {info.name for info in inputs if info.dims == ()}]
    if scalars:  # an input that is a number has a value, not a size
        options = options._replace(input=",".join(part for part in parts if part not in scalars) or None)
    values = values_asked((*options.values, *scalars), inputs, path.name)
    if (listed := [info.name for info in inputs if info.dtype == LIST]) and not options.allow_unknown:
        what = "a sequence or an optional value, which has no size to give"
        raise Refusal(f"its input {listed[0]!r} is {what}; count with --allow-unknown to skip what reads it")
    inputs = [info for info in inputs if info.name not in values and info.name not in listed]
    if not inputs:
        raise Refusal("its graph has no inputs that anything is computed from")
    sizes = input_sizes(inputs, options, path.name)
    result, may_decide = None, any(tensor.may_decide for tensor in graph.tensors.values())
    try:
        result = read_at(found, path, options, sizes, values)
    except UnknownSize:
        if not may_decide:
            raise
    if result and (not may_decide or all(note.code != "unsized" for note in result.notes)):
        return result
    try:  # numbers that decide a size are in another file
        tensors = {name: tensor.opened(path.parent) for name, tensor in graph.tensors.items()}
    except Refusal:
        if result and options.allow_unknown:
            return result
        raise
    return read_at(found._replace(graph=graph._replace(tensors=tensors)), path, options, sizes, values)


def read_at(
    found: ModelProto, path: Path, options: ReadOptions, sizes: "InputSizes", values: Mapping[str, Value]
) -> ReadResult:
    """Walk through a model at sizes of its inputs, and put its layers together."""
    walk, _ = walked(found, options, sizes, values)
    if walk.lacks_batch and (sizes.batch or 1) > 1:
        sizes = sizes.with_batch
        walk, _ = walked(found, options, sizes, values)
    draft, entries = walk.draft, [name for name, dims in sizes.dims.items() if 0 not in dims]
    result = _assembled(
        draft, [spelled(name) if len(sizes.dims) > 1 else "input" for name in entries], moved=sizes.moved
    )
    return result._replace(
        name=spelled(path.stem),
        description=f"read from {plain(path.name[:200])}{_format(found)}",
        notes=(*sizes.notes, *_said(values, walk), *result.notes),
        unknown=dict(walk.unknown),
        batch=sizes.batch,
        bits=_input_bits(found, result.inputs, entries),
    )


def _format(found: ModelProto) -> str:
    producer = f", written by {plain(found.producer[:200])}" if found.producer else ""
    return producer if found.trained is not None else f", ONNX opset {found.opset}{producer}"


def _input_bits(found: ModelProto, inputs: Mapping[str, Dims], entries: Sequence[str]) -> Mapping[str, int]:
    """Return the bits of inputs that have other than 32."""
    dtypes = {info.name: info.dtype for info in found.graph.inputs}
    names = [spelled(name) if len(entries) > 1 else "input" for name in entries]
    known = {name: BITS.get(dtypes[entry], 32) for name, entry in zip(names, entries, strict=True)}
    return {name: bits for name, bits in known.items() if bits != 32 and name in inputs}  # noqa: PLR2004


def walked(
    found: ModelProto, options: ReadOptions, sizes: "InputSizes", values: Mapping[str, Value]
) -> tuple[Walk, Mapping[str, Value | None]]:
    """Walk through a model; return the walk, and the value of each name of its graph."""
    graph, draft = found.graph, Draft(_kept(found))
    env: dict[str, Value | None] = {name: initial(tensor) for name, tensor in graph.tensors.items()}
    dtypes = {info.name: info.dtype for info in graph.inputs}
    for name, dims in sizes.dims.items():
        env[name] = draft.enter(Value(dims, dtypes[name]).with_batch_first) if 0 not in dims else empty(*dims)
    walk = Walk(found, draft, _declared(found, sizes), allow_unknown=options.allow_unknown)
    for info in graph.inputs:
        if info.dtype == LIST:
            env[info.name] = UNKNOWN
    whole = body(graph.nodes, [info.name for info in graph.outputs], graph.tensors)
    scope = GraphScope({**env, **values}, whole.reads, found.opsets)
    walk.run(whole.nodes, scope)
    return walk, scope.env


def _said(values: Mapping[str, Value], walk: Walk) -> list[Note]:
    """Return the notes on values that are given, on branches that are not taken, and on what has no size."""
    notes = [
        Note("value-given", f"{plain(name[:200])} is {(value.data or ('?',))[0]}") for name, value in values.items()
    ]
    if untaken := sum(map(_weights, walk.untaken.values())):
        what = f"{untaken:,} weights are in branches that are not taken, and are not counted"
        notes.append(Note("untaken-branch", what))
    if walk.unsized:
        notes.append(Note("unsized", f"what follows from here has an unknown size: {walk.unsized[0]}"))
    return notes


def _weights(graph: GraphProto) -> int:
    """Return how many weights a graph holds, in initializers and constants."""
    constants = (each for node in graph.nodes for each in node.attributes.values() if isinstance(each, TensorProto))
    return sum(each.elements for each in (*graph.tensors.values(), *constants) if each.dtype in FLOATS)


def values_asked(texts: Sequence[str], inputs: Sequence[ValueInfo], title: str) -> dict[str, Value]:
    """Parse --value: NAME=NUMBER for inputs that are one number."""
    infos = {info.name: info for info in inputs if info.dims is not None and {1, *info.dims} == {1}}
    result = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if name not in infos:
            hint = suggestion(name, [*infos]) if infos else "none of its inputs is"
            raise UsageError(f"--value {plain(text[:60])}: {title} has no input {name[:50]!r} of one number; {hint}")
        is_float = infos[name].dtype in FLOATS
        try:
            value = single(float(number)) if is_float else int(_BOOLEANS.get(number.lower(), number[:20]))
        except ValueError:
            kind = "a number" if is_float else "an integer"
            raise UsageError(f"--value {plain(text[:60])}: {name[:50]!r} is {kind}; write {name[:50]}=1") from None
        result[name] = Value(tuple(1 for _ in infos[name].dims or ()), infos[name].dtype, data=(value,))
    return result


_BOOLEANS = {"true": "1", "false": "0"}


def _kept(found: ModelProto) -> KeptTensors:
    """Return the tensors of a file and which are parameters: constants only if no initializer but a scale is one."""
    tensors = found.graph.tensors
    if found.trained is not None:
        return KeptTensors(tensors, found.trained, constants=False, word=found.word, frozen=found.frozen)
    weights, scales = quantized(found.graph, OPERATORS)
    trained = {name for name, each in tensors.items() if each.dtype in FLOATS or name in weights} - scales
    return KeptTensors(tensors, trained, constants=all(tensors[name].elements < 2 for name in trained))  # noqa: PLR2004


def _declared(found: ModelProto, sizes: "InputSizes") -> Mapping[str, Dims]:
    """Return the sizes that the file gives for outputs, for those of unsupported operators."""
    result: dict[str, Dims] = {}
    for info in (*found.graph.infos, *found.graph.outputs):
        dims = [sizes.names.get(size, size) if isinstance(size, str) else size for size in info.dims or ()]
        dims = [1 if not place and isinstance(size, str) else size for place, size in enumerate(dims)]
        known = tuple(size for size in dims if isinstance(size, int) and size > 0)
        if info.dims and len(known) == len(dims):
            result[info.name] = known
    return result


class InputSizes(NamedTuple):
    """The sizes of each input without the batch that goes before it, the sizes that have names, and assumptions.

    `batched` are the names of the batch.
    """

    dims: Mapping[str, Dims]
    names: Mapping[str, int]
    notes: tuple[Note, ...]
    batch: int | None = None
    batched: frozenset[str] = frozenset()
    moved: bool = False
    """Whether any size but the batch is another than the one that the file fixes."""

    @property
    def with_batch(self) -> "InputSizes":
        """The same with the batch among the sizes."""
        batch = self.batch or 1
        dims = {name: (batch, *dims[1:]) if len(dims) > 1 else dims for name, dims in self.dims.items()}
        return self._replace(dims=dims, names={**self.names, **dict.fromkeys(self.batched, batch)}, batch=None)


def input_sizes(inputs: Sequence[ValueInfo], options: ReadOptions, title: str) -> InputSizes:
    """Return the sizes of all inputs; a UsageError names those that are open."""
    asked, names = _asked(inputs, options.input, title)
    for info in inputs:
        _bind(info, asked.get(info.name), names, title)
    notes, found = dict[Note, None](), dict[str, Dims]()
    for info in inputs:
        found[info.name] = dims = asked.get(info.name) or _from_file(info, names, notes, title)
        if any(size < 0 or size > LARGEST for size in dims):
            raise UsageError(f"{title}: the input {info.name!r} is {_text(dims)}; sizes go from 0 to 10⁹")
    pairs = (pair for info in inputs for pair in zip((info.dims or ())[1:], found[info.name][1:], strict=False))
    moved = any(not _is_open(own) and own != size for own, size in pairs)
    return without_batch(inputs, InputSizes(found, names, tuple(notes), moved=moved), options.batch)


def without_batch(inputs: Sequence[ValueInfo], sizes: InputSizes, batch: int | None) -> InputSizes:
    """Take the batch out of the sizes: a network is read for one input, unless the file itself fixes the batch."""
    if batch is not None:
        sizes = sizes._replace(notes=tuple(note for note in sizes.notes if note.code != "open-batch"))
    firsts = {dims[0] for dims in sizes.dims.values() if len(dims) > 1}
    if batch is None and all(not info.dims or _is_open(info.dims[0]) or info.dims[0] in {0, 1} for info in inputs):
        batch = next(iter(firsts), 1) if len(firsts) == 1 and firsts != {1} else None
    if batch is None or firsts == {batch} == {info.dims[0] for info in inputs if info.dims and len(info.dims) > 1}:
        return sizes
    dims = {name: (1, *dims[1:]) if len(dims) > 1 else dims for name, dims in sizes.dims.items()}
    names = {info.dims[0]: 1 for info in inputs if info.dims and isinstance(info.dims[0], str)}
    return sizes._replace(dims=dims, names={**sizes.names, **names}, batch=batch, batched=frozenset(names))


def _asked(inputs: Sequence[ValueInfo], text: str | None, title: str) -> tuple[dict[str, Dims], dict[str, int]]:
    """Parse --input: the sizes of the first input, or NAME=SIZES for inputs and named sizes."""
    infos = {info.name: info for info in inputs}
    symbols = {size for info in inputs for size in info.dims or () if isinstance(size, str) and size} - infos.keys()
    asked = {name: numbers_in(sizes) for name, sizes in sizes_asked(text, [*infos, *sorted(symbols)], title).items()}
    names = {name: numbers[0] for name, numbers in asked.items() if name in symbols}
    return {name: resized(infos[name], numbers) for name, numbers in asked.items() if name in infos}, names


def resized(info: ValueInfo, numbers: Dims) -> Dims:
    """Return the sizes of an input from all its sizes, all but the batch, or those of space."""
    declared = info.dims
    if declared is None or len(numbers) == len(declared):
        return numbers
    batch = declared[0] if declared and isinstance(declared[0], int) and declared[0] > 0 else 1
    if len(numbers) == len(declared) - 1:
        return (batch, *numbers)
    last = len(declared) > 2 and _has_channels_last(declared)  # noqa: PLR2004  (a batch, channels and space)
    space, channels = (declared[1:-1], declared[-1]) if last else (declared[2:], declared[1:2] and declared[1])
    numbers = numbers * len(space) if len(numbers) == 1 else numbers
    if len(numbers) == len(space) and isinstance(channels, int):
        return (batch, *numbers, channels) if last else (batch, channels, *numbers)
    hint = f"does not fit the input {info.name!r}, which is {_text(declared)}; give all sizes"
    raise UsageError(f"--input {_text(numbers)[:60]} {hint}")


def _has_channels_last(declared: Sequence[int | str]) -> bool:
    """Tell an image with the channels last, as TensorFlow has them: an axis of at most 4 is that of colors."""
    first, last = (isinstance(size, int) and 0 < size <= 4 for size in (declared[1], declared[-1]))  # noqa: PLR2004
    return last and not first


def _bind(info: ValueInfo, dims: Dims | None, names: dict[str, int], title: str) -> None:
    """Learn the named sizes of an input."""
    for name, size in zip(info.dims or (), dims or (), strict=False):
        if isinstance(name, str) and name and names.setdefault(name, size) != size:
            raise UsageError(f"{title}: {name} is {names[name]} and {size}; give the inputs equal sizes")


def _from_file(info: ValueInfo, names: Mapping[str, int], notes: dict[Note, None], title: str) -> Dims:
    """Return the sizes of the file, with named sizes filled in; an open batch is one."""
    if info.dims is None:
        raise UsageError(f"{title}: the input {info.name!r} has no sizes; give them, as in --input 1x3x224x224")
    dims = [names.get(size, size) if isinstance(size, str) else size for size in info.dims]
    if dims and (_is_open(dims[0]) or info.dims[0] == 0):
        notes[Note("open-batch", f"the batch of {title} is open, and counted as 1; --batch gives another")] = None
        dims[0] = 1
    if 0 in dims:
        what = f"the input {info.name!r} of {title} is {_text(dims)}, so it is empty; --input gives other sizes"
        notes[Note("empty-input", what)] = None
    if any(_is_open(size) and said not in names for size, said in zip(dims, info.dims, strict=True)):
        usual = 224 if len(dims) == 4 else 128  # noqa: PLR2004  (a batch of images; anything else may be tokens)
        example = "x".join(str(usual if _is_open(size) else size) for size in dims)
        hint = f"give its sizes with --input, as in --input {info.name}={example}"
        raise UsageError(f"{title}: the input {info.name!r} is {_text(info.dims)}; {hint}")
    return tuple(size for size in dims if isinstance(size, int))


def _is_open(size: int | str) -> bool:
    return isinstance(size, str) or size < 0


def _text(dims: Sequence[int | str]) -> str:
    return "×".join(str(size) or "?" for size in dims)


def _assembled(draft: Draft, entries: Sequence[str], *, moved: bool) -> ReadResult:
    """Return the inputs and nodes of a network, and the notes on its parameters."""
    count = len(entries)
    if not count:
        raise Refusal("its inputs have no elements")
    rows = draft.rows[count:]
    if not rows:
        rows.append(DraftRow("Identity", [0], None, draft.rows[0].shape))
    kept, unread, left = draft.kept, draft.kept.trained - draft.readers.keys(), Counter(draft.left_over)
    held = draft.held + sum(sum(row.frozen.values()) for row in rows if row.has_trained)
    held += sum(left[name] for name in kept.frozen) + kept.elements(unread & kept.frozen)
    extra = draft.extra + sum(left.values()) - sum(left[name] for name in kept.frozen)
    for size, trained in ((extra, True), (kept.elements(unread - kept.frozen), kept.told), (held, False)):
        if size:
            fields = {"count": size, **({"trained": True} if trained else {})}
            rows.append(DraftRow("Constants", [count + len(rows) - 1], None, rows[-1].shape, fields))
    flat = [
        Flat(scope, {}, tuple(each - count if each >= count else entries[each] for each in row.inputs))
        for scope, row in zip(scopes(rows, count), rows, strict=True)
    ]
    found = dict(zip(rows, paths(flat, entries), strict=True))
    names = [*entries, *found.values()]
    nodes = tuple(_node(draft, row, names, path) for row, path in found.items())
    used = {name for node in nodes for name in node.inputs}
    inputs = {
        name: exact_all(row.shape.dims)
        for name, row in zip(entries, draft.rows, strict=False)
        if name in used or len(entries) == 1
    }
    fixed = next((path for row, path in found.items() if row.takes_size), "")
    still = [plain(title[:200]) for title in draft.constant_sizes] if moved else []
    notes = [Note("constant-size", f"{_STILL}: {listed(still, _MOST_NAMED)}")] if still else []
    return ReadResult("", inputs, nodes, (*_notes(draft, found), *notes), fixed_by=fixed)


_STILL = "the file resizes to the same size at every input; if the model computes this size, export it with open sizes"

_MOST_NAMED = 3
"""The layers that a note names."""


def _node(draft: Draft, row: DraftRow, names: Sequence[str], path: str) -> Node:
    layer = row.layer
    if layer is None or row.shared or row.frozen:
        origin = Origin(row.node.title, row.node.shown) if row.node else Origin()
        shared = Counter(row.shared) + Counter(row.frozen if row.has_trained else {})
        fields = {**row.fields, **({"shared": {**shared}} if shared else {})}
        fields |= {"frozen": True} if row.frozen and not row.has_trained else {}
        layer = draft.assembly.layer(origin, row.kind, fields)
    source = row.node.place if row.node else None
    return Node(path, layer, tuple(names[each] for each in row.inputs), (), bits=row.bits, source=source)


def _notes(draft: Draft, paths: Mapping[DraftRow, str]) -> list[Note]:
    """Name the initializers that several layers use, and the weights that no initializer holds."""
    notes = [*draft.notes]
    several = {name: [*dict.fromkeys(rows)] for name, rows in draft.readers.items() if name in draft.kept.trained}
    several = {name: rows for name, rows in several.items() if len(rows) > 1 and any(row.shared for row in rows)}
    if several:
        total, sizes = draft.kept.elements(several), {name: draft.kept.elements((name,)) for name in several}
        name, rows = max(several.items(), key=lambda item: sizes[item[0]])
        layers = " and ".join(paths[row] for row in rows[:2])
        more = f" and {len(rows) - 2} more" if len(rows) > 2 else ""  # noqa: PLR2004  (those that are named)
        what = f"{len(several)} {draft.kept.word}s are" if len(several) > 1 else f"1 {draft.kept.word} is"
        numbers = f"{what} used by several layers and counted once ({total:,} number{'s' * (total > 1)})"
        notes.append(Note("shared-weights", f"{numbers}: {plain(name[:200])} ({sizes[name]:,}) by {layers}{more}"))
    if draft.kept.promoted and len(draft.kept.promoted) < len(draft.kept.trained):
        numbers = f"{draft.kept.elements(draft.kept.promoted):,} weights"
        notes.append(Note("constant-weights", f"{numbers} are constants in the graph, and counted as params"))
    weights = {row.weight for row in paths if row.kind in _TABLES and row.weight}
    tables = {name for name in weights if _GENERATED.match(name) or _COMPUTED.fullmatch(name)}
    if tables:
        numbers = (
            f"{draft.kept.elements(tables):,} numbers are params here, and may be tables that the exporter computed"
        )
        notes.append(Note("table-params", f"{numbers}: {', '.join(plain(name[:200]) for name in sorted(tables)[:3])}"))
    if draft.computed:
        numbers = f"{draft.computed:,} weights are not parameters"
        notes.append(Note("computed-weights", f"{numbers}: the graph computes them, and no initializer holds them"))
    return notes


Scope = tuple[str, ...]
"""The modules that a layer is in, and its own name."""

_DEEPEST = 12

_GENERATED = re.compile(r"^(onnx::|val_|_|\d|node_|n\d)")
"""The beginnings of names that exporters give to what has no name in the model."""

_COMPUTED = re.compile(
    r".+_output_\d+|(add|arange|cat|clone|cos|div|exp|expand|full|gather|index|linear|matmul|mm|mul|neg|ones|outer|permute|"
    r"pow|repeat|reshape|select|sin|slice|squeeze|stack|sub|t|to|transpose|tril|triu|unsqueeze|view|where|zeros)(_\d+)?"
)
"""The names that are given to what an exporter or ONNX Runtime has computed: those of functions and of outputs."""

_TABLES = frozenset(("Parameter", "PositionEmbedding"))
"""The kinds of layers that are a tensor to compute with."""

_PARTS = ("weight", "bias", "kernel", "gamma", "weight_quantized", "running_mean")

_STAYING = frozenset(("Activation", "Add", "Mul", "Elementwise", "Concat", "BatchNorm", "Dropout"))
"""The kinds that belong to the block of their input; any other is between blocks as likely as in one."""


def scopes(rows: Sequence[DraftRow], first: int) -> list[Scope]:
    """Return the modules and the name of each row; `first` is the number of the first row among all."""
    return _shortened(_completed([_of_node(row) or _of_weight(row) for row in rows], rows, first))


def _of_node(row: DraftRow) -> Scope | None:
    """Return the scope in a node's name, written with slashes; a view is beside the module that reads it."""
    name = row.node.name.strip("/") if row.node else ""
    if "/" not in name:
        return None
    pairs = pairwise(("", *name.split("/")))
    pieces = [piece for before, part in pairs for piece in part.removeprefix(f"{before}.").split(".")]
    scope = tuple(filter(None, pieces))[:_DEEPEST]
    return (*scope[:-2], f"{scope[-2:][0]}_view") if row.is_view and scope else scope or None


def _of_weight(row: DraftRow) -> Scope | None:
    """Return the module that has a row's weights: the name of the weights without its last part."""
    if row.is_view or not row.weight or _GENERATED.match(row.weight):
        return None
    *module, last = re.split(r"[./]", row.weight.strip("/"))
    name = module if module and (last in _PARTS or row.kind != "Parameter") else [*module, last]
    return tuple(part for part in name if part)[:_DEEPEST] + (("#",) if row.kind != "Parameter" else ()) or None


def _completed(found: Sequence[Scope | None], rows: Sequence[DraftRow], first: int) -> list[Scope]:
    """Name what has no name by its operator, in the block it most likely belongs to."""
    result, homes = list[Scope](), list[Scope]()
    none: Scope = ()
    ahead = [*accumulate(reversed(found), lambda later, scope: scope[:-2] if scope else later, initial=none)][:0:-1]
    for scope, row, after in zip(found, rows, ahead, strict=True):
        if scope:
            homes.append(scope[:-2])
            result.append(scope)
            continue
        before = homes[-1] if homes else ()
        reads = [source - first for source in row.inputs if source >= first]
        depth = sum(takewhile(bool, (one == other for one, other in zip(before, after, strict=False))))
        home = _left(before, reads, homes, rows, first) if row.kind in _STAYING else before[:depth]
        homes.append(home)
        result.append((*home, "view" if row.is_view else row.node.op if row.node else row.kind))
    return result


def _left(home: Scope, reads: Sequence[int], homes: Sequence[Scope], rows: Sequence[DraftRow], first: int) -> Scope:
    """Return the innermost block that has not ended: one has if a row reads what is around it and did not enter it."""
    while home:
        start = len(homes)
        while start and homes[start - 1][: len(home)] == home:
            start -= 1
        inner = range(start, len(homes))
        entered = {source - first for number in inner for source in rows[number].inputs}
        others = [number for number in reads if number not in inner and number not in entered]
        if not any(homes[number][: len(home) - 1] == home[:-1] and homes[number] for number in others):
            return home
        home = home[:-1]
    return home


def _shortened(found: Sequence[Scope]) -> list[Scope]:
    """Leave out the operator if a module has one row, and the mark of a name that comes from weights."""
    inside = Counter(scope[:depth] for scope in found for depth in range(1, len(scope)))
    result = []
    for scope in found:
        is_alone = len(scope) > 1 and inside[scope[:-1]] == 1
        result.append(scope[:-1] if is_alone else (*scope[:-1], "op") if scope[-1] == "#" else scope)
    return result
