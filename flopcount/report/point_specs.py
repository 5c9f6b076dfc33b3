"""Points as a Vega-Lite specification."""

from collections.abc import Sequence
from typing import Any

from flopcount.report.bar_specs import BLUE, PLAIN, cells, tooltip
from flopcount.report.charts import Point, Points
from flopcount.report.labels import Box, Size, placed
from flopcount.report.scales import Axis, ticks

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
    return {"data": {"values": _values(chart, chart.points)}, "mark": mark, "encoding": encoding}


def _known(points: Sequence[Point]) -> list[str]:
    return [*dict.fromkeys(name for point in points for name in point.details)]


def _values(chart: Points, points: Sequence[Point]) -> list[dict[str, Any]]:
    return [
        {"x": chart.x.scaled(point.x), "y": chart.y.scaled(point.y), "label": point.label}
        | cells(point.details)
        | ({} if point.shade is None else {"shade": point.shade})
        for point in points
    ]


def _front_line(chart: Points) -> dict[str, Any]:
    """Draw the front as steps: between two of its points, the worse of both is what one is sure to get."""
    mark = {"type": "line", "color": FRONT, "strokeWidth": 1.8, "interpolate": "step-after", "clip": True}
    return {"data": {"values": _values(chart, chart.front)}, "mark": mark}


def _front_points(chart: Points) -> dict[str, Any]:
    size = 34 if len(chart.front) <= FEW else 12
    mark = {"type": "circle", "color": FRONT, "size": size, "opacity": 1, "clip": True}
    named = {"tooltip": tooltip(_known(chart.front))}
    return {"data": {"values": _values(chart, chart.front)}, "mark": mark, "encoding": named}


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
