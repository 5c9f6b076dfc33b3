"""Joins: what they leave, what they count, and what does not fit together."""

import pytest
from broken_constraints import broken

from flopcount.errors import ShapeError
from flopcount.formulas.shape import Shape
from flopcount.formulas.tensor import add, concat, mul, pad_channels, slice_, split_

Map = Shape((4, 12, 10))
Tokens = Shape((7, 12), 1)


def test_an_addition_costs_one_per_element_and_further_layer() -> None:
    """4·12·10 elements, of two layers and of three."""
    assert add(Map, Map).tally.counts == {"add": 480}
    assert add(Map, Map, Map).tally.counts == {"add": 960}


def test_an_activation_behind_an_addition_is_a_part() -> None:
    step = add(Map, Map, activation="relu")
    assert [(part.name, part.step.kind) for part in step.parts] == [("add", "Add"), ("activation", "ReLU")]
    assert step.tally.counts == {"add": 480, "relu": 480}


def test_an_addition_needs_one_shape() -> None:
    """Each size that differs is named."""
    assert broken(add(Map, Shape((5, 12, 9)))) == [
        "Add reads layers of equal sizes, but these have 4 and 5 channels",
        "Add reads layers of equal sizes, but these have 10 and 9 positions along spatial axis 1",
    ]
    says = ["Add reads layers of equal sizes, but these have 7 and 8 tokens"]
    assert broken(add(Tokens, Shape((8, 12), 1))) == says


def test_a_map_and_tokens_do_not_add() -> None:
    with pytest.raises(ShapeError, match="Add reads layers of the same layout, but 12×10 and 12×10 differ"):
        add(Shape((12, 10)), Shape((12, 10), 1))


def test_tokens_and_one_token_are_not_concatenated() -> None:
    with pytest.raises(ShapeError, match="Concat reads layers of the same layout, but 4×8 and 8 differ"):
        concat(Shape((4, 8), 1), Shape((8,)))


@pytest.mark.parametrize("join", [add, mul, concat])
def test_one_layer_is_not_joined(join: object) -> None:
    with pytest.raises(ShapeError, match="reads two or more layers; name them"):
        join(Map)  # type: ignore[operator]


@pytest.mark.parametrize(
    "gate", [Shape((4, 1, 1)), Shape((4,)), Shape((1, 12, 10)), Shape((1,)), Shape((4, 12, 1)), Map]
)
def test_a_product_stretches_sizes_of_one_and_missing_space(gate: Shape) -> None:
    step = mul(Map, gate)
    assert (step.shape.dims, step.tally.counts, broken(step)) == ((4, 12, 10), {"mul": 480}, [])


def test_a_product_does_not_stretch_other_sizes() -> None:
    assert broken(mul(Map, Shape((2, 1, 1)))) == ["Mul broadcasts sizes of 1 only, not 2 to 4 channels"]


def test_a_product_has_the_shape_of_the_first() -> None:
    """A gate named before the map it weighs is told so."""
    with pytest.raises(ShapeError, match="Mul cannot broadcast 4×12×10 to 4; name the larger layer first"):
        mul(Shape((4,)), Map)


def test_concatenation_adds_the_channels() -> None:
    """A dense block: 64 channels, and 32 of each layer before."""
    assert concat(Shape((64, 56, 56)), Shape((32, 56, 56)), Shape((32, 56, 56))).shape.dims == (128, 56, 56)


def test_concatenation_along_other_axes() -> None:
    assert concat(Tokens, Shape((5, 12), 1), axis="tokens").shape.dims == (12, 12)
    assert concat(Map, Shape((4, 12, 3)), axis=1).shape.dims == (4, 12, 13)


def test_concatenation_needs_the_other_sizes_to_agree() -> None:
    says = ["Concat reads layers of equal sizes, but these have 12 and 11 positions along spatial axis 0"]
    assert broken(concat(Map, Shape((9, 11, 10)))) == says


@pytest.mark.parametrize("axis", ["tokens", 2])
def test_there_has_to_be_an_axis_to_concatenate_along(axis: str | int) -> None:
    with pytest.raises(ShapeError, match=f"there is no axis {axis} in 4×12×10 to concatenate along"):
        concat(Map, Map, axis=axis)


def test_a_slice_keeps_some_channels() -> None:
    assert slice_(Map, start=1, stop=3).shape.dims == (2, 12, 10)
    assert slice_(Map, start=3).shape.dims == (1, 12, 10)


def test_a_slice_has_to_be_there() -> None:
    assert broken(slice_(Map, start=3, stop=3)) == ["the slice from 3 to 3 has no channels"]
    assert broken(slice_(Map, stop=5)) == ["the slice ends at 5, but there are 4 channels"]


def test_a_split_is_one_of_equal_shares() -> None:
    assert split_(Shape((116, 28, 28)), sections=2, index=1).shape.dims == (58, 28, 28)


def test_a_split_has_to_be_even_and_to_exist() -> None:
    assert broken(split_(Map, sections=3, index=3)) == [
        "sections = 3 does not divide the 4 channels; choose a divisor",
        "no share 3 among 3; shares are numbered from 0",
    ]


def test_channels_of_zeros_cost_nothing() -> None:
    """The shortcut of a CIFAR ResNet: 16 channels become 32."""
    step = pad_channels(Shape((16, 16, 16)), padding=16)
    assert (step.shape.dims, step.tally.counts) == ((32, 16, 16), {})
