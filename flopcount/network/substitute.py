"""Replace a network's convolutions with other kinds.

The comparison with standard convolutions and `flopcount whatif` both use `replacement`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flopcount.formulas.step import Step
from flopcount.network.plan import Node, Plan, needs_shapes
from flopcount.network.trace import Trace, fields, own
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import STAND_INS, kind_named

CARRIED = ("kernel_size", "out_channels", "stride", "padding", "dilation", "bias", "norm", "activation")
"""The fields that convolutions share; a replacement takes them from the layer it replaces."""


class Target(NamedTuple):
    """A kind to put in place of convolutions, and its fields."""

    kind: str
    fields: Mapping[str, Any] = {}

    @property
    def wanted(self) -> Mapping[str, Any]:
        """The fields that decide whether a layer already matches; for Conv, `groups` always does."""
        return {"groups": 1, **self.fields} if self.kind == "Conv" else self.fields

    @property
    def label(self) -> str:
        """The kind and the given fields, for display."""
        if not self.fields:
            return self.kind  # every count takes this path
        from flopcount.spec.fields import shown

        return " ".join((self.kind, *(f"{name}={shown(value)}" for name, value in self.fields.items())))

    @property
    def already(self) -> str:
        """Why a layer that already matches stays."""
        return f"it is a {self.label} already"


STANDARD = Target("Conv")
"""The standard convolution."""


class Replacement(NamedTuple):
    """The layer in place of another: a new one, or the same one and the reason."""

    node: Node
    reason: str = ""


def standard(layer: Layer, step: Step) -> Layer:
    """Return the standard convolution a layer stands for: same map, same channels."""
    return replacement(Node("", layer, (), ()), step, STANDARD).node.layer


def standardized(traced: Trace) -> Plan | None:
    """Return the plan with standard convolutions throughout; None if it has no others."""
    known: dict[tuple[int, object], Layer] = {}
    nodes = tuple(_standardized(node, step, known) if node.kind in STAND_INS else node for node, step in traced.items())
    if all(new is old for new, old in zip(nodes, traced.plan.nodes, strict=True)):
        return None
    return traced.plan._replace(nodes=nodes)


def _standardized(node: Node, step: Step, known: dict[tuple[int, object], Layer]) -> Node:
    """Replace a node; equal layers with as many channels share one replacement."""
    if node.frame is not None or not isinstance(step.shape.channels, int):
        return replacement(node, step, STANDARD).node
    key = (id(node.layer), step.shape.channels)
    if key not in known:
        known[key] = replacement(node, step, STANDARD).node.layer
    layer = known[key]
    return node if layer is node.layer else node._replace(layer=layer)


def replacement(node: Node, step: Step, target: Target) -> Replacement:
    """Replace a layer with a target: shared fields carry over, the rest are the target's."""
    if _is_already(node, target):
        return Replacement(node, target.already)
    lost = _lost(node, target.kind)
    if lost:
        return Replacement(node, lost)
    kind = kind_named(target.kind)
    kept = carried(node.kind, target.kind) - target.wanted.keys()
    channels = {"out_channels": step.shape.channels} if "out_channels" in kept else {}
    values = {name: value for name, value in fields(node.layer).items() if name in kept} | channels
    held = {"scale": node.layer.scale, "shared": node.layer.shared, "frozen": node.layer.frozen}
    layer = kind.model_validate({**held, **values, **target.wanted})
    computed = {name: value for name, value in node.computed.items() if name in kept - {"out_channels"}}
    return Replacement(node._replace(layer=layer, computed=computed))


def carried(kind: str, target: str) -> frozenset[str]:
    """Return the fields that carry over: those both kinds share, or all within one kind."""
    known = frozenset(own(kind_named(target)))
    return known if kind == target != "Conv" else known & {*CARRIED}


def _is_already(node: Node, target: Target) -> bool:
    if node.kind != target.kind:
        return False
    known = fields(node.layer)
    return all(known[name] == value and not _is_open(node, name) for name, value in target.wanted.items())


def _is_open(node: Node, name: str) -> bool:
    """Tell whether a field is computed from shapes, so that the layer does not have its value yet."""
    computed = node.computed.get(name)
    return computed is not None and node.frame is not None and needs_shapes(computed, node.frame)


def _lost(node: Node, target: str) -> str:
    """Say which field of a layer the target lacks; empty if none matters."""
    known = own(kind_named(target))
    if isinstance(node.layer.shared, dict):
        return f"it shares params with another layer, which a {target} cannot"
    for name in CARRIED[1:]:
        default = type(node.layer).model_fields[name].default if name in own(type(node.layer)) else None
        value = getattr(node.layer, name, default)
        if name not in known and name != "out_channels" and value != default:
            return f"{target} has no {name}, which is {_worded(value)} here"
    return ""


def _worded(value: object) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
