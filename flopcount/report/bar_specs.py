"""Bars as a Vega-Lite specification."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flopcount.report.charts import Bars, Panel
from flopcount.report.scales import ticks, with_prefix

BLUE, REFERENCE = "#0072b2", "#b8bcc2"
"""One of the colours that all eyes tell apart (Okabe and Ito, 2008), and the grey of what it is compared with."""

WIDTHS: Mapping[int, Sequence[int]] = {0: (), 1: (520,), 2: (380, 220)}
"""Of the panels, by how many there are."""

STEP, THIN, MARGIN = 20, 11, 6
"""Height of a row with one bar; of each bar where there are more; what lies between rows."""

PLAIN: Mapping[str, Any] = {"labelExpr": "format(datum.value, ',~r')", "labelFlush": False}
"""Numbers along an axis: no needless zeros, each under its tick."""

LONGEST = 40
"""Characters of a label; of longer ones the middle is left out."""


def bars_spec(chart: Bars) -> dict[str, Any]:
    """Return the panels side by side, under one list of labels."""
    widths = WIDTHS[len(chart.panels)]
    panels = [_panel(chart, number, width) for number, width in enumerate(widths)]
    return {"hconcat": panels, "spacing": 26, "resolve": {"legend": {"color": "independent"}}}


def _panel(chart: Bars, number: int, width: int) -> dict[str, Any]:
    panel = chart.panels[number]
    many = len(panel.series)
    step = STEP if many == 1 else THIN * many + MARGIN
    position = {
        "y": {"field": "label", "type": "nominal", "sort": None, **_labels(shown=number == 0)}
        | {"scale": {"paddingInner": 0.28 if many == 1 else MARGIN / step, "paddingOuter": 0.2}},
        "x": _quantity(panel),
    }
    if many > 1:
        position["yOffset"] = {"field": "series", "type": "nominal", "sort": None, "scale": {"paddingInner": 0.08}}
    return {
        "data": {"values": [*_values(chart, panel)]},
        "width": width,
        "height": max(len(chart.labels), 1) * step,
        "encoding": position,
        "layer": [_bars(chart, panel, with_legend=number == 0), _figures(panel)],
    }


def _labels(*, shown: bool) -> dict[str, Any]:
    """Return the axis of labels; only the first panel has them."""
    cut = f"length(datum.label) > {LONGEST} ? slice(datum.label, 0, 16) + '…' + slice(datum.label, -22) : datum.label"
    axis = {"title": None, "ticks": False, "domain": True, "labelPadding": 6, "labelLimit": 0, "labelOverlap": False}
    return {"axis": {**axis, "labels": shown, **({"labelExpr": cut} if shown else {})}}


def _quantity(panel: Panel) -> dict[str, Any]:
    axis = panel.axis
    places = ticks(axis, 5)
    room = axis.scaled(axis.high) * 1.16
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, room], "nice": False},
        "axis": {"title": axis.label, "values": places, "grid": True, "domain": False, "ticks": False, **PLAIN},
    }


def _values(chart: Bars, panel: Panel) -> Iterable[dict[str, Any]]:
    """Yield a record for each bar: what is drawn, and the exact cells for whoever points at it."""
    for series in panel.series:
        for label, value, details in zip(chart.labels, series.values, chart.details, strict=True):
            drawn = {"label": label, "series": series.name, "value": panel.axis.scaled(value)}
            yield {**drawn, "figure": with_prefix(value), "exact": f"{value:,}", **cells(details)}


def cells(details: Mapping[str, str]) -> dict[str, str]:
    """Keep the names of cells apart from those that are drawn."""
    return {f"cell {name}": value for name, value in details.items()}


def tooltip(names: Iterable[str]) -> list[dict[str, str]]:
    """Return what is shown of the thing pointed at; dots and brackets in names are no paths."""
    return [{"field": _escaped(f"cell {name}"), "type": "nominal", "title": name} for name in names]


def _escaped(name: str) -> str:
    for char in "\\.[]'\"":
        name = name.replace(char, f"\\{char}")
    return name


def _bars(chart: Bars, panel: Panel, *, with_legend: bool) -> dict[str, Any]:
    names = [series.name for series in panel.series]
    legend = {"orient": "top", "title": None, "direction": "horizontal", "offset": 6} if len(names) > 1 else None
    known = dict.fromkeys(name for details in chart.details for name in details)
    colour: dict[str, Any] = {"field": "series", "type": "nominal", "legend": legend if with_legend else None}
    colour["scale"] = {"domain": names, "range": [REFERENCE, BLUE][-len(names) :]}
    if chart.reference:
        colour = {
            "condition": {"test": {"field": "label", "equal": chart.reference}, "value": REFERENCE},
            "value": BLUE,
        }
    return {"mark": {"type": "bar"}, "encoding": {"color": colour, "tooltip": tooltip(known)}}


def _figures(panel: Panel) -> dict[str, Any]:
    """Write the value at the end of each bar, in the unit of the axis."""
    size = 10 if len(panel.series) == 1 else 9
    mark = {"type": "text", "align": "left", "baseline": "middle", "dx": 3, "fontSize": size, "color": "#5f6368"}
    return {"mark": mark, "encoding": {"text": {"field": "figure", "type": "nominal"}}}
