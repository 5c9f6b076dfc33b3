"""Points in a terminal: a grid of characters, each of eight Braille dots, with axes and names around."""

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from flopcount.report.table import Axis, Bars, Chart, Ink, Panel, Point, Points, tick_text, ticks
from flopcount.report.text import Box, Size, placed
from flopcount.spec.units import with_prefix

ACROSS, DOWN = 2, 4
"""Dots of a character."""

BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a character, row by row, in the order that Unicode gives them."""

BRAILLE = 0x2800
TALLEST, LEAST = 24, 20
"""Lines of the picture at most; characters across at least."""

Cell = tuple[int, int]


def points_lines(chart: Points, width: int, *, unicode: bool) -> Iterator[Text]:
    """Yield the lines of the picture, with its axes and, where there is a front, what is what."""
    if not chart.points:
        return
    names = [tick_text(value) for value in ticks(chart.y, 5)]
    left = max(map(len, names), default=0) + 1
    across = max(width - left - 1, LEAST)
    down = min(TALLEST, max(8, across // 3))
    grid = _Grid(chart, across, down, unicode=unicode)
    yield Text(f"{' ' * left}{chart.y.label}", "bold")
    marks = {grid.row(value * chart.y.factor): name for value, name in zip(ticks(chart.y, 5), names, strict=True)}
    edge, corner, tick = ("│", "└", "┤") if unicode else ("|", "+", "+")
    for row in range(down):
        line = Text(f"{marks.get(row, ''):>{left - 1}} {tick if row in marks else edge}")
        yield line.append_text(grid.line(row))
    yield from _foot(chart.x, grid, left, corner)
    yield from _key(chart, left, unicode=unicode)


class _Grid:
    """What stands in each character: dots of the cloud, the front over them, and names over all."""

    def __init__(self, chart: Points, across: int, down: int, *, unicode: bool) -> None:
        self.chart, self.across, self.down, self.unicode = chart, across, down, unicode
        named = any(point.label for point in chart.points)
        self.marks: dict[Cell, tuple[str, str]] = {}
        if named:
            self._mark(chart.points, "●" if unicode else "o", "blue")
            self._write_names()
        else:
            self._dots(self._cells(chart.points), "." if not unicode else "", "blue")
        self._dots(self._steps(), "-" if not unicode else "", "red")
        self._mark(chart.front, "●" if unicode else "O", "red")

    def row(self, value: float) -> int:
        """Return the line of a value."""
        return min(int((1 - self.chart.y.place(value)) * self.down), self.down - 1)

    def column(self, value: float) -> int:
        """Return the character of a value."""
        return min(int(self.chart.x.place(value) * self.across), self.across - 1)

    def line(self, row: int) -> Text:
        """Return a line, without what follows its last mark."""
        last = max((column for column, at in self.marks if at == row), default=-1)
        return Text.assemble(*(self.marks.get((column, row), (" ", "")) for column in range(last + 1)))

    def _cells(self, points: Iterable[Point]) -> Iterator[Cell]:
        """Yield the dot of each point."""
        for point in points:
            x = int(self.chart.x.place(point.x) * self.across * ACROSS)
            y = int((1 - self.chart.y.place(point.y)) * self.down * DOWN)
            yield min(x, self.across * ACROSS - 1), min(y, self.down * DOWN - 1)

    def _steps(self) -> Iterator[Cell]:
        """Yield the dots of the line that joins the front: level, then down."""
        cells = [*self._cells(self.chart.front)]
        for (x, y), (next_x, next_y) in pairwise(cells):
            yield from ((across, y) for across in range(x, next_x))
            yield from ((next_x, down) for down in range(min(y, next_y), max(y, next_y) + 1))

    def _dots(self, cells: Iterable[Cell], plain: str, style: str) -> None:
        """Set dots; where a terminal has no Braille, a plain character for each of them."""
        found: dict[Cell, int] = {}
        for x, y in cells:
            place = x // ACROSS, y // DOWN
            found[place] = found.get(place, 0) | BITS[y % DOWN][x % ACROSS]
        self.marks |= {place: (plain or chr(BRAILLE + bits), style) for place, bits in found.items()}

    def _mark(self, points: Iterable[Point], char: str, style: str) -> None:
        self.marks |= {(x // ACROSS, y // DOWN): (char, style) for x, y in self._cells(points)}

    def _write_names(self) -> None:
        places = [(x // ACROSS + 0.5, y // DOWN + 0.5) for x, y in self._cells(self.chart.points)]
        names = [point.label for point in self.chart.points]
        boxes = placed(places, names, Box(0, 0, self.across, self.down), Size(0.5, 1, 1, 1))
        for name, box in zip(names, boxes, strict=True):
            if box is not None:
                start, row = int(box.left), int(box.top)
                self.marks |= {(start + offset, row): (char, "") for offset, char in enumerate(name)}


def _foot(axis: Axis, grid: _Grid, left: int, corner: str) -> Iterator[Text]:
    """Yield the lower axis: ticks, what they stand for, and its title."""
    places = {grid.column(value * axis.factor): tick_text(value) for value in ticks(axis, max(3, grid.across // 12))}
    rule, tick = ("─", "┬") if corner == "└" else ("-", "+")
    yield Text(" " * left + corner + "".join(tick if at in places else rule for at in range(grid.across)))
    yield Text(_spread(places, left + 1))
    yield Text(f"{' ' * (left + 1)}{axis.label:^{grid.across}}".rstrip(), "bold")


def _spread(places: dict[int, str], left: int) -> str:
    """Write each number under its tick, those left out that would touch the one before."""
    line = ""
    for place, text in sorted(places.items()):
        start = max(left + place - len(text) // 2, 0)
        if start > len(line) or not line:
            line = line.ljust(start) + text
    return line


def _key(chart: Points, left: int, *, unicode: bool) -> Iterator[Text]:
    """Say what the front is."""
    indent = " " * (left + 1)
    if chart.front:
        mark = "●" if unicode else "O"
        yield Text.assemble(indent, (mark, "red"), (f" the front: {len(chart.front)} that no other beats", "dim"))


# Pictures in a terminal: bars of eighth blocks, points of Braille dots; plain where that is all there is.


NARROWEST = 12
"""Characters of a bar; where two panels would leave less, one stands under the other."""

WIDEST_LABEL = 32
FIGURE = 7
"""Characters of the longest figure: 1,000 M does not occur, 999 M does, and so does 99.9 M."""

GAP = 2

EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
"""The last character of a bar, by how much of it is filled."""


def drawn(chart: Chart, ink: Ink) -> str:
    """Return the picture as text."""
    remarks = (Text(line, "dim") for line in chart.heading.remarks)
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(ink.width, 1000),
        color_system="standard" if ink.colour else None,
        force_terminal=ink.colour,
        legacy_windows=False,
        emoji=False,
        highlight=False,
    )
    for line in (*_lines(chart, ink), *remarks):
        line.rstrip()
        console.print(line, soft_wrap=True)
    return f"\n{out.getvalue()}"


def _lines(chart: Chart, ink: Ink) -> Iterable[Text]:
    if isinstance(chart, Bars):
        return _bars_lines(chart, ink)
    return points_lines(chart, ink.width, unicode=ink.unicode)


def _bars_lines(chart: Bars, ink: Ink) -> Iterable[Text]:
    """Yield the panels side by side, or one under the other where that is too narrow."""
    most = min(WIDEST_LABEL, max(8, ink.width // 3))
    labels = [_cut(label, most, unicode=ink.unicode) for label in chart.labels]
    room = _room(ink, labels, len(chart.panels))
    groups = [chart.panels] if room >= NARROWEST else [(panel,) for panel in chart.panels]
    for number, panels in enumerate(groups):
        yield from [Text()] if number else []
        yield from _panels_lines(chart, labels, panels, ink)


def _room(ink: Ink, labels: Sequence[str], many: int) -> int:
    """Return how long a bar may be beside the labels, where so many panels share the width."""
    return max((ink.width - _widest(labels)) // max(many, 1) - GAP - 1 - FIGURE, 1)


def _widest(labels: Sequence[str]) -> int:
    return max(map(len, labels), default=0)


def _panels_lines(chart: Bars, labels: Sequence[str], panels: Sequence[Panel], ink: Ink) -> Iterable[Text]:
    left, length = _widest(labels), _room(ink, labels, len(panels))
    many = max(len(panel.series) for panel in panels)
    titles = (f"{' ' * GAP}{panel.axis.title:<{length + 1 + FIGURE}}" for panel in panels)
    yield Text(" " * left + "".join(titles), "bold")
    yield from _legend(left, panels[0], ink) if many > 1 else ()
    for place, label in enumerate(labels):
        for number in range(many):
            is_own = number == many - 1 and chart.labels[place] != chart.reference
            line = Text(f"{'' if number else label:<{left}}")
            for panel in panels:
                line.append(" " * GAP).append_text(_bar(panel, number, place, length, _block(ink, is_own=is_own)))
            yield line


def _legend(left: int, panel: Panel, ink: Ink) -> Iterable[Text]:
    """Say what the bars are, on one line if there is room."""
    indent = Text(" " * (left + GAP))
    words = []
    for number, series in enumerate(panel.series):
        block, style = _block(ink, is_own=number == len(panel.series) - 1)
        words.append(Text.assemble((block * 2, style), (f" {series.name}   ", "dim")))
    line = indent + Text().join(words)
    return [line] if len(line.plain.rstrip()) <= ink.width else [Text.assemble("  ", word) for word in words]


def _block(ink: Ink, *, is_own: bool) -> tuple[str, str]:
    """Return the character and the style of a bar: what others are compared with is lighter."""
    full, light = ("█", "░") if ink.unicode else ("#", "-")
    return (full, "blue") if is_own else (light, "bright_black")


def _bar(panel: Panel, number: int, place: int, length: int, block: tuple[str, str]) -> Text:
    """Draw one bar and its figure, padded to the width of the panel; a panel with fewer series leaves it empty."""
    if number >= len(panel.series):
        return Text(" " * (length + 1 + FIGURE))
    value = panel.series[number].values[place]
    bar = bar_text(panel.axis.place(value) * length, block[0], eighths=block[0] == "█")
    figure = f" {with_prefix(value)}"
    return Text.assemble((bar, block[1]), (f"{figure:<{length + 1 + FIGURE - len(bar)}}", "dim"))


def bar_text(length: float, block: str, *, eighths: bool) -> str:
    """Return a bar of so many characters, its last one as far filled as there are characters for; never nothing."""
    if not eighths:
        return block * (max(1, round(length)) if length else 0)
    count = round(length * 8)
    count = max(count, 1) if length else 0
    return block * (count // 8) + EIGHTHS[count % 8]


def _cut(label: str, most: int, *, unicode: bool) -> str:
    """Leave out the middle of a long label: paths differ at their ends."""
    if len(label) <= most:
        return label
    dots = "…" if unicode else ".."
    tail = (most - len(dots)) * 3 // 5
    return label[: most - len(dots) - tail] + dots + label[-tail:]
