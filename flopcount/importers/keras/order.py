"""The calls of a model in an order in which each finds what it reads."""

from collections import defaultdict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import NamedTuple

from flopcount.importers.foreign import ImportProblem
from flopcount.importers.keras.calls import Call, Ref
from flopcount.importers.keras.graph import Layer, Model

_NONE = Call()


class Turn(NamedTuple):
    """One call of one layer, the `number`-th of it."""

    layer: Layer
    number: int

    @property
    def call(self) -> Call:
        """The call; an input layer has none of its own."""
        return self.layer.calls[self.number] if self.layer.calls else _NONE


def turns(path: Path, model: Model) -> Iterator[Turn]:
    """Yield the calls, those of the file's first layers first; refuse circles and tensors that nothing makes."""
    found = [Turn(layer, number) for layer in model.layers.values() for number in range(max(len(layer.calls), 1))]
    places = {(turn.layer.name, turn.number): place for place, turn in enumerate(found)}
    readers: dict[int, list[int]] = defaultdict(list)
    missing: dict[int, int] = {}
    for place, turn in enumerate(found):
        sources = {_place(path, places, ref, turn.layer.name) for ref in turn.call.refs()}
        missing[place] = len(sources)
        for source in sources:
            readers[source].append(place)
    yield from _sorted(path, found, readers, missing)


def _sorted(path: Path, found: list[Turn], readers: dict[int, list[int]], missing: dict[int, int]) -> Iterator[Turn]:
    ready = [place for place, count in missing.items() if not count]
    heapify(ready)
    done = 0
    while ready:
        place = heappop(ready)
        done += 1
        yield found[place]
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    if done < len(found):
        names = [found[place].layer.name[:50] for place, count in missing.items() if count]
        more = ", …" if len(names) > 5 else ""  # noqa: PLR2004  (enough to find the circle)
        raise ImportProblem(path, f"layers wait for each other in a circle: {', '.join(names[:5])}{more}")


def _place(path: Path, places: dict[tuple[str, int], int], ref: Ref, reader: str) -> int:
    place = places.get((ref.layer, ref.call))
    if place is None:
        raise ImportProblem(path, f"reads call {ref.call} of {ref.layer[:50]!r}, which is not there", reader[:50])
    return place
