"""ONNX models: the graph read from the file, walked, and written as an arch file's data.

Weights are never read: the wire format gives every tensor's length, and what is
longer than a shape could be is passed over. Data in other files is never opened.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from flopcount.errors import ShapeError
from flopcount.readers.base import Imported, ImportProblem, ReadOptions, unknown_problem
from flopcount.readers.nest import Flat, Source, nested, spelled
from flopcount.readers.onnx.fuse import fused
from flopcount.readers.onnx.graph import Model, Node, Wire, model
from flopcount.readers.onnx.layout import CONSTANT
from flopcount.readers.onnx.names import paths
from flopcount.readers.onnx.operators import CONTROL, initial, readers, unknown_operators
from flopcount.readers.onnx.values import Row, Rows, Unreadable, Value
from flopcount.readers.onnx.walk import NodeError, Scope, Sized, Walk, sized
from flopcount.readers.onnx.wire import FLOATS, WireError, opened

OLDEST, NEWEST = 7, 28
"""The opsets of the standard operators that are read."""


def read(path: Path, request: ReadOptions) -> Imported:
    """Read an ONNX model, at the sizes that are asked for."""
    with opened(path) as message:
        try:
            found = model(message)
            _check(found, path, request)
            return _walked(found, path, request)
        except WireError as error:
            what = f"this is no ONNX model, or one cut short or damaged: {error}; export it again"
            raise ImportProblem(path, what) from None
        except NodeError as error:
            raise ImportProblem(path, str(error), error.node.name or _made(error.node), error.node.operator) from None
        except (Unreadable, ShapeError) as error:
            raise ImportProblem(path, str(error)) from None


def _made(node: Node) -> str:
    return node.outputs[0] if node.outputs else ""


def _check(found: Model, path: Path, request: ReadOptions) -> None:
    """Refuse what is known beforehand not to be readable."""
    version = found.opsets.get("", found.opsets.get("ai.onnx", 0))
    if not OLDEST <= version <= NEWEST:
        way_out = f"opsets {OLDEST} to {NEWEST} are read; export the model again, or convert it"
        raise ImportProblem(path, f"it uses opset {version or 'none'} of the standard operators; {way_out}")
    if not found.graph.nodes:
        raise ImportProblem(path, "there are no nodes in its graph")
    unknown = unknown_operators(found)
    if unknown and not request.allow_unknown:
        loops = CONTROL & unknown.keys()
        what = f"it has control flow ({', '.join(sorted(loops))}), and operators" if loops else "it has operators"
        raise unknown_problem(what, unknown)


def _walked(found: Model, path: Path, request: ReadOptions) -> Imported:
    graph = found.graph
    inputs = [wire for wire in graph.inputs if wire.name not in graph.tensors]
    if not inputs:
        raise ImportProblem(path, "its graph has no inputs, so that nothing in it depends on one")
    sizes = sized(inputs, request, path.name)
    rows = Rows(*_kept(found))
    walk = Walk(found, rows, _declared(found, sizes), allow_unknown=request.allow_unknown)
    outputs = [wire.name for wire in graph.outputs]
    env: dict[str, Value | None] = {name: initial(tensor) for name, tensor in graph.tensors.items()}
    entries = {wire.name: spelled(wire.name) if len(inputs) > 1 else "input" for wire in inputs}
    for wire in inputs:
        env[wire.name] = _entered(rows, sizes.dims[wire.name], wire)
    nodes = fused(graph.nodes, outputs, graph.tensors)
    walk.run(nodes, Scope(env, readers(nodes, outputs), found.opsets))
    about = {"name": spelled(path.stem), "description": f"read from {_printable(path.name)}, {_origin(found)}"}
    data, notes = _arch(rows, [*entries.values()], path)
    return Imported({**about, **data}, (*sizes.notes, *notes), dict(walk.unknown), sized=True)


def _kept(found: Model) -> tuple[Mapping[str, int], AbstractSet[str]]:
    """Return the elements of each tensor that the model keeps, and which of them are params.

    A constant in the graph is one only where there are no initializers: some exporters write weights so.
    """
    tensors = found.graph.tensors
    learned = {name for name, tensor in tensors.items() if tensor.dtype in FLOATS}
    constants = {node.outputs[0]: node.attributes.get("value") for node in _constant_nodes(found)}
    sizes = {name: tensor.elements for name, tensor in constants.items() if tensor is not None and tensor.elements > 1}
    if not learned:
        learned = {name for name, tensor in constants.items() if tensor is not None and tensor.dtype in FLOATS}
        learned &= sizes.keys()
    listed = {name: size if name in learned else 0 for name, size in sizes.items()}
    return {**listed, **{name: tensor.elements for name, tensor in tensors.items()}}, learned


def _constant_nodes(found: Model) -> list[Node]:
    return [node for node in found.graph.nodes if node.op == "Constant" and node.outputs]


def _declared(found: Model, sizes: Sized) -> Mapping[str, tuple[int, ...]]:
    """Return the sizes that the file says outputs have, for what only an unknown operator knows."""
    result: dict[str, tuple[int, ...]] = {}
    for wire in (*found.graph.infos, *found.graph.outputs):
        dims = [sizes.names.get(size, size) if isinstance(size, str) else size for size in wire.dims or ()]
        dims = [1 if not place and isinstance(size, str) else size for place, size in enumerate(dims)]
        known = tuple(size for size in dims if isinstance(size, int) and size > 0)
        if wire.dims and len(known) == len(dims):
            result[wire.name] = known
    return result


def _entered(rows: Rows, dims: tuple[int, ...], wire: Wire) -> Value:
    """Enter an input as a row that is none: the batch of one is left out."""
    drop = 0 if len(dims) > 1 and dims[0] == 1 else None
    value = rows.row("input", [], dims or (1,), drop, 0)
    return value._replace(dims=dims, dtype=wire.dtype)


def _arch(rows: Rows, entries: Sequence[str], path: Path) -> tuple[dict[str, Any], list[str]]:
    """Put the arch together: its input and layers, and what there is to say of them."""
    count = len(entries)
    written = rows.rows[count:]
    if not written:
        raise ImportProblem(path, "nothing in its graph depends on its inputs")
    left = sum(rows.sizes[name] for name in rows.learned if name not in rows.readers)
    for beside, trained in ((rows.extra, {"trained": True}), (left, {})):
        if beside:
            written.append(_constants(beside, count + len(written) - 1, written[-1], trained))
    names = paths(written, count)
    flat = [Flat(name, _data(row, rows), _reads(row, entries)) for name, row in zip(names, written, strict=True)]
    declared = {name: [*row.ours] for name, row in zip(entries, rows.rows, strict=False)}
    read = {source for row in flat for source in row.reads}
    inputs = declared["input"] if entries == ["input"] else {n: sizes for n, sizes in declared.items() if n in read}
    return {"input": inputs, "layers": nested(flat, entries)}, [*_shared(rows, names, count), *_computed(rows)]


def _origin(found: Model) -> str:
    version = found.opsets.get("", found.opsets.get("ai.onnx", 0))
    return f"ONNX opset {version}" + (f", written by {_printable(found.producer)}" if found.producer else "")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:200]


def _constants(count: int, above: int, row: Row, trained: Mapping[str, bool]) -> Row:
    """Make a row of numbers beside the layers: the rest of tables read in part; bounds, factors, what nothing reads."""
    made = Row("Constants", [above], None, row.ours, row.axis)
    made.fields |= {"count": count, **trained}
    return made


def _data(row: Row, rows: Rows) -> dict[str, Any]:
    """Return a row's kind and fields as a file has them: axes count from the last, so that a batch may be in front."""
    fields = dict(row.fields)
    if row.kind in {"Reshape", "Expand", "Operation"} and fields.get("operator") != CONSTANT:
        fields["axes"] = len(rows.rows[row.after[0]].ours)
    if "channel_axis" in fields:
        fields["channel_axis"] -= len(row.ours)
        if fields["channel_axis"] == -1 and row.kind != "Permute":
            del fields["channel_axis"]
    return {"type": row.kind, **fields, **({"shared": row.shared} if row.shared else {})}


def _reads(row: Row, entries: Sequence[str]) -> tuple[Source, ...]:
    """Return what a row reads: rows by number, inputs by name."""
    count = len(entries)
    return tuple(source - count if source >= count else entries[source] for source in row.after)


def _shared(rows: Rows, names: Sequence[tuple[str, ...]], count: int) -> list[str]:
    """Say which initializers several layers use."""
    several = {name: [*dict.fromkeys(found)] for name, found in rows.readers.items() if name in rows.learned}
    several = {name: found for name, found in several.items() if len(found) > 1}
    if not several:
        return []
    total = sum(rows.sizes[name] for name in several)
    name, found = max(several.items(), key=lambda item: rows.sizes[item[0]])
    layers = " and ".join(".".join(names[row - count]) for row in found[:2])
    more = f" and {len(found) - 2} more" if len(found) > 2 else ""  # noqa: PLR2004  (those that are named)
    what = f"{len(several)} initializers are" if len(several) > 1 else "1 initializer is"
    numbers = f"{what} used by several layers and counted once ({total:,} numbers)"
    return [f"{numbers}: {_printable(name)} ({rows.sizes[name]:,}) by {layers}{more}"]


def _computed(rows: Rows) -> list[str]:
    """Say that there are weights which the file does not keep."""
    if not rows.computed:
        return []
    return [f"{rows.computed:,} numbers of weights are no params: the graph computes them, no initializer has them"]
