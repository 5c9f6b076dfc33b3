"""Polynomials are numbers like ints, and the laws of networks are their exact counts."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flopcount.analyses.formula.networks import (
    OPERATIONS,
    Coefficients,
    CostPolynomial,
    Unsettled,
    VariedCase,
    _polynomial,
    cost_polynomial,
)
from flopcount.case import Case, load
from flopcount.formulas.numbers import INTEGERS

COEFFICIENTS = st.lists(st.integers(-50, 50), max_size=4).map(lambda each: _polynomial(*each))
NUMBERS = st.integers(-12, 12).filter(bool).map(lambda number: (number,))
VALUES = st.integers(0, 20)


def evaluated(coefficients: Coefficients, t: int) -> int:
    return sum(each * t**power for power, each in enumerate(coefficients))


@pytest.mark.parametrize(
    "op", ["add", "subtract", "multiply", "maximum", "minimum", "floor_divide", "ceil_divide", "remainder"]
)
@given(one=COEFFICIENTS, other=COEFFICIENTS | NUMBERS, t=VALUES)
def test_an_operation_on_polynomials_is_right_at_every_value_or_refused(
    op: str, one: Coefficients, other: Coefficients, t: int
) -> None:
    """A refusal of a division says by what t has to be multiplied."""
    x, y = evaluated(one, t), evaluated(other, t)
    assume(y or ("divide" not in op and op != "remainder"))
    try:
        assert evaluated(OPERATIONS[op](one, other), t) == INTEGERS[op](x, y)
    except (Unsettled, ZeroDivisionError):
        assert op not in {"add", "subtract", "multiply"}


@given(COEFFICIENTS, NUMBERS, VALUES)
def test_a_refused_division_says_by_what_to_multiply(one: Coefficients, divisor: Coefficients, t: int) -> None:
    try:
        OPERATIONS["floor_divide"](one, divisor)
    except Unsettled as question:
        spread = _polynomial(*(each * question.factor**power for power, each in enumerate(one)))
        assert evaluated(OPERATIONS["floor_divide"](spread, divisor), t) == evaluated(spread, t) // divisor[0]


@given(COEFFICIENTS, COEFFICIENTS.filter(any), VALUES)
def test_a_product_is_divided_by_its_factor(one: Coefficients, other: Coefficients, t: int) -> None:
    product = OPERATIONS["multiply"](one, other)
    assert evaluated(OPERATIONS["exact_divide"](product, other), t) == evaluated(one, t)


def polynomial(name: str, axis: str, size: str | None = None) -> CostPolynomial:
    return cost_polynomial(VariedCase(Case(load(name), input=size), axis))


def exact(name: str, axis: str, value: Fraction) -> tuple[int, int]:
    """Count a network at one value, the way any count is made."""
    case = Case(load(name))
    changes: dict[str, Any] = {"input" if axis == "resolution" else axis: int(value) if axis == "batch" else str(value)}
    total = case.at(**changes).count.total
    return total.params, total.macs


def at(found: CostPolynomial, value: Fraction) -> tuple[int, ...]:
    """Evaluate both polynomials in the axis itself."""
    sums = [
        sum((each * value**power for power, each in enumerate(form)), Fraction()) for form in found.over_axis().values()
    ]
    assert {each.denominator for each in sums} == {1}
    return tuple(map(int, sums))


@pytest.mark.parametrize("axis", ["resolution", "batch", "width"])
@pytest.mark.parametrize(
    "name", ["mobilenet_v1_1.0_224", "resnet18", "alexnet", "vit_b_16", "shufflenet_v1", "inception_v3_noaux", "lenet5"]
)
def test_a_law_is_the_exact_count_wherever_it_holds(name: str, axis: str) -> None:
    found = polynomial(name, axis)
    values = [found.value(found.first + more) for more in (0, 1, 3, 4, 9)]
    assert [at(found, value) for value in values] == [exact(name, axis, value) for value in values]


def test_an_input_decides_on_the_sizes_a_law_is_about() -> None:
    """Sizes of another remainder have another polynomial."""
    assert polynomial("inception_v3_noaux", "resolution").offset == 299 % 32
    assert polynomial("inception_v3_noaux", "resolution", "320").offset == 0


def test_attention_makes_a_polynomial_of_the_fourth_degree() -> None:
    assert len(polynomial("vit_b_16", "resolution").forms["macs"]) == 5


def test_flops_have_a_polynomial_of_twice_the_coefficients() -> None:
    """The metrics are those of the case, compared with exact counts as MACs are."""
    case = Case(load("mobilenet_v2"), metrics=("params", "macs", "flops"))
    forms = cost_polynomial(VariedCase(case, "resolution")).forms
    assert [*forms] == ["params", "macs", "flops"]
    assert forms["flops"] == tuple(2 * each for each in forms["macs"])
