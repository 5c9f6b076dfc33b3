"""The arena of TensorFlow Lite Micro: where its greedy planner puts what is alive while a network runs."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain
from typing import NamedTuple

from flopcount.formulas.bits import Bits
from flopcount.formulas.numbers import exact
from flopcount.formulas.step import Step
from flopcount.network.memory import CLAMPS, Lifetimes, Style, Tensor, tensors_of
from flopcount.network.schedule import Schedule
from flopcount.network.trace import Trace
from flopcount.spec.kinds import row_of

ALIGNMENT = 16
"""Each buffer takes a multiple of so many bytes."""

AVERAGED = frozenset(("GlobalAvgPool", "MeanTokens"))
"""Kinds that a converter writes as MEAN, whose kernel for integers has a scratch buffer of sums of 32 bits."""

AFTER = frozenset(("norm", "activation"))
"""The names of the parts that come after a convolution."""

NARROW = frozenset((8, 16))
"""The bits of activations for which that kernel has a scratch buffer."""


class Slot(NamedTuple):
    """A buffer in the arena: its bytes, the first and the last step at which it is in use, and where it starts.

    A file may say the `place`; it is below 0 if the planner finds one.
    """

    name: str
    path: str
    size: int
    first: int
    last: int
    offset: int = 0
    place: int = -1

    @property
    def end(self) -> int:
        """Where the next byte is."""
        return self.offset + self.size


def arena(traced: Trace, bits: Mapping[str, Bits], *, own: bool = True) -> tuple[Slot, ...]:
    """Return the slots of a network, in the order in which the planner is given them.

    `own` tells that the tensors of a file have their own bits, not those of a precision that is asked for.
    """
    found = [each for each in _slots(traced, bits, own=own) if each.size > 0]
    offsets = placed(found)
    return tuple(each._replace(offset=offset) for each, offset in zip(found, offsets, strict=True))


def head(slots: Sequence[Slot]) -> int:
    """Return the bytes of the head of the arena."""
    return max((each.end for each in slots), default=0)


def schedule_of(traced: Trace) -> Schedule | None:
    """Return the operators that a file has, if all of its layers are still there."""
    found = traced.plan.schedule() if traced.plan.schedule else None
    known = {*traced.inputs, *traced.steps, ""}
    return found if found and all(each.path in known for each in found.buffers) else None


def _slots(traced: Trace, bits: Mapping[str, Bits], *, own: bool) -> Iterator[Slot]:
    if (schedule := schedule_of(traced)) is None:
        yield from _converted(traced, bits)
        return
    shapes = traced.shapes
    for each in schedule.buffers:
        elements = exact(shapes[each.path].elements) if each.path else each.elements
        width = each.bits if own or not each.path else bits[each.path].activations
        slot = _slot(each.name, Tensor(elements, width), each.first, each.last, each.path)
        yield slot._replace(place=each.place)


def _slot(name: str, tensor: Tensor, first: int, last: int, path: str | None = None) -> Slot:
    return Slot(name, name if path is None else path, -(-exact(tensor.size) // ALIGNMENT) * ALIGNMENT, first, last)


def _converted(traced: Trace, bits: Mapping[str, Bits]) -> Iterator[Slot]:
    """Yield the tensors that a converter would write, in the order of its operators, then the scratch buffers.

    A composition is one operator after the other; one whose parts are no chain is a single operator.
    """
    inside = [_stages(step) for step in traced.steps.values()]
    starts = [0, *accumulate(max(len(each), 1) for each in inside)]
    tensors, scratch = list[Slot](), list[Slot]()
    for life in Lifetimes(traced, tensors_of(traced, bits), Style(converted=True)).lives:
        first, last = starts[life.first + 1], starts[life.last] + 1
        tensors.append(_slot(life.name, life.tensor, first, min(last, starts[-1])))
    for number, (node, step) in enumerate(traced.items()):
        width, start = bits[node.path].activations, starts[number] + 1
        for at, stage in enumerate(inside[number][:-1], start):
            tensors.append(_slot(node.path, Tensor(stage.shape.elements, width), at, at + 1))
        if node.kind in AVERAGED and width in NARROW:
            scratch.append(_slot(f"{node.path} scratch", Tensor(step.shape.elements, 32), start, start))
    yield from sorted(tensors, key=lambda slot: slot.first)
    yield from scratch


def _stages(step: Step) -> list[Step]:
    """Return the operators of a layer: its leaves if they are a chain, norms and a few activations within others."""
    parts = leaves_of(step) if len(step.parts) > 1 and is_series(step) else ()
    return [leaf for name, leaf in parts if name not in AFTER or not _is_within(name, leaf)]


def _is_within(name: str, leaf: Step) -> bool:
    """Tell whether what comes after a convolution is within its operator."""
    return name == "norm" or not CLAMPS.isdisjoint(leaf.tally.counts)


def leaves_of(step: Step, name: str = "") -> Iterator[tuple[str, Step]]:
    """Yield the steps that are not compositions, each with the name of its part."""
    if not step.parts:
        yield name, step
    for part in step.parts:
        yield from leaves_of(part.step, part.name)


def is_series(step: Step) -> bool:
    """Tell whether the parts of a layer, if it has any, are a chain: each reads the one before alone."""
    own = [part for part in step.parts if part.name not in AFTER]
    return row_of(step).parts == "series" or len(own) < 2  # noqa: PLR2004  (one operator)


def placed(slots: Sequence[Slot]) -> list[int]:
    """Return where each slot starts: the largest first, each in the first gap among those in use at the same time.

    Those that have a place come before all; of equal sizes, the later goes first.
    """
    shelf = _Shelf(max((each.last for each in slots), default=0) + 1)
    offsets = [0] * len(slots)
    for at in sorted(range(len(slots)), key=lambda at: (slots[at].place < 0, -slots[at].size, -at)):
        slot = slots[at]
        offsets[at] = slot.place if slot.place >= 0 else shelf.gap(slot)
        shelf.put(offsets[at], slot)
    return offsets


Taken = tuple[int, int, int, int]
"""The first byte and the byte after the last, the first step and the last."""


class _Row:
    """Slots side by side."""

    def __init__(self, slots: list[Taken]) -> None:
        self.slots = slots

    @cached_property
    def summary(self) -> tuple[int, int, int, int, int, int]:
        """What all of them together say: if none of them is in use, or all are, it is enough.

        The byte after the last, the largest gap between them if all are in use, the least and the largest of their
        first steps, and of their last ones.
        """
        gap, end = 0, self.slots[0][0]
        for start, stop, _, _ in self.slots:
            gap, end = max(gap, start - end), max(end, stop)
        firsts, lasts = [each[2] for each in self.slots], [each[3] for each in self.slots]
        return end, gap, min(firsts), max(firsts), min(lasts), max(lasts)


LONGEST = 100
"""A row of more slots becomes two."""

FEW = 8
"""Where one slot of so many is in use, or fewer, those are looked up."""


class _Shelf:
    """The slots that have a place.

    If few are in use at the same time, they are looked up in trees of the steps: those that begin within, at all nodes
    above their first step, and those that began before, at the few nodes that make up their time. Else row after row is
    looked at.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.many = steps, 0
        self.rows: list[_Row] = []
        self.starts: list[Taken] = []
        self.begun: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.lasting: dict[int, list[tuple[int, int]]] = defaultdict(list)

    def put(self, offset: int, slot: Slot) -> None:
        """Put a slot in its place."""
        ends = offset, offset + slot.size
        self._insert((*ends, slot.first, slot.last))
        self.many += 1
        for node in _above(slot.first + self.steps):
            self.begun[node].append(ends)
        for node in _nodes(slot.first + self.steps, slot.last + 1 + self.steps):
            self.lasting[node].append(ends)

    def _insert(self, taken: Taken) -> None:
        place = max(bisect_right(self.starts, taken) - 1, 0)
        slots = self.rows[place].slots if self.rows else []
        insort(slots, taken)
        half = len(slots) // 2
        parts = [slots[:half], slots[half:]] if len(slots) > LONGEST else [slots]
        self.rows[place : place + 1] = map(_Row, parts)
        self.starts[place : place + 1] = [part[0] for part in parts]

    def gap(self, slot: Slot) -> int:
        """Return the start of the first gap for a slot among those in use at the same time."""
        first, last = slot.first + self.steps, slot.last + 1 + self.steps
        found = [self.lasting[node] for node in _above(first) if node in self.lasting]
        found += (self.begun[node] for node in _nodes(first + 1, last) if node in self.begun)
        if sum(map(len, found)) * FEW > self.many:
            return self._gap_in_rows(slot)
        end = 0
        for start, stop in sorted(chain.from_iterable(found)):
            if start - end >= slot.size:
                break
            end = max(end, stop)
        return end

    def _gap_in_rows(self, slot: Slot) -> int:
        end, (_, _, size, begins, ends, *_) = 0, slot
        for row in self.rows:
            row_end, row_gap, *firsts, earliest, latest = row.summary
            if firsts[0] > ends or latest < begins:
                continue
            if firsts[1] <= ends and earliest >= begins and row_gap < size and row.slots[0][0] - end < size:
                end = max(end, row_end)
                continue
            for start, stop, first, last in row.slots:
                if first <= ends and last >= begins:
                    if start - end >= size:
                        return end
                    end = max(end, stop)
        return end


def _nodes(left: int, right: int) -> Iterator[int]:
    """Yield the nodes of a tree of steps that cover the leaves from `left` to before `right`."""
    while left < right:
        if left & 1:
            yield left
            left += 1
        if right & 1:
            right -= 1
            yield right
        left >>= 1
        right >>= 1


def _above(leaf: int) -> Iterator[int]:
    """Yield a leaf of the tree, and the nodes above it."""
    while leaf:
        yield leaf
        leaf >>= 1
