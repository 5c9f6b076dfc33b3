"""Candidates at random: which one a position draws follows from the seed alone, so that draws can be cut and resumed.

A grid of up to 2⁶² candidates is shuffled, so none is drawn twice: a Feistel
network permutes the squares of a board with no fewer squares than candidates, and
what falls outside the grid is permuted again until it falls inside. A larger grid
is drawn from anew at every position.
"""

from collections.abc import Iterator, Sequence
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

from flopcount.analyses.arrays import numpy

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

MOST_SHUFFLED = 2**62
"""A grid of more candidates is drawn from with replacement."""

_ROUNDS = 8

_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""Shifts and factors of splitmix64's last step, by which every bit comes to depend on every other."""


def draws(sizes: Sequence[int], part: range, seed: int, most: int) -> "Iterator[tuple[int, tuple[Array, ...]]]":
    """Yield for each chunk of positions the first, and which value of each axis the drawn candidates have."""
    np = numpy()
    if prod(sizes) > MOST_SHUFFLED:
        yield from _independent(np, sizes, part, seed, most)
        return
    keys = np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64)
    for first in range(part.start, part.stop, most):
        positions = np.arange(first, min(first + most, part.stop), dtype=np.uint64)
        yield first, _digits(np, sizes, shuffled(positions, prod(sizes), keys))


def shuffled(positions: "Array", total: int, keys: "Array") -> "Array":
    """Permute the numbers below a total."""
    side = isqrt(total - 1) + 1
    result: Array = _permuted(positions, side, keys)
    outside = result >= total
    while outside.any():
        result[outside] = _permuted(result[outside], side, keys)
        outside = result >= total
    return result


def _permuted(numbers: "Array", side: int, keys: "Array") -> "Array":
    """Permute the squares of a board: each round adds to one coordinate what follows from the other."""
    one, other = numbers // side, numbers % side
    for key in keys:
        one, other = other, (one + _mixed(other + key) % side) % side
    result: Array = one * side + other
    return result


def _mixed(numbers: "Array") -> "Array":
    for shift, factor in _MIX:
        numbers = (numbers ^ (numbers >> shift)) * factor
    result: Array = numbers ^ (numbers >> 31)
    return result


def _digits(np: Any, sizes: Sequence[int], ids: "Array") -> "tuple[Array, ...]":
    result: list[Array] = []
    for radix in reversed(sizes):
        result.append((ids % radix).astype(np.int64))
        ids = ids // radix
    return tuple(reversed(result))


def _independent(
    np: Any, sizes: Sequence[int], part: range, seed: int, most: int
) -> "Iterator[tuple[int, tuple[Array, ...]]]":
    """Draw each candidate on its own; each chunk has its own stream."""
    for chunk in range(part.start // most, -(-part.stop // most)):
        first = chunk * most
        stream = np.random.Generator(np.random.PCG64([seed, chunk]))
        inside = slice(max(part.start - first, 0), min(part.stop - first, most))
        yield first + inside.start, tuple(stream.integers(0, radix, most)[inside] for radix in sizes)
