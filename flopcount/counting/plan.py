"""The network as a flat tuple of nodes: blocks unrolled, branches wired, in file order."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.errors import Place, Problem, SpecError, UsageError, suggestion
from flopcount.schema.arch import Arch, Block, called
from flopcount.schema.base import Layer

MOST_LAYERS = 1_000_000
"""A network of more layers, blocks unrolled, is refused."""

INPUT = "input"
"""The path of what enters the network."""


class Node(NamedTuple):
    """One layer: its path, what it reads, and where the file says so."""

    path: str
    layer: Layer
    inputs: tuple[str, ...]
    place: Place

    @property
    def kind(self) -> str:
        """The name of the layer's kind."""
        return type(self.layer).__name__


class Plan(NamedTuple):
    """All nodes in the order of the computation, and the input the file gives."""

    nodes: tuple[Node, ...]
    input: tuple[int, ...]

    def mapped(self, change: Callable[[Layer], Layer]) -> "Plan":
        """Return the same network with each layer changed."""
        return self._replace(nodes=tuple(node._replace(layer=change(node.layer)) for node in self.nodes))


def plan(arch: Arch) -> Plan:
    """Unroll an arch; a SpecError names all that cannot be."""
    if _size(arch.layers) > MOST_LAYERS:
        raise SpecError([Problem(("layers",), f"more than {MOST_LAYERS} layers, blocks unrolled; repeat less")])
    problems: list[Problem] = []
    nodes = tuple(_unrolled(arch.layers, _Scope(INPUT, problems), "", ("layers",)))
    if problems:
        raise SpecError(problems)
    return Plan(nodes, arch.input)


def _size(layers: tuple[Layer, ...]) -> int:
    return sum(layer.repeat * _size(layer.layers) if isinstance(layer, Block) else 1 for layer in layers)


class _Scope:
    """The names a layer may read: earlier siblings, then those around its block."""

    def __init__(self, entry: str, problems: list[Problem], outer: "_Scope | None" = None) -> None:
        self.problems = problems
        self.outputs = {INPUT: entry}
        self.current = entry
        self.outer = outer

    def define(self, name: str, output: str) -> None:
        self.outputs[name] = self.current = output

    def find(self, name: str) -> str | None:
        if name in self.outputs:
            return self.outputs[name]
        return self.outer.find(name) if self.outer else None

    def names(self) -> list[str]:
        return [*self.outputs, *(self.outer.names() if self.outer else ())]


def _unrolled(layers: tuple[Layer, ...], scope: _Scope, prefix: str, place: Place) -> Iterator[Node]:
    """Yield the nodes of a list of layers, each reading the one above or those it names."""
    for index, layer in enumerate(layers):
        name = called(layer, index + 1)
        here = (*place, index)
        inputs = _inputs(layer, scope, prefix + name, here)
        if isinstance(layer, Block):
            scope.current = inputs[0]
            yield from _repeated(layer, scope, prefix + name, (*here, "layers"))
            scope.define(name, scope.current)
        else:
            yield Node(prefix + name, layer, inputs, here)
            scope.define(name, prefix + name)


def _repeated(block: Block, scope: _Scope, path: str, place: Place) -> Iterator[Node]:
    """Yield a block's nodes, each repetition reading the one before; repetitions count from 1."""
    for count in range(1, block.repeat + 1):
        inner = _Scope(scope.current, scope.problems, scope)
        yield from _unrolled(block.layers, inner, f"{path}.{count}." if block.repeat > 1 else f"{path}.", place)
        scope.current = inner.current


def _inputs(layer: Layer, scope: _Scope, path: str, place: Place) -> tuple[str, ...]:
    if layer.after is None:
        return (scope.current,)
    found = [(name, scope.find(name)) for name in layer.after]
    missing = [name for name, output in found if output is None]
    if missing:
        what = f"after names {missing[0]!r}, which is no earlier layer; {suggestion(missing[0], scope.names())}"
        scope.problems.append(Problem((*place, "after"), what, path))
        return (scope.current,)
    if isinstance(layer, Block) and len(found) > 1:
        what = f"a Block reads one layer, but after names {len(found)}; name one"
        raise SpecError([Problem((*place, "after"), what, path)])
    return tuple(output for _, output in found if output is not None)


def overridden(network: Plan, changes: Mapping[str, Mapping[str, Any]]) -> Plan:
    """Return the plan with fields of some layers changed, each layer validated again."""
    paths = [node.path for node in network.nodes]
    for path, fields in changes.items():
        for name in fields.keys() & {"name", "after"}:
            setting = f"--set {path}.{name}={str(fields[name])[:50]}"
            raise UsageError(f"{setting}: give the layer by its number for that, as in layers.3.{name}")
        if path not in paths:
            setting = ", ".join(f"{path}.{name}" for name in fields)
            raise UsageError(f"--set {setting}: there is no layer at {path}; {suggestion(path, paths)}")
    nodes = (_changed(node, changes[node.path]) if node.path in changes else node for node in network.nodes)
    return network._replace(nodes=tuple(nodes))


def _changed(node: Node, fields: Mapping[str, Any]) -> Node:
    given = {name: getattr(node.layer, name) for name in node.layer.model_fields_set}
    try:
        return node._replace(layer=type(node.layer).model_validate({**given, **fields}))
    except ValidationError as error:
        from flopcount.schema.problems import layer_problems

        found = layer_problems(error, type(node.layer), {**given, **fields})
        raise UsageError("\n".join(f"--set {node.path}: {what}" for what in found)) from None
