"""The network as a flat tuple of nodes, in file order."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.counting.nodes import INPUT, Node
from flopcount.counting.unroll import unrolled
from flopcount.errors import UsageError, suggestion
from flopcount.schema.arch import Arch
from flopcount.schema.base import Layer


class Plan(NamedTuple):
    """All nodes in the order of the computation, and the inputs the file gives by name.

    `written` says how a program writes them, for what other counters see.
    """

    nodes: tuple[Node, ...]
    inputs: Mapping[str, tuple[int, ...]]
    written: Mapping[str, str] = {}

    @property
    def input(self) -> tuple[int, ...]:
        """The sizes of the first input, mostly the only one."""
        return next(iter(self.inputs.values()))

    def mapped(self, change: Callable[[Layer], Layer]) -> "Plan":
        """Return the same network with each layer changed."""
        return self._replace(nodes=tuple(node._replace(layer=change(node.layer)) for node in self.nodes))


def plan(arch: Arch) -> Plan:
    """Unroll an arch; a SpecError names all that cannot be."""
    inputs = arch.input if isinstance(arch.input, dict) else {INPUT: arch.input}
    return Plan(unrolled(arch, tuple(inputs)), inputs, arch.written)


def overridden(network: Plan, changes: Mapping[str, Mapping[str, Any]]) -> Plan:
    """Return the plan with fields of some layers changed, each layer validated again."""
    paths = {node.path for node in network.nodes}
    for path, fields in changes.items():
        for name in fields.keys() & {"name", "after"}:
            from flopcount.schema.wording import shown

            setting = f"--set {path}.{name}={shown(fields[name])}"
            raise UsageError(f"{setting}: give the layer by its number for that, as in layers.3.{name}")
        if path not in paths:
            setting = ", ".join(f"{path}.{name}" for name in fields)
            if any(each.startswith(f"{path}.") for each in paths):
                inside = next(each for each in paths if each.startswith(f"{path}."))
                what = "is inside a template or is one repetition of a block; name a layer in it"
                raise UsageError(f"--set {setting}: {path} {what}, such as {inside}")
            raise UsageError(f"--set {setting}: there is no layer at {path}; {suggestion(path, [*paths])}")
    nodes = (_changed(node, changes[node.path]) if node.path in changes else node for node in network.nodes)
    return network._replace(nodes=tuple(nodes))


def _changed(node: Node, fields: Mapping[str, Any]) -> Node:
    given = {name: getattr(node.layer, name) for name in node.layer.model_fields_set}
    try:
        layer = type(node.layer).model_validate({**given, **fields})
    except ValidationError as error:
        from flopcount.schema.problems import layer_problems

        found = layer_problems(error, type(node.layer), {**given, **fields}).values()
        raise UsageError("\n".join(f"--set {node.path}: {what}" for what in found)) from None
    computed = {name: value for name, value in node.computed.items() if name not in fields}
    return node._replace(layer=layer, computed=computed)
