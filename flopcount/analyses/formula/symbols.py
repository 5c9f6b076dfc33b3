"""Expressions in SymPy, simplified by the constraints they come with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flopcount.errors import UsageError, missing
from flopcount.formulas.numbers import Dim, compiled
from flopcount.formulas.shape import Constraint
from flopcount.formulas.step import Step

Assumption = tuple[Any, str, Any]
"""Two expressions and what holds between them: "divides", "equal" or "at least"."""


def library() -> Any:
    """Import SymPy; a UsageError says how to install it."""
    try:
        import sympy
    except ImportError:
        raise missing("formula", "sympy", "formula") from None
    return sympy


def latex(expression: Any) -> str:
    """Write an expression in LaTeX."""
    return str(library().latex(expression))


def symbol(name: str) -> Any:
    """Return the symbol of a positive integer."""
    return library().Symbol(name, integer=True, positive=True)


def in_symbols(numbers: Sequence[Dim]) -> list[Any]:
    """Return numbers as SymPy expressions, with a symbol for each variable."""
    program = compiled(numbers)
    return program.run(_operations(), library().Integer, {name: symbol(name) for name in program.variables})


def _operations() -> Mapping[str, Callable[..., Any]]:
    sympy = library()

    def where(test: Any, then: Any, otherwise: Any) -> Any:
        return otherwise + (then - otherwise) * sympy.Min(sympy.Max(test, 0), 1)

    return {
        "add": lambda one, other: one + other,
        "subtract": lambda one, other: one - other,
        "multiply": lambda one, other: one * other,
        "floor_divide": lambda one, other: sympy.floor(one / other),
        "ceil_divide": lambda one, other: sympy.ceiling(one / other),
        "exact_divide": lambda one, other: one / other,
        "remainder": lambda one, other: one - other * sympy.floor(one / other),
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "where": where,
    }


def tidy(numbers: Sequence[Dim], *steps: Step) -> list[Any]:
    """Return numbers in symbols, simplified under the constraints of the steps and factored."""
    return [library().factor(each) for each in settled(in_symbols(numbers), *steps)]


def settled(expressions: Sequence[Any], *steps: Step) -> list[Any]:
    """Drop the rounding of quotients that the steps require to be exact."""
    sympy = library()
    quotients = [whole / divisor for divisor, whole in _divisions(steps)]

    def exact(rounded: Any, argument: Any) -> Any:
        terms = sympy.Add.make_args(sympy.expand(argument))
        is_whole = all(term.is_integer or any((term / each).is_integer for each in quotients) for term in terms)
        return argument if is_whole else rounded(argument)

    found = [each.replace(sympy.floor, lambda x: exact(sympy.floor, x)) for each in expressions]
    found = [each.replace(sympy.ceiling, lambda x: exact(sympy.ceiling, x)) for each in found]
    return [each.replace(_is_raised, _raised) for each in found]


def _divisions(steps: Sequence[Step]) -> Iterator[tuple[Any, Any]]:
    """Yield divisor and whole of every division that has to be exact."""
    divides = [each for step in steps for each in step.constraints if each.relation == "divides"]
    numbers = in_symbols([term for each in divides for term in each.terms])
    return zip(numbers[::2], numbers[1::2], strict=True)


def _is_raised(expression: Any) -> bool:
    """Tell whether an expression is an integer plus a maximum or minimum."""
    number, rest = expression.as_coeff_Add()
    return bool(number.is_Integer and number != 0) and _is_extreme(rest)


def _is_extreme(expression: Any) -> bool:
    return expression.func in {library().Max, library().Min}


def _raised(expression: Any) -> Any:
    """Add an integer inside maxima and minima: 2 + max(2, x − 2) is max(4, x)."""
    number, rest = expression.as_coeff_Add()
    return rest.func(*(_raised(each + number) for each in rest.args)) if _is_extreme(rest) else expression


def assumptions(*steps: Step) -> tuple[Assumption, ...]:
    """Return the assumptions that do not follow from the letters being positive integers."""
    found = [each for step in steps for constraint in step.constraints for each in _assumed(constraint, steps)]
    return tuple(dict.fromkeys(found))


def _assumed(constraint: Constraint, steps: tuple[Step, ...]) -> Iterator[Assumption]:
    sympy = library()
    if isinstance(constraint.value, int):
        _refuse(constraint, fails=constraint.is_broken)
        return
    value, *terms = settled(in_symbols([constraint.value, *constraint.terms]), *steps)
    value = sympy.factor(value)
    if constraint.relation == "positive":
        _refuse(constraint, fails=value.is_positive is False)
        if not value.is_positive:
            yield _sides(value - 1)
    elif constraint.relation == "divides":
        divisor, whole = terms
        if divisor != 1 and not (whole / divisor).is_integer:
            yield divisor, "divides", whole
    elif value != 0:
        _refuse(constraint, fails=bool(value.is_number))
        yield value, "equal", sympy.Integer(0)


def _sides(value: Any) -> Assumption:
    """Write without minus signs that a value is not negative."""
    sympy = library()
    taken = [-term for term in sympy.Add.make_args(sympy.expand(value)) if term.could_extract_minus_sign()]
    return value + sympy.Add(*taken), "at least", sympy.Add(*taken)


def _refuse(constraint: Constraint, *, fails: bool) -> None:
    if fails:
        raise UsageError(constraint.sentence())
