"""Convolutions that read, share or multiply otherwise than a standard one.

What the letters in the equations mean is said in `sliding`.
"""

from flopcount.formulas.dims import Axes, Dim, ceil_div, product
from flopcount.formulas.needs import positive
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import axes, filters, followed
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally

_PAIRS = "active_pairs = {} is more than the {} pairs there are of a position and a point of the kernel"
_ACTIVE = "active_positions = {} is more than the {} positions there are"


def coord_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    with_r: bool = False,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """CoordConv: a convolution that also reads a channel of coordinates for each axis.

        params = k²·(M + 2)·N  (+ N with bias);  M + 3 with with_r, the distance from the middle
        MACs = k²·(M + 2)·N · positions

    On a map of n axes there are n channels of coordinates, not 2.

    Source: Liu et al., An intriguing failing of CNNs and the CoordConv solution, NeurIPS 2018, section 3.
    """
    more = axes(x) + 1 if with_r else axes(x)
    window = Window(kernel_size, stride, padding, dilation)
    step = filters(x.resized(x.channels + more), window, channels=out_channels, bias=bias)
    return followed(step._replace(kind="CoordConv"), norm, activation)


def locally_connected(
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
    """Locally connected layer: a convolution whose weights are not shared between positions.

        params = k²·M·N · positions  (+ N · positions with bias)
        MACs = k²·M·N · positions

    Source: keras.layers.LocallyConnected2D; Taigman et al., DeepFace, CVPR 2014, section 3.
    """
    window = Window(kernel_size, stride, padding, dilation)
    step = filters(x, window, channels=out_channels, bias=bias)
    counts, places = step.tally.counts, product(step.shape.spatial)
    kept = {name: counts[name] * places for name in ("weight", "bias")}
    return followed(step._replace(kind="LocallyConnected", tally=Tally(**{**counts, **kept})), norm, activation)


def winograd_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    tile_size: Axes = 2,
    padding: Padding = 0,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Winograd convolution F(m×m, k×k): a standard one, computed tile by tile with fewer multiplications.

        params = k²·M·N  (+ N with bias)
        MACs = ⌈H/m⌉·⌈W/m⌉·(m + k − 1)²·M·N

    m is `tile_size`. H×W is the output, cut into tiles that are rounded up. Parameters are those
    stored; transformed kernels have (m + k − 1)² numbers each. The transforms of
    tiles are additions, tallied apart by the elements that they read or write.

    Source: Lavin and Gray, Fast algorithms for convolutional neural networks, CVPR 2016, section 4.1.
    """
    step = filters(x, Window(kernel_size, 1, padding), channels=out_channels, bias=bias)
    tile = Window(tile_size).kernel(len(step.kernel))
    tiles = product(ceil_div(size, m) for size, m in zip(step.shape.spatial, tile, strict=True))
    area = product(m + k - 1 for m, k in zip(tile, step.kernel, strict=True))
    points = tiles * area * product(x.leading)
    macs, transformed = points * x.channels * out_channels, points * (x.channels + out_channels)
    tally = Tally(**{**step.tally.counts, "conv_mac": macs, "winograd_transform": transformed})
    return followed(step._replace(kind="WinogradConv", tally=tally), norm, activation)


def _instead(kind: str, step: Step, operation: str, times: int) -> Step:
    """Do something else in place of each multiply–accumulate."""
    counts = {name: count for name, count in step.tally.counts.items() if name != "conv_mac"}
    done = step.tally.counts["conv_mac"] * times
    return step._replace(kind=kind, tally=Tally(**{operation: done, **counts}))


def adder_conv(
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
    """Adder convolution: distances between window and filter, by additions in place of multiplications.

        params = k²·M·N  (+ N with bias)
        MACs = 0; additions = 2·k²·M·N · positions, tallied apart

    Source: Chen et al., AdderNet: Do we really need multiplications in deep learning?, CVPR 2020, eq. 2.
    """
    step = filters(x, Window(kernel_size, stride, padding, dilation), channels=out_channels, bias=bias)
    return followed(_instead("AdderConv", step, "adder_add", 2), norm, activation)


def binary_conv(
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
    """Binary convolution: weights and inputs of one bit, XNOR and counting in place of multiplications.

        params = k²·M·N, of one bit each  (+ N with bias)
        MACs = k²·M·N · positions, each of one bit

    Operations of one bit are tallied apart, as `binary_mac`, and count as MACs.
    Papers that report FLOPs divide them by 64 first.

    Source: Rastegari et al., XNOR-Net, ECCV 2016, section 3.2.
    """
    step = filters(x, Window(kernel_size, stride, padding, dilation), channels=out_channels, bias=bias)
    return followed(_instead("BinaryConv", step, "binary_mac", 1), norm, activation)


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

    `active_pairs` counts, over the active positions of one input, the points of
    the kernel that meet an active position: it depends on the data. Biases are
    added at `active_positions`, at all where not given. The map stays.

    Source: Graham et al., Semantic segmentation with submanifold sparse networks, CVPR 2018, section 3.
    """
    step = filters(x, Window(kernel_size, padding="same"), channels=out_channels, bias=bias)
    counts, copies, places = step.tally.counts, product(x.leading), product(x.spatial)
    active = places if active_positions is None else active_positions
    pairs = places * product(step.kernel)
    used = {"conv_mac": active_pairs * x.channels * out_channels, "conv_bias_add": active * counts["bias"]}
    needs = (
        *step.needs,
        positive(pairs - active_pairs + 1, _PAIRS, active_pairs, pairs),
        positive(places - active + 1, _ACTIVE, active, places),
    )
    tally = Tally(**{**counts, **{name: count * copies for name, count in used.items()}})
    return step._replace(kind="SparseConv", tally=tally, needs=needs)
