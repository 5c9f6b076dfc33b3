"""Pooling: no parameters, and every way tools count its work kept apart."""

import pytest
from broken_constraints import broken

from flopcount.errors import ShapeError
from flopcount.formulas.pool import adaptive_avg_pool, avg_pool, global_avg_pool, max_pool
from flopcount.formulas.shape import Shape

Map = Shape((4, 12, 10))


def test_the_stride_of_a_pool_is_its_kernel() -> None:
    assert max_pool(Map, kernel_size=(2, 5)).shape.dims == (4, 6, 2)
    assert avg_pool(Map, kernel_size=3).shape.dims == (4, 4, 3)


def test_a_pool_reads_writes_and_looks() -> None:
    """AlexNet's first pool: 55×55 in, 27×27 out, each output looks at 9 elements."""
    step = max_pool(Shape((64, 55, 55)), kernel_size=3, stride=2)
    assert step.shape.dims == (64, 27, 27)
    assert step.tally.counts == {"max_pool_in": 193600, "max_pool_out": 46656, "max_pool_window": 419904}


def test_a_pool_may_round_up() -> None:
    """GoogLeNet's first pool: 55 windows fit, a 56th hangs over the end."""
    x = Shape((64, 112, 112))
    assert max_pool(x, kernel_size=3, stride=2).shape.dims == (64, 55, 55)
    assert max_pool(x, kernel_size=3, stride=2, ceil_mode=True).shape.dims == (64, 56, 56)


def test_dilation_widens_the_window_not_its_size() -> None:
    """Five points two apart reach over nine."""
    step = max_pool(Shape((1, 20)), kernel_size=5, stride=1, dilation=2)
    assert step.shape.dims == (1, 12)
    assert step.tally.counts["max_pool_window"] == 60


def test_a_global_pool_leaves_one_position() -> None:
    """What MobileNet ends with: 7×7 in, axes of size 1 or none out."""
    x = Shape((1024, 7, 7))
    assert global_avg_pool(x).shape.dims == (1024, 1, 1)
    assert global_avg_pool(x, keepdim=False).shape.dims == (1024,)
    assert global_avg_pool(x).tally.counts == {"global_pool_in": 50176, "global_pool_out": 1024}


def test_an_adaptive_pool_leaves_the_map_it_is_told() -> None:
    assert adaptive_avg_pool(Map, output_size=7).shape.dims == (4, 7, 7)
    assert adaptive_avg_pool(Map, output_size=(1, 3)).shape.dims == (4, 1, 3)


def test_padding_over_half_the_kernel_is_refused() -> None:
    """PyTorch's rule: a window must not lie outside the map."""
    says = "padding = 2 exceeds half of the pool's kernel, 3: a window could lie outside the map"
    assert broken(max_pool(Map, kernel_size=3, padding=2)) == [says] * 4
    assert broken(avg_pool(Map, kernel_size=3, padding=(1, (0, 2)))) == [says]


def test_padding_of_half_the_kernel_is_fine() -> None:
    assert broken(max_pool(Map, kernel_size=4, padding=2)) == []
    assert broken(avg_pool(Map, kernel_size=3, padding="same")) == []


def test_a_pool_larger_than_the_map_is_refused() -> None:
    says = "output would be empty: kernel 11 (effective size 11) exceeds axis size 10; enlarge the input or pad"
    assert broken(max_pool(Map, kernel_size=11)) == [says]


def test_a_pool_has_as_many_axes_as_the_map() -> None:
    with pytest.raises(ShapeError, match="kernel_size has 3 entries, but the feature map has 2 spatial axes"):
        max_pool(Map, kernel_size=(2, 2, 2))
    with pytest.raises(ShapeError, match="output_size has 1 entries, but the feature map has 2 spatial axes"):
        adaptive_avg_pool(Map, output_size=(7,))


def test_a_pool_needs_a_map() -> None:
    with pytest.raises(ShapeError, match="no spatial axes"):
        max_pool(Shape((12,)), kernel_size=2)
    with pytest.raises(ShapeError, match="no spatial axes"):
        adaptive_avg_pool(Shape((12,)), output_size=2)
