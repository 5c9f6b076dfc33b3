"""Orders with the least peak: the search gives what trying every order gives, and says what it could not prove."""

import json
import random
import time
from functools import cache

import pytest
from conftest import Run

from flopcount.analyses.memory import order
from flopcount.analyses.memory.order import Game, Move, ordered


def game(sizes: list[int], reads: list[tuple[int, ...]], start: int = 5) -> Game:
    moves = [Move(size, tuple(x for x in each if x >= 0), each) for size, each in zip(sizes, reads, strict=True)]
    read = {tensor for each in reads for tensor in each}
    return Game(moves, [start], frozenset(at for at in range(len(moves)) if at not in read))


def least(tried: Game) -> int:
    """Return the least peak of all orders, by sets of steps that are done."""
    moves = tried.moves
    users = {tensor: [at for at, move in enumerate(moves) if tensor in move.reads] for tensor in range(-1, len(moves))}

    def is_alive(tensor: int, done: frozenset[int]) -> bool:
        return tensor in tried.kept or any(user not in done for user in users[tensor])

    def alive(done: frozenset[int]) -> int:
        found = sum(moves[tensor].size for tensor in done if is_alive(tensor, done))
        return found + (tried.start[0] if is_alive(-1, done) else 0)

    @cache
    def rest(done: frozenset[int]) -> int:
        ready = [at for at, move in enumerate(moves) if at not in done and done.issuperset(move.after)]
        return min((max(alive(done) + moves[at].size, rest(done | {at})) for at in ready), default=0)

    return rest(frozenset())


def played(tried: Game, steps: tuple[int, ...]) -> int:
    """Return the peak of one order."""
    peak, last = 0, {tensor: at for at, step in enumerate(steps) for tensor in tried.moves[step].reads}
    there = {-1: tried.start[0]}
    for at, step in enumerate(steps):
        there[step] = tried.moves[step].size
        peak = max(peak, sum(there.values()))
        there = {key: size for key, size in there.items() if key in tried.kept or last.get(key, -1) > at}
    return peak


@pytest.mark.parametrize("seed", range(60))
def test_no_order_has_a_lower_peak(seed: int) -> None:
    stream = random.Random(seed)  # noqa: S311  (a test)
    for _ in range(8):
        many = stream.randrange(2, 10)
        reads = [tuple({stream.randrange(max(-1, at - 4), at) for _ in range(2)}) for at in range(many)]
        tried = game([stream.choice((0, 1, 4, 4, 8)) for _ in range(many)], reads)
        found = ordered(tried)
        assert found.is_proven
        assert found.peak == found.bound == least(tried) == played(tried, found.order)


def test_a_search_that_has_to_stop_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it found is no worse than the order of the file, and its bound is below what is possible."""
    stream = random.Random(7)  # noqa: S311  (a test)
    reads = [tuple({stream.randrange(max(-1, at - 6), at) for _ in range(3)}) for at in range(40)]
    tried = game([stream.choice((1, 2, 4, 8)) for _ in range(40)], reads)
    best = ordered(tried)
    assert best.is_proven
    monkeypatch.setattr(order, "MOST_STATES", 5)
    found = ordered(tried)
    assert found.bound <= best.peak <= found.peak <= played(tried, tuple(range(40)))


@pytest.mark.parametrize("network", ["googlenet", "densenet121", "inception_v3", "unet"])
def test_networks_of_the_zoo_are_proven(network: str, run: Run) -> None:
    start = time.perf_counter()
    found = json.loads(run("memory", network, "--reorder", "--format", "json").out)
    assert found["reorder"]["proven"], found["reorder"]
    assert found["totals"]["peak"] == found["reorder"]["peak"] == found["reorder"]["lower_bound"]
    assert time.perf_counter() - start < 30  # ten seconds on an idle machine; this takes less than one


def test_cells_of_nasnet_are_proven() -> None:
    """Three cells read the two before them, so no step is between all others; separable convolutions are chains."""
    sizes, reads = list[int](), list[tuple[int, ...]]()

    def add(size: int, *read: int) -> int:
        sizes.append(size)
        reads.append(read)
        return len(sizes) - 1

    def chain(at: int) -> int:
        for _ in range(4):
            at = add(4, at)
        return at

    before = now = add(12, -1)
    for _ in range(3):
        x, y = add(4, now), add(4, before)
        parts = (add(4, chain(x), x), add(4, chain(y), chain(x)), add(4, add(4, x), y), add(4, add(4, y), add(4, y)))
        before, now = now, add(24, y, *parts, add(4, chain(y), chain(y)))
    add(1, now)
    found = ordered(game(sizes, reads, start=1))
    assert found.is_proven
    assert found.peak < played(game(sizes, reads, start=1), tuple(range(len(sizes))))
