"""Where what a file says is written in it."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from flopcount.errors import Place
from flopcount.files.positions import Position, positions
from flopcount.files.source import Source


class Spots:
    """The positions of all that is in a source: looked up in one walk, when there is first something to point at."""

    def __init__(self, source: Source) -> None:
        """Keep the source; nothing is looked up yet."""
        self.source = source

    def at(self, place: Place) -> Position:
        """Return the line and column of a place, or of the nearest table around it."""
        around = (place[:length] for length in range(len(place), 0, -1))
        return next((self._found[each] for each in around if each in self._found), (1, 1))

    @cached_property
    def _found(self) -> dict[Place, Position]:
        return positions(self.source, [*_places(self.source.data)])


def _places(data: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of everything that is inside some data."""
    if isinstance(data, Mapping | list):
        for key, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield (*place, key)
            yield from _places(value, (*place, key))
