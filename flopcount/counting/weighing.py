"""Integer weights over what a step tallies, and where they differ."""

from collections.abc import Mapping
from typing import NamedTuple

from flopcount.formulas.dims import Dim
from flopcount.formulas.step import Step

EVERYTHING = "*"
"""In an exception: what is not named there counts nothing."""

Weights = Mapping[str, int]


class Weighing(NamedTuple):
    """Weights by name, with exceptions for kinds of steps and for manners of writing them.

    An exception names what differs. That of the manner goes before that of the kind.
    """

    weights: Weights
    kinds: Mapping[str, Weights] = {}
    written: Mapping[str, Weights] = {}

    def of(self, step: Step) -> Dim:
        """Return what a step comes to."""
        if not self.kinds and not self.written and not looks_inside(self.weights):
            return step.tally.weighed(self.weights)
        total: Dim = 0
        for leaf in step.leaves():
            weights = self.at(leaf)
            for name, count in self.counts(leaf).items():
                if weights.get(name):
                    total = total + count * weights[name]
        return total

    def at(self, leaf: Step) -> Weights:
        """Return the weights that hold for a step without parts."""
        weights = self.weights
        for exception in (self.kinds.get(leaf.kind), self.written.get(leaf.manner)):
            if exception is not None:
                weights = exception if EVERYTHING in exception else {**weights, **exception}
        return weights

    def counts(self, leaf: Step) -> Mapping[str, Dim]:
        """Return what a step without parts does, by name."""
        wanted = looks_inside(self.at(leaf))
        if not wanted:
            return leaf.tally.counts
        from flopcount.counting.inside import inside

        return {**leaf.tally.counts, **inside(leaf, wanted)}


def looks_inside(weights: Weights) -> list[str]:
    """Name what is weighed of windows one by one: it is not tallied, and takes whole numbers to work out."""
    return [name for name, weight in weights.items() if weight and name.endswith("_inside")]
