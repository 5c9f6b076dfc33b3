"""A recorded walk made ready to run: what the results need, in registers that are used again."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.graph import INT64, Number, Recorded, Tape, fits

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
    Batch = Mapping[str, Array]


class Check(NamedTuple):
    """What must hold for a candidate: its register has to be zero, or at least 1."""

    path: str
    register: int
    relation: str


class Instruction(NamedTuple):
    """An operation by NumPy's name, where its result goes, and the registers it reads."""

    name: str
    target: int
    left: int
    right: int


class Program(NamedTuple):
    """A walk over any number of candidates at once; plain data, so it can be sent to other processes.

    A result is a register, or a number where it is the same for all. `safe` says
    that within the ranges of the variables no number can leave int64.
    """

    variables: Mapping[str, int]
    ranges: Mapping[str, tuple[int, int]]
    constants: Mapping[int, int]
    instructions: tuple[Instruction, ...]
    results: Mapping[str, int]
    checks: tuple[Check, ...]
    registers: int
    safe: bool


NEVER = Program({}, {}, {0: 0}, (), {"macs": 0, "params": 0}, (Check("", 0, "positive"),), registers=1, safe=True)
"""The program of a network that cannot be, whatever the axes say: no candidate is valid."""


class Wanted(NamedTuple):
    """A need of a step whose number was recorded: at which layer, and what must hold."""

    path: str
    value: Number
    relation: str


def compiled(tape: Tape, results: Mapping[str, Number], constraints: Sequence[Wanted]) -> Program:
    """Keep what the results need; a need that the bounds prove is dropped."""
    outputs = {name: _slot(tape, value) for name, value in results.items()}
    checks: dict[tuple[int, str], str] = {}
    for constraint in constraints:
        if not is_proved(constraint):
            checks.setdefault((_slot(tape, constraint.value), constraint.relation), constraint.path)
    wanted = {*outputs.values(), *(slot for slot, _ in checks), *tape.variables.values()}
    live = _live(tape, wanted)
    places, instructions, used = _allocated(tape, live, wanted)
    return Program(
        variables={name: places[slot] for name, slot in tape.variables.items()},
        ranges={name: _range(tape, slot) for name, slot in tape.variables.items()},
        constants={places[slot]: value for value, slot in tape.constants.items() if slot in live},
        instructions=instructions,
        results={name: places[slot] for name, slot in outputs.items()},
        checks=tuple(Check(path, places[slot], relation) for (slot, relation), path in checks.items()),
        registers=used,
        safe=fits(tape.bounds[slot] for slot in live),
    )


def _slot(tape: Tape, value: Number) -> int:
    return value.slot if isinstance(value, Recorded) else tape.constant(value)


def _range(tape: Tape, slot: int) -> tuple[int, int]:
    return tape.bounds[slot] or (-INT64, INT64)


def is_proved(constraint: Wanted) -> bool:
    """Tell whether a need holds for all candidates; ints have been judged by the walk."""
    if not isinstance(constraint.value, Recorded):
        return True
    bounds = constraint.value.bounds
    return bounds is not None and (bounds[0] >= 1 if constraint.relation == "positive" else bounds == (0, 0))


def _operands(tape: Tape, slot: int) -> tuple[int, ...]:
    op = tape.ops[slot]
    return () if op.name in {"variable", "constant"} else (op.left, op.right)


def _live(tape: Tape, wanted: set[int]) -> list[int]:
    """Return the slots that the wanted ones need, in order."""
    needed = set(wanted)
    for slot in range(len(tape.ops) - 1, -1, -1):
        if slot in needed:
            needed.update(_operands(tape, slot))
    return sorted(needed)


def _allocated(tape: Tape, live: list[int], kept: set[int]) -> tuple[dict[int, int], tuple[Instruction, ...], int]:
    """Give each slot a register; one is free again behind the last operation that reads it."""
    last = {operand: slot for slot in live for operand in _operands(tape, slot)}
    given = [slot for slot in live if not _operands(tape, slot)]
    places = {slot: register for register, slot in enumerate(given)}
    instructions: list[Instruction] = []
    free: list[int] = []
    used = len(given)
    for slot in live:
        operands = _operands(tape, slot)
        if not operands:
            continue
        reads = [places[operand] for operand in operands]
        done = {operand for operand in operands if last[operand] == slot} - kept - set(given)
        free += [places[operand] for operand in done]
        if not free:
            free.append(used)
            used += 1
        places[slot] = free.pop()
        instructions.append(Instruction(tape.ops[slot].name, places[slot], reads[0], reads[1]))
    return places, tuple(instructions), used


# Recorded walks, run on integer arrays.


VALID, OVERFLOW = -1, -2
"""What `reason` says of a candidate that is fine, and of one whose counts do not fit int64."""

_NEAR_INT64 = 2.0**62


class Evaluator(NamedTuple):
    """A pure function from a batch of candidates to what they cost; it can be pickled.

    A batch has an integer array for each axis of numbers (the width: an array of
    multipliers) between the ends of the axis, and for each other axis an array with the positions of its
    values, counted from 0. Arrays are broadcast. The result has `macs`, `params`,
    `valid` and `reason`, the number of the check that fails first.
    """

    axes: tuple[Axis, ...]
    listed: tuple[str, ...]
    programs: Mapping[tuple[int, ...], Program]

    def __call__(self, batch: "Batch") -> "dict[str, Array]":
        """Return what each candidate of a batch costs."""
        np = numpy()
        numbers = {each.name: _numerators(each, batch) for each in self.axes if each.name not in self.listed}
        if not self.listed:
            return _run(self.programs[()], numbers)
        shape = np.broadcast_shapes(*(np.shape(batch[each.name]) for each in self.axes))
        chosen = [np.asarray(batch[name]) for name in self.listed]
        results = {name: np.empty(shape, _TYPES[name]) for name in _TYPES}
        for places, program in self.programs.items():
            picked = _all(np, [each == place for each, place in zip(chosen, places, strict=True)])
            if picked.any():
                _fill(np, results, np.broadcast_to(picked, shape), program, numbers)
        return results

    def path(self, places: tuple[int, ...], reason: int) -> str:
        """Return the path of the layer whose check a reason numbers."""
        return self.programs[places].checks[reason].path


_TYPES = {"macs": "int64", "params": "int64", "valid": "bool", "reason": "int64"}


def _all(np: Any, masks: "Sequence[Array]") -> "Array":
    result = masks[0]
    for mask in masks[1:]:
        result = np.logical_and(result, mask)
    return result


def _fill(np: Any, results: "dict[str, Array]", picked: "Array", program: Program, numbers: "Batch") -> None:
    """Run one of several programs on its candidates, and put them where they belong."""
    own = {name: np.broadcast_to(values, picked.shape)[picked] for name, values in numbers.items()}
    for name, values in _run(program, own).items():
        results[name][picked] = values


def _numerators(each: Axis, batch: "Batch") -> "Array":
    """Return the exact numerators of decimals, which floats are near enough to name."""
    np = numpy()
    values: Array = np.asarray(batch[each.name])
    if each.per == 1 and values.dtype.kind == "i":
        return values
    whole: Array = np.rint(values * each.per)
    if not (abs(whole - values * each.per) < 1e-6).all():  # noqa: PLR2004  (rounding of a float, not another decimal)
        raise ValueError(f"{each.name} is not in steps of 1/{each.per}")
    return whole.astype(np.int64)


def _run(program: Program, numbers: "Batch") -> "dict[str, Array]":
    """Run a program on arrays that are broadcast."""
    np = numpy()
    _check_inside(program, numbers)
    shape = np.broadcast_shapes(*(each.shape for each in numbers.values())) if numbers else ()
    with np.errstate(all="ignore"):
        registers = _registers(np, program, numbers, np.int64)
        functions = {each.name: getattr(np, each.name) for each in program.instructions}
        for name, target, left, right in program.instructions:
            one = registers[left]
            registers[target] = abs(one) if name == "absolute" else functions[name](one, registers[right])
        reason = _reasons(np, program, registers, shape)
        if not program.safe:
            reason = np.where(_overflows(np, program, numbers, shape), OVERFLOW, reason)
    totals = {name: np.broadcast_to(registers[place], shape) for name, place in program.results.items()}
    return {**totals, "valid": reason == VALID, "reason": reason}


def _registers(np: Any, program: Program, numbers: "Batch", kind: Any) -> list[Any]:
    registers: list[Any] = [None] * program.registers
    for place, value in program.constants.items():
        registers[place] = kind(max(-INT64, min(INT64, value)))
    for name, place in program.variables.items():
        registers[place] = np.asarray(numbers[name], kind)
    return registers


def _reasons(np: Any, program: Program, registers: list[Any], shape: tuple[int, ...]) -> "Array":
    """Return the number of the first check that fails for each candidate."""
    reason: Array = np.broadcast_to(np.int64(VALID), shape)
    for place in range(len(program.checks) - 1, -1, -1):
        _, register, relation = program.checks[place]
        value = registers[register]
        reason = np.where(value < 1 if relation == "positive" else value != 0, place, reason)
    spread: Array = np.broadcast_to(reason, shape)
    return spread


def _check_inside(program: Program, numbers: "Batch") -> None:
    """Refuse what the bounds of the axes say nothing about."""
    for name, (low, high) in program.ranges.items():
        values = numbers[name]
        if values.size and not (low <= values.min() and values.max() <= high):
            raise ValueError(f"{name} has values outside its axis; make an evaluator for a wider one")


def _overflows(np: Any, program: Program, numbers: "Batch", shape: tuple[int, ...]) -> "Array":
    """Run a program on floats beside the integers: where they grow large, int64 may have wrapped."""
    registers = _registers(np, program, numbers, np.float64)
    large: Array = np.full(shape, any(abs(value) >= _NEAR_INT64 for value in program.constants.values()))
    for name, target, left, right in program.instructions:
        value = registers[target] = _shadow(np, name, registers[left], registers[right])
        large = large | ((abs(value) >= _NEAR_INT64) & np.isfinite(value))
    return large


def _shadow(np: Any, name: str, one: Any, other: Any) -> Any:
    if name == "absolute":
        return abs(one)
    return np.floor_divide(one, 2.0**other) if name == "right_shift" else getattr(np, name)(one, other)
