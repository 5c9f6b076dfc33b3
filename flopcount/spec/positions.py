"""From a place in the data back to a line and a column of the text.

Imported only when there is something to point at.
"""

import json
import tomllib
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import tree_sitter_json
import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from flopcount.errors import Place
from flopcount.spec.source import Notation, Source

Position = tuple[int, int]
"""Line and column, both from 1; columns count characters."""


class Span(NamedTuple):
    """Where something is written: line, column, and how many characters of that line it takes."""

    line: int
    column: int
    length: int


def positions(source: Source, places: Collection[Place]) -> dict[Place, Position]:
    """Return where places are written, or the nearest table around each."""
    return {place: (span.line, span.column) for place, span in spans(source, places).items()}


def spans(source: Source, places: Collection[Place]) -> dict[Place, Span]:
    """Return where places are written and how far, or the nearest table around each; one walk for all of them."""
    wanted = {place[:length] for place in places for length in range(1, len(place) + 1)}
    starts: dict[Place, Node] = {}
    for found, node in _walk(source.text, source.notation):
        for length in range(1, len(found) + 1):
            if found[:length] in wanted:
                starts.setdefault(found[:length], node)
    lines = source.text.encode(errors="surrogatepass").split(b"\n")
    found_at: dict[Place, Span] = {}
    for place in places:
        around = next((place[:length] for length in range(len(place), 0, -1) if place[:length] in starts), None)
        if around:
            found_at[place] = _span(lines, starts[around])
    return found_at


def repeated_key(text: str, notation: Notation) -> tuple[Place, Span] | None:
    """Return the first key that is given twice, and where it is given again."""
    seen: dict[Place, str] = {}
    for place, node in _walk(text, notation):
        kinds = {node.type, seen.get(place, "")}
        if place in seen and ("pair" in kinds or kinds == {"table"}):
            return place, _span(text.encode(errors="surrogatepass").split(b"\n"), node)
        seen.setdefault(place, node.type)
    return None


def _walk(text: str, notation: Notation) -> Iterator[tuple[Place, Node]]:
    grammar = tree_sitter_toml if notation == "toml" else tree_sitter_json
    root = Parser(Language(grammar.language())).parse(text.encode(errors="surrogatepass")).root_node
    return _toml(root) if notation == "toml" else _json(root)


def _span(lines: list[bytes], node: Node) -> Span:
    row, first = node.start_point
    before, inside = (
        lines[row][part].decode(errors="surrogatepass") for part in (slice(first), slice(first, _end(node)))
    )
    return Span(row + 1, len(before) + 1, max(1, len(inside)))


def _end(node: Node) -> int:
    """Return where a node ends on its first line; of one that goes on, where its key does, or what else ends there."""
    row = node.start_point[0]
    parts = [part for part in node.children if part.type != "comment"]
    if node.type == "pair":  # the grammar counts a comment behind it as part of it
        value_ends = parts[-1].end_point[0] == row
        return int(parts[-1 if value_ends else 0].end_point[1])
    if node.end_point[0] == row:
        return int(node.end_point[1])
    return int(max((part.end_point[1] for part in parts if part.end_point[0] == row), default=node.start_point[1] + 1))


def _toml(root: Node) -> Iterator[tuple[Place, Node]]:
    """Walk a document: pairs, then tables and elements of arrays of tables under their headers."""
    lengths: dict[Place, int] = {}
    for child in root.named_children:
        if child.type == "pair":
            yield from _toml_pair((), child)
        elif child.type in {"table", "table_array_element"}:
            yield from _toml_table(child, lengths)


def _toml_table(table: Node, lengths: dict[Place, int]) -> Iterator[tuple[Place, Node]]:
    header, *pairs = table.named_children
    place: Place = ()
    for key in _toml_keys(header):
        place = (*place, lengths[place] - 1, key) if place in lengths else (*place, key)
    if table.type == "table_array_element":
        lengths[place] = lengths.get(place, 0) + 1
        yield place, table
    if place in lengths:
        place = (*place, lengths[place] - 1)
    yield place, table
    for pair in pairs:
        if pair.type == "pair":
            yield from _toml_pair(place, pair)


def _toml_pair(base: Place, pair: Node) -> Iterator[tuple[Place, Node]]:
    key, *values = pair.named_children
    place = (*base, *_toml_keys(key))
    yield place, pair
    for value in values:
        yield from _toml_value(place, value)


def _toml_value(place: Place, value: Node) -> Iterator[tuple[Place, Node]]:
    if value.type == "inline_table":
        for pair in value.named_children:
            if pair.type == "pair":
                yield from _toml_pair(place, pair)
    elif value.type == "array":
        elements = [child for child in value.named_children if child.type != "comment"]
        for index, element in enumerate(elements):
            yield (*place, index), element
            yield from _toml_value((*place, index), element)


def _toml_keys(key: Node) -> Place:
    """Decode a bare, quoted or dotted key with the parser itself."""
    if key.type == "bare_key":
        return ((key.text or b"").decode(),)
    inner: Any = tomllib.loads(f"{(key.text or b'x').decode()} = 0")
    keys: Place = ()
    while isinstance(inner, dict):
        (name, inner), *_ = inner.items()
        keys = (*keys, name)
    return keys


def _json(root: Node, place: Place = ()) -> Iterator[tuple[Place, Node]]:
    for child in root.named_children:
        if child.type == "pair":
            key, value = child.named_children[0], child.named_children[-1]
            here = (*place, json.loads(key.text or b'""'))
            yield here, child
            yield from _json_value(value, here)
        elif child.type in {"object", "array"} and root.type == "document":
            yield from _json_value(child, place)


def _json_value(value: Node, place: Place) -> Iterator[tuple[Place, Node]]:
    if value.type == "object":
        yield from _json(value, place)
    elif value.type == "array":
        for index, element in enumerate(value.named_children):
            yield (*place, index), element
            yield from _json_value(element, (*place, index))
