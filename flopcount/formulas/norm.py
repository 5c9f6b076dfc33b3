"""Normalisation."""

from collections.abc import Callable, Mapping

from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


def batch_norm(x: Shape, *, affine: bool = True, track_running_stats: bool = True) -> Step:
    """Batch normalisation: one mean, variance, scale and shift per channel.

        params = 2·M (scale and shift), 2·M more are kept but not trained
        MACs = 0

    Source: Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithm 1.
    """
    tally = Tally(batch_norm=x.elements)
    if affine:
        tally += Tally(batch_norm_affine=x.elements, norm_weight=x.channels, norm_bias=x.channels)
    if track_running_stats:
        tally += Tally(running=2 * x.channels)
    return Step("BatchNorm", x, tally)


NORMS: Mapping[str, Callable[[Shape], Step]] = {"batch": batch_norm}
"""The normalisations a convolution can be followed by, as its `norm` names them."""


def norm(x: Shape, name: str) -> Step:
    """Apply a named normalisation with its defaults."""
    return NORMS[name](x)
