"""Learned scales and shifts, and what only training does.  In the equations M is the channels."""

from flopcount.formulas.dims import Dim
from flopcount.formulas.needs import Need
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally

_SLOPES = "num_parameters = {} is neither 1 nor the number of channels, {}"


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
    value = (num_parameters - 1) * (num_parameters - x.channels)
    fits = Need(value, "zero", _SLOPES, (num_parameters, x.channels))
    return Step("PReLU", x, Tally(prelu=x.elements, slope=num_parameters), needs=(fits,))


def stochastic_depth(x: Shape, *, p: float = 0.0) -> Step:  # noqa: ARG001  (p changes training, never the cost)
    """Drop of a whole branch while training; at inference nothing happens.

        params = 0
        MACs = 0

    Source: Huang et al., Deep networks with stochastic depth, ECCV 2016, eq. 2.
    """
    return Step("StochasticDepth", x, Tally())
