"""Any number of candidates at once: each network walked once with recorded numbers, then run on whole chunks.

Chunks are outer products of the axes, so what depends on one axis alone is
computed once for each of its values.
"""

from collections.abc import Iterator, Mapping
from itertools import product as combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.axes import Block, Value, blocks, digits, number, size
from flopcount.analyses.candidates import Door, Space, addressed, alike, door, exact, network, walk
from flopcount.analyses.counted import batched
from flopcount.analyses.evaluation import OVERFLOW, Evaluator, numpy
from flopcount.analyses.program import NEVER, Program, Wanted, compiled
from flopcount.analyses.tape import Recorded, Tape
from flopcount.counting.evaluate import EvaluationError
from flopcount.counting.folding import folded
from flopcount.counting.frames import Given, Values, valued
from flopcount.counting.nodes import Node
from flopcount.counting.trace import Trace
from flopcount.errors import BadInput, ShapeError, SpecError, UsageError
from flopcount.formulas.dims import total
from flopcount.schema.base import LARGEST

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

CHUNK = 16_384
"""Candidates at once: their arrays stay in the processor's cache."""

MOST_GRID = 10**8
"""A grid of more candidates is cut or sampled."""

MOST_WALKS = 4096
"""More combinations of values that are no numbers are refused."""


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


def evaluator(space: Space) -> Evaluator:
    """Return a pure function from batches of candidates to what they cost."""
    numpy()
    space = space._replace(axes=tuple(addressed(space, each) for each in space.axes))
    first: dict[str, Value] = {}
    doors = {each.name: found for each in space.axes if (found := door(space, each, first))}
    doors = {name: found for name, found in doors.items() if _can_be_recorded(space, name, doors)}
    listed = [each for each in space.axes if each.name not in doors]
    walks = prod(len(each.values) for each in listed)
    if walks > MOST_WALKS:
        names = ", ".join(each.name for each in listed)
        raise UsageError(f"{names}: {walks} combinations change more than numbers; {MOST_WALKS} are the most")
    programs: dict[tuple[int, ...], Program] = {}
    for places in combinations(*(range(len(each.values)) for each in listed)):
        fixed = {each.name: each.values[place] for each, place in zip(listed, places, strict=True)}
        try:
            programs[places] = _recorded(space, fixed, _doors(space, fixed, doors))
        except (SpecError, ShapeError):
            if not fixed:
                raise
            programs[places] = NEVER
    return Evaluator(space.axes, tuple(each.name for each in listed), programs)


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


def _recorded(space: Space, fixed: Mapping[str, Value], doors: Mapping[str, Door]) -> Program:
    """Walk once, and keep what the convention weighs."""
    tape, traced, given = _walked(space, fixed, doors)
    needs = [each for node, step in traced.items() for each in _needs(node, step, traced, given)]
    traced = folded(traced) if space.convention.folds else traced
    rule, steps = batched(space.convention, traced), traced.steps.values()
    results: dict[str, Any] = {"macs": total(map(rule.macs_of, steps)), "params": total(map(rule.params_of, steps))}
    return compiled(tape, results, needs)


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
        yield from _draws(np, sizes, part, drawn.seed)
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


def _draws(np: Any, sizes: list[int], part: range, seed: int) -> "Iterator[tuple[int, tuple[Array, ...]]]":
    """Draw each candidate on its own; each chunk has its own stream, so that a sweep can be cut and resumed."""
    for chunk in range(part.start // CHUNK, -(-part.stop // CHUNK)):
        first = chunk * CHUNK
        stream = np.random.Generator(np.random.PCG64([seed, chunk]))
        inside = slice(max(part.start - first, 0), min(part.stop - first, CHUNK))
        yield first + inside.start, tuple(stream.integers(0, radix, CHUNK)[inside] for radix in sizes)


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
