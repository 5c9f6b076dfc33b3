"""Quantities with units, as exact rationals; the key says which units there are, not the value."""

import re
from collections.abc import Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

COUNTS: Mapping[str, int] = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
"""What a count is in; B is billion."""

BYTES: Mapping[str, int] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
"""What a size in bytes is in; B is byte."""

LONGEST = 40
"""Characters a quantity may have."""

_QUANTITY = re.compile(r"(\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d{1,2})?)\s*([A-Za-z/% ]*)", re.ASCII)
_OPERATIONS = re.compile(r"([kKMGBT]?)\s*(MACs?|FLOPs?|FLOPS|MAdds?|ops?)(?:/s)?", re.IGNORECASE)


class NotAQuantityError(ValueError):
    """The text is no quantity of this sort; the message says why in one clause."""


class Quantity(NamedTuple):
    """A value as it was written, and exactly; a share is part of something else."""

    text: str
    value: Fraction
    is_share: bool = False


def count(raw: object, key: str) -> Quantity:
    """Read a number of things, such as 600M, 4.3 M, 5e8 or 600_000_000; `key` is what it is a number of."""
    text, number, unit = _parts(raw)
    if unit in COUNTS:
        return Quantity(text, number * COUNTS[unit])
    raise NotAQuantityError(
        _operations(text, number, unit, key) or _bytes(unit, key) or "it takes a count: 600M, 4.3 M, 5e8 or 600_000_000"
    )


def size(raw: object, key: str) -> Quantity:
    """Read a size in bytes, such as 512 KiB, 2 MB or a plain number of bytes."""
    text, number, unit = _parts(raw)
    if unit in BYTES or not unit:
        return Quantity(text, number * BYTES.get(unit, 1))
    if unit in COUNTS:
        unit = unit.upper() if unit != "k" else unit
        raise NotAQuantityError(f"{unit} is no unit of bytes; write {unit}B, or {unit.upper()}iB for powers of 1024")
    raise NotAQuantityError(f"{key} takes bytes: 512 KiB, 2 MB or a whole number")


def share(raw: object) -> Quantity | None:
    """Read a percentage; None if it is not written as one."""
    if not isinstance(raw, str) or not raw.strip().endswith("%"):
        return None
    text, number, unit = _parts(raw.strip()[:-1])
    if unit:
        raise NotAQuantityError("it takes a percentage such as 5%")
    return Quantity(f"{text.strip()}%", number / 100, is_share=True)


def _parts(raw: object) -> tuple[str, Fraction, str]:
    """Take a quantity apart: its text, its number, its unit."""
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool) and 0 <= raw < 10**LONGEST
    text = repr(raw) if is_number else raw
    match = _QUANTITY.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= LONGEST else None
    if match is None or not isinstance(text, str):
        raise NotAQuantityError("it takes a number of 0 or more, with a unit or without")
    return text.strip(), Fraction(match[1].replace("_", "")), match[2].strip()


def _operations(text: str, number: Fraction, unit: str, key: str) -> str:
    """Say how operations of another sort convert: 1 MAC is 2 FLOPs."""
    match = _OPERATIONS.fullmatch(unit)
    if match is None:
        return ""
    scale, is_macs = match[1] if match[1] == "k" else match[1].upper(), match[2][0] in "mM"
    if key not in {"macs", "flops"}:
        return f"{unit} are operations, and {key} are none; it takes a count such as 4.3M"
    if (key == "macs") == is_macs:
        return f'the key says what is counted: write {key} = "{_written(number, scale)}"'
    macs, flops = (number, number * 2) if is_macs else (number / 2, number)
    ways = [f'macs = "{_written(macs, scale)}"', f'flops = "{_written(flops, scale)}"']
    are = f"{text} are {'MACs' if is_macs else 'FLOPs'}, and 1 MAC = 2 FLOPs"
    return f"{are}: write {', or '.join(ways if key == 'macs' else reversed(ways))}"


def _written(number: Fraction, scale: str) -> str:
    """Write a number in the largest unit in which it is at least 1 and short."""
    plain = number * COUNTS.get(scale, 1)
    for unit in ("T", "G", "M", "k"):
        value = plain / COUNTS[unit]
        if value >= 1 and (value * 1000).denominator == 1:
            return f"{decimal(value)}{unit}"
    return decimal(plain)


def decimal(value: Fraction) -> str:
    """Write a value in full; all that comes from quantities and percentages ends after some decimals."""
    with localcontext(prec=1000):
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def _bytes(unit: str, key: str) -> str:
    if unit not in BYTES:
        return ""
    return f"{unit} is a unit of bytes; {key} takes a count such as 4.3M (weight_bytes takes bytes)"
