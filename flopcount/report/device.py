"""A network on a device: the least time of each layer, or the cycles of a systolic array."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from flopcount.analyses.floor import Floors
from flopcount.analyses.systolic import DATAFLOWS, ArrayUses, SystolicArray, systolic_array
from flopcount.case import Count
from flopcount.errors import Note
from flopcount.report.table import Column, Line, Report, Row, Table, plural
from flopcount.spec.hardware import Profile, Sourced, profile
from flopcount.spec.units import PREFIXES, amount, decimal, duration, prefix

LEAST = Column("least_seconds", "least time", "seconds", "traffic", combines=True, rank=1)
BOUND = Column("bound", "bound by", rank=3)
CYCLES = Column("cycles", "cycles", "count", "macs", combines=True, rank=1)
UTILIZATION = Column("utilization", "utilization", "share", rank=2)

_ONCE = "least time: a lower bound, if every tensor crosses the memory boundary once; what stays on the chip need not"
_NO_BANDWIDTH = "the bandwidth has no public source, so the least time is that of the MACs alone"


class OnDevice(NamedTuple):
    """What a device adds to a report: columns, the cells of each layer and of the whole, data, lines and notes."""

    columns: tuple[Column, ...]
    layers: Mapping[str, Mapping[str, Any]]
    total: Mapping[str, Any]
    facts: Mapping[str, Any]
    about: Line
    lines: tuple[Line, ...] = ()
    notes: tuple[Note, ...] = ()
    profile: Profile | None = None


def target(reference: str) -> Profile | SystolicArray:
    """Return what --on names: a device by its name or the file of its profile, or an array."""
    return systolic_array(reference) if reference.startswith("array") else profile(reference)


def on_device(count: Count, asked: Profile | SystolicArray) -> OnDevice:
    """Return what a device or an array takes for a network."""
    return _on_array(ArrayUses(count, asked)) if isinstance(asked, SystolicArray) else _on_profile(Floors(count, asked))


def with_device(report: Report, found: OnDevice) -> Report:
    """Add the columns of a device to the layers, and its data."""
    table = report.tables[0]
    rows = tuple(Row({**row.cells, **found.layers.get(row.cells["path"], {})}, row.parts) for row in table.rows)
    total = Row({**table.total.cells, **found.total}) if table.total else None
    table = table._replace(columns=(*table.columns, *found.columns), rows=rows, total=total)
    totals = {"totals": {**report.facts["totals"], **found.total}}
    return report._replace(
        tables=(table, *report.tables[1:]),
        lines=(*report.lines, found.about, *found.lines),
        notes=(*report.notes, *found.notes),
        facts={**report.facts, **totals, **found.facts},
    )


def compared(report: Report, found: Sequence[OnDevice]) -> Report:
    """Add what a device or an array takes to the totals of several networks."""
    table, columns = report.tables[0], found[0].columns[:1]
    rows = tuple(Row({**row.cells, **each.total}) for row, each in zip(table.rows, found, strict=True))
    table = table._replace(columns=(*table.columns, *columns), rows=rows)
    notes = tuple(dict.fromkeys(note for each in found for note in each.notes))
    facts = {**report.facts, "device": found[0].facts["device"]}
    return report._replace(
        tables=(table, *report.tables[1:]),
        notes=(*report.notes, *notes),
        facts=facts,
        lines=(*report.lines, found[0].about),
    )


def _on_array(uses: ArrayUses) -> OnDevice:
    array, total = uses.array, uses.total
    size = f"{array.rows} × {array.columns} multipliers, {DATAFLOWS[array.dataflow]}"
    cells = {path: {"cycles": use.cycles, "utilization": _share(use.share(array))} for path, use in uses.layers.items()}
    return OnDevice(
        (CYCLES, UTILIZATION),
        cells,
        {"cycles": total.cycles, "utilization": _share(total.share(array))},
        {"device": {"key": str(array), **array._asdict()}},
        Line("text", f"{array}: {size}; cycles without stalls, as SCALE-Sim counts them"),
    )


def _share(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


def _on_profile(floors: Floors) -> OnDevice:
    device = floors.profile.device
    binds = Counter(each.bound for each in floors.layers.values())
    words = " and ".join(
        f"{name} binds {plural(binds[name], 'layer')}" for name in ("compute", "memory") if binds[name]
    )
    least = f"at least {duration(floors.seconds)}, the sum of the least times of the layers; {words}"
    fits = {} if floors.fits is None else {"fits_on_chip": floors.fits}
    return OnDevice(
        (LEAST, BOUND),
        {path: {"least_seconds": each.seconds, "bound": each.bound} for path, each in floors.layers.items()},
        {"least_seconds": floors.seconds},
        {"device": device_data(floors.profile), **fits},
        Line("text", f"device: {device.name}; the least time is a lower bound"),
        (Line("text", least.removesuffix("; ")), *_fitting(floors)),
        (Note("least-time", _ONCE if device.bandwidth else _NO_BANDWIDTH),),
        floors.profile,
    )


def _fitting(floors: Floors) -> tuple[Line, ...]:
    """Say whether the peak fits the memory on the chip."""
    on_chip = floors.profile.device.on_chip
    if on_chip is None:
        return ()
    how = "fits" if floors.fits else "does not fit"
    text = f"the peak of {amount(floors.peak, 'peak')} {how} the {amount(on_chip.size, 'peak')} on the chip"
    return (Line("text", text),)


def device_data(found: Profile) -> dict[str, Any]:
    """Return a profile as data: the numbers, each with its source."""
    device = found.device
    said = {"name": device.name, "about": device.about}
    peaks = {name: {"macs_per_second": float(each.rate), **_origin(each)} for name, each in device.peak.items()}
    more: dict[str, Any] = {}
    if device.bandwidth:
        more["bandwidth"] = {"bytes_per_second": float(device.bandwidth.rate), **_origin(device.bandwidth)}
    if device.on_chip:
        more["on_chip"] = {"bytes": int(device.on_chip.size), **_origin(device.on_chip)}
    return {"key": found.key, **said, "peak": peaks, **more}


def _origin(figure: Any) -> dict[str, str]:
    return {"source": figure.source, "date": figure.date}


DEVICES = (
    Column("device", "device"),
    Column("name", "what it is", "prose"),
    Column("peaks", "dense peaks, MAC/s", "prose"),
    Column("bandwidth_text", "bandwidth"),
    Column("on_chip_text", "on chip"),
)
FIGURES = (
    Column("figure", "figure"),
    Column("value", "value"),
    Column("source", "source", "prose"),
    Column("date", "date"),
)


def hardware_report(found: list[Profile]) -> Report:
    """Return the bundled devices, one per row."""
    rows = []
    for each in found:
        device = each.device
        peaks = ", ".join(f"{name} {_rate(peak.rate)}" for name, peak in device.peak.items())
        cells = {**device_data(each), "device": each.key, "peaks": peaks}
        cells["bandwidth_text"] = device.bandwidth.value if device.bandwidth else None
        cells["on_chip_text"] = device.on_chip.value if device.on_chip else None
        rows.append(Row(cells))
    lines = (Line("text", "flopcount hardware NAME shows one, with its sources; flopcount ARCH --on NAME uses it"),)
    return Report("Devices", (Table("devices", DEVICES, tuple(rows)),), lines)


def _rate(value: Fraction) -> str:
    """Write MACs per second exactly, without their unit: 9.75 T."""
    return f"{decimal(value / PREFIXES[prefix(value)])} {prefix(value)}"


def device_report(found: Profile) -> Report:
    """Return one device: each number with its source."""
    device = found.device
    figures: list[tuple[str, str, Sourced]] = [
        (f"peak, {name}", f"{_rate(peak.rate)}MAC/s", peak) for name, peak in device.peak.items()
    ]
    if device.bandwidth:
        figures.append(("bandwidth", device.bandwidth.value, device.bandwidth))
    if device.on_chip:
        figures.append(("on chip", device.on_chip.value, device.on_chip))
    rows = tuple(Row({"figure": what, "value": value, **_origin(each)}) for what, value, each in figures)
    lines = (Line("text", device.about),) if device.about else ()
    return Report(
        f"{found.key}: {device.name}", (Table("", FIGURES, rows),), lines, facts={"device": device_data(found)}
    )
