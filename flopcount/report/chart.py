"""The picture of a report: the rows of its main table as bars, or networks as points."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from flopcount.analyses.sweep.axes import Axis as SweepAxis
from flopcount.analyses.sweep.evaluate import COSTS
from flopcount.analyses.sweep.select import Cloud, Rows, cells
from flopcount.errors import UsageError
from flopcount.report.table import (
    QUANTITIES,
    Axis,
    Bars,
    Chart,
    Column,
    Heading,
    Panel,
    Point,
    Points,
    Report,
    Row,
    Series,
    Table,
    bar_axis,
    captions,
    cell_text,
    lines,
    point_axis,
)
from flopcount.spec.units import with_prefix

MOST_BARS = 150
"""Of more rows than this the costliest are drawn."""

ALL_NAMED = 12
"""So few networks find room for their names, unless they are the same."""

LONGEST_TITLE = 75
"""Characters; longer titles, which name what the picture names anyway, are left out."""

STANDARD = ("standard_{}", "{}", "standard convolutions", "as specified")
CHANGED = ("{}", "{}_1", "before", "after")
"""The keys of two columns that are compared, and what their bars are called."""


def chart_of(report: Report) -> Chart:
    """Return the picture of a report: what it is follows from the main table."""
    return _CHARTS[report.tables[0].key](report)


def _rows_chart(report: Report) -> Bars:
    """Draw the rows of a table that adds up, as they are: folded, summed, sorted, cut."""
    table = report.tables[0]
    shown = [key for key in QUANTITIES if any(column.key == key for column in table.columns)]
    if not shown:
        raise UsageError("--plot draws MACs and parameters; --columns leaves out both")
    pairs = {key: _pair(table, key) for key in shown}
    drawn = [row for row in table.rows if any(_value(row, keys, name) for keys in pairs.values() for name in keys)]
    kept = _costliest(drawn, pairs)
    panels = tuple(_panel(key, pair, kept) for key, pair in pairs.items())
    left = _left_out(table, len(drawn), len(kept))
    return Bars(
        Heading(report.title, (*lines(report), _totals(table, pairs)), left, captions(report)),
        _unique(_label(row) for row in kept),
        tuple(panel for panel in panels if any(any(series.values) for series in panel.series)) or panels,
        tuple(_details(table, row) for row in kept),
    )


def _pair(table: Table, key: str) -> dict[str, str]:
    """Return the columns of a quantity that are compared, with their names; or the one there is."""
    for reference, own, before, after in (CHANGED, STANDARD):
        keys = {reference.format(key): before, own.format(key): after}
        if table.total and keys.keys() <= table.total.cells.keys() and _is_whole(table, reference, key):
            return keys
    return {key: ""}


def _is_whole(table: Table, reference: str, key: str) -> bool:
    """Tell whether all rows have what they are compared with: sums over rows lose some of it."""
    with_macs = [row for row in table.rows if reference.format("macs") in row.cells]
    return all(reference.format(key) in row.cells for row in with_macs)


def _value(row: Row, pair: Mapping[str, str], key: str) -> int:
    """Return a value; a row that is not compared is the same on both sides."""
    own = row.cells.get([*pair][-1]) or 0
    value = row.cells.get(key)
    return own if value is None else value


def _panel(key: str, pair: Mapping[str, str], rows: Sequence[Row]) -> Panel:
    series = tuple(Series(name, tuple(_value(row, pair, each) for row in rows)) for each, name in pair.items())
    return Panel(bar_axis(key, QUANTITIES[key], (value for each in series for value in each.values)), series)


def _costliest(rows: Sequence[Row], pairs: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """Keep the rows that cost most, in the order they have."""
    keys = [name for pair in pairs.values() for name in pair]
    ranked = sorted(range(len(rows)), key=lambda at: [-(rows[at].cells.get(key) or 0) for key in keys])
    return [rows[at] for at in sorted(ranked[:MOST_BARS])]


def _left_out(table: Table, drawn: int, kept: int) -> tuple[str, ...]:
    """Say which rows the picture does not have."""
    free = len(table.rows) - drawn
    rows = "1 row that costs nothing is" if free == 1 else f"{free} rows that cost nothing are"
    said = [f"{rows} not drawn"] if free else []
    said += [f"drawn are the {kept} costliest of {drawn}; --depth folds blocks"] if kept < drawn else []
    said += [table.caption] if table.caption else []
    return (" · ".join(said),) if said else ()


def _totals(table: Table, pairs: Mapping[str, Mapping[str, str]]) -> str:
    """Say what the rows add up to, and the ratio to what they are compared with."""
    cells = table.total.cells if table.total else {}
    said = (_total(cells, QUANTITIES[key], [*pair]) for key, pair in pairs.items())
    return "total " + ", ".join(said)


def _total(cells: Mapping[str, Any], title: str, keys: Sequence[str]) -> str:
    first, last = (cells.get(key) or 0 for key in (keys[0], keys[-1]))
    if len(keys) == 1:
        return f"{with_prefix(last)} {title}"
    ratio = f" (ratio {last / first:.4f})" if first else ""
    return f"{with_prefix(first)} → {with_prefix(last)} {title}{ratio}"


def _label(row: Row) -> str:
    return str(row.cells["path"] if "path" in row.cells else next(iter(row.cells.values())))


def _unique(labels: Iterable[str]) -> tuple[str, ...]:
    """Tell labels apart that come again, so that each has a row of its own."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return tuple(found)


def _details(table: Table, row: Row) -> Mapping[str, str]:
    """Return the cells of a row as words, the integers exact."""
    columns = [column for column in (*table.columns, *table.more) if row.cells.get(column.key) is not None]
    return {_title(column): cell_text(row.cells[column.key], column.sort, ",") for column in columns}


def _title(column: Column) -> str:
    return column.title if column.title not in {"ratio", ""} else column.key.replace("_", " ")


def _alternatives_chart(report: Report) -> Bars:
    """Draw the totals of alternatives, each beside the network as it is."""
    table = report.tables[0]
    labels = _unique(_alternative(table, row) for row in table.rows)
    pairs = {key: {key: ""} for key in QUANTITIES}
    return Bars(
        Heading(report.title, _without_ratios(report), (table.caption,) if table.caption else (), captions(report)),
        labels,
        tuple(_panel(key, pair, table.rows) for key, pair in pairs.items()),
        tuple(_details(table, row) for row in table.rows),
        next((label for label, row in zip(labels, table.rows, strict=True) if _is_reference(row)), ""),
    )


def _without_ratios(report: Report) -> tuple[str, ...]:
    """Return the lines that are not about ratios, which a picture of totals has not."""
    return tuple(line for line in lines(report) if "ratios are" not in line)


def _is_reference(row: Row) -> bool:
    """Tell whether a row is what the others are compared with."""
    return row.cells.get("macs_ratio") == row.cells.get("params_ratio") == 1


def _alternative(table: Table, row: Row) -> str:
    """Name an alternative by all that it varies."""
    named = [column for column in table.columns if column.sort in {"text", "shape"} and "ratio" not in column.key]
    words = (cell_text(row.cells.get(column.key), column.sort) for column in named)
    return " · ".join(word for word in words if word)


def _networks_chart(report: Report) -> Points:
    """Draw networks as points: what they compute against what they store."""
    table = report.tables[0]
    points = tuple(
        Point(row.cells["macs"], row.cells["params"], _label(row), _details(table, row)) for row in table.rows
    )
    x = point_axis("macs", QUANTITIES["macs"], (each.x for each in points))
    y = point_axis("params", QUANTITIES["params"], (each.y for each in points))
    return Points(_networks_heading(report, table.rows), x, y, points)


def _networks_heading(report: Report, rows: Sequence[Row]) -> Heading:
    """Name the networks in the title while they are few; their points have names anyway."""
    inputs = {cell_text(row.cells["input"], "shape") for row in rows}
    line = f"input {inputs.pop()}" if len(inputs) == 1 else "each at its own input"
    title = report.title if len(report.title) <= LONGEST_TITLE else "MACs and parameters"
    named = "; named where there is room" if len(rows) > ALL_NAMED else ""
    return Heading(title, (f"{len(rows)} networks, {line}{named}",), captions=captions(report))


_CHARTS: Mapping[str, Callable[[Report], Chart]] = {
    "layers": _rows_chart,
    "groups": _rows_chart,
    "alternatives": _alternatives_chart,
    "archs": _networks_chart,
}


# The picture of a sweep: its candidates as points of two columns, and the front that no other beats.


MOST_STEPS = 500
"""Of a longer front so many places are drawn, evenly, its ends among them."""


def sweep_chart(report: Report, cloud: Cloud, axes: Sequence[SweepAxis]) -> Points:
    """Draw what a sweep has kept; one axis that is a number colours the points."""
    shade = _shade(cloud, axes)
    points = tuple(_points(cloud.rows, cloud, shade))
    front = tuple(_points(cloud.front, cloud))
    both = (*points, *front)
    return Points(
        Heading(
            report.title,
            (*_lines(report), *_said(front)),
            tuple(_remarks(cloud, len(points), len(front))),
            captions(report),
        ),
        _axis(cloud.x, [point.x for point in both]),
        _axis(cloud.y, [point.y for point in both]),
        points,
        _thinned(front),
        shade,
    )


def _shade(cloud: Cloud, axes: Sequence[SweepAxis]) -> str:
    """Choose what colours the points: the first axis of numbers that varies among them and has no side of its own."""
    free = (each.name for each in axes if each.is_number and each.name not in {cloud.x, cloud.y})
    return next((name for name in free if len({*(cloud.rows or {name: ()})[name]}) > 1), "")


def _points(rows: Rows | None, cloud: Cloud, shade: str = "") -> Iterator[Point]:
    for each in cells(rows or {}):
        found: dict[str, Any] = dict(zip(rows or {}, each, strict=True))
        details = {name: f"{value:,}" if name in COSTS else str(value) for name, value in found.items()}
        yield Point(found[cloud.x], found[cloud.y], "", details, found.get(shade))


def _axis(name: str, values: list[Any]) -> Axis:
    return point_axis(name, QUANTITIES.get(name, name), values, is_count=name in COSTS)


def _thinned(front: Sequence[Point]) -> tuple[Point, ...]:
    many = len(front)
    if many <= MOST_STEPS:
        return tuple(front)
    return tuple(front[place * (many - 1) // (MOST_STEPS - 1)] for place in range(MOST_STEPS))


def _lines(report: Report) -> tuple[str, ...]:
    """Return what is said of the candidates; where their rows are is of no use to who sees the picture."""
    return tuple(line for line in lines(report) if not line.startswith("written to "))


def _said(front: Sequence[Point]) -> Iterator[str]:
    places = "place" if len(front) == 1 else "places"
    if front:
        yield f"in orange the front: {len(front):,} {places} that no candidate beats in both"


def _remarks(cloud: Cloud, drawn: int, front: int) -> Iterator[str]:
    """Say what is drawn, where that is not all, or nothing."""
    if not cloud.seen:
        yield "no candidate is kept, so there is none to draw"
    if drawn < cloud.seen:
        yield f"drawn are {drawn:,} of {cloud.seen:,} candidates, chosen at random; the front is that of all"
    if front > MOST_STEPS:
        yield f"of the {front:,} places of the front {MOST_STEPS} are drawn"
