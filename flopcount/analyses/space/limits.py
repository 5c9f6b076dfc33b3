"""A condition on a space, taken apart: limits of what candidates cost, and which values of the axes are meant."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.conditions import Condition, condition, number
from flopcount.analyses.space.factors import METRICS, check_cells
from flopcount.analyses.sweep.axes import Axis
from flopcount.errors import UsageError, plain

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Limit(NamedTuple):
    """From which integer to which a metric may be, both included; None where there is no end."""

    low: int | None = None
    high: int | None = None

    def holds(self, value: int) -> bool:
        """Tell whether a value is inside."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def narrowed(self, other: "Limit") -> "Limit":
        """Return what is inside both."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        return Limit(max(lows, default=None), min(highs, default=None))


class Limits(NamedTuple):
    """What is asked for: a limit for each metric, and masks over axes by their places."""

    text: str = ""
    metrics: tuple[Limit, ...] = (Limit(),) * len(METRICS)
    masks: "tuple[tuple[tuple[int, ...], Array], ...]" = ()

    @property
    def limited(self) -> tuple[int, ...]:
        """The metrics that have a limit."""
        return tuple(place for place, each in enumerate(self.metrics) if each != Limit())

    def hold(self, costs: Sequence[int]) -> bool:
        """Tell whether a candidate's costs are inside."""
        return all(each.holds(cost) for each, cost in zip(self.metrics, costs, strict=True))


def limits(text: str | None, axes: Sequence[Axis]) -> Limits:
    """Read a condition; a UsageError says what a space cannot be asked."""
    if text is None:
        return Limits()
    known = condition(text, [*(each.name for each in axes), *METRICS])
    metrics, masks = [Limit()] * len(METRICS), []
    for part in _conjuncts(known.tree):
        names = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
        if not names & {*METRICS}:
            masks.append(_mask(known._replace(tree=part), names, axes))
            continue
        metric, limit = _limit(part, known)
        metrics[metric] = metrics[metric].narrowed(limit)
    return Limits(text, tuple(metrics), tuple(masks))


def _conjuncts(tree: ast.expr) -> Iterator[ast.expr]:
    """Yield what has to hold together: the parts of an `and`, and the pairs of a < b < c."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        for value in tree.values:
            yield from _conjuncts(value)
    elif isinstance(tree, ast.Compare):
        terms = [tree.left, *tree.comparators]
        for left, op, right in zip(terms, tree.ops, terms[1:], strict=False):
            yield ast.Compare(left, [op], [right])
    else:
        yield tree


def _mask(part: Condition, names: set[str], axes: Sequence[Axis]) -> "tuple[tuple[int, ...], Array]":
    """Return over the axes a condition is about which of their values meet it."""
    np = numpy()
    scope = tuple(place for place, each in enumerate(axes) if each.name in names)
    check_cells([axes[place] for place in scope])
    shape = [len(axes[place].values) for place in scope]
    columns = {
        axes[place].name: _column(np, axes[place]).reshape([-1 if each == place else 1 for each in scope])
        for place in scope
    }
    with np.errstate(all="ignore"):
        return scope, np.broadcast_to(np.asarray(part(columns), bool), shape)


def _column(np: Any, each: Axis) -> "Array":
    from flopcount.spec.fields import shown

    if each.is_number:
        return np.array(each.values)  # type: ignore[no-any-return]
    words = [value if isinstance(value, str) else shown(value) for value in each.values]
    return np.array(words, object)  # type: ignore[no-any-return]


def _limit(part: ast.expr, known: Condition) -> tuple[int, Limit]:
    """Read a comparison of a metric with a number."""
    if isinstance(part, ast.Compare):
        left, right, op = part.left, part.comparators[0], type(part.ops[0])
        for name, other, relation in ((left, right, op), (right, left, _TURNED.get(op))):
            metric = name.id if isinstance(name, ast.Name) else ""
            value = number(known._replace(tree=other)) if metric in METRICS and not _names(other) else None
            if value is not None and relation in _LIMITS:
                return METRICS.index(metric), _LIMITS[relation](Fraction(value))
    raise UsageError(
        f"--where {plain(known.text[:200])}: a space is asked for limits of macs and params, joined by and, as in "
        "'macs <= 300M and params >= 1M', and for any condition on its axes; sweep --where takes every other"
    )


def _names(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) for node in ast.walk(tree))


_LIMITS: Mapping[Any, Any] = {
    ast.LtE: lambda value: Limit(None, floor(value)),
    ast.Lt: lambda value: Limit(None, ceil(value) - 1),
    ast.GtE: lambda value: Limit(ceil(value), None),
    ast.Gt: lambda value: Limit(floor(value) + 1, None),
    ast.Eq: lambda value: Limit(ceil(value), floor(value)),
}
_TURNED: Mapping[Any, Any] = {ast.LtE: ast.GtE, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.Gt: ast.Lt, ast.Eq: ast.Eq}
