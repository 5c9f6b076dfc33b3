"""Closed forms as text: products in the order people write them, powers raised."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
FIRST = ("M", "N", "D", "k", "k_1", "k_2", "t", "g", "p")
"""The letters that come first in a product, in this order."""
PLACES = ("n", "T", "H", "W")
"""The letters that come last: where a product is done."""
NAMES: Mapping[str, str] = {"Max": "max", "Min": "min", "Abs": "abs"}


def written(expression: Any) -> str:
    """Write an expression in symbols on one line."""
    kind = type(expression).__name__
    if kind == "Add":
        return _sum([*expression.as_ordered_terms()])
    if kind in {"Mul", "Pow"}:
        return _product(expression)
    if kind in {"floor", "ceiling"}:
        return _rounded(kind, expression.args[0])
    if kind in NAMES:
        return f"{NAMES[kind]}({', '.join(map(written, expression.args))})"
    return spelled(str(expression)) if kind == "Symbol" else str(expression).replace("-", "−")


def spelled(name: str) -> str:
    """Write a letter: r_1 as r₁."""
    stem, line, number = name.rpartition("_")
    return stem + number.translate(LOWERED) if line and number.isdecimal() else name


def _rounded(kind: str, inner: Any) -> str:
    return f"⌊{written(inner)}⌋" if kind == "floor" else f"⌈{written(inner)}⌉"


def _sum(terms: Sequence[Any]) -> str:
    positive = [term for term in terms if not term.could_extract_minus_sign()]
    ordered = [*positive, *(term for term in terms if term not in positive)]
    first, *others = ordered
    text = written(first)
    for term in others:
        minus = term.could_extract_minus_sign()
        text += f" − {written(-term)}" if minus else f" + {written(term)}"
    return text


def _product(expression: Any) -> str:
    """Write numerator / denominator, factors in their order."""
    coefficient, rest = expression.as_coeff_Mul()
    factors = list(rest.args) if type(rest).__name__ == "Mul" else [rest] if rest != 1 else []
    below = [factor for factor in factors if _is_below(factor)]
    above = [factor for factor in factors if not _is_below(factor)]
    coefficient, above = _rounded_up(coefficient, above)
    coefficient, above = _turned(coefficient, above)
    top = [_factor(factor) for factor in sorted(above, key=_rank)]
    bottom = [_factor(1 / factor) for factor in sorted(below, key=_rank)]
    if abs(coefficient.p) != 1 or not top:
        top.insert(0, str(abs(coefficient.p)))
    if coefficient.q != 1:
        bottom.insert(0, str(coefficient.q))
    sign = "−" if coefficient < 0 else ""
    return sign + "·".join(top) + _under(bottom)


def _rounded_up(coefficient: Any, factors: list[Any]) -> tuple[Any, list[Any]]:
    """Write −⌊−x⌋ as ⌈x⌉."""
    result = []
    for factor in factors:
        base, exponent = factor.as_base_exp()
        if type(base).__name__ == "floor" and base.args[0].could_extract_minus_sign() and exponent.is_Integer:
            coefficient = coefficient * (-1) ** int(exponent)
            result.append(_Ceiling(-base.args[0], int(exponent)))
        else:
            result.append(factor)
    return coefficient, result


def _turned(coefficient: Any, factors: list[Any]) -> tuple[Any, list[Any]]:
    """Write (H + 1 − k) for −(k − H − 1)."""
    result = []
    for factor in factors:
        terms = factor.args if type(factor).__name__ == "Add" else ()
        turn = 2 * sum(term.could_extract_minus_sign() for term in terms) > len(terms)
        coefficient, factor = (-coefficient, -factor) if turn else (coefficient, factor)  # noqa: PLW2901  (turned)
        result.append(factor)
    return coefficient, result


class _Ceiling:
    """A power of a number rounded up: only to be written."""

    def __init__(self, inner: Any, power: int) -> None:
        self.inner, self.power = inner, power


def _is_below(factor: Any) -> bool:
    return type(factor).__name__ == "Pow" and factor.args[1].could_extract_minus_sign()


def _factor(factor: Any) -> str:
    if isinstance(factor, _Ceiling):
        return _rounded("ceiling", factor.inner) + _raised(factor.power)
    base, exponent = factor.as_base_exp()
    text = f"({written(base)})" if type(base).__name__ == "Add" else written(base)
    return text + _raised(exponent)


def _raised(power: Any) -> str:
    return "" if power == 1 else str(power).translate(RAISED)


def _under(bottom: list[str]) -> str:
    if not bottom:
        return ""
    return f"/{bottom[0]}" if len(bottom) == 1 else f"/({'·'.join(bottom)})"


def _rank(factor: Any) -> tuple[int, str]:
    """Order factors: channels, kernel, other letters, sums, places."""
    if isinstance(factor, _Ceiling):
        return 200, str(factor.inner)
    name = str(factor.as_base_exp()[0])
    if name in FIRST:
        return FIRST.index(name), name
    if name in PLACES:
        return 300 + PLACES.index(name), name
    return (100, name) if name.isidentifier() else (200, name)


def polynomial(coefficients: Sequence[Fraction], letter: str, *, latex: bool = False) -> str:
    """Write a polynomial, the highest power first."""
    text = ""
    for power, each in reversed([*enumerate(coefficients)]):
        if each:
            sign = (" - " if each < 0 else " + ") if text else ("-" if each < 0 else "")
            text += sign + _term(abs(each), power, letter, latex=latex)
    return (text or "0") if latex else (text or "0").replace("-", "−")


def _term(size: Fraction, power: int, letter: str, *, latex: bool) -> str:
    raised = "" if power == 1 else f"^{{{power}}}" if latex else str(power).translate(RAISED)
    number = rf"\frac{{{size.numerator}}}{{{size.denominator}}}" if latex and size.denominator > 1 else str(size)
    if not power:
        return number
    return f"{letter}{raised}" if size == 1 else f"{number}{' ' if latex else '·'}{letter}{raised}"
