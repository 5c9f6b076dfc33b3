"""Small arithmetic in templates: parsed here, evaluated by the walk, never by `eval`."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LONGEST = 200
"""Characters an expression may have; this bounds its depth and cost too."""

LARGEST = 10**9

FUNCTIONS = ("divisible", "ceil_div", "ceil", "floor", "round", "min", "max")
"""What an expression may call."""

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
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
        return isinstance(node.op, _OPERATORS)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.Not)
    if isinstance(node, ast.Compare):
        return all(isinstance(op, _COMPARISONS) for op in node.ops)
    return isinstance(node, ast.BoolOp | ast.IfExp)


def _check_constant(value: object) -> None:
    if not isinstance(value, _CONSTANTS):
        raise NotArithmeticError(f"{value!r} is not a number")
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise NotArithmeticError("it has a number beyond 10⁹")


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
        raise NotArithmeticError(f"only these can be called: {', '.join(FUNCTIONS)}")


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        names = {ast.Div: "/ (use //)", ast.Pow: "**", ast.MatMult: "@"}
        return names.get(type(node.op), type(node.op).__name__)
    return type(node).__name__.lower()
