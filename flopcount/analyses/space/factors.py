"""What a network costs as a sum of small tables, each over the few axes one layer depends on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.evaluate import operations
from flopcount.analyses.sweep.record import Recording
from flopcount.errors import UsageError
from flopcount.formulas.numbers import SMALL, Dim, Expr, bounds_of, needed

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
    constants, terms = zip(*(_terms(recording.costs[name]) for name in METRICS), strict=True)
    checks = [each for each in recording.checks if not each.is_proved]
    tables = _tables(axes, [*(term for each in terms for term in each), *(each.value for each in checks)])
    costs: dict[tuple[int, ...], list[Any]] = {}
    for place, each in enumerate(terms):
        for term, times in each.items():
            scope, table = tables[term]
            row = costs.setdefault(scope, [0] * len(METRICS))
            row[place] = _added(row[place], _times(table, times))
    found = [*masks, *((tables[each.value][0], each.holds(tables[each.value][1])) for each in checks)]
    return Sum(tuple(constants), tuple(_merged(costs, found, [len(each.values) for each in axes])))


DIVISIONS = frozenset({"floor_divide", "ceil_divide", "exact_divide", "remainder"})
"""The operations that fail on a divisor of 0."""


def _tables(axes: Sequence[Axis], numbers: Iterable[Dim]) -> "dict[Dim, tuple[tuple[int, ...], Array]]":
    """Return expressions, each over the axes it depends on and no others, for all combinations of their values."""
    np = numpy()
    places = {each.name: place for place, each in enumerate(axes)}
    found: dict[Dim, tuple[tuple[int, ...], Array]] = {}
    for node in needed(numbers):
        is_small = all(abs(end) < SMALL for each in (node, *node.operands) for end in bounds_of(each))
        kind: Any = np.int64 if is_small else object
        if node.op == "variable":
            place = places[node.args[0]]
            found[node] = (place,), np.array(axes[place].numerators, kind)
            continue
        scope = tuple(sorted({axis for each in node.operands for axis in found[each][0]}))
        check_cells([axes[place] for place in scope])
        args = [
            _laid(*found[each], scope).astype(kind) if isinstance(each, Expr) else _scalar(each, kind)
            for each in node.args
        ]
        if "divide" in node.op or node.op == "remainder":
            args[1] = np.where(args[1] == 0, 1, args[1]) if isinstance(node.args[1], Expr) else args[1]
        found[node] = scope, np.asarray(operations(np)[node.op](*args), kind)
    return found


def _scalar(value: int, kind: Any) -> Any:
    return value if kind is object else kind(value)


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


def _laid(own: tuple[int, ...], table: "Array", scope: tuple[int, ...]) -> "Array":
    """Give a table a dimension for each axis of a scope, of size 1 where it does not depend on it."""
    sizes = dict(zip(own, table.shape, strict=True))
    return table.reshape([sizes.get(axis, 1) for axis in scope])


def _terms(values: Iterable[Dim]) -> tuple[int, dict[Expr, int]]:
    """Split sums into what is added: a constant, and expressions with how often each."""
    constant, weights = 0, dict[Expr, int]()

    def add(number: Dim, times: int) -> None:
        nonlocal constant
        if isinstance(number, int):
            constant += number * times
        else:
            weights[number] = weights.get(number, 0) + times

    for value in values:
        add(value, 1)
    for node in reversed(needed(weights)):
        parts = _addends(node) if node in weights else ()
        times = weights.pop(node) if parts else 0
        for part, sign in parts:
            add(part, times * sign)
    return constant, {node: times for node, times in weights.items() if times}


def _addends(node: Expr) -> tuple[tuple[Dim, int], ...]:
    """Return the numbers an expression is the sum of, with how often each; none if it is no sum."""
    left, right = node.args[0], node.args[-1]
    if node.op in {"add", "subtract"}:
        return (left, 1), (right, 1 if node.op == "add" else -1)
    return ((left, right),) if node.op == "multiply" and isinstance(right, int) else ()


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
            valid &= _laid(own, mask.astype(bool), scope)
    totals: list[Any] = [np.zeros(shape, np.int64) for _ in METRICS]
    for own, tables in costs.items():
        for place, table in enumerate(tables):
            if homes[own] == scope and not isinstance(table, int):
                totals[place] = _added(totals[place], _laid(own, table, scope))
    return Factor(scope, tuple(totals), valid)
