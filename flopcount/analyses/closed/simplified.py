"""Expressions in symbols, made simple by what must hold for them."""

from collections.abc import Iterator
from typing import Any

from flopcount.errors import UsageError
from flopcount.formulas.dims import remainder
from flopcount.formulas.needs import Need
from flopcount.formulas.step import Step

Assumption = tuple[Any, str, Any]
"""Two expressions and what holds between them: divides, equals, or is at least."""


def library() -> Any:
    """Import SymPy, or say plainly that it is missing."""
    try:
        import sympy
    except ImportError:
        raise UsageError("formula needs sympy; install flopcount[formula]") from None
    return sympy


def latex(expression: Any) -> str:
    """Write an expression in LaTeX."""
    written: str = library().latex(expression)
    return written


def symbol(name: str) -> Any:
    """Return the symbol of a positive whole number."""
    return library().Symbol(name, integer=True, positive=True)


def tidy(expression: Any, *steps: Step) -> Any:
    """Simplify under the needs of the steps: what divides exactly is not rounded, maxima are maxima; then factor."""
    return library().factor(settled(expression, *steps))


def settled(expression: Any, *steps: Step) -> Any:
    """Write exact divisions without floors, and larger and smaller ones by their names."""
    sympy = library()
    quotients = [whole / divisor for divisor, whole in divisions(steps)]

    def exact(argument: Any, rounded: Any) -> Any:
        terms = sympy.Add.make_args(sympy.expand(argument))
        return argument if all(_is_whole(term, quotients) for term in terms) else rounded

    found = sympy.sympify(expression).replace(sympy.floor, lambda x: exact(x, _extreme(x)))
    found = found.replace(sympy.ceiling, lambda x: exact(x, sympy.ceiling(x)))
    return found.replace(_is_raised, _raised)


def _is_raised(expression: Any) -> bool:
    """Tell whether an expression is a whole number and a maximum or minimum."""
    number, rest = expression.as_coeff_Add()
    return bool(number.is_Integer and number != 0) and _is_extreme(rest)


def _is_extreme(expression: Any) -> bool:
    return expression.func in {library().Max, library().Min}


def _raised(expression: Any) -> Any:
    """Add a whole number inside of maxima and minima: 2 + max(2, x − 2) is max(4, x)."""
    number, rest = expression.as_coeff_Add()
    return rest.func(*(_raised(each + number) for each in rest.args)) if _is_extreme(rest) else expression


def _is_whole(term: Any, quotients: list[Any]) -> bool:
    return bool(term.is_integer) or any((term / quotient).is_integer for quotient in quotients)


def _extreme(argument: Any) -> Any:
    """Recognise the maximum and the minimum of two numbers: half of their sum and distance."""
    sympy = library()
    distances = [term for term in sympy.Add.make_args(argument) if term.has(sympy.Abs)]
    if len(distances) == 1:
        sign, inner = distances[0].as_coeff_Mul()
        rest, half = argument - distances[0], sympy.Rational(1, 2)
        if isinstance(inner, sympy.Abs) and abs(sign) == half:
            both = [sympy.expand(rest + inner.args[0] / 2), sympy.expand(rest - inner.args[0] / 2)]
            return sympy.Max(*both) if sign == half else sympy.Min(*both)
    return sympy.floor(argument)


def divisions(steps: tuple[Step, ...]) -> list[tuple[Any, Any]]:
    """Return divisor and whole of all that is needed to divide evenly."""
    return [_terms(need) for step in steps for need in step.needs if _is_division(need)]


def _terms(need: Need) -> tuple[Any, Any]:
    sympy = library()
    return sympy.sympify(need.terms[0]), sympy.sympify(need.terms[1])


def _is_division(need: Need) -> bool:
    """Tell a need of an exact division from another of a number that is zero."""
    if need.relation != "zero":
        return False
    divisor, whole = _terms(need)
    return bool(need.value == remainder(whole, divisor))


def assumptions(*steps: Step) -> tuple[Assumption, ...]:
    """Return what must hold and does not follow from the letters being positive whole numbers."""
    found = [each for step in steps for need in step.needs for each in _assumed(need, steps)]
    return tuple(dict.fromkeys(found))


def _assumed(need: Need, steps: tuple[Step, ...]) -> Iterator[Assumption]:
    sympy = library()
    value = sympy.factor(settled(need.value, *steps))
    if need.relation == "positive":
        _refuse(need, fails=value.is_positive is False)
        if not value.is_positive:
            yield _sides(value - 1)
    elif _is_division(need):
        _refuse(need, fails=bool(sympy.sympify(need.value).is_number) and need.value != 0)
        divisor, whole = (settled(term, *steps) for term in _terms(need))
        if divisor != 1 and not (whole / divisor).is_integer:
            yield divisor, "divides", whole
    elif value != 0:
        _refuse(need, fails=bool(value.is_number))
        yield value, "equal", sympy.Integer(0)


def _sides(value: Any) -> Assumption:
    """Write that a value is not negative without minus signs."""
    sympy = library()
    terms = sympy.Add.make_args(sympy.expand(value))
    taken = [-term for term in terms if term.could_extract_minus_sign()]
    return value + sympy.Add(*taken), "at least", sympy.Add(*taken)


def _refuse(need: Need, *, fails: bool) -> None:
    if fails:
        raise UsageError(need.sentence())
