"""Convolutions with branches of different kernels, added or side by side.

What the letters in the equations mean is said in `sliding`.
"""

from collections.abc import Sequence

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Axes, Dim, split, total
from flopcount.formulas.joins import add
from flopcount.formulas.needs import Need, divides, equal
from flopcount.formulas.norm import norm as normalised
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import channelwise, filters, followed, taps
from flopcount.formulas.step import Part, Step, composed
from flopcount.formulas.tally import Tally

_SHARES = "{} shares do not divide the {} output channels; choose a multiple of them"
_KEEPS = "identity = true adds the input to the output, and they have {} and {} {}"


def dual_conv(
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
    """Dual convolution: a group convolution and a full 1×1 convolution beside it, added.

        params = k²·M·N/groups + M·N  (+ N with bias)
        MACs = (k²·M·N/groups + M·N) · positions

    The 1×1 kernels look at the middle of each window. Seen group by group, k²+1
    kernels of a filter are at work on M/groups of the channels, 1×1 on the rest.

    Source: Zhong et al., DualConv: Dual convolutional kernels for lightweight networks, arXiv:2202.07481, eq. 3.
    """
    group = filters(x, Window(kernel_size, stride, padding, dilation), channels=out_channels, groups=groups)
    y = group.shape
    biases: Dim = out_channels if bias else 0
    point = taps("Conv", y, (1,) * len(y.spatial), weights=x.channels * out_channels, biases=biases)
    added = point._replace(tally=point.tally + Tally(add=y.elements))
    return followed(composed("DualConv", y, Part("group", group), Part("pointwise", added)), norm, activation)


def ac_conv(
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
    """Asymmetric convolution block while training: k×k, k×1 and 1×k beside each other, added.

        params = (k² + 2k)·M·N  (+ 3·N with bias)
        MACs = (k² + 2k)·M·N · positions

    The lines go through the middle of each window. The norm follows each
    branch, the activation their sum. Deployed it is a Conv.

    Source: Ding et al., ACNet, ICCV 2019, section 3.2.
    """
    square = filters(x, Window(kernel_size, stride, padding, dilation), channels=out_channels, bias=bias)
    biases: Dim = out_channels if bias else 0
    branches = [Part("square", followed(square, norm, None))]
    for axis, size in enumerate(square.kernel):
        line = (*[1] * axis, size, *[1] * (len(square.kernel) - axis - 1))
        step = taps("Conv", square.shape, line, weights=size * x.channels * out_channels, biases=biases)
        branches.append(Part(f"axis{axis + 1}", followed(step, norm, None)))
    return _summed("ACConv", branches, activation)


def rep_vgg_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    groups: Dim = 1,
    identity: bool = False,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """RepVGG block while training: k×k, 1×1 and, with `identity`, the input itself, added.

        params = (k² + 1)·M·N/groups  (+ 2·N with bias)
        MACs = (k² + 1)·M·N/groups · positions

    The 1×1 kernels look at the middle of each window. The norm follows each
    branch, the identity too; the activation follows the sum. Deployed it is a Conv.

    Source: Ding et al., RepVGG, CVPR 2021, section 3.2.
    """
    square = filters(x, Window(kernel_size, stride, padding, dilation), channels=out_channels, groups=groups, bias=bias)
    y = square.shape
    weights = split(x.channels, groups) * out_channels
    point = taps("Conv", y, (1,) * len(y.spatial), weights=weights, biases=out_channels if bias else 0)
    branches = [Part("square", followed(square, norm, None)), Part("pointwise", followed(point, norm, None))]
    if identity:
        branches.append(Part("identity", _identity(x, y, norm)))
    return _summed("RepVGGConv", branches, activation)


def _identity(x: Shape, y: Shape, norm: str | None) -> Step:
    """Pass the input on, through a normalisation if there is one."""
    step = Step("Identity", x, Tally()) if norm is None else normalised(x, name=norm)
    pairs = zip((x.channels, *x.spatial), (y.channels, *y.spatial), strict=True)
    what = ("channels", *["positions along an axis"] * len(x.spatial))
    keeps: list[Need] = [
        equal(one, other, _KEEPS.replace("{} {}", f"{{}} {name}"))
        for (one, other), name in zip(pairs, what, strict=True)
    ]
    return step._replace(needs=(*step.needs, *keeps))


def _summed(kind: str, branches: Sequence[Part], activation: str | None) -> Step:
    y = branches[0].step.shape
    together = Part("add", add(*[y] * len(branches)))
    return followed(composed(kind, y, *branches, together), None, activation)


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

    The padding is "same". What the shares leave over of the channels goes to the
    first. Norm and activation follow each part, which is as one behind all.

    Source: Tan and Le, MixConv: Mixed depthwise convolutional kernels, BMVC 2019, section 3.
    """
    share = x.channels // len(kernel_sizes)
    first = x.channels - share * (len(kernel_sizes) - 1)
    parts = [
        Part(
            f"share{number}",
            followed(
                channelwise(x.resized(channels), Window(size, stride, "same", dilation), bias=bias), norm, activation
            ),
        )
        for number, (size, channels) in enumerate(_with(first, share, kernel_sizes), 1)
    ]
    return composed("MixConv", parts[0].step.shape.resized(x.channels), *parts)


def _with(first: Dim, others: Dim, sizes: tuple[Dim, ...]) -> list[tuple[Dim, Dim]]:
    return [(size, others if index else first) for index, size in enumerate(sizes)]


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

    The padding is "same". Level i has sharesᵢ in their sum of the N output
    channels, all levels as many where `shares` is not given. Norm and activation
    follow each part, which is as one behind all.

    Source: Duta et al., Pyramidal convolution, arXiv:2006.11538, eq. 1–2.
    """
    shares = (1,) * len(kernel_sizes) if shares is None else shares
    for what, given in (("groups", groups), ("shares", shares)):
        if len(given) != len(kernel_sizes):
            raise ShapeError(f"{what} has {len(given)} entries, but kernel_sizes has {len(kernel_sizes)}")
    fits = divides(total(shares), out_channels, _SHARES)
    parts: list[Part] = []
    for number, (size, count, share) in enumerate(zip(kernel_sizes, groups, shares, strict=True), 1):
        channels = out_channels * share // total(shares)
        window = Window(size, stride, "same", dilation)
        step = filters(x, window, channels=channels, groups=count, bias=bias)
        parts.append(Part(f"level{number}", followed(step, norm, activation)))
    whole = composed("PyConv", parts[0].step.shape.resized(out_channels), *parts)
    return whole._replace(needs=(fits, *whole.needs))
