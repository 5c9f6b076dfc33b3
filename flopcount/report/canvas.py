"""Points in a terminal: a grid of characters, each of eight Braille dots, with axes and names around."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from rich.text import Text

from flopcount.report.charts import Point, Points
from flopcount.report.labels import Box, Size, placed
from flopcount.report.scales import Axis, tick_text, ticks

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
