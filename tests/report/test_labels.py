"""Names beside points: none over another, each nearest to its own."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from flopcount.report.text import Box, Size, placed

AREA, SIZE = Box(0, 0, 100, 40), Size(0.5, 1, 1, 1)
PLACES = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 39)), unique=True, max_size=30)


@given(PLACES)
def test_names_stand_inside_apart_and_nearest_to_their_own_point(places: list[tuple[int, int]]) -> None:
    points = [(x + 0.5, y + 0.5) for x, y in places]
    boxes = placed(points, [f"name{number}" for number in range(len(points))], AREA, SIZE)
    found = [(box, point) for box, point in zip(boxes, points, strict=True) if box is not None]
    assert all(AREA.holds(box) for box, _ in found)
    assert not any(one.meets(other) for (one, _), (other, _) in combinations(found, 2))
    assert all(min(points, key=lambda each: box.distance(*each)) == point for box, point in found)


def test_a_name_stands_to_the_right_where_it_can_and_to_the_left_at_the_edge() -> None:
    right, left = placed([(10, 10), (98, 10)], ["one", "two"], AREA, SIZE)
    assert right is not None
    assert left is not None
    assert right.left > 10
    assert left.right < 98


def test_a_point_without_a_name_has_no_box() -> None:
    assert placed([(10, 10)], [""], AREA, SIZE) == [None]
