"""Walk a network at one input: a step for every node."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.errors import Problem, ShapeError, SpecError
from flopcount.formulas.backward import Need
from flopcount.formulas.numbers import Dim, Expr
from flopcount.formulas.shape import Constraint, Shape, equal, render
from flopcount.formulas.step import Step, frozen, shared
from flopcount.network.inputs import input_shapes
from flopcount.network.plan import Given, Node, Plan, Values, spelled, valued
from flopcount.spec.expression import EvaluationError
from flopcount.spec.fields import LARGEST, Layer, own_fields
from flopcount.spec.kinds import formula, reads_several

Memo = dict[tuple[str, str], Any]
"""Arguments that are expressions, each evaluated once in a walk: (frame, name) → value."""

OPEN = "open-shape"
"""The code of a problem that every value of an expression has."""

own = cache(own_fields)


class Flow(NamedTuple):
    """The gradients of a network: which inputs and layers `needs` one of what they write, and which it reaches."""

    needs: Mapping[str, Need]
    reached: frozenset[str]


class Trace(NamedTuple):
    """A step for each node, at one input; in training, with the gradients."""

    plan: Plan
    inputs: Mapping[str, Shape]
    steps: Mapping[str, Step]
    flow: Flow | None = None

    @property
    def input(self) -> Shape:
        """The shape of the first input, mostly the only one."""
        return next(iter(self.inputs.values()))

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every input and of what every layer writes, by name and path; a new table each time."""
        return {**self.inputs, **{path: step.shape for path, step in self.steps.items()}}

    def shape(self, name: str) -> Shape:
        """Return the shape of an input, or of what a layer writes."""
        return self.steps[name].shape if name in self.steps else self.inputs[name]

    @property
    def counted(self) -> dict[str, tuple[tuple[Dim, ...], Mapping[str, Dim]]]:
        """All that is counted of each layer, by path."""
        return {path: (step.shape.dims, step.tally.counts) for path, step in self.steps.items()}

    def items(self) -> Iterator[tuple[Node, Step]]:
        """Yield each node with its step, in the order of the computation."""
        for node in self.plan.nodes:
            yield node, self.steps[node.path]


def trace(plan: Plan, x: Shape | Mapping[str, Shape], given: Given | None = None) -> Trace:
    """Walk the plan once; a SpecError names every layer that cannot be, and why.

    `x` is the shape of the first input, or of each by name; the others have the sizes of the file. What reads a
    layer that cannot be is left out: nothing is known of it.
    """
    walk = _Tracer(plan, x, given or {})
    for node in plan.nodes:
        walk.visit(node)
    if walk.problems:
        raise SpecError(walk.problems)
    steps = walk.steps
    if plan.implementation:
        from flopcount.network.implementation import marked

        steps = marked(plan.implementation, plan.nodes, steps)
    return Trace(plan, walk.inputs, steps)


class _Tracer:
    """One walk over a plan: the shapes so far, the steps, and what is wrong.

    Equal steps (the same layer, the same shapes) are computed once; `known` keeps them.
    """

    def __init__(self, plan: Plan, x: Shape | Mapping[str, Shape], given: Given) -> None:
        named = {next(iter(plan.inputs)): x} if isinstance(x, Shape) else x
        self.inputs = {**input_shapes(plan.inputs, tokens=plan.tokens), **named}
        self.given = given
        self.shapes = dict(self.inputs)
        self.steps: dict[str, Step] = {}
        self.problems: list[Problem] = []
        self.memo: Memo = {}
        self.known: dict[tuple[Any, ...], Step] = {}
        self.settled: dict[int, tuple[dict[str, Any], tuple[Any, ...] | None]] = {}
        self.fixed = [*_fixed(plan, self.inputs)] if plan.fixed_by else []

    def visit(self, node: Node) -> None:
        """Compute the step of a node; skip it if what it reads is impossible, since nothing is known of it."""
        if not all(name in self.shapes for name in node.inputs):
            return
        inputs = [self.shapes[name] for name in node.inputs]
        try:
            options, plain = self._settled(node)
            key, problems = plain and _key(node, plain, inputs), len(self.problems)
            step = self.known.get(key) if key else None
            step = step or self._checked(node, inputs, options)
        except ShapeError as error:
            self.problems.append(_problem(node, str(error), inputs, error.code))
            return
        if step is None:
            return
        if key and len(self.problems) == problems:
            self.known[key] = step
        self.steps[node.path], self.shapes[node.path] = step, step.shape

    def _settled(self, node: Node) -> tuple[dict[str, Any], tuple[Any, ...] | None]:
        """Return the options of a layer's formula, and their values if all are plain; once for all repetitions."""
        is_fixed = not node.computed and node.path not in self.given
        found = self.settled.get(id(node.layer)) if is_fixed else None
        if found is None:
            options = settled(node, self.given, self.shapes, self.memo)
            found = options, (tuple(options.values()) if all(map(_is_plain, options.values())) else None)
            if is_fixed:
                self.settled[id(node.layer)] = found
        return found

    def _checked(self, node: Node, inputs: list[Shape], options: Mapping[str, Any]) -> Step | None:
        """Return the step, noting what is wrong with it; None if not even its shape is known."""
        step = _step(node, inputs, options)
        if self.fixed:
            step, self.fixed = step._replace(constraints=(*step.constraints, *self.fixed)), []
        broken = [constraint for constraint in step.constraints if constraint.is_broken]
        large = too_large(step)
        unequal = [each for each in broken if each.relation == "equal" and _is_plain(each.terms)]
        again = {id(each) for each in unequal[1:]}  # sizes that differ in every axis are one mistake
        told = [each for each in broken if id(each) not in again]
        found = {
            each.sentence(): "shape" if all(isinstance(size, int) for size in each.terms) else OPEN for each in told
        }
        found |= dict.fromkeys(large, "shape")
        self.problems += [_problem(node, what, inputs, code) for what, code in found.items()]
        return None if large or any(constraint.relation != "divides" for constraint in broken) else step


def _fixed(plan: Plan, inputs: Mapping[str, Shape]) -> Iterator[Constraint]:
    """Yield the constraints that every input has the sizes of the file, for which one layer is made."""
    where = plan.fixed_by.replace("{", "").replace("}", "")
    hint = "count the model itself at this input, or import it again with this size left open"
    text = f"the input has an axis of {{}}, but the size of {where} holds for {{}} only; {hint}"
    for name, declared in plan.inputs.items():
        for size, wanted in zip(inputs[name].dims[-len(declared) :], declared, strict=True):
            yield equal(size, wanted, text)


def _key(node: Node, options: tuple[Any, ...], inputs: list[Shape]) -> tuple[Any, ...] | None:
    """Return what decides on a step: the layer's options and the shapes it reads, if all are plain."""
    shapes = tuple((shape.dims, shape.channel_axis) for shape in inputs)
    if not _is_plain(shapes):
        return None
    layer = node.layer
    shares = id(layer) if isinstance(layer.shared, dict) else layer.shared
    return (node.kind, shares, layer.frozen, options, *shapes)


def _is_plain(value: object) -> bool:
    """Tell whether equal values mean the same: numbers, words, and expressions, of which equal ones are one object."""
    is_one = isinstance(value, int | str | float | Expr | None)
    return is_one or (isinstance(value, tuple) and all(map(_is_plain, value)))


def _step(node: Node, inputs: list[Shape], options: Mapping[str, Any]) -> Step:
    if len(inputs) > 1 and not reads_several(node.kind):
        raise ShapeError(f"{node.kind} reads one layer, but after names {len(inputs)}; name one")
    step, layer = formula(node.kind)(*inputs, **options), node.layer
    if layer.shared:  # its params are counted by another layer
        step = shared(step, None if layer.shared is True else layer.shared)
    return frozen(step) if layer.frozen else step


def options(traced: Trace, given: Given) -> dict[str, dict[str, Any]]:
    """Return what the formula of each layer was given in a walk: its fields, those evaluated that are expressions."""
    shapes = traced.shapes
    memo: Memo = {}
    return {node.path: settled(node, given, shapes, memo) for node in traced.plan.nodes}


def settled(node: Node, given: Given, shapes: Mapping[str, Shape], memo: Memo) -> dict[str, Any]:
    """Return the options of a layer's formula: its fields, what is computed, and what is given from outside."""
    return {**fields(node.layer), **_computed(node, given, shapes, memo), **given.get(node.path, {})}


def _computed(node: Node, given: Given, shapes: Mapping[str, Shape], memo: Memo) -> Mapping[str, Any]:
    """Evaluate the fields that are expressions; ints are validated as if the file had them."""
    if node.frame is None:
        return {}
    values = Values(node.frame, given, shapes, node.inputs[0], memo)
    kept = {name: getattr(node.layer, name) for name in node.layer.model_fields_set}
    try:
        found = {name: _valued(name, value, values) for name, value in node.computed.items()}
        if all(isinstance(value, int | float | str | tuple) for value in found.values()):
            layer = type(node.layer).model_validate({**kept, **found})
            return {name: getattr(layer, name) for name in found}
    except EvaluationError as error:
        raise ShapeError(str(error), error.code) from None
    except ValidationError as error:
        from flopcount.spec.problems import layer_problems

        raise ShapeError("; ".join(layer_problems(error, type(node.layer), found).values())) from None
    return found


def _valued(name: str, value: object, values: Values) -> Any:
    try:
        return valued(value, values)
    except EvaluationError as error:
        raise EvaluationError(f"{name} = {spelled(value)}: {error}", error.code) from None


def too_large(step: Step) -> list[str]:
    """Say that a shape is too large, if it is."""
    if any(isinstance(size, int) and size > LARGEST for size in step.shape.dims):
        return [f"{render(step.shape.dims)} has an axis larger than 10⁹"]
    return []


def _problem(node: Node, what: str, inputs: list[Shape], code: str = "shape") -> Problem:
    sizes = " and ".join(render(shape.dims) for shape in inputs)
    return Problem(node.place, f"{what} (input {sizes})", node.path, node.via, code)


def fields(layer: Layer) -> dict[str, Any]:
    """Return a layer's own fields with their values."""
    return {name: getattr(layer, name) for name in own(type(layer))}
