"""One formula for every kind of number: ints, and expressions evaluated on ints, arrays and symbols, agree."""

import inspect
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from expressions import LARGEST, at, in_arrays
from formula_samples import SAMPLES, labelled
from sampling import Fixed, Sample, counts

from flopcount.formulas.numbers import Expr, Graph
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


def letters(sample: Sample) -> list[Expr]:
    """Return an expression for each number of a sample; one that may be 0 where the sample's number is."""
    graph = Graph()
    return [graph.variable(f"n{place}", min(number, 1), LARGEST) for place, number in enumerate(sample.numbers)]


@EVERY_KIND
def test_every_kind_has_samples(kind: str) -> None:
    assert SAMPLES.get(kind), f"{kind}: add a line to formula_samples.py"


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
def test_expressions_agree_with_ints(kind: str, sample: Sample) -> None:
    """Expressions give, for each candidate of an array and on ints, what the candidate gives alone."""
    base = sample.numbers
    rows = [base, *one_changed(base), *all_changed(base, times=20)]
    found = counts(sample.step(kind, letters(sample)))
    alone = [counts(sample.step(kind, row)) for row in rows]
    columns = {f"n{place}": column for place, column in enumerate(np.array(rows, dtype=np.int64).T)}
    spread = [np.broadcast_to(each, len(rows)).tolist() for each in in_arrays([*found.values()], columns)]
    assert spread == [[each[name] for each in alone] for name in found]
    first = {name: int(column[0]) for name, column in columns.items()}
    assert at([*found.values()], first) == [*alone[0].values()]


@EVERY_KIND
def test_all_kinds_of_number_go_the_same_way(kind: str) -> None:
    """Ints and expressions give steps of the same build: kinds, parts, names and constraints."""
    for sample in SAMPLES[kind]:
        assert build(sample.step(kind, letters(sample))) == build(sample.step(kind))


def build(step: Step) -> Any:
    """Describe a step without its numbers."""
    parts = [(part.name, build(part.step)) for part in step.parts]
    texts = [constraint.text for constraint in step.constraints]
    return step.kind, step.shape.channel_axis, [*counts(step)], texts, parts
