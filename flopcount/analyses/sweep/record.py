"""Networks traced with expressions: one trace for each combination of values that are not plain numbers."""

from collections.abc import Iterator, Mapping
from itertools import product as combinations
from math import prod
from typing import Any, NamedTuple

from flopcount.analyses.sweep.axes import Axis, Value
from flopcount.analyses.sweep.evaluate import Check
from flopcount.analyses.sweep.grid import MOST_READ, OPTIONS, Space, as_setting
from flopcount.case import Case, batched
from flopcount.errors import FileError, ShapeError, SpecError, UsageError
from flopcount.formulas.numbers import Dim, Expr, Graph, bounds_of, maximum
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.network.inputs import resized
from flopcount.network.plan import Frame, Given, Node, Plan, Values, valued
from flopcount.network.trace import OPEN, Trace, fields
from flopcount.network.transform import scaled
from flopcount.spec.expression import UNDECIDED, EvaluationError, Ratio
from flopcount.spec.fields import LARGEST
from flopcount.spec.load import addressed

MOST_PLANS = 256
"""An axis of a file with templates has at most this many values, since each is tried."""

MOST_TRACES = 4096
"""More combinations of values that are not numbers are refused."""


class Binding(NamedTuple):
    """Where an axis enters a plan: fields of layers and arguments of templates, as (path, name)."""

    fields: frozenset[tuple[str, str]] = frozenset()
    arguments: frozenset[tuple[str, str]] = frozenset()


def binding(space: Space, each: Axis, fixed: Mapping[str, Value]) -> Binding | None:
    """Find where an axis enters the plan as a number; None if each of its values has to be traced by itself."""
    if each.name in space.reread:
        return None
    if each.name in OPTIONS:
        _check_option(space, each)
        return Binding() if each.is_number else None
    if not each.is_number or len(each.values) == 1:
        _ = [space.at({**fixed, each.name: value}).plan for value in each.values[:MOST_PLANS]]
        return None
    ends = [each.values[each.numerators.index(end)] for end in (each.low, each.high)]
    arch = space.spec.arch
    may_branch = (arch.templates or arch.arguments) and addressed(arch, [as_setting(each.name, "")])[0].in_file
    tried = each.values if may_branch else ends
    if len(tried) > MOST_PLANS:
        raise UsageError(f"--set {each.name}: {len(tried)} values; with templates, an axis has at most {MOST_PLANS}")
    plans = [space.at({**fixed, each.name: value}).plan for value in tried]
    found = [_differences(plans[0], other, tried[0], value) for other, value in zip(plans[1:], tried[1:], strict=True)]
    first = found[0]
    if first is None or any(each != first for each in found) or not (first.fields or first.arguments):
        return None
    if first.fields and each.per > 1:  # no field takes a quotient of expressions
        return None
    widens = space.case.width or any(other.name == "width" for other in space.axes)
    return None if widens and first.arguments else first


def _check_option(space: Space, each: Axis) -> None:
    """Read what an option takes as a single value would be read."""
    if each.name != "width" and each.per > 1:
        raise UsageError(f"--{each.name} takes integers; write e.g. 96:320:32")
    ends = [each.values[each.numerators.index(end)] for end in (each.low, each.high)] if each.is_number else each.values
    for value in ends:
        case = space.at({each.name: value})
        _ = case.width_ratio if each.name == "width" else case.inputs


def _differences(one: Plan, other: Plan, low: Value, high: Value) -> Binding | None:
    """Return where two plans differ in the values only; None if they differ in another way."""
    if not same_structure(one, other):
        return None
    found: dict[tuple[str, str], tuple[Any, Any]] = {}
    arguments: dict[tuple[str, str], tuple[Any, Any]] = {}
    for ours, theirs in zip(one.nodes, other.nodes, strict=True):
        found |= _changes(ours.path, _plain_fields(ours), _plain_fields(theirs))
        for frame, twin in zip(_frames(ours), _frames(theirs), strict=True):
            arguments |= _changes(frame.path, frame.arguments, twin.arguments)
    if any(change != (low, high) for change in (*found.values(), *arguments.values())):
        return None
    return Binding(frozenset(found), frozenset(arguments))


def same_structure(one: Plan, other: Plan) -> bool:
    """Tell whether two plans have the same layers with the same inputs and expressions."""
    ours, theirs = ([(node.path, node.kind, node.inputs, node.computed) for node in x.nodes] for x in (one, other))
    return ours == theirs


def _plain_fields(node: Node) -> dict[str, Any]:
    """Return the fields that are not expressions."""
    return {name: value for name, value in fields(node.layer).items() if name not in node.computed}


def _changes(path: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {(path, name): (value, theirs[name]) for name, value in ours.items() if value != theirs[name]}


def _frames(node: Node) -> Iterator[Frame]:
    frame = node.frame
    while frame is not None:
        yield frame
        frame = frame.outer


class Recording(NamedTuple):
    """A trace with expressions: the addends of each metric, the constraints, and a number ≥ 1 where a map vanishes."""

    costs: Mapping[str, tuple[Dim, ...]]
    checks: tuple[Check, ...]
    vanished: Dim


class Varied(NamedTuple):
    """A space, and its axes that are expressions in the network; each value of the others is traced by itself."""

    space: Space
    bindings: Mapping[str, Binding]

    @property
    def listed(self) -> tuple[str, ...]:
        """The axes whose values are traced by themselves."""
        return tuple(each.name for each in self.space.axes if each.name not in self.bindings)

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """The bounds of the other axes."""
        return {each.name: (each.low, each.high) for each in self.space.axes if each.name in self.bindings}

    def recordings(self) -> Iterator[tuple[tuple[int, ...], Recording | None]]:
        """Yield the recordings by the places of the listed values; None if the network is impossible there."""
        listed = [each for each in self.space.axes if each.name not in self.bindings]
        for places in combinations(*(range(len(each.values)) for each in listed)):
            fixed = {each.name: each.values[place] for each, place in zip(listed, places, strict=True)}
            try:
                yield places, _recorded(self.space, fixed, _bindings(self.space, fixed, self.bindings))
            except (SpecError, ShapeError, FileError) as error:
                if not fixed and not (
                    isinstance(error, SpecError) and all(each.code == OPEN for each in error.problems)
                ):
                    raise
                yield places, None


def varied(space: Space) -> Varied:
    """Find out how each axis of a space enters the network."""
    found = {each.name: bound for each in space.axes if (bound := binding(space, each, {}))}
    result = Varied(space, {name: bound for name, bound in found.items() if _can_be_traced(space, name, found)})
    counts = {each.name: len(each.values) for each in space.axes if each.name in result.listed}
    names = [name for name in counts if name in space.reread]
    if (many := prod(counts[name] for name in names)) > MOST_READ:
        raise UsageError(f"{', '.join(names)}: the file would be read at {many} sizes, but at most at {MOST_READ}")
    if prod(counts.values()) > MOST_TRACES:
        raise UsageError(
            f"{', '.join(counts)}: {prod(counts.values())} combinations change more than numbers; "
            f"at most {MOST_TRACES} are supported"
        )
    return result


def _can_be_traced(space: Space, name: str, bindings: Mapping[str, Binding]) -> bool:
    """Tell whether an axis can be an expression; if the trace branches on it, each value is traced by itself."""
    fixed = {each.name: each.values[0] for each in space.axes if each.name != name}
    try:
        case = _traced(space, fixed, {name: bindings[name]})
        batched(space.convention, case.trace)
    except (TypeError, EvaluationError):
        return False
    except SpecError as error:
        return all(problem.code != UNDECIDED for problem in error.problems)
    except UsageError:
        return name != "batch"
    return True


def _bindings(space: Space, fixed: Mapping[str, Value], known: Mapping[str, Binding]) -> dict[str, Binding]:
    """Find the bindings again in the network that other values make."""
    if same_structure(space.plan, space.at(fixed).plan):
        return dict(known)
    found = {each.name: binding(space, each, fixed) for each in space.axes if each.name in known}
    missing = [name for name, each in found.items() if each is None]
    if missing:
        values = ", ".join(f"{name} = {value}" for name, value in fixed.items())
        raise UsageError(f"--set {missing[0]}: not a plain number if {values}; sweep these separately")
    return {name: each for name, each in found.items() if each is not None}


def _traced(space: Space, fixed: Mapping[str, Value], bindings: Mapping[str, Binding]) -> Case:
    """Return the case in which some axes have a value and others are expressions."""
    graph, case = Graph(), space.at(fixed)
    axes = {each.name: each for each in space.axes}
    numbers = {name: graph.variable(name, axes[name].low, axes[name].high) for name in bindings}
    given: dict[str, dict[str, Any]] = {}
    for name, bound in bindings.items():
        for path, key in bound.fields | bound.arguments:
            per = axes[name].per
            given.setdefault(path, {})[key] = Ratio(numbers[name], per) if per > 1 else numbers[name]
    width = Ratio(numbers["width"], axes["width"].per) if "width" in numbers else None
    if width is not None or case.width is not None:
        wide = scaled(_with(case.plan, given), case.plan.scaling, width or case.width_ratio)
        for path, channels in wide.items():
            given.setdefault(path, {}).update(channels)
    inputs = resized(case.inputs, case.plan.inputs, numbers.get("input"), numbers.get("batch"))
    return case.with_plan(case.plan, given, inputs)


def _with(base: Plan, given: Given) -> Plan:
    """Return a plan whose layers have the given fields: those that a width multiplies."""
    nodes = (node._replace(layer=node.layer.model_copy(update={**given.get(node.path, {})})) for node in base.nodes)
    return base._replace(nodes=tuple(nodes))


def _recorded(space: Space, fixed: Mapping[str, Value], bindings: Mapping[str, Binding]) -> Recording:
    """Trace once, and count by the convention."""
    case = _traced(space, fixed, bindings)
    traced = case.trace
    shapes, given = traced.shapes, case.given
    checks = [each for node, step in traced.items() for each in _checks(node, step, shapes, given)]
    count = case.count
    return Recording({name: count.addends(name) for name in space.metrics}, tuple(checks), _vanished(traced))


def _vanished(traced: Trace) -> Dim:
    """Return a number that is at least 1 where some map of a trace has vanished."""
    found: Dim = 0
    for size in (size for step in traced.steps.values() for size in step.shape.spatial if bounds_of(size)[0] < 1):
        found = maximum(found, 1 - size)
    return found


def _checks(node: Node, step: Step, shapes: Mapping[str, Shape], given: Given) -> Iterator[Check]:
    """Yield the checks of a layer: bounds of computed fields, constraints of its formula, sizes up to 10⁹."""
    for value, low in _computed(node, shapes, given):
        yield Check(node.path, value - low + 1, "positive")
        yield Check(node.path, LARGEST + 1 - value, "positive")
    for constraint in step.constraints:
        yield Check(node.path, constraint.value, constraint.relation)
    for dim in step.shape.dims:
        yield Check(node.path, LARGEST + 1 - dim, "positive")


def _computed(node: Node, shapes: Mapping[str, Shape], given: Given) -> Iterator[tuple[Expr, int]]:
    """Yield the fields of a layer that are computed and still expressions, with the least they may be."""
    if node.frame is None:
        return
    values = Values(node.frame, given, shapes, node.inputs[0])
    for name, expression in node.computed.items():
        found = valued(expression, values) if name not in given.get(node.path, {}) else 0
        for value in found if isinstance(found, tuple) else (found,):
            if isinstance(value, Expr):
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
