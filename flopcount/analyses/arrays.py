"""NumPy, imported on demand."""

from typing import TYPE_CHECKING, Any, TypeAlias

from flopcount.errors import missing

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


def numpy() -> Any:
    """Import NumPy; a UsageError says how to install it."""
    try:
        import numpy as np
    except ImportError:
        raise missing("this", "numpy", "sweep") from None
    return np
