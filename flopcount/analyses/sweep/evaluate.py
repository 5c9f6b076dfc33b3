"""Programs of networks, run on integer arrays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.sweep.axes import Axis
from flopcount.formulas.numbers import SMALL, Dim, Program, bounds_of, compiled, total

Batch = Mapping[str, Array]

LAST = 2**63 - 1
"""The largest integer of an array."""

VALID, OVERFLOW = -1, -2
"""Values of `reason`: the candidate is valid; its counts may not fit 64 bits."""


class Check(NamedTuple):
    """A constraint on a number at a layer: it must be 0, or at least 1 if the relation is "positive"."""

    path: str
    value: Dim
    relation: str

    @property
    def is_proved(self) -> bool:
        """Whether the bounds show that it holds for all candidates; ints were checked by the trace."""
        low, high = bounds_of(self.value)
        return isinstance(self.value, int) or (low >= 1 if self.relation == "positive" else low == high == 0)

    def holds(self, values: Any) -> Any:
        """Tell for which values the constraint holds."""
        return values >= 1 if self.relation == "positive" else values == 0


class Counting(NamedTuple):
    """A program for the metrics, the vanished maps and the checks of a network; plain data that can be pickled."""

    metrics: tuple[str, ...]
    program: Program
    ranges: Mapping[str, tuple[int, int]]
    checks: tuple[Check, ...]


def counting(
    costs: Mapping[str, Iterable[Dim]], vanished: Dim, checks: Sequence[Check], ranges: Mapping[str, tuple[int, int]]
) -> Counting:
    """Compile the costs of a network and the checks that the bounds do not prove."""
    found: dict[tuple[Dim, str], Check] = {}
    for each in checks:
        if not each.is_proved:
            found.setdefault((each.value, each.relation), each)
    program = compiled([*map(total, costs.values()), vanished, *(each.value for each in found.values())])
    kept = {name: ranges[name] for name in program.variables}
    return Counting(tuple(costs), program, kept, tuple(each._replace(value=0) for each in found.values()))


class Evaluator(NamedTuple):
    """A pure function from a batch of candidates to their costs; it can be pickled.

    A batch has an integer array for each bound axis (for the width, an array of multipliers), with values between the
    ends of the axis, and for each listed axis an array with the positions of its values, counted from 0. Arrays are
    broadcast. The result has the metrics, `valid`, `reason`, the number of the first check that fails, and `vanished`,
    where maps do not exist. A program is None if the network is invalid whatever the other axes are.
    """

    axes: tuple[Axis, ...]
    metrics: tuple[str, ...]
    listed: tuple[str, ...]
    programs: Mapping[tuple[int, ...], Counting | None]

    def __call__(self, batch: "Batch") -> "dict[str, Array]":
        """Return the costs of each candidate of a batch."""
        np = numpy()
        numbers = {each.name: _numerators(each, batch) for each in self.axes if each.name not in self.listed}
        if not self.listed and (only := self.programs[()]):
            return _run(only, numbers)
        shape = np.broadcast_shapes(*(np.shape(batch[each.name]) for each in self.axes))
        chosen = [np.asarray(batch[name]) for name in self.listed]
        results = {name: np.zeros(shape, np.int64) for name in (*self.metrics, "reason")}
        results |= {name: np.zeros(shape, bool) for name in ("valid", "vanished")}
        for places, program in self.programs.items():
            pairs = zip(chosen, places, strict=True)
            picked = np.broadcast_to(reduce(np.logical_and, (each == place for each, place in pairs), np.True_), shape)
            if program and picked.any():
                own = {name: np.broadcast_to(values, shape)[picked] for name, values in numbers.items()}
                for name, values in _run(program, own).items():
                    results[name][picked] = values
        return results

    @property
    def may_vanish(self) -> bool:
        """Whether maps of some candidate may not exist."""
        found = ((each.program, len(each.metrics)) for each in self.programs.values() if each)
        return any(program.constants.get(program.results[place]) != 0 for program, place in found)

    def path(self, places: tuple[int, ...], reason: int) -> str:
        """Return the path of the layer whose check a reason numbers."""
        program = self.programs[places]
        return program.checks[reason].path if program else ""


def _numerators(each: Axis, batch: "Batch") -> "Array":
    """Return the exact numerators of decimals that are given as floats."""
    np = numpy()
    values: Array = np.asarray(batch[each.name])
    if each.per == 1 and values.dtype.kind == "i":
        return values
    whole: Array = np.rint(values * each.per)
    if not (abs(whole - values * each.per) < 1e-6).all():  # noqa: PLR2004  (rounding of a float, not another decimal)
        raise ValueError(f"{each.name} is not in steps of 1/{each.per}")
    return whole.astype(np.int64)


def _run(found: Counting, numbers: "Batch") -> "dict[str, Array]":
    """Run a program on arrays that are broadcast."""
    np = numpy()
    _check_inside(found, numbers)
    shape = np.broadcast_shapes(*(each.shape for each in numbers.values())) if numbers else ()
    arrays = {name: np.asarray(each, np.int64) for name, each in numbers.items()}
    with np.errstate(all="ignore"):
        values = found.program.run(operations(np), lambda value: np.int64(max(-LAST, min(LAST, value))), arrays)
        vanished, *checked = values[len(found.metrics) :]
        reason: Array = np.broadcast_to(np.int64(VALID), shape)
        for place in range(len(found.checks) - 1, -1, -1):
            reason = np.where(found.checks[place].holds(checked[place]), reason, place)
        if not found.program.is_small:
            reason = np.where(_overflows(np, found.program, numbers, shape), OVERFLOW, reason)
    totals = {name: np.broadcast_to(value, shape) for name, value in zip(found.metrics, values, strict=False)}
    columns = {"valid": reason == VALID, "reason": reason, "vanished": vanished >= 1}
    return {**totals, **{name: np.broadcast_to(column, shape) for name, column in columns.items()}}


def _check_inside(found: Counting, numbers: "Batch") -> None:
    """Refuse values outside the bounds of the axes."""
    for name, (low, high) in found.ranges.items():
        values = numbers[name]
        if values.size and not (low <= values.min() and values.max() <= high):
            raise ValueError(f"{name} has values outside its axis; make an evaluator for a wider one")


def operations(np: Any) -> Mapping[str, Callable[..., Any]]:
    """Return the operations of expressions on arrays of ints or floats."""

    def floor_divide(one: Any, other: Any) -> Any:
        if isinstance(other, np.int64) and other > 0 and not other & (other - 1):
            return one >> (int(other).bit_length() - 1)
        return np.floor_divide(one, other)

    def ceil_divide(one: Any, other: Any) -> Any:
        is_plain = isinstance(other, np.int64) and other > 0
        return floor_divide(one + (other - 1), other) if is_plain else -np.floor_divide(-one, other)

    def remainder(one: Any, other: Any) -> Any:
        is_mask = isinstance(other, np.int64) and other > 0 and not other & (other - 1)
        return one & (other - 1) if is_mask else np.remainder(one, other)

    return {
        **{name: getattr(np, name) for name in ("add", "subtract", "multiply", "maximum", "minimum")},
        "floor_divide": floor_divide,
        "ceil_divide": ceil_divide,
        "exact_divide": floor_divide,
        "remainder": remainder,
        "where": lambda test, then, otherwise: np.where(test >= 1, then, otherwise),
    }


def _overflows(np: Any, program: Program, numbers: "Batch", shape: tuple[int, ...]) -> "Array":
    """Run a program on floats beside the integers: where they grow large, 64 bits may have overflowed."""
    large: Array = np.full(shape, any(abs(value) >= SMALL for value in program.constants.values()))

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            nonlocal large
            value = function(*args)
            large = large | ((abs(value) >= SMALL) & np.isfinite(value))
            return value

        return run

    floats = {name: np.asarray(each, np.float64) for name, each in numbers.items()}
    program.run({name: watched(each) for name, each in operations(np).items()}, np.float64, floats)
    return large
