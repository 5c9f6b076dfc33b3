"""An ONNX model as values: its graph, functions and tensors, of which the data is read only on demand.

The field numbers are those of onnx.proto.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flopcount.readers.onnx.wire import (
    Found,
    Message,
    Tensor,
    WireError,
    fields_of,
    floats_of,
    number_of,
    numbers_of,
    spans_of,
    sparse_of,
    tensor_of,
    text_of,
    texts_of,
)

MOST_NODES = 100_000
"""A graph of more nodes, functions unfolded, is refused."""


class Reference(NamedTuple):
    """An attribute in a function that takes its value from where the function is used."""

    name: str


class Body(NamedTuple):
    """A graph inside a node, as a branch or a loop has one; it is not read."""

    graph: Message


class Node(NamedTuple):
    """One operation: what it is, what it reads and writes."""

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    scopes: str = ""

    @property
    def operator(self) -> str:
        """The operator, with its domain unless it is the standard one."""
        return f"{self.domain}.{self.op}" if self.domain not in STANDARD else self.op


class Wire(NamedTuple):
    """What enters or leaves a graph: sizes are numbers, names, or unknown; None if there is no tensor type."""

    name: str
    dims: tuple[int | str, ...] | None
    dtype: int


class Graph(NamedTuple):
    """The nodes of a model with what they read."""

    name: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]
    infos: tuple[Wire, ...] = ()


class Function(NamedTuple):
    """A function of a model: nodes under a name, with parameters."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    defaults: Mapping[str, Any]
    opsets: Mapping[str, int]


class Model(NamedTuple):
    """An ONNX model."""

    graph: Graph
    opsets: Mapping[str, int]
    functions: Mapping[tuple[str, str], Function]
    producer: str


STANDARD = frozenset(("", "ai.onnx"))

_SMALL = 2**13
"""What has at most so many bytes is read in one piece: a node without weights, a small tensor."""


def model(message: Message) -> Model:
    """Read a model; a WireError says that it is none."""
    found = fields_of(message)
    if not spans_of(found, 7):
        raise WireError("there is no graph in it")
    functions = {_function_key(each): _function(each) for each in map(fields_of, spans_of(found, 25))}
    return Model(graph(spans_of(found, 7)[-1]), _opsets(spans_of(found, 8)), functions, text_of(found, 2))


def _opsets(messages: list[Message]) -> Mapping[str, int]:
    return {text_of(found, 1): number_of(found, 2) for found in map(fields_of, messages)}


def _function_key(found: Found) -> tuple[str, str]:
    return text_of(found, 10), text_of(found, 1)


def _function(found: Found) -> Function:
    defaults = dict(map(_attribute, spans_of(found, 11)))
    nodes = tuple(map(_node, spans_of(found, 7)))
    return Function(texts_of(found, 4), texts_of(found, 5), nodes, defaults, _opsets(spans_of(found, 9)))


def _whole(message: Message) -> Message:
    """Read what is small in one piece."""
    return message if message.end - message.start > _SMALL else message.read()


def graph(message: Message) -> Graph:
    """Read a graph: that of a model, or of a branch."""
    found = fields_of(message)
    if len(found.get(1, [])) > MOST_NODES:
        raise WireError(f"more than {MOST_NODES} nodes")
    tensors = [*(tensor_of(_whole(each)) for each in spans_of(found, 5)), *map(sparse_of, spans_of(found, 15))]
    inputs, outputs, infos = (tuple(map(_wire, map(_whole, spans_of(found, number)))) for number in (11, 12, 13))
    nodes = tuple(_node(_whole(each)) for each in spans_of(found, 1))
    return Graph(text_of(found, 2), nodes, {each.name: each for each in tensors}, inputs, outputs, infos)


def _node(message: Message) -> Node:
    found = fields_of(message)
    return Node(
        op=text_of(found, 4),
        domain=text_of(found, 7),
        name=text_of(found, 3),
        inputs=texts_of(found, 1),
        outputs=texts_of(found, 2),
        attributes=dict(map(_attribute, spans_of(found, 5))),
        scopes=_scopes(spans_of(found, 9)),
    )


def _scopes(entries: list[Message]) -> str:
    """Return the modules a node is in, where PyTorch's exporter says so."""
    for found in map(fields_of, entries):
        if text_of(found, 1) == "pkg.torch.onnx.name_scopes":
            return text_of(found, 2)
    return ""


def _attribute(message: Message) -> tuple[str, Any]:
    found = fields_of(message)
    name = text_of(found, 1)
    if 21 in found:  # noqa: PLR2004  (ref_attr_name)
        return name, Reference(text_of(found, 21))
    kind = number_of(found, 20) or next((kind for kind, field in _PLAIN.items() if field in found), 0)
    return name, _VALUES[kind](message, found) if kind in _VALUES else None


_PLAIN: Mapping[int, int] = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9}
"""For a type of attribute, the field that holds it: files from before there were types have only the field."""

_VALUES: Mapping[int, Callable[[Message, Found], Any]] = {
    1: lambda message, _: (*floats_of(message, 2), 0.0)[0],
    2: lambda _, found: number_of(found, 3),
    3: lambda _, found: text_of(found, 4),
    4: lambda _, found: tensor_of(*spans_of(found, 5)[:1]) if spans_of(found, 5) else None,
    5: lambda _, found: Body(*spans_of(found, 6)[:1]) if spans_of(found, 6) else None,
    6: lambda message, _: floats_of(message, 7),
    7: lambda _, found: numbers_of(found, 8),
    8: lambda _, found: texts_of(found, 9),
}


def _wire(message: Message) -> Wire:
    """Read the type of an input or output."""
    found = fields_of(message)
    name = text_of(found, 1)
    for kind in map(fields_of, spans_of(found, 2)):
        for dense in map(fields_of, spans_of(kind, 1)):
            shapes = spans_of(dense, 2)
            dims = tuple(_dim(each) for each in spans_of(fields_of(shapes[-1]), 1)) if shapes else None
            return Wire(name, dims, number_of(dense, 1))
    return Wire(name, None, 0)


def _dim(message: Message) -> int | str:
    found = fields_of(message)
    return number_of(found, 1) if 1 in found else text_of(found, 2)
