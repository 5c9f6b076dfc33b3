"""What lowers the peak of memory: each change is counted."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from flopcount.analyses.memory.curve import peak_of
from flopcount.case import Case
from flopcount.errors import BadInput
from flopcount.formulas.numbers import exact
from flopcount.network.memory import Style
from flopcount.network.plan import MOST_VARIED
from flopcount.network.trace import options
from flopcount.spec.load import setting
from flopcount.spec.units import decimal

LESS = Fraction(3, 4)
"""The part of a width or a size that is tried."""

MOST_TRIED = 4
"""So many layers are tried until one can have half of its channels."""

NARROW = 8
"""The bits that are tried in place of more."""


class Lowered(NamedTuple):
    """A change, as an option if there is one, and the peak with it."""

    what: str
    option: str
    peak: int


def lowered(case: Case) -> list[Lowered] | None:
    """Return what lowers the peak, the lowest first, of what is allowed; None if the network is too large."""
    if len(case.plan.nodes) > MOST_VARIED:
        return None
    now = peak_of(case)
    return sorted((each for each in _counted(case) if each.peak < now.bytes), key=lambda each: each.peak)


def _counted(case: Case) -> Iterator[Lowered]:
    for what, option, other in _changes(case):
        try:
            yield Lowered(what, option, other().count.lifetimes(Style()).peak)
        except BadInput:
            continue
    yield Lowered("elementwise layers in place", "", case.count.lifetimes(Style(in_place=True)).peak)


def _changes(case: Case) -> Iterator[tuple[str, str, Callable[[], Case]]]:
    width = decimal(Fraction(case.width or "1") * LESS)
    yield "width", f"--width {width}", lambda: case.at(width=width)
    if size := _smaller(case):
        yield "input", f"--input {size}", lambda: case.at(input=size)
    if any(bits.activations > NARROW for bits in case.count.bits.values()):
        yield "precision", "--precision int8", lambda: case.at(precision="int8")
    for path, channels in islice(_layers(case), MOST_TRIED):
        for option, other in _narrowed(case, path, channels):
            if _is_possible(other):
                yield f"half the channels of {path}", option, other
                return


def _narrowed(case: Case, path: str, channels: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Yield the ways to give a layer other channels: an option if the file has the layer as a row, else none."""
    text = f"{path}.out_channels={channels}"
    if not case.plan.sized:
        yield f"--set {text}", lambda: case.at(settings=(*case.settings, setting(text)))
    given = {**case.given, path: {**case.given.get(path, {}), "out_channels": channels}}
    yield "", lambda: case.with_plan(case.plan, given)


def _is_possible(other: Callable[[], Case]) -> bool:
    try:
        _ = other().trace
    except BadInput:
        return False
    return True


def _smaller(case: Case) -> str:
    """Return a smaller size of the only input, in steps of 32, or of less if it is no multiple of that."""
    inputs = [*case.inputs.values()]
    sizes = [exact(size) for size in inputs[0].spatial] if len(inputs) == 1 else []
    if not sizes:
        return ""
    step = next(step for step in (32, 16, 8, 4, 2, 1) if all(size % step == 0 for size in sizes))
    found = [int(size * LESS) // step * step for size in sizes]
    if min(found) < 1 or found == sizes:
        return ""
    return "x".join(map(str, found if len({*sizes}) > 1 else found[:1]))


def _layers(case: Case) -> Iterator[tuple[str, int]]:
    """Yield the layers that write the largest tensors of the peak, each with half its channels."""
    settings = options(case.trace, case.given)
    for life in sorted(peak_of(case).lives, key=lambda life: -exact(life.tensor.size)):
        channels = settings.get(life.name, {}).get("out_channels")
        if isinstance(channels, int) and channels > 1:
            yield life.name, channels // 2
