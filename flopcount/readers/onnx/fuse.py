"""Several nodes that are one function: GELU, SiLU and layer norms as exporters spell them out.

A pattern is matched backwards from its last node, and only where nothing outside
reads what is between. Constants are compared loosely: they are written in any
precision.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from flopcount.readers.onnx.graph import Node
from flopcount.readers.onnx.wire import Tensor

CLOSE = 1e-2


class _Graph(NamedTuple):
    """The nodes by what they make, and how often each name is read."""

    makers: Mapping[str, Node]
    reads: Mapping[str, int]
    tensors: Mapping[str, Tensor]

    def maker(self, name: str, *operators: str) -> Node | None:
        """Return the node that makes a name, if it is one of some operators."""
        node = self.makers.get(name)
        return node if node is not None and node.op in operators and not node.domain else None

    def alone(self, name: str) -> bool:
        """Tell whether one node alone reads a name."""
        return self.reads.get(name, 0) == 1

    def number(self, name: str) -> float | None:
        """Return the number that a name stands for, if it is a constant of one."""
        node = self.maker(name, "Constant", "Cast", "Identity")
        if node is not None and node.op != "Constant":
            return self.number(node.inputs[0]) if node.inputs else None
        tensor = node.attributes.get("value") if node is not None else self.tensors.get(name)
        if node is not None and "value_float" in node.attributes:
            return float(node.attributes["value_float"])
        if not isinstance(tensor, Tensor) or tensor.elements != 1:
            return None
        return (tensor.numbers() or (None,))[0]

    def with_number(self, node: Node, *numbers: float) -> str | None:
        """Return the other input of a node with two, one of which is a number close to one of some."""
        for name, other in (node.inputs, node.inputs[::-1]):
            found = self.number(other)
            if found is not None and any(abs(found - number) < CLOSE for number in numbers):
                return name
        return None


class Match(NamedTuple):
    """What a pattern stands for, and the nodes it takes the place of."""

    op: str
    inputs: tuple[str, ...]
    gone: tuple[Node, ...]
    attributes: Mapping[str, int] = {}


Pattern = Callable[[_Graph, Node], Match | None]


def _two(node: Node) -> bool:
    return len(node.inputs) == 2  # noqa: PLR2004  (two inputs)


def gelu(graph: _Graph, last: Node) -> Match | None:
    """X · (1 + erf(x / √2)) · ½, in any order of the products."""
    if last.op != "Mul" or not _two(last):
        return None
    for one, other in (last.inputs, last.inputs[::-1]):
        halved = graph.with_number(last, 0.5)
        if halved is not None:
            product = graph.maker(halved, "Mul")
            if product is None or not graph.alone(halved) or not _two(product):
                return None
            for x, rest in (product.inputs, product.inputs[::-1]):
                found = _one_and_erf(graph, rest, x)
                if found:
                    return Match("Gelu", (x,), (product, *found))
        half = graph.maker(one, "Mul")
        source = graph.with_number(half, 0.5) if half is not None and _two(half) and graph.alone(one) else None
        found = _one_and_erf(graph, other, source) if source is not None else ()
        if half is not None and source is not None and found:
            return Match("Gelu", (source,), (half, *found))
    return None


def _one_and_erf(graph: _Graph, name: str, x: str) -> tuple[Node, ...]:
    """Return the nodes of 1 + erf(x / √2)."""
    added = graph.maker(name, "Add")
    inner = graph.with_number(added, 1.0) if added is not None and _two(added) and graph.alone(name) else None
    erf = graph.maker(inner, "Erf") if inner is not None and graph.alone(inner) else None
    if added is None or erf is None or not graph.alone(erf.inputs[0]):
        return ()
    scaled = graph.maker(erf.inputs[0], "Div", "Mul")
    if scaled is None or not _two(scaled):
        return ()
    source = graph.with_number(scaled, 1.4142) if scaled.op == "Div" else graph.with_number(scaled, 0.7071)
    return (added, erf, scaled) if source == x else ()


def silu(graph: _Graph, last: Node) -> Match | None:
    """X · sigmoid(x)."""
    return _gated(graph, last, "Sigmoid", "Swish") or _gated(graph, last, "HardSigmoid", "HardSwish")


def _gated(graph: _Graph, last: Node, gate: str, op: str) -> Match | None:
    if last.op != "Mul" or not _two(last):
        return None
    for x, other in (last.inputs, last.inputs[::-1]):
        node = graph.maker(other, gate)
        if node is not None and node.inputs[0] == x and graph.alone(other):
            return Match(op, (x,), (node,))
    return None


def mish(graph: _Graph, last: Node) -> Match | None:
    """X · tanh(softplus(x))."""
    if last.op != "Mul" or not _two(last):
        return None
    for x, other in (last.inputs, last.inputs[::-1]):
        tanh = graph.maker(other, "Tanh")
        plus = graph.maker(tanh.inputs[0], "Softplus") if tanh is not None and graph.alone(other) else None
        if tanh is not None and plus is not None and plus.inputs[0] == x and graph.alone(tanh.inputs[0]):
            return Match("Mish", (x,), (tanh, plus))
    return None


def hard_swish(graph: _Graph, last: Node) -> Match | None:
    """X · clip(x + 3, 0, 6) / 6."""
    if last.op not in {"Div", "Mul"} or not _two(last):
        return None
    name = graph.with_number(last, 6.0) if last.op == "Div" else graph.with_number(last, 1 / 6)
    product = graph.maker(name, "Mul") if name is not None and graph.alone(name) else None
    if product is None or not _two(product):
        return None
    for x, other in (product.inputs, product.inputs[::-1]):
        clip = graph.maker(other, "Clip")
        added = graph.maker(clip.inputs[0], "Add") if clip is not None and graph.alone(other) else None
        if clip is not None and added is not None and _two(added) and graph.with_number(added, 3.0) == x:
            return Match("HardSwish", (x,), (product, clip, added))
    return None


def layer_norm(graph: _Graph, last: Node) -> Match | None:
    """(x − mean) / √(mean of squares + ε), over the last axis; scale and shift follow."""
    if last.op != "Div" or not _two(last):
        return None
    centred, root = (graph.maker(name, op) for name, op in zip(last.inputs, ("Sub", "Sqrt"), strict=True))
    added = graph.maker(root.inputs[0], "Add") if root is not None and graph.alone(last.inputs[1]) else None
    if centred is None or root is None or added is None or not _two(added):
        return None
    for variance in (graph.maker(name, "ReduceMean") for name in added.inputs):
        power = graph.maker(variance.inputs[0], "Pow", "Mul") if variance is not None else None
        mean = graph.maker(centred.inputs[1], "ReduceMean")
        if variance is None or power is None or mean is None or mean.inputs[0] != centred.inputs[0]:
            continue
        read = graph.reads.get(last.inputs[0], 0)
        squares = [name for name in power.inputs if graph.maker(name, "Sub") is centred]
        if squares and read == 1 + len(squares) and _last_axis(graph, mean) and _last_axis(graph, variance):
            gone = (centred, root, added, variance, power, mean)
            return Match("LayerNormalization", (centred.inputs[0],), gone, {"axis": -1})
    return None


def _last_axis(graph: _Graph, node: Node) -> bool:
    """Tell whether a mean is over the last axis, counted from behind."""
    return node.attributes.get("axes") == (-1,) or (_two(node) and graph.number(node.inputs[1]) == -1)


def affine(graph: _Graph, last: Node) -> Match | None:
    """Take the factor and the term behind a layer norm without params for its scale and shift."""
    if last.op != "Add" or not _two(last):
        return None
    for name, shift in (last.inputs, last.inputs[::-1]):
        scaled = graph.maker(name, "Mul")
        if scaled is None or not graph.alone(name) or not _two(scaled) or shift not in graph.tensors:
            continue
        for inner, scale in (scaled.inputs, scaled.inputs[::-1]):
            norm = graph.maker(inner, "LayerNormalization")
            if norm is not None and len(norm.inputs) == 1 and graph.alone(inner) and scale in graph.tensors:
                return Match("LayerNormalization", (norm.inputs[0], scale, shift), (scaled, norm), {"axis": -1})
    return None


def _inside(match: Match, last: Node, reads: Mapping[str, int]) -> bool:
    """Tell whether nothing outside a pattern reads what is between its nodes."""
    inner = [name for node in (*match.gone, last) for name in node.inputs]
    return all(inner.count(name) == reads.get(name, 0) for node in match.gone for name in node.outputs)


PATTERNS: tuple[Pattern, ...] = (gelu, silu, mish, hard_swish, layer_norm, affine)


def fused(nodes: Sequence[Node], outputs: Iterable[str], tensors: Mapping[str, Tensor]) -> Sequence[Node]:
    """Return the nodes with each pattern as one node, in the place of its last."""
    if not {"Erf", "Sigmoid", "HardSigmoid", "Softplus", "Clip", "ReduceMean"} & {node.op for node in nodes}:
        return nodes
    reads: dict[str, int] = {}
    for name in (*(name for node in nodes for name in node.inputs), *outputs, *outputs):
        reads[name] = reads.get(name, 0) + 1
    makers = {name: node for node in nodes for name in node.outputs}
    graph, gone, result = _Graph(makers, reads, tensors), set[int](), list[Node]()
    for node in nodes:
        match = next((found for pattern in PATTERNS if (found := pattern(graph, node))), None)
        if match is not None and not gone & {*map(id, match.gone)} and _inside(match, node, reads):
            gone |= {*map(id, match.gone)}
            node = node._replace(op=match.op, inputs=match.inputs, attributes=dict(match.attributes))  # noqa: PLW2901
            makers[node.outputs[0]] = node
        result.append(node)
    return [node for node in result if id(node) not in gone]
