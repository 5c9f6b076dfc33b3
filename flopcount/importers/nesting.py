"""Rows with dotted paths, put into blocks.

A path becomes blocks inside each other where that says the same: nothing outside a
block reads a layer in it but the last. Where something does, the block is
dissolved, and its name goes into those of its layers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from flopcount.importers.foreign import Names

Source = int | str
"""What a row reads: another row by its number, or an input by its name."""

LONGEST = 80
_ENTRY = re.compile(r"input\d*")
_OTHER = re.compile(r"[^A-Za-z0-9_-]")


class Flat(NamedTuple):
    """A row before it is in a block: its path, its kind with the fields, what it reads."""

    path: tuple[str, ...]
    data: Mapping[str, Any]
    reads: tuple[Source, ...]


class _Item(NamedTuple):
    """A row or a block among its siblings: the rows it has, by number."""

    name: str
    rows: range
    depth: int


def spelled(name: str) -> str:
    """Return a name as a file may have it."""
    text = _OTHER.sub("_", name).lstrip("-")[:LONGEST] or "layer"
    return f"{text}_" if _ENTRY.fullmatch(text) else text


def nested(rows: Sequence[Flat], inputs: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows as the layers of an arch file."""
    clean = [row._replace(path=tuple(map(spelled, row.path))) for row in rows]
    return _Nesting(clean).layers(range(len(rows)), 0, {name: name for name in inputs}, inputs[0])


class _Nesting:
    """All rows with their paths, and who reads which."""

    def __init__(self, rows: Sequence[Flat]) -> None:
        self.rows = rows
        self.paths = [row.path for row in rows]
        self.last_reader = [-1] * len(rows)
        for number, row in enumerate(rows):
            for source in row.reads:
                if isinstance(source, int):
                    self.last_reader[source] = number

    def layers(self, rows: range, depth: int, known: Mapping[Source, str], above: Source) -> list[dict[str, Any]]:
        """Return the rows of a block: layers and blocks, each with a name of its own."""
        names: dict[Source, str] = dict(known)
        taken = Names((*known.values(), "input"))
        result: list[dict[str, Any]] = []
        for item in self.items(rows, depth):
            name = taken.fresh(item.name)
            block = len(item.rows) > 1 or len(self.paths[item.rows[0]]) > item.depth + 1
            written = self.block(item, name, names, above) if block else self.layer(item, name, names, above)
            result.append(written)
            above = item.rows[-1]
            names[above] = name
        return result

    def layer(self, item: _Item, name: str, names: Mapping[Source, str], above: Source) -> dict[str, Any]:
        """Return one layer; what it reads is said where it is not the one above."""
        row = self.rows[item.rows[0]]
        after = {} if row.reads == (above,) else {"after": [names[source] for source in row.reads]}
        kind = {"type": row.data["type"]}
        return {"name": name, **after, **kind, **{key: value for key, value in row.data.items() if key != "type"}}

    def block(self, item: _Item, name: str, names: Mapping[Source, str], above: Source) -> dict[str, Any]:
        """Return a block; inside it, what it reads is called input, input2 and so on."""
        entries = [*dict.fromkeys(self.outside(item.rows))]
        inner = {entry: "input" if not place else f"input{place + 1}" for place, entry in enumerate(entries)}
        after = {} if entries == [above] else {"after": [names[entry] for entry in entries]}
        layers = self.layers(item.rows, item.depth + 1, inner, entries[0])
        return {"name": name, **after, "type": "Block", "layers": layers}

    def outside(self, rows: range) -> Iterator[Source]:
        """Yield what a stretch of rows reads that is not in it."""
        for number in rows:
            for source in self.rows[number].reads:
                if not isinstance(source, int) or source < rows.start:
                    yield source

    def items(self, rows: range, depth: int) -> Iterator[_Item]:
        """Yield the rows and blocks of a stretch, those that cannot be blocks dissolved."""
        for _, numbers in groupby(rows, key=lambda number: self.group(number, depth)):
            found = [*numbers]
            stretch = range(found[0], found[-1] + 1)
            path = self.paths[stretch[0]]
            if len(path) <= depth + 1 or self.closed(stretch):
                yield _Item(path[depth], stretch, depth)
                continue
            for number in stretch:
                old = self.paths[number]
                self.paths[number] = (*old[:depth], f"{old[depth]}_{old[depth + 1]}"[:LONGEST], *old[depth + 2 :])
            yield from self.items(stretch, depth)

    def group(self, number: int, depth: int) -> tuple[str, int]:
        """Return what rows of one block share: a name; a layer by itself shares nothing."""
        path = self.paths[number]
        return path[depth], -1 if len(path) > depth + 1 else number

    def closed(self, rows: range) -> bool:
        """Tell whether nothing outside reads a row of a stretch, but its last; and it reads something."""
        return all(self.last_reader[number] < rows.stop for number in rows[:-1]) and any(
            True for _ in self.outside(rows)
        )
