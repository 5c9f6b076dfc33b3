"""Tables in a terminal, fitted to its width; at full width if piped.

A table that is too wide is shortened first (`FITS`); then columns leave, those of the highest rank first, and a
line under the table names them. If what stays does not fit either, every row becomes a paragraph.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from click import style

from flopcount.errors import Message, plain
from flopcount.report import escape
from flopcount.report.table import WORDS, Column, Numbers, Report, Row, Table, cell_text

WIDEST = 10**9
"""The width of piped output, at which nothing is shortened."""

LEAST: Mapping[str, int] = {"prose": 24, "path": 16}
"""The width to which columns of these forms shrink at most: prose wraps, a path loses its middle."""

SHORTEST_BAR, LONGEST_BAR = 6, 20
"""The width of the bars beside shares, if there is room."""

INDENT, ERROR_INDENT = "   ", "    "
"""The space before the paragraph of a row, and before the source under an error."""

Look = Literal["title", "aside", "note", "good", "bad", "error", "bar", ""]
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "title": {"bold": True},
    "aside": {"dim": True},
    "note": {"fg": "yellow"},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "error": {"fg": "red", "bold": True},
    "bar": {"fg": "cyan"},
}
"""How a terminal shows a text."""

STATUSES: Mapping[str, Look] = {
    **dict.fromkeys(("added", "holds"), "good"),
    **dict.fromkeys(("removed", "differs"), "bad"),
    **dict.fromkeys(("changed", "erratum"), "note"),
}
"""The look of a code in a column of the form `status`."""

Line = Sequence[tuple[str, Look]]
"""The parts of a line, each with its look."""


class Screen(NamedTuple):
    """What the output goes to: its width, whether it shows colors, and its encoding."""

    width: int = WIDEST
    color: bool = False
    encoding: str = "utf-8"


class Fit(NamedTuple):
    """How much a table is shortened: the space between columns, wrapped titles, its numbers, words without middle."""

    gap: int = 3
    wraps: bool = False
    numbers: Numbers = "grouped"
    elides: bool = False


FITS = (
    Fit(),
    Fit(2, wraps=True),
    Fit(2, wraps=True, numbers="brief"),
    Fit(2, wraps=True, numbers="brief", elides=True),
)
"""How a table is shortened, step by step; all of them are tried before a column leaves."""

PIPE = Screen()


def render_terminal(report: Report, screen: Screen = PIPE, *, parts: bool = False) -> str:
    """Return the report as lines that are no longer than the screen is wide."""
    return printed(_lines(report, screen, parts=parts), screen)


def printed(lines: Iterable[Line], screen: Screen) -> str:
    """Return lines as text, with colors if the screen has any."""
    if not screen.color:
        return "".join(f"{''.join([text for text, _ in line])}\n" for line in lines)
    return "".join(f"{''.join([_styled(*each) for each in line])}\n" for line in lines)


def _styled(text: str, look: Look) -> str:
    return style(text, **LOOKS[look]) if text and look else text


def drawn_lines(report: Report) -> Iterator[Line]:
    """Yield what a terminal as wide as the tables shows, at least 100 columns for prose."""
    width = max(100, *(_Grid(table, PIPE, parts=False).least for table in report.tables))
    yield from _lines(report, Screen(width, color=True), parts=False)


def _lines(report: Report, screen: Screen, *, parts: bool) -> Iterator[Line]:
    """Yield a report; one blank line precedes each note."""
    last: Line = ()
    for last in _tables(report, screen, parts=parts):
        yield last
    for number, note in enumerate(report.notes):
        yield from [] if number == 0 and last == _BLANK else [_BLANK]
        yield from prose(f"note: {note}", screen, "note")


def _tables(report: Report, screen: Screen, *, parts: bool) -> Iterator[Line]:
    yield from prose(report.title, screen, "title")
    for text in report.lines:
        yield from prose(str(text), screen, "aside")
    for number, table in enumerate(report.tables):
        grid = _Grid(table, screen, parts=parts)
        found = grid.fitted(screen.width)
        yield from _drawn(grid, screen, *found) if found else _paragraphs(grid, screen)
        yield from prose(table.caption, screen, "aside") if table.caption else ()
        if found and (left := [grid.title(column) or column.key for column in table.columns if column not in found[0]]):
            ways = f"{table.choose}, a wider terminal" if table.choose else "a wider terminal"
            way = f"see {ways} or --format {'json' if number else 'csv'}"
            yield from prose(f"not shown at {screen.width} columns: {', '.join(left)}; {way}", screen, "aside")


def prose(text: str, screen: Screen, look: Look = "", indent: str = "") -> Iterator[Line]:
    """Yield a text as lines that fit the screen."""
    words = escape.encoded(plain(text), screen.encoding)
    indent += " " * (len(words) - len(words.lstrip(" ")))
    yield from ([(indent + line, look)] for line in _wrapped(words.lstrip(" "), screen.width - len(indent)))


def failure(message: Message, screen: Screen) -> Iterator[Line]:
    """Yield an error as lines that fit the screen, the source under it with carets under what is wrong."""
    for number, line in enumerate(prose(f"error: {message.text}", screen)):
        ((words, _),) = line
        yield [("error:", "error"), (words.removeprefix("error:"), "")] if number == 0 else line
    if message.snippet:
        source, carets = map(plain, message.snippet)
        source, carets = _around(source, carets, screen._replace(width=screen.width - len(ERROR_INDENT)))
        yield [(ERROR_INDENT + source, "aside")]
        yield [(ERROR_INDENT + carets, "error")]
    yield from (line for each in message.lines for line in prose(each, screen, "aside", ERROR_INDENT))


def _around(source: str, carets: str, screen: Screen) -> tuple[str, str]:
    """Return a line of source and the carets under it as the screen has them, cut around the carets."""
    dots, width = escape.encoded("…", screen.encoding), screen.width
    before = _sliced(_spread(source), 0, len(carets) - len(carets.lstrip()))
    start = text_width(escape.encoded(before, screen.encoding))
    source, carets = escape.encoded(source, screen.encoding), " " * start + carets.lstrip()
    if max(text_width(source), len(carets)) <= width:
        return source, carets
    cells = f"{_spread(source)} "
    first = max(0, min(start - width // 3, len(cells) - width))
    head, tail = dots if first else "", dots if first + width < len(cells) else ""
    shown = _sliced(cells, first + len(head), first + width - len(tail))
    return f"{head}{shown}{tail}".rstrip(), carets[first : first + width]


def _spread(text: str) -> str:
    """Return a text with a character for each cell."""
    return "".join(char + "\0" * (text_width(char) - 1) for char in text)


def _sliced(cells: str, start: int, stop: int) -> str:
    """Return some cells of a text; half of a wide character is a blank."""
    shown = cells[start:stop]
    shown = f" {shown[1:]}" if shown.startswith("\0") else shown
    shown = f"{shown[:-1]} " if cells.startswith("\0", stop) else shown
    return shown.replace("\0", "")


def _wrapped(text: str, width: int) -> list[str]:
    if text_width(text) <= width:
        return [text]
    if _is_narrow(text):
        from textwrap import wrap

        return wrap(text, max(width, 1), break_on_hyphens=False)
    from rich.console import Console
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(text).wrap(Console(width=width), width)]


_NARROW = re.compile("[\0-\u02ff\u2010-\u2027\u2070-\u22ff\u2308-\u230b\u2500-\u25fc]*")


def _is_narrow(text: str) -> bool:
    """Tell whether every character certainly takes one cell."""
    return _NARROW.fullmatch(text) is not None


def text_width(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii() or _is_narrow(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _elided(text: str, width: int, dots: str) -> str:
    """Return a text without its middle if it is too long."""
    if text_width(text) <= width:
        return text
    left = max(width - len(dots), 0)
    head, tail = text[: left // 2], text[len(text) - (left - left // 2) :]
    while head + tail and text_width(head + tail) > left:
        head, tail = (head[:-1], tail) if len(head) > len(tail) else (head, tail[1:])
    return (head + dots + tail)[: max(width, 1)]


class _Grid:
    """A table as text, column by column, for one screen."""

    def __init__(self, table: Table, screen: Screen, *, parts: bool) -> None:
        self.table, self.encoding = table, screen.encoding
        deltas = [column.key for column in table.columns if column.form == "delta"]
        metrics = deltas or [column.key for column in table.columns if column.metric and column.form == "count"]
        found = [*_flat(table.rows, parts=parts, metrics=metrics if screen.color else [])]
        found += [(table.total, "title")] if table.total else []
        self.rows = [row for row, _ in found]
        self.looks = [look for _, look in found]
        self.known: dict[tuple[str, Numbers], tuple[list[str], int]] = {}

    def column(self, column: Column, numbers: Numbers = "grouped") -> tuple[list[str], int]:
        """Return the texts of a column and the width of the longest."""
        numbers = "exact" if self.table.exact else numbers
        if (column.key, numbers) not in self.known:
            key, form, encoding = column.key, column.form, self.encoding
            texts = [escape.encoded(cell_text(row.cells.get(key), form, numbers), encoding) for row in self.rows]
            measure = len if _is_narrow("".join(texts)) else text_width
            self.known[key, numbers] = texts, max(map(measure, texts), default=0)
        return self.known[column.key, numbers]

    def title(self, column: Column) -> str:
        return escape.encoded(plain(column.title), self.encoding)

    def width(self, column: Column, fit: Fit) -> int:
        """Return the width that a column takes by itself."""
        title = self.title(column)
        words = [text_width(word) for word in title.split()] if fit.wraps else [text_width(title)]
        return max(self.column(column, fit.numbers)[1], *words, 0)

    @property
    def least(self) -> int:
        """The width that the table takes if only its prose is wrapped."""
        widths = ((self.width(column, FITS[0]), column.form) for column in self.table.columns)
        return sum((min(width, LEAST[form]) if form == "prose" else width) + FITS[0].gap for width, form in widths)

    def fitted(self, width: int) -> tuple[list[Column], Fit, list[int]] | None:
        """Return the columns that stay, how they are shortened, and their widths; None if too many would stay."""
        columns = [*self.table.columns]
        leaving = sorted((column for column in columns if column.rank), key=lambda column: column.rank)
        while True:
            for fit in FITS:
                if widths := self._widths(columns, fit, width):
                    return columns, fit, widths
            if not leaving:
                return None
            columns.remove(leaving.pop())

    def _widths(self, columns: Sequence[Column], fit: Fit, width: int) -> list[int] | None:
        """Return the width of each column; None if they do not fit. The narrowest of those that shrink come first."""
        widths = [self.width(column, fit) for column in columns]
        least = [LEAST.get(column.form) if fit.elides or column.form == "prose" else None for column in columns]
        shrinking = sorted((i for i, each in enumerate(least) if each), key=widths.__getitem__)
        left = width - fit.gap * len(widths) - sum(widths) + sum(widths[i] for i in shrinking)
        for others, i in zip(range(len(shrinking), 0, -1), shrinking, strict=True):
            widths[i] = min(widths[i], max(left // others, least[i] or 0))
            left -= widths[i]
        return widths if left >= 0 else None


def _flat(rows: Iterable[Row], *, parts: bool, metrics: Sequence[str]) -> Iterator[tuple[Row, Look]]:
    """Yield rows, those of parts and those that cost or change nothing dimmed."""
    for row in rows:
        is_free = bool(metrics) and not any(row.cells.get(key) for key in metrics)
        yield row, "aside" if is_free else ""
        yield from ((part, "aside") for part, _ in _flat(row.parts, parts=True, metrics=[])) if parts else ()


class _Strip(NamedTuple):
    """A column as it is drawn: its cells, its width, and whether they are aligned left or wrapped."""

    title: str
    cells: Sequence[str]
    width: int
    form: str

    def padded(self, text: str) -> str:
        space = " " * (self.width - text_width(text))
        return text + space if self.form in WORDS or self.form == "bar" else space + text

    def look(self, text: str) -> Look:
        """Return the look of a cell: of a status, a bar, or a difference."""
        if self.form == "delta":
            return "bad" if text.startswith("+") else "good" if text.startswith("-") else ""
        return "bar" if self.form == "bar" else STATUSES.get(text, "") if self.form == "status" else ""


def _drawn(grid: _Grid, screen: Screen, columns: Sequence[Column], fit: Fit, widths: Sequence[int]) -> Iterator[Line]:
    """Yield a table: a blank line, the titles, a rule, the rows, the totals after a blank line, and a blank line."""
    strips = [_strip(grid, *each, fit) for each in zip(columns, widths, strict=True)]
    room = screen.width - sum(widths) - fit.gap * (len(widths) + 1)
    if room >= SHORTEST_BAR and screen.width < WIDEST:
        strips = [*_with_bars(grid, columns, strips, min(room, LONGEST_BAR))]
    gap = " " * fit.gap
    yield _BLANK
    heads = [_wrapped(strip.title, strip.width) for strip in strips]
    height = max(map(len, heads))
    yield from _row([[""] * (height - len(each)) + each for each in heads], strips, gap, "title", colors=False)
    rule = escape.encoded("─", screen.encoding)
    yield [(gap + rule * (sum(strip.width for strip in strips) + fit.gap * (len(strips) - 1)), "")]
    for cells, look in zip(zip(*(strip.cells for strip in strips), strict=True), grid.looks, strict=True):
        if look == "title":
            yield _BLANK
        yield from _row(_cut(cells, strips), strips, gap, look, colors=screen.color)
    yield _BLANK


_BLANK: Line = [("", "")]


def _strip(grid: _Grid, column: Column, width: int, fit: Fit) -> _Strip:
    texts, longest = grid.column(column, fit.numbers)
    dots = escape.encoded("…", grid.encoding)
    if longest > width and column.form != "prose":
        texts = [_elided(text, width, dots) for text in texts]
    title = grid.title(column)
    words = [_elided(word, width, dots) for word in title.split()]
    return _Strip(" ".join(words), texts, width, column.form)


def _with_bars(grid: _Grid, columns: Sequence[Column], strips: Sequence[_Strip], width: int) -> Iterator[_Strip]:
    """Yield the strips, a bar after the first column of shares: the largest share is as wide as the bar can be."""
    at = next((place for place, column in enumerate(columns) if column.form == "share"), None)
    shares = [] if at is None else [row.cells.get(columns[at].key) for row in grid.rows]
    largest = max((each or 0 for each, look in zip(shares, grid.looks, strict=False) if look != "title"), default=0)
    for place, strip in enumerate(strips):
        yield strip
        if place == at and largest:
            pairs = zip(shares, grid.looks, strict=True)
            bars = [
                _bar(0 if look == "title" else (share or 0) / largest, width, grid.encoding) for share, look in pairs
            ]
            yield _Strip("", bars, width, "bar")


def _bar(part: float, width: int, encoding: str) -> str:
    """Return a bar: eighths of a cell where the encoding has them, else whole cells."""
    eighths = round(part * width * 8)
    whole = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return whole if "▏".encode(encoding, "ignore") else "#" * round(part * width)


def _cut(cells: Sequence[str], strips: Sequence[_Strip]) -> list[list[str]]:
    """Return the lines of each cell of a row: more than one if prose is wrapped."""
    pairs = zip(cells, strips, strict=True)
    return [_wrapped(cell, strip.width) if strip.form == "prose" else [cell] for cell, strip in pairs]


def _row(
    cells: Sequence[Sequence[str]], strips: Sequence[_Strip], gap: str, look: Look, *, colors: bool
) -> Iterator[Line]:
    """Yield the lines of a row."""
    for line in zip_longest(*cells, fillvalue=""):
        pairs = [*zip(line, strips, strict=True)]
        texts = [f"{gap}{strip.padded(text)}" for text, strip in pairs]
        own: list[Look] = [strip.look(text) or look for text, strip in pairs] if colors else []
        if all(each == look for each in own):
            yield [("".join(texts).rstrip(), look)]
        else:
            yield [*zip(texts, own, strict=True)]


def _paragraphs(grid: _Grid, screen: Screen) -> Iterator[Line]:
    """Yield a paragraph for each row: its first cell as a title, its other cells, its prose."""
    first, *others = grid.table.columns
    texts = {column: grid.column(column)[0] for column in grid.table.columns}
    is_labeled = sum(column.form == "prose" for column in others) > 1
    for place in range(len(grid.rows)):
        yield _BLANK
        text = texts[first][place]
        yield from prose(f"{grid.title(first)} {text}" if text.isdecimal() else text, screen, "title")
        cells = [(column, texts[column][place]) for column in others if texts[column][place]]
        short = [f"{grid.title(column)} {text}".strip() for column, text in cells if column.form != "prose"]
        for line in _packed(short, screen):
            yield [(INDENT + line, "")]
        for column, text in cells:
            if column.form == "prose":
                yield from prose(f"{grid.title(column)}: {text}" if is_labeled else text, screen, "", INDENT)
    yield _BLANK


def _packed(items: Iterable[str], screen: Screen) -> Iterator[str]:
    """Put items on as few lines as the screen allows, each whole if it fits."""
    line, dot = "", escape.encoded(" · ", screen.encoding)
    for item in items:
        if line and len(INDENT) + text_width(line + dot + item) <= screen.width:
            line += dot + item
            continue
        yield from (line,) if line else ()
        *whole, line = _wrapped(item, screen.width - len(INDENT))
        yield from whole
    yield from (line,) if line else ()
