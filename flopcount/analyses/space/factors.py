"""What a network costs as a sum of small tables, each over the few axes one layer depends on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from math import prod
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.evaluate import operations
from flopcount.analyses.sweep.record import Recording
from flopcount.errors import UsageError
from flopcount.formulas.numbers import Dim, Expr, compiled, needed, total

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
    masks = [sum(1 << axis for axis in scope) for scope in scopes]
    natural = sorted(sizes)
    orders = [natural, natural[::-1]]
    if min(_work(order, masks, sizes) for order in orders) > EASY:
        orders += [_greedy(first, masks, sizes) for first in natural[:MOST_STARTS]]
    best = min(orders, key=lambda order: _work(order, masks, sizes))
    return tuple(_turns(best, masks))


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
    return seen & reduce(or_, (mask for mask in masks if mask & ~seen), 0)


def _work(order: Sequence[int], masks: Sequence[int], sizes: Mapping[int, int]) -> int:
    return sum(prod(sizes[each] for each in turn.cells) for turn in _turns(order, masks))


def _greedy(first: int, masks: Sequence[int], sizes: Mapping[int, int]) -> list[int]:
    """Take next the axis that leaves the fewest combinations to remember."""
    order, rest = [first], {*sizes} - {first}
    while rest:
        seen = sum(1 << axis for axis in order)
        left = {axis: _frontier(seen | 1 << axis, masks) for axis in rest}
        order.append(min(rest, key=lambda axis: (_combinations(left[axis], sizes), axis)))
        rest.remove(order[-1])
    return order


def _combinations(frontier: int, sizes: Mapping[int, int]) -> int:
    return prod(size for axis, size in sizes.items() if frontier >> axis & 1)


METRICS = ("macs", "params")
"""What a space is asked for; costs are in this order."""

MOST_CELLS = 4_000_000
"""A table over more combinations of values is refused."""


Mask = tuple[tuple[int, ...], "Array"]
"""Over some axes, which combinations are meant."""


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


def summed(recording: Recording, axes: Sequence[Axis], masks: Sequence[Mask] = ()) -> Sum:
    """Return a walk as a sum of tables; `masks` say over some axes which combinations are meant."""
    checks = [each for each in recording.checks if not each.is_proved]
    totals = [total(recording.costs[name]) for name in METRICS]
    kind = numpy().int64 if compiled([*totals, *(each.value for each in checks)]).is_small else object
    constants, terms = zip(*(_terms(recording.costs[name]) for name in METRICS), strict=True)
    tables = _tables(axes, [*(term for each in terms for term in each), *(each.value for each in checks)], kind)
    costs = [(*tables[term], place, times) for place, each in enumerate(terms) for term, times in each.items()]
    found = [*masks, *((tables[each.value][0], each.holds(tables[each.value][1])) for each in checks)]
    sizes = [len(each.values) for each in axes]
    scopes = _kept(costs, found)
    homes = [next(scope for scope in scopes if {*each[0]} <= {*scope}) for each in costs]
    factors = []
    for scope in scopes:
        own = [each for each, home in zip(costs, homes, strict=True) if home == scope]
        factors.append(_factor(scope, [sizes[axis] for axis in scope], kind, own, found))
    return Sum(constants, tuple(factors))


DIVISIONS = frozenset({"floor_divide", "ceil_divide", "exact_divide", "remainder"})
"""The operations that fail on a divisor of 0."""


def _tables(axes: Sequence[Axis], numbers: Iterable[Dim], kind: Any) -> "dict[Dim, tuple[tuple[int, ...], Array]]":
    """Return expressions, each over the axes it depends on and no others, for all combinations of their values."""
    np = numpy()
    places = {each.name: place for place, each in enumerate(axes)}
    found: dict[Dim, tuple[tuple[int, ...], Array]] = {}
    for node in needed(numbers):
        if node.op == "variable":
            place = places[node.args[0]]
            found[node] = (place,), np.array(axes[place].numerators, kind)
            continue
        scope = tuple(sorted({axis for each in node.operands for axis in found[each][0]}))
        check_cells([axes[place] for place in scope])
        args = [
            _laid(*found[each], scope) if isinstance(each, Expr) else np.array(each, kind)[()] for each in node.args
        ]
        if node.op in DIVISIONS and isinstance(node.args[1], Expr):
            args[1] = np.where(args[1] == 0, 1, args[1])
        found[node] = scope, np.asarray(operations(np)[node.op](*args), kind)
    return found


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


def _kept(costs: Sequence[Any], masks: Sequence[Mask]) -> list[tuple[int, ...]]:
    """Return the scopes of tables and masks that are not within another."""
    kept: list[tuple[int, ...]] = []
    for scope in sorted({each[0] for each in (*costs, *masks)}, key=len, reverse=True):
        if not any({*scope} <= {*larger} for larger in kept):
            kept.append(scope)
    return kept


def _factor(
    scope: tuple[int, ...], shape: Sequence[int], kind: Any, costs: Sequence[Any], masks: Sequence[Mask]
) -> Factor:
    """Put what depends on some axes of a scope into its table; a mask counts in every table that has its axes."""
    np = numpy()
    valid = np.ones(shape, bool)
    for own, mask in masks:
        if {*own} <= {*scope}:
            valid &= _laid(own, mask.astype(bool), scope)
    totals = tuple(np.zeros(shape, kind) for _ in METRICS)
    for own, table, place, times in costs:
        totals[place][...] += _laid(own, table, scope) * times
    return Factor(scope, totals, valid)
