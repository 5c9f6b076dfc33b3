"""Which width or input would meet a limit: the largest of the usual steps."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from flopcount.analyses.counted import Cost
from flopcount.analyses.findings import Fit
from flopcount.analyses.readings import Point, reading
from flopcount.errors import BadInput
from flopcount.files.specs import Spec

WIDTH_STEP = Fraction(1, 20)
"""Widths are tried in these steps, sizes in the largest power of two up to 32 that divides the present size."""


def fits(spec: Spec, point: Point, limit: Fraction, measured: Callable[[Cost], int], params: str) -> Iterator[Fit]:
    """Yield the largest width, and the largest input, at which a number is within its limit."""

    def value(at: Point) -> int | None:
        try:
            return measured(reading(spec, at, params).total())
        except BadInput:
            return None

    for option, words, changed in _options(spec, point):
        found = _largest(words, lambda word, changed=changed: value(changed(word)), limit)  # type: ignore[misc]
        if found is not None:
            yield Fit(f"{option} {found[0]}", found[1])


def _options(spec: Spec, point: Point) -> Iterator[tuple[str, Sequence[str], Callable[[str], Point]]]:
    """Yield each option with its smaller values, rising, and the point they lead to."""
    yield "--width", _widths(point), lambda word: point._replace(width=word)
    yield "--input", _sizes(spec, point), lambda word: point._replace(input=word)


def _widths(point: Point) -> list[str]:
    now = Fraction(point.width or 1)
    steps = range(1, int(now / WIDTH_STEP) + 1)
    return [f"{float(step * WIDTH_STEP):g}" for step in steps if step * WIDTH_STEP < now]


def _sizes(spec: Spec, point: Point) -> list[str]:
    """Return the smaller sizes of a square input; other inputs have none."""
    declared = spec.arch.input
    sizes = {*declared[1:]} if not isinstance(declared, dict) else set()
    now = int(point.input) if point.input and point.input.isdecimal() else sizes.pop() if len(sizes) == 1 else 0
    step = next((step for step in (32, 16, 8, 4, 2) if now % step == 0), 1)
    return [str(size) for size in range(step, now, step)]


def _largest(words: Sequence[str], value: Callable[[str], int | None], limit: Fraction) -> tuple[str, int] | None:
    """Return the last of rising values that is within the limit, and what is counted there."""

    def too_much(word: str) -> bool:
        found = value(word)
        return found is not None and found > limit

    place = bisect_left(words, True, key=too_much)
    found = value(words[place - 1]) if place else None
    return (words[place - 1], found) if found is not None else None
