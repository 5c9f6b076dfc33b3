"""Layers that say which axis the channels are on; they compute nothing.

A linear layer and an attention read the last axis as the channels, and what
stands before it as tokens; a convolution reads what stands behind as space.
"""

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Axes, product
from flopcount.formulas.needs import equal
from flopcount.formulas.shape import Shape, per_axis, render
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


def token_rows(x: Shape, what: str) -> None:
    """Refuse what is not a sequence of tokens, with the channels last."""
    if x.spatial or not x.leading:
        raise ShapeError(
            f"{what} reads tokens with the channels last, and its input is {render(x.dims)}; put a ToTokens before it"
        )


def channels_last(x: Shape) -> Step:
    """Put the channels behind space, so that each position is a vector of channels.

        params = 0
        MACs = 0

    Source: torch.permute, as in ConvNeXt (Liu et al., CVPR 2022).
    """
    dims = (*x.leading, *x.spatial, x.channels)
    return Step("ChannelsLast", Shape(dims, len(dims) - 1), Tally())


def channels_first(x: Shape, *, axes: int = 2) -> Step:
    """Put the channels before the last `axes` axes again, which become space.

        params = 0
        MACs = 0

    Source: torch.permute, as in ConvNeXt (Liu et al., CVPR 2022).
    """
    if x.spatial or len(x.leading) < axes:
        raise ShapeError(
            f"ChannelsFirst makes space of {axes} axes before the channels, and {render(x.dims)} has not as many"
        )
    kept = len(x.leading) - axes
    return Step("ChannelsFirst", Shape((*x.leading[:kept], x.channels, *x.leading[kept:]), kept), Tally())


def to_tokens(x: Shape) -> Step:
    """Make each position of a map a token: space becomes one axis, before the channels.

        params = 0
        MACs = 0

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, section 3.1.
    """
    if not x.spatial:
        raise ShapeError(f"ToTokens reads a map, and there is no space in {render(x.dims)}")
    dims = (*x.leading, product(x.spatial), x.channels)
    return Step("ToTokens", Shape(dims, len(dims) - 1), Tally())


def to_map(x: Shape, *, size: Axes) -> Step:
    """Lay tokens out as a map of a given size; one number stands for a square.

        params = 0
        MACs = 0

    Source: torch.reshape.
    """
    token_rows(x, "ToMap")
    sizes = per_axis(size, len(size) if isinstance(size, tuple) else 2, "size")
    fits = equal(product(sizes), x.leading[-1], "a map of {} positions is to be made of {} tokens")
    y = Shape((*x.leading[:-1], x.channels, *sizes), len(x.leading) - 1)
    return Step("ToMap", y, Tally(), needs=(fits,))


def transpose(x: Shape) -> Step:
    """Exchange tokens and channels, so that what follows mixes the tokens.

        params = 0
        MACs = 0

    Source: Tolstikhin et al., MLP-Mixer, NeurIPS 2021, figure 1.
    """
    token_rows(x, "Transpose")
    return Step("Transpose", Shape((*x.leading[:-1], x.channels, x.leading[-1]), x.channel_axis), Tally())
