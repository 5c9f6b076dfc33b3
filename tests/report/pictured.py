"""Reports and their pictures, made as the commands make them."""

from typing import Any, NamedTuple

from flopcount.cli.loading import Options, count_of
from flopcount.report import count as shaping
from flopcount.report.chart import chart_of
from flopcount.report.compare import comparison_report
from flopcount.report.count import count_report
from flopcount.report.table import Bars, Heading, Point, Points, Report, point_axis


class Totals(NamedTuple):
    """What all bars of a series come to, by panel and series."""

    macs: dict[str, int]
    params: dict[str, int]


def counted(name: str, **options: Any) -> Report:
    """Return the report of a count."""
    result = count_of(name, Options(**options))
    return count_report(result.case.name, result.case.plan.description, result)


def shaped(report: Report, step: str, value: Any) -> Report:
    """Fold, sum, sort or cut the main table."""
    return report._replace(tables=(getattr(shaping, step)(report.tables[0], value), *report.tables[1:]))


def bars(report: Report) -> Bars:
    """Return the picture of a report whose rows are bars."""
    chart = chart_of(report)
    assert isinstance(chart, Bars)
    return chart


def compared(*names: str) -> Points:
    """Return the picture of a comparison."""
    found = [(name, count_of(name, Options())) for name in names]
    chart = chart_of(comparison_report(found))
    assert isinstance(chart, Points)
    return chart


def totals(chart: Bars) -> Totals:
    """Add up the bars."""
    sums = {panel.axis.key: {each.name: sum(each.values) for each in panel.series} for panel in chart.panels}
    return Totals(**sums)


def scatter(places: list[tuple[int, int]], front: list[tuple[int, int]] = [], **words: Any) -> Points:  # noqa: B006  (never changed)
    """Return a picture of some places."""
    x = point_axis("macs", "MACs", [place[0] for place in places])
    y = point_axis("params", "parameters", [place[1] for place in places])
    points = tuple(Point(*place, **words) for place in places)
    return Points(Heading("some places"), x, y, points, tuple(Point(*place) for place in front))
