"""The arguments of an operation: settings, keywords, or by place."""

from typing import Any

from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use, tensors_in


def argument(use: Use, place: int, *names: str, default: Any = None) -> Any:
    """Return an argument of a function: a setting, a keyword, or the one at its place."""
    for name in names:
        for source in (use.keywords, use.config):
            if source.get(name) is not None:
                return source[name]
    return use.args[place] if len(use.args) > place else default


def along(use: Use, value: Any, rank: int) -> list[int]:
    """Return the axes an argument names, all where it names none."""
    if value is None:
        return [*range(use.outer, rank)]
    return sorted({use.axis(each, rank) for each in (value if isinstance(value, list) else [value])})


def operands(use: Use) -> list[Tensor]:
    """Return all tensors, by place and by name."""
    return [*tensors_in(use.args), *tensors_in(use.keywords)]
