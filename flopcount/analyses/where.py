"""Which layers are meant: `kernel_size>1 and path~"stage3.*"`.

Comparisons and their arithmetic are those of templates (`schema/expressions.py`),
joined by and, or, not; `~` matches a word with a pattern of *, ? and [abc].
No comparison holds of a field that a layer lacks, nor `!=` either.
Parsed, never handed to `eval`.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from flopcount.counting.evaluate import EvaluationError, evaluate
from flopcount.counting.nodes import Node
from flopcount.counting.trace import fields
from flopcount.errors import UsageError, plain, suggestion
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.schema.expressions import LONGEST, Expression, NotArithmeticError, parse

Facts = Mapping[str, Any]
"""What is known of a layer, by name: numbers, words, truths."""

Condition = Callable[[Facts], bool]
"""Tells whether a layer is meant."""

ALWAYS = ("path", "type", "in_channels", "out_channels")
"""What is known of every layer; its fields are known beside these."""

_TRUTHS = {"true": True, "false": False}


class _NoConditionError(ValueError):
    """The text is no condition; the message says why in one clause."""


def condition(text: str, known: frozenset[str]) -> Condition:
    """Parse a condition over known names; a UsageError says what is wrong with it."""
    try:
        return _condition(_tree(text), known | {*_TRUTHS})
    except (_NoConditionError, NotArithmeticError) as error:
        raise UsageError(f"--where {plain(text[:LONGEST])}: {error}") from None


def facts(node: Node, step: Step, shapes: Mapping[str, Shape]) -> Facts:
    """Return what is known of a layer; a list with a size for each axis counts as its largest."""
    own = {name: _plain(value) for name, value in fields(node.layer).items()}
    channels = {"in_channels": shapes[node.inputs[0]].channels, "out_channels": step.shape.channels}
    return {**own, "path": node.path, "type": node.kind, **channels, **_TRUTHS}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return max((max(each) if isinstance(each, tuple) else each for each in value), default=0)
    return "none" if value is None else value


def _tree(text: str) -> ast.expr:
    """Parse the text as an expression, in which `@` stands for `~`: it binds more tightly than a comparison."""
    if len(text) > LONGEST:
        raise _NoConditionError(f"it is longer than {LONGEST} characters")
    marked = "".join(_with_at(text.strip()))
    try:
        return ast.parse(marked, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        example = "kernel_size>1 and path~'stage3.*'"
        raise _NoConditionError(f"it is not a condition; write for example {example}") from None


def _with_at(text: str) -> Iterator[str]:
    quote = ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "@":
            raise _NoConditionError("@ has no meaning; to match a pattern write ~")
        yield "@" if char == "~" and not quote else char


def _condition(tree: ast.expr, known: frozenset[str]) -> Condition:
    if isinstance(tree, ast.BoolOp):
        each = [_condition(value, known) for value in tree.values]
        return partial(_all if isinstance(tree.op, ast.And) else _any, each)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return partial(_not, _condition(tree.operand, known))
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
        return _match(tree, known)
    return _comparison(tree, known)


def _all(each: list[Condition], layer: Facts) -> bool:
    return all(holds(layer) for holds in each)


def _any(each: list[Condition], layer: Facts) -> bool:
    return any(holds(layer) for holds in each)


def _not(holds: Condition, layer: Facts) -> bool:
    return not holds(layer)


def _match(tree: ast.BinOp, known: frozenset[str]) -> Condition:
    name, pattern = tree.left, tree.right
    if not (isinstance(name, ast.Name) and isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
        raise _NoConditionError("~ stands between a name and a pattern in quotes, such as path~'stage3.*'")
    _check_known({name.id}, known)
    return partial(_matches, name.id, pattern.value)


def _matches(name: str, pattern: str, layer: Facts) -> bool:
    return name in layer and fnmatchcase(str(layer[name]), pattern)


def _comparison(tree: ast.expr, known: frozenset[str]) -> Condition:
    """Return a comparison; it does not hold for a layer that lacks one of its names."""
    if any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) for node in ast.walk(tree)):
        raise _NoConditionError("~ answers yes or no; join it with and, or, not")
    text = ast.unparse(tree)
    if not isinstance(tree, ast.Compare | ast.Name):
        raise _NoConditionError(f"{text} is neither true nor false; compare it with something")
    expression = parse(text)
    _check_known(expression.names, known)
    return partial(_holds, expression)


def _holds(expression: Expression, layer: Facts) -> bool:
    if not expression.names <= layer.keys():
        return False
    try:
        value = evaluate(expression, layer)
    except EvaluationError as error:
        raise UsageError(f"--where {expression.text}: for {layer['path']}, {error}") from None
    if not isinstance(value, bool):
        raise UsageError(f"--where {expression.text}: it is neither true nor false; compare it with something")
    return value


def _check_known(names: set[str] | frozenset[str], known: frozenset[str]) -> None:
    for name in sorted(names - known):
        raise _NoConditionError(f"no convolution has a {plain(name[:50])!r}; {suggestion(name, sorted(known))}")
