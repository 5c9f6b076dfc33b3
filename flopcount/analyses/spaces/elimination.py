"""In which order the axes of a space are taken, so that few of them have to be remembered at a time."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

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
    masks = [_mask(scope) for scope in scopes]
    natural = sorted(sizes)
    orders = [natural, natural[::-1]]
    if min(_work(order, masks, sizes) for order in orders) > EASY:
        orders += [_greedy(first, masks, sizes) for first in natural[:MOST_STARTS]]
    best = min(orders, key=lambda order: _work(order, masks, sizes))
    return tuple(_turns(best, masks))


def _mask(scope: Sequence[int]) -> int:
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
