"""Taps that fall on the map, against a walk over all of them."""

import csv
import io
import json

import pytest
from conftest import Run, Write
from hypothesis import given
from hypothesis import strategies as st
from small_networks import network, number, row

from flopcount.case import Case
from flopcount.formulas.conv import conv_transpose, filters
from flopcount.formulas.pool import adaptive_avg_pool, avg_pool
from flopcount.formulas.shape import Shape, Window
from flopcount.network.inputs import input_shapes
from flopcount.network.padding_exact import padding_exact


def taps(size: int, stops: int, window: tuple[int, int, int, int]) -> int:
    """Count by walking: every stop, every tap."""
    kernel, stride, dilation, before = window
    return sum(0 <= stop * stride - before + tap * dilation < size for stop in range(stops) for tap in range(kernel))


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 4))
def test_a_convolution_against_a_walk(size: int, kernel: int, stride: int, dilation: int, pad: int) -> None:
    if size + 2 * pad < dilation * (kernel - 1) + 1:
        return
    step = filters(Shape((1, size)), Window(kernel, stride, pad, dilation), channels=1)
    stops = int(str(step.shape.spatial[0]))
    assert padding_exact(step, ["conv_mac_valid"])["conv_mac_valid"] == taps(
        size, stops, (kernel, stride, dilation, pad)
    )


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4))
def test_padding_that_is_the_same_is_less_before_than_behind(size: int, kernel: int, stride: int) -> None:
    """TensorFlow's rule: ⌊total / 2⌋ before."""
    step = filters(Shape((1, size)), Window(kernel, stride, "same"), channels=1)
    stops = int(str(step.shape.spatial[0]))
    total = max((stops - 1) * stride + kernel - size, 0)
    assert padding_exact(step, ["conv_mac_valid"])["conv_mac_valid"] == taps(
        size, stops, (kernel, stride, 1, total // 2)
    )


def test_a_transposed_convolution_leaves_out_what_falls_beside_the_output() -> None:
    """3 inputs, 4 taps, stride 2, 1 cut off at both ends: 2 of the 12 taps are lost on each axis."""
    step = conv_transpose(Shape((1, 3, 3)), out_channels=1, kernel_size=4, stride=2, padding=1, bias=False)
    assert padding_exact(step, ["conv_mac_valid"])["conv_mac_valid"] == 10 * 10


def test_an_average_pool_leaves_out_its_padding() -> None:
    """3×3 windows on 7×7: 19 taps of 21 along each axis."""
    step = avg_pool(Shape((512, 7, 7)), kernel_size=3, stride=1, padding=1)
    assert padding_exact(step, ["avg_pool_valid"])["avg_pool_valid"] == 512 * 19 * 19


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 9))
def test_an_adaptive_pool_against_a_walk(size: int, other: int, stops: int) -> None:
    """PyTorch's windows reach from ⌊j·size/stops⌋ to ⌈(j + 1)·size/stops⌉."""
    walked = [sum(-(-(at + 1) * n // stops) - at * n // stops for at in range(stops)) for n in (size, other)]
    step = adaptive_avg_pool(Shape((3, size, other)), output_size=stops)
    assert padding_exact(step, ["global_pool_valid"])["global_pool_valid"] == 3 * walked[0] * walked[1]


def test_a_sweep_over_adaptive_pools_counts_as_each_input_does(run: Run) -> None:
    """VGG-11 pools to 7×7: 8×8 at 256 in windows of 2, which overlap, 7×7 at 224 in windows of 1."""
    out = run("sweep", "vgg11", "--input", "224,256", "--convention", "pnnx", "--format", "csv").out
    alone = [
        json.loads(run("vgg11", "--input", size, "--convention", "pnnx", "--format", "json").out)["totals"]["flops"]
        for size in ("224", "256")
    ]
    assert [int(row["flops"]) for row in csv.DictReader(io.StringIO(out))] == alone


def test_an_exception_alone_may_look_into_windows(write: Write) -> None:
    net = network((8, 16, 16), row("Conv", out_channels=8, kernel_size=3, padding=1, bias=False))
    path = write("my.toml", "kinds = { Conv = { conv_mac_valid = 1 } }")
    assert number(Case.of(net, input_shapes(net.inputs)), str(path)) == 8 * 8 * (16 * 3 - 2) ** 2


def test_half_of_the_padding_of_spread_taps_is_before_the_map() -> None:
    """9 by 3 taps 2 apart, every 2: 8 + 5 − 9 = 4 of padding, 2 before; the taps meet 4, 5 and 4 places."""
    options = {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": "same", "bias": False}
    net = network((1, 9, 9), row("Conv", out_channels=1, **options))
    assert number(Case.of(net, input_shapes(net.inputs)), "xla") == 2 * (4 + 5 + 4) ** 2


def test_a_kernel_of_a_billion_is_counted_in_no_time() -> None:
    """It stops once, at two behind its padding."""
    step = filters(Shape((1, 3)), Window(10**9, 10**9, 10**9 - 2), channels=1)
    assert padding_exact(step, ["conv_mac_valid"])["conv_mac_valid"] == 2


def test_a_kind_whose_taps_differ_is_counted_with_its_padding() -> None:
    net = network((8, 16, 16), row("HetConv", out_channels=8, kernel_size=3, p=4, padding=1, bias=False))
    case = Case.of(net, input_shapes(net.inputs))
    assert number(case, "xla") == 2 * case.count.total.macs


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", "resnet18", "--input", "96,128"),
        *(("formula", "vgg11", "--in", axis) for axis in ("resolution", "width")),
    ],
)
def test_neither_a_sweep_nor_a_closed_form_can_leave_out_padding(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--convention", "xla")
    assert result.code == 2
    assert "counts one input at a time" in result.err
