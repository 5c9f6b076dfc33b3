"""Other kinds in place of a network's convolutions."""

from flopcount.counting.nodes import Node
from flopcount.counting.plan import Plan
from flopcount.counting.trace import Trace, fields, own
from flopcount.formulas.step import Step
from flopcount.schema.base import Layer
from flopcount.schema.layers import kind_named

STAND_INS = frozenset(
    {
        "Conv",
        "DepthwiseConv",
        "DepthSepConv",
        "GroupConv",
        "HetConv",
        "GroupPointwiseConv",
        "BSConvU",
        "BSConvS",
        "Conv2Plus1D",
        "SpatiallySepConv",
        "SpatiallySepDepthwiseConv",
        "FlattenedConv",
        "LowRankConv",
        "TuckerConv",
        "CPConv",
        "DualConv",
        "ACConv",
        "RepVGGConv",
        "GhostConv",
        "Res2Conv",
        "TiedBlockConv",
        "OctaveConv",
        "CondConv",
        "DynamicConv",
        "DeformConv",
        "CoordConv",
        "LocallyConnected",
        "WinogradConv",
        "AdderConv",
        "BinaryConv",
    }
)
"""The kinds that stand for a standard convolution, or are one."""


def standard(layer: Layer, step: Step) -> Layer:
    """Return the standard convolution a layer stands for: same map, same channels, nothing left out."""
    conv = kind_named("Conv")
    known = own(conv)
    kept = {name: value for name, value in fields(layer).items() if name in known}
    return conv.model_validate({**kept, "out_channels": step.shape.channels, "groups": 1})


def standardised(traced: Trace) -> Plan | None:
    """Return the plan with standard convolutions throughout; None where it is so already."""
    nodes = tuple(_standard_node(node, step) for node, step in traced.items())
    if all(new is old for new, old in zip(nodes, traced.plan.nodes, strict=True)):
        return None
    return traced.plan._replace(nodes=nodes)


def _standard_node(node: Node, step: Step) -> Node:
    if node.kind not in STAND_INS or (node.kind == "Conv" and fields(node.layer)["groups"] == 1):
        return node
    kept = set(own(kind_named("Conv"))) - {"out_channels", "groups"}
    computed = {name: value for name, value in node.computed.items() if name in kept}
    return node._replace(layer=standard(node.layer, step), computed=computed)
