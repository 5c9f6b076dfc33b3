"""Closed forms give, at any numbers, what the formulas give for those numbers."""

from functools import cache
from typing import Any

import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flopcount.analyses.formula.kinds import Forms, Letters, Use, counts, kind_forms, ratio_forms, use
from flopcount.analyses.formula.symbols import symbol
from flopcount.formulas.numbers import Expr
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.spec.kinds import KINDS

M, N, k, p, g, r, s = sympy.symbols("M N k p g r s", integer=True, positive=True)
H, W, n = sympy.symbols("H W n", integer=True, positive=True)

WHOLES = st.sampled_from((1, 2, 3, 4, 6, 7, 8, 12, 16, 24, 48, 96))
PARTS = st.sampled_from((1, 2, 3, 4))
EXCHANGEABLE = [n for n, row in KINDS.items() if (row.replaces_conv or row.keeps_map) and n != "Conv2Plus1D"]
LARGE = frozenset({"M", "N", "D", "H", "W", "T", "n", "V"})
"""Letters of sizes, which others have to divide or to fit into."""


def forms(found: Forms) -> dict[str, Any]:
    return {form.quantity: form.expression for form in found.forms}


@cache
def closed(kind: str) -> dict[str, Any]:
    """Derive the forms of a kind, which takes SymPy a while, once for all examples."""
    return forms(kind_forms(kind, {}))


@cache
def ratio(kind: str) -> dict[str, Any]:
    """Derive the ratios of a kind to a standard convolution once."""
    return forms(ratio_forms(kind, "Conv", {}))


def put(value: Any, numbers: dict[Any, int]) -> Any:
    """Put numbers in the place of letters."""
    if isinstance(value, tuple):
        return tuple(put(each, numbers) for each in value)
    return numbers[symbol(str(value))] if isinstance(value, Expr) else value


def at(chosen: Use, numbers: dict[Any, int]) -> Use:
    inputs = tuple(Shape(put(x.dims, numbers), x.channel_axis) for x in chosen.inputs)
    return Use(chosen.kind, inputs, {name: put(value, numbers) for name, value in chosen.options.items()})


def letters(chosen: Use) -> list[Any]:
    values = [*(x.dims for x in chosen.inputs), *chosen.options.values()]
    found = {each for value in values for each in (value if isinstance(value, tuple) else (value,))}
    return sorted((symbol(str(each)) for each in found if isinstance(each, Expr)), key=str)


def is_possible(step: Step) -> bool:
    """Tell whether a step of ints has what it needs."""
    return not any(constraint.is_broken for constraint in step.constraints)


def draw_numbers(data: st.DataObject, chosen: Use) -> dict[Any, int]:
    """Draw a number for each letter; a map of H×W has as many positions."""
    found = {each: data.draw(WHOLES if str(each) in LARGE else PARTS, str(each)) for each in letters(chosen)}
    return {**found, n: found[H] * found[W]} if chosen.kind == "ToMap" else found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_the_closed_forms_of_a_kind_are_its_counts(kind: str, data: st.DataObject) -> None:
    """Numbers put into the closed form give what the formula gives for those numbers."""
    chosen = use(kind, {}, Letters())
    numbers = draw_numbers(data, chosen)
    step = at(chosen, numbers).step()
    assume(is_possible(step))
    assert {name: form.subs(numbers) for name, form in closed(kind).items()} == counts(step)


@pytest.mark.parametrize("kind", EXCHANGEABLE)
@settings(max_examples=4, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_a_ratio_is_the_quotient_of_the_counts(kind: str, data: st.DataObject) -> None:
    """Numbers put into the ratio to a standard convolution give the quotient of what both count."""
    chosen, standard = use(kind, {}, Letters()), use("Conv", {}, Letters())
    numbers = {**draw_numbers(data, standard), **draw_numbers(data, chosen)}
    part = at(chosen, numbers).step()
    assume(is_possible(part))
    whole = at(standard, numbers).step(out_channels=part.shape.channels)
    for name in ("weights", "MACs"):
        assert ratio(kind)[name].subs(numbers) == sympy.Rational(counts(part)[name], counts(whole)[name])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DepthSepConv", 1 / N + 1 / k**2),
        ("HetConv", 1 / p + (1 - 1 / p) / k**2),
        ("DualConv", 1 / g + 1 / k**2),
        ("GroupConv", 1 / g),
        ("DepthwiseConv", 1 / M),
        ("BSConvU", 1 / M + 1 / k**2),
        ("SpatiallySepConv", (1 + N / M) / k),
        ("LowRankConv", r / N + r / (M * k**2)),
        ("Res2Conv", (s - 1) / s**2),
        ("ACConv", 1 + 2 / k),
    ],
)
def test_the_ratio_to_a_standard_convolution_is_that_of_the_paper(kind: str, expected: Any) -> None:
    """The published ratios, as equalities of expressions."""
    for found in ratio(kind).values():
        assert sympy.simplify(found - expected) == 0


def test_ratios_are_reciprocal() -> None:
    one, other = (forms(ratio_forms(*pair, {})) for pair in (("HetConv", "Conv"), ("Conv", "HetConv")))
    assert all(sympy.simplify(one[name] * other[name]) == 1 for name in one)


def test_what_divides_is_an_assumption_and_not_a_floor() -> None:
    found = kind_forms("HetConv", {})
    assert found.assumptions == ((p, "divides", M),)
    assert not any(form.has(sympy.floor) for form in forms(found).values())
    assert sympy.expand(forms(found)["weights"] - N * (k**2 * M / p + M - M / p)) == 0


def test_what_always_holds_is_no_assumption() -> None:
    """Each of the B blocks is one convolution, whose single group divides M/B and N/B."""
    blocks = sympy.Symbol("B", integer=True, positive=True)
    assert kind_forms("TiedBlockConv", {}).assumptions == ((blocks, "divides", M), (blocks, "divides", N))


def test_a_product_has_the_letters_of_its_equation() -> None:
    b, c, h, i, j = sympy.symbols("b c h i j", integer=True, positive=True)
    assert forms(kind_forms("Einsum", {"equation": "bhic,bhjc->bhij"}))["MACs"] == b * h * i * j * c


def test_a_kept_tensor_has_as_many_params_as_its_sizes_make() -> None:
    assert forms(kind_forms("Parameter", {}))["params"] == n * sympy.Symbol("D", integer=True, positive=True)
