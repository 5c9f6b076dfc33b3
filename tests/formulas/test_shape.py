"""Shapes, and windows that slide over them, against counting one by one."""

from fractions import Fraction

import pytest
from broken_constraints import broken
from hypothesis import given, settings
from hypothesis import strategies as st

from flopcount.errors import ShapeError
from flopcount.formulas.shape import Shape, Window
from flopcount.formulas.step import Step, Tally

unhurried = settings(deadline=None)
sizes = st.integers(1, 60)
kernels = st.integers(1, 9)
strides = st.integers(1, 5)
dilations = st.integers(1, 3)
Pair = tuple[int, int]


def fitting(size: int, extent: int, stride: int, pad: Pair) -> int:
    """Count the windows that lie within the padded map."""
    padded = sum(pad) + size
    return sum(start + extent <= padded for start in range(0, padded, stride))


def hanging(size: int, extent: int, stride: int, pad: Pair) -> int:
    """Count the windows that start before the map's end and reach what the window before did not."""
    before, padded = pad[0], sum(pad) + size
    return sum(start - stride + extent < padded for start in range(0, before + size, stride))


def slid(window: Window, size: int) -> int:
    """Return how many windows there are along one axis; 0 where a constraint says that the map vanishes."""
    (result,), constraints = window.over((size,))
    assert isinstance(result, int)
    step = Step("", Shape((1, result)), Tally(), constraints=constraints)
    return 0 if broken(step) else result


@unhurried
@given(sizes, kernels, strides, dilations, st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_without_ceil_mode_all_windows_fit(size: int, kernel: int, stride: int, dilation: int, pad: Pair) -> None:
    """Explicit padding, the same or not before and after: windows that fit are counted, no others."""
    extent = dilation * (kernel - 1) + 1
    assert slid(Window(kernel, stride, (pad,), dilation), size) == fitting(size, extent, stride, pad)


@unhurried
@given(sizes, kernels, strides, dilations, st.data())
def test_with_ceil_mode_a_last_window_may_hang_over(
    size: int, kernel: int, stride: int, dilation: int, data: st.DataObject
) -> None:
    """PyTorch's rule: the last window may hang over the end, if it starts in the map or before it."""
    pad = data.draw(st.tuples(*[st.integers(0, kernel // 2)] * 2), label="pad")
    extent = dilation * (kernel - 1) + 1
    window = Window(kernel, stride, (pad,), dilation, ceil_mode=True)
    assert slid(window, size) == hanging(size, extent, stride, pad)


@pytest.mark.parametrize(
    ("size", "options", "floor", "ceil"),
    [
        (112, (3, 2, 0), 55, 56),  # GoogLeNet's first pool
        (6, (3, 2, 0), 2, 3),
        (7, (3, 2, 0), 3, 3),
        (5, (2, 2, 1), 3, 3),  # a fourth window would start behind the map
        (2, (3, 2, 0), 0, 1),
        (1, (3, 2, 0), 0, 0),
    ],
)
def test_ceil_mode_by_example(size: int, options: tuple[int, int, int], floor: int, ceil: int) -> None:
    """What PyTorch's pools (kernel, stride, padding) leave of an axis, without and with ceil_mode."""
    window, hung = Window(*options), Window(*options, ceil_mode=True)
    assert (slid(window, size), slid(hung, size)) == (floor, ceil)


@unhurried
@given(sizes, kernels, strides, dilations)
def test_same_padding_starts_a_window_at_every_stride(size: int, kernel: int, stride: int, dilation: int) -> None:
    assert slid(Window(kernel, stride, "same", dilation), size) == len(range(0, size, stride))


@unhurried
@given(sizes, st.integers(0, 4), strides)
def test_same_padding_of_an_odd_kernel_is_half_of_it_on_both_sides(size: int, half: int, stride: int) -> None:
    kernel = 2 * half + 1
    assert slid(Window(kernel, stride, "same"), size) == slid(Window(kernel, stride, half), size)


@unhurried
@given(sizes, kernels, strides)
def test_valid_round_is_the_scripts_own_line(size: int, kernel: int, stride: int) -> None:
    """The published script rounds (in − 2·⌊k/2⌋) / stride as Python does, and may go below 1."""
    (result, again), constraints = Window(kernel, stride, "valid-round").over((size, size))
    assert result == again == round(Fraction(size - 2 * (kernel // 2), stride))
    assert constraints == ()


def test_valid_round_lets_maps_vanish_on_two_axes_only() -> None:
    """The script squares its sizes; an odd number of negative ones would be counted as less than nothing."""
    _, constraints = Window(3, 1, "valid-round").over((1, 1, 1))
    assert [constraint.relation for constraint in constraints] == ["positive"] * 3


def test_each_axis_has_its_own_window() -> None:
    """Kernel, stride, dilation and padding are per axis, on any number of them."""
    window = Window((1, 3, 5), (1, 2, 3), (0, 1, (2, 0)), (1, 1, 2))
    found, _ = window.over((4, 9, 20))
    assert found == (4, 5, 5)


@pytest.mark.parametrize(
    ("window", "says"),
    [
        (Window((3, 3, 3)), "kernel_size has 3 entries, but the feature map has 2 spatial axes"),
        (Window(3, stride=(1,)), "stride has 1 entries, but the feature map has 2 spatial axes"),
        (Window(3, padding=(1, 1, 1)), "padding has 3 entries, but the feature map has 2 spatial axes"),
        (Window(3, dilation=(1, 1, 1)), "dilation has 3 entries, but the feature map has 2 spatial axes"),
    ],
)
def test_the_wrong_number_of_axes_is_named(window: Window, says: str) -> None:
    with pytest.raises(ShapeError) as caught:
        window.over((12, 10))
    assert str(caught.value) == says


def test_a_window_needs_space() -> None:
    with pytest.raises(ShapeError, match="the input has no spatial axes"):
        Window(3).over(())


def test_a_map_that_vanishes_is_told_with_its_numbers() -> None:
    spatial, constraints = Window(5, dilation=2).over((12, 7))
    says = "output would be empty: kernel 5 (effective size 9) exceeds axis size 7; enlarge the input or pad"
    assert broken(Step("", Shape((1, *spatial)), Tally(), constraints=constraints)) == [says]
