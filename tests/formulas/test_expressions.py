"""Expressions: a program made of them gives, on ints and arrays, what the same arithmetic gives on ints."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from expressions import in_arrays, letters
from hypothesis import given
from hypothesis import strategies as st

from flopcount.formulas import numbers as dims
from flopcount.formulas.numbers import Dim, Graph, bounds_of, compiled

SMALL = st.integers(1, 16)
RANGES = {"a": (-5, 9), "b": (1, 12), "c": (0, 3)}

Expression = Callable[[dict[str, Any]], Any]


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[tuple[Expression, Expression]], Expression]:
    return lambda pair: lambda values: function(pair[0](values), pair[1](values))


def _scalar(function: Callable[[Any, Any], Any]) -> Callable[[tuple[Expression, int]], Expression]:
    return lambda pair: lambda values: function(pair[0](values), pair[1])


LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.sampled_from([*RANGES]).map(lambda name: lambda values: values[name]),
    st.integers(-9, 9).map(lambda number: lambda _: number),
)
PAIRED = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    dims.maximum,
    dims.minimum,
    lambda a, b: a * b + a * 3 + b * a,
    lambda a, b: dims.where(a, b, a),
    lambda a, b: dims.exact_div(a * 3, 3) + b,
)
WITH_NUMBER = (
    lambda a, n: a // n,
    dims.ceil_div,
    dims.remainder,
    dims.round_half_even,
    dims.divisible,
    lambda a, n: dims.where(a, n, a),
    lambda a, n: n - a,
)


def _grown(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    paired = [st.tuples(inner, inner).map(_binary(function)) for function in PAIRED]
    numbered = [st.tuples(inner, SMALL).map(_scalar(function)) for function in WITH_NUMBER]
    return st.one_of(*paired, *numbered)


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(LEAVES, _grown, max_leaves=8)


@given(EXPRESSIONS)
def test_a_program_gives_what_ints_give(expression: Expression) -> None:
    """On every point of a small box, and within the bounds that were claimed."""
    graph = Graph()
    result: Dim = expression({name: graph.variable(name, *ends) for name, ends in RANGES.items()})
    points = [*product(*(range(low, high + 1) for low, high in RANGES.values()))]
    columns = dict(zip(RANGES, np.array(points).T, strict=True))
    exact = [expression(dict(zip(RANGES, point, strict=True))) for point in points]
    (found,) = in_arrays([result], columns)
    assert np.broadcast_to(found, len(points)).tolist() == exact
    assert bounds_of(result)[0] <= min(exact)
    assert max(exact) <= bounds_of(result)[1]


def test_what_the_bounds_decide_is_not_computed() -> None:
    """Of letters from 1 to 100: the larger of a and 1 is a, and a − 100 is never positive."""
    (a,) = letters("a", 1, 100)
    assert dims.maximum(a, 1) is a
    assert dims.minimum(a, 100) is a
    assert dims.where(a - 100, 7, 9) == 9
    assert dims.remainder(8 * a, 4) == 0


def test_an_expression_decides_nothing() -> None:
    """A formula that branches on one fails."""
    number: Any = letters("a")[0]
    for wrong in (bool, int, range, lambda each: each < 1, lambda each: each / 2, lambda each: each + 0.5):
        with pytest.raises(TypeError):
            wrong(number)


def test_bounds_say_whether_64_bits_are_enough() -> None:
    (a,) = letters("a", 1, 2**30)
    assert compiled([a * a]).is_small
    assert not compiled([a * a * a]).is_small
