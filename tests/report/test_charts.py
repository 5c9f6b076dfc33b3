"""Charts: bars are the rows of the table and add up to its totals, and files hold what they show."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.sweep.axes import Axis
from flopcount.analyses.sweep.select import MOST, Cloud
from flopcount.cli.loading import Options, count_of
from flopcount.errors import UsageError
from flopcount.report import count as shaping
from flopcount.report.chart import (
    CHARACTER,
    FAR,
    HEIGHT,
    MOST_BARS,
    MOST_STEPS,
    WIDTH,
    Spec,
    axis_range,
    chart_of,
    placed,
    plotted,
    sweep_chart,
)
from flopcount.report.compare import comparison_report
from flopcount.report.count import count_report
from flopcount.report.table import Column, Line, Report, Row, Table

BODY = {"standard convolutions": 1045417824, "as specified": 126373376}
"""Published for the 14-layer body of MobileNet v1 at 160."""

VGG16_PARAMS, VGG16_MACS = 138_357_544, 15_470_264_320
RESNET50_PARAMS = 25_557_032
MACS = Column("macs", "MACs", "count", "macs", combines=True)


def counted(name: str) -> Report:
    """Return the report of a count."""
    return count_report(count_of(name, Options()))


def shaped(report: Report, step: str, value: Any) -> Report:
    """Fold, sum, sort or cut the main table."""
    return report._replace(tables=(getattr(shaping, step)(report.tables[0], value), *report.tables[1:]))


def compared(*names: str) -> Spec:
    """Return the chart of a comparison."""
    return chart_of(comparison_report([(name, count_of(name, Options())) for name in names]))


def panels(chart: Spec) -> list[Spec]:
    """Return the panels of bars."""
    found: list[Spec] = chart["vconcat"][0]["hconcat"]
    return found


def sums(chart: Spec) -> dict[str, dict[str, int]]:
    """Add up the bars, by panel and series."""
    found: dict[str, dict[str, int]] = {}
    for panel in panels(chart):
        title = panel["encoding"]["x"]["axis"]["title"]
        for record in panel["data"]["values"]:
            series = found.setdefault(title, {})
            series[record["series"]] = series.get(record["series"], 0) + record["value"]
    return found


def labels(chart: Spec) -> list[str]:
    return [*dict.fromkeys(record["label"] for record in panels(chart)[0]["data"]["values"])]


def subtitle(chart: Spec) -> list[str]:
    found: list[str] = chart["vconcat"][0]["title"]["subtitle"]
    return found


def synthetic(many: int) -> Report:
    """Return a report of layers whose costs rise from 1."""
    rows = tuple(Row({"path": f"layer{number}", "macs": number}) for number in range(1, many + 1))
    total = Row({"path": "total", "macs": many * (many + 1) // 2})
    return Report("synthetic", (Table("layers", (Column("path", "layer"), MACS), rows, total),))


def test_the_bars_of_mobilenet_add_up_to_both_published_totals() -> None:
    assert sums(chart_of(counted("mobilenet_v1")))["MACs"] == BODY


def test_the_bars_of_vgg16_add_up_to_its_published_totals() -> None:
    chart = chart_of(counted("vgg16"))
    assert sums(chart) == {"MACs": {"": VGG16_MACS}, "params": {"": VGG16_PARAMS}}
    assert len(labels(chart)) == 16


@pytest.mark.parametrize(
    ("step", "value"),
    [("folded", 1), ("folded", 2), ("summed_by", "type"), ("summed_by", "kernel"), ("sorted_by", "macs")],
)
def test_bars_add_up_in_every_form_of_the_table(step: str, value: object) -> None:
    assert sums(chart_of(shaped(counted("resnet50"), step, value)))["params"] == {"": RESNET50_PARAMS}


@pytest.mark.parametrize("value", ["type", "output"])
def test_sums_keep_only_the_complete_comparison(value: str) -> None:
    """Sums over rows have the MACs of standard convolutions, but not their parameters."""
    found = sums(chart_of(shaped(counted("mobilenet_v1"), "summed_by", value)))
    assert found["MACs"] == BODY
    assert [*found["params"]] == [""]


def test_rows_that_are_cut_are_not_drawn_and_the_chart_says_so() -> None:
    chart = chart_of(shaped(shaped(counted("vgg16"), "sorted_by", "params"), "cut", 2))
    assert labels(chart) == ["fc6", "fc7"]
    assert subtitle(chart)[-1] == "… 25 more rows (included in the total)"


def test_rows_without_cost_are_omitted_and_counted() -> None:
    """VGG-16 has 5 max pools, an average pool, a flatten, 2 activations and 2 dropouts."""
    assert subtitle(chart_of(counted("vgg16")))[-1] == "11 rows without cost are not drawn"


def test_columns_choose_the_panels() -> None:
    assert [*sums(chart_of(shaped(counted("vgg16"), "with_columns", "path,params")))] == ["params"]
    with pytest.raises(UsageError, match="add a metric to --columns"):
        chart_of(shaped(counted("vgg16"), "with_columns", "path"))


def test_of_many_rows_the_costliest_are_drawn_in_their_order() -> None:
    chart = chart_of(synthetic(MOST_BARS + 10))
    assert labels(chart) == [f"layer{number}" for number in range(11, MOST_BARS + 11)]
    assert subtitle(chart)[-1] == f"showing the {MOST_BARS} costliest of {MOST_BARS + 10}; --depth folds blocks"


def test_the_convention_and_the_notes_are_below_the_chart() -> None:
    text = " ".join(chart_of(counted("mobilenet_v1"))["title"]["text"])
    assert text.startswith("MACs: conv, linear, matmul")
    assert "padding = " in text


def test_networks_are_points_with_their_names() -> None:
    cloud, names = compared("alexnet", "alexnet_grouped")["vconcat"][0]["layer"]
    found = [(each["label"], each["x"], each["y"]) for each in cloud["data"]["values"]]
    assert found == [("alexnet", 714_188_480, 61_100_840), ("alexnet_grouped", 724_406_816, 60_965_224)]
    assert [each["label"] for each in names["data"]["values"]] == ["alexnet", "alexnet_grouped"]


def test_networks_far_apart_are_on_logarithmic_axes() -> None:
    for names, kind in ((("alexnet", "alexnet_grouped"), None), (("lenet5", "vgg16"), "log")):
        assert compared(*names)["vconcat"][0]["encoding"]["x"]["scale"].get("type") == kind


@given(st.lists(st.integers(0, 10**15), min_size=1))
def test_every_value_is_within_its_axis(values: list[int]) -> None:
    axis = axis_range(MACS, values)
    assert all(0 <= axis.place(value) <= 1 for value in values)


@pytest.mark.parametrize("apart", [(), FAR], ids=["beside", "apart"])
@given(places=st.lists(st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT)), unique=True, max_size=30))
def test_names_are_inside_the_chart_and_apart(
    apart: Sequence[tuple[float, float]], places: list[tuple[float, float]]
) -> None:
    boxes = [each.box(len("a name") * CHARACTER) for each in placed(places, ["a name"] * len(places), apart) if each]
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= WIDTH and box[3] <= HEIGHT for box in boxes)
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_each_of_thirty_points_close_together_has_its_name() -> None:
    places = [(300.0 + 9 * (n % 6), 200.0 + 9 * (n // 6)) for n in range(30)]
    assert None not in placed(places, [f"network_{n}" for n in range(30)], FAR)


def test_a_pdf_is_one() -> None:
    assert drawn(".pdf").startswith(b"%PDF-")


LINES = (Line("text", "axes input (2)"), Line("convention", "counted: MACs"), Line("file", "written to out.csv"))


def swept(macs: Any, params: Any, sizes: Any, **axes: tuple[int, ...]) -> Spec:
    """Return the chart of candidates of which each column is given."""
    cloud = Cloud("macs", "params")
    columns = {"id": range(len(macs)), "input": sizes, "macs": macs, "params": params}
    cloud.see({name: np.asarray(values) for name, values in columns.items()})
    table = Table("candidates", (MACS, Column("params", "params", "count", "params", combines=True)), ())
    known = [Axis(name, values, values) for name, values in axes.items()]
    return sweep_chart(Report("a sweep", (table,), LINES), cloud, known)


def test_a_long_front_is_thinned_between_its_ends_and_the_chart_says_so() -> None:
    many = 3 * MOST_STEPS
    chart = swept(range(many), range(many, 0, -1), [1] * many)
    line = chart["vconcat"][0]["layer"][1]["data"]["values"]
    assert (len(line), line[0]["x"], line[-1]["x"]) == (MOST_STEPS, 0, many - 1)
    assert subtitle(chart)[-1] == f"showing {MOST_STEPS} of the {many:,} points of the front"


def test_a_sample_of_the_candidates_is_named_as_one() -> None:
    found = subtitle(swept([5] * (MOST + 1), [5] * (MOST + 1), [1] * (MOST + 1)))
    assert found[-1] == f"showing {MOST:,} of {MOST + 1:,} candidates, chosen at random; the front is that of all"
    assert "the front in orange: 1 point that no candidate beats in both" in found


def test_an_axis_that_varies_among_the_points_colors_them() -> None:
    varied, same = (swept([1, 2], [2, 1], sizes, input=(96, 128)) for sizes in ([96, 128], [96, 96]))
    assert [each["shade"] for each in varied["vconcat"][0]["layer"][0]["data"]["values"]] == [96, 128]
    assert same["vconcat"][0]["layer"][0]["encoding"]["color"] == {"value": "#0072b2"}


def test_a_front_is_a_line_over_the_points() -> None:
    cloud, line, _ = swept([1, 5, 9, 9], [9, 5, 1, 9], [1] * 4)["vconcat"][0]["layer"]
    assert len(cloud["data"]["values"]) == 4
    assert (line["mark"]["type"], [each["x"] for each in line["data"]["values"]]) == ("line", [1, 5, 9])


def test_only_counts_are_grouped_by_thousands() -> None:
    """An id or a size is a word for the command line."""
    record = swept([1234], [5678], [2240], input=(2240,))["vconcat"][0]["layer"][0]["data"]["values"][0]
    cells = {name: value for name, value in record.items() if name.startswith("cell ")}
    assert cells == {"cell id": "0", "cell input": "2240", "cell macs": "1,234", "cell params": "5,678"}


@cache
def drawn(ending: str) -> bytes:
    """Return bars in two panels, two to a row, as a file."""
    return plotted(chart_of(counted("mobilenet_v1")), ending)


def words(svg: bytes) -> list[str]:
    """Return all texts of an SVG; ParseError if it is none."""
    root = ET.fromstring(svg)  # noqa: S314  (our own)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_an_svg_has_the_axes_and_every_layer_as_text() -> None:
    found = words(drawn(".svg"))
    assert {"MACs", "params", "standard convolutions", "as specified", "200M"} <= {*found}
    assert {"Conv1", *(f"DepthSepConv{number}" for number in range(2, 15))} <= {*found}


def test_an_svg_has_the_title_the_totals_and_the_convention() -> None:
    text = " ".join(words(drawn(".svg")))
    assert "mobilenet_v1: The 14-layer body" in text
    assert "total 1.045G → 126.4M MACs (ratio 0.1209)" in text
    assert "MACs: conv, linear, matmul" in text


def test_the_same_chart_gives_the_same_bytes() -> None:
    assert plotted(chart_of(counted("mobilenet_v1")), ".svg") == drawn(".svg")


def test_a_png_is_large_enough_for_print() -> None:
    """Its header has the width; 7 inches at 300 dots per inch are 2100."""
    data = drawn(".png")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20]) >= 2100


def test_a_page_loads_nothing_and_has_the_exact_integers() -> None:
    """Those of the last layer as specified and with a standard convolution."""
    page = drawn(".html").decode()
    assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", re.sub(r"(?s)<script>.*?</script>", "", page)) == []
    assert page.count("</script>") == 2
    assert '"exact": "26,444,800"' in page
    assert '"exact": "235,929,600"' in page


def test_no_name_ends_the_script_of_a_page() -> None:
    page = plotted(chart_of(counted("lenet5")._replace(title="</script><b>")), ".html").decode()
    assert "<title>&lt;/script&gt;&lt;b&gt;</title>" in page
    assert page.count("</script>") == 2
