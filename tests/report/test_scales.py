"""Axes: units, ends and ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.report.table import Axis, bar_axis, point_axis, tick_text, ticks
from flopcount.spec.units import prefix, with_prefix


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (999, "999"), (1000, "1.00 k"), (12_345, "12.3 k"), (123_456, "123 k"), (999_499, "999 k")),
        *((999_500, "1.00 M"), (999_999, "1.00 M"), (15_470_264_320, "15.5 G"), (10**24, "1.00 Y")),
        (10**29, "100,000 Y"),
    ],
)
def test_a_figure_has_three_digits_and_its_unit(value: int, text: str) -> None:
    assert with_prefix(value) == text


@pytest.mark.parametrize(("value", "unit"), [(1, ""), (999, ""), (1000, "k"), (10**6 - 1, "k"), (10**6, "M")])
def test_the_unit_leaves_one_to_three_digits_before_the_point(value: int, unit: str) -> None:
    assert prefix(value) == unit


@given(st.lists(st.integers(0, 10**15), min_size=1), st.booleans())
def test_every_value_has_a_place_on_its_axis(values: list[int], is_bar: bool) -> None:  # noqa: FBT001  (drawn)
    axis = (bar_axis if is_bar else point_axis)("macs", "MACs", values)
    assert all(0 <= axis.place(value) <= 1 for value in values)


@given(st.lists(st.integers(1, 10**15), min_size=2))
def test_ticks_are_few_rising_and_on_the_axis(values: list[int]) -> None:
    axis = point_axis("macs", "MACs", values)
    found = ticks(axis)
    assert found == sorted(set(found))
    assert 1 <= len(found) <= 8
    assert all(-1e-9 <= axis.place(tick * axis.factor) <= 1 + 1e-9 for tick in found)


def test_ticks_are_round() -> None:
    assert ticks(Axis("a", "a", 0, 236_000_000, "M"), 5) == [0, 50, 100, 150, 200]
    assert ticks(Axis("a", "a", 0, 1.4), 6) == [0, 0.25, 0.5, 0.75, 1, 1.25]
    assert ticks(Axis("a", "a", 70, 2500, is_log=True), 6) == [100, 200, 500, 1000, 2000]
    assert ticks(Axis("a", "a", 0.5, 2e6, is_log=True), 8) == [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]


def test_numbers_of_an_axis_have_no_needless_zeros() -> None:
    assert [*map(tick_text, (0.5, 10.0, 1500.0, 3 * 0.1))] == ["0.5", "10", "1,500", "0.3"]


def test_an_axis_of_words_has_no_unit() -> None:
    assert point_axis("input", "input", [96, 2240], is_count=False).label == "input"


def test_a_single_value_has_an_axis_too() -> None:
    axis = point_axis("macs", "MACs", [5])
    assert axis.low < 5 < axis.high
