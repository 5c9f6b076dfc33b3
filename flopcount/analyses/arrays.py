"""NumPy, imported on demand."""

from typing import Any

from flopcount.errors import UsageError


def numpy() -> Any:
    """Import NumPy; a UsageError says how to install it."""
    try:
        import numpy as np
    except ImportError:
        raise UsageError("this needs numpy; install flopcount[sweep]") from None
    return np
