"""What is meant by --where: `macs <= 300M and params <= 3M`, of candidates as whole columns, or of one layer.

Comparisons and arithmetic as in templates, joined by and, or, not; numbers may
carry the units k, M and G, and `~` matches a word with a pattern of *, ? and
[abc]. No comparison holds of what something lacks. Parsed, never handed to `eval`.
"""

import ast
import operator
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.errors import UsageError, plain, suggestion

# Whether a parsed condition holds: of one thing, or of whole columns at once.


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


LONGEST = 500
"""Characters a condition may have."""

LARGEST = 10**18
"""No number in a condition may be larger."""


class Subject(NamedTuple):
    """What a condition is about: how to say that a name is unknown, and a condition to show."""

    lacks: str
    example: str


CANDIDATES = Subject("there is no column", "'macs <= 300M and params <= 3M'")


class Condition(NamedTuple):
    """A parsed condition over columns; `names` has the column behind each name in the tree."""

    text: str
    tree: ast.expr
    names: Mapping[str, str]

    def __call__(self, columns: Columns) -> Any:
        """Return a truth, or a column of truths."""
        try:
            return truth(self.tree, {alias: columns[name] for alias, name in self.names.items() if name in columns})
        except TypeError:
            raise _wrong(self.text, "it compares a number with a word, or computes with words") from None
        except NoValueError as error:
            raise _wrong(self.text, str(error)) from None


def number(part: Condition) -> int | float | None:
    """Return what an expression without names comes to; None where that is no number."""
    try:
        found = valued(part.tree, {})
    except TypeError:
        return None
    except NoValueError as error:
        raise _wrong(part.text, str(error)) from None
    return None if isinstance(found, str) else found


_UNITS = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:\.\d*)?|\.\d+)([kKMG])(?!\w)", re.ASCII)
_TRUTHS = re.compile(r"(?<![\w.])(true|false)(?![\w.])")


def condition(text: str, known: Collection[str], subject: Subject = CANDIDATES) -> Condition:
    """Parse a condition over known columns; a UsageError says what is wrong with it."""
    aliases = {f"column_{place}": name for place, name in enumerate(known)}
    try:
        tree = _tree(_aliased(text, aliases))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _wrong(text, f"it is no condition; write for example {subject.example}") from None
    used = {*_checked(tree, text)}
    for name in sorted(used - aliases.keys()):
        raise _wrong(text, f"{subject.lacks} {plain(name[:50])!r}; {suggestion(name, sorted(known))}")
    if not _is_truth(tree):
        raise _wrong(text, f"it is neither true nor false; compare it, as in {subject.example}")
    return Condition(text, tree, {alias: aliases[alias] for alias in used})


def _wrong(text: str, what: str) -> UsageError:
    return UsageError(f"--where {plain(text[:200])}: {what}")


def _tree(text: str) -> ast.expr:
    """Parse the text as an expression, in which `@` stands for `~`: it binds more tightly than a comparison."""
    if len(text) > LONGEST:
        raise ValueError
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what Python itself would remark on is no condition either
        return ast.parse(text.strip(), mode="eval").body


def _aliased(text: str, aliases: Mapping[str, str]) -> str:
    """Put plain names for columns, whose own may have dots, and digits for units, outside quotes."""
    parts = re.split(r"('[^']*'|\"[^\"]*\")", text)
    return "".join(part if index % 2 else _unquoted(part, aliases) for index, part in enumerate(parts))


def _unquoted(text: str, aliases: Mapping[str, str]) -> str:
    if "@" in text:
        raise ValueError
    for alias, name in sorted(aliases.items(), key=lambda each: -len(each[1])):
        text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", alias, text)
    return _TRUTHS.sub(r"'\1'", _QUANTITY.sub(_digits, text)).replace("~", "@")


def _digits(found: re.Match[str]) -> str:
    quantity = Fraction(found[1]) * _UNITS[found[2]]
    return str(quantity.numerator) if quantity.denominator == 1 else repr(float(quantity))


def _checked(node: ast.expr, text: str) -> Iterator[str]:
    """Refuse what is not allowed, and yield the names that are used."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Constant):
        if not isinstance(node.value, int | float | str) or not _is_small(node.value):
            raise _wrong(text, "it has something else than numbers up to 10¹⁸ and quoted words")
    elif not _is_allowed(node):
        raise _wrong(text, "only comparisons, ~, + - * // %, and, or, not are possible")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _checked(child, text)


def _is_small(value: float | str) -> bool:
    return isinstance(value, str) or abs(value) <= LARGEST


def _is_allowed(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in {*OPERATORS, ast.MatMult}
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.Not)
    if isinstance(node, ast.Compare):
        return all(type(op) in COMPARISONS for op in node.ops)
    return isinstance(node, ast.BoolOp)


def _is_truth(node: ast.expr) -> bool:
    """Tell whether truths stand where truths have to, and values where values."""
    if isinstance(node, ast.BoolOp):
        return all(map(_is_truth, node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_truth(node.operand)
    if _is_match(node):
        return True
    return isinstance(node, ast.Compare) and all(map(_is_value, (node.left, *node.comparators)))


def _is_match(node: ast.expr) -> bool:
    """Tell whether a node is a name, ~ and a pattern in quotes."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)):
        return False
    return (
        isinstance(node.left, ast.Name) and isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
    )


def _is_value(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in OPERATORS and _is_value(node.left) and _is_value(node.right)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_value(node.operand)
    return isinstance(node, ast.Name | ast.Constant)
