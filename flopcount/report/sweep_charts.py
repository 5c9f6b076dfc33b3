"""The picture of a sweep: its candidates as points of two columns, and the front that no other beats."""

from collections.abc import Iterator, Sequence
from typing import Any

from flopcount.analyses.sweeps.axes import Axis as SweepAxis
from flopcount.analyses.sweeps.clouds import Cloud
from flopcount.analyses.sweeps.selection import COSTS, Rows, cells
from flopcount.report.charts import QUANTITIES, Heading, Point, Points, captions, lines
from flopcount.report.scales import Axis, point_axis
from flopcount.report.table import Report

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
