"""Several networks side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.analyses.diff import QUIET, Change, Layer, Status
from flopcount.analyses.whatif import Alternative, alike
from flopcount.case import Cost, Count
from flopcount.report.count import (
    changed_text,
    convention_facts,
    cost_facts,
    counted_line,
    inputs_data,
    inputs_text,
    sizes,
    unknown_facts,
)
from flopcount.report.table import Column, Report, Row, Table

COMPARISON_TOTALS = (
    Column("arch", "network"),
    Column("input", "input", "shape"),
    Column("weighted_layers", "layers with weights", "count"),
    Column("params", "params", "count"),
    Column("params_ratio", "ratio"),
    Column("macs", "MACs", "count"),
    Column("macs_ratio", "ratio"),
)


def comparison_report(named: Sequence[tuple[str, Count]]) -> Report:
    """Show totals with ratios to the first network, and the layers where all have the same maps."""
    convention = named[0][1].convention
    tables = (_comparison_totals(named), *([_comparison_layers(named)] if _alike(named) else []))
    return Report(
        title=" · ".join(name for name, _ in named),
        tables=tables,
        lines=(counted_line(convention), f"ratios are to {named[0][0]}"),
        notes=tuple(f"{name}: {note}" for name, result in named for note in map(str, result.notes)),
        facts={"convention": convention_facts(convention)},
    )


def _comparison_totals(named: Sequence[tuple[str, Count]]) -> Table:
    first = named[0][1].total
    rows: list[Row] = []
    for name, result in named:
        ratios = result.total.ratios(first)
        cells: dict[str, Any] = {
            "arch": f"{name} (at least)" if result.unknown else name,
            "input": inputs_data(result.trace),
            "weighted_layers": result.weighted_layers,
            **cost_facts(result.total),
            **unknown_facts(result),
            "params_ratio": ratios["params"],
            "macs_ratio": ratios["macs"],
        }
        rows.append(Row(cells))
    return Table("archs", COMPARISON_TOTALS, tuple(rows), separator="")


def _alike(named: Sequence[tuple[str, Count]]) -> bool:
    """Tell whether the networks match: layer for layer the same maps."""
    maps = {tuple(step.shape.dims for step in result.trace.steps.values()) for _, result in named}
    return len(named) > 1 and len(maps) == 1


def _comparison_layers(named: Sequence[tuple[str, Count]]) -> Table:
    columns = [Column("position", "#", "count"), Column("output", "output", "shape")]
    for index, (name, _) in enumerate(named):
        columns += [Column(f"type_{index + 1}", name), Column(f"macs_{index + 1}", "MACs", "count")]
        columns += [Column(f"ratio_{index + 1}", "ratio", "ratio")] if index else []
    steps = zip(*(result.trace.items() for _, result in named), strict=True)
    rows = tuple(_layer(position, alike, named) for position, alike in enumerate(steps, 1))
    return Table("layers", tuple(columns), rows)


def _layer(position: int, alike: Sequence[Any], named: Sequence[tuple[str, Count]]) -> Row:
    cells: dict[str, Any] = {"position": position, "output": [*alike[0][1].shape.dims]}
    costs = [result.cost(step) for (_, step), (_, result) in zip(alike, named, strict=True)]
    for index, ((node, _), cost) in enumerate(zip(alike, costs, strict=True), 1):
        cells |= {f"type_{index}": node.kind, f"params_{index}": cost.params, f"macs_{index}": cost.macs}
        cells |= {f"ratio_{index}": cost.ratios(costs[0])["macs"]} if index > 1 else {}
    return Row(cells)


# A network beside what it would be with other convolutions.


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
MORE = (
    Column("saved_1", "MACs saved", "count"),
    Column("params_saved_1", "params saved", "count"),
    Column("params_ratio_1", "ratio of params", "ratio"),
)
SEVERAL = (
    Column("position", "#", "count"),
    Column("path", "layer"),
    Column("type", "type"),
    Column("output", "output", "shape"),
    Column("macs", "MACs", "count"),
)
OTHERS = (Column("alternative", "convolutions"), Column("replaced", "replaced", "count"))
WHATIF_TOTALS = (
    Column("params", "params", "count"),
    Column("params_ratio", "ratio"),
    Column("macs", "MACs", "count"),
    Column("macs_ratio", "ratio"),
)
LEFT = (Column("layers", "left alone", "count"), Column("which", "which"), Column("reason", "why"))

MOST_LISTED = 8
"""Values in a title are all named up to here."""

NAMED = 3
"""Layers that are left alone for one reason, and networks, are named up to here, then counted."""


def whatif_report(
    name: str, base: Count, found: Sequence[Alternative], changes: Mapping[str, Any] | None = None
) -> Report:
    """Show the layers before and after, the totals, and what was left alone; of several alternatives, totals first.

    Where widths or sizes vary, the networks are shown and not their layers. `changes`
    is what holds for all beyond the file, as the options of the command line name it.
    """
    varies = any(each.point.label for each in found)
    reference = ["ratios are to the network with nothing of this changed"] if varies else []
    input_ = f"input {inputs_text(base.trace)}{changed_text(changes or {})}"
    return Report(
        title=f"{name}: what if {_question(found)}",
        tables=tuple(_tables(base, found, varies=varies)),
        lines=(input_, counted_line(base.convention), *reference),
        notes=tuple(_whatif_notes(base, found)),
        facts={
            "arch": name,
            "input": inputs_data(base.trace),
            "convention": convention_facts(base.convention),
            **({"changes": changes} if changes else {}),
        },
    )


def _tables(base: Count, found: Sequence[Alternative], *, varies: bool) -> Iterator[Table]:
    layers = [] if varies else [_whatif_layers(base, found)]
    totals = _whatif_totals(base, found)
    yield from (*layers, totals) if len(found) == 1 else (totals, *layers)
    left = _left([each for each in found if each.target])
    if left.rows:
        yield left


def _question(found: Sequence[Alternative]) -> str:
    """Say what varies: widths, sizes, convolutions, each with its values."""
    named = (("width", [each.point.width for each in found]), ("input", [each.point.size for each in found]))
    points = [f"{name} {_listed(values)}" for name, values in named if any(values)]
    kinds = [each.target.label for each in found if each.target]
    return " and ".join([*points, *([_listed(kinds)] if kinds else [])])


def _listed(values: Sequence[str | None]) -> str:
    """Join the values that differ; of many, name the first and the last."""
    words = [*dict.fromkeys(value for value in values if value is not None)]
    return " or ".join(words) if len(words) <= MOST_LISTED else f"{words[0]} … {words[-1]} ({len(words)} values)"


def _whatif_notes(base: Count, found: Sequence[Alternative]) -> Iterator[str]:
    yield from map(str, base.notes)
    said: dict[str, list[Alternative]] = {}
    for each in found:
        for note in (*map(str, each.counted.notes), *_nothing(each)):
            said.setdefault(note, []).append(each)
    for note, some in said.items():
        if note not in map(str, base.notes):
            yield note if len(some) == len(found) > 1 else f"{_named(some, found)}: {note}"


def _nothing(each: Alternative) -> Iterator[str]:
    """Say that no layer was replaced, and how many are what was wanted."""
    if each.target and not each.replaced:
        already = sum(layer.reason == each.target.already for layer in each.left)
        yield f"no layer was replaced: {already} are so already" if already else "no layer was replaced"


def _named(some: Sequence[Alternative], found: Sequence[Alternative]) -> str:
    """Name some of the networks: all, those with one kind of convolutions together, or one by one."""
    if len(some) == len(found) > 1:
        return "all"
    meant = {each.label for each in some}
    whole = {
        each.convolutions
        for each in some
        if each.target and meant.issuperset(other.label for other in found if other.target == each.target)
    }
    return _first([each.convolutions if each.convolutions in whole else each.label for each in some])


def _first(words: Sequence[str]) -> str:
    """Join the first words that differ, and count the others."""
    words = [*dict.fromkeys(words)]
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _whatif_layers(base: Count, found: Sequence[Alternative]) -> Table:
    rows: list[Row] = []
    kinds = [each.kinds for each in found]
    for position, (node, step) in enumerate(base.trace.items(), 1):
        before = base.cost(step)
        cells = {"position": position, "path": node.path, "type": node.kind, "output": [*step.shape.dims]}
        types = {f"type_{number}": each[node.path] for number, each in enumerate(kinds, 1)}
        after = [_compared(number, before, _cost(each, node.path)) for number, each in enumerate(found, 1)]
        rows.append(Row(_merged(cells | cost_facts(before), types, *after)))
    sums = [_compared(number, base.total, each.counted.total) for number, each in enumerate(found, 1)]
    total = Row(_merged({"path": "total", **cost_facts(base.total)}, *sums))
    if len(found) == 1:
        return Table("layers", ONE, tuple(rows), total, more=MORE)
    columns = (Column(f"macs_{number}", each.label, "count") for number, each in enumerate(found, 1))
    more = (Column(f"saved_{number}", f"saved by {each.label}", "count") for number, each in enumerate(found, 1))
    return Table("layers", (*SEVERAL, *columns), tuple(rows), total, more=tuple(more))


def _merged(*cells: dict[str, Any]) -> dict[str, Any]:
    return {key: value for each in cells for key, value in each.items()}


def _cost(each: Alternative, path: str) -> Cost:
    return each.counted.cost(each.counted.trace.steps[path])


def _compared(number: int, before: Cost, after: Cost) -> dict[str, Any]:
    ratios = after.ratios(before)
    return {
        f"params_{number}": after.params,
        f"macs_{number}": after.macs,
        f"ratio_{number}": ratios["macs"],
        f"params_ratio_{number}": ratios["params"],
        f"saved_{number}": before.macs - after.macs,
        f"params_saved_{number}": before.params - after.params,
    }


def _whatif_totals(base: Count, found: Sequence[Alternative]) -> Table:
    varied = [
        column
        for column, varies in (
            (Column("width", "width"), any(each.point.width for each in found)),
            (Column("input", "input", "shape"), any(each.point.size for each in found)),
        )
        if varies
    ]
    others = OTHERS if any(each.target for each in found) else ()
    same = [each for each in found if not each.target and alike(each.counted, base)]
    first = same[0] if same else Alternative(None, base)
    rows = tuple(_total(each, base) for each in (first, *(each for each in found if each is not first)))
    return Table("alternatives", (*varied, *others, *WHATIF_TOTALS), rows, separator="")


def _total(each: Alternative, base: Count) -> Row:
    """Return the row of a network, with its ratios to the first."""
    target = {"type": each.target.kind, "fields": dict(each.target.fields)} if each.target else {}
    cells = {
        "alternative": each.convolutions,
        **target,
        **({"width": each.point.width} if each.point.width else {}),
        "input": inputs_data(each.counted.trace),
        "replaced": len(each.replaced),
    }
    return Row({**cells, **cost_facts(each.counted.total), **_ratios(each.counted, base)})


def _ratios(result: Count, base: Count) -> dict[str, Any]:
    return {f"{key}_ratio": value for key, value in result.total.ratios(base.total).items()}


def _left(found: Sequence[Alternative]) -> Table:
    """Show the layers that were left alone, those with one reason together."""
    groups: dict[tuple[str, tuple[str, ...]], list[Alternative]] = {}
    for each in found:
        reasons: dict[str, list[str]] = {}
        for layer in each.left:
            reasons.setdefault(layer.reason, []).append(layer.path)
        for reason, paths in reasons.items():
            groups.setdefault((reason, tuple(paths)), []).append(each)
    rows = tuple(_left_row(reason, paths, some, found) for (reason, paths), some in groups.items())
    return Table("left", (*LEFT, *([Column("of", "with")] if len(found) > 1 else [])), rows, separator="")


def _left_row(reason: str, paths: Sequence[str], some: Sequence[Alternative], found: Sequence[Alternative]) -> Row:
    cells = {"layers": len(paths), "which": _first(paths), "reason": reason, "of": _named(some, found)}
    return Row({**cells, "paths": [*paths], "alternatives": [each.label for each in some]})


# What changed between two networks, as tables.


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
DIFF_TOTALS = (
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
    result: Count


def diff_report(before: Version, after: Version, changes: Sequence[Change], *, everything: bool = False) -> Report:
    """Show what became of the layers, but for those that are as they were, and of the totals."""
    shown = [each for each in changes if everything or each.status not in QUIET]
    tables = (_diff_layers(shown, changes, before.result.total, after.result.total), _diff_totals(before, after))
    return Report(
        title=f"{before.name} → {after.name}" if before.name != after.name else after.name,
        tables=tables,
        lines=(
            f"before: {before.reference}, input {inputs_text(before.result.trace)}",
            f"after: {after.reference}, input {inputs_text(after.result.trace)}",
            counted_line(after.result.convention),
        ),
        notes=_diff_notes(before, after),
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


def _diff_notes(before: Version, after: Version) -> tuple[str, ...]:
    named = [(each.reference, note) for each in (before, after) for note in map(str, each.result.notes)]
    return tuple(f"{reference}: {note}" for reference, note in dict.fromkeys(named))


def _diff_layers(shown: Sequence[Change], changes: Sequence[Change], before: Cost, after: Cost) -> Table:
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


def _diff_totals(before: Version, after: Version) -> Table:
    old, new = before.result.total, after.result.total
    ratios = new.ratios(old)
    rows = tuple(
        Row({"quantity": title, "before": was, "after": now, "delta": now - was, "ratio": ratios[key]})
        for title, key, was, now in (
            ("params", "params", old.params, new.params),
            ("MACs", "macs", old.macs, new.macs),
        )
    )
    return Table("", DIFF_TOTALS, rows, separator="")
