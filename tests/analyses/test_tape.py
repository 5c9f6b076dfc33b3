"""Recorded numbers: whatever is done to them, the program gives the same integers as ints do."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.sweep.compile import Wanted, _run, compiled
from flopcount.analyses.sweep.graph import Recorded, Tape
from flopcount.formulas import numbers as dims

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
)
WITH_NUMBER = (
    lambda a, n: a // n,
    dims.ceil_div,
    dims.remainder,
    dims.round_half_even,
    dims.divisible,
    dims.at_least,
    lambda a, n: dims.where_positive(a, n, a),
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
    tape = Tape()
    result = expression({name: tape.variable(name, *ends) for name, ends in RANGES.items()})
    program = compiled(tape, {"macs": result}, [Wanted("here", result, "positive")])
    points = [*product(*(range(low, high + 1) for low, high in RANGES.values()))]
    columns = dict(zip(RANGES, np.array(points).T, strict=True))
    exact = [expression(dict(zip(RANGES, point, strict=True))) for point in points]
    found = _run(program, columns)
    assert found["macs"].tolist() == exact
    if isinstance(result, Recorded):
        assert found["valid"].tolist() == [value >= 1 for value in exact]
        assert result.bounds is not None
        assert result.bounds[0] <= min(exact)
        assert max(exact) <= result.bounds[1]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (dims.maximum, "maximum"),
        (dims.minimum, "minimum"),
        (lambda a, _: dims.maximum(a, 0), "maximum"),
        (lambda a, _: dims.remainder(a, 3), "remainder"),
        (lambda a, _: dims.remainder(a, 8), "remainder"),
    ],
)
def test_the_arithmetic_of_dims_becomes_one_operation(function: Callable[..., Any], name: str) -> None:
    tape = Tape()
    numbers = tape.variable("a", 0, 100), tape.variable("b", 1, 100)
    program = compiled(tape, {"macs": function(*numbers)}, [])
    assert [each.name for each in program.instructions] == [name]


def test_what_no_result_needs_is_left_out() -> None:
    tape = Tape()
    a = tape.variable("a", 1, 100)
    _ = [a * number for number in range(2, 50)]
    assert len(compiled(tape, {"macs": a * a}, []).instructions) == 1


def test_what_occurs_twice_is_done_once() -> None:
    tape = Tape()
    a, b = tape.variable("a", 1, 100), tape.variable("b", 1, 100)
    assert len(compiled(tape, {"macs": a * b, "params": b * a}, []).instructions) == 1


def test_products_with_a_common_factor_are_added_before_they_are_multiplied() -> None:
    tape = Tape()
    a, b, c, p = (tape.variable(name, 1, 100) for name in "abcp")
    program = compiled(tape, {"macs": a * p + b * p + c * p}, [])
    assert sorted(each.name for each in program.instructions) == ["add", "add", "multiply"]


def test_a_recorded_number_decides_nothing() -> None:
    """A formula that branches on one is refused, not recorded wrongly."""
    number: Any = Tape().variable("a", 1, 100)
    for wrong in (bool, int, range, lambda each: each < 1, lambda each: each / 2, lambda each: each + 0.5):
        with pytest.raises(TypeError):
            wrong(number)


def test_bounds_say_whether_int64_is_enough() -> None:
    tape = Tape()
    a = tape.variable("a", 1, 2**31)
    assert compiled(tape, {"macs": a * a}, []).safe
    assert not compiled(tape, {"macs": a * a * a}, []).safe
