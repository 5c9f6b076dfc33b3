"""Normalisations of Keras."""

from collections.abc import Callable
from typing import Any

from flopcount.importers.keras.shapes import joined, reshaped
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use

Made = Tensor | list[Tensor]


def _along(use: Use, default: int = -1) -> list[int]:
    """Return the axes a normalisation names."""
    value = use.given("axis", default)
    value = value if isinstance(value, list) else [value]
    if not value:
        raise use.problem("names no axis")
    return sorted({use.axis(each, use.x.rank) for each in value})


def _over_several(use: Use, axes: list[int], write: Callable[[Use, Tensor], Tensor]) -> Made:
    """Write a normalisation over several axes: as one axis, the channels, and back."""

    def through(inner: Use, x: Tensor) -> Tensor:
        return reshaped(inner, write(inner, joined(inner, x, axes)), x.sizes, tail="back")

    return use.grouped(through, use.vectors(use.x))


def _single(use: Use) -> Tensor:
    """Return what is read, its channels on the one axis the layer names."""
    axes = _along(use)
    if len(axes) != 1:
        raise use.problem("names several axes; one is read")
    return use.viewed(use.x, axes[0], min(use.x.copies, use.x.rank - 1))


def _affine(use: Use) -> dict[str, Any]:
    """Return whether there are a scale and a shift."""
    scale, center = use.flag("scale", True), use.flag("center", True)
    return (
        {} if scale and center else {"affine": False} if not scale and not center else {"gamma": scale, "beta": center}
    )


def batch_norm(use: Use) -> Tensor:
    """Write a batch norm."""
    if use.given("renorm"):
        raise use.problem("renorm keeps more statistics than are known here; that is not read")
    return use.row("BatchNorm", _single(use), **_affine(use))


def layer_norm(use: Use) -> Made:
    """Write a layer norm over one axis or several, or a division by a root mean square."""
    x, axes = use.x, _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, _normed)
    return _normed(use, use.viewed(x, axes[0], min(x.copies, x.rank - 1)))


def _normed(use: Use, x: Tensor) -> Tensor:
    scale, center = use.flag("scale", True), use.flag("center", True)
    if use.flag("rms_scaling", False):
        return use.row("RMSNorm", x, elementwise_affine=scale)
    if not scale and not center:
        return use.row("LayerNorm", x, elementwise_affine=False)
    return use.row("LayerNorm", x, bias=center, gamma=scale)


def rms_norm(use: Use) -> Made:
    """Write a division by the root mean square."""
    x, axes = use.x, _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, lambda inner, y: inner.row("RMSNorm", y))
    return use.row("RMSNorm", use.viewed(x, axes[0], min(x.copies, x.rank - 1)))


def unit_norm(use: Use) -> Made:
    """Write a division by the length of a vector."""
    x, axes = use.x, _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, lambda inner, y: inner.row("RMSNorm", y, elementwise_affine=False))
    return use.row("RMSNorm", use.viewed(x, axes[0], min(x.copies, x.rank - 1)), elementwise_affine=False)


def group_norm(use: Use) -> Tensor:
    """Write a group norm; -1 groups are one for each channel."""
    x = _single(use)
    groups = use.number("groups", 32)
    return use.row("GroupNorm", x, num_groups=int(str(x.shape.channels)) if groups == -1 else groups, **_affine(use))


def data_norm(use: Use) -> Made:
    """Write a normalisation with statistics of the data: given ones are constants, found ones are kept."""
    x, kept = use.x, use.given("mean") is None
    if use.given("axis", -1) is None or use.given("axis") == []:
        return use.row("DataNorm", x, per_channel=False, track_stats=kept)
    axes = _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, lambda inner, y: inner.row("DataNorm", y, track_stats=kept))
    return use.row("DataNorm", use.viewed(x, axes[0], min(x.copies, x.rank - 1)), track_stats=kept)


def rescale(use: Use) -> Tensor:
    """Write a scaling by a constant, and an offset where there is one."""
    offset = use.given("offset", 0.0)
    y = use.row("Elementwise", use.x, function="mul")
    return y if offset == 0 else use.row("Elementwise", y, function="add", tail="offset")
