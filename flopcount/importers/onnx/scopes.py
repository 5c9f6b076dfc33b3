"""What is known of a graph before the walk: its initializers, who reads what, which operators are not known."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from flopcount.importers.onnx.folds import ALWAYS, FOLDS
from flopcount.importers.onnx.graph import STANDARD, Model, Node, Reference
from flopcount.importers.onnx.operators import writer
from flopcount.importers.onnx.tensors import Tensor
from flopcount.importers.onnx.values import Value


def initial(tensor: Tensor) -> Value:
    """Return what is known of an initializer."""
    return Value(
        tensor.dims,
        tensor.dtype,
        data=tensor.numbers() if tensor.elements <= _READ else None,
        kept=frozenset((tensor.name,)),
    )


_READ = 4096
"""The numbers of a larger initializer are weights, and not looked at."""


def readers(nodes: Iterable[Node], outputs: Iterable[str]) -> Counter[str]:
    """Count how often each name is read; what leaves the graph is read once more than any node reads it."""
    counts = Counter(name for node in nodes for name in node.inputs)
    counts.update([*outputs, *outputs])
    return counts


def filled(node: Node, given: Mapping[str, Any], prefix: str) -> Node:
    """Give a node of a function the attributes of its use, and a name inside it."""
    attributes = {
        name: given.get(value.name) if isinstance(value, Reference) else value
        for name, value in node.attributes.items()
    }
    kept = {name: value for name, value in attributes.items() if value is not None}
    return node._replace(attributes=kept, name=f"{prefix}/{node.name or node.op}" if prefix else node.name)


def is_known(node: Node) -> bool:
    """Tell whether an operator is computed before anything runs, or is a branch."""
    return node.domain in STANDARD and (node.op in ALWAYS or node.op in FOLDS or node.op == "If")


def unknown_operators(model: Model) -> Counter[str]:
    """Return the operators of a model that are not known, each with how often it occurs."""
    counts: Counter[str] = Counter()
    queue, seen = [model.graph.nodes], set[tuple[str, str]]()
    while queue:
        for node in queue.pop():
            key = (node.domain, node.op)
            if writer(*key) or is_known(node):
                continue
            if key not in model.functions:
                counts[node.operator] += 1
            elif key not in seen:
                seen.add(key)
                queue.append(model.functions[key].nodes)
    return counts
