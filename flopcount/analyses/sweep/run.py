"""Any number of candidates at once: each network traced once, then run on whole chunks.

Chunks are outer products of the axes, so what depends on one axis alone is computed once for each of its values.
"""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.sweep.axes import MOST_SHUFFLED, Block, Value, blocks, digits, draws, number, size
from flopcount.analyses.sweep.evaluate import OVERFLOW, Evaluator, counting
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.record import varied
from flopcount.errors import BadInput, FileError, SpecError, UsageError
from flopcount.network.metrics import METRICS

CHUNK = 16_384
"""Candidates per chunk: their arrays fit into the processor's cache."""

MOST_COUNTED = 100_000
"""Metrics without an expression are counted for at most so many candidates."""

MOST_GRID, MOST_SWEPT = 10**8, 10**15
"""A grid of more candidates is sampled, or swept into a folder or on a cluster; one beyond these is not enumerated."""


class Chunk(NamedTuple):
    """Some candidates: the position of the first, their ids, the digits of each axis, their costs."""

    position: int
    ids: "list[int] | Array"
    digits: "tuple[Array, ...]"
    costs: "dict[str, Array]"


class Drawn(NamedTuple):
    """Candidates drawn at random: how many, and the seed."""

    many: int
    seed: int

    def sentence(self, grid: int) -> str:
        """Describe the sample of a grid of this size."""
        how = "without replacement" if grid <= MOST_SHUFFLED else f"with replacement, from {grid}"
        return f"{self.many} sampled at random with seed {self.seed}, {how}"


def evaluator(space: Space) -> Evaluator:
    """Return a pure function from batches of candidates to their costs."""
    numpy()
    space = space._replace(case=space.case.at(metrics=[name for name in space.case.metrics if METRICS[name].is_closed]))
    found = varied(space)
    programs = {
        places: counting(each.costs, each.vanished, each.checks, found.ranges) if each else None
        for places, each in found.recordings()
    }
    return Evaluator(space.axes, space.metrics, found.listed, programs)


KINDS = {each.name: {"ratio": float, "axes": object}.get(each.unit, int) for each in METRICS.values()}
"""The types of columns of metrics."""


def counted(space: Space) -> tuple[str, ...]:
    """Return the metrics that have no expression, so each candidate is counted."""
    return tuple(name for name in space.metrics if not METRICS[name].is_closed)


def check_counted(space: Space, many: int, *, is_large: bool) -> None:
    """Refuse to count too many candidates one by one, unless the sweep is a large one."""
    names = counted(space)
    if lost := [name for name in names if METRICS[name].combine == "none" and not METRICS[name].whole]:
        raise UsageError(f"{lost[0]} is a number of each layer, and a sweep has numbers of whole networks")
    if names and many > MOST_COUNTED and not is_large:
        what = (
            f"{', '.join(names)}: counted one candidate at a time, so at most {MOST_COUNTED:,}, and here are {many:,}"
        )
        raise UsageError(f"{what}; use --sample N, or -o FOLDER/, which can be resumed")


def positions(space: Space, drawn: Drawn | None, *, is_large: bool) -> int:
    """Return how many candidates a sweep has; refuse a grid that is too large for it."""
    grid = size(space.axes)
    if drawn is None and grid > (MOST_SWEPT if is_large else MOST_GRID):
        instead = "ask flopcount space, which enumerates nothing" if is_large else "-o FOLDER/, which can be resumed"
        raise UsageError(f"the grid has {grid} candidates; use --sample N, or {instead}")
    if drawn is not None and drawn.many >= grid:
        raise UsageError(f"--sample {drawn.many}: the grid has {grid} candidates; omit --sample to count all of them")
    return drawn.many if drawn else grid


def swept(space: Space, evaluate: Evaluator, part: range, drawn: Drawn | None = None) -> Iterator[Chunk]:
    """Yield the costs of the candidates, chunk by chunk in order."""
    sizes = [len(each.values) for each in space.axes]
    listed = {*evaluate.listed}
    pairs = ((each.name, range(len(each.values)) if each.name in listed else each.values) for each in space.axes)
    columns = {name: numpy().array(values) for name, values in pairs}
    for position, places in _places(sizes, part, drawn):
        batch = {name: column[place] for (name, column), place in zip(columns.items(), places, strict=True)}
        chunk = _chunk(position, sizes, places, evaluate(batch))
        yield _with_counts(space, chunk) if counted(space) else chunk


def _with_counts(space: Space, chunk: Chunk) -> Chunk:
    """Count each valid candidate of a chunk for what has no expression; others have 0."""
    names = counted(space)
    case = space.case.at(metrics=names)
    totals = [
        space._replace(case=case).at(candidate(space, int(id_))).count.total if is_valid else {}
        for id_, is_valid in zip(chunk.ids, chunk.costs["valid"].tolist(), strict=True)
    ]
    found = {name: numpy().array([each.get(name, 0) for each in totals], KINDS[name]) for name in names}
    return chunk._replace(costs={**chunk.costs, **found})


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
    return tuple(np.ix_(*(np.arange(each.start, each.stop) for each in block)))


def _chunk(position: int, sizes: list[int], places: "tuple[Array, ...]", costs: "dict[str, Array]") -> Chunk:
    np = numpy()
    shape = costs["valid"].shape
    flat = {name: values.reshape(-1) for name, values in costs.items()}
    spread = tuple(np.broadcast_to(place, shape).reshape(-1) for place in places)
    kind = np.int64 if prod(sizes) < 2**63 else object  # ids beyond are Python's integers
    return Chunk(position, number(sizes, [place.astype(kind) for place in spread]), spread, flat)


def candidate(space: Space, id_: int) -> dict[str, Value]:
    """Return the values of a candidate by the name of the axis."""
    sizes = [len(each.values) for each in space.axes]
    if not 0 <= id_ < prod(sizes):
        raise UsageError(f"--id {id_}: ids go from 0 to {prod(sizes) - 1}")
    return {each.name: each.values[place] for each, place in zip(space.axes, digits(sizes, id_), strict=True)}


def why(space: Space, id_: int, reason: int) -> str:
    """Return why a candidate is invalid: the first problem of its exact count."""
    try:
        _ = space.at(candidate(space, id_)).count
    except (SpecError, FileError) as error:
        problem = error.problems[0]
        return str(problem) if isinstance(error, SpecError) else problem.what
    except BadInput as error:
        return str(error)
    return f"the count does not fit 64 bits; --id {id_} counts it exactly" if reason == OVERFLOW else "it is invalid"
