"""Other kinds in place of a network's convolutions.

The columns that compare with standard convolutions, and `flopcount whatif`, are
both made of `replacement`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flopcount.formulas.step import Step
from flopcount.network.plan import Node, Plan, needs_shapes
from flopcount.network.trace import Trace, fields, own
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import STAND_INS, kind_named

CARRIED = ("kernel_size", "out_channels", "stride", "padding", "dilation", "bias", "norm", "activation")
"""The fields that convolutions share: a layer that takes the place of another has them from it."""


class Target(NamedTuple):
    """A kind to put in place of convolutions, with the fields it shall have."""

    kind: str
    fields: Mapping[str, Any] = {}

    @property
    def wanted(self) -> Mapping[str, Any]:
        """The fields that decide whether a layer of the kind is what is wanted; of a Conv, the groups always do."""
        return {"groups": 1, **self.fields} if self.kind == "Conv" else self.fields

    @property
    def label(self) -> str:
        """What it is called: its kind and the fields that were given."""
        if not self.fields:
            return self.kind  # every count comes by here
        from flopcount.spec.fields import shown

        return " ".join((self.kind, *(f"{name}={shown(value)}" for name, value in self.fields.items())))

    @property
    def already(self) -> str:
        """Why a layer that is what is wanted stays."""
        return f"it is a {self.label} already"


STANDARD = Target("Conv")
"""What all of them stand for."""


class Replacement(NamedTuple):
    """What stands in the place of a layer: another, or the same one and the reason."""

    node: Node
    reason: str = ""


def standard(layer: Layer, step: Step) -> Layer:
    """Return the standard convolution a layer stands for: same map, same channels, nothing left out."""
    return replacement(Node("", layer, (), ()), step, STANDARD).node.layer


def standardised(traced: Trace) -> Plan | None:
    """Return the plan with standard convolutions throughout; None where it is so already."""
    nodes = tuple(
        replacement(node, step, STANDARD).node if node.kind in STAND_INS else node for node, step in traced.items()
    )
    if all(new is old for new, old in zip(nodes, traced.plan.nodes, strict=True)):
        return None
    return traced.plan._replace(nodes=nodes)


def replacement(node: Node, step: Step, target: Target) -> Replacement:
    """Put a target in the place of a layer: what convolutions share carries over, the rest is the target's."""
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
    """Return the fields that a layer leaves to one in its place: what both share, or all to one of its own kind."""
    known = frozenset(own(kind_named(target)))
    return known if kind == target != "Conv" else known & {*CARRIED}


def _is_already(node: Node, target: Target) -> bool:
    if node.kind != target.kind:
        return False
    known = fields(node.layer)
    return all(known[name] == value and not _is_open(node, name) for name, value in target.wanted.items())


def _is_open(node: Node, name: str) -> bool:
    """Tell whether a field follows from shapes, so that the layer itself does not have its value yet."""
    computed = node.computed.get(name)
    return computed is not None and node.frame is not None and needs_shapes(computed, node.frame)


def _lost(node: Node, target: str) -> str:
    """Say which field of a layer the target has no place for; empty if it can do without."""
    known = own(kind_named(target))
    if isinstance(node.layer.shared, dict):
        return f"another layer has some of its params, which a {target} would not share"
    for name in CARRIED[1:]:
        default = type(node.layer).model_fields[name].default if name in own(type(node.layer)) else None
        value = getattr(node.layer, name, default)
        if name not in known and name != "out_channels" and value != default:
            return f"{target} has no {name}, which is {_worded(value)} here"
    return ""


def _worded(value: object) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
