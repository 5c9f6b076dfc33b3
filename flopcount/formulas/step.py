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


def renamed(kind: str, step: Step) -> Step:
    """Label a step as another kind, one that is computed by the same formula."""
    return step._replace(kind=kind)


def frozen(step: Step) -> Step:
    """Tally the params as kept and not trained."""
    return _tallied(step, _frozen)


def shared(step: Step, numbers: Mapping[str, int] | None = None) -> Step:
    """Leave out the params that another layer counts: all, or so many of each sort."""
    if numbers is None:
        return _tallied(step, _without_params)
    counts, left = step.tally.counts, dict(numbers)
    foreign = sorted(name for name in numbers if name not in PARAMETERS or name not in counts)
    if foreign:
        raise ShapeError(f"shared names {', '.join(foreign)}, of which this layer has none")
    needs = (
        positive(counts[name] - count + 1, f"shared names {{}} of {name}, and there are {{}}", count, counts[name])
        for name, count in numbers.items()
    )
    return _tallied(step._replace(needs=(*step.needs, *needs)), lambda tally: _lessened(tally, left))


def _tallied(step: Step, change: Callable[[Tally], Tally]) -> Step:
    """Change the tally of a step, in a composition those of its parts."""
    if not step.parts:
        return step._replace(tally=change(step.tally))
    parts = tuple(Part(part.name, _tallied(part.step, change)) for part in step.parts)
    return step._replace(parts=parts, tally=composed(step.kind, step.shape, *parts).tally)


def _frozen(tally: Tally) -> Tally:
    kept = Tally()
    for name, count in tally.counts.items():
        kept = kept + Tally(**{FROZEN.get(name, "frozen") if name in PARAMETERS else name: count})
    return kept


def _without_params(tally: Tally) -> Tally:
    return Tally(**{name: count for name, count in tally.counts.items() if name not in PARAMETERS})


def _lessened(tally: Tally, left: dict[str, int]) -> Tally:
    """Take numbers off a tally, and off what is left to take: as many as there are, where that is known."""
    counts = dict(tally.counts)
    for name in left.keys() & counts.keys():
        own = counts[name]
        taken = min(left[name], own) if isinstance(own, int) else left[name]
        counts[name] = own - taken
        left[name] -= taken
    return Tally(**counts)
