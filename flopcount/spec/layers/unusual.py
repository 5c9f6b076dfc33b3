"""Convolutions that read, share or multiply otherwise than a standard one."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Filtering, Flag, Function, Layer, Norm, Padding


class CoordConv(Filtering):
    """Convolution that also reads coordinates."""

    with_r: Annotated[Flag, Field(description="whether it reads the distance from the middle too")] = False


class LocallyConnected(Filtering):
    """Convolution whose weights are not shared between positions."""


class WinogradConv(Layer):
    """Standard convolution by Winograd's algorithm."""

    out_channels: Annotated[Count, Field(description="number of filters")]
    kernel_size: Annotated[Axes, Field(description="size of the kernel")]
    tile_size: Annotated[Axes, Field(description="size of the tiles that the output is computed in")] = 2
    padding: Annotated[Padding, Field(description="what is added around the map")] = 0
    bias: Annotated[Flag, Field(description="whether each filter has a bias")] = True
    norm: Annotated[Norm | None, Field(description="normalisation behind the convolution")] = None
    activation: Annotated[Function | None, Field(description="function behind the convolution")] = None


class AdderConv(Filtering):
    """Distances in place of products."""


class BinaryConv(Filtering):
    """Weights and inputs of one bit."""


class SparseConv(Layer):
    """Submanifold sparse convolution."""

    out_channels: Annotated[Count, Field(description="number of filters")]
    kernel_size: Annotated[Axes, Field(description="size of the kernel")]
    active_pairs: Annotated[Count, Field(description="active inputs that active outputs read, counted together")]
    active_positions: Annotated[Count | None, Field(description="positions that are active; all if absent")] = None
    bias: Annotated[Flag, Field(description="whether each filter has a bias")] = True
