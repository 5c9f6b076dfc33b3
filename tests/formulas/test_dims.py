"""The helpers of formulas do on ints what Python's own operations do."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from flopcount.formulas.numbers import ceil_div, divisible, round_half_even

unhurried = settings(deadline=None)
whole = st.integers(-(10**12), 10**12)
positive = st.integers(1, 10**6)


@unhurried
@given(whole, positive)
def test_ceil_div_is_the_first_whole_number_not_below_the_fraction(dividend: int, divisor: int) -> None:
    result = ceil_div(dividend, divisor)
    assert isinstance(result, int)
    assert result - 1 < Fraction(dividend, divisor) <= result


@unhurried
@given(st.integers(-1000, 1000), st.integers(1, 40))
def test_round_half_even_is_pythons_round(dividend: int, divisor: int) -> None:
    assert round_half_even(dividend, divisor) == round(Fraction(dividend, divisor))


def mobilenet_rule(value: Fraction, divisor: int) -> int:
    """Return what the channel rule of MobileNet v2's reference code gives, in exact fractions."""
    nearest = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return nearest + divisor if nearest < Fraction(9, 10) * value else nearest


@unhurried
@given(st.integers(1, 10_000), st.integers(1, 64), st.integers(1, 100))
def test_divisible_is_the_rule_of_the_mobilenet_family(value: int, divisor: int, scale: int) -> None:
    assert divisible(value, divisor, scale) == mobilenet_rule(Fraction(value, scale), divisor)
