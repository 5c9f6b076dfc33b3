"""The networks of a sweep: one walk for a single candidate, or for all with recorded numbers."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.analyses.counted import Counted, counted
from flopcount.analyses.sweeps.axes import Axis, Value, in_words
from flopcount.analyses.sweeps.tape import Recorded
from flopcount.counting.conventions import Convention
from flopcount.counting.evaluate import Ratio
from flopcount.counting.frames import Frame, Given
from flopcount.counting.inputs import input_shapes
from flopcount.counting.nodes import Node
from flopcount.counting.plan import Plan, overridden, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.counting.trace import Trace, fields, trace
from flopcount.errors import UsageError
from flopcount.files.settings import Setting, addressed, by_layer
from flopcount.files.specs import Spec, validated
from flopcount.formulas.shape import Shape
from flopcount.schema.arch import Arch

MOST_PLANS = 256
"""An axis inside a file with templates may have no more values: each is tried, for which layers it makes."""


class Space(NamedTuple):
    """A network with what is fixed, and the axes along which it varies; fixed settings are in the spec."""

    spec: Spec
    axes: tuple[Axis, ...]
    convention: Convention
    size: str | None = None
    width: str | None = None
    batch: int | None = None


class Door(NamedTuple):
    """Where an axis enters a plan: fields of layers and arguments of templates, as (path, name)."""

    fields: frozenset[tuple[str, str]]
    arguments: frozenset[tuple[str, str]]


class Network(NamedTuple):
    """A plan, the file it is of, and what of its layers is other than in the file."""

    plan: Plan
    spec: Spec
    changes: Mapping[str, Mapping[str, Any]]


def network(space: Space, fixed: Mapping[str, Value]) -> Network:
    """Return the network in which some axes have a value; what cannot be is an error."""
    settings = [_setting(name, value) for name, value in fixed.items() if name not in {"width", "input"}]
    found = addressed(space.spec.arch, settings)
    spec = validated(space.spec.source, found) if any(each.in_file for each in found) else space.spec
    changes = _merged(space.spec.changes, by_layer(found))
    return Network(overridden(plan(spec.arch), changes), spec, changes)


def _merged(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {path: {**one.get(path, {}), **other.get(path, {})} for path in {**one, **other}}


def _setting(name: str, value: Value) -> Setting:
    return Setting(f"{name}={in_words(value)}", name, (value,))


def walk(
    space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door] = {}, open_: Mapping[str, Recorded] = {}
) -> tuple[Trace, Given]:
    """Walk the network once: some axes have a value, the others a recorded number that stands for all values."""
    base = network(space, fixed)
    x = input_shapes(base.plan.inputs, str(fixed.get("input", space.size or "")) or None, space.batch)
    if "input" in open_:
        x = _resized(x, open_["input"])
    pers = {each.name: each.per for each in space.axes}
    given: dict[str, dict[str, Any]] = {}
    for name, door in doors.items():
        for path, key in door.fields | door.arguments:
            exact = Ratio(open_[name], pers[name]) if pers[name] > 1 else open_[name]
            given.setdefault(path, {})[key] = exact
    width = Ratio(open_["width"], pers["width"]) if "width" in open_ else width_of(space, fixed)
    if width is not None:
        for path, channels in scaled(_with(base.plan, given), base.spec.arch.scaling, width).items():
            given.setdefault(path, {}).update(channels)
    return trace(base.plan, x, given), given


def width_of(space: Space, fixed: Mapping[str, Value]) -> Ratio | None:
    """Return the width multiplier of a candidate; None where there is none."""
    text = in_words(fixed["width"]) if "width" in fixed else space.width
    return width_ratio(text) if text else None


def exact(space: Space, values: Mapping[str, Value]) -> Counted:
    """Count one candidate as `flopcount ARCH` would."""
    base = network(space, values)
    x = input_shapes(base.plan.inputs, str(values.get("input", space.size or "")) or None, space.batch)
    width = width_of(space, values)
    return counted(base.plan, x, space.convention, scaled(base.plan, base.spec.arch.scaling, width) if width else {})


def _resized(x: dict[str, Shape], size: Recorded) -> dict[str, Shape]:
    """Give the first input a size for every spatial axis, or for its channels where there is none."""
    first, shape = next(iter(x.items()))
    space = (size,) * len(shape.spatial)
    return {**x, first: shape.resized(spatial=space) if space else shape.resized(channels=size)}


def _with(base: Plan, given: Given) -> Plan:
    """Return a plan whose layers have the fields that are given: what a width multiplies."""

    def changed(node: Node) -> Node:
        return node._replace(layer=node.layer.model_copy(update=dict(given[node.path]))) if node.path in given else node

    return base._replace(nodes=tuple(map(changed, base.nodes)))


def door(space: Space, each: Axis, fixed: Mapping[str, Value]) -> Door | None:
    """Find where an axis enters the plan as a number; None where each of its values has to be a walk of its own."""
    if each.name in {"width", "input"}:
        _check_option(space, each)
        return Door(frozenset(), frozenset()) if each.is_number else None
    if not each.is_number:
        _ = [network(space, {**fixed, each.name: value}) for value in each.values[:MOST_PLANS]]
        return None
    if len(each.values) == 1:
        network(space, {**fixed, each.name: each.values[0]})
        return None
    ends = [each.values[each.numerators.index(end)] for end in (each.low, each.high)]
    tried = each.values if _may_branch(space.spec.arch) and not _names_layer(space, each) else ends
    if len(tried) > MOST_PLANS:
        raise UsageError(f"--set {each.name}: {len(tried)} values; {MOST_PLANS} are the most where there are templates")
    plans = [network(space, {**fixed, each.name: value}).plan for value in tried]
    found = [_differences(plans[0], other, tried[0], value) for other, value in zip(plans[1:], tried[1:], strict=True)]
    first = found[0]
    if first is None or any(each != first for each in found) or not (first.fields or first.arguments):
        return None
    widens = space.width or any(other.name == "width" for other in space.axes)
    return None if widens and first.arguments else first


def _check_option(space: Space, each: Axis) -> None:
    """Read what --width or --input takes as a single value would be read."""
    ends = [each.values[each.numerators.index(end)] for end in (each.low, each.high)] if each.is_number else each.values
    declared = plan(space.spec.arch).inputs
    for value in ends:
        if each.name == "width":
            width_ratio(in_words(value))
        else:
            input_shapes(declared, str(value), space.batch)
    if each.name == "input" and each.per > 1:
        raise UsageError("--input has a size that is no whole number; write for example 96:320:32")


def _may_branch(arch: Arch) -> bool:
    return bool(arch.templates or arch.arguments)


def _names_layer(space: Space, each: Axis) -> bool:
    return not addressed(space.spec.arch, [_setting(each.name, "")])[0].in_file


def _differences(one: Plan, other: Plan, low: Value, high: Value) -> Door | None:
    """Return where two plans differ as the values do; None where they differ otherwise."""
    if not alike(one, other):
        return None
    found: dict[tuple[str, str], tuple[Any, Any]] = {}
    arguments: dict[tuple[str, str], tuple[Any, Any]] = {}
    for ours, theirs in zip(one.nodes, other.nodes, strict=True):
        found |= _changes(ours.path, _written(ours), _written(theirs))
        for frame, twin in zip(_frames(ours), _frames(theirs), strict=True):
            arguments |= _changes(frame.path, frame.arguments, twin.arguments)
    if any(change != (low, high) for change in (*found.values(), *arguments.values())):
        return None
    return Door(frozenset(found), frozenset(arguments))


def alike(one: Plan, other: Plan) -> bool:
    """Tell whether two plans have the same layers, wired and computed alike."""
    return [_skeleton(node) for node in one.nodes] == [_skeleton(node) for node in other.nodes]


def _skeleton(node: Node) -> tuple[Any, ...]:
    return node.path, node.kind, node.inputs, node.computed


def _written(node: Node) -> dict[str, Any]:
    """Return the fields that are no expressions."""
    return {name: value for name, value in fields(node.layer).items() if name not in node.computed}


def _changes(path: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {(path, name): (value, theirs[name]) for name, value in ours.items() if value != theirs[name]}


def _frames(node: Node) -> Iterator[Frame]:
    frame = node.frame
    while frame is not None:
        yield frame
        frame = frame.outer
