"""What convolutions are made of: windows that use weights at every position they stop at.

In the equations of convolutions M is input channels, N output channels
(`out_channels`), k² the area of the kernel (the product of its sizes, on any
number of axes), and positions are output positions: the product of all output
axes but the channels. Positions that touch padding count fully.
"""

from functools import partial

from flopcount.errors import ShapeError
from flopcount.formulas.activation import activation as activated
from flopcount.formulas.dims import Dim, product, split
from flopcount.formulas.needs import Need, divides
from flopcount.formulas.norm import norm as normalised
from flopcount.formulas.shape import Shape, Slide, Window, pads, per_axis
from flopcount.formulas.step import Part, Stage, Step, chain
from flopcount.formulas.tally import Tally

POINT = Window(1, padding="valid-round")
"""The window of a 1×1 convolution. It leaves any map as it is: whether there is one, its neighbours answer."""

_GROUPS_IN = "groups = {} does not divide the {} input channels; choose a divisor of them"
_GROUPS_OUT = "groups = {} does not divide the {} output channels; choose a divisor of them"


def taps(kind: str, y: Shape, kernel: tuple[Dim, ...], *needs: Need, weights: Dim, biases: Dim = 0) -> Step:
    """Use each weight and each bias once per output position."""
    macs, adds = weights * y.positions, biases * y.positions
    tally = Tally(conv_mac=macs, conv_bias_add=adds, weight=weights, bias=biases)
    return Step(kind, y, tally, needs=needs, kernel=kernel)


def slid(kind: str, x: Shape, window: Window, *needs: Need, channels: Dim, weights: Dim, biases: Dim = 0) -> Step:
    """Slide weights over space: each weight and each bias once per output position."""
    spatial, survives = window.over(x.spatial)
    y = x.resized(channels, spatial)
    step = taps(kind, y, window.kernel(len(spatial)), *needs, *survives, weights=weights, biases=biases)
    return step._replace(slide=Slide(window, x.spatial, spatial))


def shared(groups: Dim, channels: Dim, out_channels: Dim) -> tuple[Need, Need]:
    """Need groups to divide both the input channels and the output channels."""
    return divides(groups, channels, _GROUPS_IN), divides(groups, out_channels, _GROUPS_OUT)


def filters(x: Shape, window: Window, *, channels: Dim, groups: Dim = 1, bias: bool = False) -> Step:
    """Slide standard filters, each over all input channels of its group."""
    area = product(window.kernel(len(x.spatial)))
    weights = channels * split(x.channels, groups) * area
    fits = shared(groups, x.channels, channels)
    return slid("Conv", x, window, *fits, channels=channels, weights=weights, biases=channels if bias else 0)


def channelwise(x: Shape, window: Window, *, multiplier: Dim = 1, bias: bool = False) -> Step:
    """Slide `multiplier` filters of its own over each channel."""
    channels = x.channels * multiplier
    weights = channels * product(window.kernel(len(x.spatial)))
    return slid("DepthwiseConv", x, window, channels=channels, weights=weights, biases=channels if bias else 0)


def followed(step: Step, norm: str | None, activation: str | None) -> Step:
    """Put a normalisation and an activation behind a convolution, as further parts of one step."""
    stages: list[Stage] = []
    if norm is not None:
        stages.append(("norm", partial(normalised, name=norm)))
    if activation is not None:
        stages.append(("activation", partial(activated, function=activation)))
    if not stages:
        return step
    behind = chain(step.kind, step.shape, *stages)
    parts = step.parts or (Part("conv", step),)
    needs = (*step.needs, *behind.needs)
    return Step(step.kind, behind.shape, step.tally + behind.tally, (*parts, *behind.parts), needs)


def along(window: Window, count: int, *chosen: int) -> Window:
    """Return the window as it is along some of `count` axes, and of size 1 along the others."""
    padding = window.padding
    if not isinstance(padding, str):
        padding = tuple(pad if axis in chosen else 0 for axis, pad in enumerate(pads(padding, count)))
    kernel, stride, dilation = (
        tuple(size if axis in chosen else 1 for axis, size in enumerate(per_axis(sizes, count, what)))
        for what, sizes in (
            ("kernel_size", window.kernel_size),
            ("stride", window.stride),
            ("dilation", window.dilation),
        )
    )
    return Window(kernel, stride, padding, dilation)


def axes(x: Shape) -> int:
    """Return how many axes there are to slide along; refuse none."""
    if not x.spatial:
        raise ShapeError("a window needs a map to slide over, and there are no spatial axes here")
    return len(x.spatial)


def axis_by_axis(x: Shape, window: Window) -> tuple[Window, ...]:
    """Take a window apart into windows along one axis each, first axis first."""
    return tuple(along(window, axes(x), axis) for axis in range(axes(x)))
