"""Normalisation.  In the equations M is the channels."""

from collections.abc import Callable, Mapping
from functools import partial

from flopcount.formulas.dims import Dim
from flopcount.formulas.needs import divides
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally

_GROUPS = "num_groups = {} does not divide the {} channels; choose a divisor of them"


def _affine(name: str, x: Shape, *, gamma: bool = True, beta: bool = True) -> Tally:
    """Tally a scale and a shift per channel, each if wanted."""
    if not gamma and not beta:
        return Tally()
    counts: dict[str, Dim] = {f"{name}_affine": x.elements}
    if gamma:
        counts["norm_weight"] = x.channels
    if beta:
        counts["norm_bias"] = x.channels
    return Tally(**counts)


def batch_norm(
    x: Shape, *, affine: bool = True, track_running_stats: bool = True, gamma: bool = True, beta: bool = True
) -> Step:
    """Batch normalisation: one mean, variance, scale and shift per channel.

        params = 2·M (scale and shift; M where one of them is left out), 2·M more are kept but not trained
        MACs = 0

    Source: Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithm 1.
    """
    tally = Tally(batch_norm=x.elements)
    if affine:
        tally += _affine("batch_norm", x, gamma=gamma, beta=beta)
    if track_running_stats:
        tally += Tally(running=2 * x.channels)
    return Step("BatchNorm", x, tally)


def layer_norm(x: Shape, *, elementwise_affine: bool = True, bias: bool = True, gamma: bool = True) -> Step:
    """Layer normalisation over the channels at each position, with a scale and a shift per channel.

        params = 2·M  (M without bias or without gamma, 0 without elementwise_affine)
        MACs = 0

    Source: Ba et al., Layer Normalization, arXiv:1607.06450, eq. 4.
    """
    tally = Tally(layer_norm=x.elements, layer_norm_row=x.positions)
    if elementwise_affine:
        tally += _affine("layer_norm", x, gamma=gamma, beta=bias)
    return Step("LayerNorm", x, tally)


def group_norm(x: Shape, *, num_groups: Dim, affine: bool = True, gamma: bool = True, beta: bool = True) -> Step:
    """Group normalisation over space and a group of the channels, with a scale and a shift per channel.

        params = 2·M  (M without gamma or without beta, 0 without affine)
        MACs = 0

    As the `norm` of a convolution it has 32 groups.

    Source: Wu and He, Group Normalization, ECCV 2018, eq. 7.
    """
    tally = Tally(group_norm=x.elements)
    if affine:
        tally += _affine("group_norm", x, gamma=gamma, beta=beta)
    return Step("GroupNorm", x, tally, needs=(divides(num_groups, x.channels, _GROUPS),))


def instance_norm(x: Shape, *, affine: bool = False, track_running_stats: bool = False) -> Step:
    """Instance normalisation over space, channel by channel.

        params = 0  (2·M with affine), 2·M more are kept but not trained with track_running_stats
        MACs = 0

    Source: Ulyanov et al., Instance Normalization, arXiv:1607.08022, eq. 4.
    """
    tally = Tally(instance_norm=x.elements)
    if affine:
        tally += _affine("instance_norm", x)
    if track_running_stats:
        tally += Tally(running=2 * x.channels)
    return Step("InstanceNorm", x, tally)


def rms_norm(x: Shape, *, elementwise_affine: bool = True) -> Step:
    """Division by the root mean square of the channels at each position, with a scale per channel.

        params = M  (0 without elementwise_affine)
        MACs = 0

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019, eq. 4.
    """
    tally = Tally(rms_norm=x.elements)
    if elementwise_affine:
        tally += _affine("rms_norm", x, beta=False)
    return Step("RMSNorm", x, tally)


def local_response_norm(x: Shape, *, size: Dim) -> Step:
    """Local response normalisation: division by a sum of squares over `size` neighbouring channels.

        params = 0
        MACs = 0

    Source: Krizhevsky et al., ImageNet classification with deep CNNs, NIPS 2012, section 3.3.
    """
    tally = Tally(local_response_norm=x.elements, local_response_norm_window=x.elements * size)
    return Step("LocalResponseNorm", x, tally)


def data_norm(x: Shape, *, track_stats: bool = True, per_channel: bool = True) -> Step:
    """Normalisation with the mean and variance of a data set, which are found once, before the training.

        params = 0; 2·M + 1 are kept but not trained: means, variances and a number of samples (3 if not per_channel)
        MACs = 0; one addition and one multiplication per element

    Source: keras.layers.Normalization.
    """
    tally = Tally(add=x.elements, mul=x.elements)
    if track_stats:
        tally += Tally(running=2 * x.channels + 1 if per_channel else 3)
    return Step("DataNorm", x, tally)


NORMS: Mapping[str, Callable[[Shape], Step]] = {
    "batch": batch_norm,
    "layer": layer_norm,
    "group": partial(group_norm, num_groups=32),
    "instance": instance_norm,
    "rms": rms_norm,
}
"""The normalisations a convolution can be followed by, as its `norm` names them."""


def norm(x: Shape, name: str) -> Step:
    """Apply a named normalisation with its defaults."""
    return NORMS[name](x)
