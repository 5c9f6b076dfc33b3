"""Polynomials are numbers like ints, and the laws of networks are their exact counts."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.formula.networks import Law, Polynomial, Subject, Unsettled, law
from flopcount.case import Case
from flopcount.errors import UsageError
from flopcount.network.convention import convention
from flopcount.network.plan import input_shapes, plan
from flopcount.network.scale import scaled
from flopcount.spec.expression import Ratio
from flopcount.spec.load import load

COEFFICIENTS = st.lists(st.integers(-50, 50), max_size=4)
DIVISORS = st.integers(-12, 12).filter(bool)
VALUES = st.integers(0, 20)


def evaluated(number: int | Polynomial, t: int) -> int:
    coefficients = number.coefficients if isinstance(number, Polynomial) else (number,)
    return sum(each * t**power for power, each in enumerate(coefficients))


@given(COEFFICIENTS, COEFFICIENTS, st.integers(-50, 50), VALUES)
def test_sums_and_products_are_those_of_the_values(one: list[int], two: list[int], n: int, t: int) -> None:
    a, b = Polynomial(*one), Polynomial(*two)
    x, y = evaluated(a, t), evaluated(b, t)
    found = (a + b, a - b, a * b, -a, a + n, n - a, n * a)
    assert [evaluated(each, t) for each in found] == [x + y, x - y, x * y, -x, x + n, n - x, n * x]


@given(COEFFICIENTS, DIVISORS, VALUES)
def test_a_division_is_floored_or_refused(coefficients: list[int], divisor: int, t: int) -> None:
    """A quotient is right at every t; one that is no polynomial says by what t has to be multiplied."""
    whole = Polynomial(*coefficients)
    try:
        assert evaluated(whole // divisor, t) == evaluated(whole, t) // divisor
    except Unsettled as question:
        spread = [each * question.factor**power for power, each in enumerate(coefficients)]
        assert evaluated(Polynomial(*spread) // divisor, t) == evaluated(Polynomial(*spread), t) // divisor


@given(COEFFICIENTS, COEFFICIENTS.filter(any), VALUES)
def test_a_product_is_divided_by_its_factor(one: list[int], two: list[int], t: int) -> None:
    a, b = Polynomial(*one), Polynomial(*two)
    assert evaluated((a * b) // b, t) == evaluated(a, t)


@given(COEFFICIENTS, VALUES)
def test_a_distance_is_right_or_refused(coefficients: list[int], t: int) -> None:
    number = Polynomial(*coefficients)
    if all(each >= 0 for each in coefficients) or all(each <= 0 for each in coefficients):
        assert evaluated(abs(number), t) == abs(evaluated(number, t))
    else:
        with pytest.raises(Unsettled):
            abs(number)


def test_a_division_by_nothing_is_one() -> None:
    with pytest.raises(ZeroDivisionError):
        Polynomial(4, 2) // Polynomial()


def subject(name: str, size: str | None = None) -> Subject:
    arch = load(name).arch
    network = plan(arch)
    return Subject(arch.name, network, input_shapes(network.inputs, size), convention(), {}, arch.scaling)


def exact(name: str, axis: str, value: Fraction) -> tuple[int, int]:
    """Count a network at one value, the way any count is made."""
    arch = load(name).arch
    network = plan(arch)
    size = str(value) if axis == "resolution" else None
    batch = int(value) if axis == "batch" else None
    given = scaled(network, arch.scaling, Ratio(*value.as_integer_ratio())) if axis == "width" else None
    total = Case.of(network, input_shapes(network.inputs, size, batch), convention(), given).count.total
    return total.params, total.macs


def at(found: Law, value: Fraction) -> tuple[int, ...]:
    """Evaluate both polynomials in the axis itself."""
    sums = [sum((each * value**power for power, each in enumerate(form)), Fraction()) for form in found.over_axis()]
    assert {each.denominator for each in sums} == {1}
    return tuple(map(int, sums))


@pytest.mark.parametrize("axis", ["resolution", "batch", "width"])
@pytest.mark.parametrize(
    "name", ["mobilenet_v1_1.0_224", "resnet18", "alexnet", "vit_b_16", "shufflenet_v1", "inception_v3_noaux", "lenet5"]
)
def test_a_law_is_the_exact_count_wherever_it_holds(name: str, axis: str) -> None:
    found = law(subject(name), axis)
    values = [found.value(found.first + more) for more in (0, 1, 3, 4, 9)]
    assert [at(found, value) for value in values] == [exact(name, axis, value) for value in values]


def test_the_law_of_mobilenet_gives_the_published_count() -> None:
    """568,740,352 MACs at 224, of which only the classifier's 1024·1000 do not grow with the map."""
    found = law(subject("mobilenet_v1_1.0_224"), "resolution")
    assert at(found, Fraction(224)) == (4_231_976, 568_740_352)
    assert (found.step, found.offset, found.value(found.first)) == (Fraction(32), Fraction(0), Fraction(32))
    assert found.macs == (Fraction(1024 * 1000), Fraction(0), Fraction(568_740_352 - 1024 * 1000, 49))


def test_a_batch_costs_as_often_as_it_has_inputs() -> None:
    found = law(subject("resnet18"), "batch")
    assert found.macs == (Fraction(0), Fraction(1_814_073_344))
    assert found.params == (Fraction(11_689_512),)


def test_an_input_decides_on_the_sizes_a_law_is_about() -> None:
    """Sizes of another remainder have another polynomial."""
    assert law(subject("inception_v3_noaux"), "resolution").offset == 299 % 32
    assert law(subject("inception_v3_noaux", "320"), "resolution").offset == 0


def test_attention_makes_a_polynomial_of_the_fourth_degree() -> None:
    assert len(law(subject("vit_b_16"), "resolution").macs) == 5


@pytest.mark.parametrize(("name", "axis"), [("mixer_b16_224", "resolution"), ("mobilenet_v3_small", "width")])
def test_a_network_that_is_made_for_one_value_has_no_law(name: str, axis: str) -> None:
    with pytest.raises(UsageError, match=f"{name} has no polynomial in {axis}"):
        law(subject(name), axis)
