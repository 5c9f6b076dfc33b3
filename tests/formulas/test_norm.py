"""Normalization."""

from flopcount.formulas.norm import batch_norm
from flopcount.formulas.shape import Shape

Map = Shape((32, 14, 14))


def test_a_batch_norm_keeps_four_numbers_a_channel() -> None:
    """Scale and shift are trained, mean and variance are kept; every element is touched."""
    step = batch_norm(Map)
    assert step.shape.dims == (32, 14, 14)
    assert step.tally.counts == {
        "batch_norm": 6272,
        "batch_norm_affine": 6272,
        "norm_weight": 32,
        "norm_bias": 32,
        "running": 64,
    }


def test_without_scale_and_shift_nothing_is_trained() -> None:
    assert batch_norm(Map, affine=False).tally.counts == {"batch_norm": 6272, "running": 64}


def test_without_running_statistics_nothing_is_kept_untrained() -> None:
    assert "running" not in batch_norm(Map, track_running_stats=False).tally.counts
