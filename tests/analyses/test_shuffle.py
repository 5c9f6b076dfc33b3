"""Draws: none twice, each as likely as any other, the same however they are cut."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.sweep.axes import draws, number


def drawn(sizes: list[int], part: range, seed: int, most: int = 1000) -> list[int]:
    """Return the ids that are drawn at some positions."""
    found: list[int] = []
    for position, places in draws(sizes, part, seed, most):
        assert position == part.start + len(found)
        found += [number(sizes, each) for each in zip(*(place.tolist() for place in places), strict=True)]
    return found


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 2**70))
def test_all_draws_are_all_candidates(sizes: list[int], seed: int) -> None:
    assert sorted(drawn(sizes, range(prod(sizes)), seed)) == [*range(prod(sizes))]


@pytest.mark.parametrize("total", [10**6, 2**32 + 15, 10**15, 2**62])
def test_no_candidate_is_drawn_twice(total: int) -> None:
    found = drawn([total], range(20_000), seed=7)
    assert len({*found}) == 20_000
    assert 0 <= min(found) < total // 100
    assert total - total // 100 < max(found) < total


@pytest.mark.parametrize("sizes", [[97, 89], [10**9, 10**9, 10**9]])
def test_draws_are_the_same_however_they_are_cut(sizes: list[int]) -> None:
    whole = drawn(sizes, range(5000), seed=3)
    assert drawn(sizes, range(123, 4567), seed=3) == whole[123:4567]
    assert drawn(sizes, range(5000), seed=4) != whole


def test_each_candidate_is_as_likely_as_any_other() -> None:
    """Over 3000 seeds the first three draws of 20 hit each 450 times; 6 deviations of √(450·0.95) are 124."""
    counts = np.zeros((3, 20), int)
    for seed in range(3000):
        for position, id_ in enumerate(drawn([4, 5], range(3), seed)):
            counts[position, id_] += 1
    assert abs(counts.sum(0) - 450).max() < 124
    assert abs(counts - 150).max() < 6 * (150 * 0.95) ** 0.5


def test_neighbouring_draws_have_nothing_to_do_with_each_other() -> None:
    """The correlation of n independent pairs deviates by 1/√n."""
    found = np.array(drawn([10**12], range(100_000), seed=1), float)
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 6 / 100_000**0.5
    assert abs(found.mean() / 10**12 - 0.5) < 6 * (1 / 12 / 100_000) ** 0.5
