"""Pictures as data: the bars are the rows of the table and add up to its totals."""

import pytest
from pictured import bars, compared, counted, shaped, totals

from flopcount.errors import UsageError
from flopcount.report.chart import MOST_BARS, chart_of
from flopcount.report.table import Column, Report, Row, Table

BODY = ("standard convolutions", 1045417824), ("as specified", 126373376)
"""Published of the 14-layer body of MobileNet v1 at 160."""

VGG16_PARAMS, VGG16_MACS = 138_357_544, 15_470_264_320
RESNET50_PARAMS = 25_557_032


def synthetic(many: int) -> Report:
    """Return a report of layers whose costs rise from 1."""
    columns = (Column("path", "layer"), Column("macs", "MACs", "count"))
    rows = tuple(Row({"path": f"layer{number}", "macs": number}) for number in range(1, many + 1))
    total = Row({"path": "total", "macs": many * (many + 1) // 2})
    return Report("synthetic", (Table("layers", columns, rows, total),))


def test_the_bars_of_mobilenet_add_up_to_both_published_totals() -> None:
    found = totals(bars(counted("mobilenet_v1")))
    assert found.macs == dict(BODY)


def test_the_bars_of_vgg16_add_up_to_its_published_totals() -> None:
    chart = bars(counted("vgg16"))
    assert totals(chart) == ({"": VGG16_MACS}, {"": VGG16_PARAMS})
    assert len(chart.labels) == 16


@pytest.mark.parametrize(
    ("step", "value"),
    [("folded", 1), ("folded", 2), ("summed_by", "type"), ("summed_by", "kernel"), ("sorted_by", "macs")],
)
def test_bars_add_up_however_the_rows_are_shown(step: str, value: object) -> None:
    assert totals(bars(shaped(counted("resnet50"), step, value))).params == {"": RESNET50_PARAMS}


@pytest.mark.parametrize("value", ["type", "output"])
def test_sums_keep_the_comparison_that_is_whole_and_no_other(value: str) -> None:
    """Sums over rows have the MACs of standard convolutions, and not their parameters."""
    found = totals(bars(shaped(counted("mobilenet_v1"), "summed_by", value)))
    assert found.macs == dict(BODY)
    assert [*found.params] == [""]


def test_bars_stand_in_the_order_of_the_rows() -> None:
    chart = bars(shaped(counted("vgg16"), "sorted_by", "params"))
    assert chart.labels[:3] == ("fc6", "fc7", "fc8")


def test_rows_that_are_cut_are_not_drawn_and_the_picture_says_so() -> None:
    chart = bars(shaped(shaped(counted("vgg16"), "sorted_by", "params"), "cut", 2))
    assert chart.labels == ("fc6", "fc7")
    assert chart.heading.remarks == ("25 more rows, which the total includes",)


def test_rows_that_cost_nothing_are_left_out_and_counted() -> None:
    """Of VGG-16's rows 5 max pools, an average pool, a flatten, 2 activations and 2 dropouts."""
    assert bars(counted("vgg16")).heading.remarks == ("11 rows that cost nothing are not drawn",)


def test_columns_choose_the_panels() -> None:
    chart = bars(shaped(counted("vgg16"), "with_columns", "path,params"))
    assert [panel.axis.key for panel in chart.panels] == ["params"]


def test_columns_without_a_cost_cannot_be_drawn() -> None:
    with pytest.raises(UsageError, match="--columns leaves out both"):
        chart_of(shaped(counted("vgg16"), "with_columns", "path"))


def test_of_many_rows_the_costliest_are_drawn_in_their_order() -> None:
    chart = bars(synthetic(MOST_BARS + 10))
    assert chart.labels == tuple(f"layer{number}" for number in range(11, MOST_BARS + 11))
    assert chart.heading.remarks == (f"drawn are the {MOST_BARS} costliest of {MOST_BARS + 10}; --depth folds blocks",)


def test_labels_that_come_twice_keep_their_own_bars() -> None:
    report = synthetic(3)
    same = tuple(Row({**row.cells, "path": "same"}) for row in report.tables[0].rows)
    chart = bars(report._replace(tables=(report.tables[0]._replace(rows=same),)))
    assert chart.labels == ("same", "same (2)", "same (3)")


def test_axes_have_units() -> None:
    assert [panel.axis.label for panel in bars(counted("vgg16")).panels] == ["MACs (G)", "parameters (M)"]
    assert [panel.axis.label for panel in bars(counted("lenet5")).panels] == ["MACs (k)", "parameters (k)"]


def test_the_exact_integers_stay_with_the_bars() -> None:
    chart = bars(counted("vgg16"))
    assert chart.details[chart.labels.index("fc6")]["params"] == "102,764,544"


def test_the_convention_and_the_notes_go_with_the_picture() -> None:
    report = counted("mobilenet_v1")
    first, second = chart_of(report).heading.captions
    assert first.startswith("counted: MACs of convolutions")
    assert second.startswith("padding = ")


def test_networks_are_points_with_their_names() -> None:
    chart = compared("alexnet", "alexnet_grouped")
    assert [(each.label, each.x, each.y) for each in chart.points] == [
        ("alexnet", 714_188_480, 61_100_840),
        ("alexnet_grouped", 724_406_816, 60_965_224),
    ]


def test_networks_far_apart_are_on_logarithmic_axes() -> None:
    assert not compared("alexnet", "alexnet_grouped").x.is_log
    assert compared("lenet5", "vgg16").x.label == "MACs (G), logarithmic"
