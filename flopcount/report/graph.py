"""Drawings of the graph of a network, for Mermaid and Graphviz."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from flopcount.case import Count
from flopcount.errors import UsageError
from flopcount.formulas.step import Step
from flopcount.network.metrics import combined, ratio
from flopcount.network.plan import Node
from flopcount.report import escape
from flopcount.report.cost import Costs, costs_of
from flopcount.report.count import shortened
from flopcount.report.table import plural, shape_text
from flopcount.spec.units import brief

MOST_EDGES, MOST_TEXT = 500, 50_000
"""Mermaid draws no more edges, and reads no more characters, than this by default."""


class Vertex(NamedTuple):
    """A node of a drawing: the lines of its label, its costs in full, and its share of the whole."""

    label: tuple[str, ...]
    exact: str = ""
    share: float = 0.0

    @property
    def color(self) -> str:
        """The shade of the node: white for no cost, orange for all of it."""
        return "#" + "".join(f"{round(255 + (full - 255) * self.share**0.5):02x}" for full in (0xFD, 0x8D, 0x3C))


def _graph(result: Count, depth: int | None) -> tuple[dict[str, Vertex], list[tuple[str, str]]]:
    """Fold the network to `depth` names of each path; return its nodes by name, and the edges."""
    shown = costs_of(result)
    groups = {path: shortened(path, depth) for path in (*result.trace.inputs, *result.trace.steps)}
    nodes = {name: Vertex((name, shape_text(shape.dims))) for name, shape in result.trace.inputs.items()}
    members: dict[str, list[tuple[Node, Step]]] = {}
    for node, step in result.trace.items():
        members.setdefault(groups[node.path], []).append((node, step))
    for name, inside in members.items():
        (node, step), costs = inside[-1], (result.costs[each.path] for each, _ in inside)
        total = shown.values(combined(costs, result.case.metrics))
        kind = node.kind if name == node.path else plural(len(inside), "layer")
        nodes[name] = _drawn((name, f"{kind} → {shape_text(step.shape.dims)}"), total, result, shown)
    edges = ((groups[source], groups[node.path]) for node, _ in result.trace.items() for source in node.inputs)
    return nodes, [*dict.fromkeys((one, other) for one, other in edges if one != other)]


def _drawn(label: tuple[str, ...], total: Mapping[str, int], result: Count, shown: Costs) -> Vertex:
    costs = ", ".join(f"{brief(total[each.name])} {each.title}" for each in shown.metrics if each.name in total)
    exact = ", ".join(f"{total[each.name]:,} {each.title}" for each in shown.metrics if each.name in total)
    share = ratio(total[shown.headline.name], shown.values(result.total)[shown.headline.name])
    return Vertex((*label, costs if any(total.values()) else "no cost"), exact, share or 0.0)


def mermaid(result: Count, depth: int | None) -> str:
    """Return a Mermaid flowchart; a UsageError if the network is too large for Mermaid."""
    drawn, pairs = _graph(result, depth)
    numbers = {name: f"n{number}" for number, name in enumerate(drawn)}
    nodes = [
        f'    {numbers[name]}["{"<br>".join(map(escape.mermaid, node.label))}"]'
        + (f"\n    style {numbers[name]} fill:{node.color},color:#222" if node.share else "")
        for name, node in drawn.items()
    ]
    edges = [f"    {numbers[one]} --> {numbers[other]}" for one, other in pairs]
    text = "\n".join(["flowchart TD", *nodes, *edges]) + "\n"
    if len(edges) > MOST_EDGES or len(text) > MOST_TEXT:
        size = f"{len(edges)} edges and {len(text)} characters"
        raise UsageError(f"{size} are more than Mermaid draws ({MOST_EDGES} and {MOST_TEXT}); fold with --depth 1")
    return text


def dot(result: Count, depth: int | None) -> str:
    """Return a Graphviz digraph; tooltips have the exact integers."""
    drawn, pairs = _graph(result, depth)
    texts = ((escape.dot(name), r"\n".join(map(escape.dot, node.label)), node) for name, node in drawn.items())
    nodes = [
        f'    "{name}" [label="{label}", tooltip="{node.exact}", fillcolor="{node.color}"];'
        for name, label, node in texts
    ]
    edges = [f'    "{escape.dot(one)}" -> "{escape.dot(other)}";' for one, other in pairs]
    style = '    node [shape=box, style="rounded,filled", fontname="Helvetica", color="#9aa0a6"];'
    return "\n".join(["digraph network {", style, *nodes, *edges, "}"]) + "\n"


GRAPHS: Mapping[str, Callable[[Count, int | None], str]] = {"mermaid": mermaid, "dot": dot}
"""The function for each notation of a graph."""
