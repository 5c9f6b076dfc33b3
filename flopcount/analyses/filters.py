"""Which candidates are meant: `macs <= 300M and params <= 3M`, over whole columns at once.

Comparisons and arithmetic as in templates, joined by and, or, not; numbers may
carry the units k, M and G. Parsed, never handed to `eval`.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from flopcount.errors import UsageError, plain, suggestion

LONGEST = 500
"""Characters a condition may have."""

LARGEST = 10**18
"""No number in a condition may be larger."""

_LARGE = 2.0**62

Columns = Mapping[str, Any]
"""What is known of the candidates, a column under each name."""


class Condition(NamedTuple):
    """A parsed condition over columns."""

    text: str
    tree: ast.expr
    names: Mapping[str, str]

    def __call__(self, columns: Columns) -> Any:
        """Return a column of truths."""
        return _value(self.tree, {alias: columns[name] for alias, name in self.names.items()})


_UNITS = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:\.\d*)?|\.\d+)([kKMG])(?!\w)", re.ASCII)


def condition(text: str, known: Sequence[str]) -> Condition:
    """Parse a condition over known columns; a UsageError says what is wrong with it."""
    aliases = {f"column_{place}": name for place, name in enumerate(known)}
    try:
        tree = _tree(_aliased(text, aliases))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _wrong(text, "it is no condition; write for example 'macs <= 300M and params <= 3M'") from None
    for name in _checked(tree, text):
        if name not in aliases:
            raise _wrong(text, f"there is no column {name!r}; {suggestion(name, known)}")
    if not _is_truth(tree):
        raise _wrong(text, "it is no condition but a number; compare it, as in 'macs <= 300M'")
    return Condition(text, tree, aliases)


def _wrong(text: str, what: str) -> UsageError:
    return UsageError(f"--where {plain(text[:200])}: {what}")


def _tree(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ValueError
    return ast.parse(text.strip(), mode="eval").body


def _aliased(text: str, aliases: Mapping[str, str]) -> str:
    """Put plain names for columns, whose own may have dots, and digits for units, outside quotes."""
    parts = re.split(r"('[^']*'|\"[^\"]*\")", text)
    return "".join(part if index % 2 else _unquoted(part, aliases) for index, part in enumerate(parts))


def _unquoted(text: str, aliases: Mapping[str, str]) -> str:
    for alias, name in sorted(aliases.items(), key=lambda each: -len(each[1])):
        text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", alias, text)
    return _QUANTITY.sub(_digits, text)


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
        raise _wrong(text, "only comparisons, + - * // %, and, or, not are possible")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _checked(child, text)


def _is_small(value: float | str) -> bool:
    return isinstance(value, str) or abs(value) <= LARGEST


def _is_allowed(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in _OPERATORS
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.Not)
    if isinstance(node, ast.Compare):
        return all(type(op) in _COMPARISONS for op in node.ops)
    return isinstance(node, ast.BoolOp)


def _is_truth(node: ast.expr) -> bool:
    """Tell whether truths stand where truths have to, and numbers where numbers."""
    if isinstance(node, ast.BoolOp):
        return all(map(_is_truth, node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_truth(node.operand)
    return isinstance(node, ast.Compare) and all(map(_is_number, (node.left, *node.comparators)))


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_number(node.operand)
    return isinstance(node, ast.Name | ast.Constant)


def _value(node: Any, columns: Columns) -> Any:
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):
        return _computed(node.op, _value(node.left, columns), _value(node.right, columns))
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, columns)
        return value ^ True if isinstance(node.op, ast.Not) else -value
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return _joined(join, [_value(each, columns) for each in node.values])
    values = [_value(each, columns) for each in (node.left, *node.comparators)]
    pairs = zip(node.ops, values, values[1:], strict=False)
    return _joined(operator.and_, [_COMPARISONS[type(op)](one, other) for op, one, other in pairs])


def _computed(op: ast.operator, one: Any, other: Any) -> Any:
    """Compute, and refuse what int64 would wrap: the same in floats shows it."""
    function = _OPERATORS[type(op)]
    if isinstance(one, str) or isinstance(other, str):
        raise UsageError("--where: words can be compared, nothing else")
    size = abs(function(one * 1.0, other * 1.0))
    if (size >= _LARGE).any() if hasattr(size, "any") else size >= _LARGE:
        raise UsageError("--where: its arithmetic leaves 64 bits; compare smaller numbers")
    return function(one, other)


def _joined(join: Callable[[Any, Any], Any], truths: list[Any]) -> Any:
    result = truths[0]
    for each in truths[1:]:
        result = join(result, each)
    return result


_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
