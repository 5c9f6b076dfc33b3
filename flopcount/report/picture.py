"""Lines of a terminal as an SVG picture: text that can be selected, in fonts that every system has, light and dark."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from flopcount.report import escape
from flopcount.report.terminal import Line, text_width

Theme = Literal["auto", "light", "dark"]
"""The colors of a picture; `auto` follows the reader's system."""

WIDE, HIGH, EDGE = 8.4, 19, 20
"""The width and height of a character, and the space around the text, in pixels."""

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "aside": "#6e7781",
    "note": "#9a6700",
    "good": "#1a7f37",
    "bad": "#cf222e",
    "bar": "#0969da",
}
DARK: Mapping[str, str] = {
    "paper": "#0d1117",
    "ink": "#e6edf3",
    "aside": "#8b949e",
    "note": "#d29922",
    "good": "#3fb950",
    "bad": "#f85149",
    "bar": "#58a6ff",
}
"""The colors of each look; all texts have a contrast of at least 4.5 with the paper (WCAG 2.2, 1.4.3)."""


def picture(title: str, lines: Iterable[Line], theme: Theme = "auto") -> str:
    """Return lines as an SVG picture that is as large as they are."""
    return "".join(picture_parts(title, lines, theme))


def picture_parts(title: str, lines: Iterable[Line], theme: Theme = "auto") -> Iterator[str]:
    """Yield the parts of an SVG picture of lines."""
    texts: list[str] = []
    columns = rows = 0
    for number, line in enumerate(lines):
        found = [*_row(line, EDGE + (number + 0.75) * HIGH)]
        if found:  # blank lines at the end take no room
            columns, rows = max(columns, sum(text_width(text) for text, _ in line)), number + 1
            texts += found
    width, height = columns * WIDE + 2 * EDGE, rows * HIGH + 2 * EDGE
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
    yield f"<title>{escape.xml(title)}</title>\n<style>{_style(theme)}</style>\n"
    yield '<rect class="paper" width="100%" height="100%" rx="6"/>\n<g xml:space="preserve">\n'
    yield from (f"{text}\n" for text in texts)
    yield "</g>\n</svg>\n"


def _row(row: Line, y: float) -> Iterable[str]:
    """Yield the texts of a line, each as wide as in a terminal whatever the font is."""
    place = 0
    for text, look in row:
        bare = text.lstrip(" ")
        start, place = place + len(text) - len(bare), place + text_width(text)
        if bare := bare.rstrip(" "):
            classes = f' class="{look}"' if look else ""
            where = f'x="{EDGE + start * WIDE:g}" y="{y:g}" textLength="{text_width(bare) * WIDE:g}"'
            yield f"<text {where}{classes}>{escape.xml(bare)}</text>"


def _style(theme: Theme) -> str:
    fonts = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    rules = f"text {{ font: 14px {fonts}; white-space: pre }} .title {{ font-weight: 600 }}"
    if theme == "auto":
        return f"{rules} {_colors(LIGHT)} @media (prefers-color-scheme: dark) {{ {_colors(DARK)} }}"
    return f"{rules} {_colors(DARK if theme == 'dark' else LIGHT)}"


def _colors(colors: Mapping[str, str]) -> str:
    names = ((name, "text" if name == "ink" else f".{name}", color) for name, color in colors.items())
    return " ".join(f"{where} {{ fill: {color} }}" for _, where, color in names)
