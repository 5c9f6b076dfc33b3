"""The arithmetic of formulas.

A `Dim` is an int or an `Expr`, which records what is done to a number that is not known yet. One formula therefore
serves exact counts, sweeps and closed forms: a `Program` made of expressions runs on ints, arrays, polynomials or
symbols. Only this module asks what kind of number it has.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import product as pairs
from math import floor
from typing import Any, NamedTuple, TypeAlias, TypeVar, Union

Dim: TypeAlias = Union[int, "Expr"]
"""A number in a formula."""

Axes: TypeAlias = Dim | tuple[Dim, ...]
"""One number for all spatial axes, or one for each."""

T = TypeVar("T")

MANTISSA = 2**53
"""Floats hold all integers up to this."""

SMALL = 2**62
"""Programs whose numbers stay below this run on 64-bit integers."""


def exact(number: Dim) -> int:
    """Return a number that is an int; raise a TypeError otherwise."""
    if not isinstance(number, int):
        raise TypeError(f"expected an int, not {number}")
    return number


def exact_all(numbers: Iterable[Dim]) -> tuple[int, ...]:
    """Return numbers that are all ints, such as the sizes of a shape; raise a TypeError otherwise."""
    return tuple(map(exact, numbers))


def product(factors: Iterable[Dim]) -> Dim:
    """Multiply; 1 for nothing."""
    return reduce(operator.mul, factors, 1)


def total(terms: Iterable[Dim]) -> Dim:
    """Add; 0 for nothing."""
    return reduce(operator.add, terms, 0)


INTEGERS: Mapping[str, Callable[..., int]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
    "ceil_divide": lambda dividend, divisor: -(-dividend // divisor),
    "exact_divide": operator.floordiv,
    "remainder": operator.mod,
    "maximum": max,
    "minimum": min,
    "where": lambda test, then, otherwise: then if test >= 1 else otherwise,
}
"""The operations of expressions on ints."""


def _apply(op: str, *args: Dim) -> Dim:
    """Apply an operation to ints, or record it if one of them is not known yet."""
    if all(isinstance(each, int) for each in args):
        return INTEGERS[op](*args)
    return _recorded(op, *args)


def ceil_div(dividend: Dim, divisor: Dim) -> Dim:
    """Divide and round up."""
    return _apply("ceil_divide", dividend, divisor)


def exact_div(dividend: Dim, divisor: Dim) -> Dim:
    """Divide a number by a divisor of it; the step states this as a constraint."""
    return _apply("exact_divide", dividend, divisor)


def remainder(dividend: Dim, divisor: Dim) -> Dim:
    """Return the remainder of a floor division."""
    return _apply("remainder", dividend, divisor)


def maximum(one: Dim, other: Dim) -> Dim:
    """Return the larger of two numbers."""
    return _apply("maximum", one, other)


def minimum(one: Dim, other: Dim) -> Dim:
    """Return the smaller of two numbers."""
    return _apply("minimum", one, other)


def where(test: Dim, then: Dim, otherwise: Dim) -> Dim:
    """Return `then` where `test` is at least 1, else `otherwise`."""
    return _apply("where", test, then, otherwise)


def round_half_even(dividend: Dim, divisor: Dim) -> Dim:
    """Divide and round to the nearest integer, a tie to the even one, as Python's `round`."""
    nearest = (2 * dividend + divisor) // (2 * divisor)
    return nearest - where(remainder(2 * dividend + divisor, 2 * divisor), 0, remainder(nearest, 2))


def divisible(value: Dim, divisor: Dim, scale: Dim = 1) -> Dim:
    """Round `value / scale` to a multiple of `divisor`, never down by more than 10 %.

    The rule of the MobileNet family: the nearest multiple (a tie goes up), at least one, and one more where that
    loses over a tenth of the value.
    """
    nearest = maximum((2 * value + divisor * scale) // (2 * divisor * scale) * divisor, divisor)
    return where(9 * value - 10 * nearest * scale, nearest + divisor, nearest)


def scaled_up(value: Dim, factor: float) -> Dim:
    """Multiply by a decimal, taken exactly as written, and round up."""
    numerator, denominator = Fraction(repr(factor)).as_integer_ratio()
    return ceil_div(value * numerator, denominator)


def scaled_down(value: Dim, factor: float) -> Dim:
    """Multiply by a decimal, taken exactly as written, and round down."""
    numerator, denominator = Fraction(repr(factor)).as_integer_ratio()
    return value * numerator // denominator


def floor_product(value: Dim, factor: Dim | float) -> Dim:
    """Multiply and round down; a product with a float is first rounded to a float, as torch and C do.

    A product just under a whole number may be rounded to it: by less than half the distance of floats there.
    """
    if not isinstance(factor, float):
        return value * factor
    if isinstance(value, int):
        return floor(value * factor)
    numerator, denominator = factor.as_integer_ratio()
    if value.bounds[1] * numerator < MANTISSA:  # floats hold the product as it is
        return value * numerator // denominator
    above = ceil_div(value * numerator, denominator)
    missing = above * denominator - value * numerator
    slack: Dim = denominator // (2 * MANTISSA)
    for power in range(bounds_of(above)[1].bit_length()):
        slack = where(above - 2**power, denominator * 2**power // MANTISSA, slack)
    return above - where(missing - slack, 1, 0)


class Graph:
    """Expressions over some variables; equal expressions are one object."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Expr] = {}

    def variable(self, name: str, low: int, high: int) -> "Expr":
        """Return a variable between two bounds."""
        return self.node("variable", (name,), (low, high))

    def node(self, op: str, args: tuple[Any, ...], bounds: tuple[int, int]) -> "Expr":
        """Return the one expression that applies an operation to these arguments."""
        key = (op, *args)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Expr(self, len(self._known), op, args, bounds)
        return found


def _operators(op: str) -> tuple[Callable[["Expr", Dim], Dim], Callable[["Expr", Dim], Dim]]:
    """Return the methods that record an operation with an expression on its left and on its right."""
    return lambda one, other: _recorded(op, one, other), lambda one, other: _recorded(op, other, one)


class Expr:
    """An operation on numbers, at least one of them an Expr, and the bounds of its result.

    `args` are earlier expressions and ints; the argument of a variable is its name.
    """

    __slots__ = ("args", "bounds", "graph", "line", "op", "place")

    def __init__(self, graph: Graph, place: int, op: str, args: tuple[Any, ...], bounds: tuple[int, int]) -> None:
        self.graph, self.place, self.op, self.args, self.bounds = graph, place, op, args, bounds
        self.line: tuple[Expr, int, int] = (self, 1, 0)

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __floordiv__, __rfloordiv__ = _operators("floor_divide")

    def __neg__(self) -> Dim:
        return _recorded("multiply", self, -1)

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value")

    def __str__(self) -> str:
        """Return the name of a variable; a question mark for anything else."""
        return str(self.args[0]) if self.op == "variable" else "?"

    @property
    def operands(self) -> "tuple[Expr, ...]":
        """The expressions this one is computed from."""
        return tuple(each for each in self.args if isinstance(each, Expr))


def bounds_of(number: Dim) -> tuple[int, int]:
    """Return the smallest and the largest value a number can have."""
    return number.bounds if isinstance(number, Expr) else (number, number)


Bounds: TypeAlias = tuple[int, int]


def _corners(function: Callable[[int, int], int]) -> Callable[..., Bounds]:
    """Bound an operation by its results for the bounds of both numbers."""

    def bounds(left: Bounds, right: Bounds) -> Bounds:
        found = [function(one, other) for one, other in pairs(left, right)]
        return min(found), max(found)

    return bounds


def _quotient(function: Callable[[int, int], int]) -> Callable[..., Bounds]:
    def bounds(left: Bounds, right: Bounds) -> Bounds:
        if right[0] >= 1 or right[1] <= -1:
            return _corners(function)(left, right)
        largest = max(abs(left[0]), abs(left[1]))
        return -largest, largest

    return bounds


def _remainder_bounds(left: Bounds, right: Bounds) -> Bounds:
    if right[0] < 1:
        largest = max(abs(right[0]), abs(right[1]))
        return -largest, largest
    return 0, min(right[1] - 1, left[1]) if left[0] >= 0 else right[1] - 1


_BOUNDS: Mapping[str, Callable[..., Bounds]] = {
    "add": _corners(operator.add),
    "subtract": _corners(operator.sub),
    "multiply": _corners(operator.mul),
    "floor_divide": _quotient(operator.floordiv),
    "ceil_divide": _quotient(INTEGERS["ceil_divide"]),
    "exact_divide": _quotient(operator.floordiv),
    "remainder": _remainder_bounds,
    "maximum": _corners(max),
    "minimum": _corners(min),
    "where": lambda _, then, otherwise: (min(then[0], otherwise[0]), max(then[1], otherwise[1])),
}
"""The bounds of a result, from those of what it is computed from."""

_COMMUTATIVE = frozenset({"add", "multiply", "maximum", "minimum"})


def _recorded(op: str, *args: Dim) -> Dim:
    """Record an operation, or return its result if that is known."""
    if not all(isinstance(each, int | Expr) for each in args):
        raise TypeError("an expression takes ints and expressions only")
    rule = _RULES.get(op)
    known = rule(op, *args) if rule else None
    return _node(op, *args) if known is None else known


def _node(op: str, *args: Dim) -> Dim:
    bounds = _BOUNDS[op](*map(bounds_of, args))
    if bounds[0] == bounds[1]:
        return bounds[0]
    if op in _COMMUTATIVE:
        args = tuple(sorted(args, key=lambda each: each.place if isinstance(each, Expr) else SMALL))
    graph = next(each.graph for each in args if isinstance(each, Expr))
    return graph.node(op, args, bounds)


def _line(number: Dim) -> tuple[Expr | None, int, int]:
    """Return an expression, its factor, and the added number."""
    return number.line if isinstance(number, Expr) else (None, 0, number)


def _on_line(base: Expr | None, times: int, number: int) -> Dim:
    """Return times·base + number."""
    if base is None or not times:
        return number
    result = base if times == 1 else _node("multiply", base, times)
    if number:
        result = _node("add", result, number)
    if isinstance(result, Expr):
        result.line = (base, times, number)
    return result


def _sum(op: str, left: Dim, right: Dim) -> Dim | None:
    """Add multiples of one expression, and products that share a factor."""
    sign = 1 if op == "add" else -1
    (one, a, b), (other, c, d) = _line(left), _line(right)
    if one is other or one is None or other is None:
        return _on_line(other if one is None else one, a + sign * c, b + sign * d)
    if op == "subtract":
        return None
    found = _factored(left, right)
    return _factored(right, left) if found is None else found


def _factored(left: Dim, right: Dim) -> Dim | None:
    """Turn a·p + b·p into (a + b)·p, and t + a·p + b·p likewise: weights are added before any product with a map."""
    if not (isinstance(left, Expr) and isinstance(right, Expr) and right.op == "multiply"):
        return None
    if left.op == "multiply":
        return _shared(left, right)
    terms: tuple[Dim, ...] = left.args
    for rest, term in (terms, terms[::-1]) if left.op == "add" else ():
        found = _shared(term, right) if isinstance(term, Expr) and term.op == "multiply" else None
        if found is not None:
            return rest + found
    return None


def _shared(one: Expr, other: Expr) -> Dim | None:
    """Add two products that share an expression as a factor."""
    for factor in one.operands:
        if factor in other.args:
            a, b = (list[Dim](each.args)[each.args[0] is factor] for each in (one, other))
            return factor * (a + b)
    return None


def _multiple(_: str, left: Dim, right: Dim) -> Dim | None:
    factor, other = (left, right) if isinstance(left, int) else (right, left)
    if not isinstance(factor, int):
        return None
    base, times, number = _line(other)
    return _on_line(base, times * factor, number * factor)


def _divided(op: str, left: Dim, right: Dim) -> Dim | None:
    """Divide term by term if the factor of an expression is a multiple of the divisor."""
    if not isinstance(right, int) or right < 1:
        return None
    base, times, number = _line(left)
    if times % right:
        return None
    if op == "remainder":
        return number % right
    return _on_line(base, times // right, INTEGERS[op](number, right))


def _extreme(op: str, left: Dim, right: Dim) -> Dim | None:
    """Return the larger or the smaller of two numbers if the bounds tell."""
    small, large = (left, right) if op == "minimum" else (right, left)
    if bounds_of(large)[0] >= bounds_of(small)[1]:
        return left
    return right if bounds_of(large)[1] <= bounds_of(small)[0] else None


def _chosen(_: str, test: Dim, then: Dim, otherwise: Dim) -> Dim | None:
    low, high = bounds_of(test)
    if then is otherwise or low >= 1:
        return then
    return otherwise if high < 1 else None


_RULES: Mapping[str, Callable[..., Dim | None]] = {
    "add": _sum,
    "subtract": _sum,
    "multiply": _multiple,
    **dict.fromkeys(("floor_divide", "ceil_divide", "exact_divide", "remainder"), _divided),
    **dict.fromkeys(("maximum", "minimum"), _extreme),
    "where": _chosen,
}


class Program(NamedTuple):
    """Numbers as a list of operations on registers; plain data.

    An instruction is an operation, the register of its result, and the registers it reads. `is_small` tells whether
    all numbers stay below 2⁶² for values within the bounds.
    """

    variables: Mapping[str, int]
    constants: Mapping[int, int]
    instructions: tuple[tuple[str, int, tuple[int, ...]], ...]
    results: tuple[int, ...]
    registers: int
    is_small: bool

    def run(
        self, operations: Mapping[str, Callable[..., T]], constant: Callable[[int], T], values: Mapping[str, T]
    ) -> list[T]:
        """Return the results over another kind of number, for the values of the variables."""
        registers: list[Any] = [None] * self.registers
        for place, number in self.constants.items():
            registers[place] = constant(number)
        for name, place in self.variables.items():
            registers[place] = values[name]
        for op, target, operands in self.instructions:
            registers[target] = operations[op](*[registers[each] for each in operands])
        return [registers[place] for place in self.results]


def needed(numbers: Iterable[Dim]) -> "list[Expr]":
    """Return the expressions some numbers are computed from, operands first."""
    wanted: dict[int, Expr] = {}
    waiting = [each for each in numbers if isinstance(each, Expr)]
    while waiting:
        each = waiting.pop()
        if each.place not in wanted:
            wanted[each.place] = each
            waiting += each.operands
    return [wanted[place] for place in sorted(wanted)]


def compiled(numbers: Sequence[Dim]) -> Program:
    """Make a program of numbers; registers are reused after the last operation that reads them."""
    nodes = needed(numbers)
    fixed = [each for each in nodes if each.op == "variable"]
    args = (each for node in nodes for each in node.args)
    constants = list(dict.fromkeys(each for each in (*args, *numbers) if isinstance(each, int)))
    places = {each: register for register, each in enumerate(list[Dim]([*fixed, *constants]))}
    kept = {*fixed, *(each for each in numbers if isinstance(each, Expr))}
    last = {operand: node for node in nodes for operand in node.operands}
    instructions, free, used = list[tuple[str, int, tuple[int, ...]]](), list[int](), len(places)
    for node in nodes:
        if node.op == "variable":
            continue
        reads = tuple(places[each] for each in node.args)
        free += [places[each] for each in dict.fromkeys(node.operands) if each not in kept and last[each] is node]
        if not free:
            free.append(used)
            used += 1
        places[node] = free.pop()
        instructions.append((node.op, places[node], reads))
    return Program(
        {str(each): places[each] for each in fixed},
        {places[each]: each for each in constants},
        tuple(instructions),
        tuple(places[each] for each in numbers),
        used,
        all(abs(end) < SMALL for each in list[Dim]([*nodes, *constants]) for end in bounds_of(each)),
    )
