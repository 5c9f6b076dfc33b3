"""Live modules of PyTorch: `capture` makes a network of one, `summary` a table.

    from flopcount.torch import summary

    print(summary(model, input_size=(1, 3, 224, 224)))

Needs torch 2.5 or newer: `pip install '.[torch]'` in a clone. Nothing else of flopcount imports it.
"""

from flopcount.errors import missing

try:
    import torch as _torch  # noqa: F401  (the modules here need it)
except ImportError:
    raise missing("flopcount.torch", "torch", "torch") from None

from flopcount.torch.graph import program_of
from flopcount.torch.table import Summary, summary
from flopcount.torch.tracing import capture

__all__ = ["Summary", "capture", "program_of", "summary"]
