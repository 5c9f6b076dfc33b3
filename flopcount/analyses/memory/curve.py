"""The tensors that are alive at the peak."""

from typing import NamedTuple

from flopcount.case import Case
from flopcount.formulas.numbers import exact
from flopcount.network.memory import Life, Style


class Peak(NamedTuple):
    """The most bytes alive at once, the first layer at which they are, and the tensors."""

    bytes: int
    at: str
    lives: tuple[Life, ...]


def peak_of(case: Case) -> Peak:
    """Return the peak of a case."""
    lifetimes = case.count.lifetimes(Style())
    number, at = next(each for each in enumerate(lifetimes.alive) if lifetimes.alive[each[1]] == lifetimes.peak)
    lives = (each for each in lifetimes.lives if max(each.first, 0) <= number <= each.last)
    return Peak(lifetimes.peak, at, tuple(each for each in lives if exact(each.tensor.size)))
