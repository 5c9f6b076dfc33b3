"""What a whole network costs, as a polynomial in its resolution, batch or width.

The network is walked once with the number written as start + step·t, t = 0, 1, 2, …
Where the step is a multiple of all that is divided by, every rounding comes out
the same for every t, and what is left is a polynomial. It is compared with exact
counts before it is returned.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import zip_longest
from math import gcd, lcm
from typing import Any, NamedTuple, Union

from flopcount.case import DEFAULT_METRICS, Cost, batched
from flopcount.errors import SpecError, UsageError
from flopcount.formulas.numbers import Dim, total
from flopcount.formulas.shape import Constraint, Shape
from flopcount.network.convention import Convention
from flopcount.network.plan import Given, Plan
from flopcount.network.scale import scaled
from flopcount.network.trace import Trace, trace
from flopcount.spec.expression import Ratio

# Polynomials in t = 0, 1, 2, … with whole coefficients: numbers that formulas accept as they are.
#
# They offer what a `Dim` offers, `+ - * //` and `abs`. A division that is not
# the same polynomial for every t, or a sign that changes, is refused: the first
# says by what t has to be multiplied, the second wants a later start.


Number = Union[int, "Polynomial"]


class Unsettled(Exception):
    """The result is no polynomial: t has to be replaced by `factor`·t, or, for 1, to start later."""

    def __init__(self, factor: int) -> None:
        super().__init__(factor)
        self.factor = factor


class Polynomial:
    """Coefficients, the constant first; the last is not zero."""

    __slots__ = ("coefficients",)

    def __init__(self, *coefficients: int) -> None:
        """Keep the coefficients, without zeros at the end."""
        while coefficients and not coefficients[-1]:
            coefficients = coefficients[:-1]
        self.coefficients = coefficients

    def __add__(self, other: Number) -> "Polynomial":
        pairs = zip_longest(self.coefficients, _coefficients(other), fillvalue=0)
        return Polynomial(*(one + two for one, two in pairs))

    __radd__ = __add__

    def __neg__(self) -> "Polynomial":
        return Polynomial(*(-each for each in self.coefficients))

    def __sub__(self, other: Number) -> "Polynomial":
        return self + -other

    def __rsub__(self, other: Number) -> "Polynomial":
        return -self + other

    def __mul__(self, other: Number) -> "Polynomial":
        one, two = self.coefficients, _coefficients(other)
        result = [0] * (len(one) + len(two))
        for i, a in enumerate(one):
            for j, b in enumerate(two):
                result[i + j] += a * b
        return Polynomial(*result)

    __rmul__ = __mul__

    def __floordiv__(self, other: Number) -> "Polynomial":
        divisor = _coefficients(other)
        return _rounded(self, divisor[0]) if len(divisor) == 1 else _divided(self, divisor)

    def __rfloordiv__(self, other: int) -> "Polynomial":
        return Polynomial(other) // self

    def __abs__(self) -> "Polynomial":
        if all(each >= 0 for each in self.coefficients):
            return self
        if all(each <= 0 for each in self.coefficients):
            return -self
        raise Unsettled(1)

    def __str__(self) -> str:
        """Name what has no value."""
        return "?"


def _coefficients(value: Number) -> tuple[int, ...]:
    return value.coefficients if isinstance(value, Polynomial) else (value,) if value else ()


def _rounded(whole: Polynomial, divisor: int) -> Polynomial:
    """Divide and round down; only the constant may leave something, the same for every t."""
    constant, *others = whole.coefficients or (0,)
    factor = lcm(*(abs(divisor) // gcd(each, divisor) for each in others))
    if factor > 1:
        raise Unsettled(factor)
    return Polynomial(constant // divisor, *(each // divisor for each in others))


def _divided(whole: Polynomial, divisor: tuple[int, ...]) -> Polynomial:
    """Divide by a polynomial where nothing is left."""
    if not divisor:
        raise ZeroDivisionError
    rest: list[Any] = [*map(Fraction, whole.coefficients)]
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
    return Polynomial(*map(int, quotient))


LARGEST_STEPS: Mapping[str, int] = {"resolution": 4096, "batch": 1, "width": 8}
"""A polynomial that holds at fewer values than every so many is of no use to anyone."""

LATEST_START = 16
"""How many steps behind the value of the file a polynomial may start."""

AXES: Mapping[str, str] = {"resolution": "r", "batch": "b", "width": "α"}
"""What a network's cost may be a polynomial in, with the letter for it."""


class Subject(NamedTuple):
    """A network and all that is fixed about it."""

    name: str
    plan: Plan
    inputs: Mapping[str, Shape]
    convention: Convention
    given: Given
    scaling: Any

    def cost(self, axis: str, value: Ratio) -> tuple[Dim, Dim]:
        """Return parameters and MACs where an axis has a value: a number or a polynomial."""
        traced = self._walked(axis, value)
        if self.convention.folds:
            from flopcount.network.folding import folded

            traced = folded(traced)
        rule, steps = batched(self.convention, traced), traced.steps.values()
        return total(map(rule.params_of, steps)), total(map(rule.macs_of, steps))

    def _walked(self, axis: str, value: Ratio) -> Trace:
        if axis == "width":
            traced = trace(self.plan, self.inputs, scaled(self.plan, self.scaling, value))
        else:
            traced = trace(self.plan, _resized(self.inputs, axis, value.numerator), self.given)
        for path, step in traced.steps.items():
            if any(_is_broken(constraint) for constraint in step.constraints):
                raise UsageError(f"{self.none(axis)}: at other values the shapes at {path} do not fit")
        return traced

    def exact(self, axis: str, value: Fraction) -> Cost:
        """Count at one value."""
        return Cost(
            zip(DEFAULT_METRICS, map(_whole, self.cost(axis, Ratio(value.numerator, value.denominator))), strict=True)
        )

    def start(self, axis: str) -> Fraction:
        """Return where the axis stands in the file."""
        if axis != "resolution":
            return Fraction(1)
        sizes = {*next(iter(self.inputs.values())).spatial}
        if len(sizes) != 1:
            raise UsageError(f"{self.name} has no one resolution; give --input with one size for all axes of space")
        return Fraction(_whole(sizes.pop()))

    def none(self, axis: str) -> str:
        """Say that there is no polynomial: the beginning of a sentence."""
        return f"{self.name} has no polynomial in {axis}"


class Law(NamedTuple):
    """Parameters and MACs at value(s) for every whole s from the first on.

    Coefficients are by rising powers of s, where the axis is offset + step·s.
    """

    axis: str
    step: Fraction
    offset: Fraction
    first: int
    params: tuple[Fraction, ...]
    macs: tuple[Fraction, ...]
    verified: tuple[Fraction, ...] = ()

    def value(self, s: int) -> Fraction:
        """Return the value of the axis at one s."""
        return self.offset + self.step * s

    def at(self, s: int) -> Cost:
        """Evaluate at one s."""
        return Cost(params=int(_evaluated(self.params, Fraction(s))), macs=int(_evaluated(self.macs, Fraction(s))))

    def over_axis(self) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
        """Return the coefficients of both by rising powers of the axis itself."""
        scale, shift = 1 / self.step, -self.offset / self.step
        one, two = (_substituted(form, scale, shift) for form in (self.params, self.macs))
        return one, two


def law(subject: Subject, axis: str) -> Law:
    """Find the polynomial of a network in an axis, and compare it with exact counts."""
    start = subject.start(axis)
    subject.exact(axis, start)
    step = least = Fraction(1, _common_channels(subject)) if axis == "width" else Fraction(1)
    late = 0
    while step <= LARGEST_STEPS[axis] and late <= LATEST_START:
        try:
            return _verified(subject, _widened(subject, _tried(subject, axis, step, start + late * step), least))
        except Unsettled as question:
            step *= question.factor
            late = late + 1 if question.factor == 1 else 0
    raise UsageError(f"{subject.none(axis)}: its roundings do not settle")


def _tried(subject: Subject, axis: str, step: Fraction, start: Fraction) -> Law:
    """Walk with start + step·t; write what comes out in s = ⌊start/step⌋ + t."""
    common = start.denominator * step.denominator
    value = Polynomial(int(start * common), int(step * common))
    found = subject.cost(axis, Ratio(value, common) if common > 1 else Ratio(value, 1))
    here = start // step
    params, macs = (_substituted(_fractions(form), Fraction(1), Fraction(-here)) for form in found)
    return Law(axis, step, start - here * step, here, params, macs)


def _fractions(form: Dim) -> tuple[Fraction, ...]:
    coefficients = form.coefficients if isinstance(form, Polynomial) else (_whole(form),)
    return tuple(map(Fraction, coefficients))


def _widened(subject: Subject, found: Law, least: Fraction) -> Law:
    """Take smaller steps where the polynomial is the same at the values between."""
    for prime in (2, 3, 5, 7):
        finer = found.step / prime
        while (finer / least).denominator == 1 and _same_between(subject, found, prime):
            found = _restepped(found, finer)
            finer /= prime
    return found


def _same_between(subject: Subject, found: Law, prime: int) -> bool:
    here = found.value(found.first)
    between = (here + found.step * part / prime for part in range(1, prime))
    try:
        laws = [_tried(subject, found.axis, found.step, value) for value in between]
    except (SpecError, UsageError, Unsettled):
        return False
    return all(each.over_axis() == found.over_axis() for each in laws)


def _restepped(found: Law, step: Fraction) -> Law:
    """Write the same polynomials for another step."""
    here = found.value(found.first)
    offset = here % step
    params, macs = (_substituted(form, step, offset) for form in found.over_axis())
    return found._replace(step=step, offset=offset, first=here // step, params=params, macs=macs)


def _verified(subject: Subject, found: Law) -> Law:
    """Compare with exact counts further on, and find from where on they agree."""
    here = found.first
    ahead = (here, here + 1, here + 2, here + 5)
    for s in ahead:
        _check(subject, found, s)
    first = here
    while first and _agrees(subject, found, first - 1):
        first -= 1
    checked = {*range(first, min(first + 3, here)), *ahead}
    values = sorted(found.value(s) for s in checked)
    return found._replace(first=first, verified=tuple(values))


def _check(subject: Subject, found: Law, s: int) -> None:
    none = subject.none(found.axis)
    try:
        exact = subject.exact(found.axis, found.value(s))
    except SpecError as error:
        raise UsageError(f"{none}: at {found.value(s)}, {error.problems[0]}") from None
    if exact != found.at(s):
        raise UsageError(f"{none} that agrees with the exact count at {found.value(s)}")


def _agrees(subject: Subject, found: Law, s: int) -> bool:
    try:
        return found.value(s) > 0 and subject.exact(found.axis, found.value(s)) == found.at(s)
    except SpecError:
        return False


def _is_broken(constraint: Constraint) -> bool:
    """Tell whether what has to be zero is a polynomial that is not; whether maps vanish, exact counts tell."""
    return (
        constraint.relation != "positive"
        and isinstance(constraint.value, Polynomial)
        and bool(constraint.value.coefficients)
    )


def _resized(inputs: Mapping[str, Shape], axis: str, value: Dim) -> dict[str, Shape]:
    """Put a value in place of the batch of all inputs, or of the spatial sizes of the first."""
    if axis == "batch":
        return {name: Shape((value, *x.dims[x.channel_axis :]), 1) for name, x in inputs.items()}
    name, x = next(iter(inputs.items()))
    return {**inputs, name: x.resized(spatial=(value,) * len(x.spatial))}


def _common_channels(subject: Subject) -> int:
    """Return what all numbers of channels that scale are multiples of."""
    wide = (each["out_channels"] for each in scaled(subject.plan, None, Ratio(1, 1)).values())
    return gcd(*(each for each in wide if isinstance(each, int))) or 1


def _whole(value: Dim) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a whole number was expected, not {value}")
    return value


def _evaluated(form: tuple[Fraction, ...], x: Fraction) -> Fraction:
    return sum((each * x**power for power, each in enumerate(form)), Fraction(0))


def _substituted(form: tuple[Fraction, ...], scale: Fraction, shift: Fraction) -> tuple[Fraction, ...]:
    """Return the coefficients in x of a polynomial in scale·x + shift."""
    result: tuple[Fraction, ...] = ()
    for each in reversed(form):
        risen = (Fraction(0), *(inner * scale for inner in result))
        moved = (*(inner * shift for inner in result), Fraction(0))
        result = tuple(one + two for one, two in zip(risen, moved, strict=True))
        result = (result[0] + each, *result[1:])
    return result
