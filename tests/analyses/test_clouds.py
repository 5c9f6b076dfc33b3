"""What is gathered for the picture of a sweep: an even sample, and the front of all."""

from typing import Any

import numpy as np
import pytest

from flopcount.analyses.sweep.select import MOST, Cloud


def rows(macs: Any, params: Any, first: int = 0) -> dict[str, Any]:
    """Return candidates with consecutive ids."""
    return {"id": np.arange(first, first + len(macs)), "macs": np.asarray(macs), "params": np.asarray(params)}


def seen(*parts: dict[str, Any]) -> Cloud:
    """Return what is gathered of some chunks."""
    cloud = Cloud("macs", "params")
    for part in parts:
        cloud.see(part)
    return cloud


def many(count: int, seed: int) -> list[tuple[int, int]]:
    """Return places that meet now and then."""
    return [(int(x), int(y)) for x, y in np.random.default_rng(seed).integers(0, 200, (count, 2))]


def chunks(places: list[tuple[int, int]], length: int) -> list[dict[str, Any]]:
    """Cut places into chunks."""
    cuts = range(0, len(places), length)
    parts = ((cut, places[cut : cut + length]) for cut in cuts)
    return [rows([x for x, _ in part], [y for _, y in part], cut) for cut, part in parts]


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_no_other_beats_whatever_the_chunks(seed: int) -> None:
    places = many(300, seed)
    expected = {
        (x, y) for x, y in places if not any(other != (x, y) and other[0] <= x and other[1] <= y for other in places)
    }
    for length in (1, 7, 300):
        front = seen(*chunks(places, length)).front
        assert front is not None
        found = [*zip(front["macs"].tolist(), front["params"].tolist(), strict=True)]
        assert found == sorted(expected)


def test_of_many_a_sample_is_kept_from_everywhere() -> None:
    """Of 20 equal parts each gives a twentieth, to within five standard deviations."""
    cloud = seen(*chunks(many(20 * MOST, 0), 16_384))
    assert cloud.rows is not None
    ids = cloud.rows["id"]
    assert (cloud.seen, len(ids), len({*ids.tolist()})) == (20 * MOST, MOST, MOST)
    counts = np.bincount(ids // MOST, minlength=20)
    assert abs(counts - MOST / 20).max() < 5 * (MOST / 20) ** 0.5


def test_the_front_is_of_all_and_not_of_the_sample() -> None:
    places = [(1000 - number % 100, 1000) for number in range(5 * MOST)]
    places[12_345] = (1, 1)
    front = seen(*chunks(places, 4096)).front
    assert front is not None
    assert front["id"].tolist() == [12_345]


def test_candidates_that_cost_the_same_are_one_place_of_the_front() -> None:
    front = seen(rows([1, 1, 2, 2], [5, 5, 4, 4])).front
    assert front is not None
    assert front["macs"].tolist() == [1, 2]
