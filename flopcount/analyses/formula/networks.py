"""The cost of a network as a polynomial in its resolution, batch or width.

The network is traced once with an expression for the axis. The expressions are then evaluated on polynomials, with the
axis written as start + step·t for t = 0, 1, 2, … If the step is a multiple of everything that is divided by, all
roundings are the same for every t and the result is a polynomial. It is returned after a comparison with exact counts.
"""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cache
from itertools import zip_longest
from math import gcd, lcm
from typing import Any, NamedTuple

from flopcount.case import Case, notes_of
from flopcount.errors import FileError, Note, SpecError, UsageError
from flopcount.formulas.numbers import Graph, Program, compiled, exact, total
from flopcount.network.inputs import resized
from flopcount.network.metrics import Cost
from flopcount.network.network import MOST_READ_AGAIN
from flopcount.network.transform import scaled
from flopcount.spec.expression import Ratio
from flopcount.spec.fields import LARGEST

# Polynomials in t = 0, 1, 2, … with integer coefficients, the constant first and no zeros at the end.

Coefficients = tuple[int, ...]


class Unsettled(Exception):
    """The result is not a polynomial: replace t by `factor`·t or, for 1, start later."""

    def __init__(self, factor: int) -> None:
        super().__init__(factor)
        self.factor = factor


def _polynomial(*coefficients: int) -> Coefficients:
    while coefficients and not coefficients[-1]:
        coefficients = coefficients[:-1]
    return coefficients


def _add(one: Coefficients, other: Coefficients) -> Coefficients:
    return _polynomial(*(a + b for a, b in zip_longest(one, other, fillvalue=0)))


def _subtract(one: Coefficients, other: Coefficients) -> Coefficients:
    return _polynomial(*(a - b for a, b in zip_longest(one, other, fillvalue=0)))


def _multiply(one: Coefficients, other: Coefficients) -> Coefficients:
    result = [0] * (len(one) + len(other))
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            result[i + j] += a * b
    return _polynomial(*result)


def _floor_divide(whole: Coefficients, divisors: Coefficients) -> Coefficients:
    """Divide and round down; only the constant may leave a remainder, the same for every t."""
    if len(divisors) != 1:
        return _divided(whole, divisors)
    constant, *others = whole or (0,)
    divisor = divisors[0]
    factor = lcm(*(abs(divisor) // gcd(each, divisor) for each in others))
    if factor > 1:
        raise Unsettled(factor)
    return _polynomial(constant // divisor, *(each // divisor for each in others))


def _divided(whole: Coefficients, divisor: Coefficients) -> Coefficients:
    """Divide by a polynomial; nothing may be left."""
    if not divisor:
        raise ZeroDivisionError
    rest: list[Any] = [*map(Fraction, whole)]
    quotient: list[Fraction] = []
    while len(rest) >= len(divisor):
        factor = rest[-1] / divisor[-1]
        quotient.insert(0, factor)
        for place, each in enumerate(divisor, start=len(rest) - len(divisor)):
            rest[place] -= factor * each
        rest.pop()
    common = lcm(*(each.denominator for each in quotient))
    if any(rest) or common > 1:
        raise Unsettled(common)
    return _polynomial(*map(int, quotient))


def _is_at_most(one: Coefficients, other: Coefficients) -> bool:
    """Tell whether one is at most the other for every t, rather than at least; refuse anything else."""
    distance = _subtract(other, one)
    if all(each >= 0 for each in distance):
        return True
    if all(each <= 0 for each in distance):
        return False
    raise Unsettled(1)


def _where(test: Coefficients, then: Coefficients, otherwise: Coefficients) -> Coefficients:
    if all(each <= 0 for each in test):
        return otherwise
    if _is_at_most((1,), test):
        return then
    raise Unsettled(1)


OPERATIONS: Mapping[str, Callable[..., Coefficients]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "floor_divide": _floor_divide,
    "ceil_divide": lambda whole, divisor: _subtract((), _floor_divide(_subtract((), whole), divisor)),
    "exact_divide": _floor_divide,
    "remainder": lambda whole, divisor: _subtract(whole, _multiply(_floor_divide(whole, divisor), divisor)),
    "maximum": lambda one, other: other if _is_at_most(one, other) else one,
    "minimum": lambda one, other: one if _is_at_most(one, other) else other,
    "where": _where,
}

LARGEST_STEPS: Mapping[str, int] = {"resolution": 4096, "tokens": 4096, "batch": 1, "width": 8}
"""A polynomial that holds only at multiples of a larger step is not reported."""

LATEST_START = 16
"""A polynomial may start at most this many steps after the value of the file."""

MOST_STEPS = 200_000
"""Layers that are counted, with 20 more for each count, to find where a polynomial starts below the file's value."""

AXES: Mapping[str, str] = {"resolution": "r", "tokens": "n", "batch": "b", "width": "α"}
"""The variables of a network's polynomial, with their letters; tokens are the resolution of a sequence."""


class VariedCase(NamedTuple):
    """A case, and the axis along which it varies."""

    case: Case
    axis: str

    def at(self, value: Fraction) -> Case:
        """Return the case at one value of the axis."""
        if self.axis == "width":
            return self.case.at(width=str(value))
        return self.case.at(batch=int(value)) if self.axis == "batch" else self.case.at(input=self._input(int(value)))

    def _input(self, size: int) -> str:
        """Return a size for all spatial axes, after what the case says of the others."""
        first = next(iter(resized(self.case.inputs, self.case.plan.inputs, size).values()))
        return "x".join(map(str, first.dims[-len(self.case.plan.input) :] if self.case.batch else first.dims))

    def symbolic(self, value: Ratio) -> Case:
        """Return the case with an expression for the axis."""
        case = self.case
        if self.axis == "width":
            return case.with_plan(case.plan, scaled(case.plan, case.plan.scaling, value))
        size, batch = (None, value.numerator) if self.axis == "batch" else (value.numerator, None)
        return case.with_plan(case.plan, case.given, resized(case.inputs, case.plan.inputs, size, batch))

    @property
    def start(self) -> Fraction:
        """The value of the axis in the file."""
        if self.axis in {"batch", "width"}:
            return Fraction(1)
        name, x = next(iter(self.case.inputs.items()))
        rank = len(self.case.plan.input)
        before = x.dims[-rank:-1] if name in self.case.plan.tokens else x.spatial
        sizes = {*before} if rank > 1 else {x.channels}
        if len(sizes) != 1:
            what = f"{self.case.name} has no single resolution"
            raise UsageError(f"{what}; give --input with one size for all spatial axes")
        return Fraction(exact(sizes.pop()))

    @property
    def least(self) -> Fraction:
        """The smallest step of the axis."""
        if self.axis != "width":
            return Fraction(1)
        wide = (each["out_channels"] for each in scaled(self.case.plan, None, Ratio(1, 1)).values())
        return Fraction(1, gcd(*(each for each in wide if isinstance(each, int))) or 1)

    @property
    def none(self) -> str:
        """The beginning of a sentence: that there is no polynomial."""
        return f"{self.case.name} has no polynomial in {self.axis}"


class Symbolic(NamedTuple):
    """A network as a program in the smallest steps of its axis: metrics, and numbers that must be 0 at the paths."""

    subject: VariedCase
    program: Program
    paths: tuple[str, ...]

    def at(self, step: Fraction, start: Fraction) -> "CostPolynomial":
        """Evaluate with the axis at start + step·t; the result is in s = ⌊start/step⌋ + t."""
        least = self.subject.least
        value = _polynomial(int(start / least), int(step / least))
        found = self.program.run(OPERATIONS, _polynomial, dict.fromkeys(self.program.variables, value))
        metrics = self.subject.case.metrics
        broken = [path for path, each in zip(self.paths, found[len(metrics) :], strict=True) if each]
        if broken:
            way = "; flopcount sweep reads the file at each input" if self.subject.case.plan.sized else ""
            raise UsageError(f"{self.subject.none}: at other values the shapes at {broken[0]} do not fit{way}")
        here = start // step
        pairs = zip(metrics, found, strict=False)
        forms = {name: _substituted(tuple(map(Fraction, form)), Fraction(1), Fraction(-here)) for name, form in pairs}
        return CostPolynomial(self.subject.axis, step, start - here * step, here, forms)


def _symbolic(subject: VariedCase) -> Symbolic:
    """Trace a network with an expression for its axis."""
    count = subject.symbolic(Ratio(Graph().variable(subject.axis, 1, LARGEST), subject.least.denominator)).count
    pairs = ((path, each) for path, step in count.trace.steps.items() for each in step.constraints)
    zeros = [(path, each.value) for path, each in pairs if each.relation != "positive"]
    program = compiled([*(total(count.addends(name)) for name in count.case.metrics), *(value for _, value in zeros)])
    return Symbolic(subject, program, tuple(path for path, _ in zeros))


class CostPolynomial(NamedTuple):
    """The metrics of a network at value(s) for every integer s from the first on, to the last if there is one.

    Coefficients are by rising powers of s, where the axis is offset + step·s.
    """

    axis: str
    step: Fraction
    offset: Fraction
    first: int
    forms: Mapping[str, tuple[Fraction, ...]]
    last: int | None = None
    verified: tuple[Fraction, ...] = ()
    notes: tuple[Note, ...] = ()

    def value(self, s: int) -> Fraction:
        """Return the value of the axis at one s."""
        return self.offset + self.step * s

    def at(self, s: int) -> Cost:
        """Evaluate at one s."""
        forms = self.forms.items()
        return Cost({name: int(sum(each * s**power for power, each in enumerate(form))) for name, form in forms})

    def over_axis(self) -> dict[str, tuple[Fraction, ...]]:
        """Return the coefficients by rising powers of the axis itself."""
        scale, shift = 1 / self.step, -self.offset / self.step
        return {name: _substituted(form, scale, shift) for name, form in self.forms.items()}


def cost_polynomial(subject: VariedCase) -> CostPolynomial:
    """Find the polynomial of a network, and compare it with exact counts."""
    start, step, late = subject.start, subject.least, 0
    subject.case.check_varied("a formula", MOST_READ_AGAIN)
    _ = subject.at(start).count
    symbolic = _symbolic(subject)
    while step <= LARGEST_STEPS[subject.axis] and late <= LATEST_START:
        try:
            return _verified(subject, _widened(symbolic, symbolic.at(step, start + late * step)))
        except Unsettled as question:
            step *= question.factor
            late = late + 1 if question.factor == 1 else 0
    raise UsageError(f"{subject.none}: its rounding is not periodic")


def _widened(symbolic: Symbolic, found: CostPolynomial) -> CostPolynomial:
    """Take smaller steps if the polynomial is the same at the values between."""
    for prime in (2, 3, 5, 7):
        finer = found.step / prime
        while (finer / symbolic.subject.least).denominator == 1 and _same_between(symbolic, found, prime):
            found = _restepped(found, finer)
            finer /= prime
    return found


def _same_between(symbolic: Symbolic, found: CostPolynomial, prime: int) -> bool:
    here = found.value(found.first)
    between = (here + found.step * part / prime for part in range(1, prime))
    try:
        others = [symbolic.at(found.step, value) for value in between]
    except (UsageError, Unsettled):
        return False
    return all(each.over_axis() == found.over_axis() for each in others)


def _restepped(found: CostPolynomial, step: Fraction) -> CostPolynomial:
    """Write the same polynomials for another step."""
    here = found.value(found.first)
    offset = here % step
    forms = {name: _substituted(form, step, offset) for name, form in found.over_axis().items()}
    return found._replace(step=step, offset=offset, first=here // step, forms=forms)


SAMPLES = (0, 1, 2, 5)
"""The steps from the start at which a polynomial is compared with exact counts."""

FARTHEST = 20_000
"""The distance from the start at which a network that has no end still exists."""


def _verified(subject: VariedCase, found: CostPolynomial) -> CostPolynomial:
    """Compare with exact counts further on, or further back if the network ends there; find where agreement starts."""
    here, at = found.first, cache(subject.at)  # the notes are those of the same cases
    ahead = [here + each for each in SAMPLES]
    broken, last = _broken(subject, at, found, ahead), _end(subject, at, found)
    if broken:
        ahead = [*range(here, (last or here) + 1), *(here - each for each in SAMPLES)]
        if found.value(ahead[-1]) <= 0 or _broken(subject, at, found, ahead):
            raise UsageError(broken)
    least = max(0, here - MOST_STEPS // (20 + len(subject.case.plan.nodes)))
    first = next((s for s in range(here, least, -1) if not _agrees(at, found, s - 1)), least)
    values = tuple(sorted(found.value(s) for s in {*range(first, min(first + 3, here)), *ahead}))
    notes = notes_of((f"{AXES[subject.axis]} = {value}", at(value)) for value in values)
    return found._replace(first=first, last=last, verified=values, notes=notes)


def _end(subject: VariedCase, at: Callable[[Fraction], Case], found: CostPolynomial) -> int | None:
    """Return the last step at which a sized network exists, such as that with as many tokens as a table has rows."""
    good, bad = found.first, found.first + SAMPLES[-1] + int(FARTHEST / found.step)
    if subject.axis in {"batch", "width"} or _agrees(at, found, bad):
        return None
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _agrees(at, found, middle) else (good, middle)
    return good


def _broken(subject: VariedCase, at: Callable[[Fraction], Case], found: CostPolynomial, steps: Iterable[int]) -> str:
    """Say where a polynomial is not the exact count; empty if it is at all of the steps."""
    for s in steps:
        try:
            if at(found.value(s)).count.total != found.at(s):
                return f"{subject.none} that agrees with the exact count at {found.value(s)}"
        except (SpecError, FileError) as error:
            problem = error.problems[0]
            what = problem.what if isinstance(error, FileError) else str(problem)
            return f"{subject.none}: at {found.value(s)}, {what}"
    return ""


def _agrees(at: Callable[[Fraction], Case], found: CostPolynomial, s: int) -> bool:
    try:
        return found.value(s) > 0 and at(found.value(s)).count.total == found.at(s)
    except (SpecError, FileError):
        return False


def _substituted(form: tuple[Fraction, ...], scale: Fraction, shift: Fraction) -> tuple[Fraction, ...]:
    """Return the coefficients in x of a polynomial in scale·x + shift."""
    result: tuple[Fraction, ...] = ()
    for each in reversed(form):
        risen = (Fraction(0), *(inner * scale for inner in result))
        moved = (*(inner * shift for inner in result), Fraction(0))
        result = tuple(one + two for one, two in zip(risen, moved, strict=True))
        result = (result[0] + each, *result[1:])
    return result
