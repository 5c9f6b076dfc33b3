"""Says what a neural network costs before anyone builds it.

`counted(plan(arch), shape, convention())` gives what the command line shows:
`load("mobilenet_v1").arch` is an arch, `input_shape(arch.input, "160")` a shape.
`check("archs")` holds arch files against their budgets and returns verdicts.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from flopcount.analyses.budgets.check import check as check
    from flopcount.analyses.counted import counted as counted
    from flopcount.errors import FlopcountError as FlopcountError
    from flopcount.network.convention import convention as convention
    from flopcount.network.plan import input_shape as input_shape
    from flopcount.network.plan import plan as plan
    from flopcount.network.trace import trace as trace
    from flopcount.spec.load import load as load

_HOMES = {
    "check": "analyses.budgets.check",
    "counted": "analyses.counted",
    "convention": "network.convention",
    "input_shape": "network.plan",
    "plan": "network.plan",
    "trace": "network.trace",
    "FlopcountError": "errors",
    "load": "spec.load",
}

__all__ = ["FlopcountError", "check", "convention", "counted", "input_shape", "load", "plan", "trace"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import flopcount` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flopcount' has no attribute {name!r}")
    return getattr(import_module(f"flopcount.{_HOMES[name]}"), name)
