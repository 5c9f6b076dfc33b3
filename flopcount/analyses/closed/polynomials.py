"""Polynomials in t = 0, 1, 2, … with whole coefficients: numbers that formulas accept as they are.

They offer what a `Dim` offers, `+ - * //` and `abs`. A division that is not
the same polynomial for every t, or a sign that changes, is refused: the first
says by what t has to be multiplied, the second wants a later start.
"""

from fractions import Fraction
from itertools import zip_longest
from math import gcd, lcm
from typing import Any, Union

Number = Union[int, "Polynomial"]


class Unsettled(Exception):
    """The result is no polynomial: t has to be replaced by `factor`·t, or, for 1, to start later."""

    def __init__(self, factor: int) -> None:
        super().__init__(factor)
        self.factor = factor


class Polynomial:
    """Coefficients, the constant first; the last is not zero."""

    __slots__ = ("coefficients",)

    def __init__(self, *coefficients: int) -> None:
        """Keep the coefficients, without zeros at the end."""
        while coefficients and not coefficients[-1]:
            coefficients = coefficients[:-1]
        self.coefficients = coefficients

    def __add__(self, other: Number) -> "Polynomial":
        pairs = zip_longest(self.coefficients, _coefficients(other), fillvalue=0)
        return Polynomial(*(one + two for one, two in pairs))

    __radd__ = __add__

    def __neg__(self) -> "Polynomial":
        return Polynomial(*(-each for each in self.coefficients))

    def __sub__(self, other: Number) -> "Polynomial":
        return self + -other

    def __rsub__(self, other: Number) -> "Polynomial":
        return -self + other

    def __mul__(self, other: Number) -> "Polynomial":
        one, two = self.coefficients, _coefficients(other)
        result = [0] * (len(one) + len(two))
        for i, a in enumerate(one):
            for j, b in enumerate(two):
                result[i + j] += a * b
        return Polynomial(*result)

    __rmul__ = __mul__

    def __floordiv__(self, other: Number) -> "Polynomial":
        divisor = _coefficients(other)
        return _rounded(self, divisor[0]) if len(divisor) == 1 else _divided(self, divisor)

    def __rfloordiv__(self, other: int) -> "Polynomial":
        return Polynomial(other) // self

    def __abs__(self) -> "Polynomial":
        if all(each >= 0 for each in self.coefficients):
            return self
        if all(each <= 0 for each in self.coefficients):
            return -self
        raise Unsettled(1)

    def __str__(self) -> str:
        """Name what has no value."""
        return "?"


def _coefficients(value: Number) -> tuple[int, ...]:
    return value.coefficients if isinstance(value, Polynomial) else (value,) if value else ()


def _rounded(whole: Polynomial, divisor: int) -> Polynomial:
    """Divide and round down; only the constant may leave something, the same for every t."""
    constant, *others = whole.coefficients or (0,)
    factor = lcm(*(abs(divisor) // gcd(each, divisor) for each in others))
    if factor > 1:
        raise Unsettled(factor)
    return Polynomial(constant // divisor, *(each // divisor for each in others))


def _divided(whole: Polynomial, divisor: tuple[int, ...]) -> Polynomial:
    """Divide by a polynomial where nothing is left."""
    if not divisor:
        raise ZeroDivisionError
    rest: list[Any] = [*map(Fraction, whole.coefficients)]
    quotient: list[Fraction] = []
    while len(rest) >= len(divisor):
        factor = rest[-1] / divisor[-1]
        quotient.insert(0, factor)
        for place, each in enumerate(divisor, start=len(rest) - len(divisor)):
            rest[place] -= factor * each
        rest.pop()
    common = lcm(*(each.denominator for each in quotient))
    if any(rest) or common > 1:
        raise Unsettled(common)
    return Polynomial(*map(int, quotient))
