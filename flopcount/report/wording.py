"""The words of a picture, broken into lines: title, subtitle and footnotes."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from flopcount.report.charts import Heading

TITLE, SUBTITLE, CAPTION = 78, 105, 125
"""Characters to a line."""

MOST_NOTES = 4
"""More footnotes than this are counted."""


def headed(content: Mapping[str, Any], heading: Heading) -> dict[str, Any]:
    """Put the title above a specification and the footnotes below."""
    title = {"text": wrapped([heading.title], TITLE), "subtitle": wrapped((*heading.lines, *heading.remarks), SUBTITLE)}
    titled = {**content, "title": title}
    if not heading.captions:
        return titled
    footnote = {"text": _footnotes(heading.captions), "orient": "bottom", "anchor": "start", "offset": 16}
    style = {"fontSize": 9.5, "fontWeight": "normal", "color": "#5f6368", "lineHeight": 13}
    return {"vconcat": [titled], "title": {**footnote, **style}}


def _footnotes(captions: tuple[str, ...]) -> list[str]:
    more = len(captions) - MOST_NOTES
    said = [*captions[:MOST_NOTES], *([f"and {more} more notes, which the table has"] if more > 0 else [])]
    return wrapped(said, CAPTION)


def wrapped(texts: Iterable[str], width: int) -> list[str]:
    """Break texts into lines."""
    return [line for text in texts for line in textwrap.wrap(text, width)]
