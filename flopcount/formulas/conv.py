"""Standard convolutions, those in groups, and the arrangements that stand in for them.

What the letters in the equations mean is said in `sliding`.
"""

from functools import partial

from flopcount.formulas.dims import Axes, Dim, product, split
from flopcount.formulas.needs import divides
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import channelwise, filters, followed, slid
from flopcount.formulas.step import Step, chain, renamed

_HET_P = "p = {} does not divide the {} input channels; choose a divisor of them"


def conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    groups: Dim = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Convolution: every filter reads all input channels of its group.

        params = N·(M/groups)·k²  (+ N with bias)
        MACs = N·(M/groups)·k² · positions

    Source: Howard et al., MobileNets, arXiv:1704.04861, eq. 2; groups as in Krizhevsky et al., NIPS 2012.
    """
    window = Window(kernel_size, stride, padding, dilation)
    return followed(filters(x, window, channels=out_channels, groups=groups, bias=bias), norm, activation)


def group_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    groups: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Group convolution: filters and channels in `groups` equal shares that do not mix.

        params = N·(M/groups)·k²  (+ N with bias)
        MACs = N·(M/groups)·k² · positions

    Source: Krizhevsky et al., ImageNet classification with deep CNNs, NIPS 2012, section 3.5.
    """
    step = conv(
        x,
        out_channels=out_channels,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        norm=norm,
        activation=activation,
    )
    return renamed("GroupConv", step)


def depthwise_conv(
    x: Shape,
    *,
    kernel_size: Axes,
    depth_multiplier: Dim = 1,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Depthwise convolution: `depth_multiplier` = m filters of its own for each channel.

        params = M·m·k²  (+ M·m with bias)
        MACs = M·m·k² · positions

    Source: Howard et al., MobileNets, arXiv:1704.04861, eq. 4.
    """
    window = Window(kernel_size, stride, padding, dilation)
    return followed(channelwise(x, window, multiplier=depth_multiplier, bias=bias), norm, activation)


def depth_sep_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    depth_multiplier: Dim = 1,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    depthwise_bias: bool = False,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Depthwise-separable convolution: a depthwise convolution, then a 1×1 convolution.

        params = M·m·k² + M·m·N  (+ N with bias, + M·m with depthwise_bias)
        MACs = (M·m·k² + M·m·N) · positions

    The stride is the depthwise part's; norm and activation follow each part.

    Source: Howard et al., MobileNets, arXiv:1704.04861, eq. 5.
    """
    depthwise = partial(
        depthwise_conv,
        kernel_size=kernel_size,
        depth_multiplier=depth_multiplier,
        stride=stride,
        padding=padding,
        dilation=dilation,
        bias=depthwise_bias,
        norm=norm,
        activation=activation,
    )
    pointwise = partial(
        conv,
        out_channels=out_channels,
        kernel_size=1,
        padding="valid-round",  # leaves the map as it is: whether it survives, the depthwise part has answered
        bias=bias,
        norm=norm,
        activation=activation,
    )
    return chain("DepthSepConv", x, ("depthwise", depthwise), ("pointwise", pointwise))


def het_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    p: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    kernel_bias: bool = False,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Heterogeneous convolution: 1/p of each filter's kernels are k×k, the others 1×1.

        params = N·(k²·M/p + M − M/p)  (+ N with bias, + N·M with kernel_bias)
        MACs = N·(k²·M/p + M − M/p) · positions

    `bias` is one per filter; `kernel_bias` is one per kernel, as in an
    implementation that makes each kernel a convolution of its own.

    Source: Singh et al., HetConv, CVPR 2019, eq. 3–8.
    """
    window = Window(kernel_size, stride, padding, dilation)
    large = split(x.channels, p)
    weights = out_channels * (large * product(window.kernel(len(x.spatial))) + (x.channels - large))
    biases = (out_channels if bias else 0) + (out_channels * x.channels if kernel_bias else 0)
    fits = divides(p, x.channels, _HET_P)
    step = slid("HetConv", x, window, fits, channels=out_channels, weights=weights, biases=biases)
    return followed(step, norm, activation)
