"""Pictures in a terminal: bars of eighth blocks, points of Braille dots; plain where that is all there is."""

import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from flopcount.report.canvas import points_lines
from flopcount.report.charts import Bars, Chart, Ink, Panel
from flopcount.report.scales import with_prefix

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
