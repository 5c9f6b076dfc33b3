"""Profiles of devices: what they can do at most, each number with its source."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from flopcount.errors import FileError, UsageError, plain, suggestion
from flopcount.formulas.bits import NAMED
from flopcount.spec.fields import FROZEN, Help, Line, sentence
from flopcount.spec.problems import table_problems
from flopcount.spec.source import Source, located
from flopcount.spec.text import parsed, read_text
from flopcount.spec.units import BYTES, LONGEST, PREFIXES, printed

HARDWARE = Path(__file__).parent.parent / "hardware"
"""The bundled profiles: a file for each device, named as --on takes it."""

_OPERATIONS: Mapping[str, int | Fraction] = {
    "MAC/s": 1,
    "MACs/s": 1,
    "FLOPS": Fraction(1, 2),
    "FLOP/s": Fraction(1, 2),
    "OPS": Fraction(1, 2),
}

RATES: Mapping[str, Fraction] = {
    f"{prefix}{word}": Fraction(scale * worth)
    for prefix, scale in PREFIXES.items()
    for word, worth in _OPERATIONS.items()
}
"""MACs per second of each unit; a MAC is two operations."""

BANDWIDTHS: Mapping[str, Fraction] = {f"{unit}/s": Fraction(worth) for unit, worth in BYTES.items()}
SIZES: Mapping[str, Fraction] = {unit: Fraction(worth) for unit, worth in BYTES.items()}
CLOCKS: Mapping[str, Fraction] = {f"{prefix}Hz": Fraction(scale) for prefix, scale in PREFIXES.items()}


def _quantity(text: str, units: Mapping[str, Fraction], example: str) -> Fraction:
    """Read a number above 0 with one of some units."""
    found, shown = printed(text), repr(plain(text[:LONGEST]))
    if found is None or not found.digits:
        raise sentence("quantity", f"{shown} is no number above 0; expected e.g. {example!r}")
    if found.unit not in units:
        has = f"the unit {plain(found.unit)!r}, which is none of this" if found.unit else "no unit"
        raise sentence("quantity", f"{shown} has {has}; expected e.g. {example!r}")
    return found.number * units[found.unit]


def _read_as(units: Mapping[str, Fraction], example: str) -> Any:
    """Return the type of a text that is a number with one of some units."""

    def check(text: str) -> str:
        _quantity(text, units, example)
        return text

    return Annotated[
        str, Field(max_length=100), AfterValidator(check), Help(f'a number with its unit, e.g. "{example}"')
    ]


_Source = Annotated[
    Line,
    Help("the document and page, or URL, that gives the number"),
    Field(min_length=1, description="document and page, or URL, that gives the number"),
]
_Date = Annotated[
    Line,
    BeforeValidator(lambda raw: str(raw) if type(raw) in {int, date} else raw),
    Help('the date of the source, e.g. "2023-05"'),
    Field(pattern=r"^\d{4}(-\d\d){0,2}$", description="date of the source, such as 2023-05"),
]


class Sourced(BaseModel, **FROZEN):
    """What says a number, and when."""

    source: _Source
    date: _Date


class PeakRate(Sourced):
    """The MACs per second at a precision: a rate, or MACs per cycle and a clock. Dense, never for sparse weights."""

    value: Annotated[_read_as(RATES, "312 TFLOPS") | None, Help('a rate, e.g. "312 TFLOPS"')] = None  # type: ignore[valid-type]
    macs_per_cycle: Annotated[
        float | None, Help("a number above 0"), Field(gt=0, le=10**9, description="MACs in each cycle of the clock")
    ] = None
    clock: Annotated[_read_as(CLOCKS, "168 MHz") | None, Help('a frequency, e.g. "168 MHz"')] = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _one_of_both(self) -> "PeakRate":
        both = self.macs_per_cycle is not None, self.clock is not None
        if (self.value is None) != all(both) or any(both) != all(both):
            raise sentence("peak", "a peak is a value, or macs_per_cycle and a clock")
        return self

    @property
    def rate(self) -> Fraction:
        """The MACs per second."""
        if self.value is not None:
            return _quantity(self.value, RATES, "")
        return Fraction(str(self.macs_per_cycle)) * _quantity(str(self.clock), CLOCKS, "")


class Bandwidth(Sourced):
    """The bytes per second that cross the boundary of the memory."""

    value: _read_as(BANDWIDTHS, "1555 GB/s")  # type: ignore[valid-type]

    @property
    def rate(self) -> Fraction:
        """The bytes per second."""
        return _quantity(self.value, BANDWIDTHS, "")


class OnChip(Sourced):
    """The bytes of the memory on the chip."""

    value: _read_as(SIZES, "320 KiB")  # type: ignore[valid-type]

    @property
    def size(self) -> Fraction:
        """The bytes."""
        return _quantity(self.value, SIZES, "")


def _known(peaks: dict[str, Any]) -> dict[str, Any]:
    for name in peaks:
        if name not in NAMED:
            raise sentence(
                "unknown-precision", f"there is no precision {plain(name[:50])!r}; {suggestion(name[:50], [*NAMED])}"
            )
    return peaks


class Device(BaseModel, **FROZEN):
    """A device: its dense peaks by precision, its memory bandwidth and its memory on the chip."""

    name: Annotated[Line, Field(min_length=1, description="the device in words")]
    about: Annotated[Line, Field(description="which part of it, at which clock")] = ""
    peak: Annotated[
        dict[str, PeakRate],
        Help("a table of peaks by precision, such as [peak.int8]"),
        Field(min_length=1),
        AfterValidator(_known),
    ]
    bandwidth: Annotated[Bandwidth | None, Help("a table of value, source and date")] = None
    on_chip: Annotated[OnChip | None, Help("a table of value, source and date")] = None

    def has(self, bits: int) -> bool:
        """Tell whether there is a peak for factors of so many bits."""
        return any(NAMED[name] == bits for name in self.peak)

    def rate(self, bits: int) -> Fraction:
        """Return the MACs per second of factors of so many bits: of the fastest type of number that has them.

        Raises UsageError, naming the precisions there are, if there is none.
        """
        found = [peak.rate for name, peak in self.peak.items() if NAMED[name] == bits]
        if not found:
            known = ", ".join(self.peak)
            raise UsageError(f"{self.name} has no peak for {bits} bits, only for {known}; choose one with --precision")
        return max(found)


class Profile(NamedTuple):
    """A device by the name under which it was asked for."""

    key: str
    device: Device


def profiles() -> list[str]:
    """Return the names of the bundled profiles."""
    return sorted(path.stem for path in HARDWARE.glob("*.toml"))


def profile(reference: str, asked: str = "--on") -> Profile:
    """Return a profile: a bundled one by name, or that of a file of one's own.

    Raises UsageError for an unknown name, FileError for a file that is wrong.
    """
    if reference in profiles():
        return Profile(reference, _device(HARDWARE / f"{reference}.toml", reference))
    if not reference.endswith(".toml"):
        known = suggestion(reference[:60], profiles())
        known = known if known.endswith("?") else f"{known};"
        own = "a profile of your own is a file that ends in .toml, an array is array:ROWSxCOLUMNS:DATAFLOW"
        raise UsageError(f"{asked} {plain(reference[:60])}: there is no such device; {known} {own}")
    return Profile(Path(reference).stem, _device(Path(reference), reference))


def _device(path: Path, title: str) -> Device:
    text = read_text(path, title, "a profile needs at least name and peak; see flopcount hardware NAME")
    data = parsed(text, "toml", title).data
    try:
        return Device.model_validate(data)
    except ValidationError as error:
        problems = table_problems(error, Device, data)
        raise located(problems, Source(title, text, "toml", {})) from None
    except RecursionError:
        raise FileError(title, "tables are nested too deeply") from None
