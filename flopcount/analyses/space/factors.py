"""What a network costs as a sum of small tables, each over the few axes one layer depends on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.compile import Wanted, is_proved
from flopcount.analyses.sweep.graph import Number, Recorded, Tape, fits
from flopcount.analyses.sweep.run import Recording
from flopcount.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


# In which order the axes of a space are taken, so that few of them have to be remembered at a time.


MOST_STARTS = 12
"""So many axes are tried as the first one."""

EASY = 100_000
"""Where the file's order has no more combinations than this, no better one is looked for."""


class Turn(NamedTuple):
    """One axis taken: which axes are remembered before and after, and which scopes are complete now."""

    axis: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    complete: tuple[int, ...]

    @property
    def cells(self) -> tuple[int, ...]:
        """The axes that are looked at together."""
        return tuple(sorted({*self.before, self.axis}))


def turns(scopes: Sequence[tuple[int, ...]], sizes: Mapping[int, int]) -> tuple[Turn, ...]:
    """Return the axes in a good order: with the fewest combinations looked at that was found."""
    masks = [_elimination_mask(scope) for scope in scopes]
    natural = sorted(sizes)
    orders = [natural, natural[::-1]]
    if min(_work(order, masks, sizes) for order in orders) > EASY:
        orders += [_greedy(first, masks, sizes) for first in natural[:MOST_STARTS]]
    best = min(orders, key=lambda order: _work(order, masks, sizes))
    return tuple(_turns(best, masks))


def _elimination_mask(scope: Sequence[int]) -> int:
    return sum(1 << axis for axis in scope)


def _turns(order: Sequence[int], masks: Sequence[int]) -> Iterator[Turn]:
    seen, done = 0, set[int]()
    before: tuple[int, ...] = ()
    for axis in order:
        seen |= 1 << axis
        complete = tuple(place for place, mask in enumerate(masks) if place not in done and not mask & ~seen)
        done.update(complete)
        after = tuple(each for each in sorted(order) if _frontier(seen, masks) >> each & 1)
        yield Turn(axis, before, after, complete)
        before = after


def _frontier(seen: int, masks: Sequence[int]) -> int:
    """Return the axes seen that a scope needs which is not complete."""
    needed = 0
    for mask in masks:
        if mask & ~seen:
            needed |= mask
    return needed & seen


def _work(order: Sequence[int], masks: Sequence[int], sizes: Mapping[int, int]) -> int:
    return sum(prod(sizes[each] for each in turn.cells) for turn in _turns(order, masks))


def _greedy(first: int, masks: Sequence[int], sizes: Mapping[int, int]) -> list[int]:
    """Take next the axis that leaves the fewest combinations to remember."""
    order, seen, rest = [first], 1 << first, {*sizes} - {first}

    def remembered(axis: int) -> tuple[int, int]:
        frontier = _frontier(seen | 1 << axis, masks)
        return prod(size for each, size in sizes.items() if frontier >> each & 1), axis

    while rest:
        axis = min(rest, key=remembered)
        order.append(axis)
        seen |= 1 << axis
        rest.remove(axis)
    return order


METRICS = ("macs", "params")
"""What a space is asked for; costs are in this order."""

MOST_CELLS = 4_000_000
"""A table over more combinations of values is refused."""

SMALL = 2**62
"""Sums below this stay in int64; larger ones are Python's integers."""


class Factor(NamedTuple):
    """What some axes decide together: a cost for each metric and which combinations can be.

    The tables have one dimension for each axis of the scope, in rising order.
    """

    scope: tuple[int, ...]
    costs: "tuple[Array, ...]"
    valid: "Array"


class Sum(NamedTuple):
    """A network's costs: a constant for each metric, and factors that add to it."""

    constants: tuple[int, ...]
    factors: tuple[Factor, ...]


def summed(recording: Recording, axes: Sequence[Axis], masks: "Iterable[tuple[tuple[int, ...], Array]]" = ()) -> Sum:
    """Return a walk as a sum of tables; `masks` say over some axes which combinations are meant."""
    tables = Tables(recording.tape, axes)
    constants: list[int] = []
    costs: dict[tuple[int, ...], list[Any]] = {}
    for place, name in enumerate(METRICS):
        constant, terms = _terms(recording.tape, recording.costs[name])
        constants.append(constant)
        for slot, times in terms.items():
            table = costs.setdefault(tables.scopes[slot], [0] * len(METRICS))
            table[place] = _added(table[place], _times(tables.of(slot), times))
    found = [*masks, *(_factors_mask(tables, each) for each in recording.constraints if not is_proved(each))]
    return Sum(tuple(constants), tuple(_merged(costs, found, [len(each.values) for each in axes])))


class Tables:
    """The numbers of a tape, each over the axes it depends on and no others."""

    def __init__(self, tape: Tape, axes: Sequence[Axis]) -> None:
        self.tape = tape
        self.axes = axes
        self.scopes = _scopes(tape, [each.name for each in axes])
        self._known: dict[int, Array] = {}

    def of(self, slot: int) -> "Array":
        """Return a number for all combinations of its axes; int64 only where the bounds say it holds them."""
        waiting = [slot]
        while waiting:
            each = waiting[-1]
            operands = [other for other in self._operands(each) if other not in self._known]
            if operands:
                waiting += operands
            else:
                self._known.setdefault(each, self._computed(each))
                waiting.pop()
        return self._known[slot]

    def _operands(self, slot: int) -> tuple[int, ...]:
        name, left, right = self.tape.ops[slot]
        return () if name in {"variable", "constant"} else (left, right)

    def _computed(self, slot: int) -> "Array":
        np = numpy()
        name, left, right = self.tape.ops[slot]
        kind = np.int64 if fits(self.tape.bounds[each] for each in (slot, *self._operands(slot))) else object
        if name == "constant":
            return np.array(left, kind)  # type: ignore[no-any-return]
        if name == "variable":
            return np.array(self.axes[self.scopes[slot][0]].numerators, kind)  # type: ignore[no-any-return]
        self._check_size(slot)
        one, other = (self.laid(each, self.scopes[slot]).astype(kind) for each in (left, right))
        if name in {"floor_divide", "remainder"}:
            other = np.where(other == 0, np.array(1, kind), other)
        return abs(one) if name == "absolute" else np.asarray(getattr(np, name)(one, other), kind)

    def laid(self, slot: int, scope: tuple[int, ...]) -> "Array":
        """Return a number with a dimension for each axis of a scope, of size 1 where it does not depend on it."""
        return _laid(self._known[slot], self.scopes[slot], scope)

    def _check_size(self, slot: int) -> None:
        check_cells([self.axes[place] for place in self.scopes[slot]])


def check_cells(axes: Sequence[Axis]) -> None:
    """Refuse a table over too many combinations."""
    cells = 1
    for each in axes:
        cells *= len(each.values)
    if cells > MOST_CELLS:
        names = ", ".join(each.name for each in axes[:5]) + (" …" if len(axes) > 5 else "")  # noqa: PLR2004  (a line)
        raise UsageError(
            f"{names}: {cells} combinations of these decide on a cost together; {MOST_CELLS} are the most: "
            "give them fewer values, or draw from the grid with sweep --sample"
        )


def _laid(table: "Array", own: tuple[int, ...], scope: tuple[int, ...]) -> "Array":
    sizes = dict(zip(own, table.shape, strict=True))
    return table.reshape([sizes.get(axis, 1) for axis in scope])


def _scopes(tape: Tape, names: Sequence[str]) -> list[tuple[int, ...]]:
    """Return which axes each number of a tape depends on."""
    variables = {slot: names.index(name) for name, slot in tape.variables.items()}
    found: list[tuple[int, ...]] = []
    for slot, (name, left, right) in enumerate(tape.ops):
        if name in {"variable", "constant"}:
            found.append((variables[slot],) if name == "variable" else ())
        else:
            found.append(tuple(sorted({*found[left], *found[right]})))
    return found


def _terms(tape: Tape, values: Iterable[Number]) -> tuple[int, dict[int, int]]:
    """Split sums into what is added: a constant, and numbers of the tape with how often each."""
    constant, weights = 0, [0] * len(tape.ops)
    for value in values:
        if isinstance(value, Recorded):
            weights[value.slot] += 1
        else:
            constant += value
    terms: dict[int, int] = {}
    for slot in range(len(weights) - 1, -1, -1):
        times = weights[slot]
        parts = _addends(tape, slot) if times else ()
        for part, sign in parts:
            weights[part] += times * sign
        if tape.ops[slot].name == "constant":
            constant += times * tape.ops[slot].left
        elif times and not parts:
            terms[slot] = times
    return constant, terms


def _addends(tape: Tape, slot: int) -> tuple[tuple[int, int], ...]:
    """Return the earlier numbers a number is the sum of, with how often each; none where it is no sum."""
    name, left, right = tape.ops[slot]
    if name in {"add", "subtract"}:
        return (left, 1), (right, 1 if name == "add" else -1)
    for one, other in ((left, right), (right, left)) if name == "multiply" else ():
        if tape.ops[one].name == "constant":
            return ((other, tape.ops[one].left),)
    return ()


def _times(table: "Array", times: int) -> "Array":
    return table * times if largest(table) * abs(times) < SMALL else table.astype(object) * times


def largest(table: Any) -> int:
    """Return the largest size of a number in a table."""
    return max((abs(int(table.max())), abs(int(table.min())))) if table.size else 0


def _added(one: Any, other: "Array") -> "Array":
    if isinstance(one, int):
        return other
    small = largest(one) + largest(other) < SMALL
    return one + other if small else one.astype(object) + other  # type: ignore[no-any-return]


def _factors_mask(tables: Tables, constraint: Wanted) -> "tuple[tuple[int, ...], Array]":
    """Return for which combinations a need holds."""
    assert isinstance(constraint.value, Recorded)  # noqa: S101  (numbers that are known have been judged)
    values = tables.of(constraint.value.slot)
    return tables.scopes[constraint.value.slot], values >= 1 if constraint.relation == "positive" else values == 0


def _merged(
    costs: Mapping[tuple[int, ...], Sequence[Any]],
    masks: "Sequence[tuple[tuple[int, ...], Array]]",
    sizes: Sequence[int],
) -> Iterator[Factor]:
    """Put what depends on some axes of a table into that table; a mask counts in every table that has its axes."""
    scopes = sorted({*costs, *(scope for scope, _ in masks)}, key=len, reverse=True)
    kept: list[tuple[int, ...]] = []
    for scope in scopes:
        if not any({*scope} <= {*larger} for larger in kept):
            kept.append(scope)
    homes = {scope: next(larger for larger in kept if {*scope} <= {*larger}) for scope in scopes}
    for scope in kept:
        yield _factor(scope, [sizes[axis] for axis in scope], costs, masks, homes)


def _factor(
    scope: tuple[int, ...],
    shape: Sequence[int],
    costs: Mapping[tuple[int, ...], Sequence[Any]],
    masks: "Sequence[tuple[tuple[int, ...], Array]]",
    homes: Mapping[tuple[int, ...], tuple[int, ...]],
) -> Factor:
    np = numpy()
    valid = np.ones(shape, bool)
    for own, mask in masks:
        if {*own} <= {*scope}:
            valid &= _laid(mask.astype(bool), own, scope)
    totals: list[Any] = [np.zeros(shape, np.int64) for _ in METRICS]
    for own, tables in costs.items():
        for place, table in enumerate(tables):
            if homes[own] == scope and not isinstance(table, int):
                totals[place] = _added(totals[place], _laid(table, own, scope))
    return Factor(scope, tuple(totals), valid)
