"""Layers that move numbers about and compute nothing."""

from flopcount.formulas.dims import Dim
from flopcount.formulas.needs import divides, positive
from flopcount.formulas.shape import Pads, Shape, pads
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


def flatten(x: Shape) -> Step:
    """Lay out the channels and all of space as one vector; a batch stays.

        params = 0
        MACs = 0

    Source: torch.nn.Flatten.
    """
    y = x.resized(channels=x.channels, spatial=())
    for size in x.spatial:
        y = y.resized(channels=y.channels * size)
    return Step("Flatten", y, Tally())


def identity(x: Shape) -> Step:
    """All as it is.

        params = 0
        MACs = 0

    Source: torch.nn.Identity.
    """
    return Step("Identity", x, Tally())


def dropout(x: Shape, *, p: float = 0.5) -> Step:  # noqa: ARG001  (p changes training, never the cost)
    """Drop elements while training; at inference nothing happens.

        params = 0
        MACs = 0

    Source: Srivastava et al., Dropout, JMLR 2014.
    """
    return Step("Dropout", x, Tally())


def channel_shuffle(x: Shape, *, groups: Dim) -> Step:
    """Deal the channels of `groups` groups out evenly to all groups.

        params = 0
        MACs = 0

    Source: Zhang et al., ShuffleNet, CVPR 2018, figure 1.
    """
    fits = divides(groups, x.channels, "groups = {} does not divide the {} channels; choose a divisor of them")
    return Step("ChannelShuffle", x, Tally(), needs=(fits,))


def pad(x: Shape, *, padding: Dim | Pads) -> Step:
    """Add a border around space.

        params = 0
        MACs = 0

    Source: torch.nn.ZeroPad2d.
    """
    pairs = pads(padding, len(x.spatial))
    sizes = tuple(size + before + after for size, (before, after) in zip(x.spatial, pairs, strict=True))
    return Step("Pad", x.resized(spatial=sizes), Tally())


def crop(x: Shape, *, cropping: Dim | Pads) -> Step:
    """Cut a border off space.

        params = 0
        MACs = 0

    Source: keras.layers.Cropping2D.
    """
    pairs = pads(cropping, len(x.spatial), "cropping")
    sizes = tuple(size - before - after for size, (before, after) in zip(x.spatial, pairs, strict=True))
    text = "cropping cuts away all of an axis of size {}; crop less"
    needs = tuple(positive(left, text, size) for left, size in zip(sizes, x.spatial, strict=True))
    return Step("Crop", x.resized(spatial=sizes), Tally(), needs=needs)
