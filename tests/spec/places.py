"""Where one place of a source is written; the package looks for many at once."""

from flopcount.errors import Place
from flopcount.spec.positions import Position, positions
from flopcount.spec.source import Source


def position_of(source: Source, place: Place) -> Position | None:
    """Return the line and column of a place, or of the nearest table around it."""
    return positions(source, [place]).get(place)
