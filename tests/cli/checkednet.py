"""A network that is checked, and how its files are written."""

from pathlib import Path

NET = """name = "net"
input = [3, 8, 8]
layers = [
  { type = "Conv", name = "one", out_channels = 4, kernel_size = 3, bias = false },
  { type = "Conv", name = "two", out_channels = 8, kernel_size = 3, bias = false },
]
"""
"""one: 3·4·9 = 108 weights on 6×6 = 3888 MACs; two: 4·8·9 = 288 on 4×4 = 4608; together 396 and 8496."""


BUDGET = "\n[budget]\nmacs = 8495\n"
BROKEN = "input = [3, 8, 8\n"


def written(folder: Path, **files: str) -> None:
    """Write files; `__` in a name is a dot."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
