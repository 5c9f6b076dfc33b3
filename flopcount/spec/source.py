"""The text a spec comes from: where its data is written, and the line that an error is about."""

import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from flopcount.errors import MOST_TOLD, UNSOUGHT, FileError, Located, Place, Problem, plain

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

Notation = Literal["toml", "json"]

WIDEST, BEFORE = 100, 40
"""Terminal cells of a source line that are shown; cells before the error if a longer line is cut around it."""


class Source(NamedTuple):
    """The title of a file, its text, and the data the text stands for."""

    title: str
    text: str
    notation: Notation
    data: Mapping[str, Any]


def snippet(lines: Sequence[str], line: int, column: int, length: int = 1) -> tuple[str, ...]:
    """Return a line of a text and the line of carets under it; nothing if there is no such line or it is blank."""
    return excerpt(lines[line - 1], column, length) if 0 < line <= len(lines) and lines[line - 1].strip() else ()


def excerpt(line: str, column: int, length: int = 1) -> tuple[str, str]:
    """Return a line of source, cut if it is long, and the line of carets under it.

    The column counts characters from 1. Tabs become spaces and unprintable characters
    escapes, so that the carets are in the right place on any screen.
    """
    line = line.rstrip("\r\n")
    start = min(max(column - 1, 0), len(line))
    first = _first(line, start)
    before = ("…" if line[:first].strip() else "") + _printable(line[first:start])
    text = before + _printable(line[start : start + WIDEST])
    kept = _fitting(text)
    is_cut = kept != text or len(line) > start + WIDEST
    marked = min(_cells(_printable(line[start : start + length])), _cells(kept) - _cells(before))
    return f"{kept}{'…' if is_cut else ''}", f"{' ' * _cells(before)}{'^' * max(1, marked)}"


def _first(line: str, start: int) -> int:
    """Return the first character to show: after the indentation, or shortly before the error in a long line."""
    indent = min(len(line) - len(line.lstrip()), start)
    if len(line) - indent <= WIDEST and _cells(_printable(line[indent:])) <= WIDEST:
        return indent
    first, room = start, BEFORE
    while first > indent and room > 0:
        first -= 1
        room -= _cells(_printable(line[first]))
    return first


def _fitting(text: str) -> str:
    """Cut a text after the last character that fits."""
    ends = enumerate(accumulate(map(_width, text)))
    return text[: next((index for index, cells in ends if cells > WIDEST), len(text))]


def _printable(text: str) -> str:
    return plain(text.replace("\t", "    "))


def _cells(text: str) -> int:
    return sum(map(_width, text))


def _width(char: str) -> int:
    """Return how many terminal cells a character takes: two if it is wide, none if it is a combining mark."""
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def at_span(text: str, span: tuple[int, int], what: str) -> Located:
    """Return a problem with a part of a text, given by its first character and the one after it."""
    start, end = span
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return at_line(text, line, column, what, end - start)


def at_line(text: str, line: int, column: int, what: str, length: int = 1) -> Located:
    """Return a problem at a line and a column of a text."""
    return Located(what, line, column, snippet(text.split("\n"), line, column, length), "syntax")


_MARKS = (
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+'
    r"|(?P<constant>-?\b(?:NaN|Infinity)\b)|(?P<digits>[+-]?\b\d(?:_?\d){4300,}+)"
    r"|(?P<opening>[\[{])|(?P<closing>[\]}])"
)
"""Strings and comments, which are skipped, and what may be wrong outside of them."""


def token(text: str, group: Literal["constant", "digits"]) -> tuple[int, int]:
    """Return the span of the first JSON constant that is no number, or of the first number with too many digits."""
    return next((match.span() for match in _tokens(text) if match.lastgroup == group), (0, 1))


def nested_deeper(text: str, limit: int) -> tuple[int, int]:
    """Return the span of the first bracket nested deeper than a limit; the start of the text if there is none."""
    depth = 0
    for match in _tokens(text):
        depth += (match.lastgroup == "opening") - (match.lastgroup == "closing")
        if depth > limit:
            return match.span()
    return (0, 1)


def innermost(text: str) -> str:
    """Return the bracket that is opened last in a text and not closed; empty if there is none."""
    opened = [""]
    for match in _tokens(text):
        if match.lastgroup == "opening":
            opened.append(match[0])
        elif match.lastgroup == "closing" and len(opened) > 1:
            opened.pop()
    return opened[-1]


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return re.finditer(_MARKS, text, re.DOTALL)


class Span(NamedTuple):
    """Where something is written: line and column, both from 1, and its characters on that line."""

    line: int
    column: int
    length: int


def located(problems: Iterable[Problem], source: Source, settings: Mapping[Place, str] = {}) -> FileError:
    """Return problems as the error of a file, in its order, with lines and columns.

    `settings` are places that were changed from outside; their problems are not blamed on the file.
    Without a parser that knows lines, the keys that lead to a place stand for it.
    """
    problems = [*problems]
    pairs = [(problem, _setting(problem, settings)) for problem in problems if problem.what]
    places = [place for each, setting in pairs if not setting for place in (each.place, *each.via)]
    # a problem without a place stands at the start, or at the line of a model of another tool that it is about
    starts = {place: Span(int(place[1]) if place[:1] == ("line",) else 1, 1, 1) for place in places}
    is_blind = _parser(source.notation) is None
    named = {place: _named(place) for place in places if is_blind and place and place[0] != "line"}
    found = {**{place: starts[place] for place in starts.keys() - named.keys()}, **spans(source, places)}
    orders = {place: _order(source.data, place) for place in named}
    # what is not in the file comes last
    pairs.sort(key=lambda pair: found.get(pair[0].place) or (10**9, *orders.get(pair[0].place, ())))
    lines = source.text.split("\n")
    shown = [_located(problem, setting, {**named, **found}, lines) for problem, setting in pairs[:MOST_TOLD]]
    more = len(problems) - len(shown)
    least = "at least " if UNSOUGHT in problems else ""
    return FileError(source.title, *shown, *([f"and {least}{more} more problem{'s' * (more > 1)}"] if more else []))


def _setting(problem: Problem, settings: Mapping[Place, str]) -> str:
    """Return the setting that caused a problem, with a colon."""
    near = (place for place in settings if all(a == b for a, b in zip(place, problem.place, strict=False)))
    return next((f"{settings[place]}: " for place in near), "")


def _located(problem: Problem, setting: str, found: Mapping[Place, Span | str], lines: list[str]) -> Located:
    """Locate one problem, with the lines that use the template it is in."""
    using = [found[place] for place in problem.via if place in found]
    users = ", ".join(str(each.line) if isinstance(each, Span) else each for each in using)
    inside = f" (in a template used at {'line ' * isinstance(using[0], Span)}{users})" if using else ""
    where = None if setting else found.get(problem.place)
    what = f"{f'{where}: ' if isinstance(where, str) else ''}{setting}{problem}{inside}"
    place = (where.line, where.column, snippet(lines, *where)) if isinstance(where, Span) else (0, 0, ())
    return Located(what, *place, problem.code)


def _named(place: Place) -> str:
    """Write the keys that lead to a place, as in `layers[3].stride`."""
    steps = (f"[{key}]" if isinstance(key, int) else f".{key if _BARE(key) else json.dumps(key)}" for key in place)
    return plain("".join(steps).removeprefix("."))


_BARE = re.compile(r"[\w-]{1,100}").fullmatch


def _order(data: Any, place: Place) -> tuple[int, ...]:
    """Return what sorts places as they follow each other in some data."""
    order = list[int]()
    for key in place:
        keys: list[Any] = (
            [*data] if isinstance(data, Mapping) else [*range(len(data))] if isinstance(data, list) else []
        )
        if key not in keys:
            break
        order.append(keys.index(key))
        data = data[key]
    return tuple(order)


def spans(source: Source, places: Collection[Place]) -> dict[Place, Span]:
    """Return where places are written, or the nearest table around each; nothing without a parser that knows."""
    parser = _parser(source.notation)
    if parser is None:
        return {}
    root = _root(parser, source.text)
    wanted = {place[:length] for place in places for length in range(1, len(place) + 1)}
    starts: dict[Place, Node] = {}
    for found, node in _places(root, source.notation):
        for length in range(1, len(found) + 1):
            if found[:length] in wanted:
                starts.setdefault(found[:length], node)
    lines = source.text.encode(errors="surrogatepass").split(b"\n")
    around = {place: [place[:length] for length in range(1, len(place) + 1)] for place in places}
    nearest = {place: [starts[each] for each in parts if each in starts] for place, parts in around.items()}
    return {place: _span(lines, nodes[-1]) for place, nodes in nearest.items() if nodes}


def repeated_key(text: str, notation: Notation) -> tuple[Place, Span] | None:
    """Return the first key that is given twice, and where it is given again; None if the syntax is wrong.

    Without a parser that knows lines, it is None as well.
    """
    seen: dict[Place, str] = {}
    parser = _parser(notation)
    root = _root(parser, text) if parser else None
    for place, node in () if root is None or root.has_error else _places(root, notation):
        kinds = {node.type, seen.get(place, "")}
        if place in seen and ("pair" in kinds or kinds == {"table"}):
            return place, _span(text.encode(errors="surrogatepass").split(b"\n"), node)
        seen.setdefault(place, node.type)
    return None


def _parser(notation: Notation) -> "Parser | None":
    """Return the parser that knows lines; None if it is not installed: it is made for no browser."""
    try:
        import tree_sitter_json
        import tree_sitter_toml
        from tree_sitter import Language, Parser
    except ImportError:
        return None
    grammar = tree_sitter_toml if notation == "toml" else tree_sitter_json
    return Parser(Language(grammar.language()))


def _root(parser: "Parser", text: str) -> "Node":
    return parser.parse(text.encode(errors="surrogatepass")).root_node


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
    start, end = (len(lines[row][:byte].decode(errors="surrogatepass")) for byte in (first, _end(node)))
    return Span(row + 1, start + 1, max(1, end - start))


def _end(node: "Node") -> int:
    """Return where a node ends on its first line; if it continues, where the last part that ends there does."""
    row = node.start_point[0]
    parts = [part for part in node.children if part.type != "comment"]
    if node.type == "pair":  # the grammar includes a comment after it
        return int(parts[-1 if parts[-1].end_point[0] == row else 0].end_point[1])
    if node.end_point[0] == row:
        return int(node.end_point[1])
    return int(max((part.end_point[1] for part in parts if part.end_point[0] == row), default=node.start_point[1] + 1))
