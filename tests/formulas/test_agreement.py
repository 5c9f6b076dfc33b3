"""One formula, three kinds of number: ints, NumPy arrays and SymPy symbols agree."""

import inspect
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
import sympy
from formula_samples import SAMPLES, labelled
from sampling import Fixed, Sample, counts

from flopcount.formulas.step import Step
from flopcount.spec.kinds import KINDS, formula, kind_named

EVERY_SAMPLE = pytest.mark.parametrize(
    ("kind", "sample"), [pytest.param(kind, sample, id=label) for label, kind, sample in labelled()]
)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)

Numbers = tuple[int, ...]


def one_changed(base: Numbers) -> Iterator[Numbers]:
    """Yield the numbers with one of them changed, in turn."""
    for place, number in enumerate(base):
        for other in (number + 1, number + 2, 2 * number, 3 * number + 1):
            yield (*base[:place], other, *base[place + 1 :])


def all_changed(base: Numbers, times: int) -> Iterator[Numbers]:
    """Yield the numbers with each of them changed, always the same way."""
    random = Random(7)  # noqa: S311  (variety, not secrecy)
    for _ in range(times):
        yield tuple(number + random.randrange(7) for number in base)


@EVERY_KIND
def test_every_kind_has_samples(kind: str) -> None:
    assert SAMPLES.get(kind), f"{kind}: add a line to formula_samples.py"


def test_samples_are_of_kinds_that_exist() -> None:
    assert SAMPLES.keys() <= KINDS.keys()


@EVERY_KIND
def test_every_option_occurs_in_a_sample(kind: str) -> None:
    parameters = inspect.signature(formula(kind)).parameters.values()
    options = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert options == {name for each in SAMPLES[kind] for name in each.options}


@EVERY_KIND
def test_a_file_could_say_the_same(kind: str) -> None:
    """The options of the samples are possible in an arch file."""
    for sample in SAMPLES[kind]:
        given = {name: unwrapped(value) for name, value in sample.options.items()}
        layer = kind_named(kind).model_validate(given)
        assert {name: getattr(layer, name) for name in given} == given


def unwrapped(value: Any) -> Any:
    """Return a value of a sample as a file has it."""
    if isinstance(value, tuple):
        return tuple(map(unwrapped, value))
    return value.value if isinstance(value, Fixed) else value


@EVERY_KIND
def test_ints_stay_ints(kind: str) -> None:
    """Ints in, ints out: no float, no bool."""
    for sample in SAMPLES[kind]:
        found = counts(sample.step(kind))
        assert {name: type(count) for name, count in found.items()} == dict.fromkeys(found, int)


@EVERY_SAMPLE
def test_arrays_agree_with_ints(kind: str, sample: Sample) -> None:
    """An array of candidates gives, element by element, what each candidate gives alone."""
    base = sample.numbers
    rows = [base, *one_changed(base), *all_changed(base, times=20)]
    columns = np.array(rows, dtype=np.int64).T
    found = counts(sample.step(kind, columns))
    alone = [counts(sample.step(kind, row)) for row in rows]
    assert {name: np.asarray(count).dtype.kind for name, count in found.items()} == dict.fromkeys(found, "i")
    assert {name: spread(count, len(rows)) for name, count in found.items()} == {
        name: [each[name] for each in alone] for name in alone[0]
    }


def spread(count: Any, times: int) -> list[int]:
    """Write an array, or a number that is the same for all candidates, as a list."""
    written: list[int] = np.broadcast_to(count, times).tolist()
    return written


@EVERY_SAMPLE
def test_symbols_agree_with_ints(kind: str, sample: Sample) -> None:
    """A closed form gives, once numbers are put into it, what the numbers give."""
    base = sample.numbers
    symbols = [symbol(place, number) for place, number in enumerate(base)]
    closed = counts(sample.step(kind, symbols))
    for row in (base, *all_changed(base, times=3)):
        values = {name: sympy.Integer(number) for name, number in zip(symbols, row, strict=True)}
        found = {name: sympy.sympify(form).xreplace(values) for name, form in closed.items()}
        assert found == counts(sample.step(kind, row))


def symbol(place: int, number: int) -> Any:
    """Make a positive integer symbol; one that may be 0 where the sample's number is."""
    sign = "positive" if number else "nonnegative"
    return sympy.Symbol(f"n{place}", integer=True, **{sign: True})


@EVERY_KIND
def test_all_kinds_of_number_go_the_same_way(kind: str) -> None:
    """Ints and symbols give steps of the same build: kinds, parts, names and constraints."""
    for sample in SAMPLES[kind]:
        symbols = [symbol(place, number) for place, number in enumerate(sample.numbers)]
        assert build(sample.step(kind, symbols)) == build(sample.step(kind))


def build(step: Step) -> Any:
    """Describe a step without its numbers."""
    parts = [(part.name, build(part.step)) for part in step.parts]
    return (
        step.kind,
        step.shape.channel_axis,
        [*counts(step)],
        [constraint.text for constraint in step.constraints],
        parts,
    )
