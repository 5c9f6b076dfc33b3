"""Letters in formulas, and numbers put in their place."""

from collections.abc import Mapping, Sequence
from typing import Any

from flopcount.formulas.numbers import INTEGERS, Dim, Expr, Graph, compiled

LARGEST = 10**9


def letters(names: str, low: int = 1, high: int = LARGEST) -> list[Expr]:
    """Return an expression for each letter."""
    graph = Graph()
    return [graph.variable(name, low, high) for name in names]


def at(numbers: Sequence[Dim], values: Mapping[str, int]) -> list[int]:
    """Put numbers in the place of letters."""
    return compiled(numbers).run(INTEGERS, int, values)


def in_arrays(numbers: Sequence[Dim], columns: Mapping[str, Any]) -> list[Any]:
    """Put columns of numbers in the place of letters."""
    import numpy as np

    from flopcount.analyses.sweep.evaluate import operations

    return compiled(numbers).run(operations(np), np.int64, columns)
