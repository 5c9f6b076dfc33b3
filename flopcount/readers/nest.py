"""Flat nodes with dotted paths, put into blocks and templates: for `flopcount import` and --save.

A path becomes blocks inside each other if nothing outside a block reads a layer in it
but the last. Otherwise the block is dissolved, and its name goes into those of its layers.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from flopcount.formulas.bits import BIASES
from flopcount.formulas.step import PARAMETERS
from flopcount.network.plan import Node
from flopcount.readers.base import Names, ReadResult, input_labels, sanitized
from flopcount.spec.fields import Layer
from flopcount.spec.problems import TAKEN
from flopcount.spec.write import to_data

Source = int | str
"""An input of a row: another row by its number, or an input by its name."""

LONGEST = 80
"""Names of layers and blocks are cut to this length."""


class Flat(NamedTuple):
    """A row before it is in a block: its path, its kind with the fields, its inputs."""

    path: tuple[str, ...]
    data: Mapping[str, Any]
    reads: tuple[Source, ...]


class _Item(NamedTuple):
    """A layer or a block among its siblings: its name, its rows by number, and what a block consists of."""

    name: str
    rows: range
    entries: tuple[Source, ...] = ()
    items: "tuple[_Item, ...]" = ()


def spelled(name: str) -> str:
    """Return a name that an arch file accepts."""
    return sanitized(name, "_", LONGEST)


def paths(rows: Sequence[Flat], inputs: Sequence[str]) -> list[str]:
    """Return the dotted path of each row in the arch file that `nested` makes."""
    return [*_paths(_Nesting(rows).items(range(len(rows)), 0, inputs))]


def _paths(items: Sequence[_Item], prefix: str = "") -> Iterator[str]:
    for item in items:
        if item.items:
            yield from _paths(item.items, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}"


def document(result: ReadResult) -> dict[str, Any]:
    """Return the data of the arch file of a network: its nodes in blocks."""
    numbers = {node.path: number for number, node in enumerate(result.nodes)}
    rows = [
        Flat(tuple(node.path.split(".")), row_of(node), tuple(numbers.get(path, path) for path in node.inputs))
        for node in result.nodes
    ]
    sizes = {name: [*dims] for name, dims in result.inputs.items()}
    about = {
        "description": result.description,
        "notes": [str(note) for note in result.notes],
        "unknown": dict(result.unknown),
        "fixed_by": result.fixed_by,
        "input": sizes["input"] if [*sizes] == ["input"] else sizes,
        "layout": dict.fromkeys(sorted(result.tokens), "tokens"),
        "precision": _precision(result),
        "layers": nested(rows, [*sizes]),
    }
    return {"name": result.name, **{key: value for key, value in about.items() if value}}


def _precision(result: ReadResult) -> dict[str, Any]:
    """Return the table of the bits that a file gives: the most frequent, and those of layers that differ."""
    if not result.bits and not any(node.bits for node in result.nodes):
        return {}
    rows = {name: {"activations": result.bits.get(name, 32)} for name in result.inputs}
    rows |= {node.path: _bits(node) for node in result.nodes}
    found = {name: Counter(row[name] for row in rows.values() if name in row) for name in _BITS}
    base = {name: counts.most_common(1)[0][0] for name, counts in found.items() if counts}
    base |= {"biases": base["weights"]} if "weights" in base and "biases" not in base else {}
    layers = {path: {name: row[name] for name in row if row[name] != base[name]} for path, row in rows.items()}
    layers = {path: row for path, row in layers.items() if row}
    return {**{name: bits for name, bits in base.items() if bits}, **({"layers": layers} if layers else {})}


_BITS = ("weights", "biases", "activations", "group", "scales", "zero_points")


def _bits(node: Node) -> dict[str, int]:
    """Return the bits of a layer by their names in a table."""
    weights = [bits for name, bits in node.bits.items() if name in PARAMETERS and name not in BIASES]
    biases = [bits for name, bits in node.bits.items() if name in BIASES]
    groups = {name: node.bits[name] for name in ("group", "scales", "zero_points") if name in node.bits}
    params = {
        **({"weights": max(weights), "group": 0} if weights else {}),
        **({"biases": max(biases)} if biases else {}),
    }
    return {**params, "activations": node.bits.get("activation", 32), **groups}


def row_of(node: Node) -> dict[str, Any]:
    """Return a node's kind and the fields that are set, as a file has them."""
    layer = node.layer
    fields = {key: getattr(layer, key) for key in type(layer).model_fields if key in layer.model_fields_set}
    return {"type": node.kind, **{key: to_data(value) for key, value in fields.items()}}


def batched(data: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """Return the data of an arch file with a batch in front of every input, which its first rows make copies."""
    inputs = data["input"] if isinstance(data["input"], Mapping) else {"input": data["input"]}
    taken = Names((*inputs, *(layer["name"] for layer in data["layers"])))
    names = {name: taken.fresh(f"{name}_batch" if len(inputs) > 1 else "batch") for name in inputs}
    sizes = {name: [batch, *dims] for name, dims in inputs.items()}
    rows = [
        {
            "name": names[name],
            "after": [name],
            "type": "Reshape",
            "size": dims,
            "axes": len(dims),
            "channel_axis": 1 - len(dims),
        }
        for name, dims in sizes.items()
    ]
    first, *rest = data["layers"]
    layers = [
        {**layer, **({"after": [names.get(each, each) for each in layer["after"]]} if "after" in layer else {})}
        for layer in ({"after": [next(iter(inputs))], **first}, *rest)
    ]
    return {**data, "input": sizes["input"] if [*sizes] == ["input"] else sizes, "layers": [*rows, *layers]}


def nested(rows: Sequence[Flat], inputs: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows as the layers of an arch file."""
    items = _Nesting(rows).items(range(len(rows)), 0, inputs)
    return _written(items, rows, {name: name for name in inputs}, inputs[0])


def _written(
    items: Sequence[_Item], rows: Sequence[Flat], known: Mapping[Source, str], above: Source
) -> list[dict[str, Any]]:
    """Return layers and blocks; what each reads is written if it is not the one above."""
    names, result = dict(known), list[dict[str, Any]]()
    for item in items:
        row = rows[item.rows[0]]
        reads = item.entries if item.items else row.reads
        after = {} if reads == (above,) else {"after": [names[source] for source in reads]}
        body = row.data
        if item.items:
            inner = dict(zip(item.entries, input_labels(len(item.entries)), strict=True))
            body = {"type": "Block", "layers": _written(item.items, rows, inner, item.entries[0])}
        result.append({"name": item.name, **after, **body})
        above = item.rows[-1]
        names[above] = item.name
    return result


class _Nesting:
    """All rows with their paths and readers."""

    def __init__(self, rows: Sequence[Flat]) -> None:
        self.rows = rows
        self.paths = [tuple(map(spelled, row.path)) for row in rows]
        self.last_reader = {source: number for number, row in enumerate(rows) for source in row.reads}

    def items(self, rows: range, depth: int, entries: Sequence[str]) -> tuple[_Item, ...]:
        """Return the layers and blocks of a stretch, each with a name of its own."""
        taken = Names((*entries, "input"))
        return tuple(self.item(name, found, depth, taken) for name, found, depth in self.stretches(rows, depth))

    def item(self, name: str, rows: range, depth: int, taken: Names) -> _Item:
        """Return a layer, or a block with its items; inside it, what it reads is named input, input2 and so on."""
        name = taken.fresh(name)
        if len(rows) == 1 and len(self.paths[rows[0]]) <= depth + 1:
            return _Item(name, rows)
        entries = tuple(dict.fromkeys(self.outside(rows)))
        return _Item(name, rows, entries, self.items(rows, depth + 1, input_labels(len(entries))))

    def outside(self, rows: range) -> Iterator[Source]:
        """Return the inputs of a stretch of rows from outside."""
        sources = (source for number in rows for source in self.rows[number].reads)
        return (source for source in sources if not isinstance(source, int) or source < rows.start)

    def stretches(self, rows: range, depth: int) -> Iterator[tuple[str, range, int]]:
        """Yield the name, rows and depth of each layer and block; what cannot be a block is dissolved."""
        for _, numbers in groupby(rows, key=lambda number: self.group(number, depth)):
            found = [*numbers]
            stretch = range(found[0], found[-1] + 1)
            path = self.paths[stretch[0]]
            if len(path) <= depth + 1 or self.closed(stretch):
                yield path[depth], stretch, depth
                continue
            for number in stretch:
                old = self.paths[number]
                self.paths[number] = (*old[:depth], f"{old[depth]}_{old[depth + 1]}"[:LONGEST], *old[depth + 2 :])
            yield from self.stretches(stretch, depth)

    def group(self, number: int, depth: int) -> tuple[str, int]:
        """Return the name that rows of one block share; a layer outside blocks has none."""
        path = self.paths[number]
        return path[depth], -1 if len(path) > depth + 1 else number

    def closed(self, rows: range) -> bool:
        """Tell whether nothing outside reads a row of a stretch but its last, and the stretch reads something."""
        inside = all(self.last_reader.get(number, -1) < rows.stop for number in rows[:-1])
        return inside and next(self.outside(rows), None) is not None


Row = dict[str, Any]
Place = tuple[str | int, ...]

FEWEST = 2
"""The fewest uses and rows that a template needs."""

_RESERVED = (*TAKEN, *Layer.model_fields)
_NOT_A_NAME = re.compile(r"[^a-z0-9_]")


def folded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with templates for blocks that differ in numbers only: their arguments. Paths stay the same."""
    layers, templates = [*data["layers"]], dict[str, Any](data.get("templates", {}))
    while group := _largest(layers):
        name = Names(templates).fresh(_template_name(group))
        templates[name] = _template(group, name)
    return {**data, "layers": layers, **({"templates": templates} if templates else {})}


_Block = tuple[Row, str]
"""A block in the file, with the name of the block around it."""


def _largest(layers: Sequence[Row]) -> list[_Block]:
    """Return the blocks of the structure that saves most; none if no structure occurs twice."""
    groups: dict[str, list[_Block]] = {}
    for block in _blocks(layers, ""):
        groups.setdefault(_structure(block[0]["layers"]), []).append(block)
    found = [group for group in groups.values() if len(group) >= FEWEST and _rows(group[0][0]) >= FEWEST]
    return max(found, key=lambda group: (len(group) - 1) * _rows(group[0][0]), default=[])


def _blocks(layers: Sequence[Row], around: str) -> Iterator[_Block]:
    for layer in layers:
        if layer["type"] == "Block":
            yield layer, around
            yield from _blocks(layer["layers"], layer["name"] if not layer["name"].isdigit() else around)


def _rows(layer: Row) -> int:
    return sum(_rows(each) for each in layer["layers"]) if layer["type"] == "Block" else 1


def _structure(value: Any) -> str:
    """Write data with a dot in place of each number that may differ."""
    if isinstance(value, Mapping):
        parts = (f"{key}:{value[key] if key == 'shared' else _structure(value[key])}" for key in value)
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_structure, value)) + "]"
    return "." if _is_hole(value) else repr(value)


def _is_hole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _holes(value: Any, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """Yield the numbers in data with their places."""
    if isinstance(value, Mapping):
        for key in value:
            if key != "shared":
                yield from _holes(value[key], (*place, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _holes(each, (*place, index))
    elif _is_hole(value):
        yield place, value


def _template(group: Sequence[_Block], name: str) -> dict[str, Any]:
    """Turn blocks into a template and its uses."""
    blocks = [block for block, _ in group]
    columns = [dict(_holes(block["layers"])) for block in blocks]
    arguments, named, taken = dict[tuple[int, ...], str](), dict[Place, str](), Names(_RESERVED)
    for place in columns[0]:
        values = tuple(column[place] for column in columns)
        if len({*values}) > 1:
            if values not in arguments:
                arguments[values] = taken.fresh(_argument(place, blocks[0]["layers"]))
            named[place] = arguments[values]
    body = _with(blocks[0]["layers"], named)
    for number, block in enumerate(blocks):
        given = {argument: values[number] for values, argument in arguments.items()}
        kept: Row = {key: block[key] for key in ("name", "after") if key in block}
        block.clear()
        block.update({**kept, "type": name, **given})
    return {**({"required": [*arguments.values()]} if arguments else {}), "layers": body}


def _argument(place: Place, layers: Any) -> str:
    """Name an argument after its field, and after the layer unless the field is a general one."""
    field = [key for key in place if isinstance(key, str)][-1]
    if field in {"out_channels", "out_features", "stride"}:
        return field
    name, inner = "", layers
    for key in place:
        if isinstance(inner, Mapping) and "name" in inner:
            name = f"{inner['name']}_"
        inner = inner[key]
    words = _NOT_A_NAME.sub("_", f"{name}{field}".lower()).strip("_")
    return words if words and not words[0].isdigit() else f"at_{words}"


def _with(value: Any, named: Mapping[Place, str], place: Place = ()) -> Any:
    """Return data with arguments in the places of numbers."""
    if isinstance(value, Mapping):
        return {key: _with(each, named, (*place, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_with(each, named, (*place, index)) for index, each in enumerate(value)]
    return named.get(place, value)


def _template_name(group: Sequence[_Block]) -> str:
    """Name a template after its uses, or after the block around them."""
    (block, around), names = group[0], {each["name"] for each, _ in group}
    word = block["name"] if len(names) == 1 and not block["name"].isdigit() else around
    base = _NOT_A_NAME.sub("_", (word or block["name"]).lower()).strip("_0123456789") or "block"
    return base if base.endswith("block") else f"{base}_block"
