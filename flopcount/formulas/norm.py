"""Normalization.  In the equations M is the channels."""

from collections.abc import Callable, Mapping
from functools import partial

from flopcount.formulas.kept import INPUT, SCALE
from flopcount.formulas.numbers import Dim, exact_div, product
from flopcount.formulas.shape import Shape, either, shares
from flopcount.formulas.step import Step, Tally


def _normalized(
    kind: str, name: str, x: Shape, *, affine: bool, gamma: bool = True, beta: bool = True, running: bool = False
) -> Step:
    """Tally the elements, a scale and a shift per channel if used, and untrained statistics."""
    tally = Tally(**{name: x.elements})
    if affine and (gamma or beta):
        tally += Tally(**{f"{name}_affine": x.elements})
        wanted = {"norm_weight": gamma, "norm_bias": beta}
        tally += Tally(**{each: x.channels for each, is_wanted in wanted.items() if is_wanted})
    if running:
        tally += Tally(running=2 * x.channels)
    return Step(kind, x, tally)


def batch_norm(
    x: Shape, *, affine: bool = True, track_running_stats: bool = True, gamma: bool = True, beta: bool = True
) -> Step:
    """Batch normalization: one mean, variance, scale and shift per channel.

        params = 2·M (scale and shift; M if one of them is omitted), 2·M more are kept but not trained
        MACs = 0

    Source: Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithm 1.
    """
    tracks = track_running_stats
    return _normalized("BatchNorm", "batch_norm", x, affine=affine, gamma=gamma, beta=beta, running=tracks)


def layer_norm(x: Shape, *, elementwise_affine: bool = True, bias: bool = True, gamma: bool = True) -> Step:
    """Layer normalization over the channels at each position, with a scale and a shift per channel.

        params = 2·M  (M without bias or without gamma, 0 without elementwise_affine)
        MACs = 0

    Source: Ba et al., Layer Normalization, arXiv:1607.06450, eq. 4.
    """
    step = _normalized("LayerNorm", "layer_norm", x, affine=elementwise_affine, gamma=gamma, beta=bias)
    return step._replace(tally=step.tally + Tally(layer_norm_row=x.positions))


def group_norm(x: Shape, *, num_groups: Dim, affine: bool = True, gamma: bool = True, beta: bool = True) -> Step:
    """Group normalization over space and a group of the channels, with a scale and a shift per channel.

        params = 2·M  (M without gamma or without beta, 0 without affine)
        MACs = 0

    As the `norm` of a convolution it has 32 groups.

    Source: Wu and He, Group Normalization, ECCV 2018, eq. 7.
    """
    step = _normalized("GroupNorm", "group_norm", x, affine=affine, gamma=gamma, beta=beta)
    groups = 2 * num_groups * product(x.leading)
    constraints = (shares("num_groups", num_groups, x.channels),)
    return step._replace(constraints=constraints, keeps=(INPUT, SCALE, groups))


def instance_norm(x: Shape, *, affine: bool = False, track_running_stats: bool = False) -> Step:
    """Instance normalization over space, channel by channel.

        params = 0  (2·M with affine), 2·M more are kept but not trained with track_running_stats
        MACs = 0

    Source: Ulyanov et al., Instance Normalization, arXiv:1607.08022, eq. 4.
    """
    step = _normalized("InstanceNorm", "instance_norm", x, affine=affine, running=track_running_stats)
    copies = product(x.leading) * x.channels * (2 + affine + 2 * track_running_stats)
    return step._replace(keeps=(INPUT, copies))


def rms_norm(x: Shape, *, elementwise_affine: bool = True) -> Step:
    """Division by the root mean square of the channels at each position, with a scale per channel.

        params = M  (0 without elementwise_affine)
        MACs = 0

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019, eq. 4.
    """
    step = _normalized("RMSNorm", "rms_norm", x, affine=elementwise_affine, beta=False)
    return step._replace(keeps=(INPUT, SCALE, x.positions, *((x.elements,) if elementwise_affine else ())))


def local_response_norm(x: Shape, *, size: Dim) -> Step:
    """Local response normalization: division by a sum of squares over `size` neighboring channels.

    Source: Krizhevsky et al., ImageNet classification with deep CNNs, NIPS 2012, section 3.3.
    """
    tally = Tally(local_response_norm=x.elements, local_response_norm_window=x.elements * size)
    padded = x.resized(x.channels + size - 1).elements
    return Step("LocalResponseNorm", x, tally, keeps=(INPUT, padded + 2 * x.elements))


def data_norm(x: Shape, *, track_stats: bool = True, per_channel: bool = True) -> Step:
    """Normalize with the mean and variance of a data set, computed once before training.

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
"""The normalizations after a convolution, as its `norm` names them."""


ACTIVATIONS: Mapping[str, str] = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "sigmoid": "Sigmoid",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
}
"""The named functions (PyTorch's functional spelling), each with the label it has in tables."""


def activation(x: Shape, *, function: str) -> Step:
    """Apply a named function to every element.

    Source: the names are those of torch.nn.functional.
    """
    return Step(ACTIVATIONS[function], x, Tally(**{function: x.elements}))


def softmax(x: Shape) -> Step:
    """Softmax over the channels.

    Source: Bridle, Probabilistic interpretation of feedforward outputs, 1990.
    """
    return Step("Softmax", x, Tally(softmax=x.elements, softmax_row=exact_div(x.elements, x.channels)))


def layer_scale(x: Shape) -> Step:
    """Scaling by one learned number per channel.

        params = M
        MACs = 0; one multiplication per element, tallied as `mul`

    Source: Touvron et al., Going deeper with image transformers, ICCV 2021, eq. 4.
    """
    return Step("LayerScale", x, Tally(mul=x.elements, scale=x.channels))


def affine(x: Shape) -> Step:
    """Scaling and shifting by one learned number each per channel.

        params = 2·M
        MACs = 0; one multiplication and one addition per element

    Source: Touvron et al., ResMLP, arXiv:2105.03404, eq. 1.
    """
    return Step("Affine", x, Tally(mul=x.elements, add=x.elements, scale=x.channels, shift=x.channels))


def prelu(x: Shape, *, num_parameters: Dim = 1) -> Step:
    """ReLU with a learned slope below zero, one for all channels or one for each.

        params = num_parameters
        MACs = 0

    Source: He et al., Delving deep into rectifiers, ICCV 2015, eq. 1.
    """
    fits = either(num_parameters, 1, x.channels, "num_parameters = {} is neither 1 nor the number of channels, {}")
    return Step("PReLU", x, Tally(prelu=x.elements, slope=num_parameters), constraints=(fits,))


def stochastic_depth(x: Shape, *, p: float = 0.0) -> Step:  # noqa: ARG001  (p changes training, never the cost)
    """Stochastic depth: a whole branch is dropped during training; no effect at inference.

    Source: Huang et al., Deep networks with stochastic depth, ECCV 2016, eq. 2.
    """
    return Step("StochasticDepth", x, Tally())
