"""The conditions of `--where`: `macs <= 300M and params <= 3M`, on single values or on whole columns.

Comparisons and arithmetic as in templates, joined by and, or, not; numbers may have
units, and `~` matches a word with a pattern of *, ? and [abc]. A comparison with
a missing value is false.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from functools import reduce
from keyword import iskeyword
from operator import and_, mod, or_
from typing import Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.errors import UsageError, plain, suggestion
from flopcount.spec import expression
from flopcount.spec.units import UNITS

Columns = Mapping[str, Any]
"""The value of each name: a number, a word, or a column of them."""

_WORDS = {"true": "true", "false": "false"}
"""Words that need no quotes."""

_NEVER = re.compile(rf"and|or|not|in|[\d.]+(e[+-]?\d+)?({'|'.join(UNITS)})|\W+", re.IGNORECASE | re.ASCII)
"""Words, amounts and signs of conditions, which are never names, whatever the columns of a file are."""

_LACKING = object()
"""The value of a name that is missing."""

_LARGE = 2.0**62


class _Columnwise(expression.Exact):
    """The domain of conditions: numbers and words, and NumPy columns of them."""

    def constant(self, value: Any) -> Any:
        return value

    def name(self, name: str, names: expression.Namespace) -> Any:
        return names[name] if name in names else _LACKING  # noqa: SIM401  (Namespace has no get)

    def binary(self, op: type[ast.operator], left: Any, right: Any) -> Any:
        """Compute; refuse an overflow of 64 bits, which the same operation on floats shows."""
        if left is _LACKING or right is _LACKING:
            return op is not ast.MatMult and _LACKING
        if op is ast.MatMult:
            return _matched(left, right)
        function = mod if op is ast.Mod else expression.ARITHMETIC[op]
        if isinstance(left, str) or isinstance(right, str):
            raise TypeError
        if op in {ast.FloorDiv, ast.Mod} and _any(right == 0):
            raise expression.EvaluationError("it divides by zero")
        if _any(abs(function(left * 1.0, right * 1.0)) >= _LARGE):
            raise expression.EvaluationError("its values exceed 64 bits; compare smaller numbers")
        return function(left, right)

    def negative(self, value: Any) -> Any:
        return value if value is _LACKING else -value

    def compare(self, op: type[ast.cmpop], left: Any, right: Any) -> Any:
        if left is _LACKING or right is _LACKING:
            return False
        found = expression.COMPARISONS[op](left, right)
        return found.filled(False) if hasattr(found, "filled") else found

    def negated(self, value: Any) -> Any:
        return value ^ True

    def joined(self, op: type[ast.boolop], values: Iterator[Any]) -> Any:
        return reduce(and_ if op is ast.And else or_, values)


def _matched(value: Any, pattern: str) -> Any:
    if not hasattr(value, "tolist"):
        return fnmatchcase(str(value), pattern)
    truths = [each is not None and fnmatchcase(str(each), pattern) for each in value.reshape(-1).tolist()]
    return numpy().array(truths, bool).reshape(value.shape)


def _any(truths: Any) -> bool:
    return bool(truths.any() if hasattr(truths, "any") else truths)


class Topic(NamedTuple):
    """The subject of conditions: the message for an unknown name, and an example."""

    lacks: str
    example: str


CANDIDATES = Topic("there is no column", "'macs <= 300M'")


class Condition(NamedTuple):
    """A parsed condition over columns; the names in its tree are those of columns."""

    text: str
    tree: ast.expr

    @property
    def names(self) -> frozenset[str]:
        """The names of the columns."""
        return frozenset(node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name))

    def __call__(self, columns: Columns) -> Any:
        """Return a boolean, or a column of booleans."""
        try:
            return expression.evaluated(self.tree, {**_WORDS, **columns}, _Columnwise())
        except TypeError:
            raise _wrong(self.text, "it compares a number with a word, or computes with words") from None
        except expression.EvaluationError as error:
            raise _wrong(self.text, str(error)) from None


def number(part: Condition) -> int | float | None:
    """Return the value of an expression without names; None if it is no number."""
    try:
        found = expression.evaluated(part.tree, {}, _Columnwise())
    except TypeError:
        return None
    except expression.EvaluationError as error:
        raise _wrong(part.text, str(error)) from None
    return None if isinstance(found, str) else found


def names(text: str, known: Iterable[str] = ()) -> frozenset[str]:
    """Return the names in a condition, none if it is no condition; `known` are names with dots."""
    try:
        return expression.parse(text, expression.CONDITIONS, _dotted(known)).names
    except expression.NotArithmeticError:
        return frozenset()


def _dotted(known: Iterable[str]) -> frozenset[str]:
    """Return the names that Python does not take for one: those with dots, and its own words, such as class."""
    others = (name for name in known if not name.isidentifier() or iskeyword(name))
    return frozenset(name for name in others if not _NEVER.fullmatch(name))


NOTHING: Mapping[str, str] = {}


class _Renamed(ast.NodeTransformer):
    """Writes the names of columns for others that stand for them."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self.aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.aliases.get(node.id, node.id), node.ctx)


def condition(
    text: str, known: Collection[str], subject: Topic = CANDIDATES, aliases: Mapping[str, str] = NOTHING
) -> Condition:
    """Parse a condition over known columns; a UsageError says what is wrong with it.

    `aliases` are other names of columns.
    """
    try:
        tree = expression.parse(text, expression.CONDITIONS, _dotted(known)).tree
        tree = _Renamed(aliases).visit(deepcopy(tree)) if aliases else tree
    except expression.NotArithmeticError as error:
        hint = f"not a condition; write e.g. {subject.example}"
        raise _wrong(text, hint if error.code == "syntax" else str(error)) from None
    for name in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {*known, *_WORDS}):
        from flopcount.spec.familiar import meant

        hint = suggestion(meant(name, known) or name, sorted(known))
        raise _wrong(text, f"{subject.lacks} {plain(name[:50])!r}; {hint}")
    if not _is_truth(tree):
        raise _wrong(text, f"not a condition; compare the value, e.g. {subject.example}")
    return Condition(text, tree)


def _wrong(text: str, what: str) -> UsageError:
    return UsageError(f"--where {plain(text[:200])}: {what}")


def _is_truth(node: ast.expr) -> bool:
    """Tell whether a tree has booleans where they are needed, and values elsewhere."""
    match node:
        case ast.BoolOp():
            return all(map(_is_truth, node.values))
        case ast.UnaryOp(op=ast.Not()):
            return _is_truth(node.operand)
        case ast.BinOp(left=ast.Name(), op=ast.MatMult(), right=ast.Constant(value=str())):
            return True
    return isinstance(node, ast.Compare) and all(map(_is_value, (node.left, *node.comparators)))


def _is_value(node: ast.expr) -> bool:
    match node:
        case ast.BinOp():
            return type(node.op) in expression.ARITHMETIC and _is_value(node.left) and _is_value(node.right)
        case ast.UnaryOp(op=ast.USub()):
            return _is_value(node.operand)
    return isinstance(node, ast.Name | ast.Constant)
