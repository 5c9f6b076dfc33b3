"""A network beside what it would be with other convolutions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flopcount.analyses.counted import Cost, Counted
from flopcount.analyses.whatif.alternatives import Alternative, alike
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import changed_text, convention_facts, cost_facts, counted_line, inputs_data, inputs_text

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
TOTALS = (
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
    name: str, base: Counted, found: Sequence[Alternative], changes: Mapping[str, Any] | None = None
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
        notes=tuple(_notes(base, found)),
        facts={
            "arch": name,
            "input": inputs_data(base.trace),
            "convention": convention_facts(base.convention),
            **({"changes": changes} if changes else {}),
        },
    )


def _tables(base: Counted, found: Sequence[Alternative], *, varies: bool) -> Iterator[Table]:
    layers = [] if varies else [_layers(base, found)]
    totals = _totals(base, found)
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


def _notes(base: Counted, found: Sequence[Alternative]) -> Iterator[str]:
    yield from base.notes
    said: dict[str, list[Alternative]] = {}
    for each in found:
        for note in (*each.counted.notes, *_nothing(each)):
            said.setdefault(note, []).append(each)
    for note, some in said.items():
        if note not in base.notes:
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


def _layers(base: Counted, found: Sequence[Alternative]) -> Table:
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


def _totals(base: Counted, found: Sequence[Alternative]) -> Table:
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
    return Table("alternatives", (*varied, *others, *TOTALS), rows, separator="")


def _total(each: Alternative, base: Counted) -> Row:
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


def _ratios(result: Counted, base: Counted) -> dict[str, Any]:
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
