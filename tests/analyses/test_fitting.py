"""What would fit: the largest width and the largest input that meet a limit, and nothing that does not."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.budgets.findings import Suggestion
from flopcount.analyses.budgets.judge import Model, suggestions
from flopcount.case import Case, load_bytes
from flopcount.network.point import Point

LAYERS = '[[layers]]\ntype = "Conv"\nout_channels = 20\nkernel_size = 1\nbias = false\n'


def model(size: str = "[1, 64, 64]", more: str = "") -> Model:
    """Return a network of one layer: 20·w channels from 1, at every position."""
    return Model(Case(load_bytes(f"input = {size}\n{more}\n{LAYERS}".encode(), notation="toml")))


def macs(model: Model) -> Callable[[Point], int | None]:
    """Return what counts the MACs of a network at a point."""

    def value(point: Point) -> int | None:
        found = model.total(point, "trainable")
        return None if found is None else found.macs

    return value


def found(model: Model, limit: int, point: Point = Point()) -> list[Suggestion]:  # noqa: B008  (a tuple)
    return [*suggestions(model, point, Fraction(limit), macs(model))]


def test_the_largest_of_each_is_named() -> None:
    # 20 channels at 64×64 are 81920; 19 are 77824 (width 0.95); at 32×32 they are 20480
    assert found(model(), 81_919) == [Suggestion("--width 0.95", 77_824), Suggestion("--input 32", 20_480)]
    assert found(model(), 77_824) == [Suggestion("--width 0.95", 77_824), Suggestion("--input 32", 20_480)]
    assert found(model(), 77_823) == [Suggestion("--width 0.9", 73_728), Suggestion("--input 32", 20_480)]


def test_where_nothing_fits_nothing_is_named() -> None:
    assert found(model(), 0) == []


def test_it_is_below_the_point_and_keeps_the_rest_of_it() -> None:
    # 10 channels at 96×96 are 92160; 9 are 82944 (width 0.45); 10 at 64×64 are 40960
    at = Point(input="96", width="0.5")
    assert found(model(), 92_159, at) == [Suggestion("--width 0.45", 82_944), Suggestion("--input 64", 40_960)]


def test_a_point_that_is_not_square_has_no_smaller_sizes() -> None:
    # 20 channels at 128×64 are 163840; 19 are 155648
    assert found(model(), 160_000, Point(input="128x64")) == [Suggestion("--width 0.95", 155_648)]


def test_a_variant_has_sizes_of_its_own() -> None:
    network = model(more="variants.large = { input = [1, 128, 128] }")
    # 20 channels at 128×128 are 327680; 19 are 311296; 20 at 96×96 are 184320
    at = Point(variant="large")
    assert found(network, 327_679, at) == [Suggestion("--width 0.95", 311_296), Suggestion("--input 96", 184_320)]


@pytest.mark.parametrize("size", ["[4]", "[1, 64, 32]"])
def test_inputs_without_one_size_have_no_smaller_ones(size: str) -> None:
    network = Model(Case(load_bytes(f'input = {size}\nlayers = [{{ type = "Flatten" }}]\n'.encode(), notation="toml")))
    assert [*suggestions(network, Point(), Fraction(5), lambda point: 9 if point.width else 3)] == []


def test_the_longest_sequence_is_searched_in_no_time() -> None:
    """A billion sizes are not written down: 999999999 is odd, so each size below it is a step."""
    # 20 channels at n positions
    assert found(model("[1, 999999999]"), 20 * 123_456_789)[1] == Suggestion("--input 123456789", 20 * 123_456_789)


@given(st.integers(1, 81_920))
def test_what_is_named_is_within_the_limit_and_the_next_step_is_not(limit: int) -> None:
    network = model()
    for fit in found(network, limit):
        option, word = fit.option.split()
        assert fit.value <= limit
        wider = Point(width=str(Fraction(word) + Fraction(1, 20))) if option == "--width" else Point(input="64")
        assert fit.value == macs(network)(Point(width=word) if option == "--width" else Point(input=word))
        above = macs(network)(wider)
        assert above is not None
        assert above > limit or limit == 81_920
