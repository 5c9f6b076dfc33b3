"""What the terminal can show, and what the environment asks of it."""

import os
import sys

DRAWN = "█░▏⣿●│┬"
"""What pictures are made of where more than ASCII can be written."""


def terminal_width() -> int:
    """Return how many characters a line of the terminal has."""
    import shutil

    return shutil.get_terminal_size().columns


def wants_colour() -> bool:
    """Tell whether the environment lets a terminal have colours."""
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def has_blocks() -> bool:
    """Tell whether standard output can write what bars and points are made of."""
    try:
        DRAWN.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
