"""Convolutions taken apart into smaller ones in a row: along space, or through fewer channels.

They factor one convolution, so its bias, normalisation and activation stand
behind the last part. What the letters in the equations mean is said in `sliding`.
"""

from functools import partial

from flopcount.formulas.dims import Axes, Dim
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import POINT, axis_by_axis, channelwise, filters, followed
from flopcount.formulas.step import Stage, Step, chain


def spatially_sep_conv(
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
    """Spatially separable convolution: k×1, then 1×k, over all channels; one pass for each axis.

        params = k·M·mid + k·mid·N  (+ N with bias)
        MACs = k·M·mid · positions after the first pass + k·mid·N · positions

    Each pass strides and pads along its own axis only, so without padding the
    first runs on (H − k + 1)·W positions. `mid_channels` is N where not given.

    Source: Jaderberg et al., Speeding up CNNs with low rank expansions, BMVC 2014, scheme 2.
    """
    between = out_channels if mid_channels is None else mid_channels
    *first, last = axis_by_axis(x, Window(kernel_size, stride, padding, dilation))
    stages: list[Stage] = [
        (f"axis{number}", partial(filters, window=window, channels=between)) for number, window in enumerate(first, 1)
    ]
    stages.append((f"axis{len(first) + 1}", partial(filters, window=last, channels=out_channels, bias=bias)))
    return followed(chain("SpatiallySepConv", x, *stages), norm, activation)


def _per_channel(windows: tuple[Window, ...], *, bias: bool) -> list[Stage]:
    """Make one depthwise pass for each axis; the biases are the last one's."""
    biased = (*[False] * (len(windows) - 1), bias)
    return [
        (f"axis{number}", partial(channelwise, window=window, bias=has))
        for number, (window, has) in enumerate(zip(windows, biased, strict=True), 1)
    ]


def spatially_sep_depthwise_conv(
    x: Shape,
    *,
    kernel_size: Axes,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Spatially separable depthwise convolution: k×1, then 1×k, in each channel by itself.

        params = 2k·M  (+ M with bias)
        MACs = k·M · positions after the first pass + k·M · positions

    Source: Chen et al., XSepConv: Extremely separated convolution, arXiv:2002.12046, section 3.
    """
    windows = axis_by_axis(x, Window(kernel_size, stride, padding, dilation))
    step = chain("SpatiallySepDepthwiseConv", x, *_per_channel(windows, bias=bias))
    return followed(step, norm, activation)


def flattened_conv(
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
    """Flattened convolution: each filter is three lines, across the channels, down and along the map.

        params = N·(M + 2k)  (+ N with bias)
        MACs = N·(M + 2k) · positions where each pass keeps the map

    Source: Jin et al., Flattened convolutional neural networks, ICLR 2015 workshop, section 3.2.
    """
    windows = axis_by_axis(x, Window(kernel_size, stride, padding, dilation))
    lateral = ("lateral", partial(filters, window=POINT, channels=out_channels))
    return followed(chain("FlattenedConv", x, lateral, *_per_channel(windows, bias=bias)), norm, activation)


def low_rank_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    rank: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Low-rank convolution: `rank` = r filters, then a 1×1 convolution that combines them.

        params = k²·M·r + r·N  (+ N with bias)
        MACs = (k²·M·r + r·N) · positions

    Source: Zhang et al., Accelerating very deep CNNs, TPAMI 2016, section 3.1.
    """
    window = Window(kernel_size, stride, padding, dilation)
    basis = ("basis", partial(filters, window=window, channels=rank))
    combination = ("combination", partial(filters, window=POINT, channels=out_channels, bias=bias))
    return followed(chain("LowRankConv", x, basis, combination), norm, activation)


def tucker_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    rank_in: Dim,
    rank_out: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Tucker-2 convolution: 1×1 to r₁ channels, k×k to r₂, 1×1 to the output channels.

        params = M·r₁ + k²·r₁·r₂ + r₂·N  (+ N with bias)
        MACs = M·r₁ · input positions + (k²·r₁·r₂ + r₂·N) · positions

    r₁ is `rank_in`, r₂ is `rank_out`.

    Source: Kim et al., Compression of deep CNNs for mobile applications, ICLR 2016, eq. 3–5.
    """
    window = Window(kernel_size, stride, padding, dilation)
    squeeze = ("squeeze", partial(filters, window=POINT, channels=rank_in))
    core = ("core", partial(filters, window=window, channels=rank_out))
    expand = ("expand", partial(filters, window=POINT, channels=out_channels, bias=bias))
    return followed(chain("TuckerConv", x, squeeze, core, expand), norm, activation)


def cp_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    rank: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """CP convolution: 1×1 to r channels, k×1 and 1×k in each of them, 1×1 to the output channels.

        params = r·(M + 2k + N)  (+ N with bias)
        MACs = r·(M + 2k + N) · positions where each pass keeps the map

    r is `rank`.

    Source: Lebedev et al., Speeding-up CNNs using fine-tuned CP-decomposition, ICLR 2015, eq. 6–8.
    """
    windows = axis_by_axis(x, Window(kernel_size, stride, padding, dilation))
    squeeze = ("squeeze", partial(filters, window=POINT, channels=rank))
    expand = ("expand", partial(filters, window=POINT, channels=out_channels, bias=bias))
    return followed(chain("CPConv", x, squeeze, *_per_channel(windows, bias=False), expand), norm, activation)
