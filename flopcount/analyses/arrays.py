"""NumPy, where a question needs it."""

from typing import Any

from flopcount.errors import UsageError


def numpy() -> Any:
    """Import NumPy, or say how to get it."""
    try:
        import numpy as np
    except ImportError:
        raise UsageError("this needs numpy; install flopcount[sweep]") from None
    return np
