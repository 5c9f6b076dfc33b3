"""Compute a neural network's exact parameter and MAC counts from its spec, without a framework.

`Case(load("mobilenet_v2"), input=160).count` is what the command line shows. `compare`, `sweep`,
`check_case`, `peak_of`, `reordered`, `patched` and `floor` take cases; `check("archs")` checks arch
files against their budgets.
"""

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # that of typing, which is slow to import: a signal before __main__ ends in a traceback
if TYPE_CHECKING:
    from flopcount.analyses.answers import check_case as check_case
    from flopcount.analyses.answers import compare as compare
    from flopcount.analyses.answers import sweep as sweep
    from flopcount.analyses.budgets.check import check as check
    from flopcount.analyses.floor import floor as floor
    from flopcount.analyses.memory.curve import peak_of as peak_of
    from flopcount.analyses.memory.patch import patched as patched
    from flopcount.analyses.memory.reorder import reordered as reordered
    from flopcount.case import Case as Case
    from flopcount.case import load as load
    from flopcount.errors import FlopcountError as FlopcountError
    from flopcount.network.convention import convention as convention
    from flopcount.spec.training import Training as Training

_HOMES = {
    "Case": "case",
    "FlopcountError": "errors",
    "Training": "spec.training",
    "check": "analyses.budgets.check",
    "check_case": "analyses.answers",
    "compare": "analyses.answers",
    "convention": "network.convention",
    "floor": "analyses.floor",
    "load": "case",
    "patched": "analyses.memory.patch",
    "peak_of": "analyses.memory.curve",
    "reordered": "analyses.memory.reorder",
    "sweep": "analyses.answers",
}

__all__ = [
    "Case",
    "FlopcountError",
    "Training",
    "check",
    "check_case",
    "compare",
    "convention",
    "floor",
    "load",
    "patched",
    "peak_of",
    "reordered",
    "sweep",
]


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return [*globals(), *__all__]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import flopcount` is fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flopcount' has no attribute {name!r}")
    return getattr(import_module(f"flopcount.{_HOMES[name]}"), name)
