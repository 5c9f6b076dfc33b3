"""Layers that weigh the channels or positions of what they read by a gate computed from it.

In the equations C is the channels and s those between the two 1×1 convolutions.
"""

from functools import partial

from flopcount.formulas.activation import activation as activated
from flopcount.formulas.conv import conv
from flopcount.formulas.dims import Dim, split
from flopcount.formulas.joins import add, mul
from flopcount.formulas.needs import divides
from flopcount.formulas.pool import global_avg_pool, global_max_pool
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Part, Step, chain, composed
from flopcount.formulas.tally import Tally

_sigmoid = partial(activated, function="sigmoid")


def squeeze_excitation(
    x: Shape,
    *,
    squeeze_channels: Dim,
    bias: bool = True,
    norm: str | None = None,
    activation: str = "relu",
    gate: str = "sigmoid",
) -> Step:
    """Squeeze-and-excitation: global mean, 1×1 convolution to s channels and one back, a gate per channel.

        params = 2·C·s  (+ s + C with bias)
        MACs = 2·C·s

    The multiplication of the map by the gates is tallied apart, as `mul`.

    Source: Hu et al., Squeeze-and-excitation networks, CVPR 2018, eq. 2–4.
    """
    narrow = partial(conv, out_channels=squeeze_channels, kernel_size=1, bias=bias, norm=norm, activation=activation)
    wide = partial(conv, out_channels=x.channels, kernel_size=1, bias=bias)
    return chain(
        "SqueezeExcitation",
        x,
        ("pool", global_avg_pool),
        ("reduce", narrow),
        ("expand", wide),
        ("gate", partial(activated, function=gate)),
        ("mul", partial(mul, x)),
    )


def eca(x: Shape, *, kernel_size: Dim = 3) -> Step:
    """Efficient channel attention: a one-dimensional convolution over the means of the channels.

        params = k
        MACs = C·k

    The kernel slides over the channels, padded so that each has a gate.

    Source: Wang et al., ECA-Net, CVPR 2020, eq. 8.
    """
    line = Shape((*x.leading, 1, x.channels), x.channel_axis)
    slide = partial(conv, out_channels=1, kernel_size=kernel_size, padding="same", bias=False)
    return chain(
        "ECA",
        x,
        ("pool", global_avg_pool),
        ("conv", lambda _: slide(line)),
        ("gate", _sigmoid),
        ("mul", lambda _: mul(x, x.resized(spatial=()))),
    )


def cbam(x: Shape, *, reduction: Dim = 16, kernel_size: Dim = 7, bias: bool = False) -> Step:
    """Convolutional block attention: a gate per channel, then one per position.

        params = 2·C²/reduction + 2·k²  (+ C/reduction + C with bias)
        MACs = 2·(2·C²/reduction) + 2·k² · positions

    The two 1×1 convolutions are one pair, applied to the means and to the maxima.

    Source: Woo et al., CBAM, ECCV 2018, eq. 2–3.
    """
    text = "reduction = {} does not divide the {} channels; choose a divisor of them"
    parts = (*_channel_gate(x, reduction, bias=bias), *_space_gate(x, kernel_size))
    step = composed("CBAM", x, *parts)
    return step._replace(needs=(*step.needs, divides(reduction, x.channels, text)))


def _channel_gate(x: Shape, reduction: Dim, *, bias: bool) -> tuple[Part, ...]:
    """See the mean and the maximum of each channel: two positions for the 1×1 convolutions."""
    narrow = partial(conv, out_channels=split(x.channels, reduction), kernel_size=1, bias=bias, activation="relu")
    wide = partial(conv, out_channels=x.channels, kernel_size=1, bias=bias)
    both = chain("Linear", x.resized(spatial=(2,)), ("reduce", narrow), ("expand", wide))
    single = x.resized(spatial=())
    return (
        Part("avg_pool", global_avg_pool(x)),
        Part("max_pool", global_max_pool(x)),
        *both.parts,
        Part("add", add(single, single)),
        Part("gate", _sigmoid(single)),
        Part("mul", mul(x, single)),
    )


def _space_gate(x: Shape, kernel_size: Dim) -> tuple[Part, ...]:
    """See the mean and the maximum over the channels of each position: two channels for the convolution."""
    both, one = x.resized(channels=2), x.resized(channels=1)
    pooled = Step("ChannelPool", both, Tally(channel_pool_in=2 * x.elements, channel_pool_out=both.elements))
    slid = conv(both, out_channels=1, kernel_size=kernel_size, padding="same", bias=False)
    return (
        Part("channel_pool", pooled),
        Part("space_conv", slid),
        Part("space_gate", _sigmoid(one)),
        Part("space_mul", mul(x, one)),
    )
