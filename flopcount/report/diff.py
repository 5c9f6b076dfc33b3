"""What changed between two networks, as tables."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from flopcount.analyses.counted import Cost, Counted
from flopcount.analyses.differences.diff import QUIET, Change, Layer, Status
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import convention_facts, cost_facts, counted_line, inputs_data, inputs_text, sizes

LAYERS = (
    Column("status", "status"),
    Column("layer", "layer"),
    Column("type", "type"),
    Column("changed", "changed"),
    Column("output", "output"),
    Column("params_before", "params before", "count"),
    Column("params_after", "params after", "count"),
    Column("params_delta", "change", "delta"),
    Column("macs_before", "MACs before", "count"),
    Column("macs_after", "MACs after", "count"),
    Column("macs_delta", "change", "delta"),
)
TOTALS = (
    Column("quantity", ""),
    Column("before", "before", "count"),
    Column("after", "after", "count"),
    Column("delta", "change", "delta"),
    Column("ratio", "ratio"),
)

STATUSES: tuple[Status, ...] = ("added", "removed", "moved", "changed", "renumbered", "same")


class Version(NamedTuple):
    """One side: what the user calls it, the network's name, and its count."""

    reference: str
    name: str
    result: Counted


def diff_report(before: Version, after: Version, changes: Sequence[Change], *, everything: bool = False) -> Report:
    """Show what became of the layers, but for those that are as they were, and of the totals."""
    shown = [each for each in changes if everything or each.status not in QUIET]
    tables = (_layers(shown, changes, before.result.total, after.result.total), _totals(before, after))
    return Report(
        title=f"{before.name} → {after.name}" if before.name != after.name else after.name,
        tables=tables,
        lines=(
            f"before: {before.reference}, input {inputs_text(before.result.trace)}",
            f"after: {after.reference}, input {inputs_text(after.result.trace)}",
            counted_line(after.result.convention),
        ),
        notes=_notes(before, after),
        facts=_facts(before, after, changes),
    )


def _facts(before: Version, after: Version, changes: Sequence[Change]) -> dict[str, Any]:
    numbers = Counter(each.status for each in changes)
    old, new = before.result.total, after.result.total
    return {
        "before": _side(before),
        "after": _side(after),
        "convention": convention_facts(after.result.convention),
        "delta": {"params": new.params - old.params, "macs": new.macs - old.macs},
        "ratio": new.ratios(old),
        "numbers": {status: numbers[status] for status in STATUSES},
    }


def _side(version: Version) -> dict[str, Any]:
    return {
        "reference": version.reference,
        "arch": version.name,
        "input": inputs_data(version.result.trace),
        **cost_facts(version.result.total),
    }


def _notes(before: Version, after: Version) -> tuple[str, ...]:
    named = [(each.reference, note) for each in (before, after) for note in each.result.notes]
    return tuple(f"{reference}: {note}" for reference, note in dict.fromkeys(named))


def _layers(shown: Sequence[Change], changes: Sequence[Change], before: Cost, after: Cost) -> Table:
    total = {"status": "total", **_costs(before, after)}
    return Table(
        "layers", LAYERS, tuple(Row(_cells(each)) for each in shown), Row(total), caption=_caption(shown, changes)
    )


def _caption(shown: Sequence[Change], changes: Sequence[Change]) -> str:
    return f"{_hidden(changes)}; --all shows them" if len(shown) < len(changes) else ""


def _hidden(changes: Sequence[Change]) -> str:
    """Say how many layers are as they were, and how many only have another number."""
    numbers = Counter(each.status for each in changes)
    same, other = numbers["same"], numbers["renumbered"]
    said = [f"{same} {'layer' if same == 1 else 'layers'} unchanged"] if same else []
    return ", ".join([*said, *([f"{other} only numbered otherwise"] if other else [])])


def _cells(change: Change) -> dict[str, Any]:
    old, new = change.before, change.after
    return {
        "status": change.status,
        "layer": _arrow(*(each and each.item.path for each in (old, new))),
        "type": _arrow(*(each and each.item.kind for each in (old, new))),
        "changed": ", ".join(_field(name, *pair) for name, pair in change.fields.items() if name != "type"),
        "output": _arrow(*(each and sizes(each.item.output) for each in (old, new))),
        **_costs(old and old.cost, new and new.cost),
        "before": _data(old),
        "after": _data(new),
        "fields": {name: [*pair] for name, pair in change.fields.items()},
    }


def _costs(old: Cost | None, new: Cost | None) -> dict[str, int | None]:
    """Return what a layer cost and costs; one that is not there costs nothing."""
    return {
        "params_before": old.params if old else None,
        "params_after": new.params if new else None,
        "params_delta": (new.params if new else 0) - (old.params if old else 0),
        "macs_before": old.macs if old else None,
        "macs_after": new.macs if new else None,
        "macs_delta": (new.macs if new else 0) - (old.macs if old else 0),
    }


def _data(layer: Layer | None) -> dict[str, Any] | None:
    """Return a layer as data."""
    if layer is None:
        return None
    item = layer.item
    return {
        "path": item.path,
        "type": item.kind,
        "fields": item.fields,
        "reads": [*item.inputs],
        "output": [*item.output],
        **cost_facts(layer.cost),
    }


def _arrow(old: str | None, new: str | None) -> str:
    """Write what there is, with an arrow where it changed."""
    return f"{old} → {new}" if old and new and old != new else new or old or ""


def _field(name: str, old: Any, new: Any) -> str:
    """Write a field that changed; what reads another layer of the same number says so."""
    before, after = _value(old), _value(new)
    return f"{name} {before} → {'another ' if before == after else ''}{after}"


def _value(value: Any) -> str:
    """Write a value as an arch file would."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        inner = ", ".join(map(_value, value))
        return inner if len(value) == 1 else f"[{inner}]"
    return "none" if value is None else str(value)


def _totals(before: Version, after: Version) -> Table:
    old, new = before.result.total, after.result.total
    ratios = new.ratios(old)
    rows = tuple(
        Row({"quantity": title, "before": was, "after": now, "delta": now - was, "ratio": ratios[key]})
        for title, key, was, now in (
            ("params", "params", old.params, new.params),
            ("MACs", "macs", old.macs, new.macs),
        )
    )
    return Table("", TOTALS, rows, separator="")
