"""Axes of pictures: from where to where, linear or logarithmic, in which power of ten, with which ticks."""

from collections.abc import Iterable
from math import floor, log10
from typing import NamedTuple

Number = int | float

PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
"""One for each power of a thousand."""

WIDE = 30
"""Values whose largest is so many times the smallest are shown on a logarithmic axis."""


LEAST_AIR = 1e-3
"""At both ends of an axis, of its values: equal ones need some place, and floats tell no nearer ones apart."""


class Axis(NamedTuple):
    """A quantity along a side of a picture; `low` and `high` are raw values, `factor` is that of the prefix."""

    key: str
    title: str
    low: Number
    high: Number
    prefix: str = ""
    is_log: bool = False

    @property
    def factor(self) -> int:
        """What one unit on the axis stands for."""
        return int(1000 ** PREFIXES.index(self.prefix))

    @property
    def label(self) -> str:
        """The title with its unit."""
        unit = f"{self.title} ({self.prefix})" if self.prefix else self.title
        return f"{unit}, logarithmic" if self.is_log else unit

    def scaled(self, value: Number) -> float:
        """Return a value in the units of the axis."""
        return value / self.factor

    def place(self, value: Number) -> float:
        """Return where a value is: 0 at the low end, 1 at the high end."""
        if self.is_log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return float((value - self.low) / (self.high - self.low))


def bar_axis(key: str, title: str, values: Iterable[Number]) -> Axis:
    """Return an axis for bars: from zero to the largest."""
    high = max(values, default=0)
    return Axis(key, title, 0, high or 1, prefix(high))


def point_axis(key: str, title: str, values: Iterable[Number], *, is_count: bool = True) -> Axis:
    """Return an axis for points, with some air at both ends; logarithmic where the values are far apart."""
    values = [*values]
    low, high = min(values, default=0), max(values, default=1)
    unit = prefix(high) if is_count else ""
    if low > 0 and high >= WIDE * low:
        return Axis(key, title, low / 1.3, high * 1.3, unit, is_log=True)
    air = max((high - low) / 16, abs(high) * LEAST_AIR) or 1
    return Axis(key, title, 0 if 0 <= low <= 4 * air else low - air, high + air, unit)


def prefix(value: Number) -> str:
    """Return the prefix under which a value has one to three digits before the point."""
    thousands = max(0, len(str(int(abs(value)))) - 1) // 3
    return PREFIXES[min(thousands, len(PREFIXES) - 1)]


def with_prefix(value: Number) -> str:
    """Write a value to three digits with its prefix: 290 M, 15.0 M; below a thousand as it is."""
    unit = prefix(value)
    if not unit:
        return f"{value:g}"
    quotient = float(f"{value / 1000 ** PREFIXES.index(unit):.3g}")
    if quotient >= 1000 and unit != PREFIXES[-1]:  # noqa: PLR2004  (rounded up to the next unit)
        quotient, unit = 1.0, PREFIXES[PREFIXES.index(unit) + 1]
    return f"{quotient:,.{max(0, 2 - floor(log10(abs(quotient))))}f} {unit}"


def ticks(axis: Axis, most: int = 6) -> list[float]:
    """Return round numbers along an axis, in its units, at most about so many."""
    low, high = axis.scaled(axis.low), axis.scaled(axis.high)
    return _log_ticks(low, high, most) if axis.is_log else _even_ticks(low, high, most)


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * 0.999)
    first = -floor(-low / step * (1 + 1e-12))
    return [number * step for number in range(first, floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def tick_text(value: float) -> str:
    """Write a round number without needless zeros."""
    return f"{value:,.10g}"
