"""Faster operations that give the same integers, for what `formulas/dims.py` makes of `+ - * //` and `abs`.

That arithmetic has no branches, so that all kinds of number agree; here, where
all numbers are integers, a maximum is a maximum again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product as pairs
from typing import NamedTuple, Protocol


class Op(NamedTuple):
    """One operation on earlier results, by the name NumPy has for it; a constant has its value as `left`."""

    name: str
    left: int
    right: int


class Written(Protocol):
    """What has been written down."""

    ops: list[Op]
    slots: dict[Op, int]

    def constant(self, value: int, /) -> int:
        """Return the slot of a constant."""
        ...

    def put(self, op: Op, /) -> int:
        """Write an operation down as it is."""
        ...


_ZERO = Op("constant", 0, 0)


class Line(NamedTuple):
    """A multiple of an earlier result and a number."""

    slot: int
    times: int
    number: int


def line_of(ops: Sequence[Op], name: str, left: int, right: int) -> Line | None:
    """Return what an operation comes to where it is of multiples of one result; None where it is not."""
    if name == "floor_divide" and ops[right].name == "constant":
        whole, divisor = _line(ops, left), ops[right].left
        divides = divisor > 0 and whole.slot != left and whole.times % divisor == 0
        return Line(whole.slot, whole.times // divisor, whole.number // divisor) if divides else None
    if name == ops[right].name == "subtract" and ops[left] == _ZERO == ops[ops[right].left]:
        return Line(ops[right].right, 1, 0)
    if name not in {"add", "subtract"} or "constant" in {ops[left].name, ops[right].name}:
        return None
    one, other = _line(ops, left), _line(ops, right)
    if one.slot != other.slot:
        return None
    sign = 1 if name == "add" else -1
    return Line(one.slot, one.times + sign * other.times, one.number + sign * other.number)


def _line(ops: Sequence[Op], slot: int) -> Line:
    """Take constant factors and terms off a result."""
    name, left, right = ops[slot]
    if name not in {"add", "subtract", "multiply"}:
        return Line(slot, 1, 0)
    if ops[right].name == "constant":
        inner, value = _line(ops, left), ops[right].left
    elif ops[left].name == "constant":
        inner, value = _line(ops, right), ops[left].left
    else:
        return Line(slot, 1, 0)
    if name == "multiply":
        return Line(inner.slot, inner.times * value, inner.number * value)
    if name == "add":
        return inner._replace(number=inner.number + value)
    from_constant = ops[right].name != "constant"
    return (
        Line(inner.slot, -inner.times, value - inner.number)
        if from_constant
        else inner._replace(number=inner.number - value)
    )


def rewritten(tape: Written, op: Op) -> Op:
    """Return a faster operation that gives the same integers, or the same."""
    name, left, right = op
    if name == "floor_divide" and tape.ops[right].name == "constant":
        return _divided(tape, op)
    if name == "add":
        return _factored(tape, left, right) or _factored(tape, right, left) or op
    if name != "subtract":
        return op
    if tape.ops[left] == _ZERO:
        return _rounded_up(tape, op)
    return _remainder_of(tape, op)


def _divided(tape: Written, op: Op) -> Op:
    divisor = tape.ops[op.right].left
    extreme = _extreme(tape, tape.ops[op.left]) if divisor == 2 else None  # noqa: PLR2004  (as `dims` halves it)
    if extreme is not None:
        return extreme
    if divisor > 0 and divisor & (divisor - 1) == 0:
        return Op("right_shift", op.left, tape.constant(divisor.bit_length() - 1))
    return op


def _extreme(tape: Written, doubled: Op) -> Op | None:
    """Know a + b + |a − b| and a + b − |a − b|, which are twice the larger and the smaller."""
    if doubled.name == "add":
        found = _pair(tape, doubled.left, doubled.right) or _pair(tape, doubled.right, doubled.left)
        return Op("maximum", *found) if found else None
    found = _pair(tape, doubled.left, doubled.right) if doubled.name == "subtract" else None
    return Op("minimum", *found) if found else None


def _pair(tape: Written, together: int, size: int) -> tuple[int, int] | None:
    """Return a and b of a + b and |a − b|; b may be 0."""
    if tape.ops[size].name != "absolute":
        return None
    apart = tape.ops[size].left
    if apart == together:
        return together, tape.constant(0)
    name, a, b = tape.ops[apart]
    added = Op("add", min(a, b), max(a, b))
    return (a, b) if name == "subtract" and tape.slots.get(added) == together else None


def _factored(tape: Written, left: int, right: int) -> Op | None:
    """Know a·p + b·p, which is (a + b)·p, and t + a·p + b·p: on one map, weights are added before they are used."""
    last, before = tape.ops[right], tape.ops[left]
    if last.name != "multiply":
        return None
    if before.name == "multiply":
        return _together(tape, before, last)
    for rest, term in ((before.left, before.right), (before.right, before.left)) if before.name == "add" else ():
        found = _together(tape, tape.ops[term], last) if tape.ops[term].name == "multiply" else None
        if found is not None:
            term = tape.put(found)  # noqa: PLW2901  (the term as it is now)
            return Op("add", min(rest, term), max(rest, term))
    return None


def _together(tape: Written, one: Op, other: Op) -> Op | None:
    """Add two products that share a factor which is no constant."""
    for factor in {one.left, one.right} & {other.left, other.right}:
        if tape.ops[factor].name != "constant":
            a, b = (each.right if each.left == factor else each.left for each in (one, other))
            added = tape.put(Op("add", min(a, b), max(a, b)))
            return Op("multiply", min(added, factor), max(added, factor))
    return None


def _rounded_up(tape: Written, op: Op) -> Op:
    """Know −(−x // d), which is (x + d − 1) // d."""
    name, negated, by = tape.ops[op.right]
    if name not in {"floor_divide", "right_shift"} or tape.ops[by].name != "constant":
        return op
    minus, zero, x = tape.ops[negated].name == "subtract", tape.ops[negated].left, tape.ops[negated].right
    more = (2 ** tape.ops[by].left if name == "right_shift" else tape.ops[by].left) - 1
    if not minus or tape.ops[zero] != _ZERO or more < 0:
        return op
    added = tape.constant(more)
    return Op(name, tape.put(Op("add", min(x, added), max(x, added))), by)


def _remainder_of(tape: Written, op: Op) -> Op:
    """Know x − x // d · d for a constant d above 0."""
    name, one, other = tape.ops[op.right]
    if name != "multiply":
        return op
    for quotient, by in ((one, other), (other, one)):
        divided = tape.ops[quotient]
        divisor = tape.ops[by].left if tape.ops[by].name == "constant" else 0
        shifted = divided.name == "right_shift" and divisor == 2 ** tape.ops[divided.right].left
        if divisor > 0 and divided.left == op.left and (shifted or divided == Op("floor_divide", op.left, by)):
            return Op("remainder", op.left, by)
    return op


# The smallest and the largest a number can be, through every operation.


Bounds = tuple[int, int] | None
"""The smallest and the largest a number can be; None where that is not known."""

INT64 = 2**63 - 1


def _corners(function: Callable[[int, int], int]) -> Callable[[Bounds, Bounds], Bounds]:
    """Bound an operation by what it gives for the bounds of both numbers."""

    def bounds(left: Bounds, right: Bounds) -> Bounds:
        if left is None or right is None:
            return None
        found = [function(one, other) for one, other in pairs(left, right)]
        return min(found), max(found)

    return bounds


def _quotient(left: Bounds, right: Bounds) -> Bounds:
    if right is None or right[0] <= 0 <= right[1]:
        return None
    return _corners(lambda one, other: one // other)(left, right)


def _absolute(left: Bounds, right: Bounds) -> Bounds:
    del right
    if left is None:
        return None
    low, high = left
    return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _remainder_bounds(left: Bounds, right: Bounds) -> Bounds:
    del left
    return None if right is None or right[0] < 1 else (0, right[1] - 1)


BOUNDS: Mapping[str, Callable[[Bounds, Bounds], Bounds]] = {
    "add": _corners(lambda one, other: one + other),
    "subtract": _corners(lambda one, other: one - other),
    "multiply": _corners(lambda one, other: one * other),
    "floor_divide": _quotient,
    "remainder": _remainder_bounds,
    "right_shift": _corners(lambda one, other: one >> other),
    "maximum": _corners(max),
    "minimum": _corners(min),
    "absolute": _absolute,
}


def fits(bounds: Iterable[Bounds]) -> bool:
    """Tell whether no number can leave int64."""
    return all(each is not None and each[0] >= -INT64 and each[1] <= INT64 for each in bounds)


# A fourth kind of number: one that writes down what is done to it.
#
# A walk over recorded numbers leaves a list of operations, which is the same walk
# for any arrays. What no result needs is left out of it, what occurs twice is done
# once, and the arithmetic by which `dims` makes a maximum is one operation again.
#
# Each recorded number knows its bounds, from those of the axes. So what always
# holds need not be asked, and whether int64 can overflow is known beforehand.


class Recorded:
    """A number that stands for all candidates, and writes down what is done to it."""

    __slots__ = ("slot", "tape")

    def __init__(self, tape: "Tape", slot: int) -> None:
        self.tape = tape
        self.slot = slot

    @property
    def bounds(self) -> Bounds:
        """The smallest and the largest this can be."""
        return self.tape.bounds[self.slot]

    def __add__(self, other: object) -> "Number":
        return self.tape.applied("add", self, other)

    def __radd__(self, other: object) -> "Number":
        return self.tape.applied("add", self, other)

    def __sub__(self, other: object) -> "Number":
        return self.tape.applied("subtract", self, other)

    def __rsub__(self, other: object) -> "Number":
        return self.tape.applied("subtract", other, self)

    def __mul__(self, other: object) -> "Number":
        return self.tape.applied("multiply", self, other)

    def __rmul__(self, other: object) -> "Number":
        return self.tape.applied("multiply", self, other)

    def __floordiv__(self, other: object) -> "Number":
        return self.tape.applied("floor_divide", self, other)

    def __rfloordiv__(self, other: object) -> "Number":
        return self.tape.applied("floor_divide", other, self)

    def __neg__(self) -> "Number":
        return self.tape.applied("subtract", 0, self)

    def __abs__(self) -> "Number":
        return self.tape.applied("absolute", self, 0)

    def __bool__(self) -> bool:
        raise TypeError("a recorded number has no truth")


Number = int | Recorded


class Tape:
    """What was done, in order; every slot is a variable, a constant or the result of an operation."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.bounds: list[Bounds] = []
        self.variables: dict[str, int] = {}
        self.constants: dict[int, int] = {}
        self.slots: dict[Op, int] = {}

    def variable(self, name: str, low: int, high: int) -> Recorded:
        """Return a number that is given later, between two bounds."""
        self.variables[name] = self._slot(Op("variable", len(self.variables), 0), (low, high))
        return Recorded(self, self.variables[name])

    def constant(self, value: int) -> int:
        """Return the slot of a constant."""
        if value not in self.constants:
            self.constants[value] = self._slot(Op("constant", value, 0), (value, value))
        return self.constants[value]

    def applied(self, name: str, left: object, right: object) -> Number:
        """Write an operation down, or return what it comes to where that is known."""
        if not isinstance(left, int | Recorded) or not isinstance(right, int | Recorded):
            raise TypeError("a recorded number meets whole numbers only")
        known = _simplified(name, left, right)
        if known is None:
            known = self._combined(name, self._operand(left), self._operand(right))
        return known

    def _operand(self, number: Number) -> int:
        return number.slot if isinstance(number, Recorded) else self.constant(int(number))

    def _combined(self, name: str, left: int, right: int) -> Number:
        """Write an operation down, or a faster one that gives the same integers."""
        line = line_of(self.ops, name, left, right)
        if line is not None:
            return line.number + Recorded(self, line.slot) * line.times if line.times else line.number
        if name in _COMMUTATIVE and left > right:
            left, right = right, left
        return Recorded(self, self.put(rewritten(self, Op(name, left, right))))

    def put(self, op: Op) -> int:
        """Write an operation down as it is, once."""
        return self._slot(op, BOUNDS[op.name](self.bounds[op.left], self.bounds[op.right]))

    def _slot(self, op: Op, bounds: Bounds) -> int:
        if op not in self.slots:
            self.slots[op] = len(self.ops)
            self.ops.append(op)
            self.bounds.append(bounds)
        return self.slots[op]


_COMMUTATIVE = frozenset({"add", "multiply"})


def _simplified(name: str, left: Number, right: Number) -> Number | None:
    """Return what an operation comes to without doing it; None where it has to be done."""
    same = isinstance(left, Recorded) and isinstance(right, Recorded) and left.slot == right.slot
    if name == "add":
        return left if right == 0 else right if left == 0 else None
    if name == "subtract":
        return 0 if same else left if right == 0 else None
    if name == "multiply":
        return 0 if 0 in (left, right) else left if right == 1 else right if left == 1 else None
    return left if name == "floor_divide" and right == 1 else None
