"""Convolutions that process space and channels in separate parts; letters as in `conv`."""

from collections.abc import Mapping
from functools import partial

from flopcount.errors import ShapeError
from flopcount.formulas.conv import POINT, After, along, axis_by_axis, channelwise, filters, per_position, windowed
from flopcount.formulas.norm import NORMS
from flopcount.formulas.numbers import Axes, Dim, exact_div, maximum, minimum, product, scaled_up, total
from flopcount.formulas.shape import Shape, Slide, Window, divides, equal
from flopcount.formulas.step import Part, Stage, Step, Tally, chain, composed
from flopcount.formulas.tensor import add

_SHARES = "{} shares do not divide the {} output channels; choose a multiple of them"
_KEEPS = "identity = true adds the input to the output, but they have {} and {}"


@windowed()
def group_pointwise_conv(
    x: Shape,
    window: Window,
    after: After,
    *,
    out_channels: Dim,
    groups: Dim,
    bias: bool = True,
    group_bias: bool = False,
) -> Step:
    """Group convolution that keeps the channels, then a 1×1 convolution.

        params = k²·M²/groups + M·N  (+ N with bias, + M with group_bias)
        MACs = (k²·M²/groups + M·N) · positions

    With a group for each channel it is DepthSepConv. The stride is the first
    part's; norm and activation follow each part.

    Source: Singh et al., HetConv, CVPR 2019, section 3.2 (GWC + PWC).
    """
    group = after(filters(x, window, channels=x.channels, groups=groups, bias=group_bias))
    pointwise = after(filters(group.shape, POINT, channels=out_channels, bias=bias))
    return composed("GroupPointwiseConv", pointwise.shape, Part("group", group), Part("pointwise", pointwise))


@windowed()
def bs_conv_u(x: Shape, window: Window, *, out_channels: Dim, bias: bool = True) -> Step:
    """Blueprint-separable convolution, unconstrained: 1×1, then depthwise.

        params = M·N + k²·N  (+ N with bias)
        MACs = M·N · input positions + k²·N · positions

    Source: Haase and Amthor, Rethinking depthwise separable convolutions, CVPR 2020, section 3.2.
    """
    depthwise = ("depthwise", partial(channelwise, window=window, bias=bias))
    return chain("BSConvU", x, _point("pointwise", out_channels), depthwise)


@windowed()
def bs_conv_s(
    x: Shape, window: Window, *, out_channels: Dim, p: float = 0.25, min_mid_channels: Dim = 4, bias: bool = True
) -> Step:
    """Blueprint-separable convolution in a subspace: 1×1 to M' channels, 1×1 to N, then depthwise.

        params = M·M' + M'·N + k²·N  (+ N with bias),  M' = min(M, max(⌈p·M⌉, min_mid_channels))
        MACs = (M·M' + M'·N) · input positions + k²·N · positions

    Source: Haase and Amthor, Rethinking depthwise separable convolutions, CVPR 2020, section 3.3.
    """
    between = minimum(x.channels, maximum(scaled_up(x.channels, p), min_mid_channels))
    depthwise = ("depthwise", partial(channelwise, window=window, bias=bias))
    return chain("BSConvS", x, _point("subspace", between), _point("pointwise", out_channels), depthwise)


def _point(name: str, channels: Dim, *, bias: bool = False) -> Stage:
    """Return a 1×1 convolution as a stage."""
    return name, partial(filters, window=POINT, channels=channels, bias=bias)


@windowed()
def conv_2plus1d(
    x: Shape, window: Window, after: After, *, out_channels: Dim, mid_channels: Dim | None = None, bias: bool = True
) -> Step:
    """(2+1)D convolution: over space, then over time, which is the first axis after the channels.

        params = k²·M·mid + kt·mid·N  (+ mid + N with bias)
        MACs = k²·M·mid · positions before time is strided + kt·mid·N · positions

    `mid_channels` is ⌊kt·k²·M·N / (k²·M + kt·N)⌋ by default: as many
    weights as a full convolution. Norm and activation follow each part.

    Source: Tran et al., A closer look at spatiotemporal convolutions, CVPR 2018, section 3.5.
    """
    count = len(x.spatial)
    if count < 2:  # noqa: PLR2004  (time, and at least one axis of space)
        raise ShapeError(f"a (2+1)D convolution needs a time axis and spatial axes, got {count} axes")
    over_space, over_time = along(window, count, *range(1, count)), along(window, count, 0)
    if mid_channels is None:
        time, area = window.kernel(count)[0], product(window.kernel(count)[1:])
        mid_channels = time * area * x.channels * out_channels // (area * x.channels + time * out_channels)
    space = after(filters(x, over_space, channels=mid_channels, bias=bias))
    time_too = after(filters(space.shape, over_time, channels=out_channels, bias=bias))
    return composed("Conv2Plus1D", time_too.shape, Part("space", space), Part("time", time_too))


@windowed()
def spatially_sep_conv(
    x: Shape, window: Window, *, out_channels: Dim, mid_channels: Dim | None = None, bias: bool = True
) -> Step:
    """Spatially separable convolution: k×1, then 1×k, over all channels; one pass for each axis.

        params = k·M·mid + k·mid·N  (+ N with bias)
        MACs = k·M·mid · positions after the first pass + k·mid·N · positions

    Each pass strides and pads along its own axis only, so without padding the
    first runs on (H − k + 1)·W positions. `mid_channels` is N by default.

    Source: Jaderberg et al., Speeding up CNNs with low rank expansions, BMVC 2014, scheme 2.
    """
    between = out_channels if mid_channels is None else mid_channels
    *first, last = axis_by_axis(x, window)
    passes = [partial(filters, window=each, channels=between) for each in first]
    passes.append(partial(filters, window=last, channels=out_channels, bias=bias))
    return chain("SpatiallySepConv", x, *((f"axis{number}", each) for number, each in enumerate(passes, 1)))


def _per_channel(x: Shape, window: Window, *, bias: bool) -> list[Stage]:
    """Make one depthwise pass for each axis; the biases are the last one's."""
    *first, last = axis_by_axis(x, window)
    passes = *(partial(channelwise, window=each) for each in first), partial(channelwise, window=last, bias=bias)
    return [(f"axis{number}", each) for number, each in enumerate(passes, 1)]


@windowed()
def spatially_sep_depthwise_conv(x: Shape, window: Window, *, bias: bool = True) -> Step:
    """Spatially separable depthwise convolution: k×1, then 1×k, in each channel separately.

        params = 2k·M  (+ M with bias)
        MACs = k·M · positions after the first pass + k·M · positions

    Source: Chen et al., XSepConv: Extremely separated convolution, arXiv:2002.12046, section 3.
    """
    return chain("SpatiallySepDepthwiseConv", x, *_per_channel(x, window, bias=bias))


@windowed()
def flattened_conv(x: Shape, window: Window, *, out_channels: Dim, bias: bool = True) -> Step:
    """Flattened convolution: each filter is three lines, across the channels, down the map and along it.

        params = N·(M + 2k)  (+ N with bias)
        MACs = N·(M + 2k) · positions if each pass keeps the map

    Source: Jin et al., Flattened convolutional neural networks, ICLR 2015 workshop, section 3.2.
    """
    lines = _per_channel(x, window, bias=bias)
    return chain("FlattenedConv", x, _point("lateral", out_channels), *lines)


@windowed()
def low_rank_conv(x: Shape, window: Window, *, out_channels: Dim, rank: Dim, bias: bool = True) -> Step:
    """Low-rank convolution: `rank` = r filters, then a 1×1 convolution that combines them.

        params = k²·M·r + r·N  (+ N with bias)
        MACs = (k²·M·r + r·N) · positions

    Source: Zhang et al., Accelerating very deep CNNs, TPAMI 2016, section 3.1.
    """
    basis = ("basis", partial(filters, window=window, channels=rank))
    return chain("LowRankConv", x, basis, _point("combination", out_channels, bias=bias))


@windowed()
def tucker_conv(x: Shape, window: Window, *, out_channels: Dim, rank_in: Dim, rank_out: Dim, bias: bool = True) -> Step:
    """Tucker-2 convolution: 1×1 to r₁ channels, k×k to r₂, 1×1 to the output channels.

        params = M·r₁ + k²·r₁·r₂ + r₂·N  (+ N with bias)
        MACs = M·r₁ · input positions + (k²·r₁·r₂ + r₂·N) · positions

    r₁ is `rank_in`, r₂ is `rank_out`.

    Source: Kim et al., Compression of deep CNNs for mobile applications, ICLR 2016, eq. 3–5.
    """
    core = ("core", partial(filters, window=window, channels=rank_out))
    return chain("TuckerConv", x, _point("squeeze", rank_in), core, _point("expand", out_channels, bias=bias))


@windowed()
def cp_conv(x: Shape, window: Window, *, out_channels: Dim, rank: Dim, bias: bool = True) -> Step:
    """CP convolution: 1×1 to r channels, k×1 and 1×k in each of them, 1×1 to the output channels.

        params = r·(M + 2k + N)  (+ N with bias)
        MACs = r·(M + 2k + N) · positions if each pass keeps the map

    r is `rank`.

    Source: Lebedev et al., Speeding-up CNNs using fine-tuned CP-decomposition, ICLR 2015, eq. 6–8.
    """
    lines = _per_channel(x, window, bias=False)
    return chain("CPConv", x, _point("squeeze", rank), *lines, _point("expand", out_channels, bias=bias))


@windowed()
def dual_conv(x: Shape, window: Window, *, out_channels: Dim, groups: Dim, bias: bool = True) -> Step:
    """Dual convolution: a group convolution and a full 1×1 convolution beside it, added.

        params = k²·M·N/groups + M·N  (+ N with bias)
        MACs = (k²·M·N/groups + M·N) · positions

    The 1×1 kernels read the center of each window. In each filter, k² + 1 weights
    apply to each of M/groups channels, and one weight to each of the others.

    Source: Zhong et al., DualConv: Dual convolutional kernels for lightweight networks, arXiv:2202.07481, eq. 3.
    """
    group = filters(x, window, channels=out_channels, groups=groups)
    point = _central(x, group.shape, (1,) * len(group.kernel), bias=bias)
    added = point._replace(tally=point.tally + Tally(add=group.shape.elements))
    return composed("DualConv", group.shape, Part("group", group), Part("pointwise", added, (0,)))


def _central(x: Shape, y: Shape, kernel: tuple[Dim, ...], *, groups: Dim = 1, bias: bool) -> Step:
    """Slide a smaller kernel through the center of each window of a convolution from x to y."""
    weights = product(kernel) * exact_div(x.channels, groups) * y.channels
    step = per_position("Conv", y, kernel, weights=weights, biases=y.channels if bias else 0)
    return step._replace(slide=Slide(None, x.spatial, y.spatial, groups)) if groups != 1 else step


@windowed()
def ac_conv(x: Shape, window: Window, after: After, *, out_channels: Dim, bias: bool = True) -> Step:
    """Asymmetric convolution block during training: k×k, k×1 and 1×k beside each other, added.

        params = (k² + 2k)·M·N  (+ 3·N with bias)
        MACs = (k² + 2k)·M·N · positions

    The lines go through the center of each window. The norm follows each
    branch, the activation their sum. Deployed it is a Conv.

    Source: Ding et al., ACNet, ICCV 2019, section 3.2.
    """
    square = filters(x, window, channels=out_channels, bias=bias)
    branches = {"square": square}
    for axis, size in enumerate(square.kernel):
        line = (*[1] * axis, size, *[1] * (len(square.kernel) - axis - 1))
        branches[f"axis{axis + 1}"] = _central(x, square.shape, line, bias=bias)
    return _summed("ACConv", after, branches)


@windowed()
def rep_vgg_conv(
    x: Shape,
    window: Window,
    after: After,
    *,
    out_channels: Dim,
    groups: Dim = 1,
    identity: bool = False,
    bias: bool = True,
) -> Step:
    """RepVGG block during training: k×k, 1×1 and, with `identity`, the input itself, added.

        params = (k² + 1)·M·N/groups  (+ 2·N with bias)
        MACs = (k² + 1)·M·N/groups · positions

    The 1×1 kernels read the center of each window. The norm follows each
    branch, the identity too; the activation follows the sum. Deployed it is a Conv.

    Source: Ding et al., RepVGG, CVPR 2021, section 3.2.
    """
    square = filters(x, window, channels=out_channels, groups=groups, bias=bias)
    point = _central(x, square.shape, (1,) * len(square.kernel), groups=groups, bias=bias)
    passed = {"identity": _identity(x, square.shape, after.norm)} if identity else {}
    return _summed("RepVGGConv", after, {"square": square, "pointwise": point}, passed)


def _identity(x: Shape, y: Shape, norm: str | None) -> Step:
    """Pass the input on, through a normalization if there is one."""
    step = Step("Identity", x, Tally()) if norm is None else NORMS[norm](x)
    pairs = zip((x.channels, *x.spatial), (y.channels, *y.spatial), strict=True)
    what = ("channels", *["positions along an axis"] * len(x.spatial))
    keeps = (equal(*pair, f"{_KEEPS} {name}") for pair, name in zip(pairs, what, strict=True))
    return step._replace(constraints=(*step.constraints, *keeps))


def _summed(kind: str, after: After, branches: Mapping[str, Step], others: Mapping[str, Step] = {}) -> Step:
    """Add branches: the norm follows each but the `others`, the activation follows the sum."""
    normed = {name: After(after.norm)(step) for name, step in branches.items()}
    parts = [Part(name, step, (0,)) for name, step in {**normed, **others}.items()]
    y = parts[0].step.shape
    parts.append(Part("add", add(*[y] * len(parts)), tuple(part.name for part in parts)))
    return After(activation=after.activation)(composed(kind, y, *parts))


def mix_conv(
    x: Shape,
    *,
    kernel_sizes: tuple[Dim, ...],
    stride: Axes = 1,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Mixed depthwise convolution: the channels in equal shares, a kernel size for each share.

        params = Σ kᵢ²·Mᵢ  (+ M with bias)
        MACs = Σ kᵢ²·Mᵢ · positions

    The padding is "same". Channels left over by equal shares go to the
    first. Norm and activation follow each part, which costs the same as after all.

    Source: Tan and Le, MixConv: Mixed depthwise convolutional kernels, BMVC 2019, section 3.
    """
    share = x.channels // len(kernel_sizes)
    channels, after = x.channels - share * (len(kernel_sizes) - 1), After(norm, activation)
    parts: list[Part] = []
    for number, size in enumerate(kernel_sizes, 1):
        step = channelwise(x.resized(channels), Window(size, stride, "same", dilation), bias=bias)
        parts.append(Part(f"share{number}", after(step), (0,)))
        channels = share
    return composed("MixConv", parts[0].step.shape.resized(x.channels), *parts)


def py_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_sizes: tuple[Dim, ...],
    groups: tuple[Dim, ...],
    shares: tuple[Dim, ...] | None = None,
    stride: Axes = 1,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Pyramidal convolution: several kernel sizes side by side, each with its number of groups.

        params = Σ kᵢ²·M·Nᵢ/groupsᵢ  (+ N with bias)
        MACs = Σ kᵢ²·M·Nᵢ/groupsᵢ · positions

    The padding is "same". Level i has sharesᵢ / Σ shares of the N output channels; by default, all levels have the
    same number. Norm and activation follow each part, which costs the same as after all.

    Source: Duta et al., Pyramidal convolution, arXiv:2006.11538, eq. 1–2.
    """
    shares = (1,) * len(kernel_sizes) if shares is None else shares
    for what, given in (("groups", groups), ("shares", shares)):
        if len(given) != len(kernel_sizes):
            raise ShapeError(f"{what} has {len(given)} entries, but kernel_sizes has {len(kernel_sizes)}")
    fits, after = divides(total(shares), out_channels, _SHARES), After(norm, activation)
    parts: list[Part] = []
    for number, (size, count, share) in enumerate(zip(kernel_sizes, groups, shares, strict=True), 1):
        channels = out_channels * share // total(shares)
        step = filters(x, Window(size, stride, "same", dilation), channels=channels, groups=count, bias=bias)
        parts.append(Part(f"level{number}", after(step), (0,)))
    whole = composed("PyConv", parts[0].step.shape.resized(out_channels), *parts)
    return whole._replace(constraints=(fits, *whole.constraints))
