"""Axes of a sweep: lists, ranges, ids and blocks."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.sweep import axes
from flopcount.analyses.sweep.axes import Axis, axis, blocks, digits, number, setting_axis
from flopcount.errors import UsageError
from flopcount.spec.load import setting

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def test_a_range_includes_its_end_unless_its_step_misses_it() -> None:
    assert axis("input", "--input", "96:320:32").values == (96, 128, 160, 192, 224, 256, 288, 320)
    assert axis("input", "--input", "1:10:4").values == (1, 5, 9)


def test_decimals_are_exact() -> None:
    """Twenty-four steps of 0.05 do not drift: each value is the float its decimals name."""
    width = axis("width", "--width", "0.25:1.4:0.05")
    assert width.values == tuple(float(f"{0.25 + 0.05 * step:.2f}") for step in range(24))
    assert [Fraction(each, width.per) for each in width.numerators] == [Fraction(25 + 5 * n, 100) for n in range(24)]


def test_lists_and_ranges_mix_in_the_order_given() -> None:
    assert axis("input", "--input", "224, 32:64:16,7").values == (224, 32, 48, 64, 7)


def test_a_setting_takes_ranges_and_words() -> None:
    assert setting_axis(setting("layers.3.kernel_size=3:7:2")).values == (3, 5, 7)
    assert setting_axis(setting("layers.3.padding=same,valid")) == Axis("layers.3.padding", ("same", "valid"))


def test_an_axis_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges that are short enough one by one may be too long together."""
    monkeypatch.setattr(axes, "MOST_VALUES", 10)
    with pytest.raises(UsageError, match="at most 10 values"):
        axis("input", "--input", "1:6,7:12")


@given(SIZES)
def test_every_candidate_has_one_number(sizes: list[int]) -> None:
    """Numbers count the outer product, the last axis fastest."""
    places = [*product(*map(range, sizes))]
    assert [digits(sizes, id_) for id_ in range(len(places))] == places
    assert [number(sizes, each) for each in places] == [*range(len(places))]


def test_numbers_beyond_64_bits_are_exact() -> None:
    sizes = [1000] * 40
    assert digits(sizes, 10**120 - 1) == (999,) * 40
    assert number(sizes, digits(sizes, 10**100 + 7)) == 10**100 + 7


@given(SIZES, st.integers(1, 50), st.data())
def test_blocks_cover_any_part_once_and_in_order(sizes: list[int], most: int, data: st.DataObject) -> None:
    """However a sweep is cut, each candidate is in one block, and no block is too large."""
    places = [*product(*map(range, sizes))]
    start = data.draw(st.integers(0, len(places)))
    stop = data.draw(st.integers(start, len(places)))
    found = [[*product(*block)] for block in blocks(sizes, start, stop, most)]
    assert [each for block in found for each in block] == places[start:stop]
    assert all(0 < len(block) <= most for block in found)
