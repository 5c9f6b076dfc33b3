"""TensorFlow Lite files: the inputs of a model, and the network that a walk through its operators leaves."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import takewhile
from pathlib import Path
from struct import error as StructError  # noqa: N812  (a class)
from typing import Any, NamedTuple

from flopcount.errors import Note, Refusal, UsageError
from flopcount.formulas.numbers import exact_all
from flopcount.formulas.shape import Shape, render
from flopcount.network.inputs import input_shape
from flopcount.network.plan import Node
from flopcount.readers.base import (
    Build,
    Names,
    ReadOptions,
    ReadResult,
    Signal,
    network_name,
    sanitized,
    sizes_asked,
    unknown_problem,
)
from flopcount.readers.nest import Flat, paths
from flopcount.readers.tflite.file import ModelFile, SubGraph, TensorInfo, model
from flopcount.readers.tflite.micro import schedule
from flopcount.readers.tflite.op import LEAST_MAP, Dims, TensorValue, laid
from flopcount.readers.tflite.schema import BITS
from flopcount.readers.tflite.walk import UNSIZED, WIDE, OperatorWalk, Values, maps_of, plain_title
from flopcount.spec.fields import LARGEST

COLORS = 4
"""An image that is no map yet has at most so many channels, in front."""


def read(path: Path) -> Build:
    """Parse a model."""
    file = _safe(partial(model, path))
    return lambda options: _safe(partial(_network, path, file, options))


def _safe(read: Any) -> Any:
    """Return what a function reads; a file that is cut off while it is read is damaged too."""
    try:
        return read()
    except (StructError, OSError):
        raise Refusal("the file is truncated, or was changed while it was read; try again") from None


class InputTensor(NamedTuple):
    """An input of the network: the tensor, its name, its sizes here, and whether it is a map or has channels last."""

    tensor: int
    name: str
    dims: Dims
    shape: Shape
    is_map: bool


def _network(path: Path, file: ModelFile, options: ReadOptions) -> ReadResult:
    graph = file.graph(0)
    maps = maps_of(graph)
    entries, batch = _entries(path.name, file, maps, options)
    walk = OperatorWalk(file, at_own=options.input is None and batch is None)
    values: Values = {entry.tensor: _entered(walk, graph.tensors[entry.tensor], entry) for entry in entries}
    walk.entry = next(iter(values.values()), None)
    walk.run(graph, values, maps, 0)
    values |= {number: None for number, value in values.items() if value is UNSIZED}
    if not graph.operators:
        raise Refusal("the model has no operators")
    if walk.unsupported and not options.allow_unknown:
        raise unknown_problem("it has operators", walk.unsupported)
    walk.builder.hold([Signal(entry.name, entry.shape) for entry in entries])
    walk.ledger.tails += [""] * (len(walk.builder.nodes) - len(walk.ledger.tails))
    unknown = walk.unsupported + walk.unknown
    found = _result(path, file, walk, entries, (batch, dict(unknown)))
    return found[0]._replace(schedule=cache(partial(schedule, file, values, found[1])))


def _result(
    path: Path,
    file: ModelFile,
    walk: OperatorWalk,
    entries: Sequence[InputTensor],
    about: tuple[int | None, dict[str, int]],
) -> tuple[ReadResult, Mapping[str, str]]:
    """Return the network with paths like those of the tensors' names, and what each path was before."""
    names = [entry.name for entry in entries]
    numbers = {node.path: number for number, node in enumerate(walk.builder.nodes)}
    scopes = _scopes(walk)
    flat = [
        Flat(scope, {}, tuple(numbers.get(each, each) for each in node.inputs))
        for scope, node in zip(scopes, walk.builder.nodes, strict=True)
    ]
    found = dict(zip(numbers, paths(flat, names), strict=True)) | dict(zip(names, names, strict=True))
    nodes = tuple(_renamed(node, found) for node in walk.builder.nodes)
    used = {name for node in nodes for name in (*node.inputs, *node.beside)}
    kept = [entry for entry in entries if entry.name in used or len(entries) == 1]
    batch, unknown = about
    types = {entry.name: BITS[file.graph(0).tensors[entry.tensor].type] for entry in kept}
    made = ReadResult(
        network_name(path.stem),
        {entry.name: exact_all(entry.shape.dims) for entry in kept},
        nodes,
        tuple(_notes(file, walk, found)),
        unknown,
        batch=batch,
        fixed_by=found.get(walk.fixed_by, ""),
        tokens=frozenset(entry.name for entry in kept if entry.shape.channel_axis and len(entry.shape.dims) > 1),
        bits={name: bits for name, bits in types.items() if bits not in {0, WIDE}},
    )
    return made, found


def _renamed(node: Node, found: Mapping[str, str]) -> Node:
    inputs, beside = (tuple(found[each] for each in paths) for paths in (node.inputs, node.beside))
    return node._replace(path=found[node.path], inputs=inputs, beside=beside)


def _notes(file: ModelFile, walk: OperatorWalk, found: Mapping[str, str]) -> list[Note]:
    """Name the constants that several layers use, those that are sparse, and the signatures that are not counted."""
    notes = list(walk.notes)
    several = {content: [*dict.fromkeys(paths)] for content, paths in walk.ledger.layers.items() if len({*paths}) > 1}
    if several:
        total = sum(walk.ledger.sizes[content] for content in several)
        layers = " and ".join(found[path] for path in next(iter(several.values()))[:2])
        what = f"{len(several)} constants are" if len(several) > 1 else "1 constant is"
        what = f"{what} used by several layers and counted once ({total:,} numbers), as by {layers}"
        notes.append(Note("shared-weights", what))
    sparse = sum(size for content, size in walk.ledger.sizes.items() if content in walk.sparse)
    if sparse:
        notes.append(Note("sparse-weights", f"{sparse:,} numbers of weights are stored sparsely, and all counted"))
    if len({*file.signatures}) > 1:
        what = f"the file has {len(file.signatures)} signatures; the first graph is counted"
        notes.append(Note("signatures", what))
    return notes


def _entries(
    title: str, file: ModelFile, maps: frozenset[int], options: ReadOptions
) -> tuple[list[InputTensor], int | None]:
    """Return the inputs of the network, and the batch that goes before them."""
    graph = file.graph(0)
    names = _input_names(file, graph)
    asked = sizes_asked(options.input, names, title) if names else {}
    batches, entries = set[int](), list[InputTensor]()
    for name, number in zip(names, graph.inputs, strict=True):
        tensor = graph.tensors[number]
        is_map = number in maps and len(tensor.recorded) >= LEAST_MAP
        dims, batch = _sized(title, name, tensor, asked.get(name), options.batch, is_map=is_map)
        batches |= {batch} if batch is not None else set()
        shape = laid(dims, is_map=is_map)
        if not is_map and len(shape.dims) > 2 and exact_all(shape.dims)[0] <= COLORS < exact_all(shape.dims)[-1]:  # noqa: PLR2004
            shape = shape._replace(channel_axis=0)
        if is_map and shape.channel_axis:
            shape = shape._replace(channel_axis=0)
        entries.append(InputTensor(number, name, dims, shape, is_map))
    if len(batches) > 1:
        raise UsageError(f"--input {str(options.input)[:60]}: the inputs have different batches")
    return entries, batches.pop() if batches else None


def _input_names(file: ModelFile, graph: SubGraph) -> list[str]:
    """Return the names of the inputs: those of the signature, else those of their tensors."""
    if len(graph.inputs) == 1:
        return ["input"]
    names, signed = Names(), file.signed
    named = (signed.get(number) or graph.tensors[number].name.partition(":")[0] for number in graph.inputs)
    return [names.fresh(sanitized(name.removeprefix("serving_default_"), "_")) for name in named]


def _sized(
    title: str, name: str, tensor: TensorInfo, text: str | None, batch: int | None, *, is_map: bool
) -> tuple[Dims, int | None]:
    """Return the sizes of an input in the file's order, and a batch that is asked for, which is left out of them."""
    if not tensor.is_sized:
        raise UsageError(f"{title}: the input {name!r} has no sizes; convert the model with an input of a known shape")
    dims, declared = tensor.recorded, tensor.recorded
    has_batch = len(dims) > 1 and (tensor.dims[0] < 0 or dims[0] == 1 or batch is not None)
    if has_batch:
        dims = (1, *dims[1:])
    order = TensorValue(dims, is_map=is_map).order
    sizes = tuple(dims[axis] for axis in order) or (1,)
    shape = input_shape(sizes, text, batch if has_batch else None, is_tokens=not is_map and not _is_image(sizes))
    given = exact_all(shape.dims)
    if len(given) > len(sizes):
        batch, given = given[0], given[1:]
    elif not has_batch:
        batch = None
    if is_map and text is not None and given[-1] == dims[-1] != given[0] and len(given) == len(order):
        raise UsageError(f"--input {text[:60]} has the channels last; give them first, as in 3x224x224")
    found = [*dims]
    for axis, size in zip(order, given, strict=bool(order)):
        found[axis] = size
    is_open = [size < 0 for size in tensor.dims]
    if text is None and {size for size, each in zip(declared[1:], is_open[1:], strict=True) if each} == {1}:
        example = "x".join("224" if size < 0 else str(size) for size in (tensor.dims[axis] for axis in order))
        raise UsageError(
            f"{title}: the file leaves sizes of the input {name!r} open; give them, as in --input {example}"
        )
    if max(found, default=1) > LARGEST:
        raise UsageError(f"{title}: the input {name!r} is {render(tuple(found))}; sizes go from 1 to 10⁹")
    return tuple(found), batch


def _is_image(sizes: Dims) -> bool:
    """Tell an image with the channels first, as PyTorch has them."""
    return len(sizes) > 2 and sizes[0] <= COLORS < sizes[-1]  # noqa: PLR2004


def _entered(walk: OperatorWalk, tensor: TensorInfo, entry: InputTensor) -> TensorValue:
    """Return the value of an input; a batch that the file fixes goes before the channels of a map."""
    signal, wanted = Signal(entry.name, entry.shape), laid(entry.dims, is_map=entry.is_map)
    value = TensorValue(entry.dims, tensor.type, signal, entry.is_map, is_quantized=tensor.is_quantized)
    return walk.viewed(value, wanted) if entry.is_map and wanted.channel_axis else value


def _scopes(walk: OperatorWalk) -> list[tuple[str, ...]]:
    """Return the path of each node: the modules in its tensor's name, its own name, and its part among several."""
    titles = [(start, plain_title(title), kind) for start, title, kind in walk.scopes]
    modules = [[part for part in title.split("/") if part] for _, title, _ in titles]
    several = [each for each in modules if len(each) > 1]
    root = (
        sum(1 for _ in takewhile(lambda parts: len({*parts}) == 1, zip(*several, strict=False))) if several[1:] else 0
    )
    found = []
    for (start, _, kind), module in zip(titles, modules, strict=True):
        own = module[min(root, len(module) - 1) :] if len(module) > 1 else module
        found.append((start, tuple(own) or (kind.lower(),)))
    alone = _alone(found)
    counts: dict[int, int] = {}
    for start, _ in found:
        counts[start] = counts.get(start, 0) + 1
    named = [
        (*alone.get(scope, scope), *([tail] if counts[start] > 1 else []))
        for (start, scope), tail in zip(found, walk.ledger.tails, strict=False)
    ]
    return named + [("unknown",)] * (len(walk.builder.nodes) - len(named))


def _alone(found: Sequence[tuple[int, tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the scopes whose last part is left out: those of the only operator of a module."""
    operators = {(start, scope) for start, scope in found}
    inside: dict[tuple[str, ...], int] = {}
    for _, scope in operators:
        for depth in range(1, len(scope)):
            inside[scope[:depth]] = inside.get(scope[:depth], 0) + 1
    return {scope: scope[:-1] for _, scope in operators if len(scope) > 1 and inside[scope[:-1]] == 1}
