"""Layers that change the size of a map without learned numbers."""

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Axes, Dim, product, split
from flopcount.formulas.needs import divides
from flopcount.formulas.shape import Shape, per_axis, render
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


def _mapped(x: Shape, what: str) -> None:
    if not x.spatial:
        raise ShapeError(f"{what} needs a map, and there is no space in {render(x.dims)}")


def interpolate(x: Shape, *, size: Axes | None = None, scale_factor: Axes | None = None, mode: str = "nearest") -> Step:
    """Enlargement or reduction of a map, to a size or by a factor.

        params = 0
        MACs = 0; the elements written are tallied by mode

    Source: torch.nn.functional.interpolate.
    """
    _mapped(x, "Interpolate")
    count = len(x.spatial)
    if (size is None) == (scale_factor is None):
        raise ShapeError("Interpolate takes either size or scale_factor")
    if size is not None:
        y = x.resized(spatial=per_axis(size, count, "size"))
    else:
        factors = per_axis(1 if scale_factor is None else scale_factor, count, "scale_factor")
        y = x.resized(spatial=tuple(one * factor for one, factor in zip(x.spatial, factors, strict=True)))
    return Step("Interpolate", y, Tally(interpolate_in=x.elements, **{f"interpolate_{mode}": y.elements}))


def pixel_shuffle(x: Shape, *, upscale_factor: Dim) -> Step:
    """Pixel shuffle: the channels of r² maps become one map, r times finer along each axis.

        params = 0
        MACs = 0

    Source: Shi et al., Real-time super-resolution with a sub-pixel CNN, CVPR 2016, eq. 4.
    """
    _mapped(x, "PixelShuffle")
    area = product((upscale_factor,) * len(x.spatial))
    text = "{} positions for each cannot be made of {} channels; choose an upscale_factor whose square divides them"
    y = x.resized(split(x.channels, area), tuple(size * upscale_factor for size in x.spatial))
    return Step("PixelShuffle", y, Tally(), needs=(divides(area, x.channels, text),))


def pixel_unshuffle(x: Shape, *, downscale_factor: Dim) -> Step:
    """Pixel unshuffle: r² neighbouring positions become channels of a map r times coarser along each axis.

        params = 0
        MACs = 0

    Source: Shi et al., Real-time super-resolution with a sub-pixel CNN, CVPR 2016, eq. 4, backwards.
    """
    _mapped(x, "PixelUnshuffle")
    text = "downscale_factor = {} does not divide an axis of size {}; pad first"
    needs = tuple(divides(downscale_factor, size, text) for size in x.spatial)
    area = product((downscale_factor,) * len(x.spatial))
    y = x.resized(x.channels * area, tuple(split(size, downscale_factor) for size in x.spatial))
    return Step("PixelUnshuffle", y, Tally(), needs=needs)
