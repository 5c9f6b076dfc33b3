"""What a picture of a sweep needs: some candidates drawn evenly from all, and the front of all."""

from typing import TYPE_CHECKING, Any

from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweeps.selection import Choice, Rows, joined, narrowed

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

MOST = 4000
"""Candidates in a picture: more are a blot, and a file nobody can open."""

SEED = 0
"""Of the draws: the same sweep gives the same picture."""


class Cloud:
    """Sees the rows of a sweep as they come; keeps those with the smallest of random keys, and the front."""

    def __init__(self, x: str, y: str) -> None:
        self.x, self.y = x, y
        self.seen = 0
        self.rows: Rows | None = None
        self.front: Rows | None = None
        self._stream = numpy().random.Generator(numpy().random.PCG64(SEED))
        self._keys: Array = numpy().empty(0)

    def see(self, rows: Rows) -> None:
        """Take account of some rows."""
        np = numpy()
        many = len(rows["id"])
        self.seen += many
        if not many:
            return
        keys = np.concatenate([self._keys, self._stream.random(many)])
        places = np.sort(np.argsort(keys, kind="stable")[:MOST])
        found = joined(self.rows, rows)
        self.rows, self._keys = {name: values[places] for name, values in found.items()}, keys[places]
        self.front = self._front(joined(self.front, rows))

    def _front(self, found: Rows) -> Rows:
        """Keep one candidate for each place of the front: others are drawn over it."""
        kept = narrowed(found, Choice(pareto=(self.x, self.y)))
        np = numpy()
        x, y = kept[self.x], kept[self.y]
        first = np.concatenate([[True], (x[1:] != x[:-1]) | (y[1:] != y[:-1])])
        return {name: values[first] for name, values in kept.items()}
