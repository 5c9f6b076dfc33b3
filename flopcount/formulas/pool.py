"""Pooling."""

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Axes, product
from flopcount.formulas.needs import Need, positive
from flopcount.formulas.shape import Padding, Pads, Shape, Slide, Window, pads, per_axis
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally

_TOO_MUCH = "padding = {} is more than half of the pool's kernel, {}: a window could lie outside the map"


def _pooled(kind: str, name: str, x: Shape, window: Window) -> Step:
    """Slide a window of fixed weights; tally what it reads, writes and looks at."""
    spatial, survives = window.over(x.spatial)
    y = x.resized(spatial=spatial)
    kernel = window.kernel(len(spatial))
    counts = {"in": x.elements, "out": y.elements, "window": y.elements * product(kernel)}
    tally = Tally(**{f"{name}_{what}": count for what, count in counts.items()})
    needs, slide = (*_covered(window, len(spatial)), *survives), Slide(window, x.spatial, spatial)
    return Step(kind, y, tally, needs=needs, kernel=kernel, slide=slide)


def _covered(window: Window, count: int) -> tuple[Need, ...]:
    """Need explicit padding to be at most half the kernel, as PyTorch does."""
    if isinstance(window.padding, str):
        return ()
    padding: Pads = pads(window.padding, count)
    return tuple(
        positive(kernel - 2 * pad + 1, _TOO_MUCH, pad, kernel)
        for pair, kernel in zip(padding, window.kernel(count), strict=True)
        if isinstance(pair, tuple)
        for pad in pair
    )


def max_pool(
    x: Shape,
    *,
    kernel_size: Axes,
    stride: Axes | None = None,
    padding: Padding = 0,
    dilation: Axes = 1,
    ceil_mode: bool = False,
) -> Step:
    """Maximum over a window; the stride is the kernel where it is not given.

        params = 0
        MACs = 0

    Source: torch.nn.MaxPool2d.
    """
    stride = kernel_size if stride is None else stride
    return _pooled("MaxPool", "max_pool", x, Window(kernel_size, stride, padding, dilation, ceil_mode))


def avg_pool(
    x: Shape, *, kernel_size: Axes, stride: Axes | None = None, padding: Padding = 0, ceil_mode: bool = False
) -> Step:
    """Mean over a window; the stride is the kernel where it is not given.

        params = 0
        MACs = 0

    Source: torch.nn.AvgPool2d.
    """
    stride = kernel_size if stride is None else stride
    return _pooled("AvgPool", "avg_pool", x, Window(kernel_size, stride, padding, ceil_mode=ceil_mode))


def averaged(x: Shape, y: Shape) -> Tally:
    """Tally means, each over all there is along some axes."""
    return Tally(global_pool_in=x.elements, global_pool_out=y.elements)


def adaptive_avg_pool(x: Shape, *, output_size: Axes) -> Step:
    """Mean over windows that are sized so that the map comes out as given.

        params = 0
        MACs = 0

    Source: torch.nn.AdaptiveAvgPool2d.
    """
    if not x.spatial:
        raise ShapeError("an adaptive pool needs a map, and there are no spatial axes here")
    y = x.resized(spatial=per_axis(output_size, len(x.spatial), "output_size"))
    return Step("AdaptiveAvgPool", y, averaged(x, y), slide=Slide(None, x.spatial, y.spatial))


def global_avg_pool(x: Shape, *, keepdim: bool = True) -> Step:
    """Mean over all of space; the axes stay, each of size 1, unless keepdim is false.

        params = 0
        MACs = 0

    Source: Lin et al., Network in network, ICLR 2014, section 3.2.
    """
    y = x.resized(spatial=(1,) * len(x.spatial) if keepdim else ())
    return Step("GlobalAvgPool", y, averaged(x, y))


def global_max_pool(x: Shape, *, keepdim: bool = True) -> Step:
    """Maximum over all of space; the axes stay, each of size 1, unless keepdim is false.

        params = 0
        MACs = 0

    Source: keras.layers.GlobalMaxPooling2D.
    """
    y = x.resized(spatial=(1,) * len(x.spatial) if keepdim else ())
    return Step("GlobalMaxPool", y, Tally(global_max_pool_in=x.elements, global_max_pool_out=y.elements))


def adaptive_max_pool(x: Shape, *, output_size: Axes) -> Step:
    """Maximum over windows that are sized so that the map comes out as given.

        params = 0
        MACs = 0

    Source: torch.nn.AdaptiveMaxPool2d.
    """
    if not x.spatial:
        raise ShapeError("an adaptive pool needs a map, and there are no spatial axes here")
    y = x.resized(spatial=per_axis(output_size, len(x.spatial), "output_size"))
    tally = Tally(global_max_pool_in=x.elements, global_max_pool_out=y.elements)
    return Step("AdaptiveMaxPool", y, tally, slide=Slide(None, x.spatial, y.spatial))
