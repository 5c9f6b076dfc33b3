"""The site of the documentation: the pages of docs/ and a reference that is generated from the code.

`make docs` builds it, without a network; `generate.py` beside this file writes the pages of the reference.
"""

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402  (beside this file)

import flopcount  # noqa: E402

project = "flopcount"
language = "en"
author = "the flopcount project"
version = release = flopcount.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"flopcount {version}"
html_static_path = ["static"]
html_favicon = "static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
templates_path: list[str] = []
exclude_patterns = ["site", "*.json"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "code"  # docstrings put code between single backticks
smartquotes = False  # what is printed stays as it is: options keep their dashes, words of a file their quotes
highlight_language = "none"
pygments_style = "default"


UNBUILT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Calculator</title></head>
<body><main><h1>Calculator</h1>
<p>The calculator is not part of this copy of the site; <code>make page</code> builds it.</p>
<p><a href="../calculator.html">What it is</a></p></main></body></html>
"""


def setup(app: Any) -> None:
    """Write the reference before the pages are read, and let pages lead to it; after, a page for the calculator."""
    app.connect("builder-inited", lambda app: generate.write(Path(app.srcdir)))
    app.connect("source-read", read)
    app.connect("build-finished", stand_in)


def read(_: object, name: str, source: list[str]) -> None:
    """Add to a page what it leads to; the page of errata is a report, whose title is of the third level."""
    source[0] = source[0].removeprefix("##" if name == "errata" else "") + generate.also(name)


def stand_in(app: Any, _: object) -> None:
    """Say how the calculator is built, unless it was."""
    page = Path(app.outdir) / "calculator" / "index.html"
    if not page.exists():
        page.parent.mkdir(exist_ok=True)
        page.write_text(UNBUILT, encoding="utf-8")
