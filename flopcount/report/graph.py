"""The network as a drawing: nodes with shapes and costs, in Mermaid's or Graphviz's notation."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flopcount.case import Count
from flopcount.errors import UsageError

MOST_EDGES = 500
"""Mermaid draws no more edges than this by default."""

MOST_TEXT = 50_000
"""Mermaid reads no more characters than this by default."""


class Drawing(NamedTuple):
    """What there is to draw: a label for each node, and the edges between them."""

    labels: Mapping[str, str]
    edges: tuple[tuple[str, str], ...]


def drawing(result: Count, depth: int | None) -> Drawing:
    """Fold the network to `depth` names of each path, and label what is left."""
    groups = {path: _folded(path, depth) for path in (*result.trace.inputs, *result.trace.steps)}
    labels = {name: f"{name}<br>{_sizes(shape.dims)}" for name, shape in result.trace.inputs.items()}
    totals: dict[str, tuple[int, int]] = {}
    for node, step in result.trace.items():
        name, cost = groups[node.path], result.cost(step)
        params, macs = totals.get(name, (0, 0))
        totals[name] = (params + cost.params, macs + cost.macs)
        kind = node.kind if name == node.path else "block"
        costs = _costs(*totals[name], result.convention.word)
        labels[name] = f"{name}<br>{kind} → {_sizes(step.shape.dims)}<br>{costs}"
    edges = ((groups[source], groups[node.path]) for node, _ in result.trace.items() for source in node.inputs)
    return Drawing(labels, tuple(dict.fromkeys((one, other) for one, other in edges if one != other)))


def _folded(path: str, depth: int | None) -> str:
    return path if depth is None else ".".join(path.split(".")[:depth])


def _sizes(dims: Iterable[object]) -> str:
    return "×".join(map(str, dims))


def _costs(params: int, macs: int, word: str) -> str:
    return f"{params} params, {macs} {word}" if params or macs else "no cost"


def mermaid(result: Count, depth: int | None) -> str:
    """Write a Mermaid flowchart; a network too large for Mermaid has to be folded."""
    drawn = drawing(result, depth)
    numbers = {name: f"n{number}" for number, name in enumerate(drawn.labels)}
    nodes = [f'    {numbers[name]}["{label}"]' for name, label in drawn.labels.items()]
    edges = [f"    {numbers[one]} --> {numbers[other]}" for one, other in drawn.edges]
    text = "\n".join(["flowchart TD", *nodes, *edges]) + "\n"
    if len(edges) > MOST_EDGES or len(text) > MOST_TEXT:
        size = f"{len(edges)} edges and {len(text)} characters"
        raise UsageError(f"{size} are more than Mermaid draws ({MOST_EDGES} and {MOST_TEXT}); fold with --depth 1")
    return text


def dot(result: Count, depth: int | None) -> str:
    """Write a Graphviz digraph."""
    drawn = drawing(result, depth)
    labels = {name: label.replace("<br>", "\\n") for name, label in drawn.labels.items()}
    nodes = [f'    "{name}" [label="{label}"];' for name, label in labels.items()]
    edges = [f'    "{one}" -> "{other}";' for one, other in drawn.edges]
    return "\n".join(["digraph network {", "    node [shape=box];", *nodes, *edges, "}"]) + "\n"
