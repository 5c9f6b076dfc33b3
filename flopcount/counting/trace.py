"""What every node costs at one input."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from flopcount.counting.kinds import formula
from flopcount.counting.plan import INPUT, Node, Plan
from flopcount.errors import Problem, ShapeError, SpecError
from flopcount.formulas.needs import Need
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Step
from flopcount.schema.base import LARGEST, Layer, own_fields

Given = Mapping[str, Mapping[str, Any]]
"""What is not in the file: path → field → a value, an array or a symbol."""

own = cache(own_fields)


class Trace(NamedTuple):
    """A step for each node, at one input."""

    plan: Plan
    input: Shape
    steps: Mapping[str, Step]

    def items(self) -> Iterator[tuple[Node, Step]]:
        """Yield each node with its step, in the order of the computation."""
        for node in self.plan.nodes:
            yield node, self.steps[node.path]


def trace(plan: Plan, x: Shape, given: Given | None = None) -> Trace:
    """Walk the plan once; a SpecError names every layer that cannot be, and why.

    What reads a layer that cannot be is left out: nothing is known of it.
    """
    given = given or {}
    shapes = {INPUT: x}
    steps: dict[str, Step] = {}
    problems: list[Problem] = []
    for node in plan.nodes:
        if all(name in shapes for name in node.inputs):
            inputs = [shapes[name] for name in node.inputs]
            try:
                step = steps[node.path] = _step(node, inputs, given.get(node.path, {}))
            except ShapeError as error:
                problems.append(_problem(node, str(error), inputs))
                continue
            if any(isinstance(size, int) and size > LARGEST for size in step.shape.dims):
                problems.append(
                    _problem(node, f"{render(step.shape.dims)} has more channels or places than 10⁹", inputs)
                )
                continue
            broken = [need for need in step.needs if _broken(need)]
            problems += [_problem(node, what, inputs) for what in dict.fromkeys(need.sentence() for need in broken)]
            if all(need.relation == "zero" for need in broken):
                shapes[node.path] = step.shape
    if problems:
        raise SpecError(problems)
    return Trace(plan, x, steps)


def _step(node: Node, inputs: list[Shape], given: Mapping[str, Any]) -> Step:
    if len(inputs) > 1:
        raise ShapeError(f"{node.kind} reads one layer, but after names {len(inputs)}; name one")
    return formula(node.kind)(*inputs, **{**fields(node.layer), **given})


def _broken(need: Need) -> bool:
    """Tell whether a need on an int fails; arrays and symbols are for others to judge."""
    value = need.value
    return isinstance(value, int) and (value != 0 if need.relation == "zero" else value < 1)


def _problem(node: Node, what: str, inputs: list[Shape]) -> Problem:
    sizes = " and ".join(render(shape.dims) for shape in inputs)
    return Problem(node.place, f"{what} (input {sizes})", node.path)


def fields(layer: Layer) -> dict[str, Any]:
    """Return a layer's own fields with their values."""
    return {name: getattr(layer, name) for name in own(type(layer))}
