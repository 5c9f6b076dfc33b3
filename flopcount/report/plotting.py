"""Pictures as files: SVG, PNG and HTML, drawn by Vega-Lite without a browser or a network.

A chart becomes a Vega-Lite specification, which is plain data, and vl-convert
draws it. The page of HTML carries the whole library inside.
"""

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from flopcount.errors import UsageError
from flopcount.report.bar_specs import bars_spec
from flopcount.report.charts import Bars, Chart
from flopcount.report.point_specs import points_spec
from flopcount.report.wording import headed

VERSION = "6.1"
"""Of Vega-Lite: pinned, so that a picture stays the same."""

PNG_SCALE = 3.0
"""Pixels of a PNG for each of the picture: 300 to the inch at 100 to the inch."""

FONT = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
INK, GREY, LINE = "#222222", "#5f6368", "#e3e5e8"

CONFIG: Mapping[str, Any] = {
    "font": FONT,
    "background": "#ffffff",
    "padding": 16,
    "view": {"stroke": None},
    "title": {"anchor": "start", "color": INK, "fontSize": 15, "fontWeight": 600, "subtitleColor": GREY}
    | {"subtitleFontSize": 11.5, "subtitlePadding": 5, "subtitleLineHeight": 15, "offset": 14},
    "axis": {"domainColor": "#9aa0a6", "tickColor": "#9aa0a6", "gridColor": LINE, "labelColor": INK}
    | {"labelFontSize": 11, "titleColor": INK, "titleFontSize": 12, "titleFontWeight": 500, "titlePadding": 8},
    "legend": {"labelFontSize": 11.5, "labelColor": INK, "titleColor": INK, "titleFontSize": 11.5}
    | {"titleFontWeight": 500, "symbolType": "square", "symbolSize": 110},
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ margin: 2em; font-family: {font}; }}</style>
<script>{library}</script>
</head>
<body>
<div id="picture"></div>
<script>vegaEmbed("#picture", {spec}, {options});</script>
</body>
</html>
"""

OPTIONS: Mapping[str, Any] = {
    "renderer": "svg",
    "actions": {"export": True, "source": False, "compiled": False, "editor": False},
}
"""Of the page: the picture can be saved from it, and nothing leads to another site."""


def plotted(chart: Chart, ending: str) -> bytes:
    """Return the picture as the content of a file that ends so; UsageError without the library."""
    return _KINDS[ending](_library(), chart)


def check_library() -> None:
    """Refuse to begin what cannot be drawn."""
    _library()


def _library() -> Any:
    try:
        import vl_convert
    except ImportError:
        raise UsageError("--plot FILE needs vl-convert; install flopcount[plot], or leave out FILE") from None
    return vl_convert


def specification(chart: Chart) -> dict[str, Any]:
    """Return a chart as Vega-Lite."""
    content = bars_spec(chart) if isinstance(chart, Bars) else points_spec(chart)
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION}.json",
        "config": CONFIG,
        **headed(content, chart.heading),
    }


def _svg(library: Any, chart: Chart) -> bytes:
    text: str = library.vegalite_to_svg(specification(chart), vl_version=VERSION)
    return f"{text}\n".encode()


def _png(library: Any, chart: Chart) -> bytes:
    return bytes(library.vegalite_to_png(specification(chart), vl_version=VERSION, scale=PNG_SCALE))


def _html(library: Any, chart: Chart) -> bytes:
    page = PAGE.format(
        title=escape(chart.heading.title),
        font=FONT,
        library=library.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VERSION),
        spec=_script(specification(chart)),
        options=_script(OPTIONS),
    )
    return page.encode()


def _script(value: object) -> str:
    """Write data inside a script: no text in it can end the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


_KINDS: Mapping[str, Callable[[Any, Chart], bytes]] = {".svg": _svg, ".png": _png, ".html": _html}
