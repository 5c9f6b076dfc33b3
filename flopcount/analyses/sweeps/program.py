"""A recorded walk made ready to run: what the results need, in registers that are used again."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flopcount.analyses.sweeps.bounds import INT64, fits
from flopcount.analyses.sweeps.tape import Number, Recorded, Tape


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


def compiled(tape: Tape, results: Mapping[str, Number], needs: Sequence[Wanted]) -> Program:
    """Keep what the results need; a need that the bounds prove is dropped."""
    outputs = {name: _slot(tape, value) for name, value in results.items()}
    checks: dict[tuple[int, str], str] = {}
    for need in needs:
        if not is_proved(need):
            checks.setdefault((_slot(tape, need.value), need.relation), need.path)
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


def is_proved(need: Wanted) -> bool:
    """Tell whether a need holds for all candidates; ints have been judged by the walk."""
    if not isinstance(need.value, Recorded):
        return True
    bounds = need.value.bounds
    return bounds is not None and (bounds[0] >= 1 if need.relation == "positive" else bounds == (0, 0))


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
