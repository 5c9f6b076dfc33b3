"""What one layer does at one input: the shape it leaves, and what that took."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Dim
from flopcount.formulas.needs import Need, positive
from flopcount.formulas.shape import Shape, Slide
from flopcount.formulas.tally import FROZEN, PARAMETERS, Tally


class Step(NamedTuple):
    """The output shape, the tally and, in a composition, the named parts that make it up.

    `kind` and `kernel` label the step in tables; `needs` are the conditions
    under which the numbers mean anything; `slide` is how a window moved, and
    `manner` how a program writes the step. Compared by identity.
    """

    kind: str
    shape: Shape
    tally: Tally
    parts: tuple["Part", ...] = ()
    needs: tuple[Need, ...] = ()
    kernel: tuple[Dim, ...] = ()
    slide: Slide | None = None
    manner: str = "module"

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


def shared(step: Step) -> Step:
    """Leave the params out: another layer, which uses the same, counts them."""
    return _kept(step, lambda name: None if name in PARAMETERS else name)


def frozen(step: Step) -> Step:
    """Tally the params as kept and not trained."""
    return _kept(step, lambda name: FROZEN.get(name, "frozen") if name in PARAMETERS else name)


def _kept(step: Step, place: Callable[[str], str | None]) -> Step:
    """Rebuild a step with its counts in other places, or in none."""
    if step.parts:
        parts = (Part(part.name, _kept(part.step, place)) for part in step.parts)
        return composed(step.kind, step.shape, *parts)._replace(needs=step.needs, kernel=step.kernel)
    tally = Tally()
    for name, count in step.tally.counts.items():
        found = place(name)
        if found is not None:
            tally = tally + Tally(**{found: count})
    return step._replace(tally=tally)


def renamed(kind: str, step: Step) -> Step:
    """Label a step as another kind, one that is computed by the same formula."""
    return step._replace(kind=kind)


_LESS = "{} of its params are said to be shared, and there are {}"


def lessened(step: Step, numbers: Mapping[str, int]) -> Step:
    """Take numbers that another layer counts off the tally; in a composition, off the first part that has such."""
    left = dict(numbers)
    result = _lessened(step, left)
    if left:
        raise ShapeError(f"shared names {', '.join(sorted(left))}, of which this layer has none")
    return result


def _lessened(step: Step, left: dict[str, int]) -> Step:
    if step.parts:
        parts = [Part(part.name, _lessened(part.step, left)) for part in step.parts]
        inner = composed(step.kind, step.shape, *parts)
        return inner._replace(needs=step.needs, kernel=step.kernel, slide=step.slide, manner=step.manner)
    taken = {name: left.pop(name) for name in PARAMETERS if name in step.tally.counts and name in left}
    counts = dict(step.tally.counts)
    needs = tuple(positive(counts[name] - count + 1, _LESS, count, counts[name]) for name, count in taken.items())
    for name, count in taken.items():
        counts[name] = counts[name] - count
    return step._replace(tally=Tally(**counts), needs=(*step.needs, *needs))
