"""The deployed network: each batch norm folded into the layer it follows.

A batch norm that alone reads a convolution or a linear layer becomes that
layer's bias, one per channel. One that reads anything else stays as it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count, pairwise
from typing import NamedTuple

from flopcount.formulas.numbers import Dim
from flopcount.formulas.step import Part, Step, Tally, composed
from flopcount.network.trace import Trace


class _Candidate(NamedTuple):
    """A step without parts: the layer it is in, and its number there."""

    path: str
    number: int
    step: Step


def folded(traced: Trace) -> Trace:
    """Return the trace of the same network with its batch norms folded."""
    swaps: dict[tuple[str, int], Tally] = {}
    for layer, norm in _pairs(traced):
        swaps[layer.path, layer.number] = _with_bias(layer.step)
        swaps[norm.path, norm.number] = Tally()
    changed = {path for path, _ in (*swaps,)}
    steps = {
        path: _swapped(step, path, swaps, count()) if path in changed else step for path, step in traced.steps.items()
    }
    return traced._replace(steps=steps)


def _pairs(traced: Trace) -> Iterator[tuple[_Candidate, _Candidate]]:
    """Yield each layer with weights and the batch norm that alone reads it."""
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
    parts = [Part(part.name, _swapped(part.step, path, swaps, numbers)) for part in step.parts]
    return composed(step.kind, step.shape, *parts)
