"""Says what a neural network costs before anyone builds it.

`Case(load("mobilenet_v1"), input=160).count` is what the command line shows;
`check("archs")` checks arch files against their budgets and returns findings.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from flopcount.analyses.budgets.check import check as check
    from flopcount.case import Case as Case
    from flopcount.case import load as load
    from flopcount.errors import FlopcountError as FlopcountError
    from flopcount.network.convention import convention as convention

_HOMES = {
    "Case": "case",
    "FlopcountError": "errors",
    "check": "analyses.budgets.check",
    "convention": "network.convention",
    "load": "case",
}

__all__ = ["Case", "FlopcountError", "check", "convention", "load"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import flopcount` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flopcount' has no attribute {name!r}")
    return getattr(import_module(f"flopcount.{_HOMES[name]}"), name)
