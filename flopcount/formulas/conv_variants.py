"""Convolutions that treat shares of the channels differently; the equations use the letters of `conv`."""

from functools import partial

from flopcount.formulas.conv import After, axes, channelwise, conv_base, filters, shared, windowed
from flopcount.formulas.kept import INPUT
from flopcount.formulas.kept import WEIGHT as WEIGHTS
from flopcount.formulas.numbers import Axes, Dim, ceil_div, exact_div, product, scaled_down
from flopcount.formulas.pool import avg_pool, interpolate
from flopcount.formulas.shape import Constraint, Shape, Slide, Window, divides, equal, positive, shares
from flopcount.formulas.step import WEIGHT, Part, Product, Step, Tally, chain, composed

_KEEPS = "a partial convolution must keep the map, but an axis of {} becomes {}; change the padding"
_N_DIV = "n_div = {} leaves none of the {} channels to convolve; choose a smaller one"
_PASSES = "one share passes unchanged, but an axis of {} becomes {} in the others; pad, or set pooled = true"
_HALVES = "an axis of size {1} cannot be halved; choose an even size"
_MEET = "the enlarged coarse map has {} positions along an axis, but the fine map {}; change the padding"
_PAIRS = "active_pairs = {} exceeds the {} pairs of a position and a point of the kernel"
_ACTIVE = "active_positions = {} exceeds the {} positions"
_TWO = "scales = {} leaves nothing to convolve; choose 2 or more"


@windowed("stride", padding="same")
def partial_conv(x: Shape, window: Window, *, n_div: Dim = 4, bias: bool = True) -> Step:
    """Partial convolution: a convolution of the first M/n_div channels; the others pass unchanged.

        params = k²·c²  (+ c with bias),  c = ⌊M/n_div⌋
        MACs = k²·c² · positions

    Norm and activation apply to the whole map.

    Source: Chen et al., Run, don't walk (FasterNet), CVPR 2023, section 3.2.
    """
    share = x.channels // n_div
    step = filters(x.resized(share), window, channels=share, bias=bias)
    keeps = [equal(one, other, _KEEPS) for one, other in zip(x.spatial, step.shape.spatial, strict=True)]
    constraints = (positive(share, _N_DIV, n_div, x.channels), *step.constraints, *keeps)
    return step._replace(kind="PartialConv", shape=x, constraints=constraints)


@windowed()
def ghost_conv(
    x: Shape,
    window: Window,
    after: After,
    *,
    out_channels: Dim,
    ratio: Dim = 2,
    dw_kernel_size: Axes = 3,
    bias: bool = True,
) -> Step:
    """Ghost module: a convolution to n = ⌈N/ratio⌉ channels, and `ratio` − 1 cheap copies of each.

        params = k²·M·n + d²·n·(ratio − 1)  (+ n·ratio with bias),  d = dw_kernel_size
        MACs = (k²·M·n + d²·n·(ratio − 1)) · positions

    The copies are made by a depthwise convolution. Channels beyond N are
    computed and dropped. Norm and activation follow each part.

    Source: Han et al., GhostNet, CVPR 2020, eq. 3–5, and the code published with it.
    """
    primary = filters(x, window, channels=ceil_div(out_channels, ratio), bias=bias)
    cheap = channelwise(primary.shape, Window(dw_kernel_size, padding="same"), multiplier=ratio - 1, bias=bias)
    parts = Part("primary", after(primary)), Part("cheap", after(cheap))
    return composed("GhostConv", primary.shape.resized(out_channels), *parts)


@windowed()
def res2_conv(x: Shape, window: Window, after: After, *, scales: Dim, pooled: bool = False, bias: bool = True) -> Step:
    """Res2Net stage: the channels in s shares of w, each convolved after the previous one is added.

        params = (s − 1)·k²·w²  (+ (s − 1)·w with bias),  w = M/s
        MACs = (s − 1)·k²·w² · positions

    s is `scales`. One share passes, average-pooled with the same window if `pooled`, as in the first block of a
    stage, in which the shares are not added either. Norm and activation follow each convolution.

    Source: Gao et al., Res2Net, TPAMI 2021, section 3.1.
    """
    width = exact_div(x.channels, scales)
    channels = (scales - 1) * width
    weights = channels * width * product(window.kernel(len(x.spatial)))
    constraints = shares("scales", scales, x.channels), positive(scales - 1, _TWO, scales)
    biases = channels if bias else 0
    convs = conv_base("Conv", x, window, *constraints, channels=channels, weights=weights, biases=biases)
    y = convs.shape.resized(x.channels)
    once = width * width * product(convs.kernel) * convs.shape.positions
    after_another = Product(once * (0 if pooled else scales - 2), ((0, WEIGHT), (WEIGHT,)))
    alone = Product(once * (scales - 1 if pooled else 1), ((0,), (WEIGHT,)))
    sums = convs.shape.positions * width * (0 if pooled else scales - 2)
    convs = convs._replace(products=(alone, after_another), keeps=(INPUT, WEIGHTS, sums))
    if pooled:
        last = avg_pool(x.resized(width), kernel_size=window.kernel_size, stride=window.stride, padding=window.padding)
        return composed("Res2Conv", y, Part("convs", after(convs)), Part("pool", last, (0,)))
    keeps = [equal(one, other, _PASSES) for one, other in zip(x.spatial, y.spatial, strict=True)]
    added = Tally(add=convs.shape.resized(channels - width).elements)
    convs = convs._replace(tally=convs.tally + added, constraints=(*convs.constraints, *keeps))
    return composed("Res2Conv", y, Part("convs", after(convs)))


@windowed()
def tied_block_conv(x: Shape, window: Window, *, out_channels: Dim, blocks: Dim, bias: bool = True) -> Step:
    """Tied block convolution: the channels in B blocks, and the same filters for each block.

        params = k²·M·N/B²  (+ N/B with bias),  B = blocks
        MACs = k²·M·N/B · positions

    Parameters and MACs shrink differently: each weight is used B times per position.

    Source: Wang and Yu, Tied block convolution, AAAI 2021, section 3.2.
    """
    once = x.resized(exact_div(x.channels, blocks))
    step = filters(once, window, channels=exact_div(out_channels, blocks), bias=bias)
    counts = step.tally.counts
    used = {name: counts[name] * blocks for name in ("conv_mac", "conv_bias_add")}
    y, constraints = step.shape.resized(out_channels), (*shared(blocks, x.channels, out_channels), *step.constraints)
    tally = Tally(**{**counts, **used})
    return step._replace(kind="TiedBlockConv", shape=y, tally=tally, constraints=constraints)


@windowed("norm", "activation", padding="same")
def shift_conv(x: Shape, window: Window) -> Step:
    """Shift: each channel moves by one of the k² offsets of a kernel; a 1×1 convolution after it mixes them.

    The 1×1 convolution is a layer of its own.

    Source: Wu et al., Shift: A zero FLOP, zero parameter alternative, CVPR 2018, section 3.1.
    """
    spatial, survives = window.over(x.spatial)
    kernel, slide = window.kernel(len(spatial)), Slide(window, x.spatial, spatial)
    return Step("ShiftConv", x.resized(spatial=spatial), Tally(), constraints=survives, kernel=kernel, slide=slide)


@windowed(padding="same")
def octave_conv(
    x: Shape,
    window: Window,
    after: After,
    *,
    out_channels: Dim,
    alpha_in: float = 0.5,
    alpha_out: float = 0.5,
    bias: bool = True,
) -> Step:
    """Octave convolution: shares alpha of the channels have half the resolution.

        params = k²·M·N  (+ N with bias)
        MACs = k²·M·N · positions · (1 − ¾·α·(2 − α)) if both alphas are α

    Only the convolution from fine to fine channels runs on the fine map: what enters the coarse map is average-pooled
    first, what leaves it is enlarged afterwards. The shape is that of the fine map with all channels. The
    first layer of a network has alpha_in = 0, the last alpha_out = 0.

    Source: Chen et al., Drop an octave, ICCV 2019, eq. 4–5 and table 1.
    """
    low_in, low_out = scaled_down(x.channels, alpha_in), scaled_down(out_channels, alpha_out)
    fine = x.resized(x.channels - low_in)
    coarse = x.resized(low_in, tuple(size // 2 for size in x.spatial)) if alpha_in else None
    high = _high(fine, coarse, window, channels=out_channels - low_out, bias=bias)
    parts = [Part("high", after(high))]
    if alpha_out:
        parts.append(Part("low", after(_low(fine, coarse, window, channels=low_out, bias=bias)), (0,)))
    step = composed("OctaveConv", high.shape.resized(out_channels), *parts)
    halves = [divides(2, size, _HALVES) for size in x.spatial] if alpha_in or alpha_out else []
    return step._replace(constraints=(*halves, *step.constraints))


def _high(fine: Shape, coarse: Shape | None, window: Window, *, channels: Dim, bias: bool) -> Step:
    """Make the fine map from the fine channels and, if any, the coarse ones."""
    kept = filters(fine, window, channels=channels, bias=bias)
    if coarse is None:
        return composed("High", kept.shape, Part("high_to_high", kept))
    convolved = ("low_to_high", partial(filters, window=window, channels=channels))
    raised = chain("Raised", coarse, convolved, ("upsample", partial(interpolate, scale_factor=2)))
    meet = tuple(equal(*pair, _MEET) for pair in zip(raised.shape.spatial, kept.shape.spatial, strict=True))
    return composed("High", kept.shape, *raised.parts, Part("high_to_high", _added(kept, meet), (0,)))


def _low(fine: Shape, coarse: Shape | None, window: Window, *, channels: Dim, bias: bool) -> Step:
    """Make the coarse map from the fine channels and, if any, the coarse ones."""
    convolved = partial(filters, window=window, channels=channels, bias=bias and coarse is None)
    lowered = chain("Lowered", fine, ("pool", partial(avg_pool, kernel_size=2)), ("high_to_low", convolved))
    if coarse is None:
        return lowered
    kept = filters(coarse, window, channels=channels, bias=bias)
    return composed("Low", kept.shape, *lowered.parts, Part("low_to_low", _added(kept), (0,)))


def _added(step: Step, constraints: tuple[Constraint, ...] = ()) -> Step:
    """Add the output of another convolution."""
    tally = step.tally + Tally(add=step.shape.elements)
    return step._replace(tally=tally, constraints=(*step.constraints, *constraints))


@windowed()
def coord_conv(x: Shape, window: Window, *, out_channels: Dim, with_r: bool = False, bias: bool = True) -> Step:
    """CoordConv: a convolution that also reads a channel of coordinates for each axis.

        params = k²·(M + 2)·N  (+ N with bias);  M + 3 with with_r, the distance from the center
        MACs = k²·(M + 2)·N · positions

    On a map of n axes there are n channels of coordinates, not 2.

    Source: Liu et al., An intriguing failing of CNNs and the CoordConv solution, NeurIPS 2018, section 3.
    """
    more = axes(x) + 1 if with_r else axes(x)
    step = filters(x.resized(x.channels + more), window, channels=out_channels, bias=bias)
    return step._replace(kind="CoordConv", keeps=(x.resized(x.channels + more).elements, WEIGHTS))


@windowed()
def locally_connected(x: Shape, window: Window, *, out_channels: Dim, bias: bool = True) -> Step:
    """Locally connected layer: a convolution whose weights are not shared between positions.

        params = k²·M·N · positions  (+ N · positions with bias)
        MACs = k²·M·N · positions

    Source: keras.layers.LocallyConnected2D; Taigman et al., DeepFace, CVPR 2014, section 3.
    """
    step = filters(x, window, channels=out_channels, bias=bias)
    counts, places = step.tally.counts, product(step.shape.spatial)
    kept = {name: counts[name] * places for name in ("weight", "bias")}
    return step._replace(kind="LocallyConnected", tally=Tally(**{**counts, **kept}))


@windowed("stride", "dilation")
def winograd_conv(x: Shape, window: Window, *, out_channels: Dim, tile_size: Axes = 2, bias: bool = True) -> Step:
    """Winograd convolution F(m×m, k×k): a standard one, computed tile by tile with fewer multiplications.

        params = k²·M·N  (+ N with bias)
        MACs = ⌈H/m⌉·⌈W/m⌉·(m + k − 1)²·M·N

    m is `tile_size`. H×W is the output, cut into tiles that are rounded up. Parameters are those
    stored; transformed kernels have (m + k − 1)² numbers each. The transforms of
    tiles are additions, tallied apart by the elements that they read or write.

    Source: Lavin and Gray, Fast algorithms for convolutional neural networks, CVPR 2016, section 4.1.
    """
    step = filters(x, window, channels=out_channels, bias=bias)
    tile = Window(tile_size).kernel(len(step.kernel))
    tiles = product(ceil_div(size, m) for size, m in zip(step.shape.spatial, tile, strict=True))
    area = product(m + k - 1 for m, k in zip(tile, step.kernel, strict=True))
    points = tiles * area * product(x.leading)
    macs, transformed = points * x.channels * out_channels, points * (x.channels + out_channels)
    tally = Tally(**{**step.tally.counts, "conv_mac": macs, "winograd_transform": transformed})
    return step._replace(kind="WinogradConv", tally=tally)


def _instead(kind: str, step: Step, operation: str, times: int) -> Step:
    """Replace each multiply–accumulate by another operation."""
    counts = {name: count for name, count in step.tally.counts.items() if name != "conv_mac"}
    done = step.tally.counts["conv_mac"] * times
    return step._replace(kind=kind, tally=Tally(**{operation: done, **counts}))


@windowed()
def adder_conv(x: Shape, window: Window, *, out_channels: Dim, bias: bool = True) -> Step:
    """Adder convolution: distances between window and filter, by additions in place of multiplications.

        params = k²·M·N  (+ N with bias)
        MACs = 0; additions = 2·k²·M·N · positions, tallied apart

    Source: Chen et al., AdderNet: Do we really need multiplications in deep learning?, CVPR 2020, eq. 2.
    """
    return _instead("AdderConv", filters(x, window, channels=out_channels, bias=bias), "adder_add", 2)


@windowed()
def binary_conv(x: Shape, window: Window, *, out_channels: Dim, bias: bool = True) -> Step:
    """Binary convolution: weights and inputs of one bit, XNOR and counting in place of multiplications.

        params = k²·M·N, of one bit each  (+ N with bias)
        MACs = k²·M·N · positions, each of one bit

    Operations of one bit are tallied apart, as `binary_mac`, and count as MACs.
    Papers that report FLOPs divide them by 64 first.

    Source: Rastegari et al., XNOR-Net, ECCV 2016, section 3.2.
    """
    return _instead("BinaryConv", filters(x, window, channels=out_channels, bias=bias), "binary_mac", 1)


def sparse_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    active_pairs: Dim,
    active_positions: Dim | None = None,
    bias: bool = True,
) -> Step:
    """Submanifold sparse convolution: outputs where the input is active, computed from active inputs alone.

        params = k²·M·N  (+ N with bias)
        MACs = active_pairs·M·N

    `active_pairs` counts, over the active positions of one input, the points of the kernel that meet an active
    position: it depends on the data. Biases are added at `active_positions`, at all by default. The map stays.

    Source: Graham et al., Semantic segmentation with submanifold sparse networks, CVPR 2018, section 3.
    """
    step = filters(x, Window(kernel_size, padding="same"), channels=out_channels, bias=bias)
    counts, copies, places = step.tally.counts, product(x.leading), product(x.spatial)
    active = places if active_positions is None else active_positions
    pairs = places * product(step.kernel)
    used = {"conv_mac": active_pairs * x.channels * out_channels, "conv_bias_add": active * counts["bias"]}
    met = positive(pairs - active_pairs + 1, _PAIRS, active_pairs, pairs)
    constraints = (*step.constraints, met, positive(places - active + 1, _ACTIVE, active, places))
    tally = Tally(**{**counts, **{name: count * copies for name, count in used.items()}})
    return step._replace(kind="SparseConv", tally=tally, constraints=constraints)
