"""Where one place of a source is written; the package looks for many at once."""

from flopcount.errors import Place
from flopcount.spec.source import Source, spans


def position_of(source: Source, place: Place) -> tuple[int, int] | None:
    """Return the line and column of a place, or of the nearest table around it."""
    found = spans(source, [place]).get(place)
    return found[:2] if found else None
