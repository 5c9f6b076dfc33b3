"""Pictures in a terminal: as long as they should be, no wider than it is, plain where it is plain."""

import re

import pytest
from pictured import bars, compared, counted, scatter, shaped

from flopcount.report.chart_terminal import bar_text, drawn
from flopcount.report.table import Chart, Ink

CHARTS = ("mobilenet_v1", "resnet50", "points", "places")


def chart(name: str) -> Chart:
    """Return one of the pictures that are tried at every width."""
    if name == "points":
        return compared("alexnet", "vgg16", "resnet18", "mobilenet_v2", "lenet5")
    return (
        scatter([(n, 100 - n) for n in range(100)], [(0, 100), (50, 50)]) if name == "places" else bars(counted(name))
    )


def lines(text: str) -> list[str]:
    """Return the lines of a picture without the empty one in front."""
    assert text.startswith("\n")
    return text[1:].splitlines()


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    picture = chart(name)
    widths = [len(line) for line in lines(drawn(picture, Ink(width))) if line not in picture.heading.remarks]
    assert max(widths) <= width
    assert min(widths) >= 0


@pytest.mark.parametrize("name", CHARTS)
def test_a_plain_terminal_gets_ascii(name: str) -> None:
    assert drawn(chart(name), Ink(80, unicode=False)).isascii()


@pytest.mark.parametrize("name", CHARTS)
def test_colours_change_no_character(name: str) -> None:
    plain, coloured = (drawn(chart(name), Ink(80, colour)) for colour in (False, True))
    assert "\x1b[" in coloured
    assert [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", coloured).splitlines()] == plain.splitlines()


@pytest.mark.parametrize(
    ("length", "text"),
    [(0, ""), (0.01, "▏"), (0.5, "▌"), (1, "█"), (2.25, "██▎"), (2.99, "███"), (3, "███")],
)
def test_a_bar_ends_within_an_eighth_and_what_costs_something_is_seen(length: float, text: str) -> None:
    assert bar_text(length, "█", eighths=True) == text


def test_bars_are_as_long_as_their_values_are_large() -> None:
    """The two largest layers of LeNet-5 cost 117,600 and 240,000 MACs: 0.49 of the longest bar."""
    found = lines(drawn(bars(shaped(counted("lenet5"), "with_columns", "path,macs")), Ink(100)))
    first, second = (line.count("█") for line in found[1:3])
    assert second > 50
    assert first == int(second * 117_600 / 240_000)


def test_compared_bars_stand_one_under_the_other_with_a_legend() -> None:
    found = lines(drawn(bars(counted("mobilenet_v1")), Ink(100)))
    assert found[1].split() == ["░░", "standard", "convolutions", "██", "as", "specified"]
    assert found[2].startswith("Conv1 ")
    assert found[3].startswith("      ")


def test_two_panels_stand_side_by_side_unless_that_is_too_narrow() -> None:
    wide, narrow = (lines(drawn(bars(counted("vgg16")), Ink(width))) for width in (100, 45))
    assert wide[0].split() == ["MACs", "parameters"]
    assert [line.strip() for line in narrow if line.strip() in {"MACs", "parameters"}] == ["MACs", "parameters"]


def test_what_is_left_out_is_said_below() -> None:
    assert lines(drawn(bars(counted("vgg16")), Ink(100)))[-1] == "11 rows that cost nothing are not drawn"


def test_long_names_lose_their_middle() -> None:
    text = drawn(bars(counted("inception_v3")), Ink(60))
    assert re.search(r"^\S+…\S+ ", text, re.MULTILINE)


def test_every_network_is_named_at_its_point() -> None:
    text = drawn(compared("alexnet", "vgg16", "resnet18"), Ink(80))
    assert [*map(text.count, ("alexnet", "vgg16", "resnet18", "●"))] == [1, 1, 1, 3]


def test_points_of_two_corners_are_in_two_corners() -> None:
    """The smallest is at the lower left, the largest at the upper right."""
    found = [line for line in lines(drawn(scatter([(10, 10), (20, 20)]), Ink(60))) if "│" in line or "┤" in line]
    dots = [(row, match.start()) for row, line in enumerate(found) if (match := re.search("[⠁-⣿]", line))]
    (upper, right), (lower, left) = dots
    assert upper < lower
    assert right > left


def test_the_front_is_a_line_with_points_that_are_counted() -> None:
    text = drawn(scatter([(n, 100 - n) for n in range(100)], [(0, 100), (50, 50), (90, 10)]), Ink(80))
    assert text.count("●") == 4
    assert "the front: 3 that no other beats" in text


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("width", [1, 7, 20])
def test_a_terminal_too_narrow_for_any_picture_gets_one_anyway(name: str, width: int) -> None:
    assert len(lines(drawn(chart(name), Ink(width)))) > 5


def test_where_there_is_no_point_there_is_no_grid() -> None:
    assert drawn(scatter([]), Ink(80)) == "\n"
