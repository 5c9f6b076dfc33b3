"""Convolutions that treat shares of the channels differently.

What the letters in the equations mean is said in `sliding`.
"""

from flopcount.formulas.dims import Axes, Dim, ceil_div, product, split
from flopcount.formulas.needs import divides, equal, positive
from flopcount.formulas.pool import avg_pool
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import channelwise, filters, followed, shared, slid
from flopcount.formulas.step import Part, Step, composed
from flopcount.formulas.tally import Tally

_KEEPS = "a partial convolution keeps the map, and an axis of {} becomes {}; pad so that it stays"
_N_DIV = "n_div = {} leaves none of the {} channels to convolve; choose a smaller one"
_PASSES = "a share passes as it is, and an axis of {} becomes {} beside it; pad, or let it be pooled"
_SCALES = "scales = {} does not divide the {} channels; choose a divisor of them"
_TWO = "scales = {} leaves nothing to convolve; choose 2 or more"


def partial_conv(
    x: Shape,
    *,
    kernel_size: Axes,
    n_div: Dim = 4,
    padding: Padding = "same",
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Partial convolution: a convolution of the first M/n_div channels; the others pass untouched.

        params = k²·c²  (+ c with bias),  c = ⌊M/n_div⌋
        MACs = k²·c² · positions

    Norm and activation are those of the whole map.

    Source: Chen et al., Run, don't walk (FasterNet), CVPR 2023, section 3.2.
    """
    share = x.channels // n_div
    window = Window(kernel_size, 1, padding, dilation)
    step = filters(x.resized(share), window, channels=share, bias=bias)
    keeps = [equal(one, other, _KEEPS) for one, other in zip(x.spatial, step.shape.spatial, strict=True)]
    needs = (positive(share, _N_DIV, n_div, x.channels), *step.needs, *keeps)
    return followed(step._replace(kind="PartialConv", shape=x, needs=needs), norm, activation)


def ghost_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    ratio: Dim = 2,
    dw_kernel_size: Axes = 3,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Ghost module: a convolution to n = ⌈N/ratio⌉ channels, and `ratio` − 1 cheap copies of each.

        params = k²·M·n + d²·n·(ratio − 1)  (+ n·ratio with bias),  d = dw_kernel_size
        MACs = (k²·M·n + d²·n·(ratio − 1)) · positions

    The copies are made by a depthwise convolution. What goes beyond N channels is
    computed and dropped. Norm and activation follow each part.

    Source: Han et al., GhostNet, CVPR 2020, eq. 3–5, and the code published with it.
    """
    window = Window(kernel_size, stride, padding, dilation)
    primary = filters(x, window, channels=ceil_div(out_channels, ratio), bias=bias)
    cheap = channelwise(primary.shape, Window(dw_kernel_size, padding="same"), multiplier=ratio - 1, bias=bias)
    parts = (
        Part("primary", followed(primary, norm, activation)),
        Part("cheap", followed(cheap, norm, activation)),
    )
    return composed("GhostConv", primary.shape.resized(out_channels), *parts)


def res2_conv(
    x: Shape,
    *,
    kernel_size: Axes,
    scales: Dim,
    pooled: bool = False,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Res2Net stage: the channels in s shares of w, each convolved after it took in the one before.

        params = (s − 1)·k²·w²  (+ (s − 1)·w with bias),  w = M/s
        MACs = (s − 1)·k²·w² · positions

    s is `scales`. One share passes, average-pooled with the same window where `pooled`, as in
    the first block of a stage, in which the shares are not added either. Norm and
    activation follow each convolution.

    Source: Gao et al., Res2Net, TPAMI 2021, section 3.1.
    """
    width = split(x.channels, scales)
    window = Window(kernel_size, stride, padding, dilation)
    channels = (scales - 1) * width
    weights = channels * width * product(window.kernel(len(x.spatial)))
    needs = divides(scales, x.channels, _SCALES), positive(scales - 1, _TWO, scales)
    biases = channels if bias else 0
    convs = slid("Conv", x, window, *needs, channels=channels, weights=weights, biases=biases)
    y = convs.shape.resized(x.channels)
    if pooled:
        last = avg_pool(x.resized(width), kernel_size=kernel_size, stride=stride, padding=padding)
        parts = (Part("convs", followed(convs, norm, activation)), Part("pool", last))
        return composed("Res2Conv", y, *parts)
    keeps = [equal(one, other, _PASSES) for one, other in zip(x.spatial, y.spatial, strict=True)]
    added = Tally(add=convs.shape.resized(channels - width).elements)
    convs = convs._replace(tally=convs.tally + added, needs=(*convs.needs, *keeps))
    return composed("Res2Conv", y, Part("convs", followed(convs, norm, activation)))


def tied_block_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    blocks: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Tied block convolution: the channels in B blocks, and the same filters for each block.

        params = k²·M·N/B²  (+ N/B with bias),  B = blocks
        MACs = k²·M·N/B · positions

    Parameters and MACs shrink differently: each weight is used B times a position.

    Source: Wang and Yu, Tied block convolution, AAAI 2021, section 3.2.
    """
    once = x.resized(split(x.channels, blocks))
    window = Window(kernel_size, stride, padding, dilation)
    step = filters(once, window, channels=split(out_channels, blocks), bias=bias)
    counts = step.tally.counts
    used = {name: counts[name] * blocks for name in ("conv_mac", "conv_bias_add")}
    tied = Step(
        "TiedBlockConv",
        step.shape.resized(out_channels),
        Tally(**{**counts, **used}),
        needs=(*shared(blocks, x.channels, out_channels), *step.needs),
        kernel=step.kernel,
    )
    return followed(tied, norm, activation)


def shift_conv(x: Shape, *, kernel_size: Axes, stride: Axes = 1, padding: Padding = "same", dilation: Axes = 1) -> Step:
    """Shift: each channel moves by one of the k² steps a kernel reaches; a 1×1 convolution behind it mixes them.

        params = 0
        MACs = 0

    The 1×1 convolution is a layer of its own.

    Source: Wu et al., Shift: A zero FLOP, zero parameter alternative, CVPR 2018, section 3.1.
    """
    spatial, survives = Window(kernel_size, stride, padding, dilation).over(x.spatial)
    return Step("ShiftConv", x.resized(spatial=spatial), Tally(), needs=survives)
