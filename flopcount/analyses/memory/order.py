"""An order of the layers with the least possible peak of memory.

The steps are a graph, and the orders the ways through its downward-closed sets. Steps that come after all before them
and before all after them cut it into parts, each of which is solved by itself. A search takes the sets with the
lowest peak so far first, so the first that holds all steps is the best: proven, unless it has to stop.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate, count, pairwise
from typing import NamedTuple

MOST_STATES, MOST_BITS = 60_000, 10**7
"""A search stops after so many sets, and after fewer if they are sets of many steps."""

WIDEST = 1500
"""Steps of a part of which bounds follow from what is alive around each of them."""

KEPT = 5_000
"""A search that stopped looks for an order that is good: with so many sets in all, the best of each size."""


class Move(NamedTuple):
    """A step: what it writes, the steps that it comes after, and the tensors that it reads.

    A tensor has the number of the step that writes it, or a negative one if it is there at the start.
    """

    size: int
    after: tuple[int, ...]
    reads: tuple[int, ...]


class Game(NamedTuple):
    """The steps in an order that is possible; the sizes of what is there at the start, by number from -1 down.

    `kept` are the tensors that stay to the end.
    """

    moves: Sequence[Move]
    start: Sequence[int] = ()
    kept: frozenset[int] = frozenset()


class Ordered(NamedTuple):
    """An order, its peak, and what no order is below."""

    order: tuple[int, ...]
    peak: int
    bound: int

    @property
    def is_proven(self) -> bool:
        """Whether no order has a lower peak."""
        return self.peak <= self.bound


def ordered(game: Game) -> Ordered:
    """Return the order with the least peak, or the best that was found."""
    parts = [*_parts(game)]
    found = {at: part.given for at, part in enumerate(parts)}
    bounds = [part.bound for part in parts]
    floor, left = max(bounds, default=0), MOST_STATES
    for at in sorted(found, key=lambda at: -found[at].peak):
        part = parts[at]
        if found[at].peak > floor and isinstance(part, _Stretch):
            search = _Search(part, floor, left)
            found[at], bound = search.run()
            left -= search.spent
            floor, bounds[at] = max(floor, found[at].peak), max(bounds[at], bound)
    order = tuple(move for at in range(len(parts)) for move in found[at].order)
    return Ordered(order, max((each.peak for each in found.values()), default=0), max(bounds, default=0))


class _Given(NamedTuple):
    """An order of a part, and its peak."""

    order: tuple[int, ...]
    peak: int


class _Single:
    """A part of one step."""

    def __init__(self, at: int, peak: int) -> None:
        self.given, self.bound = _Given((at,), peak), peak


class _Stretch:
    """Some steps between two cuts, numbered from 0 as bits; `there` is what is alive before them."""

    def __init__(self, game: Game, first: int, last: int, readers: Sequence[int], there: int) -> None:
        """Keep the steps from `first` to `last`; `readers` are the last steps that read each tensor."""
        self.first, self.many, self.there = first, last + 1 - first, there
        moves = game.moves[first : last + 1]
        self.sizes = [move.size for move in moves]
        self.after = [_bits(each - first for each in move.after if each >= first) for move in moves]
        self.next: list[list[int]] = [[] for _ in moves]
        self.reads: list[list[int]] = [[] for _ in moves]
        self.all_reads = [[*{*move.reads}] for move in moves]
        self.users: dict[int, int] = {}
        for at, move in enumerate(moves):
            for each in {*move.after}:
                if each >= first:
                    self.next[each - first].append(at)
            for tensor in {*move.reads}:
                self.users[tensor] = self.users.get(tensor, 0) | 1 << at
        start = len(game.start)
        self.weight = {tensor: _size(game, tensor) for tensor in self.users}
        self.gone = {tensor for tensor in self.users if readers[tensor + start] <= last and tensor not in game.kept}
        for at, move in enumerate(moves):
            for tensor in {*move.reads} & self.gone:
                self.reads[at].append(tensor)

    @cached_property
    def runs(self) -> list[tuple[int, ...]]:
        """The steps that may as well run with each, one right after the other.

        A step that only the next reads, and that writes no less than it may free, can wait until just before it: what
        runs in between then has no less room. While it runs, no more is alive than while the next does.
        """
        found: list[tuple[int, ...]] = [(at,) for at in range(self.many)]
        for at in reversed(range(self.many)):
            if self._waits(at):
                following = self.next[at][0]
                found[at] = (at, *found[following])
        return [self._cut(run) for run in found]

    def _waits(self, at: int) -> bool:
        """Tell whether only the next step reads what one writes, and that reads nothing else."""
        following = self.next[at]
        is_alone = len(following) == 1 and self.after[following[0]] == 1 << at
        own = at + self.first
        return is_alone and own in self.gone and self.reads[following[0]] == [own] == self.all_reads[following[0]]

    def _cut(self, run: tuple[int, ...]) -> tuple[int, ...]:
        """Return the first steps of a run that can wait for the next of it, and that."""
        freed = sum(self.weight[tensor] for tensor in self.all_reads[run[0]])
        high = freed + self.sizes[run[0]]
        for place, (one, other) in enumerate(pairwise(run)):
            high = max(high, self.sizes[one] + self.sizes[run[place - 1]] if place else high)
            if self.sizes[one] < freed or high > self.sizes[one] + self.sizes[other]:
                return run[: place + 1]
        return run

    @property
    def given(self) -> _Given:
        """The order of the file."""
        return self.played(range(self.many))

    def played(self, order: Sequence[int]) -> _Given:
        """Return an order with its peak."""
        alive, peak, done = self.there, self.there, 0
        for at in order:
            peak = max(peak, alive + self.sizes[at])
            done |= 1 << at
            alive += self.sizes[at] - self.freed(at, done)
        return _Given(tuple(at + self.first for at in order), peak)

    def freed(self, at: int, done: int) -> int:
        """Return the bytes that a step frees: of what nobody else will read."""
        return sum(self.weight[tensor] for tensor in self.reads[at] if not self.users[tensor] & ~done)

    @property
    def bound(self) -> int:
        """What no order is below: at each step, what it reads and writes, and what crosses it in any order."""
        if self.many > WIDEST:
            return max(size + sum(self.weight[t] for t in self.reads[at]) for at, size in enumerate(self.sizes))
        before, behind = self._before(), [0] * self.many
        for at, mask in enumerate(before):
            for each in _ones(mask):
                behind[each] |= 1 << at
        return max(map(self._least, range(self.many), before, behind), default=0)

    def _before(self) -> list[int]:
        found = list[int]()
        for mask in self.after:
            for each in _ones(mask):
                mask |= found[each]  # noqa: PLW2901  (a set that grows)
            found.append(mask)
        return found

    def _least(self, at: int, before: int, behind: int) -> int:
        """Return what is alive at a step in any order: what is there before it, and read by it or after it.

        All that is there at the start is taken off if its readers may be done.
        """
        later = behind | 1 << at
        least = self.there + self.sizes[at]
        for tensor in self.gone:
            is_inside = tensor >= self.first
            is_needed = bool(self.users[tensor] & later)
            if is_inside and is_needed and before >> (tensor - self.first) & 1:
                least += self.weight[tensor]
            elif not is_inside and not is_needed:
                least -= self.weight[tensor]
        return least + self._staying(before)

    def _staying(self, before: int) -> int:
        """Return the bytes of what the steps before write that is still there at the end of the part."""
        gone = _bits(tensor - self.first for tensor in self.gone if tensor >= self.first)
        return sum(self.sizes[each] for each in _ones(before & ~gone))


def _size(game: Game, tensor: int) -> int:
    return game.moves[tensor].size if tensor >= 0 else game.start[-tensor - 1]


def _bits(numbers: Iterator[int]) -> int:
    found = 0
    for each in numbers:
        found |= 1 << each
    return found


def _ones(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _parts(game: Game) -> Iterator[_Stretch | _Single]:
    """Yield the parts between steps that come after all before them and before all after them."""
    moves, start = game.moves, len(game.start)
    readers = [-1] * (start + len(moves))
    for at, move in enumerate(moves):
        for tensor in move.reads:
            readers[tensor + start] = at
    for tensor in range(-start, len(moves)):
        if tensor in game.kept:
            readers[tensor + start] = len(moves)
    change = [0] * (len(moves) + 2)
    for tensor in range(-start, len(moves)):
        if readers[tensor + start] > tensor:
            change[max(tensor + 1, 0)] += _size(game, tensor)
            change[readers[tensor + start] + 1] -= _size(game, tensor)
    alive, first = [*accumulate(change)], 0
    for last in _cuts(moves):
        is_single = last == first
        peak = alive[first] + moves[first].size
        yield _Single(first, peak) if is_single else _Stretch(game, first, last, readers, alive[first])
        first = last + 1


def _cuts(moves: Sequence[Move]) -> Iterator[int]:
    """Yield the steps at which parts end: the only one so far that none reads, before any that does not follow it."""
    latest = [max(move.after, default=-1) for move in moves]
    following = [*accumulate(reversed(latest), min)][::-1]
    ends: set[int] = set()
    for at, move in enumerate(moves):
        ends.difference_update(move.after)
        ends.add(at)
        is_last = at == len(moves) - 1
        if is_last or (len(ends) == 1 and following[at + 1] >= at):
            yield at


class _State(NamedTuple):
    """A set of steps that are done: what is alive after them, and which can come next."""

    done: int
    alive: int
    ready: int


class _Search:
    """The search for the best order of one part; a peak of `floor` is as good as a lower one."""

    def __init__(self, part: _Stretch, floor: int, left: int) -> None:
        self.part, self.floor = part, floor
        self.left = min(left, MOST_BITS // max(part.many, 1))
        self.spent = 0
        self.came: dict[int, tuple[int, tuple[int, ...]]] = {}

    def run(self) -> tuple[_Given, int]:
        """Return the best order, and what no order of this part is below as far as is known."""
        part, numbers = self.part, count()
        best, all_done = part.given, (1 << part.many) - 1
        ready = _bits(at for at in range(part.many) if not part.after[at])
        heap = [(self.floor, 0, 0, _State(0, part.there, ready))]
        known = {0: self.floor}
        while heap:
            peak, _, _, state = heappop(heap)
            if state.done == all_done:
                return part.played(self._order(state.done)), peak if peak > self.floor else 0
            if known[state.done] < peak:
                continue
            if self.spent > self.left:
                better = min(best, self._good(state, peak), key=lambda each: each.peak)
                return better, peak if peak > self.floor else 0
            self.spent += 1
            for high, path, new in self._moves(state, peak):
                if high < best.peak and high < known.get(new.done, high + 1):
                    known[new.done] = high
                    self.came[new.done] = state.done, path
                    heappush(heap, (high, -new.done.bit_count(), next(numbers), new))
        return best, best.peak

    def _order(self, done: int) -> list[int]:
        order: list[int] = []
        while done:
            done, path = self.came[done]
            order[:0] = path
        return order

    def _moves(self, state: _State, peak: int) -> list[tuple[int, tuple[int, ...], _State]]:
        """Return what may come next, with the peak: one move alone if it is as good as any other.

        That is a chain of steps that stays within the peak and ends with no more alive than before.
        """
        found = []
        for at in _ones(state.ready):
            high, path, new = self._chain(state, at, peak)
            if high <= peak and new.alive <= state.alive:
                return [(high, path, new)]
            found.append(self._run(state, self.part.runs[at], peak))
        return found

    def _run(self, state: _State, run: Sequence[int], peak: int) -> tuple[int, tuple[int, ...], _State]:
        for at in run:
            peak = max(peak, state.alive + self.part.sizes[at])
            state = self._step(state, at)
        return peak, (*run,), state

    def _chain(self, state: _State, at: int, peak: int) -> tuple[int, tuple[int, ...], _State]:
        """Follow the steps that each make the next one possible, until no more is alive than before."""
        path, new, high = [at], self._step(state, at), state.alive + self.part.sizes[at]
        while high <= peak and new.alive > state.alive:
            following = [each for each in self.part.next[path[-1]] if new.ready >> each & 1]
            if len(following) != 1:
                break
            high = max(high, new.alive + self.part.sizes[following[0]])
            new = self._step(new, following[0])
            path.append(following[0])
        return max(peak, high), tuple(path), new

    def _step(self, state: _State, at: int) -> _State:
        part = self.part
        done = state.done | 1 << at
        ready = state.ready ^ 1 << at
        for each in part.next[at]:
            if not part.after[each] & ~done:
                ready |= 1 << each
        return _State(done, state.alive + part.sizes[at] - part.freed(at, done), ready)

    def _good(self, state: _State, peak: int) -> _Given:
        """Return a good order from a state on: of the sets of each size only the best are kept."""
        wide = max(KEPT // self.part.many, 1)
        beam: list[tuple[int, _State, tuple[int, ...]]] = [(peak, state, tuple(self._order(state.done)))]
        while True:
            following: dict[int, tuple[int, _State, tuple[int, ...]]] = {}
            for high, one, order in beam:
                for top, path, new in self._moves(one, high) if one.ready else ():
                    if new.done not in following or top < following[new.done][0]:
                        following[new.done] = top, new, (*order, *path)
            if not following:
                return self.part.played(beam[0][2])
            beam = sorted(following.values(), key=lambda each: (each[0], each[1].alive))[:wide]
