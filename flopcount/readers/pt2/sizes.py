"""Open sizes that a program gives as expressions, computed from the sizes of its inputs."""

import ast
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.pt2.lower import LoweredCall
from flopcount.readers.pt2.program import LONGEST, Dim, NameRef, SymbolicSize, evaluated, symbols_of

_KINDS: Mapping[str, str] = {
    **{name: name for name in ("Add", "Mul", "Max", "Min", "Mod", "Pow", "Sub")},
    **dict.fromkeys(("FloorDiv", "CleanDiv", "CeilDiv", "Div", "IntTrueDiv"), "Div"),
    "Mult": "Mul",
    "PythonMod": "Mod",
    "PowByNatural": "Pow",
}
"""The functions in expressions, and those of ONNX; those of one number that are not named here do not change it."""


def named(op: LoweredCall, name: str) -> str:
    """Give a computed number a name that arguments can refer to."""
    op.graph.names[name] = name
    return name


def sized(op: LoweredCall, dims: Sequence[Dim]) -> tuple[Any, ...]:
    """Return sizes as arguments: numbers, and what computes them."""
    return tuple(size if isinstance(size, int) else NameRef(named(op, _open(op, size))) for size in dims)


def _open(op: LoweredCall, size: SymbolicSize) -> str:
    try:
        return _computed(op, ast.parse(size.text[:LONGEST], mode="eval").body)
    except (SyntaxError, ValueError, TypeError, LookupError, RecursionError, MemoryError):
        raise Refusal(f"its output has the size {size.text[:60]}, which does not follow from its inputs") from None


def _computed(op: LoweredCall, node: ast.AST) -> str:
    """Write what computes an expression, and return the name of the number."""
    if isinstance(node, ast.Constant):
        return op.graph.value(int(node.value)) if isinstance(node.value, int) else _symbol(op, str(node.value))
    if isinstance(node, ast.Name):
        return _symbol(op, node.id)
    kind, operands = _operation(node)
    first, *rest = (_computed(op, each) for each in operands)
    if kind == "CeilDiv":
        first = op.emit("Add", first, op.emit("Sub", rest[0], op.graph.value(1)))
    return reduce(lambda one, other: op.emit(_KINDS[kind], one, other), rest, first)


def _operation(node: ast.AST) -> tuple[str, list[ast.expr]]:
    """Return the function of an expression, and what it is of; a symbol is that of its name."""
    if isinstance(node, ast.BinOp):
        return type(node.op).__name__, [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return "Mult", [ast.Constant(-1), node.operand]
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise TypeError
    return node.func.id, node.args


def _symbol(op: LoweredCall, symbol: str) -> str:
    """Write a symbol: the size of an input, or what solves an expression of it that is one."""
    program = op.graph.program
    metas = ((name, program.graph.tensors[name].dims) for name in program.inputs if name in program.graph.tensors)
    places = [(name, axis, size) for name, dims in metas for axis, size in enumerate(dims)]
    for name, axis, size in places:
        if symbols_of(size) == (symbol,) and (found := _solution(size, symbol)):
            start, step = found
            x = op.size(name, axis)
            x = op.emit("Sub", x, op.graph.value(start)) if start else x
            return op.emit("Div", x, op.graph.value(step)) if step > 1 else x
    raise LookupError


def _solution(size: Dim, symbol: str) -> tuple[int, int] | None:
    """Return how a size follows from its symbol, if that is a number and a multiple of it."""
    one, two, far = (evaluated(size, {symbol: value}) for value in (1, 2, 97))
    if one is None or two is None or far is None or two <= one or far - one != 96 * (two - one):
        return None
    return one - (two - one), two - one
