"""The deployed network: each batch norm folded into the layer it follows.

A batch norm that alone reads a convolution or a linear layer becomes that
layer's bias, one per channel. One that reads anything else stays as it is.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from flopcount.formulas.numbers import Dim
from flopcount.formulas.step import Part, Step, Tally, composed
from flopcount.network.trace import Trace


class _Pair(NamedTuple):
    """A layer with weights, and the batch norm right behind it."""

    layer: Step
    norm: Step


def folded(traced: Trace) -> Trace:
    """Return the trace of the same network with its batch norms folded."""
    swaps: dict[int, Tally] = {}
    for pair in _pairs(traced):
        swaps[id(pair.layer)] = _with_bias(pair.layer)
        swaps[id(pair.norm)] = Tally()
    steps = {path: _swapped(step, swaps) for path, step in traced.steps.items()}
    return traced._replace(steps=steps)


def _pairs(traced: Trace) -> Iterator[_Pair]:
    readers = Counter(name for node in traced.plan.nodes for name in node.inputs)
    for node, step in traced.items():
        leaves = [*step.leaves()]
        source = node.inputs[0]
        if source in traced.steps and readers[source] == 1:
            leaves.insert(0, [*traced.steps[source].leaves()][-1])
        for before, after in pairwise(leaves):
            if "batch_norm" in after.tally.counts and "weight" in before.tally.counts:
                yield _Pair(before, after)


def _with_bias(layer: Step) -> Tally:
    """Give a layer exactly one bias per channel."""
    counts: dict[str, Dim] = dict(layer.tally.counts)
    adds = next(name for name in counts if name.endswith("_bias_add"))
    return Tally(**{**counts, "bias": layer.shape.channels, adds: layer.shape.elements})


def _swapped(step: Step, swaps: dict[int, Tally]) -> Step:
    """Rebuild a step with the tallies of some of its leaves exchanged."""
    if not step.parts:
        return step._replace(tally=swaps.get(id(step), step.tally))
    parts = (Part(part.name, _swapped(part.step, swaps)) for part in step.parts)
    return composed(step.kind, step.shape, *parts)
