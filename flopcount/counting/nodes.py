"""One layer of a plan."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flopcount.counting.frames import Frame
from flopcount.errors import Place
from flopcount.schema.base import Layer

MOST_LAYERS = 100_000
"""A network of more layers, blocks unrolled, is refused."""

INPUT = "input"
"""The path of what enters the network, and the name of what enters a block."""


class Node(NamedTuple):
    """One layer: its path, what it reads, and where the file says so.

    `computed` holds the fields that are expressions; they are evaluated in
    `frame` by the walk. `via` are the places that used the template it is in.
    """

    path: str
    layer: Layer
    inputs: tuple[str, ...]
    place: Place
    computed: Mapping[str, Any] = {}
    frame: Frame | None = None
    via: tuple[Place, ...] = ()

    @property
    def kind(self) -> str:
        """The name of the layer's kind."""
        return type(self.layer).__name__
