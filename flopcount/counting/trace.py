"""What every node costs at one input."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.counting.evaluate import EvaluationError
from flopcount.counting.frames import Given, Values, valued
from flopcount.counting.kinds import formula, reads_several
from flopcount.counting.nodes import Node
from flopcount.counting.plan import Plan
from flopcount.errors import Problem, ShapeError, SpecError
from flopcount.formulas.needs import Need
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Step
from flopcount.schema.base import Layer, own_fields

own = cache(own_fields)


class Trace(NamedTuple):
    """A step for each node, at one input."""

    plan: Plan
    inputs: Mapping[str, Shape]
    steps: Mapping[str, Step]

    @property
    def input(self) -> Shape:
        """The shape of the first input, mostly the only one."""
        return next(iter(self.inputs.values()))

    def items(self) -> Iterator[tuple[Node, Step]]:
        """Yield each node with its step, in the order of the computation."""
        for node in self.plan.nodes:
            yield node, self.steps[node.path]


def trace(plan: Plan, x: Shape | Mapping[str, Shape], given: Given | None = None) -> Trace:
    """Walk the plan once; a SpecError names the first layer that cannot be, and why.

    `x` is the shape of the first input, or of each by name; an input that is
    not given has the sizes of the file.
    """
    given = given or {}
    named = {next(iter(plan.inputs)): x} if isinstance(x, Shape) else x
    inputs = {name: named[name] if name in named else Shape(sizes) for name, sizes in plan.inputs.items()}
    shapes = dict(inputs)
    steps: dict[str, Step] = {}
    for node in plan.nodes:
        options = {**fields(node.layer), **_computed(node, given, shapes), **given.get(node.path, {})}
        step = _step(node, [shapes[name] for name in node.inputs], options)
        steps[node.path] = step
        shapes[node.path] = step.shape
    return Trace(plan, inputs, steps)


def _computed(node: Node, given: Given, shapes: Mapping[str, Shape]) -> Mapping[str, Any]:
    """Evaluate the fields that are expressions; ints are validated as if the file had them."""
    if node.frame is None:
        return {}
    values = Values(node.frame, given, shapes, node.inputs[0])
    try:
        found = {name: valued(value, values) for name, value in node.computed.items()}
        if all(isinstance(value, int | str | tuple) for value in found.values()):
            type(node.layer).model_validate({**_given(node.layer), **found})
    except EvaluationError as error:
        raise SpecError([Problem(node.place, str(error), node.path, node.via)]) from None
    except ValidationError as error:
        from flopcount.schema.problems import layer_problems

        problems = layer_problems(error, type(node.layer), found)
        found_at = [Problem((*node.place, key), what, node.path, node.via) for key, what in problems.items()]
        raise SpecError(found_at) from None
    return found


def _given(layer: Layer) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in layer.model_fields_set}


def _step(node: Node, inputs: list[Shape], options: Mapping[str, Any]) -> Step:
    if len(inputs) > 1 and not reads_several(node.kind):
        raise _impossible(node, f"{node.kind} reads one layer, but after names {len(inputs)}; name one", inputs)
    try:
        step = formula(node.kind)(*inputs, **options)
    except ShapeError as error:
        raise _impossible(node, str(error), inputs) from None
    for need in step.needs:
        if _broken(need):
            raise _impossible(node, need.sentence(), inputs)
    return step


def _broken(need: Need) -> bool:
    """Tell whether a need on an int fails; arrays and symbols are for others to judge."""
    value = need.value
    return isinstance(value, int) and (value != 0 if need.relation == "zero" else value < 1)


def _impossible(node: Node, what: str, inputs: list[Shape]) -> SpecError:
    sizes = " and ".join(render(shape.dims) for shape in inputs)
    return SpecError([Problem(node.place, f"{what} (input {sizes})", node.path, node.via)])


def fields(layer: Layer) -> dict[str, Any]:
    """Return a layer's own fields with their values."""
    return {name: getattr(layer, name) for name in own(type(layer))}
