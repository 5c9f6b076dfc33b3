"""Systolic arrays in closed form: cycles without stalls, and utilization, as SCALE-Sim counts them.

Each layer is a product of matrices of M rows, K columns and N filters; a convolution has M output positions and
K = kernel area × channels. An array of R × C takes folds of the two axes that it keeps; the third axis, of T steps,
streams through. SCALE-Sim (Samajdar et al., ISPASS 2020; version 3.0.0, scalesim/compute/systolic_compute_*.py)
counts for each fold

    output stationary (os):  T = K, folds of M and N, T + R + C − 2 cycles
    weight stationary (ws):  T = M, folds of K and N, T + 2·R + C − 2 cycles
    input stationary (is):   T = N, folds of K and M, T + 2·R + C − 2 cycles

and reports the number of the last cycle of a layer, counted from 0.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from flopcount.case import Count
from flopcount.errors import UsageError, plain
from flopcount.formulas.numbers import ceil_div, exact
from flopcount.formulas.step import Step
from flopcount.readers.scale_sim import MULTIPLIED, as_product

DATAFLOWS: Mapping[str, str] = {"os": "output stationary", "ws": "weight stationary", "is": "input stationary"}

LARGEST_SIDE = 10**6


class SystolicArray(NamedTuple):
    """Rows and columns of multipliers, and what stays in them: outputs (os), weights (ws) or inputs (is)."""

    rows: int
    columns: int
    dataflow: str

    def __str__(self) -> str:
        """Return the array as --on takes it."""
        return f"array:{self.rows}x{self.columns}:{self.dataflow}"

    def cycles(self, m: int, k: int, n: int) -> int:
        """Return the cycles of a product of M rows, K columns and N filters."""
        down, across, steps = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[self.dataflow]
        folds = exact(ceil_div(down, self.rows)) * exact(ceil_div(across, self.columns))
        loading = 0 if self.dataflow == "os" else self.rows
        return folds * (steps + loading + self.rows + self.columns - 2) - 1


def systolic_array(text: str) -> SystolicArray:
    """Read array:32x32:ws."""
    found = re.fullmatch(r"array:(\d{1,9})[x×](\d{1,9}):(\w+)", text, re.ASCII)
    if found is None or found[3] not in DATAFLOWS:
        raise UsageError(
            f"--on {plain(text[:60])}: an array is array:ROWSxCOLUMNS:DATAFLOW, as in array:32x32:ws (or os, is)"
        )
    rows, columns = int(found[1]), int(found[2])
    if not (0 < rows <= LARGEST_SIDE and 0 < columns <= LARGEST_SIDE):
        raise UsageError(f"--on {plain(text[:60])}: an array has 1 to {LARGEST_SIDE:,} rows and columns")
    return SystolicArray(rows, columns, found[3])


class ArrayUse(NamedTuple):
    """The cycles that an array takes for some MACs."""

    cycles: int
    macs: int

    def share(self, array: SystolicArray) -> Fraction | None:
        """Return the share of the multipliers that are busy; None without cycles."""
        return Fraction(self.macs, self.cycles * array.rows * array.columns) if self.cycles else None


class ArrayUses:
    """The cycles of every layer of a network on an array, one layer after the other."""

    def __init__(self, count: Count, array: SystolicArray) -> None:
        self.count, self.array = count, array

    @cached_property
    def layers(self) -> Mapping[str, ArrayUse]:
        """The cycles of each layer with MACs by path; those of compositions are the sum of their parts."""
        found = {path: self._use(path, step) for path, step in self.count.trace.steps.items()}
        return {path: use for path, use in found.items() if use.macs}

    @property
    def total(self) -> ArrayUse:
        """The cycles of the network."""
        return ArrayUse(
            sum(each.cycles for each in self.layers.values()), sum(each.macs for each in self.layers.values())
        )

    def _use(self, path: str, step: Step) -> ArrayUse:
        leaves = [leaf for leaf in step.leaves() if any(leaf.tally.counts.get(name) for name in MULTIPLIED)]
        products = [as_product(path, leaf) for leaf in leaves]
        return ArrayUse(sum(self.array.cycles(*each) for each in products), sum(m * k * n for m, k, n in products))
