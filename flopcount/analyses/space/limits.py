"""A condition on a space, taken apart: limits of what candidates cost, and which values of the axes are meant."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

from flopcount.analyses.arrays import numpy
from flopcount.analyses.conditions import Condition, condition, number
from flopcount.analyses.space.factors import METRICS, check_cells
from flopcount.analyses.sweep.axes import Axis, axis, setting_axis
from flopcount.errors import UsageError, plain, suggestion
from flopcount.network.plan import plan
from flopcount.network.trace import fields
from flopcount.spec.arch import Arch, kind_of
from flopcount.spec.load import Setting, group_addresses, value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


# The axes a file declares in its table `space`, and names that stand for several layers.


_OPTIONS = frozenset({"input", "width"})


def declared(arch: Arch) -> tuple[Axis, ...]:
    """Return the axes of a file's table `space`, in their order; a UsageError names the key that is wrong."""
    return tuple(_axis(name, values) for name, values in _flat(arch.space, ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys with dots between them, however TOML nests them."""
    for key, values in table.items():
        if isinstance(values, Mapping):
            yield from _flat(values, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", values


def _axis(name: str, values: object) -> Axis:
    what = f"[space] {plain(name[:100])}"
    if values in ([], ""):
        raise UsageError(f'{what}: it has no values; write a list, or a range such as "128:224:32"')
    if "." not in name and name not in _OPTIONS:
        raise UsageError(f"{what}: no axis has this name; write input, width, or a layer and its field: conv1.stride")
    listed = values if isinstance(values, list) else [values]
    if len(listed) == 1 and isinstance(listed[0], str) and name in _OPTIONS and "x" not in listed[0]:
        return axis(name, what, listed[0])
    split = [part for each in listed for part in (_parts(each) if isinstance(each, str) else [each])]
    return setting_axis(Setting(what, name, tuple(split)), what)


def _parts(text: str) -> list[object]:
    """Return the values of a text: those of a list `3,5,7`, or the text."""
    parts = [part.strip() for part in text.split(",")]
    return [part if ":" in part else value(part) for part in parts]


def spread(arch: Arch, axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return the axes; a path with * or ? gives each layer it fits, and that has the field, an axis of its own."""
    found = [one for each in axes for one in _spread(arch, each)]
    names = [each.name for each in found]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UsageError(f"{plain(twice)}: two axes have this name; give all values of an axis together")
    return tuple(found)


def _spread(arch: Arch, each: Axis) -> Iterator[Axis]:
    path, _, field = each.name.rpartition(".")
    if not {"*", "?"} & {*path}:
        yield each
        return
    known = _fields(arch)
    fitting = [layer for layer, names in known.items() if fnmatchcase(layer, path) and field in names]
    if not fitting:
        raise UsageError(
            f"{plain(each.name[:100])}: no layer with {plain(field[:50])!r} has such a path; "
            f"{suggestion(path.strip('*?.'), [*known])}"
        )
    yield from (each._replace(name=f"{layer}.{field}") for layer in fitting)


def _fields(arch: Arch) -> dict[str, frozenset[str]]:
    """Return what can be said of every layer and every use of a template, by path."""
    found = {node.path: frozenset(fields(node.layer)) for node in plan(arch).nodes}
    for path, address in group_addresses(arch).items():
        template = arch.templates.get(kind_of(_row(arch, address)))
        found[path] = frozenset(template.names if template else ("repeat",))
    return found


def _row(arch: Arch, address: str) -> Any:
    """Follow an address such as layers.2.layers.0 to its row."""
    row: Any = arch
    for step in address.split("."):
        row = row[int(step)] if step.isdecimal() else getattr(row, step)
    return row


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
