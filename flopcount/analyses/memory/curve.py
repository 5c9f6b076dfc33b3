"""The tensors that are alive at the peak."""

from typing import NamedTuple

from flopcount.case import Case
from flopcount.formulas.numbers import exact
from flopcount.network.memory import Life, Lifetimes


class Peak(NamedTuple):
    """The most bytes alive at once, the first layer at which they are, and the tensors."""

    bytes: int
    at: str
    lives: tuple[Life, ...]


def peak_of(case: Case) -> Peak:
    """Return the peak of a case."""
    count = case.at(metrics=("peak",)).count
    lifetimes = Lifetimes(count.trace, count.bits)
    alive = {path: exact(size) for path, size in lifetimes.alive.items()}
    at = max(alive, key=lambda path: alive[path])
    number = [*alive].index(at)
    lives = (each for each in lifetimes.lives if max(each.first, 0) <= number <= each.last)
    return Peak(alive[at], at, tuple(each for each in lives if exact(each.tensor.size)))
