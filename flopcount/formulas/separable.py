"""Convolutions that look at space and at the channels in separate parts.

What the letters in the equations mean is said in `sliding`.
"""

from functools import partial

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Axes, Dim, at_least, minimum, product, scaled_up
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import POINT, along, channelwise, filters, followed
from flopcount.formulas.step import Stage, Step, chain


def group_pointwise_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    groups: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    group_bias: bool = False,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Group convolution that keeps the channels, then a 1×1 convolution.

        params = k²·M²/groups + M·N  (+ N with bias, + M with group_bias)
        MACs = (k²·M²/groups + M·N) · positions

    With a group for each channel it is DepthSepConv. The stride is the first
    part's; norm and activation follow each part.

    Source: Singh et al., HetConv, CVPR 2019, section 3.2 (GWC + PWC).
    """
    window = Window(kernel_size, stride, padding, dilation)
    group = filters(x, window, channels=x.channels, groups=groups, bias=group_bias)
    stages: list[Stage] = [
        ("group", lambda _: followed(group, norm, activation)),
        ("pointwise", lambda y: followed(filters(y, POINT, channels=out_channels, bias=bias), norm, activation)),
    ]
    return chain("GroupPointwiseConv", x, *stages)


def bs_conv_u(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Blueprint-separable convolution, unconstrained: 1×1, then depthwise.

        params = M·N + k²·N  (+ N with bias)
        MACs = M·N · input positions + k²·N · positions

    Source: Haase and Amthor, Rethinking depthwise separable convolutions, CVPR 2020, section 3.2.
    """
    pointwise = ("pointwise", partial(filters, window=POINT, channels=out_channels))
    step = chain("BSConvU", x, pointwise, _depthwise(Window(kernel_size, stride, padding, dilation), bias=bias))
    return followed(step, norm, activation)


def bs_conv_s(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    p: float = 0.25,
    min_mid_channels: Dim = 4,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Blueprint-separable convolution in a subspace: 1×1 to M' channels, 1×1 to N, then depthwise.

        params = M·M' + M'·N + k²·N  (+ N with bias),  M' = min(M, max(⌈p·M⌉, min_mid_channels))
        MACs = (M·M' + M'·N) · input positions + k²·N · positions

    Source: Haase and Amthor, Rethinking depthwise separable convolutions, CVPR 2020, section 3.3.
    """
    between = minimum(x.channels, at_least(scaled_up(x.channels, p), min_mid_channels))
    subspace = ("subspace", partial(filters, window=POINT, channels=between))
    pointwise = ("pointwise", partial(filters, window=POINT, channels=out_channels))
    window = Window(kernel_size, stride, padding, dilation)
    return followed(chain("BSConvS", x, subspace, pointwise, _depthwise(window, bias=bias)), norm, activation)


def _depthwise(window: Window, *, bias: bool) -> Stage:
    return "depthwise", partial(channelwise, window=window, bias=bias)


def conv_2plus1d(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    mid_channels: Dim | None = None,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """(2+1)D convolution: over space, then over time, which is the first axis behind the channels.

        params = k²·M·mid + kt·mid·N  (+ mid + N with bias)
        MACs = k²·M·mid · positions before time is strided + kt·mid·N · positions

    `mid_channels` is ⌊kt·k²·M·N / (k²·M + kt·N)⌋ where not given: as many
    weights as a full convolution. Norm and activation follow each part.

    Source: Tran et al., A closer look at spatiotemporal convolutions, CVPR 2018, section 3.5.
    """
    count = len(x.spatial)
    if count < 2:  # noqa: PLR2004  (time, and at least one axis of space)
        raise ShapeError(f"a (2+1)D convolution needs an axis of time and axes of space, and there are {count} here")
    window = Window(kernel_size, stride, padding, dilation)
    over_space, over_time = along(window, count, *range(1, count)), along(window, count, 0)
    if mid_channels is None:
        mid_channels = _as_many_weights(x.channels, out_channels, window.kernel(count))
    space = filters(x, over_space, channels=mid_channels, bias=bias)
    stages: list[Stage] = [
        ("space", lambda _: followed(space, norm, activation)),
        ("time", lambda y: followed(filters(y, over_time, channels=out_channels, bias=bias), norm, activation)),
    ]
    return chain("Conv2Plus1D", x, *stages)


def _as_many_weights(channels: Dim, out_channels: Dim, kernel: tuple[Dim, ...]) -> Dim:
    """Return the channels between the parts at which both together have the weights of the whole, or just fewer."""
    time, space = kernel[0], product(kernel[1:])
    return time * space * channels * out_channels // (space * channels + time * out_channels)
