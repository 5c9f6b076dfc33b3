"""Pictures as files: SVG with the words in it, PNG, and HTML that needs nothing else."""

import json
import re
import sys
from collections.abc import Callable
from functools import cache
from xml.etree import ElementTree as ET

import pytest
from pictured import bars, compared, counted, scatter

from flopcount.errors import UsageError
from flopcount.report.chart_file import plotted, specification
from flopcount.report.table import Chart

PNG = b"\x89PNG\r\n\x1a\n"


@cache
def mobilenet() -> Chart:
    """Return bars in two panels, two to a row."""
    return bars(counted("mobilenet_v1"))


@cache
def drawn(ending: str) -> bytes:
    """Return the bars as a file, drawn once."""
    return plotted(mobilenet(), ending)


def words(svg: bytes) -> list[str]:
    """Return all texts of an SVG; ParseError if it is none."""
    root = ET.fromstring(svg)  # noqa: S314  (our own)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_an_svg_has_the_axes_with_units_and_every_layer_as_text() -> None:
    found = words(drawn(".svg"))
    assert {"MACs (M)", "parameters (M)", "standard convolutions", "as specified"} <= {*found}
    assert {"Conv1", *(f"DepthSepConv{number}" for number in range(2, 15))} <= {*found}


def test_an_svg_has_the_title_the_totals_and_the_convention() -> None:
    text = " ".join(words(drawn(".svg")))
    assert "mobilenet_v1: The 14-layer body" in text
    assert "total 1.05 G → 126 M MACs (ratio 0.1209)" in text
    assert "counted: MACs of convolutions, linear layers" in text


def test_the_same_chart_gives_the_same_bytes() -> None:
    assert plotted(mobilenet(), ".svg") == drawn(".svg")


def test_a_png_is_one_and_large_enough_for_print() -> None:
    """Its header has the width; 7 inches at 300 to the inch are 2100."""
    data = drawn(".png")
    assert data.startswith(PNG)
    assert int.from_bytes(data[16:20]) >= 2100


def test_a_page_loads_nothing() -> None:
    page = drawn(".html").decode()
    tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", re.sub(r"(?s)<script>.*?</script>", "", page))
    assert tags == []
    assert page.count("</script>") == 2


def test_a_page_has_the_exact_integers() -> None:
    """Of the last layer as specified and with a standard convolution."""
    page = drawn(".html").decode()
    assert '"exact": "26,444,800"' in page
    assert '"exact": "235,929,600"' in page


def test_nothing_in_a_name_ends_the_script_of_a_page() -> None:
    chart = mobilenet()
    page = plotted(chart._replace(heading=chart.heading._replace(title="</script><b>")), ".html").decode()
    assert "<title>&lt;/script&gt;&lt;b&gt;</title>" in page
    assert page.count("</script>") == 2


def test_networks_are_named_in_the_picture() -> None:
    found = words(plotted(compared("alexnet", "vgg16", "resnet18"), ".svg"))
    assert {"alexnet", "vgg16", "resnet18", "MACs (G)", "parameters (M)"} <= {*found}


def test_the_front_is_a_line_over_the_points() -> None:
    cloud, line, *_ = specification(scatter([(1, 9), (5, 5), (9, 1), (9, 9)], [(1, 9), (5, 5), (9, 1)]))["layer"]
    assert (cloud["mark"]["type"], len(cloud["data"]["values"])) == ("circle", 4)
    assert (line["mark"]["type"], [each["x"] for each in line["data"]["values"]]) == ("line", [1, 5, 9])


@pytest.mark.parametrize("make", [lambda: scatter([]), lambda: scatter([(5, 5), (5, 5)])])
def test_few_points_or_none_are_drawn_too(make: Callable[[], Chart]) -> None:
    assert "MACs" in words(plotted(make(), ".svg"))


def test_the_height_follows_the_number_of_rows() -> None:
    """Taller by so much for each row: the specification says how much before anything is drawn."""
    small, large = (
        json.loads(json.dumps(specification(bars(counted(name)))))["vconcat"][0]["hconcat"][0]["height"]
        for name in ("lenet5", "resnet50")
    )
    assert (small, large) == (5 * 20, 54 * 20)


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UsageError, match=r"needs vl-convert; install flopcount\[plot\]"):
        plotted(mobilenet(), ".svg")
