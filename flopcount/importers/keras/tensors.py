"""What a row of a Keras model leaves: its shape here, and the order its axes have in Keras."""

from typing import NamedTuple

from flopcount.formulas.shape import Shape
from flopcount.importers.rows import whole


class Tensor(NamedTuple):
    """What a row leaves: its shape here, and which of Keras' axes the channels are."""

    row: str
    shape: Shape
    channel: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes as Keras orders them, without the batch."""
        others = [whole(size) for size in (*self.shape.leading, *self.shape.spatial)]
        return (*others[: self.channel], whole(self.shape.channels), *others[self.channel :])

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape.dims)

    @property
    def copies(self) -> int:
        """How many axes stand before the channels here."""
        return self.shape.channel_axis


def held(sizes: tuple[int, ...], channel: int, copies: int) -> Shape:
    """Return the shape that sizes of Keras have here, with so many axes before the channels."""
    others = (*sizes[:channel], *sizes[channel + 1 :])
    return Shape((*others[:copies], sizes[channel], *others[copies:]), copies)


def order_of(channel: int, copies: int, rank: int) -> list[int]:
    """Return which axes of Keras stand where here."""
    others = [axis for axis in range(rank) if axis != channel]
    return [*others[:copies], channel, *others[copies:]]
