"""Networks walked with recorded numbers: one walk for each combination of values that are no numbers."""

from collections.abc import Iterator, Mapping
from itertools import product as combinations
from math import prod
from typing import Any, NamedTuple

from flopcount.analyses.counted import batched
from flopcount.analyses.sweeps.axes import Value
from flopcount.analyses.sweeps.candidates import Door, Space, alike, door, network, walk
from flopcount.analyses.sweeps.program import Wanted
from flopcount.analyses.sweeps.tape import Number, Recorded, Tape
from flopcount.counting.evaluate import EvaluationError
from flopcount.counting.folding import folded
from flopcount.counting.frames import Given, Values, valued
from flopcount.counting.nodes import Node
from flopcount.counting.trace import Trace
from flopcount.errors import ShapeError, SpecError, UsageError
from flopcount.schema.base import LARGEST

MOST_WALKS = 4096
"""More combinations of values that are no numbers are refused."""


class Recording(NamedTuple):
    """A walk written down: what each layer adds to each total, and what must hold."""

    tape: Tape
    costs: Mapping[str, tuple[Number, ...]]
    needs: tuple[Wanted, ...]


class Varied(NamedTuple):
    """A space whose axes are addresses in the file, and how each enters the network.

    Axes with a door are recorded numbers; the values of the others are a walk each.
    """

    space: Space
    doors: Mapping[str, Door]

    @property
    def listed(self) -> tuple[str, ...]:
        """The axes whose values are walks of their own."""
        return tuple(each.name for each in self.space.axes if each.name not in self.doors)

    def recordings(self) -> Iterator[tuple[tuple[int, ...], Recording | None]]:
        """Yield the walks by the places of the listed values; None where the network cannot be."""
        space = self.space
        listed = [each for each in space.axes if each.name not in self.doors]
        for places in combinations(*(range(len(each.values)) for each in listed)):
            fixed = {each.name: each.values[place] for each, place in zip(listed, places, strict=True)}
            try:
                yield places, _recorded(space, fixed, _doors(space, fixed, self.doors))
            except (SpecError, ShapeError):
                if not fixed:
                    raise
                yield places, None


def varied(space: Space) -> Varied:
    """Find out how each axis of a space enters the network."""
    first: dict[str, Value] = {}
    doors = {each.name: found for each in space.axes if (found := door(space, each, first))}
    doors = {name: found for name, found in doors.items() if _can_be_recorded(space, name, doors)}
    result = Varied(space, doors)
    walks = prod(len(each.values) for each in space.axes if each.name in result.listed)
    if walks > MOST_WALKS:
        names = ", ".join(result.listed)
        raise UsageError(f"{names}: {walks} combinations change more than numbers; {MOST_WALKS} are the most")
    return result


def _can_be_recorded(space: Space, name: str, doors: Mapping[str, Door]) -> bool:
    """Tell whether the walk takes a recorded number there; where it branches, each value is a walk."""
    try:
        fixed = {each.name: each.values[0] for each in space.axes if each.name != name}
        _walked(space, fixed, {name: doors[name]})
    except (TypeError, EvaluationError):
        return False
    except SpecError as error:
        return not any("only arguments can" in problem.what for problem in error.problems)
    return True


def _doors(space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door]) -> dict[str, Door]:
    """Find the doors again in a network that other values make."""
    if alike(network(space, {}).plan, network(space, fixed).plan):
        return dict(doors)
    found = {each.name: door(space, each, fixed) for each in space.axes if each.name in doors}
    missing = [name for name, each in found.items() if each is None]
    if missing:
        values = ", ".join(f"{name} = {value}" for name, value in fixed.items())
        raise UsageError(f"--set {missing[0]}: it is no plain number where {values}; sweep these apart")
    return {name: each for name, each in found.items() if each is not None}


def _walked(space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door]) -> tuple[Tape, Trace, Given]:
    tape = Tape()
    axes = {each.name: each for each in space.axes}
    numbers = {name: tape.variable(name, axes[name].low, axes[name].high) for name in doors}
    traced, given = walk(space, fixed, doors, numbers)
    return tape, traced, given


def _recorded(space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door]) -> Recording:
    """Walk once, and weigh each layer by the convention."""
    tape, traced, given = _walked(space, fixed, doors)
    needs = [each for node, step in traced.items() for each in _needs(node, step, traced, given)]
    traced = folded(traced) if space.convention.folds else traced
    rule, steps = batched(space.convention, traced), traced.steps.values()
    costs: dict[str, tuple[Any, ...]] = {
        "macs": tuple(map(rule.macs_of, steps)),
        "params": tuple(map(rule.params_of, steps)),
    }
    return Recording(tape, costs, tuple(needs))


def _needs(node: Node, step: Any, traced: Trace, given: Given) -> Iterator[Wanted]:
    """Yield what must hold at a layer: the fields that are computed, the needs of its formula, sizes up to 10⁹."""
    for value, low in _computed(node, traced, given):
        yield Wanted(node.path, value - low + 1, "positive")
        yield Wanted(node.path, LARGEST + 1 - value, "positive")
    for need in step.needs:
        yield Wanted(node.path, need.value, need.relation)
    for dim in step.shape.dims:
        yield Wanted(node.path, LARGEST + 1 - dim, "positive")


def _computed(node: Node, traced: Trace, given: Given) -> Iterator[tuple[Any, int]]:
    """Yield the recorded fields of a layer that are expressions, with the least they may be."""
    if node.frame is None:
        return
    shapes = {**traced.inputs, **{path: step.shape for path, step in traced.steps.items()}}
    values = Values(node.frame, given, shapes, node.inputs[0])
    for name, expression in node.computed.items():
        found = valued(expression, values) if name not in given.get(node.path, {}) else 0
        for value in found if isinstance(found, tuple) else (found,):
            if isinstance(value, Recorded):
                yield value, _least(node, name)


def _least(node: Node, name: str) -> int:
    """Return the least a field may be: 0 if its type takes that, else 1."""
    from pydantic import ValidationError

    kept = {key: getattr(node.layer, key) for key in node.layer.model_fields_set}
    try:
        type(node.layer).model_validate({**kept, name: 0})
    except ValidationError:
        return 1
    return 0
