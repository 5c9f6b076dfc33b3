"""Layers of Keras around another layer."""

from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use


def time_distributed(use: Use) -> Tensor | list[Tensor]:
    """Write a layer that is applied to each place of the first axis."""
    return use.inside(use._replace(outer=use.outer + 1, args=(_in_front(use),)))


def _in_front(use: Use) -> Tensor:
    """See a tensor with the places that the layer is applied to in front of its channels."""
    x = use.x
    if x.rank < use.outer + 2:
        raise use.problem(f"its input has {x.rank} axes behind the batch; it needs at least {use.outer + 2}")
    copies = max(x.copies, use.outer + 1)
    return use.viewed(x, max(x.channel, copies) if x.channel <= use.outer else x.channel, copies)


def spectral(use: Use) -> Tensor | list[Tensor]:
    """Write a layer whose weight is divided by its largest singular value, for which a vector is kept."""
    return use.grouped(_normalised, use.x)


def _normalised(use: Use, x: Tensor) -> Tensor:
    made = use.inside(use._replace(args=(x,)))
    y = made if isinstance(made, Tensor) else made[0]
    last = x if "Transpose" in str(use.given("layer", {}).get("class_name")) else y  # the last axis of the weight
    return use.row("Constants", y, tail="vector", count=last.sizes[last.channel])
