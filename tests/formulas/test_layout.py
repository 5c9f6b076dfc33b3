"""Layouts, tokens and sizes of maps: what becomes of the shape."""

import pytest
from broken_constraints import broken

from flopcount.errors import ShapeError
from flopcount.formulas.attention import class_token, embedding, mean_tokens, position_embedding, select_token
from flopcount.formulas.pool import interpolate, pixel_shuffle, pixel_unshuffle
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tensor import channels_first, channels_last, to_map, to_tokens, transpose

Map = Shape((96, 56, 48))
Batch = Shape((2, 96, 56, 48), 1)
Tokens = Shape((197, 192), 1)


@pytest.mark.parametrize(
    ("step", "dims", "channel_axis"),
    [
        (channels_last(Map), (56, 48, 96), 2),
        (channels_last(Batch), (2, 56, 48, 96), 3),
        (channels_first(Shape((56, 48, 96), 2)), (96, 56, 48), 0),
        (channels_first(Shape((2, 56, 48, 96), 3)), (2, 96, 56, 48), 1),
        (channels_first(Shape((50, 96), 1), axes=1), (96, 50), 0),
        (to_tokens(Map), (2688, 96), 1),
        (to_tokens(Batch), (2, 2688, 96), 2),
        (to_map(Shape((196, 768), 1), size=14), (768, 14, 14), 0),
        (to_map(Shape((2, 24, 5), 2), size=(2, 3, 4)), (2, 5, 2, 3, 4), 1),
        (transpose(Tokens), (192, 197), 1),
        (class_token(Shape((196, 192), 1)), (197, 192), 1),
        (class_token(Shape((2, 196, 192), 2), num_tokens=2), (2, 198, 192), 2),
        (select_token(Tokens), (192,), 0),
        (mean_tokens(Shape((2, 197, 192), 2)), (2, 192), 1),
        (embedding(Shape((128,)), num_embeddings=1000, embedding_dim=32), (128, 32), 1),
        (embedding(Shape((2, 128), 1), num_embeddings=1000, embedding_dim=32), (2, 128, 32), 2),
        (interpolate(Map, scale_factor=2), (96, 112, 96), 0),
        (interpolate(Batch, size=(7, 8), mode="bilinear"), (2, 96, 7, 8), 1),
        (pixel_shuffle(Map, upscale_factor=2), (24, 112, 96), 0),
        (pixel_unshuffle(Map, downscale_factor=2), (384, 28, 24), 0),
    ],
    ids=lambda value: value.kind if isinstance(value, Step) else "",
)
def test_the_shape_each_leaves(step: Step, dims: tuple[int, ...], channel_axis: int) -> None:
    """A batch stays in front, whatever happens behind it."""
    assert (step.shape.dims, step.shape.channel_axis) == (dims, channel_axis)
    assert broken(step) == []


@pytest.mark.parametrize(
    "step",
    [channels_last(Map), to_tokens(Map), transpose(Tokens), select_token(Tokens), pixel_shuffle(Map, upscale_factor=2)],
    ids=lambda step: step.kind,
)
def test_moving_numbers_about_counts_nothing(step: Step) -> None:
    assert step.tally.counts == {}


def test_learned_tokens_and_positions_do_not_depend_on_the_batch() -> None:
    """ViT tiny: one token of 192, and 197 positions of 192."""
    assert class_token(Shape((8, 196, 192), 2)).tally.counts == {"token": 192}
    assert position_embedding(Shape((8, 197, 192), 2)).tally.counts == {"position": 37824, "add": 302592}


def test_positions_of_a_map_cover_its_space() -> None:
    assert position_embedding(Map).tally.counts["position"] == 96 * 56 * 48


def test_a_table_of_positions_has_to_be_long_enough() -> None:
    """BERT's 512 rows serve up to 512 tokens."""
    fits, longer = (position_embedding(Shape((n, 768), 1), max_positions=512) for n in (512, 513))
    assert (fits.tally.counts["position"], broken(fits)) == (393216, [])
    assert broken(longer) == ["max_positions = 512 is less than the 513 positions"]


def test_interpolation_is_tallied_by_its_mode() -> None:
    assert interpolate(Shape((8, 16, 16)), scale_factor=2, mode="bilinear").tally.counts == {
        "interpolate_in": 2048,
        "interpolate_bilinear": 8192,
    }


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (to_map(Tokens, size=14), "a map of 196 positions cannot be made of 197 tokens"),
        (select_token(Tokens, index=197), "no token 197 among 197; tokens are numbered from 0"),
        (
            pixel_shuffle(Shape((6, 4, 4)), upscale_factor=2),
            "4 positions cannot be made of 6 channels; choose an upscale_factor whose square divides them",
        ),
        (
            pixel_unshuffle(Shape((6, 4, 5)), downscale_factor=2),
            "downscale_factor = 2 does not divide an axis of size 5; pad first",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Step) else "",
)
def test_what_must_hold_is_said_in_a_sentence(step: Step, says: str) -> None:
    assert broken(step) == [says]


@pytest.mark.parametrize("formula", [transpose, class_token, select_token, mean_tokens])
def test_what_reads_tokens_refuses_a_map(formula: object) -> None:
    with pytest.raises(ShapeError, match="expects tokens with the channels last, got 96×56×48"):
        formula(Map)  # type: ignore[operator]


def test_what_reads_a_map_refuses_tokens() -> None:
    with pytest.raises(ShapeError, match="ToTokens needs a feature map, but 197×192 has no spatial axes"):
        to_tokens(Tokens)
    with pytest.raises(ShapeError, match="PixelShuffle needs a feature map, but 197×192 has no spatial axes"):
        pixel_shuffle(Tokens, upscale_factor=2)


def test_space_cannot_be_made_of_axes_that_are_not_there() -> None:
    with pytest.raises(ShapeError, match="needs 2 axes before the channels, but 197×192 has fewer"):
        channels_first(Tokens)


@pytest.mark.parametrize("options", [{}, {"size": 4, "scale_factor": 2}])
def test_interpolation_takes_a_size_or_a_factor(options: dict[str, int]) -> None:
    with pytest.raises(ShapeError, match="Interpolate takes exactly one of size, scale_factor and a second layer"):
        interpolate(Map, **options)  # type: ignore[arg-type]
