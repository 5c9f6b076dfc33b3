"""Layers that change the size of a map without learned numbers."""

from typing import Annotated, Literal

from pydantic import Field

from flopcount.spec.fields import Axes, Count, Expects, Layer

Mode = Annotated[
    Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area"],
    Expects('"nearest", "linear", "bilinear", "bicubic", "trilinear" or "area"'),
]


class Interpolate(Layer):
    """Enlarge or shrink a map."""

    size: Annotated[Axes | None, Field(description="size of the map it leaves")] = None
    scale_factor: Annotated[Axes | None, Field(description="how many times larger the map it leaves is")] = None
    mode: Annotated[Mode, Field(description="how values between the points are found")] = "nearest"


class PixelShuffle(Layer):
    """Turn channels into a finer map."""

    upscale_factor: Annotated[Count, Field(description="how many times finer along each axis")]


class PixelUnshuffle(Layer):
    """Turn neighbouring positions into channels of a coarser map."""

    downscale_factor: Annotated[Count, Field(description="how many times coarser along each axis")]
