"""Bars as a Vega-Lite specification."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from flopcount.errors import UsageError
from flopcount.report.table import Axis, Bars, Chart, Panel, Point, Points, headed, ticks
from flopcount.report.text import Box, Size, placed
from flopcount.spec.units import with_prefix

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
        "data": {"values": [*_bar_specs_values(chart, panel)]},
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


def _bar_specs_values(chart: Bars, panel: Panel) -> Iterable[dict[str, Any]]:
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


# Points as a Vega-Lite specification.


WIDTH, HEIGHT = 620, 430
FRONT = "#d55e00"
FEW = 40
"""Up to so many points are large."""

NAME_SIZE = Size(7, 12, 5.9)
"""In pixels, for names of ten points' height."""


def points_spec(chart: Points) -> dict[str, Any]:
    """Return the points, the front over them, and the names that have room."""
    layers = [_cloud(chart)]
    layers += [_front_line(chart), _front_points(chart)] if chart.front else []
    layers += [_names(chart)] if any(point.label for point in chart.points) else []
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": {"x": _axis(chart.x, "x", 7), "y": _axis(chart.y, "y", 7)},
        "layer": layers,
    }


def _axis(axis: Axis, field: str, most: int) -> dict[str, Any]:
    domain = [axis.scaled(axis.low), axis.scaled(axis.high)]
    scale = {"type": "log"} if axis.is_log else {"zero": False}
    shown = {"title": axis.label, "values": ticks(axis, most), "grid": True, **PLAIN}
    return {"field": field, "type": "quantitative", "scale": {**scale, "domain": domain, "nice": False}, "axis": shown}


def _cloud(chart: Points) -> dict[str, Any]:
    few = len(chart.points) <= FEW
    opacity = 0.9 if few else 0.75 if chart.shade or any(point.label for point in chart.points) else 0.45
    mark = {"type": "circle", "size": 70 if few else 22, "opacity": opacity, "clip": True}
    encoding: dict[str, Any] = {"tooltip": tooltip(_known(chart.points)), "color": {"value": BLUE}}
    if chart.shade:
        encoding["color"] = {"field": "shade", "type": "quantitative", "title": chart.shade}
        encoding["color"] |= {"scale": {"scheme": "viridis"}}
    return {"data": {"values": _point_specs_values(chart, chart.points)}, "mark": mark, "encoding": encoding}


def _known(points: Sequence[Point]) -> list[str]:
    return [*dict.fromkeys(name for point in points for name in point.details)]


def _point_specs_values(chart: Points, points: Sequence[Point]) -> list[dict[str, Any]]:
    return [
        {"x": chart.x.scaled(point.x), "y": chart.y.scaled(point.y), "label": point.label}
        | cells(point.details)
        | ({} if point.shade is None else {"shade": point.shade})
        for point in points
    ]


def _front_line(chart: Points) -> dict[str, Any]:
    """Draw the front as steps: between two of its points, the worse of both is what one is sure to get."""
    mark = {"type": "line", "color": FRONT, "strokeWidth": 1.8, "interpolate": "step-after", "clip": True}
    return {"data": {"values": _point_specs_values(chart, chart.front)}, "mark": mark}


def _front_points(chart: Points) -> dict[str, Any]:
    size = 34 if len(chart.front) <= FEW else 12
    mark = {"type": "circle", "color": FRONT, "size": size, "opacity": 1, "clip": True}
    named = {"tooltip": tooltip(_known(chart.front))}
    return {"data": {"values": _point_specs_values(chart, chart.front)}, "mark": mark, "encoding": named}


def _names(chart: Points) -> dict[str, Any]:
    places = [(chart.x.place(point.x) * WIDTH, (1 - chart.y.place(point.y)) * HEIGHT) for point in chart.points]
    boxes = placed(places, [point.label for point in chart.points], Box(0, 0, WIDTH, HEIGHT), NAME_SIZE)
    values = [
        {"x": chart.x.scaled(point.x), "y": chart.y.scaled(point.y), "label": point.label, **_offset(place, box)}
        for point, place, box in zip(chart.points, places, boxes, strict=True)
        if box is not None
    ]
    mark = {"type": "text", "baseline": "middle", "fontSize": 10.5, "color": "#222222"}
    mark |= {name: {"expr": f"datum.{name}"} for name in ("align", "dx", "dy")}
    return {"data": {"values": values}, "mark": mark, "encoding": {"text": {"field": "label", "type": "nominal"}}}


def _offset(place: tuple[float, float], box: Box) -> dict[str, Any]:
    """Return where a name begins, ends or has its middle: its true width is known only where it is drawn."""
    left, right = box.left - place[0], box.right - place[0]
    side = {"align": "left", "dx": left} if left > 0 else {"align": "right", "dx": right}
    across = {"align": "center", "dx": 0} if left < 0 < right else side
    return {**across, "dy": round((box.top + box.bottom) / 2 - place[1], 2)}


# Pictures as files: SVG, PNG and HTML, drawn by Vega-Lite without a browser or a network.
#
# A chart becomes a Vega-Lite specification, which is plain data, and vl-convert
# draws it. The page of HTML carries the whole library inside.


VERSION = "6.1"
"""Of Vega-Lite: pinned, so that a picture stays the same."""

PNG_SCALE = 3.0
"""Pixels of a PNG for each of the picture: 300 to the inch at 100 to the inch."""

FONT = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
INK, GREY, LINE = "#222222", "#5f6368", "#e3e5e8"

CONFIG: Mapping[str, Any] = {
    "font": FONT,
    "background": "#ffffff",
    "padding": 16,
    "view": {"stroke": None},
    "title": {"anchor": "start", "color": INK, "fontSize": 15, "fontWeight": 600, "subtitleColor": GREY}
    | {"subtitleFontSize": 11.5, "subtitlePadding": 5, "subtitleLineHeight": 15, "offset": 14},
    "axis": {"domainColor": "#9aa0a6", "tickColor": "#9aa0a6", "gridColor": LINE, "labelColor": INK}
    | {"labelFontSize": 11, "titleColor": INK, "titleFontSize": 12, "titleFontWeight": 500, "titlePadding": 8},
    "legend": {"labelFontSize": 11.5, "labelColor": INK, "titleColor": INK, "titleFontSize": 11.5}
    | {"titleFontWeight": 500, "symbolType": "square", "symbolSize": 110},
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ margin: 2em; font-family: {font}; }}</style>
<script>{library}</script>
</head>
<body>
<div id="picture"></div>
<script>vegaEmbed("#picture", {spec}, {options});</script>
</body>
</html>
"""

OPTIONS: Mapping[str, Any] = {
    "renderer": "svg",
    "actions": {"export": True, "source": False, "compiled": False, "editor": False},
}
"""Of the page: the picture can be saved from it, and nothing leads to another site."""


def plotted(chart: Chart, ending: str) -> bytes:
    """Return the picture as the content of a file that ends so; UsageError without the library."""
    return _KINDS[ending](_library(), chart)


def check_library() -> None:
    """Refuse to begin what cannot be drawn."""
    _library()


def _library() -> Any:
    try:
        import vl_convert
    except ImportError:
        raise UsageError("--plot FILE needs vl-convert; install flopcount[plot], or leave out FILE") from None
    return vl_convert


def specification(chart: Chart) -> dict[str, Any]:
    """Return a chart as Vega-Lite."""
    content = bars_spec(chart) if isinstance(chart, Bars) else points_spec(chart)
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION}.json",
        "config": CONFIG,
        **headed(content, chart.heading),
    }


def _svg(library: Any, chart: Chart) -> bytes:
    text: str = library.vegalite_to_svg(specification(chart), vl_version=VERSION)
    return f"{text}\n".encode()


def _png(library: Any, chart: Chart) -> bytes:
    return bytes(library.vegalite_to_png(specification(chart), vl_version=VERSION, scale=PNG_SCALE))


def _html(library: Any, chart: Chart) -> bytes:
    page = PAGE.format(
        title=escape(chart.heading.title),
        font=FONT,
        library=library.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VERSION),
        spec=_script(specification(chart)),
        options=_script(OPTIONS),
    )
    return page.encode()


def _script(value: object) -> str:
    """Write data inside a script: no text in it can end the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


_KINDS: Mapping[str, Callable[[Any, Chart], bytes]] = {".svg": _svg, ".png": _png, ".html": _html}
