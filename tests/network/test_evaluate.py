"""Expressions in templates: exact, closed under arrays and symbols, and never a traceback."""

from fractions import Fraction
from typing import Any

import pytest
from expressions import at, letters
from hypothesis import given, settings
from hypothesis import strategies as st

from flopcount.spec.expression import EvaluationError, evaluate, parse


def value(text: str, **names: Any) -> Any:
    """Evaluate a text with these names."""
    return evaluate(parse(text), names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-7 // 2", -4),
        ("7 % 4", 3),
        ("-7 % 4", 1),
        ("ceil_div(7, 2)", 4),
        ("min(3, 5) + max(3, 5)", 8),
        ("c // 4", 8),
        ("ceil(0.3 * c)", 10),
        ("floor(0.3 * c)", 9),
        ("round(2.5)", 2),
        ("round(3.5)", 4),
        ("round(0.5 * c + 0.25)", 16),
        ("1.5 // 0.5", 3),
        ("3 - 0.5 * 4 // 1", 1),
        ("divisible(0.35 * c, 8)", 16),
        ("divisible(3, 8, 16)", 16),
        ("True + 1", 2),
    ],
)
def test_arithmetic(text: str, expected: int) -> None:
    """With c = 32."""
    assert value(text, c=32) == expected


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(0, 999), st.integers(1, 5000))
def test_decimals_are_exactly_what_is_written(tenths: int, hundredths: int, channels: int) -> None:
    """0.1 is a tenth, not the binary number near it."""
    text = f"floor({tenths / 10} * c + {hundredths / 100})"
    exact = Fraction(tenths, 10) * channels + Fraction(hundredths, 100)
    assert value(text, c=channels) == exact.numerator // exact.denominator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c == 32", True),
        ("1 < 2 <= 2", True),
        ("1 < 2 > 3", False),
        ("0.5 * c == 16", True),
        ("kind == 'basic' and c > 16", True),
        ("kind != 'basic' or not c > 16", False),
        ("8 if c >= 32 else 4", 8),
        ("8 if kind == 'other' else 4", 4),
        ("kind", "basic"),
        ("not flag", True),
    ],
)
def test_choices(text: str, expected: object) -> None:
    assert value(text, c=32, kind="basic", flag=False) == expected


def test_an_argument_may_be_a_decimal() -> None:
    assert value("divisible(width * 24, 8)", width=0.75) == 24


def test_letters_pass_through() -> None:
    """Channels 8, 31 and 32, one after the other."""
    found = value("divisible(0.5 * c, 8) + c % 3", c=letters("c")[0])
    assert [at([found], {"c": number})[0] for number in (8, 31, 32)] == [8 + 2, 16 + 1, 16 + 2]


@pytest.mark.parametrize("text", ["8 if c > 4 else 2", "c == 4", "not c", "c > 4 and c < 8", "0.5 * c > 2"])
def test_shapes_decide_nothing(text: str) -> None:
    """Which layers exist depends on arguments only."""
    with pytest.raises(EvaluationError, match="never depends on shapes"):
        value(text, c=letters("c")[0])
