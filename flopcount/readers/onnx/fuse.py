"""Pattern fusion: GELU, SiLU and layer norms, which exporters write as several nodes, become one node.

A pattern is matched backwards from its last node, and only if nothing outside reads a
tensor inside it. Constants are compared loosely, since they are written in any precision.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from flopcount.readers.onnx.file import NodeProto, TensorProto

CLOSE = 1e-2

_NOTHING = NodeProto("", "", "", (), (), {})
"""Stands for a node that does not match."""


class _Graph(NamedTuple):
    """The nodes by their outputs, and how often each name is read."""

    makers: Mapping[str, NodeProto]
    reads: Mapping[str, int]
    tensors: Mapping[str, TensorProto]

    def maker(self, name: str, *operators: str) -> NodeProto:
        """Return the node that makes a name if it is one of the operators."""
        node = self.makers.get(name, _NOTHING)
        return node if name and node.op in operators and not node.domain else _NOTHING

    def sole(self, name: str, *operators: str) -> NodeProto:
        """Return the node that makes a name if it is one of the operators, and one node alone reads the name."""
        return self.maker(name, *operators) if self.reads.get(name, 0) == 1 else _NOTHING

    def number(self, name: str) -> float | None:
        """Return the number that a name stands for if it is a constant of one element."""
        node = self.maker(name, "Constant", "Cast", "Identity")
        if node.op in {"Cast", "Identity"}:
            return self.number(_first(node))
        if "value_float" in node.attributes:
            return float(node.attributes["value_float"])
        tensor = node.attributes.get("value") if node.op else self.tensors.get(name)
        if not isinstance(tensor, TensorProto) or tensor.elements != 1:
            return None
        return (tensor.numbers() or (None,))[0]

    def beside(self, node: NodeProto, number: float) -> str:
        """Return the input of a node beside a constant close to a number; "" if there is none."""
        for name, other in _pairs(node):
            if abs((self.number(other) or 0) - number) < CLOSE:
                return name
        return ""


def _first(node: NodeProto) -> str:
    return node.inputs[0] if node.inputs else ""


def _pairs(node: NodeProto) -> Iterator[tuple[str, ...]]:
    """Yield the two inputs of a node in both orders; nothing if it does not have two."""
    if len(node.inputs) == 2:  # noqa: PLR2004  (two inputs)
        yield from (node.inputs, node.inputs[::-1])


class Match(NamedTuple):
    """The node that a pattern is, and the nodes that it replaces."""

    op: str
    inputs: tuple[str, ...]
    gone: tuple[NodeProto, ...]
    attributes: Mapping[str, int] = {}


Pattern = Callable[[_Graph, NodeProto], Match | None]


def gelu(graph: _Graph, last: NodeProto) -> Match | None:
    """x · (1 + erf(x / √2)) · ½, the products in the orders that exporters write."""  # noqa: D403  (a formula)
    for other, name in _pairs(last):
        product = graph.sole(name, "Mul")
        for x, half, rest in permutations((other, *product.inputs), 3):
            is_half = abs((graph.number(half) or 0) - 0.5) < CLOSE
            found = _one_and_erf(graph, rest, x) if is_half and x != other else ()
            if found:
                return Match("Gelu", (x,), (product, *found))
    return None


def _one_and_erf(graph: _Graph, name: str, x: str) -> tuple[NodeProto, ...]:
    """Return the nodes of 1 + erf(x / √2)."""
    added = graph.sole(name, "Add")
    erf = graph.sole(graph.beside(added, 1.0), "Erf")
    scaled = graph.sole(_first(erf), "Div", "Mul")
    source = graph.beside(scaled, 2**0.5 if scaled.op == "Div" else 0.5**0.5)
    return (added, erf, scaled) if source == x else ()


def silu(graph: _Graph, last: NodeProto) -> Match | None:
    """x · sigmoid(x)."""  # noqa: D403  (a formula)
    for x, other in _pairs(last):
        gate = graph.sole(other, *_GATED)
        if gate.op and _first(gate) == x:
            return Match(_GATED[gate.op], (x,), (gate,))
    return None


_GATED = {"Sigmoid": "Swish", "HardSigmoid": "HardSwish"}
"""Gates, each with the operator that is their product with their input."""


def mish(graph: _Graph, last: NodeProto) -> Match | None:
    """x · tanh(softplus(x))."""  # noqa: D403  (a formula)
    for x, other in _pairs(last):
        tanh = graph.sole(other, "Tanh")
        plus = graph.sole(_first(tanh), "Softplus")
        if plus.op and _first(plus) == x:
            return Match("Mish", (x,), (tanh, plus))
    return None


def hard_swish(graph: _Graph, last: NodeProto) -> Match | None:
    """x · clip(x + 3, 0, 6) / 6."""  # noqa: D403  (a formula)
    product = graph.sole(graph.beside(last, 6.0 if last.op == "Div" else 1 / 6), "Mul")
    for x, other in _pairs(product):
        clip = graph.sole(other, "Clip")
        added = graph.maker(_first(clip), "Add")
        if added.op and graph.beside(added, 3.0) == x:
            return Match("HardSwish", (x,), (product, clip, added))
    return None


def layer_norm(graph: _Graph, last: NodeProto) -> Match | None:
    """(x − mean) / √(mean of squares + ε), over the last axis; scale and shift follow."""
    centered, root = (graph.maker(name, op) for name, op in zip(last.inputs, ("Sub", "Sqrt"), strict=False))
    added = graph.sole(_first(root), "Add") if graph.reads.get(last.inputs[1]) == 1 else _NOTHING
    mean = graph.maker(centered.inputs[1], "ReduceMean") if centered.op else _NOTHING
    for name, _ in _pairs(added):
        variance = graph.maker(name, "ReduceMean")
        power = graph.maker(_first(variance), "Pow", "Mul")
        squares = [square for square in power.inputs if centered.op and graph.maker(square, "Sub") is centered]
        whole = graph.reads.get(last.inputs[0], 0) == 1 + len(squares)
        last_axis = _over_last_axis(graph, mean) and _over_last_axis(graph, variance)
        if squares and whole and last_axis and _first(mean) == _first(centered):
            gone = (centered, root, added, variance, power, mean)
            return Match("LayerNormalization", (_first(centered),), gone, {"axis": -1})
    return None


def _over_last_axis(graph: _Graph, node: NodeProto) -> bool:
    """Tell whether a mean is over the last axis, counted from the last."""
    return node.attributes.get("axes") == (-1,) or any(graph.number(axes) == -1 for axes in node.inputs[1:2])


def affine(graph: _Graph, last: NodeProto) -> Match | None:
    """Take the factor and the term after a layer norm without parameters for its scale and shift."""
    for name, shift in _pairs(last):
        scaled = graph.sole(name, "Mul")
        for inner, scale in _pairs(scaled):
            norm = graph.sole(inner, "LayerNormalization")
            if len(norm.inputs) == 1 and {scale, shift} <= graph.tensors.keys():
                return Match("LayerNormalization", (_first(norm), scale, shift), (scaled, norm), {"axis": -1})
    return None


PATTERNS: Mapping[str, tuple[Pattern, ...]] = {
    "Mul": (gelu, silu, mish, hard_swish),
    "Div": (hard_swish, layer_norm),
    "Add": (affine,),
}
"""The patterns by their last operator."""

_STARTS = frozenset(("Erf", "Sigmoid", "HardSigmoid", "Softplus", "Clip", "ReduceMean"))
"""Operators of which every pattern has one; `affine` follows another pattern."""


def _is_closed(match: Match, last: NodeProto, reads: Mapping[str, int]) -> bool:
    """Tell whether nothing outside a pattern reads a tensor inside it."""
    inner = [name for node in (*match.gone, last) for name in node.inputs]
    return all(inner.count(name) == reads.get(name, 0) for node in match.gone for name in node.outputs)


def fused(
    nodes: Sequence[NodeProto], outputs: Iterable[str], tensors: Mapping[str, TensorProto]
) -> Sequence[NodeProto]:
    """Return the nodes with each pattern as one node, in the place of its last."""
    if not any(node.op in _STARTS for node in nodes):
        return nodes
    reads: dict[str, int] = {}
    for name in (*(name for node in nodes for name in node.inputs), *outputs, *outputs):
        reads[name] = reads.get(name, 0) + 1
    makers = {name: node for node in nodes for name in node.outputs}
    graph, gone, result = _Graph(makers, reads, tensors), set[int](), list[NodeProto]()
    for node in nodes:
        patterns = PATTERNS.get(node.op, ()) if len(node.inputs) == 2 else ()  # noqa: PLR2004  (two inputs)
        match = next((found for pattern in patterns if (found := pattern(graph, node))), None)
        if match is None or gone & {*map(id, match.gone)} or not _is_closed(match, node, reads):
            result.append(node)
            continue
        gone |= {*map(id, match.gone)}
        result.append(node._replace(op=match.op, inputs=match.inputs, attributes=dict(match.attributes)))
        makers[node.outputs[0]] = result[-1]
    return [node for node in result if id(node) not in gone]
