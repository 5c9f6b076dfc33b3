"""Layers that move numbers about: no parameters, no work."""

import pytest
from broken_constraints import broken

from flopcount.errors import ShapeError
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tensor import channel_shuffle, crop, dropout, flatten, pad

Map = Shape((4, 12, 10))


def test_flatten_lays_out_channels_and_space() -> None:
    """What enters the classifiers of AlexNet and VGG."""
    assert flatten(Shape((256, 6, 6))).shape.dims == (9216,)
    assert flatten(Shape((512, 7, 7))).shape.dims == (25088,)


def test_flatten_leaves_a_vector_alone() -> None:
    assert flatten(Shape((12,))).shape.dims == (12,)


def test_pad_widens_each_axis_on_both_sides() -> None:
    assert pad(Map, padding=1).shape.dims == (4, 14, 12)
    assert pad(Map, padding=(0, (0, 3))).shape.dims == (4, 12, 13)


def test_crop_narrows_each_axis_on_both_sides() -> None:
    assert crop(Map, cropping=1).shape.dims == (4, 10, 8)
    assert crop(Map, cropping=((1, 2), 0)).shape.dims == (4, 9, 10)


@pytest.mark.parametrize(
    "step",
    [flatten(Map), dropout(Map, p=0.2), channel_shuffle(Map, groups=2), pad(Map, padding=1), crop(Map, cropping=1)],
    ids=lambda step: step.kind,
)
def test_nothing_is_counted(step: Step) -> None:
    """The tally is empty: not zero of something, but nothing."""
    assert step.tally.counts == {}


def test_groups_to_shuffle_must_divide_the_channels() -> None:
    says = "groups = 3 does not divide the 4 channels; choose a divisor"
    assert broken(channel_shuffle(Map, groups=3)) == [says]


def test_cropping_must_leave_something() -> None:
    """Five and five off an axis of ten leave nothing; of twelve, two."""
    says = "output would be empty: cropping removes all of an axis of size 10; crop less"
    assert broken(crop(Map, cropping=5)) == [says]
    assert broken(crop(Map, cropping=((5, 4), (5, 4)))) == []


@pytest.mark.parametrize("axes", [1, 3])
def test_a_border_has_as_many_axes_as_the_map(axes: int) -> None:
    says = f"padding has {axes} entries, but the feature map has 2 spatial axes"
    with pytest.raises(ShapeError) as caught:
        pad(Map, padding=(1,) * axes)
    assert str(caught.value) == says


def test_a_crop_with_too_many_axes_names_its_own_option() -> None:
    with pytest.raises(ShapeError, match="cropping has 3 entries, but the feature map has 2 spatial axes"):
        crop(Map, cropping=(1, 1, 1))
