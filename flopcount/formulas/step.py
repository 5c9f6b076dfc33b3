"""What one layer does at one input: the shape it leaves, and what that took."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from flopcount.formulas.dims import Dim
from flopcount.formulas.needs import Need
from flopcount.formulas.shape import Shape
from flopcount.formulas.tally import Tally


class Step(NamedTuple):
    """The output shape, the tally and, in a composition, the named parts that make it up.

    `kind` and `kernel` label the step in tables; `needs` are the conditions
    under which the numbers mean anything. Compared by identity.
    """

    kind: str
    shape: Shape
    tally: Tally
    parts: tuple["Part", ...] = ()
    needs: tuple[Need, ...] = ()
    kernel: tuple[Dim, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Compare by identity: the numbers may be arrays or symbols."""
        return self is other

    def __ne__(self, other: object) -> bool:
        """Differ by identity too, which a tuple would not."""
        return self is not other

    def __hash__(self) -> int:
        """Hash by identity too."""
        return id(self)

    def leaves(self) -> Iterator["Step"]:
        """Yield the steps that are not compositions, in the order of the computation."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.step.leaves()


class Part(NamedTuple):
    """A step inside a composition, by the name it has there."""

    name: str
    step: Step


Stage = tuple[str, Callable[[Shape], Step]]
"""A name and a formula whose options are already given."""


def chain(kind: str, x: Shape, *stages: Stage) -> Step:
    """Compose stages, each reading the one before."""
    parts: list[Part] = []
    for name, formula in stages:
        step = formula(x)
        parts.append(Part(name, step))
        x = step.shape
    return composed(kind, x, *parts)


def composed(kind: str, shape: Shape, *parts: Part) -> Step:
    """Make one step of parts: their tallies add, their needs all hold."""
    tally = Tally()
    for part in parts:
        tally = tally + part.step.tally
    needs = tuple(need for part in parts for need in part.step.needs)
    return Step(kind, shape, tally, parts, needs)


def renamed(kind: str, step: Step) -> Step:
    """Label a step as another kind, one that is computed by the same formula."""
    return step._replace(kind=kind)
