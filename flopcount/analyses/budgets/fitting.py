"""Which width or input would meet a limit: the largest of the usual steps."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil

from flopcount.analyses.budgets.findings import Fit
from flopcount.analyses.budgets.readings import Point
from flopcount.files.specs import Spec, varied
from flopcount.schema.quantities import decimal

WIDTH_STEP = Fraction(1, 20)
"""Widths are tried in these steps, sizes in the largest power of two up to 32 that divides the present size."""


def fits(spec: Spec, point: Point, limit: Fraction, value: Callable[[Point], int | None]) -> Iterator[Fit]:
    """Yield the largest width, and the largest input, at which a number is within its limit.

    `value` is the number at a point; None where the network cannot be counted there.
    """

    def narrowed(step: int) -> Point:
        return point._replace(width=decimal(step * WIDTH_STEP))

    def reduced(size: int) -> Point:
        return point._replace(input=str(size))

    now = value(point)
    share = (float(limit) / now) ** 0.5 if now else 1.0  # most counts grow with the square of both
    width = _largest(_widths(point), lambda step: value(narrowed(step)), limit, share)
    if width is not None:
        yield Fit(f"--width {narrowed(width[0]).width}", width[1])
    size = _largest(_sizes(spec, point), lambda size: value(reduced(size)), limit, share)
    if size is not None:
        yield Fit(f"--input {size[0]}", size[1])


def _widths(point: Point) -> range:
    """Return the steps of the widths below the present one."""
    return range(1, ceil(Fraction(point.width or 1) / WIDTH_STEP))


def _sizes(spec: Spec, point: Point) -> range:
    """Return the smaller sizes of a square input; other inputs have none."""
    now = _size(spec, point)
    step = next((step for step in (32, 16, 8, 4, 2) if now % step == 0), 1)
    return range(step, now, step)


def _size(spec: Spec, point: Point) -> int:
    """Return the one size that all axes of the input have at a point; 0 if there is none."""
    if point.input:
        return int(point.input) if point.input.isdecimal() else 0
    data = varied(spec.source.data, point.variant, spec.source.title) if point.variant else spec.source.data
    sizes = {*data["input"][1:]} if isinstance(data["input"], list) else set()
    return int(sizes.pop()) if len(sizes) == 1 else 0


def _largest(
    numbers: range, value: Callable[[int], int | None], limit: Fraction, share: float
) -> tuple[int, int] | None:
    """Return the last of the numbers at which a rising value is within the limit, and the value there.

    `share` is where to look first: a good guess takes two counts, a bad one as many as halving.
    """
    low, high, best = -1, len(numbers), None
    places = [int(share * len(numbers))] * 2
    while high - low > 1:
        place = places.pop() if places else (low + high) // 2
        place = min(max(place, low + 1), high - 1)
        found = value(numbers[place])
        if found is None or found <= limit:
            low, best = place, found
        else:
            high = place
    return (numbers[low], best) if best is not None else None
