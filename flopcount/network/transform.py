"""Transform a network: scale its channels, replace its convolutions, fold its batch norms."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import count, pairwise
from typing import Any, NamedTuple

from flopcount.errors import Note, UsageError
from flopcount.formulas import numbers as dims
from flopcount.formulas.numbers import Dim
from flopcount.formulas.step import Step, Tally, composed
from flopcount.network.plan import Node, Plan, needs_shapes
from flopcount.network.trace import Trace, fields, own
from flopcount.spec.expression import Ratio
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import STAND_INS, kind_named


def _is_open(node: Node, name: str) -> bool:
    """Tell whether a field is computed from shapes, so that the layer does not have its value yet."""
    computed = node.computed.get(name)
    return computed is not None and node.frame is not None and needs_shapes(computed, node.frame)


# The width multiplier scales channels by the file's rule.

_WIDTH = r"[0-9]{1,9}(\.[0-9]{0,12})?|\.[0-9]{1,12}|[0-9]{1,9}/0*[1-9][0-9]{0,8}"

WIDEST = 1000
"""The largest width multiplier."""


def width_ratio(text: str) -> Ratio:
    """Read a multiplier exactly as written: 0.75 is 3/4."""
    if not re.fullmatch(_WIDTH, text.strip()):
        raise UsageError(f"--width {text[:60]!r} is not a number; write e.g. --width 0.75")
    width = Fraction(text.strip())
    if not 0 < width <= WIDEST:
        raise UsageError(f"--width {text[:60]} is invalid: expected a number above 0 and at most {WIDEST}")
    return Ratio(width.numerator, width.denominator)


def scaled(network: Plan, scaling: Any, width: Ratio) -> dict[str, dict[str, Dim]]:
    """Return the scaled channels of every layer with its own `out_channels`, as path → field → value.

    Channels computed from the input channels are not scaled twice; `scaling` is the file's rule.
    """
    return {
        node.path: {"out_channels": _scaled(node.layer, scaling, width)}
        for node in network.nodes
        if "out_channels" in type(node.layer).model_fields
        and node.layer.scale != "never"
        and not _is_open(node, "out_channels")
    }


def _scaled(layer: Any, scaling: Any, width: Ratio) -> Dim:
    channels: Dim = layer.out_channels
    wide = channels * width.numerator
    if scaling is not None and scaling.rule == "divisible":
        result = dims.maximum(dims.divisible(wide, scaling.divisor, width.denominator), scaling.minimum)
    else:
        result = dims.maximum(wide // width.denominator, scaling.minimum if scaling else 1)
    return dims.maximum(result, channels) if layer.scale == "up" else result


# Other kinds in place of convolutions: the standard one by default, any other for `flopcount whatif`.

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


STANDARD = Target("Conv")
"""The standard convolution."""


class Replacement(NamedTuple):
    """The layer in place of another: a new one, or the same one and the reason."""

    node: Node
    reason: Note | None = None


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
    if reason := _stays(node, target):
        return Replacement(node, reason)
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


def _stays(node: Node, target: Target) -> Note | None:
    """Return why a layer is not replaced: it matches already, or the target lacks a field of it; else None."""
    has, known, kind = fields(node.layer), own(kind_named(target.kind)), target.kind
    wanted = target.wanted.items()
    if node.kind == kind and all(has[name] == value and not _is_open(node, name) for name, value in wanted):
        return Note("already", f"it is a {target.label} already")
    if isinstance(node.layer.shared, dict):
        return Note("shared", f"it shares params with another layer, which a {kind} cannot do")
    for name in CARRIED[1:]:
        default = type(node.layer).model_fields[name].default if name in own(type(node.layer)) else None
        value = getattr(node.layer, name, default)
        if name not in known and name != "out_channels" and value != default:
            worded = "×".join(map(str, value)) if isinstance(value, tuple) else value
            return Note("no-field", f"{kind} has no {name}, which is {worded} here")
    return None


# Folding: a batch norm that is the only reader of a layer with weights becomes its bias, one per channel.


class _Candidate(NamedTuple):
    """A step without parts: the layer it is in, and its number there."""

    path: str
    number: int
    step: Step


def folded(traced: Trace) -> Trace:
    """Return the trace of the same network with its batch norms folded."""
    swaps: dict[tuple[str, int], Tally] = {}
    for layer, norm in _pairs(traced):
        swaps[layer[:2]] = _with_bias(layer.step)
        swaps[norm[:2]] = Tally()
    changed = {path for path, _ in swaps}
    steps = {
        path: _swapped(step, path, swaps, count()) if path in changed else step for path, step in traced.steps.items()
    }
    return traced._replace(steps=steps)


def _pairs(traced: Trace) -> Iterator[tuple[_Candidate, _Candidate]]:
    """Yield each layer with weights and the batch norm that is its only reader."""
    readers = Counter(name for node in traced.plan.nodes for name in node.inputs)
    for node in traced.plan.nodes:
        leaves = _leaves(traced, node.path)
        source = node.inputs[0]
        if source in traced.steps and readers[source] == 1:
            leaves.insert(0, _leaves(traced, source)[-1])
        for before, after in pairwise(leaves):
            if "batch_norm" in after.step.tally.counts and "weight" in before.step.tally.counts:
                yield before, after


def _leaves(traced: Trace, path: str) -> list[_Candidate]:
    return [_Candidate(path, number, leaf) for number, leaf in enumerate(traced.steps[path].leaves())]


def _with_bias(layer: Step) -> Tally:
    """Give a layer exactly one bias per channel."""
    counts: dict[str, Dim] = dict(layer.tally.counts)
    adds = next(name for name in counts if name.endswith("_bias_add"))
    return Tally(**{**counts, "bias": layer.shape.channels, adds: layer.shape.elements})


def _swapped(step: Step, path: str, swaps: Mapping[tuple[str, int], Tally], numbers: Iterator[int]) -> Step:
    """Rebuild a step with the tallies of some of its leaves exchanged; `numbers` counts the leaves."""
    if not step.parts:
        return step._replace(tally=swaps.get((path, next(numbers)), step.tally))
    parts = [part._replace(step=_swapped(part.step, path, swaps, numbers)) for part in step.parts]
    return composed(step.kind, step.shape, *parts)
