"""What a network is made of once everything is settled: the kinds, fields, connections and shapes that were counted."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from flopcount.counting.frames import Given
from flopcount.counting.trace import Memo, Trace, settled
from flopcount.schema.layers import kind_named

VERSION = 1
"""Which way of writing a network is hashed; another way is another number."""


class Item(NamedTuple):
    """A layer as it was counted: `fields` are the values its formula was given, computed and scaled."""

    path: str
    kind: str
    fields: Mapping[str, Any]
    inputs: tuple[str, ...]
    output: tuple[int, ...]

    @property
    def is_named(self) -> bool:
        """Whether the layer has a name of its own; else its path ends with its kind and its place."""
        last = self.path.rpartition(".")[2]
        return not (last.startswith(self.kind) and last.removeprefix(self.kind).isdecimal())


def inventory(traced: Trace, given: Given | None = None) -> Iterator[Item]:
    """Yield every layer of a network in the order of the computation; `given` is what it was walked with."""
    shapes = {**traced.inputs, **{path: step.shape for path, step in traced.steps.items()}}
    memo: Memo = {}
    for node, step in traced.items():
        fields = settled(node, given or {}, shapes, memo)
        yield Item(node.path, node.kind, fields, node.inputs, _sizes(step.shape.dims))


def fingerprint(traced: Trace, given: Given | None = None) -> str:
    """Return the hash of what was counted: the inputs, and each layer's path, kind, fields, connections and output.

    Fields that have their default are left out: whether a file writes them makes
    no difference, nor does a later version that knows more fields.
    """
    layers = [_canonical(item) for item in inventory(traced, given)]
    inputs = {name: _sizes(shape.dims) for name, shape in traced.inputs.items()}
    counted = {"version": VERSION, "inputs": inputs, "layers": layers}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{sha256(text.encode('ascii')).hexdigest()}"


def _canonical(item: Item) -> list[Any]:
    known = kind_named(item.kind).model_fields
    fields = {name: value for name, value in item.fields.items() if name not in known or known[name].default != value}
    return [item.path, item.kind, fields, item.inputs, item.output]


def _sizes(dims: tuple[object, ...]) -> tuple[int, ...]:
    return tuple(int(str(size)) for size in dims)
