"""Large numbers for people: short, but never so short that two different ones look the same."""

from fractions import Fraction

from flopcount.schema.quantities import decimal

_COUNTS = (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))
_BYTES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_LARGEST = 10**16
"""From here on there are no units, but powers of ten."""


def amount(value: Fraction | int, metric: str, digits: int = 4) -> str:
    """Write a value with a unit and four digits: 568.7M, 4.232M, 1.5 MB."""
    units = _BYTES if metric == "weight_bytes" else _COUNTS
    space = " " if metric == "weight_bytes" else ""
    for unit, size in units:
        if size <= value < _LARGEST:
            return f"{float(Fraction(value) / size):.{digits}g}{space}{unit}"
    return exact(value, metric) if value < _LARGEST else f"{float(value):.{digits}g}{' B' * bool(space)}"


def exact(value: Fraction | int, metric: str = "") -> str:
    """Write a value in full: integers as they are, other limits as decimals."""
    return f"{decimal(Fraction(value))}{' B' if metric == 'weight_bytes' else ''}"


def pair(one: Fraction | int, other: Fraction | int, metric: str) -> tuple[str, str]:
    """Write two values to be compared: both in full where they would look the same."""
    short = amount(one, metric), amount(other, metric)
    return short if one == other or short[0] != short[1] else (exact(one, metric), exact(other, metric))


def percent(value: Fraction | None) -> str:
    """Write a percentage: at least two digits, and never 0% for something."""
    if value is None:
        return "from nothing"
    shown = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return f"{shown}%" if shown not in {"0", ""} or not value else "under 0.01%"
