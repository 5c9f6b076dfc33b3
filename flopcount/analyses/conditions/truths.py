"""Whether a parsed condition holds: of one thing, or of whole columns at once."""

import ast
import operator
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from flopcount.analyses.arrays import numpy

Columns = Mapping[str, Any]
"""What is known, under each name: a number, a word, or a whole column of these."""

_LARGE = 2.0**62


class NoValueError(ValueError):
    """Arithmetic that has no value; the message says why in one clause."""


OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def truth(node: Any, columns: Columns) -> Any:
    """Return whether a parsed condition holds; a TypeError or NoValueError where it has no value."""
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return _joined(join, [truth(each, columns) for each in node.values])
    if isinstance(node, ast.UnaryOp):
        return truth(node.operand, columns) ^ True
    if any(isinstance(each, ast.Name) and each.id not in columns for each in ast.walk(node)):
        return False
    return _matched(node, columns) if isinstance(node, ast.BinOp) else _compared(node, columns)


def _matched(node: Any, columns: Columns) -> Any:
    value, pattern = columns[node.left.id], node.right.value
    if not hasattr(value, "tolist"):
        return fnmatchcase(str(value), pattern)
    np = numpy()
    truths = [fnmatchcase(str(each), pattern) for each in value.reshape(-1).tolist()]
    return np.array(truths, bool).reshape(value.shape)


def _compared(node: Any, columns: Columns) -> Any:
    values = [valued(each, columns) for each in (node.left, *node.comparators)]
    pairs = zip(node.ops, values, values[1:], strict=False)
    return _joined(operator.and_, [COMPARISONS[type(op)](one, other) for op, one, other in pairs])


def valued(node: Any, columns: Columns) -> Any:
    """Return what an operand comes to; a TypeError or NoValueError where that is nothing."""
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):
        return _computed(node.op, valued(node.left, columns), valued(node.right, columns))
    return -valued(node.operand, columns)


def _computed(op: ast.operator, one: Any, other: Any) -> Any:
    """Compute, and refuse what int64 would wrap: the same in floats shows it."""
    function = OPERATORS[type(op)]
    if isinstance(one, str) or isinstance(other, str):
        raise TypeError
    if isinstance(op, ast.FloorDiv | ast.Mod) and _any(other == 0):
        raise NoValueError("it divides by zero")
    if _any(abs(function(one * 1.0, other * 1.0)) >= _LARGE):
        raise NoValueError("its arithmetic leaves 64 bits; compare smaller numbers")
    return function(one, other)


def _any(truths: Any) -> bool:
    return bool(truths.any() if hasattr(truths, "any") else truths)


def _joined(join: Callable[[Any, Any], Any], truths: list[Any]) -> Any:
    result = truths[0]
    for each in truths[1:]:
        result = join(result, each)
    return result
