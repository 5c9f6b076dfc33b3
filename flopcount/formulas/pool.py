"""Pooling."""

from typing import cast

from flopcount.errors import ShapeError
from flopcount.formulas.numbers import Axes, Dim, exact_div, floor_product, product
from flopcount.formulas.shape import Padding, Shape, Slide, Window, divides, pads, per_axis, positive, render
from flopcount.formulas.step import Step, Tally

_TOO_MUCH = "padding = {} exceeds half of the pool's kernel, {}: a window could lie outside the map"


def _pooled(kind: str, name: str, x: Shape, window: Window) -> Step:
    """Slide a window of fixed weights; tally the elements that it reads, writes and compares or adds."""
    spatial, survives = window.over(x.spatial)
    y = x.resized(spatial=spatial)
    kernel = window.kernel(len(spatial))
    counts = {"in": x.elements, "out": y.elements, "window": y.elements * product(kernel)}
    tally = Tally(**{f"{name}_{what}": count for what, count in counts.items()})
    # explicit padding is at most half the kernel, as in PyTorch
    given = () if isinstance(window.padding, str) else zip(pads(window.padding, len(spatial)), kernel, strict=True)
    covered = (positive(size - 2 * pad + 1, _TOO_MUCH, pad, size) for pair, size in given for pad in pair)
    slide = Slide(window, x.spatial, spatial)
    return Step(kind, y, tally, constraints=(*covered, *survives), kernel=kernel, slide=slide)


def max_pool(
    x: Shape,
    *,
    kernel_size: Axes,
    stride: Axes | None = None,
    padding: Padding = 0,
    dilation: Axes = 1,
    ceil_mode: bool = False,
) -> Step:
    """Maximum over a window; the stride is the kernel by default.

    Source: torch.nn.MaxPool2d.
    """
    stride = kernel_size if stride is None else stride
    return _pooled("MaxPool", "max_pool", x, Window(kernel_size, stride, padding, dilation, ceil_mode))


def avg_pool(
    x: Shape, *, kernel_size: Axes, stride: Axes | None = None, padding: Padding = 0, ceil_mode: bool = False
) -> Step:
    """Mean over a window; the stride is the kernel by default.

    Source: torch.nn.AvgPool2d.
    """
    stride = kernel_size if stride is None else stride
    return _pooled("AvgPool", "avg_pool", x, Window(kernel_size, stride, padding, ceil_mode=ceil_mode))


def averaged(x: Shape, y: Shape) -> Tally:
    """Tally means, each over all elements along some axes."""
    return Tally(global_pool_in=x.elements, global_pool_out=y.elements)


_Sizes = Dim | tuple[Dim | None, ...]
"""A size for all spatial axes, or one for each; none for an axis that keeps its own."""

_Factors = Dim | float | tuple[Dim | float, ...]
"""A factor for all spatial axes, or one for each."""


def _adapted(x: Shape, output_size: _Sizes) -> Shape:
    if not x.spatial:
        raise ShapeError("an adaptive pool needs a feature map, but the input has no spatial axes")
    sizes: tuple[Dim | None, ...] = per_axis(cast("Axes", output_size), len(x.spatial), "output_size")
    return x.resized(spatial=tuple(old if size is None else size for old, size in zip(x.spatial, sizes, strict=True)))


def adaptive_avg_pool(x: Shape, *, output_size: _Sizes) -> Step:
    """Mean over windows whose sizes give an output of the required size; an axis of size "none" stays.

    Source: torch.nn.AdaptiveAvgPool2d.
    """
    y = _adapted(x, output_size)
    return Step("AdaptiveAvgPool", y, averaged(x, y), slide=Slide(None, x.spatial, y.spatial))


def global_avg_pool(x: Shape, *, keepdim: bool = True) -> Step:
    """Mean over all of space; the axes stay, each of size 1, unless keepdim is false.

    Source: Lin et al., Network in network, ICLR 2014, section 3.2.
    """
    y = x.resized(spatial=(1,) * len(x.spatial) if keepdim else ())
    return Step("GlobalAvgPool", y, averaged(x, y))


def global_max_pool(x: Shape, *, keepdim: bool = True) -> Step:
    """Maximum over all of space; the axes stay, each of size 1, unless keepdim is false.

    Source: keras.layers.GlobalMaxPooling2D.
    """
    y = x.resized(spatial=(1,) * len(x.spatial) if keepdim else ())
    return Step("GlobalMaxPool", y, Tally(global_max_pool_in=x.elements, global_max_pool_out=y.elements))


def adaptive_max_pool(x: Shape, *, output_size: _Sizes) -> Step:
    """Maximum over windows whose sizes give an output of the required size; an axis of size "none" stays.

    Source: torch.nn.AdaptiveMaxPool2d.
    """
    y = _adapted(x, output_size)
    tally = Tally(global_max_pool_in=x.elements, global_max_pool_out=y.elements)
    return Step("AdaptiveMaxPool", y, tally, slide=Slide(None, x.spatial, y.spatial))


def _mapped(x: Shape, what: str) -> None:
    if not x.spatial:
        raise ShapeError(f"{what} needs a feature map, but {render(x.dims)} has no spatial axes")


def interpolate(
    x: Shape, *like: Shape, size: Axes | None = None, scale_factor: _Factors | None = None, mode: str = "nearest"
) -> Step:
    """Resizing of a map: by a factor, to a size, or to the size of a second layer.

        params = 0
        MACs = 0; the elements written are tallied by mode

    A size times a decimal factor is rounded down, as a product of floating-point numbers of 64 bits.

    Source: torch.nn.functional.interpolate.
    """
    _mapped(x, "Interpolate")
    count = len(x.spatial)
    if (size is not None) + (scale_factor is not None) + len(like) != 1:
        raise ShapeError("Interpolate takes exactly one of size, scale_factor and a second layer")
    if size is not None:
        y = x.resized(spatial=per_axis(size, count, "size"))
    elif scale_factor is not None:
        factors: tuple[Dim | float, ...] = per_axis(cast("Axes", scale_factor), count, "scale_factor")
        y = x.resized(spatial=tuple(map(floor_product, x.spatial, factors)))
    else:
        y = x.resized(spatial=per_axis(like[0].spatial, count, "the size of the second layer"))
    text = "the map vanishes: an axis of size {} is resized to {}"
    stays = tuple(positive(new, text, old, new) for old, new in zip(x.spatial, y.spatial, strict=True))
    tally = Tally(interpolate_in=x.elements, **{f"interpolate_{mode}": y.elements})
    return Step("Interpolate", y, tally, constraints=stays if isinstance(scale_factor, float | tuple) else ())


def pixel_shuffle(x: Shape, *, upscale_factor: Dim) -> Step:
    """Pixel shuffle: the channels of r² maps become one map, r times finer along each axis.

    Source: Shi et al., Real-time super-resolution with a sub-pixel CNN, CVPR 2016, eq. 4.
    """
    _mapped(x, "PixelShuffle")
    area = product((upscale_factor,) * len(x.spatial))
    text = "{} positions cannot be made of {} channels; choose an upscale_factor whose square divides them"
    y = x.resized(exact_div(x.channels, area), tuple(size * upscale_factor for size in x.spatial))
    return Step("PixelShuffle", y, Tally(), constraints=(divides(area, x.channels, text),))


def pixel_unshuffle(x: Shape, *, downscale_factor: Dim) -> Step:
    """Pixel unshuffle: r² neighboring positions become channels of a map r times coarser along each axis.

    Source: Shi et al., Real-time super-resolution with a sub-pixel CNN, CVPR 2016, eq. 4, backwards.
    """
    _mapped(x, "PixelUnshuffle")
    text = "downscale_factor = {} does not divide an axis of size {}; pad first"
    constraints = tuple(divides(downscale_factor, size, text) for size in x.spatial)
    area = product((downscale_factor,) * len(x.spatial))
    y = x.resized(x.channels * area, tuple(exact_div(size, downscale_factor) for size in x.spatial))
    return Step("PixelUnshuffle", y, Tally(), constraints=constraints)
