"""Expressions: arithmetic in templates, and the conditions of `--where`.

Text is parsed by `ast`, checked against the language it is in, and evaluated over a
domain; `eval` is never used. The domain of templates is exact: ints, decimals as
quotients, numbers that are still symbols, words.
"""

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from flopcount.formulas import numbers as dims
from flopcount.formulas.numbers import Dim
from flopcount.spec.units import UNITS


class Namespace(Protocol):
    """The values of the names in an expression."""

    def __getitem__(self, name: str, /) -> Any: ...
    def __contains__(self, name: object, /) -> bool: ...


ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: dims.remainder,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_COMMON = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp)
_OPERATORS = (*ARITHMETIC, *COMPARISONS, ast.USub, ast.Not, ast.And, ast.Or)

UNDECIDED = "undecided"
"""The code of a decision that would depend on shapes."""


class ExpressionError(ValueError):
    """Something is wrong with an expression; the message says what in one clause, the code of what sort it is."""

    def __init__(self, what: str, code: str = "expression") -> None:
        super().__init__(what)
        self.code = code


class NotArithmeticError(ExpressionError):
    """The text is no expression ("syntax"), or contains something that is not allowed."""


class EvaluationError(ExpressionError):
    """An expression has no value."""


class Language(NamedTuple):
    """What an expression may contain, how to say so, and whether its numbers may have units."""

    longest: int
    largest: int
    beyond: str
    nodes: frozenset[type[ast.AST]]
    allowed: str
    has_units: bool = False


class Expression(NamedTuple):
    """A parsed expression: its text, its tree, and the names in it."""

    text: str
    tree: ast.expr
    names: frozenset[str]


@lru_cache(maxsize=4096)
def parse(text: str, language: Language | None = None, dotted: frozenset[str] = frozenset()) -> Expression:
    """Parse an expression in a language, by default that of templates; NotArithmeticError says what is not allowed.

    `dotted` are names that Python would not read as one.
    """
    language = language or TEMPLATES
    if len(text) > language.longest:
        raise NotArithmeticError(f"it is longer than {language.longest} characters", "syntax")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of text such as `3and`
            source = _source(text, dotted) if language.has_units else text
            tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotArithmeticError("it is not arithmetic", "syntax") from None
    tree = _Dotted().visit(tree) if dotted else tree
    return Expression(text, tree, frozenset(_checked(tree, language)))


def _source(text: str, dotted: frozenset[str]) -> str:
    """Write an expression for Python: names with dots as subscripts, units as digits, `~` as the operator `@`."""
    names = "|".join(map(re.escape, sorted(dotted, key=len, reverse=True))) or "(?!)"
    quantity = rf"(\d+(?:\.\d*)?|\.\d+) ?({'|'.join(filter(None, UNITS))})(?!\w)"
    pattern = rf"""('[^']*'|"[^"]*")|(?<![\w.])(?:({names})(?![\w.])|{quantity})|([~@])"""

    def written(match: re.Match[str]) -> str:
        quoted, name, digits, unit, sign = match.groups()
        if sign == "@":
            raise SyntaxError
        if digits:
            value = Fraction(digits) * UNITS[unit]
            return str(value) if value.denominator == 1 else repr(float(value))
        return quoted or (f"_[{name!r}]" if name else "@")

    return re.sub(pattern, written, text, flags=re.ASCII)


class _Dotted(ast.NodeTransformer):
    """Turns the subscripts that stand for dotted names into names."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        return ast.Name(key, node.ctx) if isinstance(key, str) else node


def _checked(node: ast.AST, language: Language) -> Iterator[str]:
    """Check a tree against a language and yield the names in it."""
    children = [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr_context)]
    if type(node) not in language.nodes:
        word = _WORDS.get(type(node), type(node).__name__.lower())
        raise NotArithmeticError(f"{word} is not allowed; only {language.allowed} are")
    if isinstance(node, ast.Name):
        yield node.id
    if isinstance(node, ast.Constant):
        if not isinstance(node.value, int | float | str):
            raise NotArithmeticError(f"{node.value!r} is not a number")
        if not isinstance(node.value, str) and not abs(node.value) <= language.largest:
            raise NotArithmeticError(f"it has a number beyond {language.beyond}")
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            raise NotArithmeticError(f"only these can be called: {', '.join(FUNCTIONS)}")
        children = [*node.args]
    for child in children:
        yield from _checked(child, language)


_WORDS = {ast.Div: "/ (use //)", ast.Pow: "**", ast.MatMult: "@", ast.Is: "is", ast.In: "in"}
"""How operators that are not allowed are written."""

LARGEST = 10**30
"""Largest int an expression may have as its value."""


class Ratio(NamedTuple):
    """A quotient that is not rounded yet: the value of a decimal, exactly as it is written."""

    numerator: Dim
    denominator: int


class Exact:
    """The domain of templates: exact numbers, words and truths; what is decided depends on arguments only."""

    def constant(self, value: Any) -> Any:
        """Return the value of a number or a word."""
        return Ratio(*Fraction(repr(value)).as_integer_ratio()) if isinstance(value, float) else value

    def name(self, name: str, names: Namespace) -> Any:
        """Return the value of a name."""
        if name not in names:
            raise EvaluationError(f"{name!r} is not known here")
        return self.constant(names[name])

    def binary(self, op: type[ast.operator], left: Any, right: Any) -> Any:
        """Compute with two numbers."""
        left, right = _number(left), _number(right)
        if op in {ast.FloorDiv, ast.Mod} and _plain(right) == 0:
            raise EvaluationError("it divides by zero")
        if isinstance(left, Ratio) or isinstance(right, Ratio):
            return _rational(op, _as_ratio(left), _as_ratio(right))
        value = ARITHMETIC[op](left, right)
        if isinstance(value, int) and abs(value) > LARGEST:
            raise EvaluationError("it grows beyond 10³⁰")
        return value

    def negative(self, value: Any) -> Any:
        """Return a number with the other sign."""
        value = _number(value)
        return Ratio(-value.numerator, value.denominator) if isinstance(value, Ratio) else -value

    def compare(self, op: type[ast.cmpop], left: Any, right: Any) -> Any:
        """Compare two values that do not depend on shapes."""
        left, right = _plain(left), _plain(right)
        if left is None or right is None:
            raise EvaluationError(f"only arguments can be compared: {_STRUCTURE}", UNDECIDED)
        try:
            return COMPARISONS[op](left, right)
        except TypeError:
            raise EvaluationError("it compares a number with a string") from None

    def truth(self, value: Any) -> Any:
        """Tell whether a value counts as true."""
        plain = _plain(value)
        if plain is None:
            raise EvaluationError(f"only arguments can decide: {_STRUCTURE}", UNDECIDED)
        return bool(plain)

    def negated(self, value: Any) -> Any:
        """Return the opposite of a truth."""
        return not self.truth(value)

    def joined(self, op: type[ast.boolop], values: Iterator[Any]) -> Any:
        """Join truths by `and` or `or`; values after the decisive one are not evaluated."""
        return (all if op is ast.And else any)(map(self.truth, values))


_STRUCTURE = "which layers exist never depends on shapes"


def evaluate(expression: Expression, names: Namespace) -> Any:
    """Return the value of an expression in a template: a number, a truth or a word."""
    try:
        value = unrounded(expression, names)
    except RecursionError:
        raise EvaluationError("it is nested too deep, through the arguments it depends on") from None
    plain = _plain(value)
    if isinstance(plain, Fraction) and plain.denominator == 1:
        return int(plain)
    if isinstance(plain, Fraction) and isinstance(expression.tree, ast.Name):
        return float(plain)  # an argument handed on as it is, such as a scale_factor
    if isinstance(value, Ratio):
        code = UNDECIDED if plain is None else "expression"
        raise EvaluationError("it is not a whole number; use divisible, ceil, floor or round", code)
    return value


def unrounded(expression: Expression, names: Namespace) -> Any:
    """Return the value of an expression in a template, which may be a quotient."""
    return evaluated(expression.tree, names, _EXACT)


def evaluated(node: Any, names: Namespace, domain: Exact) -> Any:
    """Return the value of a tree over a domain."""
    kind = type(node)
    if kind is ast.Name:
        return domain.name(node.id, names)
    if kind is ast.Constant:
        return domain.constant(node.value)
    if kind is ast.BinOp:
        return domain.binary(type(node.op), evaluated(node.left, names, domain), evaluated(node.right, names, domain))
    return _decided(node, names, domain)


def _decided(node: Any, names: Namespace, domain: Exact) -> Any:
    """Return the value of a tree that is neither a number, a name nor arithmetic with two operands."""

    def value(inner: ast.expr) -> Any:
        return evaluated(inner, names, domain)

    match node:
        case ast.UnaryOp():
            operand = value(node.operand)
            found = domain.negated(operand) if isinstance(node.op, ast.Not) else domain.negative(operand)
        case ast.BoolOp():
            found = domain.joined(type(node.op), map(value, node.values))
        case ast.IfExp():
            found = value(node.body if domain.truth(value(node.test)) else node.orelse)
        case ast.Call(func=ast.Name(id=name)):
            found = _called(name, [_number(value(each)) for each in node.args])
        case _:
            values = [value(each) for each in (node.left, *node.comparators)]
            pairs = zip(node.ops, values, values[1:], strict=False)
            found = domain.joined(ast.And, (domain.compare(type(op), one, other) for op, one, other in pairs))
    return found


def _called(name: str, arguments: list[Any]) -> Any:
    function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        takes = f"{least}" if least == most else f"{least} or {most}"
        raise EvaluationError(f"{name} takes {takes} argument{'s' if most > 1 else ''}")
    return function(*arguments)


_EXACT = Exact()


def _number(value: Any) -> Any:
    if isinstance(value, str | list):
        raise EvaluationError(f"{value!r} is not a number")
    return int(value) if isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    """Return a value that can be compared; None for numbers that depend on shapes."""
    if isinstance(value, Ratio):
        return Fraction(value.numerator, value.denominator) if isinstance(value.numerator, int) else None
    return value if isinstance(value, int | str | bool) else None


def _as_ratio(value: Any) -> Ratio:
    return value if isinstance(value, Ratio) else Ratio(value, 1)


def _rational(op: type[ast.operator], a: Ratio, b: Ratio) -> Any:
    """Compute with quotients over a common denominator."""
    if op is ast.Mod:
        raise EvaluationError("% is for whole numbers")
    if op is ast.Mult:
        return Ratio(a.numerator * b.numerator, a.denominator * b.denominator)
    value = ARITHMETIC[op](a.numerator * b.denominator, b.numerator * a.denominator)
    return value if op is ast.FloorDiv else Ratio(value, a.denominator * b.denominator)


def _whole(value: Any) -> Any:
    if isinstance(value, Ratio):
        raise EvaluationError("a decimal is not allowed there; round it first with ceil, floor or round")
    return value


def _divisor(function: str, value: Any) -> Any:
    if isinstance(value, int) and value < 1:
        raise EvaluationError(f"{function} divides by {value}, which is less than 1" if value else "it divides by zero")
    return _whole(value)


def _divisible(value: Any, divisor: Any, floor: Any = 1) -> Dim:
    quotient = _as_ratio(value)
    result = dims.divisible(quotient.numerator, _divisor("divisible", divisor), quotient.denominator)
    return dims.maximum(result, _whole(floor))


FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int]] = {
    "divisible": (_divisible, 2, 3),
    "ceil_div": (lambda one, other: dims.ceil_div(_whole(one), _divisor("ceil_div", other)), 2, 2),
    "ceil": (lambda value: dims.ceil_div(*_as_ratio(value)), 1, 1),
    "floor": (lambda value: operator.floordiv(*_as_ratio(value)), 1, 1),
    "round": (lambda value: dims.round_half_even(*_as_ratio(value)), 1, 1),
    "min": (lambda one, other: dims.minimum(_whole(one), _whole(other)), 2, 2),
    "max": (lambda one, other: dims.maximum(_whole(one), _whole(other)), 2, 2),
}
"""The functions of templates, with the least and the most arguments each takes."""

TEMPLATES = Language(
    longest=200,
    largest=10**9,
    beyond="10⁹",
    nodes=frozenset((*_COMMON, *_OPERATORS, ast.IfExp, ast.Call)),
    allowed=f"+ - * // % comparisons and {', '.join(FUNCTIONS)}",
)
CONDITIONS = Language(
    longest=500,
    largest=10**18,
    beyond="10¹⁸",
    nodes=frozenset((*_COMMON, *_OPERATORS, ast.MatMult)),
    allowed="comparisons, ~, + - * // %, and, or, not",
    has_units=True,
)
