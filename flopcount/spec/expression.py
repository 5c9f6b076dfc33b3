"""Small arithmetic in templates: parsed here, evaluated by the walk, never by `eval`."""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from flopcount.formulas import numbers as dims
from flopcount.formulas.numbers import Dim

LONGEST = 200
"""Characters an expression may have; this bounds its depth and cost too."""

EXPRESSIONS_LARGEST = 10**9

FUNCTIONS = ("divisible", "ceil_div", "ceil", "floor", "round", "min", "max")
"""What an expression may call."""

_EXPRESSIONS_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_EXPRESSIONS_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_CONSTANTS = (int, float, str)


class Expression(NamedTuple):
    """A parsed expression: its text, its tree, and the names it uses."""

    text: str
    tree: ast.expr
    names: frozenset[str]


class NotArithmeticError(ValueError):
    """The text is no expression, or one that is not allowed."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse arithmetic over names; NotArithmeticError says in one clause what is not allowed."""
    if len(text) > LONGEST:
        raise NotArithmeticError(f"it is longer than {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotArithmeticError("it is not arithmetic") from None
    names = frozenset(_checked(tree))
    return Expression(text, tree, names)


def _checked(node: ast.expr) -> Iterator[str]:
    """Walk a tree, refuse what is not allowed, and yield the names it uses."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Constant):
        _check_constant(node.value)
    elif isinstance(node, ast.Call):
        _check_call(node)
    elif not _is_allowed(node):
        raise NotArithmeticError(f"{_name(node)} is not allowed; + - * // % comparisons and {', '.join(FUNCTIONS)} are")
    for child in _operands(node):
        yield from _checked(child)


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        return node.args
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _is_allowed(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, _EXPRESSIONS_OPERATORS)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.Not)
    if isinstance(node, ast.Compare):
        return all(isinstance(op, _EXPRESSIONS_COMPARISONS) for op in node.ops)
    return isinstance(node, ast.BoolOp | ast.IfExp)


def _check_constant(value: object) -> None:
    if not isinstance(value, _CONSTANTS):
        raise NotArithmeticError(f"{value!r} is not a number")
    if isinstance(value, int | float) and not abs(value) <= EXPRESSIONS_LARGEST:
        raise NotArithmeticError("it has a number beyond 10⁹")


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
        raise NotArithmeticError(f"only these can be called: {', '.join(FUNCTIONS)}")


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        names = {ast.Div: "/ (use //)", ast.Pow: "**", ast.MatMult: "@"}
        return names.get(type(node.op), type(node.op).__name__)
    return type(node).__name__.lower()


# Expressions over arguments and `in_channels`: ints, arrays and symbols pass through alike.


Names = Mapping[str, Any]
"""What the names in an expression stand for."""


EVALUATE_LARGEST = 10**30


UNDECIDED = "undecided"
"""The code of a decision that would depend on shapes."""


class EvaluationError(ValueError):
    """An expression has no value; the message says why in one clause."""

    def __init__(self, what: str, code: str = "value") -> None:
        """Keep the clause and its code."""
        super().__init__(what)
        self.code = code


class Ratio(NamedTuple):
    """A quotient that has not been rounded yet: where decimals are."""

    numerator: Dim
    denominator: int


def evaluate(expression: Expression, names: Names) -> Any:
    """Return the value of an expression: a number, a truth or a string."""
    try:
        value = unrounded(expression, names)
    except RecursionError:
        raise EvaluationError("it is nested too deep, through the arguments it is made of") from None
    plain = _plain(value)
    if isinstance(plain, Fraction) and plain.denominator == 1:
        return int(plain)
    if isinstance(value, Ratio):
        raise EvaluationError("it is not a whole number; use divisible, ceil, floor or round")
    return value


def unrounded(expression: Expression, names: Names) -> Any:
    """Return the value of an expression, which may be a quotient."""
    return _value(expression.tree, names)


def _value(node: ast.expr, names: Names) -> Any:
    """Evaluate one node; each sort of node has its own function."""
    return _NODES[type(node)](node, names)


def _constant(node: Any, names: Names) -> Any:
    del names
    return ratio(node.value) if isinstance(node.value, float) else node.value


def ratio(value: float) -> Ratio:
    """Read a decimal as exactly what is written."""
    fraction = Fraction(repr(value))
    return Ratio(fraction.numerator, fraction.denominator)


def _named(node: Any, names: Names) -> Any:
    if node.id not in names:
        raise EvaluationError(f"{node.id!r} is not known here")
    value = names[node.id]
    return ratio(value) if isinstance(value, float) else value


def _binary(node: Any, names: Names) -> Any:
    left, right = _number(_value(node.left, names)), _number(_value(node.right, names))
    if isinstance(node.op, ast.FloorDiv | ast.Mod) and _plain(right) == 0:
        raise EvaluationError("it divides by zero")
    if isinstance(left, Ratio) or isinstance(right, Ratio):
        return _rational(node.op, left, right)
    return _bounded(_EVALUATE_OPERATORS[type(node.op)](left, right))


def _bounded(value: Any) -> Any:
    """Refuse an int that grows beyond anything a network has."""
    if isinstance(value, int) and abs(value) > EVALUATE_LARGEST:
        raise EvaluationError("it grows beyond 10³⁰")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, str | list):
        raise EvaluationError(f"{value!r} is not a number")
    return int(value) if isinstance(value, bool) else value


def _rational(op: ast.operator, left: Any, right: Any) -> Any:
    """Compute with quotients over a common denominator."""
    a, b = _as_ratio(left), _as_ratio(right)
    if isinstance(op, ast.Mult):
        return Ratio(a.numerator * b.numerator, a.denominator * b.denominator)
    one, other = a.numerator * b.denominator, b.numerator * a.denominator
    if isinstance(op, ast.FloorDiv):
        return one // other
    if isinstance(op, ast.Mod):
        raise EvaluationError("% is for whole numbers")
    return Ratio(one + other if isinstance(op, ast.Add) else one - other, a.denominator * b.denominator)


def _as_ratio(value: Any) -> Ratio:
    return value if isinstance(value, Ratio) else Ratio(value, 1)


def _unary(node: Any, names: Names) -> Any:
    value = _value(node.operand, names)
    if isinstance(node.op, ast.Not):
        return not _truth(value)
    value = _number(value)
    return Ratio(-value.numerator, value.denominator) if isinstance(value, Ratio) else -value


def _compare(node: Any, names: Names) -> bool:
    values = [_plain(_value(operand, names)) for operand in (node.left, *node.comparators)]
    if any(value is None for value in values):
        raise EvaluationError("only arguments can be compared: which layers exist never depends on shapes", UNDECIDED)
    try:
        pairs = zip(node.ops, values, values[1:], strict=False)
        return all(_EVALUATE_COMPARISONS[type(op)](one, other) for op, one, other in pairs)
    except TypeError:
        raise EvaluationError("it compares a number with a string") from None


def _plain(value: Any) -> Any:
    """Return a value that can be compared; None for arrays and symbols."""
    if isinstance(value, Ratio):
        return Fraction(value.numerator, value.denominator) if isinstance(value.numerator, int) else None
    return value if isinstance(value, int | str | bool) else None


def _bool(node: Any, names: Names) -> bool:
    truths = (_truth(_value(operand, names)) for operand in node.values)
    return all(truths) if isinstance(node.op, ast.And) else any(truths)


def _truth(value: Any) -> bool:
    plain = _plain(value)
    if plain is None:
        raise EvaluationError("only arguments can decide: which layers exist never depends on shapes", UNDECIDED)
    return bool(plain)


def _choice(node: Any, names: Names) -> Any:
    return _value(node.body if _truth(_value(node.test, names)) else node.orelse, names)


def _call(node: Any, names: Names) -> Any:
    arguments = [_number(_value(argument, names)) for argument in node.args]
    name = node.func.id
    function, least, most = _CALLS[name]
    if not least <= len(arguments) <= most:
        takes = f"{least}" if least == most else f"{least} or {most}"
        raise EvaluationError(f"{name} takes {takes} argument{'s' if most > 1 else ''}")
    if name in _DIVIDING:
        _check_divisor(name, arguments[1])
    try:
        return function(*arguments)
    except ZeroDivisionError:
        raise EvaluationError("it divides by zero") from None


def _check_divisor(name: str, divisor: Any) -> None:
    if isinstance(divisor, int) and divisor < 1:
        what = "it divides by zero" if divisor == 0 else f"{name} divides by {divisor}, which is less than 1"
        raise EvaluationError(what)


def _divisible(value: Any, divisor: Any, floor: Any = 1) -> Dim:
    quotient = _as_ratio(value)
    result = dims.divisible(quotient.numerator, _whole(divisor), quotient.denominator)
    return dims.at_least(result, _whole(floor))


def _ceil_div(dividend: Any, divisor: Any) -> Dim:
    return dims.ceil_div(_whole(dividend), _whole(divisor))


def _min(one: Any, other: Any) -> Dim:
    return dims.minimum(_whole(one), _whole(other))


def _max(one: Any, other: Any) -> Dim:
    return dims.maximum(_whole(one), _whole(other))


def _whole(value: Any) -> Any:
    if isinstance(value, Ratio):
        raise EvaluationError("a decimal cannot stand there; round it first with ceil, floor or round")
    return value


def _floor(value: Any) -> Dim:
    quotient = _as_ratio(value)
    return quotient.numerator // quotient.denominator


def _ceil(value: Any) -> Dim:
    quotient = _as_ratio(value)
    return dims.ceil_div(quotient.numerator, quotient.denominator)


def _round(value: Any) -> Dim:
    quotient = _as_ratio(value)
    return dims.round_half_even(quotient.numerator, quotient.denominator)


_NODES: Mapping[type[ast.expr], Callable[[Any, Names], Any]] = {
    ast.Constant: _constant,
    ast.Name: _named,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _bool,
    ast.IfExp: _choice,
    ast.Call: _call,
}
_EVALUATE_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: dims.remainder,
}
_EVALUATE_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_DIVIDING = frozenset({"divisible", "ceil_div"})
_CALLS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "divisible": (_divisible, 2, 3),
    "ceil_div": (_ceil_div, 2, 2),
    "ceil": (_ceil, 1, 1),
    "floor": (_floor, 1, 1),
    "round": (_round, 1, 1),
    "min": (_min, 2, 2),
    "max": (_max, 2, 2),
}
