"""The networks of a sweep: one walk for a single candidate, or for all with recorded numbers."""

from collections.abc import Iterator, Mapping
from itertools import product as combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweep.axes import (
    MOST_SHUFFLED,
    Axis,
    Block,
    Value,
    blocks,
    digits,
    draws,
    in_words,
    number,
    size,
)
from flopcount.analyses.sweep.evaluate import NEVER, OVERFLOW, Check, Counting, Evaluator, counting
from flopcount.case import Case, Count, batched
from flopcount.errors import BadInput, ShapeError, SpecError, UsageError
from flopcount.formulas.numbers import Dim, Expr, Graph, total
from flopcount.formulas.shape import Shape
from flopcount.network.convention import Convention
from flopcount.network.folding import folded
from flopcount.network.plan import Frame, Given, Node, Plan, Values, input_shapes, overridden, plan, valued
from flopcount.network.scale import scaled, width_ratio
from flopcount.network.trace import Trace, fields, trace
from flopcount.spec.arch import Arch
from flopcount.spec.expression import UNDECIDED, EvaluationError, Ratio
from flopcount.spec.fields import LARGEST
from flopcount.spec.load import Setting, Spec, addressed, by_layer, validated

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


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
    space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door] = {}, open_: Mapping[str, Expr] = {}
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


def exact(space: Space, values: Mapping[str, Value]) -> Count:
    """Count one candidate as `flopcount ARCH` would."""
    base = network(space, values)
    x = input_shapes(base.plan.inputs, str(values.get("input", space.size or "")) or None, space.batch)
    width = width_of(space, values)
    given = scaled(base.plan, base.spec.arch.scaling, width) if width else {}
    return Case.of(base.plan, x, space.convention, given).count


def _resized(x: dict[str, Shape], size: Expr) -> dict[str, Shape]:
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


# Networks walked with recorded numbers: one walk for each combination of values that are no numbers.


MOST_WALKS = 4096
"""More combinations of values that are no numbers are refused."""


class Recording(NamedTuple):
    """A walk written down: what each layer adds to each total, and what must hold."""

    costs: Mapping[str, tuple[Dim, ...]]
    checks: tuple[Check, ...]


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
        return not any(problem.code == UNDECIDED for problem in error.problems)
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


def _walked(space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door]) -> tuple[Trace, Given]:
    graph = Graph()
    axes = {each.name: each for each in space.axes}
    numbers = {name: graph.variable(name, axes[name].low, axes[name].high) for name in doors}
    return walk(space, fixed, doors, numbers)


def _recorded(space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door]) -> Recording:
    """Walk once, and weigh each layer by the convention."""
    traced, given = _walked(space, fixed, doors)
    constraints = [each for node, step in traced.items() for each in _needs(node, step, traced, given)]
    traced = folded(traced) if space.convention.folds else traced
    rule, steps = batched(space.convention, traced), traced.steps.values()
    costs: dict[str, tuple[Any, ...]] = {
        "macs": tuple(map(rule.macs_of, steps)),
        "params": tuple(map(rule.params_of, steps)),
    }
    return Recording(costs, tuple(constraints))


def _needs(node: Node, step: Any, traced: Trace, given: Given) -> Iterator[Check]:
    """Yield what must hold at a layer: the fields that are computed, constraints of its formula, sizes up to 10⁹."""
    for value, low in _computed(node, traced, given):
        yield Check(node.path, value - low + 1, "positive")
        yield Check(node.path, LARGEST + 1 - value, "positive")
    for constraint in step.constraints:
        yield Check(node.path, constraint.value, constraint.relation)
    for dim in step.shape.dims:
        yield Check(node.path, LARGEST + 1 - dim, "positive")


def _computed(node: Node, traced: Trace, given: Given) -> Iterator[tuple[Any, int]]:
    """Yield the recorded fields of a layer that are expressions, with the least they may be."""
    if node.frame is None:
        return
    shapes = {**traced.inputs, **{path: step.shape for path, step in traced.steps.items()}}
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


# Any number of candidates at once: each network walked once with recorded numbers, then run on whole chunks.
#
# Chunks are outer products of the axes, so what depends on one axis alone is
# computed once for each of its values.


CHUNK = 16_384
"""Candidates at once: their arrays stay in the processor's cache."""

MOST_GRID = 10**8
"""A grid of more candidates is cut or sampled."""


class Chunk(NamedTuple):
    """Some candidates: the position of the first, their ids, the digits of each axis, what each costs."""

    position: int
    ids: "list[int] | Array"
    digits: "tuple[Array, ...]"
    costs: "dict[str, Array]"


class Drawn(NamedTuple):
    """Candidates drawn at random: how many, and the seed."""

    many: int
    seed: int

    def sentence(self, grid: int) -> str:
        """Say how, of a grid of so many candidates."""
        how = "none twice" if grid <= MOST_SHUFFLED else f"each of all {grid}, so that one may come twice"
        return f"{self.many} drawn at random with seed {self.seed}, {how}"


def evaluator(space: Space) -> Evaluator:
    """Return a pure function from batches of candidates to what they cost."""
    numpy()
    found = varied(space)
    ranges = {each.name: (each.low, each.high) for each in found.space.axes if each.name in found.doors}
    programs: dict[tuple[int, ...], Counting] = {}
    for places, recording in found.recordings():
        programs[places] = _counting(recording, ranges) if recording else NEVER
    return Evaluator(found.space.axes, found.listed, programs)


def _counting(recording: Recording, ranges: Mapping[str, tuple[int, int]]) -> Counting:
    """Keep what the totals need of a walk."""
    return counting({name: total(values) for name, values in recording.costs.items()}, recording.checks, ranges)


def positions(space: Space, drawn: Drawn | None, *, parted: bool) -> int:
    """Return how many candidates a sweep has; refuse a grid nobody could wait for."""
    grid = size(space.axes)
    if drawn is None and grid > MOST_GRID and not parted:
        raise UsageError(f"the grid has {grid} candidates; --sample N draws some, --shard 1/16 takes a part")
    if drawn is not None and drawn.many >= grid:
        raise UsageError(f"--sample {drawn.many}: the grid has {grid} candidates; leave out --sample for all of them")
    return drawn.many if drawn else grid


def swept(space: Space, evaluate: Evaluator, part: range, drawn: Drawn | None = None) -> Iterator[Chunk]:
    """Yield what the candidates cost, chunk by chunk in their order."""
    sizes = [len(each.values) for each in space.axes]
    columns = _columns(evaluate)
    for position, places in _places(sizes, part, drawn):
        batch = {each.name: column[place] for each, column, place in zip(evaluate.axes, columns, places, strict=True)}
        yield _chunk(position, sizes, places, evaluate(batch))


def _columns(evaluate: Evaluator) -> "list[Array]":
    """Return the values of each axis as the evaluator takes them."""
    np = numpy()
    return [
        np.arange(len(each.values)) if each.name in evaluate.listed else np.array(each.values) for each in evaluate.axes
    ]


def _places(sizes: list[int], part: range, drawn: Drawn | None) -> "Iterator[tuple[int, tuple[Array, ...]]]":
    """Yield for each chunk which value of each axis its candidates have, as arrays to be broadcast."""
    np = numpy()
    if drawn is not None:
        yield from draws(sizes, part, drawn.seed, CHUNK)
        return
    for block in blocks(sizes, part.start, part.stop, CHUNK):
        yield number(sizes, [each.start for each in block]), _open(np, block)


def _open(np: Any, block: Block) -> "tuple[Array, ...]":
    """Lay the ranges of a block along one axis each."""
    count = len(block)
    return tuple(
        np.arange(each.start, each.stop).reshape([-1 if axis == place else 1 for axis in range(count)])
        for place, each in enumerate(block)
    )


def _chunk(position: int, sizes: list[int], places: "tuple[Array, ...]", costs: "dict[str, Array]") -> Chunk:
    np = numpy()
    shape = costs["macs"].shape
    flat = {name: values.reshape(-1) for name, values in costs.items()}
    spread = tuple(np.broadcast_to(place, shape).reshape(-1) for place in places)
    return Chunk(position, _ids(np, sizes, spread), spread, flat)


def _ids(np: Any, sizes: list[int], places: "tuple[Array, ...]") -> "list[int] | Array":
    """Return the numbers of candidates; ids beyond int64 are Python's integers."""
    kind = np.int64 if prod(sizes) < 2**63 else object
    ids: list[int] | Array = np.zeros(places[0].shape if places else 1, kind)
    for radix, place in zip(sizes, places, strict=True):
        ids = ids * radix + place.astype(kind)
    return ids


def candidate(space: Space, id_: int) -> dict[str, Value]:
    """Return the values of a candidate by the name of the axis."""
    sizes = [len(each.values) for each in space.axes]
    if not 0 <= id_ < prod(sizes):
        raise UsageError(f"--id {id_}: the candidates are numbered from 0 to {prod(sizes) - 1}")
    return {each.name: each.values[place] for each, place in zip(space.axes, digits(sizes, id_), strict=True)}


def why(space: Space, id_: int, reason: int) -> str:
    """Say why a candidate is invalid: what its exact count says first."""
    try:
        exact(space, candidate(space, id_))
    except SpecError as error:
        return str(error.problems[0])
    except (ShapeError, BadInput) as error:
        return str(error).partition("\n")[0]
    return f"the count does not fit 64 bits; --id {id_} counts it exactly" if reason == OVERFLOW else "it is invalid"
