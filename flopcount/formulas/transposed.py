"""Convolutions that leave a larger map.

What the letters in the equations mean is said in `sliding`.
"""

from functools import partial

from flopcount.formulas.dims import Axes, Dim, maximum, product, split
from flopcount.formulas.needs import Need, positive
from flopcount.formulas.resample import pixel_shuffle
from flopcount.formulas.shape import Padding, Shape, Slide, Window, pads, per_axis
from flopcount.formulas.sliding import axes, filters, followed, shared
from flopcount.formulas.step import Step, chain
from flopcount.formulas.tally import Tally

_EXTRA = "output_padding = {} is no less than both stride = {} and dilation = {}; it can only be smaller than one"
_GONE = "the map vanishes: padding takes away all that an axis of size {} grows to; pad less"


def conv_transpose(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    stride: Axes = 1,
    padding: Padding = 0,
    output_padding: Axes = 0,
    dilation: Axes = 1,
    groups: Dim = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Transposed convolution: every input position spreads a kernel over the output.

        params = M·(N/groups)·k²  (+ N with bias)
        MACs = M·(N/groups)·k² · input positions;  biases are added at output positions

    out = (in − 1)·stride − padding + dilation·(k − 1) + output_padding + 1, where
    `padding` is that of both sides together; with "same", in·stride + output_padding.

    What is multiplied is counted: each input position meets each weight once. Other
    tools report stride² times as much: they slide over a map with zeros put between
    the inputs, and count those too, or take weights times output positions.

    Source: Dumoulin and Visin, A guide to convolution arithmetic, arXiv:1603.07285, relationship 14.
    """
    count = axes(x)
    window = Window(kernel_size, stride, padding, dilation)
    kernel = window.kernel(count)
    spatial, needs = _spread(x.spatial, window, per_axis(output_padding, count, "output_padding"))
    y = x.resized(out_channels, spatial)
    weights = x.channels * split(out_channels, groups) * product(kernel)
    biases: Dim = out_channels if bias else 0
    macs, adds = weights * x.positions, biases * y.positions
    tally = Tally(
        conv_mac=macs,
        conv_transpose_mac=macs,
        conv_transpose_out_mac=weights * y.positions,
        conv_bias_add=adds,
        weight=weights,
        bias=biases,
    )
    needs = (*shared(groups, x.channels, out_channels), *needs)
    slide = Slide(window, spatial, x.spatial)
    return followed(Step("ConvTranspose", y, tally, needs=needs, kernel=kernel, slide=slide), norm, activation)


def _spread(
    spatial: tuple[Dim, ...], window: Window, extra: tuple[Dim, ...]
) -> tuple[tuple[Dim, ...], tuple[Need, ...]]:
    """Return the map a window spreads to, and what must hold for it to exist."""
    count = len(spatial)
    stride = per_axis(window.stride, count, "stride")
    dilation = per_axis(window.dilation, count, "dilation")
    moves = zip(spatial, window.kernel(count), stride, dilation, strict=True)
    if isinstance(window.padding, str) and window.padding == "same":
        grown = tuple(size * step for size, _, step, _ in moves)
    else:
        border = pads(0 if isinstance(window.padding, str) else window.padding, count)
        full = ((size - 1) * step + gap * (kernel - 1) + 1 for size, kernel, step, gap in moves)
        grown = tuple(size - before - after for size, (before, after) in zip(full, border, strict=True))
    sizes = tuple(size + more for size, more in zip(grown, extra, strict=True))
    small = [positive(maximum(s, d) - e, _EXTRA, e, s, d) for e, s, d in zip(extra, stride, dilation, strict=True)]
    left = [positive(size, _GONE, before) for size, before in zip(sizes, spatial, strict=True)]
    return sizes, (*small, *left)


def sub_pixel_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    upscale_factor: Dim,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Sub-pixel convolution: a convolution to r² channels for each output channel, dealt out over space.

        params = N·r²·M·k²  (+ N·r² with bias)
        MACs = N·r²·M·k² · positions before the shuffle

    r is `upscale_factor`; on a map of n axes it is rⁿ channels.

    Source: Shi et al., Real-time single image and video super-resolution, CVPR 2016, eq. 3–4.
    """
    many = out_channels * product((upscale_factor,) * len(x.spatial))
    window = Window(kernel_size, stride, padding, dilation)
    stages = (
        ("conv", partial(filters, window=window, channels=many, bias=bias)),
        ("shuffle", partial(pixel_shuffle, upscale_factor=upscale_factor)),
    )
    return followed(chain("SubPixelConv", x, *stages), norm, activation)
