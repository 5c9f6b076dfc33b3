"""The input: what the file says, or what the caller does."""

import pytest

from flopcount.network.inputs import input_shape

DECLARED = (3, 224, 224)


@pytest.mark.parametrize(
    ("text", "dims", "channel_axis"),
    [
        (None, (3, 224, 224), 0),
        ("160", (3, 160, 160), 0),
        ("160x128", (3, 160, 128), 0),
        ("1x160x128", (1, 160, 128), 0),
        ("8x3x160x128", (8, 3, 160, 128), 1),
        ("160X128", (3, 160, 128), 0),
        ("160×128", (3, 160, 128), 0),
        ("1", (3, 1, 1), 0),
        ("1000000000", (3, 10**9, 10**9), 0),
    ],
)
def test_sizes_then_channels_then_a_batch(text: str | None, dims: tuple[int, ...], channel_axis: int) -> None:
    x = input_shape(DECLARED, text)
    assert (x.dims, x.channel_axis) == (dims, channel_axis)


@pytest.mark.parametrize(
    ("declared", "text", "dims"),
    [
        ((1, 16000), "8000", (1, 8000)),
        ((1, 16000), "2x8000", (2, 8000)),
        ((1, 16000), "4x2x8000", (4, 2, 8000)),
        ((3, 8, 112, 112), "64", (3, 64, 64, 64)),
        ((3, 8, 112, 112), "16x64x64", (3, 16, 64, 64)),
        ((784,), "100", (100,)),
        ((784,), "8x100", (8, 100)),
    ],
)
def test_any_number_of_axes(declared: tuple[int, ...], text: str, dims: tuple[int, ...]) -> None:
    assert input_shape(declared, text).dims == dims


def test_one_size_stands_for_all_axes_but_the_channels() -> None:
    """A vector has no axes, so one number is its channels."""
    assert (input_shape((784,), "100").channel_axis, input_shape((784,), "8x100").channel_axis) == (0, 1)


@pytest.mark.parametrize("text", [None, "160", "3x160x160"])
def test_a_batch_comes_in_front(text: str | None) -> None:
    x = input_shape((3, 160, 160), text, batch=8)
    assert (x.dims, x.channel_axis) == ((8, 3, 160, 160), 1)


def test_a_batch_of_one_is_a_batch() -> None:
    assert input_shape(DECLARED, batch=1).dims == (1, 3, 224, 224)
