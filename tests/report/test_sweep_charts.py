"""The picture of a sweep: what is drawn of it, and what is said where that is not all."""

from typing import Any

import numpy as np

from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.select import MOST, Cloud
from flopcount.report.chart import MOST_STEPS, sweep_chart
from flopcount.report.table import Points, Report, Table

LINES = ("axes input (2)", "counted: MACs", "9 kept of 9 valid and 0 invalid", "written to out.csv")


def drawn(macs: Any, params: Any, sizes: Any, **axes: tuple[int, ...]) -> Points:
    """Return the picture of candidates of which each column is given."""
    cloud = Cloud("macs", "params")
    columns = {"id": range(len(macs)), "input": sizes, "macs": macs, "params": params}
    cloud.see({name: np.asarray(values) for name, values in columns.items()})
    known = [Axis(name, values, values) for name, values in axes.items()]
    return sweep_chart(Report("a sweep", (Table("candidates", (), ()),), LINES), cloud, known)


def test_a_long_front_is_thinned_between_its_ends_and_the_picture_says_so() -> None:
    many = 3 * MOST_STEPS
    chart = drawn(range(many), range(many, 0, -1), [1] * many)
    assert len(chart.front) == MOST_STEPS
    assert ((chart.front[0].x, chart.front[-1].x)) == (0, many - 1)
    assert chart.heading.remarks == (f"of the {many:,} places of the front {MOST_STEPS} are drawn",)


def test_a_sample_is_called_one() -> None:
    chart = drawn([5] * (MOST + 1), [5] * (MOST + 1), [1] * (MOST + 1))
    assert chart.heading.remarks == (
        f"drawn are {MOST:,} of {MOST + 1:,} candidates, chosen at random; the front is that of all",
    )
    assert "in orange the front: 1 place that no candidate beats in both" in chart.heading.lines


def test_an_axis_that_varies_among_the_points_colours_them() -> None:
    chart = drawn([1, 2], [2, 1], [96, 128], input=(96, 128))
    assert (chart.shade, [point.shade for point in chart.points]) == ("input", [96, 128])
    assert drawn([1, 2], [2, 1], [96, 96], input=(96, 128)).shade == ""


def test_only_counts_are_grouped_by_thousands() -> None:
    """An id or a size is a word for the command line."""
    details = drawn([1234], [5678], [2240], input=(2240,)).points[0].details
    assert details == {"id": "0", "input": "2240", "macs": "1,234", "params": "5,678"}


def test_where_the_rows_are_is_not_said_in_the_picture() -> None:
    assert not any("out.csv" in line for line in drawn([1], [1], [1]).heading.lines)
