"""Limits held against counts: one rule, one network, one point."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from flopcount.analyses.budgets.findings import Level
from flopcount.analyses.budgets.readings import Point, Reading, measure, under
from flopcount.errors import Place, suggestion
from flopcount.schema.budget import Budget
from flopcount.schema.limits import Limit, Limits
from flopcount.schema.quantities import Quantity


class Scope(NamedTuple):
    """A part of a network that limits are about: its layers, and what it is called."""

    name: str
    paths: tuple[str, ...]
    limits: Limits
    place: Place


class Breach(NamedTuple):
    """A limit that does not hold: of which scope and number, what is and what may be."""

    code: str
    level: Level
    scope: Scope
    metric: str
    bits: int
    place: Place
    value: int
    limit: Fraction
    base: int | None
    point: Point


def breaches(rule: Budget, point: Point, now: Reading, before: Reading | None) -> Iterator[Breach]:
    """Yield every limit of a rule that a network breaks at a point; `before` is what it was at the base."""
    for scope in scopes(rule, now):
        for metric, limit in scope.limits.given.items():
            bits = getattr(limit, "bits", 32)
            value = measure(metric, now.total(scope.paths), bits)
            base = _before(scope, metric, bits, before) if before and limit.is_relative else None
            for code, name, bound in judged(limit, value, base):
                level: Level = "warn" if code == "FC103" else rule.level
                place = (*scope.place, metric, name)
                yield Breach(code, level, scope, metric, bits, place, value, bound, base, point)


def scopes(rule: Budget, now: Reading) -> Iterator[Scope]:
    """Yield what a rule limits of a network."""
    everything = tuple(now.costs)
    yield Scope("", everything, rule, ())
    for pattern, limits in rule.blocks.items():
        for name, paths in under(pattern, everything).items():
            yield Scope(name, tuple(paths), limits, ("blocks", pattern))
    for kind, limits in rule.kinds.items():
        yield Scope(kind, tuple(path for path in everything if now.kinds[path] == kind), limits, ("kinds", kind))
    if rule.layer is not None:
        for path in everything:
            yield Scope(path, (path,), rule.layer, ("layer",))


def missing(rule: Budget, now: Reading) -> Iterator[tuple[Place, str]]:
    """Yield a place and a sentence for every path of a rule that is not in a network."""
    for pattern in rule.blocks:
        if not under(pattern, now.costs):
            tops = [*dict.fromkeys(path.split(".")[0] for path in now.costs)]
            what = f"blocks: nothing in the network is at {pattern[:100]!r}; {suggestion(pattern, tops)}"
            yield ("blocks", pattern), what


def _before(scope: Scope, metric: str, bits: int, before: Reading) -> int | None:
    """Return what the same part was; None if there was none."""
    paths = [*_same(scope, before)]
    return measure(metric, before.total(paths), bits) if paths else None


def _same(scope: Scope, before: Reading) -> Iterable[str]:
    """Return the layers that a part consisted of."""
    match scope.place[:1]:
        case ("kinds",):
            return (path for path, kind in before.kinds.items() if kind == scope.name)
        case ("blocks",):
            return (path for path in before.costs if path == scope.name or path.startswith(f"{scope.name}."))
        case ("layer",):
            return scope.paths if scope.name in before.costs else ()
        case _:
            return before.costs


def judged(limit: Limit, value: int, base: int | None) -> Iterator[tuple[str, str, Fraction]]:
    """Yield what a number breaks: the code, the name of the limit, and the bound; equal is allowed."""
    if limit.max is not None and value > limit.max.value:
        yield "FC101", "max", limit.max.value
    elif limit.warn is not None and value > limit.warn_value:
        yield "FC103", "warn", limit.warn_value
    if limit.min is not None and value < limit.min.value:
        yield "FC102", "min", limit.min.value
    if base is None or not all(abs(value - base) > _amount(each, base) for each in limit.min_change):
        return
    grown = [bound for each in limit.max_increase if value > (bound := base + _amount(each, base))]
    shrunk = [bound for each in limit.max_decrease if value < (bound := base - _amount(each, base))]
    if grown:
        yield "FC201", "max_increase", min(grown)
    if shrunk:
        yield "FC202", "max_decrease", max(shrunk)


def _amount(amount: Quantity, base: int) -> Fraction:
    return amount.value * base if amount.is_share else amount.value


def is_relative(rule: Budget) -> bool:
    """Tell whether a rule has limits that need a base."""
    inner: Sequence[Limits] = (
        rule,
        *rule.blocks.values(),
        *rule.kinds.values(),
        *((rule.layer,) if rule.layer else ()),
    )
    return any(limit.is_relative for each in inner for limit in each.given.values())
