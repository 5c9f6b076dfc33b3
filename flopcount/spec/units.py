"""Quantities with units: read exactly, printed for people."""

import re
from collections.abc import Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import NamedTuple

METRICS: Mapping[str, str] = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "flops": "floating-point operations, two per MAC",
    "macs_forward": "multiply-accumulates of the forward pass (in training)",
    "macs_input_gradient": "multiply-accumulates of the gradients of what layers read (in training)",
    "macs_weight_gradient": "multiply-accumulates of the gradients of weights (in training)",
    "macs_recomputed": "multiply-accumulates of the layers of checkpoints, computed again (in training)",
    "optimizer_bytes": "bytes that an optimizer keeps for the parameters it trains (in training)",
    "saved_bytes": "bytes kept from the forward pass for the backward pass, each tensor once (in training)",
    "activations": "elements that layers write, each its output",
    "weight_bytes": "bytes of the parameters",
    "activation_bytes": "bytes that layers write, each its output",
    "traffic": "bytes that layers read and write: parameters, inputs and outputs, each once",
    "intensity": "MACs per byte of traffic",
    "bit_ops": "bits of weights times bits of activations, for each MAC",
    "bit_ops_uniq": "operations on bits of a multiplier and an adder, for each MAC",
    "bit_ops_words": "MACs, 64 of one bit counted as one",
    "receptive_field": "positions of the input that one of the last feature map sees, along each axis",
    "receptive_stride": "positions of the input from one field to the next, of a layer",
    "receptive_offset": "positions of the input before the first field of a layer; below 0 if it starts in padding",
    "peak": "most bytes of tensors alive at once, norms and activations fused into the layer before them",
    "peak_unfused": "most bytes of tensors alive at once, norms and activations as layers of their own",
    "peak_inplace": "most bytes of tensors alive at once, fused, elementwise layers in place",
    "peak_unfused_inplace": "most bytes of tensors alive at once, unfused, elementwise layers in place",
    "arena": "bytes of the head of TensorFlow Lite Micro's arena, as its greedy planner allocates it",
}
"""The metrics that files may limit, lock and claim, and what each measures; `flopcount.case` counts them."""

IN_BYTES = frozenset(
    name for name in METRICS if name.endswith("bytes") or name.startswith(("traffic", "peak", "arena"))
)
"""The metrics that are sizes."""

DEFAULT_METRICS = ("params", "macs")
"""The metrics that every count shows and every lock file records."""

GRADED = ("macs_forward", "macs_input_gradient", "macs_weight_gradient")
"""The metrics whose sum are the MACs of training."""

TRAINED = (*GRADED, "macs_recomputed", "saved_bytes", "optimizer_bytes")
"""The metrics of training."""

LOCKED = tuple(name for name in METRICS if name != "intensity" and not name.startswith("receptive"))
"""The metrics that a lock file can record: integers."""

PREFIXES: Mapping[str, int] = {prefix: 1000**power for power, prefix in enumerate(("", *"kMGTPEZY"))}
"""The prefixes that are printed."""

COUNTS: Mapping[str, int] = {**PREFIXES, "K": 10**3, "B": 10**9}
"""Units of counts; B is billion."""

BYTES: Mapping[str, int] = {
    "B": 1,
    "KB": 10**3,
    **{f"{prefix}B": PREFIXES[prefix] for prefix in "kMGT"},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
}
"""Units of sizes; B is byte."""

UNITS: Mapping[str, int] = {**{unit: worth for unit, worth in BYTES.items() if unit != "B"}, **COUNTS}
"""Units of counts and of sizes, where both may stand; B is billion."""

LONGEST = 40
"""Characters of the longest quantity."""

_FIGURE = (
    r"(\d[\d_]*|\d{1,3}(?:([ ,])\d{3})(?:\2\d{3})*)(?:\.(\d[\d_]*))?"  # 600_000, 600,000 or 600 000, decimals
    r"(?:[eE]([+-]?\d{1,2}))?\s*([A-Za-z/% ]*)"  # exponent, unit
)
_OPERATIONS = r"([kKMGBT]?)\s*(MACs?|FLOPs?|FLOPS|MAdds?|ops?)(?:/s)?"


class NotAQuantityError(ValueError):
    """The text is no quantity of the expected sort; the message says why in one clause."""


class Printed(NamedTuple):
    """A number as it is written: all of its digits, how many of them are decimals, its exponent and its unit."""

    digits: int
    decimals: int
    exponent: int | None
    unit: str

    @property
    def number(self) -> Fraction:
        """The number without its unit."""
        return Fraction(f"{self.digits}e{(self.exponent or 0) - self.decimals}")


class Quantity(NamedTuple):
    """A value as it was written, and exactly; a share is part of something else."""

    text: str
    value: Fraction
    is_share: bool = False


def printed(text: str) -> Printed | None:
    """Read a number with or without a unit, of any sort; None if it is none."""
    match = re.fullmatch(_FIGURE, text.strip(), re.ASCII) if len(text) <= LONGEST else None
    if match is None:
        return None
    whole, _, decimals, exponent, unit = match.groups(default="")
    decimals = decimals.replace("_", "")
    digits = int(re.sub("[ ,_]", "", whole) + decimals)
    return Printed(digits, len(decimals), int(exponent) if exponent else None, unit.strip())


def count(raw: object, key: str) -> Quantity:
    """Read a count such as 600M, 4.3 M, 5e8 or 600_000_000; `key` is what is counted."""
    text, found = _written(raw)
    if found.unit in COUNTS:
        return Quantity(text, found.number * COUNTS[found.unit])
    if found.unit in BYTES:
        what = f"{found.unit} is a unit of bytes; {key} takes a count such as 4.3M (weight_bytes takes bytes)"
    else:
        what = _operations(text, found, key) or "expected a count such as 600M, 4.3 M, 5e8 or 600_000_000"
    raise NotAQuantityError(what)


def size(raw: object, key: str) -> Quantity:
    """Read a size in bytes, such as 512 KiB, 2 MB or a plain number of bytes."""
    text, found = _written(raw)
    unit = found.unit
    if unit in BYTES or not unit:
        return Quantity(text, found.number * BYTES.get(unit, 1))
    if unit in COUNTS:
        raise NotAQuantityError(f"{unit} is not a unit of bytes; write {unit}B, or {unit.upper()}iB for powers of 1024")
    raise NotAQuantityError(f"{key} takes bytes: 512 KiB, 2 MB or a whole number")


def share(raw: object) -> Quantity | None:
    """Read a percentage; None if it is not written as one."""
    if not isinstance(raw, str) or not raw.strip().endswith("%"):
        return None
    text, found = _written(raw.strip()[:-1])
    if found.unit:
        raise NotAQuantityError("expected a percentage such as 5%")
    return Quantity(f"{text}%", found.number / 100, is_share=True)


def _written(raw: object) -> tuple[str, Printed]:
    """Return a quantity as it is written, and taken apart."""
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool) and 0 <= raw < 10**LONGEST
    text = (repr(raw) if is_number else raw if isinstance(raw, str) else "").strip()
    found = printed(text)
    if found is None:
        raise NotAQuantityError("expected a number of 0 or more, with or without a unit")
    return text, found


def _operations(text: str, found: Printed, key: str) -> str:
    """Say how operations of another sort convert: 1 MAC is 2 FLOPs."""
    match = re.fullmatch(_OPERATIONS, found.unit, re.IGNORECASE)
    if match is None:
        return ""
    if key not in {"macs", "flops"}:
        return f"{found.unit} are operations, not {key}; expected a count such as 4.3M"
    scale, is_macs = COUNTS[match[1] if match[1] == "k" else match[1].upper()], match[2][0] in "mM"
    number = found.number * scale
    if (key == "macs") == is_macs:
        return f'the key says what is counted: write {key} = "{short(number)}"'
    macs, flops = (number, number * 2) if is_macs else (number / 2, number)
    ways = [f'macs = "{short(macs)}"', f'flops = "{short(flops)}"']
    are = f"{text} are {'MACs' if is_macs else 'FLOPs'}, and 1 MAC = 2 FLOPs"
    return f"{are}: write {', or '.join(ways if key == 'macs' else reversed(ways))}"


def prefix(value: float | Fraction) -> str:
    """Return the prefix that leaves one to three digits before the point."""
    return [*PREFIXES][min((len(str(floor(max(value, -value)))) - 1) // 3, len(PREFIXES) - 1)]


def short(value: Fraction) -> str:
    """Write a value exactly: with the largest prefix that leaves at most three decimals, else in full."""
    scaled = value / PREFIXES[prefix(value)]
    return f"{decimal(scaled)}{prefix(value)}" if (scaled * 1000).denominator == 1 else decimal(value)


def decimal(value: Fraction) -> str:
    """Write a value in full; quantities and percentages have finitely many decimals."""
    with localcontext(prec=1000):
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def amount(value: Fraction | float, metric: str) -> str:
    """Write a value to four digits with a unit: 568.7M, 4.232M, 1.5 MB."""
    in_bytes, unit = metric in IN_BYTES, prefix(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if not unit:
        return exact(value, metric)
    return f"{float(Fraction(value) / PREFIXES[unit]):.4g}{' ' * in_bytes}{unit}{'B' * in_bytes}"


def duration(value: Fraction) -> str:
    """Write a time to four digits with a unit: 12.34 µs."""
    found = next(((unit, scale) for unit, scale in _TIMES.items() if value >= scale), ("ps", _TIMES["ps"]))
    return f"{float(value / found[1]):#.4g}".removesuffix(".") + f" {found[0]}" if value else "0 s"


_TIMES: Mapping[str, Fraction] = {
    unit: Fraction(1, 1000**power) for power, unit in enumerate(("s", "ms", "µs", "ns", "ps"))
}


def brief(value: int, sign: str = "") -> str:
    """Write an integer to four digits with a prefix, trailing zeros included: 864, 64.00 k, 1.814 G."""
    if abs(value) < 1000:  # noqa: PLR2004  (the first prefix)
        return f"{value:{sign}}"
    digits, _, exponent = f"{Decimal(value):{sign}.3e}".partition("e")
    power = min(int(exponent) // 3, len(PREFIXES) - 1)
    return f"{Decimal(digits).scaleb(int(exponent) - 3 * power):{sign}} {[*PREFIXES][power]}"


def exact(value: Fraction | float, metric: str = "") -> str:
    """Write a value in full, decimals included."""
    return f"{decimal(Fraction(value))}{' B' if metric in IN_BYTES else ''}"


def pair(one: Fraction | float, other: Fraction | float, metric: str) -> tuple[str, str]:
    """Write two values to be compared: both in full if they would look the same."""
    brief = amount(one, metric), amount(other, metric)
    return brief if one == other or brief[0] != brief[1] else (exact(one, metric), exact(other, metric))


def percent(value: Fraction | None) -> str:
    """Write a percentage to two decimals, but never 0% for something."""
    if value is None:
        return "from nothing"
    shown = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return f"{shown}%" if shown not in {"0", ""} or not value else "under 0.01%"
