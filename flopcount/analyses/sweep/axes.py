"""The axes of a sweep: lists and ranges of exact values, and the numbers of the candidates.

A candidate's id is its mixed-radix number over the axes in the order given, the last axis fastest.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import isqrt, lcm, prod
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.errors import UsageError, plain
from flopcount.spec.load import Setting

Value = int | float | str | bool | list[object] | tuple[object, ...]
"""A value of an axis; decimals are the floats nearest to exact quotients."""

MOST_VALUES = 1_000_000
"""An axis may have no more values than this."""

LONGEST = 30
"""Characters a number of an axis may have."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


class Axis(NamedTuple):
    """A name and the values it takes; `numerators` are these in units of 1/`per`, empty if a value is not a number."""

    name: str
    values: tuple[Value, ...]
    numerators: tuple[int, ...] = ()
    per: int = 1

    @property
    def is_number(self) -> bool:
        """Whether all values are numbers."""
        return bool(self.numerators)

    @property
    def low(self) -> int:
        """The smallest numerator."""
        return min(self.numerators)

    @property
    def high(self) -> int:
        """The largest numerator."""
        return max(self.numerators)


def axis(name: str, option: str, text: str) -> Axis:
    """Read `96:320:32`, `3,5,7` or both mixed; `option` is named in errors."""
    found = [number for part in text.split(",") for number in _expanded(part.strip(), option)]
    if len(found) > MOST_VALUES:
        raise _too_many(option)
    return _numeric(name, found, option)


def spelled(option: str, text: str) -> tuple[str, ...]:
    """Return the values of a list as a single one is written; ranges in it are expanded."""
    option = f"{option} {text}"
    found = [_expanded(part, option) if ":" in part else [part] for part in map(str.strip, text.split(","))]
    values = [each if isinstance(each, str) else in_words(_plain(each)) for part in found for each in part]
    if len({*values}) < len(values):
        raise _twice(option)
    return tuple(values)


def setting_axis(each: Setting, option: str = "") -> Axis:
    """Make an axis of the values a setting may take; ranges in it are expanded."""
    option = option or f"--set {each.text}"
    values: list[Any] = []  # numbers, or what a file may hold
    for value in each.values:
        is_range = isinstance(value, str) and ":" in value and all(map(_NUMBER.fullmatch, value.split(":")))
        values.extend(_expanded(str(value), option) if is_range else [_exact(value)])
    if len(values) > MOST_VALUES:
        raise _too_many(option)
    if all(isinstance(value, int | Fraction) and not isinstance(value, bool) for value in values):
        return _numeric(each.address, values, option)
    return words(each.address, option, tuple(_plain(value) for value in values))


def words(name: str, option: str, values: tuple[Value, ...]) -> Axis:
    """Return an axis of values that are not all numbers."""
    if len({*map(repr, values)}) < len(values):
        raise _twice(option)
    return Axis(name, values)


def is_several(text: str) -> bool:
    """Tell whether a text is a list or a range rather than one value."""
    return "," in text or ":" in text


def _exact(value: object) -> "Value | Fraction":
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Fraction(repr(value)) if abs(value) <= MOST_VALUES**3 else str(value)
    return value  # type: ignore[return-value]  # a value of a file: bool, str or list


def _plain(value: "Value | Fraction") -> Value:
    if not isinstance(value, Fraction):
        return value
    return int(value) if value.denominator == 1 else float(value)


def _numeric(name: str, numbers: Sequence[int | Fraction], option: str) -> Axis:
    if len(set(numbers)) < len(numbers):
        raise _twice(option)
    per = lcm(*(number.denominator for number in numbers))
    return Axis(name, tuple(map(_plain, numbers)), tuple(int(number * per) for number in numbers), per)


def in_words(value: Value) -> str:
    """Write a value as an option takes it; small decimals without an exponent."""
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    from flopcount.spec.fields import shown

    return value if isinstance(value, str) else shown(value)


def _expanded(text: str, option: str) -> Sequence[int | Fraction]:
    """Read a number, or first:last[:step], which includes its end."""
    parts = [part.strip() for part in text.split(":")]
    if len(parts) > 3 or not all(len(part) <= LONGEST and _NUMBER.fullmatch(part) for part in parts):  # noqa: PLR2004  (first, last, step)
        raise UsageError(
            f"{plain(option[:200])}: {plain(text[:LONGEST])!r} is not a number or a range; write 96:320:32 or 96,128"
        )
    if len(parts) == 1:
        return [Fraction(parts[0])]
    first, last, step = (*map(Fraction, parts), Fraction(1))[:3]
    if len(parts) == 2 and first.denominator * last.denominator > 1:  # noqa: PLR2004  (no step)
        raise UsageError(f"{plain(option[:200])}: the range {plain(text)} needs a step; write {plain(text)}:0.25")
    return _range(first, last, step, f"{plain(option[:200])}: the range {plain(text)}")


def _range(first: Fraction, last: Fraction, step: Fraction, what: str) -> Sequence[int | Fraction]:
    if step <= 0:
        raise UsageError(f"{what} has a step of {step}; give a step above 0")
    if last < first:
        raise UsageError(f"{what} is empty; give the smaller end first")
    count = (last - first) // step + 1
    if count > MOST_VALUES:
        raise UsageError(f"{what} has {count} values; an axis has at most {MOST_VALUES}")
    if first.denominator == step.denominator == 1:
        return range(int(first), int(first) + count * int(step), int(step))
    return [first + step * index for index in range(count)]


def _twice(option: str) -> UsageError:
    name, _, sizes = option.partition(" ")
    is_shape = name == "--input" and "," in sizes and ":" not in sizes
    hint = f"; sizes of one input are joined by x, as in --input {'x'.join(sizes.split(','))}" if is_shape else ""
    return UsageError(f"{plain(option[:200])}: a value occurs twice; give each once{plain(hint[:200])}")


def _too_many(option: str) -> UsageError:
    return UsageError(f"{plain(option[:200])}: an axis has at most {MOST_VALUES} values")


def size(axes: Sequence[Axis]) -> int:
    """Return how many candidates there are."""
    return prod(len(each.values) for each in axes)


def digits(sizes: Sequence[int], number: Any) -> tuple[Any, ...]:
    """Return which value of each axis a candidate has, or the candidates of an array have."""
    result: list[Any] = []
    for radix in reversed(sizes):
        number, digit = divmod(number, radix)
        result.append(digit)
    return tuple(reversed(result))


def number(sizes: Sequence[int], places: Sequence[Any]) -> Any:
    """Return a candidate's id: the inverse of `digits`."""
    result: Any = 0
    for radix, digit in zip(sizes, places, strict=True):
        result = result * radix + digit
    return result


Block = tuple[range, ...]
"""Consecutive candidates that form an outer product: the values of each axis."""


def blocks(sizes: Sequence[int], start: int, stop: int, most: int) -> Iterator[Block]:
    """Cut the candidates from `start` to before `stop` into blocks of at most `most`, in their order."""
    while start < stop:
        block = _block(sizes, start, min(most, stop - start))
        yield block
        start += prod(map(len, block))


def _block(sizes: Sequence[int], start: int, most: int) -> Block:
    """Return the largest block that starts there: whole fast axes, a piece of the next, one value of the others."""
    level, inner = len(sizes) - 1, 1
    while level > 0 and start % (inner * sizes[level]) == 0 and inner * sizes[level] <= most:
        inner *= sizes[level]
        level -= 1
    places = digits(sizes, start)
    if not sizes:
        return ()
    first = places[level]
    count = min(sizes[level] - first, most // inner)
    fixed = tuple(range(place, place + 1) for place in places[:level])
    return (*fixed, range(first, first + count), *map(range, sizes[level + 1 :]))


# Random candidates: the draw at a position depends on the seed alone, so that draws can be cut and resumed.
# A grid is shuffled, so none is drawn twice: a Feistel network permutes the squares of a board with no fewer squares
# than candidates; squares outside the grid are permuted again. A larger grid is sampled anew at every position.

MOST_SHUFFLED = 2**62
"""A grid of more candidates is drawn from with replacement."""

_ROUNDS = 8

_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""Shifts and factors of splitmix64's last step, which make every bit depend on every other."""


def draws(sizes: Sequence[int], part: range, seed: int, most: int) -> "Iterator[tuple[int, tuple[Array, ...]]]":
    """Yield for each chunk of positions the first, and which value of each axis the drawn candidates have."""
    np = numpy()
    if prod(sizes) > MOST_SHUFFLED:
        yield from _independent(sizes, part, seed, most)
        return
    keys = np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64)
    for first in range(part.start, part.stop, most):
        positions = np.arange(first, min(first + most, part.stop), dtype=np.uint64)
        ids = shuffled(positions, prod(sizes), keys)
        yield first, tuple(each.astype(np.int64) for each in digits(sizes, ids))


def shuffled(positions: "Array", total: int, keys: "Array") -> "Array":
    """Permute the numbers below a total."""
    side = isqrt(total - 1) + 1
    result: Array = _permuted(positions, side, keys)
    while (outside := result >= total).any():
        result[outside] = _permuted(result[outside], side, keys)
    return result


def _permuted(numbers: "Array", side: int, keys: "Array") -> "Array":
    """Permute the squares of a board: each round adds a function of one coordinate to the other."""
    one, other = numbers // side, numbers % side
    for key in keys:
        one, other = other, (one + _mixed(other + key) % side) % side
    return one * side + other  # type: ignore[no-any-return]


def _mixed(numbers: "Array") -> "Array":
    for shift, factor in _MIX:
        numbers = (numbers ^ (numbers >> shift)) * factor
    return numbers ^ (numbers >> 31)  # type: ignore[no-any-return]


def scattered(ids: "Array") -> "Array":
    """Return numbers that are as good as random, and depend on the ids alone."""
    np = numpy()
    small = ids if ids.dtype.kind == "i" else np.array([int(each) % 2**63 for each in ids.tolist()], np.int64)
    return _mixed(small.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))


def _independent(sizes: Sequence[int], part: range, seed: int, most: int) -> "Iterator[tuple[int, tuple[Array, ...]]]":
    """Draw each candidate on its own; each chunk has its own stream."""
    for chunk in range(part.start // most, -(-part.stop // most)):
        first = chunk * most
        stream = numpy().random.Generator(numpy().random.PCG64([seed, chunk]))
        inside = slice(max(part.start - first, 0), min(part.stop - first, most))
        yield first + inside.start, tuple(stream.integers(0, radix, most)[inside] for radix in sizes)
