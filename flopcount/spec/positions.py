"""From a place in the data to a line and a column of the text."""

import json
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.errors import FileError, Located, Place, Problem
from flopcount.spec.source import Notation, Source, snippet

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_SHOWN = 50
"""Problems of a file that are listed; the others are counted."""


class Span(NamedTuple):
    """Where something is written: line and column, both from 1, and its characters on that line."""

    line: int
    column: int
    length: int


_START = Span(1, 1, 1)
"""The place of a problem with a file as a whole."""

_NOWHERE = Span(10**9, 0, 0)
"""The place of a problem that is not in the file: it is listed last."""


def located(problems: Iterable[Problem], source: Source, settings: Mapping[Place, str] = {}) -> FileError:
    """Return problems as the error of a file, in its order, with lines and columns.

    `settings` are places that were changed from outside; their problems are not blamed on the file.
    """
    pairs = [(problem, _setting(problem, settings)) for problem in problems]
    places = [place for each, setting in pairs if not setting for place in (each.place, *each.via)]
    found = {**{place: _start(place) for place in places}, **spans(source, places)}
    pairs.sort(key=lambda pair: found.get(pair[0].place, _NOWHERE))
    lines = source.text.split("\n")
    shown = [_located(problem, setting, found, lines) for problem, setting in pairs[:MOST_SHOWN]]
    more = len(pairs) - MOST_SHOWN
    return FileError(source.title, *shown, *([f"and {more} more problems"] if more > 0 else []))


def _start(place: Place) -> Span:
    """Return the place of a problem without one: the line, if it is about a line of a model of another tool."""
    line = place[1] if place[:1] == ("line",) else 1
    return Span(line, 1, 1) if isinstance(line, int) else _START


def _setting(problem: Problem, settings: Mapping[Place, str]) -> str:
    """Return the setting that caused a problem."""
    for place, setting in settings.items():
        if problem.place[: len(place)] == place or place[: len(problem.place)] == problem.place:
            return f"{setting}: "
    return ""


def _located(problem: Problem, setting: str, found: Mapping[Place, Span], lines: list[str]) -> Located:
    """Locate one problem, with the lines that use the template it is in."""
    users = ", ".join(str(found[place].line) for place in problem.via if place in found)
    what = f"{setting}{problem}{f' (in a template used at line {users})' if users else ''}"
    span = found.get(problem.place)
    if span is None:
        return Located(what, code=problem.code)
    return Located(what, span.line, span.column, snippet(lines, *span), problem.code)


def spans(source: Source, places: Collection[Place]) -> dict[Place, Span]:
    """Return where places are written, or the nearest table around each."""
    wanted = {place[:length] for place in places for length in range(1, len(place) + 1)}
    starts: dict[Place, Node] = {}
    for found, node in _places(_root(source.text, source.notation), source.notation):
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
    """Return the first key that is given twice, and where it is given again; None if the syntax is wrong."""
    seen: dict[Place, str] = {}
    root = _root(text, notation)
    for place, node in () if root.has_error else _places(root, notation):
        kinds = {node.type, seen.get(place, "")}
        if place in seen and ("pair" in kinds or kinds == {"table"}):
            return place, _span(text.encode(errors="surrogatepass").split(b"\n"), node)
        seen.setdefault(place, node.type)
    return None


def _root(text: str, notation: Notation) -> "Node":
    import tree_sitter_json
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    grammar = tree_sitter_toml if notation == "toml" else tree_sitter_json
    return Parser(Language(grammar.language())).parse(text.encode(errors="surrogatepass")).root_node


def _places(root: "Node", notation: Notation) -> "Iterator[tuple[Place, Node]]":
    """Yield everything in a document with its place; tables of TOML and elements of their arrays by their headers."""
    lengths: dict[Place, int] = {}
    for child in root.named_children:
        if notation == "json":
            yield from _value((), child)
        elif child.type == "pair":
            yield from _pair((), child)
        elif child.type in {"table", "table_array_element"}:
            yield from _table(child, lengths)


def _table(table: "Node", lengths: dict[Place, int]) -> "Iterator[tuple[Place, Node]]":
    header, *pairs = table.named_children
    place: Place = ()
    for key in _keys(header):
        place = (*place, lengths[place] - 1, key) if place in lengths else (*place, key)
    if table.type == "table_array_element":
        lengths[place] = lengths.get(place, 0) + 1
        yield place, table
    if place in lengths:
        place = (*place, lengths[place] - 1)
    yield place, table
    for pair in pairs:
        if pair.type == "pair":
            yield from _pair(place, pair)


def _pair(base: Place, pair: "Node") -> "Iterator[tuple[Place, Node]]":
    key, *values = pair.named_children
    place = (*base, *_keys(key))
    yield place, pair
    for value in values:
        yield from _value(place, value)


def _value(place: Place, value: "Node") -> "Iterator[tuple[Place, Node]]":
    if value.type in {"inline_table", "object"}:
        for pair in value.named_children:
            if pair.type == "pair":
                yield from _pair(place, pair)
    elif value.type == "array":
        elements = [child for child in value.named_children if child.type != "comment"]
        for index, element in enumerate(elements):
            yield (*place, index), element
            yield from _value((*place, index), element)


def _keys(key: "Node") -> Place:
    """Decode a key with the parser of its notation; a dotted key stands for several."""
    text = key.text or b""
    if key.type == "string":
        return (json.loads(text),)
    if key.type == "bare_key":
        return (text.decode(),)
    inner: Any = tomllib.loads(f"{text.decode()} = 0")
    keys: Place = ()
    while isinstance(inner, dict):
        (name, inner), *_ = inner.items()
        keys = (*keys, name)
    return keys


def _span(lines: list[bytes], node: "Node") -> Span:
    row, first = node.start_point
    before, inside = (
        lines[row][part].decode(errors="surrogatepass") for part in (slice(first), slice(first, _end(node)))
    )
    return Span(row + 1, len(before) + 1, max(1, len(inside)))


def _end(node: "Node") -> int:
    """Return where a node ends on its first line; if it continues, where the last part that ends there does."""
    row = node.start_point[0]
    parts = [part for part in node.children if part.type != "comment"]
    if node.type == "pair":  # the grammar includes a comment after it
        value_ends = parts[-1].end_point[0] == row
        return int(parts[-1 if value_ends else 0].end_point[1])
    if node.end_point[0] == row:
        return int(node.end_point[1])
    return int(max((part.end_point[1] for part in parts if part.end_point[0] == row), default=node.start_point[1] + 1))
