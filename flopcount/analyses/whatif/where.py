"""Which layers are meant: `kernel_size > 1 and path ~ 'stage3.*'`."""

from collections.abc import Mapping
from typing import Any

from flopcount.analyses.conditions.filters import Condition, Subject
from flopcount.analyses.conditions.filters import condition as _condition
from flopcount.analyses.conditions.truths import Columns
from flopcount.analyses.counted import Cost
from flopcount.counting.nodes import Node
from flopcount.counting.trace import fields
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step

ALWAYS = ("path", "type", "in_channels", "out_channels", "params", "macs")
"""What is known of every layer; its fields are known beside these."""

LAYERS = Subject("no convolution has a", "kernel_size > 1 and path ~ 'stage3.*'")


def condition(text: str, known: frozenset[str]) -> Condition:
    """Parse a condition over known names; a UsageError says what is wrong with it."""
    return _condition(text, known, LAYERS)


def facts(node: Node, step: Step, shapes: Mapping[str, Shape], cost: Cost) -> Columns:
    """Return what is known of a layer; a list with a size for each axis counts as its largest."""
    own = {name: _plain(value) for name, value in fields(node.layer).items()}
    channels = {"in_channels": shapes[node.inputs[0]].channels, "out_channels": step.shape.channels}
    return {**own, "path": node.path, "type": node.kind, **channels, **cost._asdict()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return max((max(each) if isinstance(each, tuple) else each for each in value), default=0)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return value
