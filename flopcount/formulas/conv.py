"""Standard, grouped, factored and transposed convolutions.

In the equations of all convolutions M is input channels, N output channels (`out_channels`), k² the area of the
kernel (the product of its sizes, on any number of axes), and positions are output positions: the product of all
output axes but the channels. Positions that touch padding count fully.
"""

from collections.abc import Callable
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from typing import Any, NamedTuple

from flopcount.errors import ShapeError
from flopcount.formulas.norm import NORMS
from flopcount.formulas.norm import activation as activated
from flopcount.formulas.numbers import Axes, Dim, exact_div, maximum, product
from flopcount.formulas.pool import pixel_shuffle
from flopcount.formulas.shape import Constraint, Padding, Shape, Slide, Window, pads, per_axis, positive, shares
from flopcount.formulas.step import Part, Stage, Step, Tally, chain, composed

POINT = Window(1, padding="valid-round")
"""The window of a 1×1 convolution. It keeps any map; the parts around it check that the map exists."""

_EXTRA = "output_padding = {} must be smaller than stride = {} or dilation = {}"
_GONE = "output would be empty: the padding removes all of the output of an axis of size {}; pad less"


def per_position(
    kind: str, y: Shape, kernel: tuple[Dim, ...], *constraints: Constraint, weights: Dim, biases: Dim = 0
) -> Step:
    """Use each weight and each bias once per output position."""
    macs, adds = weights * y.positions, biases * y.positions
    tally = Tally(conv_mac=macs, conv_bias_add=adds, weight=weights, bias=biases)
    return Step(kind, y, tally, constraints=constraints, kernel=kernel)


def conv_base(
    kind: str,
    x: Shape,
    window: Window,
    *constraints: Constraint,
    channels: Dim,
    weights: Dim,
    biases: Dim = 0,
    groups: Dim = 1,
) -> Step:
    """Slide weights over space: each weight and each bias once per output position."""
    spatial, survives = window.over(x.spatial)
    y = x.resized(channels, spatial)
    step = per_position(kind, y, window.kernel(len(spatial)), *constraints, *survives, weights=weights, biases=biases)
    return step._replace(slide=Slide(window, x.spatial, spatial, groups))


def shared(groups: Dim, channels: Dim, out_channels: Dim) -> tuple[Constraint, Constraint]:
    """Constraint groups to divide both the input channels and the output channels."""
    inward = shares("groups", groups, channels, "input channels")
    return inward, shares("groups", groups, out_channels, "output channels")


def filters(x: Shape, window: Window, *, channels: Dim, groups: Dim = 1, bias: bool = False) -> Step:
    """Slide standard filters, each over all input channels of its group."""
    area = product(window.kernel(len(x.spatial)))
    weights = channels * exact_div(x.channels, groups) * area
    biases, fits = channels if bias else 0, shared(groups, x.channels, channels)
    return conv_base("Conv", x, window, *fits, channels=channels, weights=weights, biases=biases, groups=groups)


def channelwise(x: Shape, window: Window, *, multiplier: Dim = 1, bias: bool = False) -> Step:
    """Slide `multiplier` separate filters over each channel."""
    channels = x.channels * multiplier
    weights, biases = channels * product(window.kernel(len(x.spatial))), channels if bias else 0
    return conv_base("DepthwiseConv", x, window, channels=channels, weights=weights, biases=biases, groups=x.channels)


class After(NamedTuple):
    """The normalization and the activation after a convolution, by name."""

    norm: str | None = None
    activation: str | None = None

    def __call__(self, step: Step) -> Step:
        """Apply both, as further parts of one step."""
        stages: list[Stage] = [("norm", NORMS[self.norm])] if self.norm else []
        if self.activation:
            stages.append(("activation", partial(activated, function=self.activation)))
        if not stages:
            return step
        after = chain(step.kind, step.shape, *stages)
        parts = (*(step.parts or (Part("conv", step),)), *after.parts)
        constraints = (*step.constraints, *after.constraints)
        return Step(step.kind, after.shape, step.tally + after.tally, parts, constraints)


def windowed(*fixed: str, padding: Padding = 0) -> Callable[[Callable[..., Step]], Callable[..., Step]]:
    """Give a formula of a map and a window the options that make a window, and a norm and an activation after it.

    The options named as `fixed` keep their defaults. A formula that takes `after` applies it to its parts itself.
    """
    padded = padding

    def on_formula(formula: Callable[..., Step]) -> Callable[..., Step]:
        own = signature(formula)

        @wraps(formula, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        def on_options(
            x: Shape,
            *,
            kernel_size: Axes,
            stride: Axes = 1,
            padding: Padding = padded,
            dilation: Axes = 1,
            norm: str | None = None,
            activation: str | None = None,
            **options: Any,
        ) -> Step:
            window, after = Window(kernel_size, stride, padding, dilation), After(norm, activation)
            if "after" in own.parameters:
                return formula(x, window, after, **options)
            return after(formula(x, window, **options))

        with_options = _with_options(own, signature(on_options, follow_wrapped=False), fixed)
        on_options.__signature__ = with_options  # type: ignore[attr-defined]  # read by inspect
        return on_options

    return on_formula


def _with_options(own: Signature, shared: Signature, fixed: tuple[str, ...]) -> Signature:
    """Return a formula's signature with the shared options: the window's before its groups and bias, the rest last."""
    x, kernel_size, *window, norm, activation, _ = shared.parameters.values()
    options = [each for name, each in own.parameters.items() if name not in {"x", "window", "after"}]
    names = [each.name for each in options]
    first = names.index("out_channels") + 1 if "out_channels" in names else 0
    place = names.index("bias") if "bias" in names else len(names)
    place -= names[place - 1 : place] == ["groups"] and options[place - 1].default is not Parameter.empty
    moves = [each for each in window if each.name not in fixed]
    ends = [each for each in (norm, activation) if each.name not in fixed]
    ordered = (x, *options[:first], kernel_size, *options[first:place], *moves, *options[place:], *ends)
    return own.replace(parameters=ordered)


def along(window: Window, count: int, *chosen: int) -> Window:
    """Return the window as it is along some of `count` axes, and of size 1 along the others."""
    padding = window.padding
    if not isinstance(padding, str):
        padding = tuple(pad if axis in chosen else 0 for axis, pad in enumerate(pads(padding, count)))
    sizes, stride, dilation = (
        tuple(size if axis in chosen else 1 for axis, size in enumerate(each)) for each in window.moves(count)
    )
    return Window(sizes, stride, padding, dilation, window.ceil_mode)


def axes(x: Shape) -> int:
    """Return the number of spatial axes; refuse a shape without any."""
    if not x.spatial:
        raise ShapeError("a window needs a feature map, but the input has no spatial axes")
    return len(x.spatial)


def axis_by_axis(x: Shape, window: Window) -> tuple[Window, ...]:
    """Split a window into windows along one axis each, first axis first."""
    return tuple(along(window, axes(x), axis) for axis in range(axes(x)))


@windowed()
def conv(x: Shape, window: Window, *, out_channels: Dim, groups: Dim = 1, bias: bool = True) -> Step:
    """Convolution: every filter reads all input channels of its group.

        params = N·(M/groups)·k²  (+ N with bias)
        MACs = N·(M/groups)·k² · positions

    Source: Howard et al., MobileNets, arXiv:1704.04861, eq. 2; groups as in Krizhevsky et al., NIPS 2012.
    """
    return filters(x, window, channels=out_channels, groups=groups, bias=bias)


@windowed()
def group_conv(x: Shape, window: Window, after: After, *, out_channels: Dim, groups: Dim, bias: bool = True) -> Step:
    """Group convolution: filters and channels in `groups` equal shares that do not mix.

        params = N·(M/groups)·k²  (+ N with bias)
        MACs = N·(M/groups)·k² · positions

    Source: Krizhevsky et al., ImageNet classification with deep CNNs, NIPS 2012, section 3.5.
    """
    return after(filters(x, window, channels=out_channels, groups=groups, bias=bias))._replace(kind="GroupConv")


@windowed()
def depthwise_conv(x: Shape, window: Window, *, depth_multiplier: Dim = 1, bias: bool = True) -> Step:
    """Depthwise convolution: `depth_multiplier` = m filters for each channel.

        params = M·m·k²  (+ M·m with bias)
        MACs = M·m·k² · positions

    Source: Howard et al., MobileNets, arXiv:1704.04861, eq. 4.
    """
    return channelwise(x, window, multiplier=depth_multiplier, bias=bias)


@windowed()
def depth_sep_conv(
    x: Shape,
    window: Window,
    after: After,
    *,
    out_channels: Dim,
    depth_multiplier: Dim = 1,
    bias: bool = True,
    depthwise_bias: bool = False,
) -> Step:
    """Depthwise-separable convolution: a depthwise convolution, then a 1×1 convolution.

        params = M·m·k² + M·m·N  (+ N with bias, + M·m with depthwise_bias)
        MACs = (M·m·k² + M·m·N) · positions

    The stride applies to the depthwise part; norm and activation follow each part.

    Source: Howard et al., MobileNets, arXiv:1704.04861, eq. 5.
    """
    depthwise = after(channelwise(x, window, multiplier=depth_multiplier, bias=depthwise_bias))
    pointwise = after(filters(depthwise.shape, POINT, channels=out_channels, bias=bias))
    return composed("DepthSepConv", pointwise.shape, Part("depthwise", depthwise), Part("pointwise", pointwise))


@windowed()
def het_conv(
    x: Shape, window: Window, *, out_channels: Dim, p: Dim, bias: bool = True, kernel_bias: bool = False
) -> Step:
    """Heterogeneous convolution: 1/p of each filter's kernels are k×k, the others 1×1.

        params = N·(k²·M/p + M − M/p)  (+ N with bias, + N·M with kernel_bias)
        MACs = N·(k²·M/p + M − M/p) · positions

    `bias` is one per filter; `kernel_bias` is one per kernel, as in an
    implementation that makes each kernel a convolution of its own.

    Source: Singh et al., HetConv, CVPR 2019, eq. 3–8.
    """
    large = exact_div(x.channels, p)
    weights = out_channels * (large * product(window.kernel(len(x.spatial))) + (x.channels - large))
    biases = (out_channels if bias else 0) + (out_channels * x.channels if kernel_bias else 0)
    fits = shares("p", p, x.channels, "input channels")
    return conv_base("HetConv", x, window, fits, channels=out_channels, weights=weights, biases=biases)


@windowed()
def conv_transpose(
    x: Shape, window: Window, *, out_channels: Dim, output_padding: Axes = 0, groups: Dim = 1, bias: bool = True
) -> Step:
    """Transposed convolution: every input position spreads a kernel over the output.

        params = M·(N/groups)·k²  (+ N with bias)
        MACs = M·(N/groups)·k² · input positions;  biases are added at output positions

    out = (in − 1)·stride − padding + dilation·(k − 1) + output_padding + 1, where
    `padding` is that of both sides together; with "same", in·stride + output_padding.

    Only needed multiplications count: each input position meets each weight once. Other
    tools report stride² times as many: they slide over a map with zeros inserted between
    the inputs, and count those too, or take weights times output positions.

    Source: Dumoulin and Visin, A guide to convolution arithmetic, arXiv:1603.07285, relationship 14.
    """
    count = axes(x)
    kernel = window.kernel(count)
    spatial, constraints = _spread(x.spatial, window, per_axis(output_padding, count, "output_padding"))
    y = x.resized(out_channels, spatial)
    weights = x.channels * exact_div(out_channels, groups) * product(kernel)
    macs, biases = weights * x.positions, out_channels if bias else 0
    tally = Tally(conv_mac=macs, conv_transpose_mac=macs, conv_transpose_out_mac=weights * y.positions)
    tally += Tally(conv_bias_add=biases * y.positions, weight=weights, bias=biases)
    slide = Slide(window, spatial, x.spatial, groups)
    constraints = (*shared(groups, x.channels, out_channels), *constraints)
    return Step("ConvTranspose", y, tally, constraints=constraints, kernel=kernel, slide=slide)


def _spread(
    spatial: tuple[Dim, ...], window: Window, extra: tuple[Dim, ...]
) -> tuple[tuple[Dim, ...], tuple[Constraint, ...]]:
    """Return the map a window spreads to, and the constraints for it to exist."""
    count = len(spatial)
    kernels, stride, dilation = window.moves(count)
    moves = zip(spatial, kernels, stride, dilation, strict=True)
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


@windowed()
def sub_pixel_conv(x: Shape, window: Window, *, out_channels: Dim, upscale_factor: Dim, bias: bool = True) -> Step:
    """Sub-pixel convolution: a convolution to r² channels for each output channel, rearranged over space.

        params = N·r²·M·k²  (+ N·r² with bias)
        MACs = N·r²·M·k² · positions before the shuffle

    r is `upscale_factor`; on a map of n axes it is rⁿ channels.

    Source: Shi et al., Real-time single image and video super-resolution, CVPR 2016, eq. 3–4.
    """
    many = out_channels * product((upscale_factor,) * len(x.spatial))
    shuffle = ("shuffle", partial(pixel_shuffle, upscale_factor=upscale_factor))
    return chain("SubPixelConv", x, ("conv", partial(filters, window=window, channels=many, bias=bias)), shuffle)
