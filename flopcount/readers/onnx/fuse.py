"""Pattern fusion: activations and layer norms, which exporters write as several nodes, become one node.

A pattern is matched backwards from its last node, and only if nothing outside reads a
tensor inside it. Constants are compared loosely, since they are written in any precision.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.readers.onnx.file import NodeProto, TensorProto

Pattern = str | float | tuple[Any, ...]
"""A tensor with a name, a constant, or an operator with a pattern for each input; dots stand for further inputs."""

Found = tuple[Mapping[str, str], tuple[NodeProto, ...]]
"""The tensors that the names of a pattern stand for, and the nodes of the pattern, the last node first."""


class Fusion(NamedTuple):
    """An operator, its inputs (initializers after the first), the pattern that it replaces, and its attributes."""

    op: str
    inputs: tuple[str, ...]
    pattern: Pattern
    attributes: Mapping[str, int] = {}


_ERFS: tuple[Pattern, ...] = (("Div", "x", 2**0.5), ("Mul", "x", 0.5**0.5))
_SUMS: list[Pattern] = [("Add", ("Erf", erf), 1.0) for erf in _ERFS]
_CLIP: Pattern = ("Mul", "x", ("Clip", ("Add", "x", 3.0), ...))
_CENTERED: Pattern = ("Sub", "x", ("ReduceMean", "x", ...))
_VARIANCES: list[Pattern] = [("ReduceMean", (op, _CENTERED, "other"), ...) for op in ("Pow", "Mul")]
_NORMS: list[Pattern] = [("Div", _CENTERED, ("Sqrt", ("Add", each, "epsilon"))) for each in _VARIANCES]
_AFFINE: Pattern = ("Add", ("Mul", ("LayerNormalization", "x"), "scale"), "shift")

FUSIONS = (
    *(Fusion("Gelu", ("x",), ("Mul", ("Mul", "x", added), 0.5)) for added in _SUMS),
    *(Fusion("Gelu", ("x",), ("Mul", ("Mul", "x", 0.5), added)) for added in _SUMS),
    Fusion("Swish", ("x",), ("Mul", "x", ("Sigmoid", "x"))),
    Fusion("HardSwish", ("x",), ("Mul", "x", ("HardSigmoid", "x", ...))),
    Fusion("Mish", ("x",), ("Mul", "x", ("Tanh", ("Softplus", "x")))),
    Fusion("HardSwish", ("x",), ("Mul", _CLIP, 1 / 6)),
    Fusion("HardSwish", ("x",), ("Div", _CLIP, 6.0)),
    *(Fusion("LayerNormalization", ("x",), norm, {"axis": -1}) for norm in _NORMS),
    Fusion("LayerNormalization", ("x", "scale", "shift"), _AFFINE, {"axis": -1}),
)
"""What is fused; the last takes the factor and the term after a layer norm for its scale and shift."""

_STARTS = frozenset(("Erf", "Sigmoid", "HardSigmoid", "Softplus", "Clip", "ReduceMean"))
"""Operators of which every pattern has one; `_AFFINE` follows another pattern."""


class _Nodes(NamedTuple):
    """The nodes by their outputs, and the initializers."""

    makers: Mapping[str, NodeProto]
    tensors: Mapping[str, TensorProto]

    def number(self, name: str) -> float:
        """Return the number that a name stands for, 0 unless it is a constant of one element."""
        node = self.makers.get(name)
        if node is not None and node.operator in {"Cast", "Identity"} and node.inputs:
            return self.number(node.inputs[0])
        if node is not None and node.operator != "Constant":
            return 0
        found = self.tensors.get(name) if node is None else node.attributes.get("value")
        if node is not None and "value_float" in node.attributes:
            return float(node.attributes["value_float"])
        return (found.numbers() or (0,))[0] if isinstance(found, TensorProto) and found.elements == 1 else 0

    def found(self, pattern: object, name: str, names: Mapping[str, str]) -> Iterator[Found]:
        """Yield each way to match a tensor with a pattern, given what its names stand for already."""
        if isinstance(pattern, str) and names.get(pattern, name) == name:
            yield {**names, pattern: name}, ()
        elif isinstance(pattern, float) and abs(self.number(name) - pattern) < 1e-2:  # noqa: PLR2004  (close enough)
            yield names, ()
        elif isinstance(pattern, tuple):
            node = self.makers.get(name)
            if node is not None and node.operator == pattern[0] and _has_its_axis(self, node):
                yield from self.inside(pattern[1:], node, names)

    def inside(self, parts: tuple[object, ...], node: NodeProto, names: Mapping[str, str]) -> Iterator[Found]:
        """Yield each way to match the inputs of a node, those of a sum or a product in both orders."""
        wanted = [part for part in parts if part is not ...]
        if len(node.inputs) < len(wanted) or (len(node.inputs) > len(wanted) and ... not in parts):
            return
        orders = (node.inputs, node.inputs[::-1]) if node.op in {"Add", "Mul"} else (node.inputs,)
        for first, *others in orders:
            for known, nodes in self.found(wanted[0], first, names):
                rest = self.found(wanted[1], others[0], known) if len(wanted) > 1 else iter([(known, ())])
                yield from ((both, (node, *nodes, *more)) for both, more in rest)


def _has_its_axis(nodes: _Nodes, node: NodeProto) -> bool:
    """Tell whether a mean is over the last axis, counted from the last; other operators have no axis."""
    is_last = node.attributes.get("axes") == (-1,) or any(nodes.number(axes) == -1 for axes in node.inputs[1:2])
    return node.op != "ReduceMean" or is_last


def _inner(nodes: Sequence[NodeProto], reads: Mapping[str, int]) -> dict[int, NodeProto] | None:
    """Return the nodes of a pattern before its last by their id; None if anything outside reads a tensor inside."""
    unique = {id(node): node for node in nodes}
    inner = [name for node in unique.values() for name in node.inputs]
    del unique[id(nodes[0])]
    closed = all(inner.count(name) == reads[name] for node in unique.values() for name in node.outputs)
    return unique if closed else None


def fused(
    nodes: Sequence[NodeProto], outputs: Iterable[str], tensors: Mapping[str, TensorProto]
) -> Sequence[NodeProto]:
    """Return the nodes with each pattern as one node, in the place of its last."""
    if not any(node.op in _STARTS for node in nodes):
        return nodes
    reads = Counter((*(name for node in nodes for name in node.reads), *outputs, *outputs))
    makers = {name: node for node in nodes for name in node.outputs}
    graph, gone, result = _Nodes(makers, tensors), set[int](), list[NodeProto]()
    for node in nodes:
        result.append(node)
        for fusion, names, inside in _matches(graph, node):
            replaced, read = _inner(inside, reads), [names[name] for name in fusion.inputs]
            if replaced is None or gone & replaced.keys() or not tensors.keys() >= {*read[1:]}:
                continue
            gone |= replaced.keys()
            result[-1] = node._replace(op=fusion.op, inputs=tuple(read), attributes=dict(fusion.attributes))
            makers[node.outputs[0]] = result[-1]
            break
    return [node for node in result if id(node) not in gone]


def _matches(graph: _Nodes, last: NodeProto) -> Iterator[tuple[Fusion, Mapping[str, str], tuple[NodeProto, ...]]]:
    """Yield the fusions whose pattern ends with a node."""
    for fusion in FUSIONS if last.outputs and last.op in {"Add", "Mul", "Div"} else ():
        for names, nodes in graph.found(fusion.pattern, last.outputs[0], {}):
            yield fusion, names, nodes
