"""Several networks side by side, what a network would cost if it were changed, and what changed between two."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from flopcount.analyses.diff import QUIET, Change, Counted, Status
from flopcount.analyses.forms import Resemblance
from flopcount.analyses.whatif import Alternative, alike
from flopcount.case import Count
from flopcount.errors import Note, listed
from flopcount.report.cost import (
    Costs,
    convention_facts,
    convention_line,
    costs_of,
    facts,
    input_line,
    inputs_data,
    unknown_facts,
)
from flopcount.report.count import LAYERS, OUTPUT, POSITION
from flopcount.report.table import Column, Line, Report, Row, Table, cell_text, plural, shape_text


def comparison_report(named: Sequence[tuple[str, Count]]) -> Report:
    """Return totals with ratios to the first network, and the layers if all networks have the same maps."""
    shown = costs_of(named[0][1])
    maps = {tuple(step.shape.dims for step in result.trace.steps.values()) for _, result in named}
    has_layers = len(named) > 1 and len(maps) == 1
    convention, cases = named[0][1].convention, [result.case for _, result in named]
    return Report(
        title=" · ".join(name for name, _ in named),
        tables=(_networks(named, shown), *([_layers_beside(named, shown)] if has_layers else [])),
        lines=(
            convention_line(convention, *cases),
            Line("reference", f"ratios are to {named[0][0]}"),
        ),
        notes=tuple(_about(name, note) for name, result in named for note in result.notes),
        facts={"convention": convention_facts(convention)},
    )


def _about(name: str, note: Note) -> Note:
    return Note(note.code, f"{name}: {note}")


def _networks(named: Sequence[tuple[str, Count]], shown: Costs) -> Table:
    columns = (
        Column("arch", "network", "path"),
        Column("input", "input", "shape", rank=5),
        Column("weighted_layers", "layers with weights", "count", rank=6),
        *shown.ratio_columns(),
    )
    first = shown.values(named[0][1].total)
    rows: list[Row] = []
    for name, result in named:
        totals = shown.values(result.total)
        cells = {"arch": f"{name} (at least)" if result.unknown else name, "input": inputs_data(result.trace)}
        cells["weighted_layers"] = result.weighted_layers
        rows.append(Row({**cells, **totals, **unknown_facts(result), **shown.ratios(totals, first)}))
    return Table("archs", columns, tuple(rows))


def _layers_beside(named: Sequence[tuple[str, Count]], shown: Costs) -> Table:
    columns = [POSITION, OUTPUT]
    for number, (name, _) in enumerate(named, 1):
        columns.append(Column(f"type_{number}", f"{name} type", rank=4))
        columns += [
            shown.column(each, f"{each.name}_{number}", f"{name} {each.title}", rank=1) for each in shown.counted
        ]
        columns += [Column(f"ratio_{number}", f"{name} ratio", "ratio", rank=3)] if number > 1 else []
    steps = zip(*(result.trace.items() for _, result in named), strict=True)
    rows = tuple(Row({"position": at, **_beside(each, named, shown)}) for at, each in enumerate(steps, 1))
    return Table("layers", tuple(columns), rows)


def _beside(steps: Sequence[Any], named: Sequence[tuple[str, Count]], shown: Costs) -> dict[str, Any]:
    cells: dict[str, Any] = {"output": [*steps[0][1].shape.dims]}
    values = [shown.values(result.costs[node.path]) for (node, _), (_, result) in zip(steps, named, strict=True)]
    for number, ((node, _), value) in enumerate(zip(steps, values, strict=True), 1):
        cells |= {f"type_{number}": node.kind, **shown.alternative(number, value, values[0] if number > 1 else None)}
    return cells


UNCHANGED = (
    Column("layers", "unchanged", "count"),
    Column("which", "layers", "prose"),
    Column("reason", "reason", "prose"),
)

MOST_LISTED, MOST_NAMED = 8, 3
"""Up to here, values in a title are listed; unchanged layers with one reason, and networks, are named."""


def whatif_report(
    base: Count,
    found: Sequence[Alternative],
    changes: Mapping[str, Any] | None = None,
    invalid: Sequence[str] = (),
) -> Report:
    """Return the layers before and after, the totals, and the unchanged layers; several alternatives as totals first.

    If widths or sizes vary, the networks are shown without their layers. `changes` are the changes to the file that
    hold for all networks, as options of the command line; `invalid` are the alternatives that are impossible.
    """
    shown = costs_of(base)
    varies = any(each.point.label for each in found)
    reference = [Line("reference", "ratios are to the unmodified network")] if varies else []
    totals = _alternatives(base, found, shown)
    is_one = len(found) == 1 and not varies
    layers = [] if varies else [_layers_changed(base, found, shown, has_total=is_one)]
    unchanged = _unchanged([each for each in found if each.target])
    replaced = [Line("text", f"{plural(len(found[0].replaced), 'convolution')} replaced")] if is_one else []
    main = layers if is_one else [totals, *layers]
    if invalid:
        main[0] = main[0]._replace(caption=f"not in the table: {listed(invalid, MOST_NAMED)}; the notes say why")
    return Report(
        title=f"{base.case.name}: what if {_question(found)}",
        tables=(*main, unchanged) if unchanged.rows else tuple(main),
        lines=(input_line(base.trace, changes), convention_line(base.convention, base.case), *reference, *replaced),
        notes=tuple(_whatif_notes(base, found)),
        facts={**facts(base, changes), **({totals.key: [row.data() for row in totals.rows]} if is_one else {})},
    )


def _question(found: Sequence[Alternative]) -> str:
    """Return what varies: widths, sizes, convolutions, each with its values."""
    named = (("width", [each.point.width for each in found]), ("input", [each.point.input for each in found]))
    points = [f"{name} {_values(values)}" for name, values in named if any(values)]
    kinds = [each.target.label for each in found if each.target]
    return " and ".join([*points, *([_values(kinds)] if kinds else [])])


def _values(values: Sequence[str | None]) -> str:
    """Join the values that differ; of many, name the first and the last."""
    words = [*dict.fromkeys(value for value in values if value is not None)]
    return " or ".join(words) if len(words) <= MOST_LISTED else f"{words[0]} … {words[-1]} ({len(words)} values)"


def _whatif_notes(base: Count, found: Sequence[Alternative]) -> Iterator[Note]:
    yield from base.notes
    groups: dict[Note, list[Alternative]] = {}
    for each in found:
        for note in (*each.counted.notes, *_nothing(each), *_dearer(each, base, is_one=len(found) == 1)):
            groups.setdefault(note, []).append(each)
    for note, some in groups.items():
        if note not in base.notes:
            yield note if len(some) == len(found) > 1 else _about(_named(some, found), note)


def _nothing(each: Alternative) -> Iterator[Note]:
    """Yield a note if no layer was replaced, with the number of layers that already match."""
    if each.target and not each.replaced:
        matching = sum(layer.reason.code == "already" for layer in each.unchanged)
        already = f"; {plural(matching, 'layer already matches', 'layers already match')}" if matching else ""
        yield Note("nothing-replaced", f"nothing replaced{already}")


def _dearer(each: Alternative, base: Count, *, is_one: bool) -> Iterator[Note]:
    """Yield a note if layers that were replaced cost more than before; of one network, with totals that grew."""
    if each.dearer:
        paths, metrics = [path for path, _ in each.dearer], {name for _, names in each.dearer for name in names}
        titles = {"params": "params", "macs": costs_of(base).headline.title}
        more = " or ".join(title for name, title in titles.items() if name in metrics)
        of = f"{len(paths)} of {plural(len(each.replaced), 'replaced convolution')}"
        has = "has" if len(paths) == 1 else "have"
        pairs = ((title, each.counted.total[name], base.total[name]) for name, title in titles.items())
        grown = [
            f"{after:,} {title} instead of {before:,}" for title, after, before in pairs if is_one and after > before
        ]
        whole = f"; in total {' and '.join(grown)}" if grown else ""
        yield Note("costs-more", f"{of} {has} more {more} than before: {listed(paths, MOST_NAMED)}{whole}")


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
    return listed((each.convolutions if each.convolutions in whole else each.label for each in some), MOST_NAMED)


def _layers_changed(base: Count, found: Sequence[Alternative], shown: Costs, *, has_total: bool) -> Table:
    rows: list[Row] = []
    kinds = [each.kinds for each in found]
    for position, (node, step) in enumerate(base.trace.items(), 1):
        before = shown.values(base.costs[node.path])
        cells = {"position": position, "path": node.path, "type": node.kind, "output": [*step.shape.dims], **before}
        for number, (each, kind) in enumerate(zip(found, kinds, strict=True), 1):
            after = shown.values(each.counted.costs[node.path])
            cells |= {f"type_{number}": kind[node.path], **shown.alternative(number, after, before)}
        rows.append(Row(cells))
    total: dict[str, Any] = {"path": "total", **(before := shown.values(base.total))}
    for number, each in enumerate(found, 1):
        total |= shown.alternative(number, shown.values(each.counted.total), before)
    columns, more = _one(shown) if len(found) == 1 else _several(found, shown)
    return Table("layers", tuple(columns), tuple(rows), Row(total) if has_total else None, more=tuple(more))


def _one(shown: Costs) -> tuple[list[Column], list[Column]]:
    """Return the columns of a table before and after, and those shown on request."""
    head, every = shown.headline, (shown.headline, *shown.others)
    pairs = zip(shown.columns(title="{} before"), shown.columns("{}_1", "{} after"), strict=True)
    columns = [*LAYERS[:2], Column("type", "before", rank=5), Column("type_1", "after", rank=4), OUTPUT]
    ranks = {head.name: (2, 0)}
    for both in pairs:
        columns += [
            each._replace(rank=rank) for each, rank in zip(both, ranks.get(both[0].metric, (3, 3)), strict=True)
        ]
    columns.append(Column("ratio_1", "ratio", "ratio", head.name, rank=1))
    more = [shown.column(each, shown.key(each, "saved", 1), f"{each.title} saved") for each in every]
    ratios = [Column(shown.key(each, "ratio", 1), f"ratio of {each.title}", "ratio", each.name) for each in every[1:]]
    return columns, more + ratios


def _several(found: Sequence[Alternative], shown: Costs) -> tuple[list[Column], list[Column]]:
    columns = [*LAYERS]
    more: list[Column] = []
    for each in shown.counted:
        unit = "" if each.name == shown.headline.name else f" {each.title}"
        columns.append(shown.column(each, each.name, each.title))
        for number, other in enumerate(found, 1):
            columns.append(shown.column(each, f"{each.name}_{number}", f"{other.label}{unit}", rank=1))
            more.append(shown.column(each, shown.key(each, "saved", number), f"{each.title} saved by {other.label}"))
    return columns, more


def _alternatives(base: Count, found: Sequence[Alternative], shown: Costs) -> Table:
    has_kinds = any(each.target for each in found)
    varying = (
        (Column("width", "width"), any(each.point.width for each in found)),
        (Column("input", "input", "shape"), any(each.point.input for each in found)),
        (Column("alternative", "convolutions", "path"), has_kinds),
        (Column("replaced", "replaced", "count", rank=5), has_kinds),
    )
    columns = (column for column, is_shown in varying if is_shown)
    same = [each for each in found if not each.target and alike(each.counted, base)]
    first = same[0] if same else Alternative(None, base)
    totals = shown.values(base.total)
    rows = (_alternative(each, shown, totals) for each in (first, *(each for each in found if each is not first)))
    return Table("alternatives", (*columns, *shown.ratio_columns()), tuple(rows))


def _alternative(each: Alternative, shown: Costs, base: dict[str, int]) -> Row:
    """Return the row of a network, with its ratios to the unmodified one."""
    totals = shown.values(each.counted.total)
    kind = {"type": each.target.kind, "fields": dict(each.target.fields)} if each.target else {}
    width = {"width": each.point.width} if each.point.width else {}
    cells = {"alternative": each.convolutions, **kind, **width, "input": inputs_data(each.counted.trace)}
    return Row({**cells, "replaced": len(each.replaced), **totals, **shown.ratios(totals, base)})


def _unchanged(found: Sequence[Alternative]) -> Table:
    """Return the layers that were not replaced, those with one reason together."""
    groups: dict[tuple[Note, tuple[str, ...]], list[Alternative]] = {}
    for each in found:
        reasons: dict[Note, list[str]] = {}
        for layer in each.unchanged:
            reasons.setdefault(layer.reason, []).append(layer.path)
        for reason, paths in reasons.items():
            groups.setdefault((reason, tuple(paths)), []).append(each)
    rows = []
    for (reason, left), some in groups.items():
        cells = {"layers": len(left), "which": listed(left, MOST_NAMED), "reason": str(reason), "code": reason.code}
        more = {"of": _named(some, found), "paths": [*left], "alternatives": [each.label for each in some]}
        rows.append(Row({**cells, **more}))
    columns = (*UNCHANGED, *([Column("of", "with", "prose")] if len(found) > 1 else []))
    return Table("left", columns, tuple(rows))


Version = tuple[str, Count]
"""One side of a comparison: how the user refers to it, and its count."""


def diff_report(before: Version, after: Version, found: Resemblance, *, everything: bool = False) -> Report:
    """Return how layers and totals changed; unchanged layers only with `everything`."""
    changes = found.changes
    shown, convention = costs_of(after[1]), after[1].convention
    (old, old_name), (new, new_name) = ((shown.values(each.total), each.case.name) for _, each in (before, after))
    sides = (("before", *before), ("after", *after))
    inputs = (f"{side}: {reference}, input {shape_text(inputs_data(each.trace))}" for side, reference, each in sides)
    notes = [_about(reference, note) for _, reference, each in sides for note in each.notes]
    counted = Counter(each.status for each in changes)
    numbers = {status: counted[status] for status in get_args(Status) if status != "renamed" or counted[status]}
    rows = tuple(_change(each, shown, found) for each in changes if everything or each.status not in QUIET)
    caption = f"{_hidden(numbers)}; --all shows them" if len(rows) < len(changes) else ""
    layers = _changes(rows, Row({"status": "total", **_deltas(old, new, shown)}), shown, caption)
    return Report(
        title=_arrow(old_name, new_name),
        tables=(layers,),
        lines=(
            *(Line("text", each) for each in inputs),
            convention_line(convention, before[1].case, after[1].case),
            _ratios_line(old, new, shown),
            *(Line("text", each) for each in _said(found)),
        ),
        notes=tuple(dict.fromkeys(notes)),
        facts={
            "before": _side(*before, old),
            "after": _side(*after, new),
            "convention": convention_facts(convention),
            "delta": {name: new[name] - old[name] for name in new if name in old},
            "ratio": shown.ratios(new, old, "{}"),
            "numbers": numbers,
            "same_but_for_names": found.is_same,
            "same_if_folded": found.is_deployed,
            "renamed": [[*each] for each in found.renamed],
        },
    )


def _said(found: Resemblance) -> Iterator[str]:
    """Say how two forms of one network compare: whether they are the same, and what has another name."""
    if found.is_same:
        is_named = found.renamed or any(each.status == "renumbered" for each in found.changes)
        yield "the same but for names" if is_named else "the same network"
    if found.renamed:
        old, new = found.renamed[0]
        yield f"{plural(len(found.renamed), 'layer')} renamed, e.g. {old} → {new}; --all lists them"
    if number := sum(len(paths) for side in found.folded for paths in side.values()):
        yield f"{plural(number, 'norm or activation', 'norms and activations')} compared with the layer before"
    if found.is_deployed:
        yield "the same but for names once batch norms are folded: --params folded"


def _side(reference: str, result: Count, totals: dict[str, int]) -> dict[str, Any]:
    return {"reference": reference, "arch": result.case.name, "input": inputs_data(result.trace), **totals}


CHANGES = (
    Column("status", "status"),
    Column("layer", "layer", "path"),
    Column("type", "type", "path", rank=8),
    Column("changed", "changed", "prose", rank=2),
    Column("output", "output", "path", rank=9),
)


def _changes(rows: tuple[Row, ...], total: Row, shown: Costs, caption: str) -> Table:
    columns = [*CHANGES]
    for each in shown.metrics:
        before, after, change = (5, 4, 0) if each.name == shown.headline.name else (7, 6, 1)
        form = shown.column(each, each.name, each.title).form
        columns += [
            Column(f"{each.name}_before", f"{each.title} before", form, rank=before),
            Column(f"{each.name}_after", f"{each.title} after", form, rank=after),
            Column(f"{each.name}_delta", f"{each.title} change", "delta" if form == "count" else form, rank=change),
        ]
    return Table("layers", tuple(columns), rows, total, caption=caption)


def _hidden(numbers: Mapping[str, int]) -> str:
    """Return how many layers are unchanged, and how many are only numbered differently."""
    same, other, renamed = numbers["same"], numbers["renumbered"], numbers.get("renamed")
    words = [f"{plural(same, 'layer')} unchanged"] if same else []
    words += [f"{other} only numbered differently"] if other else []
    return ", ".join([*words, *([f"{renamed} renamed"] if renamed else [])])


def _change(change: Change, shown: Costs, found: Resemblance) -> Row:
    old, new = change.before, change.after
    values = [shown.values(each.cost) if each else None for each in (old, new)]
    return Row(
        {
            "status": change.status,
            "layer": _arrow(*(each and each.item.path for each in (old, new))),
            "type": _arrow(*(each and each.item.kind for each in (old, new))),
            "changed": ", ".join(_field(name, *both) for name, both in change.fields.items() if name != "type"),
            "output": _arrow(*(each and shape_text(each.item.output) for each in (old, new))),
            **_deltas(values[0], values[1], shown),
            "before": _layer_data(old, shown, found.folded[0]),
            "after": _layer_data(new, shown, found.folded[1]),
            "fields": {name: [*both] for name, both in change.fields.items()},
        }
    )


def _deltas(old: Mapping[str, int] | None, new: Mapping[str, int] | None, shown: Costs) -> dict[str, int | None]:
    """Return what a layer costs on both sides; a layer that does not exist costs nothing."""
    cells: dict[str, int | None] = {}
    for each in shown.metrics:
        one, other = (values.get(each.name) if values else None for values in (old, new))
        cells |= {f"{each.name}_before": one, f"{each.name}_after": other}
        cells[f"{each.name}_delta"] = None if one is other is None else (other or 0) - (one or 0)
    return cells


def _layer_data(layer: Counted | None, shown: Costs, folded: Mapping[str, tuple[str, ...]]) -> dict[str, Any] | None:
    if layer is None:
        return None
    item = layer.item
    cells = {"path": item.path, "type": item.kind, "fields": item.fields}
    more = {"folded": [*folded[item.path]]} if item.path in folded else {}
    return {**cells, "reads": [*item.inputs], "output": [*item.output], **shown.values(layer.cost), **more}


def _arrow(old: str | None, new: str | None) -> str:
    """Return one word for both sides, or two with an arrow if they differ."""
    return f"{old} → {new}" if old and new and old != new else new or old or ""


def _field(name: str, old: Any, new: Any) -> str:
    """Return a field that changed; a reference to another layer of the same number says so."""
    before, after = _value(old), _value(new)
    return f"{name} {before} → {'another ' if before == after else ''}{after}"


def _value(value: Any) -> str:
    """Return a value as an arch file would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        inner = ", ".join(map(_value, value))
        return (inner if len(value) == 1 else f"[{inner}]") if value else "none"
    return "none" if value is None else str(value)


def _ratios_line(old: Mapping[str, int], new: Mapping[str, int], shown: Costs) -> Line:
    """Return the line with the ratio of the totals, for each metric that has one."""
    ratios, titles = shown.ratios(new, old, "{}"), {each.name: each.title for each in shown.metrics}
    told = (f"{titles[name]} {cell_text(each, 'ratio')}" for name, each in ratios.items() if each)
    return Line("text", f"ratio: {', '.join(told)}")
