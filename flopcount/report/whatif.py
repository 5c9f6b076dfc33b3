"""A network beside what it would be with other convolutions."""

from collections.abc import Iterator, Sequence
from typing import Any

from flopcount.analyses.counted import Cost, Counted
from flopcount.analyses.whatif import Alternative
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import convention_facts, cost_facts, counted_line, inputs_data, inputs_text

ONE = (
    Column("position", "#", "count"),
    Column("path", "layer"),
    Column("type", "before"),
    Column("type_1", "after"),
    Column("output", "output", "shape"),
    Column("params", "params before", "count"),
    Column("params_1", "params after", "count"),
    Column("macs", "MACs before", "count"),
    Column("macs_1", "MACs after", "count"),
    Column("ratio_1", "ratio", "ratio"),
)
MORE = (Column("saved_1", "MACs saved", "count"), Column("params_ratio_1", "ratio of params", "ratio"))
SEVERAL = (
    Column("position", "#", "count"),
    Column("path", "layer"),
    Column("type", "type"),
    Column("output", "output", "shape"),
    Column("macs", "MACs", "count"),
)
TOTALS = (
    Column("alternative", "convolutions"),
    Column("replaced", "replaced", "count"),
    Column("params", "params", "count"),
    Column("params_ratio", "ratio"),
    Column("macs", "MACs", "count"),
    Column("macs_ratio", "ratio"),
)
LEFT = (Column("layers", "left alone", "count"), Column("which", "which"), Column("reason", "why"))

NAMED = 3
"""Layers that are left alone for one reason are named up to here, then counted."""


def whatif_report(name: str, base: Counted, found: Sequence[Alternative]) -> Report:
    """Show the layers before and after, the totals, and what was left alone; of several alternatives, totals first."""
    layers, totals = _layers(base, found), _totals(base, found)
    left = _left(found)
    tables = (layers, totals) if len(found) == 1 else (totals, layers)
    return Report(
        title=f"{name}: what if {' or '.join(each.label for each in found)}",
        tables=(*tables, *([left] if left.rows else [])),
        lines=(f"input {inputs_text(base.trace)}", counted_line(base.convention)),
        notes=tuple(_notes(base, found)),
        facts={"arch": name, "input": inputs_data(base.trace), "convention": convention_facts(base.convention)},
    )


def _notes(base: Counted, found: Sequence[Alternative]) -> Iterator[str]:
    yield from base.notes
    for each in found:
        yield from (f"{each.label}: {note}" for note in each.counted.notes)
        if not each.replaced:
            yield f"{each.label}: no layer was replaced"


def _layers(base: Counted, found: Sequence[Alternative]) -> Table:
    rows: list[Row] = []
    for position, (node, step) in enumerate(base.trace.items(), 1):
        before = base.cost(step)
        cells = {"position": position, "path": node.path, "type": node.kind, "output": [*step.shape.dims]}
        after = [_after(number, node.path, before, each) for number, each in enumerate(found, 1)]
        rows.append(Row(_merged(cells | cost_facts(before), *after)))
    sums = [_compared(number, base.total, each.counted.total) for number, each in enumerate(found, 1)]
    total = Row(_merged({"path": "total", **cost_facts(base.total)}, *sums))
    if len(found) == 1:
        return Table("layers", ONE, tuple(rows), total, more=MORE)
    columns = (Column(f"macs_{number}", each.label, "count") for number, each in enumerate(found, 1))
    more = (Column(f"saved_{number}", f"saved by {each.label}", "count") for number, each in enumerate(found, 1))
    return Table("layers", (*SEVERAL, *columns), tuple(rows), total, more=tuple(more))


def _merged(*cells: dict[str, Any]) -> dict[str, Any]:
    return {key: value for each in cells for key, value in each.items()}


def _after(number: int, path: str, before: Cost, each: Alternative) -> dict[str, Any]:
    """Return the cells of a layer as an alternative has it."""
    step = each.counted.trace.steps[path]
    return {f"type_{number}": each.kinds[path], **_compared(number, before, each.counted.cost(step))}


def _compared(number: int, before: Cost, after: Cost) -> dict[str, Any]:
    ratios = after.ratios(before)
    return {
        f"params_{number}": after.params,
        f"macs_{number}": after.macs,
        f"ratio_{number}": ratios["macs"],
        f"params_ratio_{number}": ratios["params"],
        f"saved_{number}": before.macs - after.macs,
    }


def _totals(base: Counted, found: Sequence[Alternative]) -> Table:
    rows = [Row({"alternative": "as they are", "replaced": 0, **cost_facts(base.total), **_ratios(base, base)})]
    for each in found:
        cells = {"alternative": each.label, "type": each.target.kind, "fields": dict(each.target.fields)}
        counts = {"replaced": len(each.replaced), **cost_facts(each.counted.total), **_ratios(each.counted, base)}
        rows.append(Row({**cells, **counts}))
    return Table("alternatives", TOTALS, tuple(rows), separator="")


def _ratios(result: Counted, base: Counted) -> dict[str, Any]:
    return {f"{key}_ratio": value for key, value in result.total.ratios(base.total).items()}


def _left(found: Sequence[Alternative]) -> Table:
    """Show the layers that were left alone, those with one reason together."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in found:
        reasons: dict[str, list[str]] = {}
        for layer in each.left:
            reasons.setdefault(layer.reason, []).append(layer.path)
        for reason, paths in reasons.items():
            groups.setdefault((reason, tuple(paths)), []).append(each.label)
    some = len(found) > 1
    rows = tuple(_left_row(key, labels, every=len(labels) == len(found)) for key, labels in groups.items())
    return Table("left", (*LEFT, *([Column("of", "with")] if some else [])), rows, separator="")


def _left_row(key: tuple[str, tuple[str, ...]], labels: Sequence[str], *, every: bool) -> Row:
    reason, paths = key
    more = len(paths) - NAMED
    which = ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "")
    cells = {"layers": len(paths), "which": which, "reason": reason, "of": "all" if every else ", ".join(labels)}
    return Row({**cells, "paths": [*paths], "alternatives": [*labels]})
