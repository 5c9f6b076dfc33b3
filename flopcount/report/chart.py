"""Charts as files: the main table of a report as a Vega-Lite specification, drawn to SVG, PDF, PNG or HTML.

vl-convert draws without a browser or a network; an HTML page carries the whole library inside.
"""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import cos, log10, pi, sin
from typing import Any, NamedTuple

from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.select import Cloud, Rows, cells
from flopcount.errors import UsageError, missing, plain
from flopcount.network.metrics import METRICS
from flopcount.report import escape
from flopcount.report.cost import key_in_flops
from flopcount.report.table import WORDS, Column, Report, Row, Table, cell_text, plural
from flopcount.spec.units import amount

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""

MOST_BARS, MOST_STEPS = 150, 500
"""Of more rows, the costliest are drawn; of a longer front, points at equal distances, both ends included."""

MOST_NAMED, MOST_NOTES = 30, 4
"""Up to this number of networks, every one is labeled, if necessary at the end of a line; of more, only those with
room for a label. Further footnotes are counted."""

TITLE, SUBTITLE, CAPTION, LONGEST_TITLE = 78, 105, 125, 75
"""Characters per line; longer titles of comparisons, which list the names of the points, are replaced."""

BLUE, REFERENCE, FRONT, GRAY = "#0072b2", "#b8bcc2", "#d55e00", "#5f6368"
"""Colors that are distinct to all readers (Okabe and Ito, 2008), and grays."""

COMPARED = (("{}", "{}_1", "before", "after"), ("standard_{}", "{}", "standard convolutions", "as specified"))
"""The keys of two columns that are compared, and the names of their bars."""


def chart_of(report: Report) -> Spec:
    """Return the chart of a report; the key of the main table decides what it is."""
    return _CHARTS[report.tables[0].key](report)


def _headed(content: Spec, report: Report, lines: Iterable[str], remarks: Iterable[str] = (), title: str = "") -> Spec:
    """Put the title above a specification, and the convention and the notes below."""
    heading = {"text": _wrapped([title or report.title], TITLE), "subtitle": _wrapped((*lines, *remarks), SUBTITLE)}
    captions = [*_lines(report, "convention"), *map(str, report.notes)]
    more = len(captions) - MOST_NOTES
    captions = [*captions[:MOST_NOTES], *([f"and {plural(more, 'more note')} in the table"] if more > 0 else [])]
    style = {"fontSize": 9.5, "fontWeight": "normal", "color": GRAY, "lineHeight": 13}
    footnote = {"text": _wrapped(captions, CAPTION), "orient": "bottom", "anchor": "start", "offset": 16, **style}
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION}.json",
        "config": CONFIG,
        "vconcat": [{**content, "title": heading}],
        **({"title": footnote} if captions else {}),
    }


def _wrapped(texts: Iterable[str], width: int) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, width)]


def _lines(report: Report, *kinds: str) -> tuple[str, ...]:
    return tuple(each.text for each in report.lines if each.kind in kinds)


def _details(table: Table, row: Row) -> dict[str, str]:
    """Return the cells of a row for tooltips, integers exact; their names are apart from the fields that are drawn."""
    known = [column for column in (*table.columns, *table.more) if row.cells.get(column.key) is not None]
    names = {each.key: each.title if each.title not in {"ratio", ""} else each.key.replace("_", " ") for each in known}
    return {f"cell {names[each.key]}": cell_text(row.cells[each.key], each.form) for each in known}


def _tooltip(records: Iterable[Mapping[str, Any]]) -> list[Spec]:
    """Return the fields of a tooltip; dots and brackets in names, which would be read as paths, are escaped."""
    names = dict.fromkeys(name for record in records for name in record if name.startswith("cell "))
    fields = {name: re.sub(r"([\\.\[\]'\"])", r"\\\1", name) for name in names}
    return [{"field": each, "type": "nominal", "title": name.removeprefix("cell ")} for name, each in fields.items()]


def _metric_columns(table: Table) -> list[Column]:
    """Return the columns of costs, parameters last."""
    known = [each for each in table.columns if each.metric and each.key == each.metric]
    return sorted(known, key=lambda each: each.key == "params")


class Panel(NamedTuple):
    """The bars of one metric: the columns of its series by key, with their names."""

    column: Column
    series: Mapping[str, str]

    def value(self, row: Row, key: str) -> int:
        """Return a value; a row that is not compared is the same on both sides."""
        value = row.cells.get(key)
        own: int = row.cells.get([*self.series][-1]) or 0
        return own if value is None else value


def _rows_chart(report: Report) -> Spec:
    """Draw the rows of a table that adds up, as they are: folded, summed, sorted, cut."""
    table = report.tables[0]
    panels = [Panel(column, _series(table, column.key)) for column in _metric_columns(table)]
    if not panels:
        raise UsageError("--plot draws costs; add a metric to --columns")
    drawn = [row for row in table.rows if any(each.value(row, key) for each in panels for key in each.series)]
    kept = _costliest(drawn, panels)
    shown = [each for each in panels if any(each.value(row, key) for row in kept for key in each.series)]
    total = "total " + ", ".join(_total(table.total.cells if table.total else {}, each) for each in panels)
    content = _bars(table, _unique(map(_label, kept)), kept, shown or panels)
    return _headed(content, report, (*_lines(report, "text", "reference"), total), _omitted(table, drawn, kept))


def _series(table: Table, key: str) -> dict[str, str]:
    """Return the two columns of a metric that are compared, with their names; or its only one."""
    total, columns = table.total.cells if table.total else {}, {column.key for column in table.columns}
    for reference, own, before, after in COMPARED:
        keys = {reference.format(key): before, own.format(key): after}
        others = {reference.format(column.metric) for column in table.columns if column.metric}
        if others.isdisjoint(columns):
            continue
        compared = [row for row in table.rows if not others.isdisjoint(row.cells)]
        if keys.keys() <= total.keys() and all(reference.format(key) in row.cells for row in compared):
            return keys
    return {key: ""}


def _costliest(rows: Sequence[Row], panels: Sequence[Panel]) -> list[Row]:
    """Keep the rows with the highest costs, in their order."""
    keys = [key for panel in panels for key in panel.series]
    ranked = sorted(range(len(rows)), key=lambda at: [-(rows[at].cells.get(key) or 0) for key in keys])
    return [rows[at] for at in sorted(ranked[:MOST_BARS])]


def _omitted(table: Table, drawn: Sequence[Row], kept: Sequence[Row]) -> list[str]:
    """Return which rows are not drawn."""
    free = len(table.rows) - len(drawn)
    rows = plural(free, "row without cost is", "rows without cost are")
    said = [f"{rows} not drawn"] if free else []
    if len(kept) < len(drawn):
        said.append(f"showing the {len(kept)} costliest of {len(drawn)}; --depth folds blocks")
    said += [table.caption] if table.caption else []
    return [" · ".join(said)] if said else []


def _total(cells_: Mapping[str, Any], panel: Panel) -> str:
    """Return what the rows add up to, and the ratio to what they are compared with."""
    keys = [*panel.series]
    first, last = (cells_.get(key) or 0 for key in (keys[0], keys[-1]))
    title = panel.column.title
    if len(keys) == 1:
        return f"{amount(last, '')} {title}"
    ratio = f" (ratio {last / first:.4f})" if first else ""
    return f"{amount(first, '')} → {amount(last, '')} {title}{ratio}"


def _label(row: Row) -> str:
    return str(row.cells["path"] if "path" in row.cells else next(iter(row.cells.values())))


def _unique(labels: Iterable[str]) -> list[str]:
    """Add numbers to repeated labels, so that each has a row of its own."""
    seen: Counter[str] = Counter()
    found = []
    for label in labels:
        seen[label] += 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found


def _alternatives_chart(report: Report) -> Spec:
    """Draw the totals of alternatives; the unmodified network is gray."""
    table = report.tables[0]
    labels = _unique(_alternative(table, row) for row in table.rows)
    panels = [Panel(column, {column.key: ""}) for column in _metric_columns(table)]
    ratios = [f"{each.column.key}_ratio" for each in panels]
    same = (all(row.cells.get(key) == 1 for key in ratios) for row in table.rows)
    reference = next((label for label, is_same in zip(labels, same, strict=True) if is_same), "")
    content = _bars(table, labels, table.rows, panels, reference)
    return _headed(content, report, _lines(report, "text"), [table.caption] if table.caption else [])


def _alternative(table: Table, row: Row) -> str:
    """Name an alternative by everything that varies."""
    named = (column for column in table.columns if column.form in WORDS and not column.metric)
    return " · ".join(filter(None, (cell_text(row.cells.get(column.key), column.form) for column in named)))


STEP, THIN, MARGIN = 20, 11, 6
"""Height of a row with one bar; of each bar if there are two; the gap between rows."""


def _bars(table: Table, labels: Sequence[str], rows: Sequence[Row], panels: Sequence[Panel], base: str = "") -> Spec:
    """Return panels side by side, under one list of labels; `base` labels what the others are compared with."""
    bars = [*zip(labels, rows, (_details(table, row) for row in rows), strict=True)]
    widths = [520] if len(panels) == 1 else [380, *[220] * (len(panels) - 1)]
    numbered = enumerate(zip(panels, widths, strict=True))
    drawn = [{"width": width, **_panel(panel, bars, base, is_first=not at)} for at, (panel, width) in numbered]
    return {"hconcat": drawn, "spacing": 26, "resolve": {"legend": {"color": "independent"}}}


def _panel(panel: Panel, bars: Sequence[tuple[str, Row, Mapping[str, str]]], base: str, *, is_first: bool) -> Spec:
    many = len(panel.series)
    step = STEP if many == 1 else THIN * many + MARGIN
    records: list[Spec] = [
        {"label": label, "series": name, "value": value, "exact": f"{value:,}", **details}
        for key, name in panel.series.items()
        for label, value, details in ((label, panel.value(row, key), details) for label, row, details in bars)
    ]
    high = max((record["value"] for record in records), default=0) or 1
    padding = {"paddingInner": 0.28 if many == 1 else MARGIN / step, "paddingOuter": 0.2}
    axis = {"title": panel.column.title, "tickCount": 5, "domain": False, "ticks": False, **NUMBERS}
    labels = {"title": None, "ticks": False, "labelPadding": 6, "labelLimit": 260, "labelOverlap": False}
    labels["labels"] = is_first
    scale = {"domain": [0, high * 1.16], "nice": False}
    position: Spec = {
        "y": {"field": "label", "type": "nominal", "sort": None, "scale": padding, "axis": labels},
        "x": {"field": "value", "type": "quantitative", "axis": axis, "scale": scale},
    }
    if many > 1:
        position["yOffset"] = {"field": "series", "type": "nominal", "sort": None, "scale": {"paddingInner": 0.08}}
    color = _color(panel, base, has_legend=is_first)
    drawn = {"mark": {"type": "bar"}, "encoding": {"color": color, "tooltip": _tooltip(records)}}
    mark = {"type": "text", "align": "left", "baseline": "middle", "dx": 3, "fontSize": 10, "color": GRAY}
    figures = {"mark": mark, "encoding": {"text": {"field": "value", "type": "quantitative", "format": ".3~s"}}}
    height = max(len(bars), 1) * step
    return {"data": {"values": records}, "height": height, "encoding": position, "layer": [drawn, figures]}


NUMBERS: Spec = {"format": "~s", "grid": True, "labelFlush": False, "labelOverlap": True}
"""Numbers along an axis: with their unit prefix and no needless zeros."""


def _color(panel: Panel, reference: str, *, has_legend: bool) -> Spec:
    if reference:
        return {"condition": {"test": {"field": "label", "equal": reference}, "value": REFERENCE}, "value": BLUE}
    names = [*panel.series.values()]
    legend = {"orient": "top", "title": None, "direction": "horizontal", "offset": 6}
    scale = {"domain": names, "range": [REFERENCE, BLUE][-len(names) :]}
    shown = legend if has_legend and len(names) > 1 else None
    return {"field": "series", "type": "nominal", "legend": shown, "scale": scale}


WIDTH, HEIGHT = 620, 430
FEW, WIDE = 40, 30
"""The most points that are drawn large, and the ratio of largest to smallest value that makes an axis logarithmic."""


class Scale(NamedTuple):
    """An axis of points: the column, and its ends with some margin."""

    column: Column
    low: float
    high: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Return where a value is: 0 at the low end, 1 at the high end."""
        if self.is_log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)

    def encoding(self, field: str) -> Spec:
        """Return the axis as Vega-Lite has it."""
        numbers = {**NUMBERS, **({} if self.column.form == "count" else {"format": "~r"})}
        title = self.column.title + (", logarithmic" if self.is_log else "")
        scale: Spec = {"type": "log"} if self.is_log else {"zero": False}
        axis = {"title": title, "tickCount": 7, **numbers}
        scale |= {"domain": [self.low, self.high], "nice": False}
        return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}


def axis_range(column: Column, values: Sequence[float]) -> Scale:
    """Return an axis with some margin at both ends; logarithmic if the values are far apart."""
    low, high = min(values, default=0), max(values, default=1)
    if low > 0 and high >= WIDE * low:
        return Scale(column, low / 1.3, high * 1.3, is_log=True)
    margin = max((high - low) / 16, abs(high) * 1e-3) or 1
    return Scale(column, 0 if 0 <= low <= 4 * margin else low - margin, high + margin)


def _networks_chart(report: Report) -> Spec:
    """Draw networks as points: computation against parameters."""
    table = report.tables[0]
    x, y = (columns := _metric_columns(table))[0], columns[-1]
    points = [
        {"x": row.cells[x.key], "y": row.cells[y.key], "label": _label(row), **_details(table, row)}
        for row in table.rows
    ]
    inputs = {cell_text(row.cells["input"], "shape") for row in table.rows}
    line = f"input {inputs.pop()}" if len(inputs) == 1 else "each at its own input"
    title = report.title if len(report.title) <= LONGEST_TITLE else f"{x.title} and {y.title}"
    named = "; names where space permits" if len(points) > MOST_NAMED else ""
    return _headed(_points(x, y, points), report, [f"{len(points)} networks, {line}{named}"], title=title)


def _points(
    x: Column, y: Column, points: Sequence[Spec], front: Sequence[Spec] = (), *, shade: str = "", step: str = ""
) -> Spec:
    """Return points, the front over them in steps, and the names that have room."""
    both = (*points, *front)
    across, up = axis_range(x, [each["x"] for each in both]), axis_range(y, [each["y"] for each in both])
    has_names = any(point["label"] for point in points)
    is_few = len(points) <= FEW
    opacity = 0.9 if is_few else 0.75 if shade or has_names else 0.45
    mark = {"type": "circle", "size": 70 if is_few else 22, "opacity": opacity, "clip": True}
    gradient = {"field": "shade", "type": "quantitative", "title": shade, "scale": {"scheme": "viridis"}}
    encoding = {"tooltip": _tooltip(points), "color": gradient if shade else {"value": BLUE}}
    layers = [{"data": {"values": points}, "mark": mark, "encoding": encoding}]
    layers += _front_layers(front, step) if front else []
    layers += _names(points, across, up) if has_names else []
    encoding = {"x": across.encoding("x"), "y": up.encoding("y")}
    return {"width": WIDTH, "height": HEIGHT, "encoding": encoding, "layer": layers}


def _front_layers(front: Sequence[Spec], step: str) -> list[Spec]:
    """Draw the front as steps: between two of its points, the worse of both is what one can be sure of."""
    many = len(front)
    front = front if many <= MOST_STEPS else [front[n * (many - 1) // (MOST_STEPS - 1)] for n in range(MOST_STEPS)]
    line = {"type": "line", "color": FRONT, "strokeWidth": 1.8, "interpolate": step, "clip": True}
    dots = {"type": "circle", "color": FRONT, "size": 34 if len(front) <= FEW else 12, "opacity": 1, "clip": True}
    data = {"data": {"values": front}}
    return [{**data, "mark": line}, {**data, "mark": dots, "encoding": {"tooltip": _tooltip(front)}}]


def _names(points: Sequence[Spec], across: Scale, up: Scale) -> list[Spec]:
    """Return the names of points, and the lines that lead to those that stand apart."""
    places = [(across.place(point["x"]) * WIDTH, (1 - up.place(point["y"])) * HEIGHT) for point in points]
    apart = FAR if len(points) <= MOST_NAMED else ()
    found = placed(places, [point["label"] for point in points], apart)
    pairs = [(point, place, name) for point, place, name in zip(points, places, found, strict=True) if name]
    names = [{**name._asdict(), "label": point["label"]} for point, _, name in pairs]
    leaders = [{"x": place[0], "y": place[1], "x2": name.x, "y2": name.y} for _, place, name in pairs if name.is_apart]
    mark = {"type": "text", "baseline": "middle", "fontSize": 10.5, "color": INK, "align": {"expr": "datum.align"}}
    text: Spec = {"mark": mark, "encoding": {**_pixels("x", "y"), "text": {"field": "label", "type": "nominal"}}}
    rule: Spec = {"mark": {"type": "rule", "color": REFERENCE}, "encoding": _pixels("x", "y", "x2", "y2")}
    drawn = [(leaders, rule), (names, text)]
    return [{"data": {"values": values}, **layer} for values, layer in drawn if values]


def _pixels(*channels: str) -> Spec:
    """Return channels whose values are pixels, not values of the axes."""
    whole = {"scale": None, "type": "quantitative", "axis": None}
    return {name: {"field": name, **({} if name.endswith("2") else whole)} for name in channels}


MARKER, LINE, CHARACTER = 7, 12, 5.9
"""Half the size of a point, the height of a name, and the width of a character, in pixels."""

NEAR = ((1, 0), (-1, 0), (0, -1), (0, 1))
"""Where a name may be, best first: right, left, above, below."""

FAR = tuple(
    (round(distance * cos(turn * pi / 8), 3), round(-distance * sin(turn * pi / 8), 3))
    for distance in (3, 5, 8, 12, 17, 23)
    for turn in (1, 7, -1, -7, 2, 6, -2, -6, 3, 5, -3, -5, 0, 8, 4, -4)
)
"""Where a name may be at the end of a line, in steps of a point's half size, nearest first."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


class Name(NamedTuple):
    """Where a name stands, in pixels of the chart, and whether a line leads to it."""

    x: float
    y: float
    align: str
    is_apart: bool = False

    def box(self, width: float) -> Box:
        """Return the room that the name takes."""
        left = self.x - {"left": 0.0, "center": width / 2, "right": width}[self.align]
        return left, self.y - LINE / 2, left + width, self.y + LINE / 2


def placed(
    places: Sequence[tuple[float, float]], names: Sequence[str], apart: Sequence[tuple[float, float]] = ()
) -> list[Name | None]:
    """Return where each name stands, or None if there is no room; earlier names come first.

    Names stand beside their points; where there is no room, in the directions `apart`.
    """
    taken: list[Box] = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in places]
    found: list[Name | None] = [None] * len(names)
    for directions in (NEAR, apart):
        for at, ((x, y), name) in enumerate(zip(places, names, strict=True)):
            tried = (_name(x, y, *each, is_apart=directions is apart) for each in directions if name and not found[at])
            width = len(name) * CHARACTER
            found[at] = found[at] or next((each for each in tried if _is_free(each.box(width), taken)), None)
            taken += [each.box(width)] if (each := found[at]) and each.box(width) not in taken else []
    return found


def _name(x: float, y: float, right: float, down: float, *, is_apart: bool) -> Name:
    align = "left" if right > 0 else "right" if right < 0 else "center"
    beside = LINE / 2 if align == "center" else 0
    return Name(x + right * MARKER, y + down * MARKER + (beside if down > 0 else -beside), align, is_apart)


def _is_free(box: Box, taken: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    is_inside = left >= 0 and top >= 0 and right <= WIDTH and bottom <= HEIGHT
    return is_inside and not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in taken
    )


def sweep_chart(report: Report, cloud: Cloud, axes: Sequence[Axis]) -> Spec:
    """Draw the candidates of a sweep and their front.

    The first numeric axis that varies among the points and is not an axis of the chart colors them.
    """
    columns = {column.key: column for column in report.tables[0].columns}
    x, y = (columns[name if name in columns else key_in_flops(name)] for name in (cloud.x, cloud.y))
    free = (each.name for each in axes if each.is_number and each.name not in {cloud.x, cloud.y})
    shade = next((name for name in free if len({*(cloud.rows or {name: ()})[name]}) > 1), "")
    points, front = [*_candidates(cloud.rows, cloud, shade)], [*_candidates(cloud.front, cloud)]
    lines = [*_lines(report, "text", "reference")]
    if front:
        ways = ["most" if name.startswith("-") else "least" for name in cloud.pareto]
        ends = " and ".join(f"{way} {column.title}" for way, column in zip(ways, (x, y), strict=True))
        both = f": {ends}" if "most" in ways else ""
        lines.append(f"the front in orange: {plural(len(front), 'point')} that no candidate beats in both{both}")
    step = "step-before" if cloud.pareto[0].startswith("-") else "step-after"
    drawn = _points(x, y, points, front, shade=shade, step=step)
    return _headed(drawn, report, lines, _remarks(cloud, len(points), len(front)))


def _candidates(rows: Rows | None, cloud: Cloud, shade: str = "") -> Iterator[Spec]:
    for each in cells(rows or {}):
        found: dict[str, Any] = dict(zip(rows or {}, each, strict=False))
        details = {f"cell {key}": f"{value:,}" if key in METRICS else str(value) for key, value in found.items()}
        color = {"shade": found[shade]} if shade else {}
        yield {"x": found[cloud.x], "y": found[cloud.y], "label": "", **details, **color}


def _remarks(cloud: Cloud, drawn: int, front: int) -> Iterator[str]:
    """Yield what is drawn if it is not everything, or nothing."""
    if not cloud.seen:
        yield "no candidate is kept"
    if drawn < cloud.seen:
        yield f"showing {drawn:,} of {cloud.seen:,} candidates, chosen at random; the front is that of all"
    if front > MOST_STEPS:
        yield f"showing {MOST_STEPS} of the {front:,} points of the front"


_CHARTS: Mapping[str, Callable[[Report], Spec]] = {
    "layers": _rows_chart,
    "groups": _rows_chart,
    "alternatives": _alternatives_chart,
    "archs": _networks_chart,
}

VERSION = "6.1"
"""Of Vega-Lite: pinned, so that a chart stays the same."""

PNG_SCALE = 3.0
"""300 dots per inch at 100 pixels per inch."""

INK = "#222222"

CONFIG: Mapping[str, Any] = {
    "font": "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif",
    "background": "#ffffff",
    "padding": 16,
    "view": {"stroke": None},
    "title": {"anchor": "start", "color": INK, "fontSize": 15, "fontWeight": 600, "subtitleColor": GRAY}
    | {"subtitleFontSize": 11.5, "subtitlePadding": 5, "subtitleLineHeight": 15, "offset": 14},
    "axis": {"domainColor": "#9aa0a6", "tickColor": "#9aa0a6", "gridColor": "#e3e5e8", "labelColor": INK}
    | {"labelFontSize": 11, "titleColor": INK, "titleFontSize": 12, "titleFontWeight": 500, "titlePadding": 8},
    "legend": {"labelFontSize": 11.5, "labelColor": INK, "titleColor": INK, "titleFontSize": 11.5}
    | {"titleFontWeight": 500, "symbolType": "square", "symbolSize": 110},
}


def plotted(spec: Spec, ending: str) -> bytes:
    """Return a chart as the content of a file with that ending; a UsageError without the library."""
    numbers = json.loads(
        json.dumps(_plain(spec)), parse_int=lambda digits: int(digits) if len(digits) < DIGITS else float(digits)
    )
    return ENDINGS[ending](library(), numbers)


DIGITS = 19
"""Integers with this number of digits or more are drawn as decimals: the library reads 64 bits."""


def _plain(part: Any) -> Any:
    """Return a part of a specification without characters that are not printable."""
    if isinstance(part, Mapping):
        return {plain(name): _plain(each) for name, each in part.items()}
    if isinstance(part, list | tuple):
        return [*map(_plain, part)]
    return plain(part) if isinstance(part, str) else part


def library() -> Any:
    """Return the library that draws; a UsageError if it is not installed."""
    try:
        import vl_convert
    except ImportError:
        raise missing("--plot", "vl-convert-python", "plot") from None
    return vl_convert


def _html(vl_convert: Any, spec: Spec) -> bytes:
    """Return a page that carries the library inside and loads nothing; no text in the data can end its script."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VERSION)
    data = escape.json(spec).replace("<", "\\u003c")
    title = escape.html(" ".join(spec["vconcat"][0]["title"]["text"]))
    head = f'<meta charset="utf-8"><title>{title}</title><script>{bundle}</script>'
    draw = f'vegaEmbed("#chart", {data}, {json.dumps(EMBED)});'
    return f'<!DOCTYPE html>\n{head}\n<div id="chart"></div>\n<script>{draw}</script>\n'.encode()


EMBED: Spec = {"renderer": "svg", "actions": {"export": True, "source": False, "compiled": False, "editor": False}}
"""Options of a page: the chart can be saved, and nothing links to another site."""

ENDINGS: Mapping[str, Callable[[Any, Spec], bytes]] = {
    ".svg": lambda vl_convert, spec: f"{vl_convert.vegalite_to_svg(spec, vl_version=VERSION)}\n".encode(),
    ".png": lambda vl_convert, spec: bytes(vl_convert.vegalite_to_png(spec, vl_version=VERSION, scale=PNG_SCALE)),
    ".pdf": lambda vl_convert, spec: bytes(vl_convert.vegalite_to_pdf(spec, vl_version=VERSION)),
    ".html": _html,
}
"""The function for each kind of file."""
