"""A fourth kind of number: one that writes down what is done to it.

A walk over recorded numbers leaves a list of operations, which is the same walk
for any arrays. What no result needs is left out of it, what occurs twice is done
once, and the arithmetic by which `dims` makes a maximum is one operation again.

Each recorded number knows its bounds, from those of the axes. So what always
holds need not be asked, and whether int64 can overflow is known beforehand.
"""

from flopcount.analyses.sweeps import shortcuts
from flopcount.analyses.sweeps.bounds import BOUNDS, Bounds
from flopcount.analyses.sweeps.shortcuts import Op


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
        line = shortcuts.line(self.ops, name, left, right)
        if line is not None:
            return line.number + Recorded(self, line.slot) * line.times if line.times else line.number
        if name in _COMMUTATIVE and left > right:
            left, right = right, left
        return Recorded(self, self.put(shortcuts.rewritten(self, Op(name, left, right))))

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
