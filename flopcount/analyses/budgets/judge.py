"""What a network costs at one point: a choice of input, width and variant."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from itertools import product
from math import ceil
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.findings import Finding, Fit, Level, Share, Spots
from flopcount.case import Case, Cost, combined, vanishes
from flopcount.errors import BadInput, Note, Place, suggestion
from flopcount.network.convention import convention
from flopcount.network.network import Network, Where
from flopcount.spec.budget import Budget, Limit, Limits, When
from flopcount.spec.config import Config
from flopcount.spec.load import Spec
from flopcount.spec.units import Quantity, decimal


class Point(NamedTuple):
    """Where a network is counted; what is not given is as the file has it."""

    input: str | None = None
    width: str | None = None
    variant: str | None = None

    def __str__(self) -> str:
        """Write the point as the options that lead to it."""
        given = {"--input": self.input, "--width": self.width, "--variant": self.variant}
        return " ".join(f"{option} {value}" for option, value in given.items() if value)


def points(when: When) -> list[Point]:
    """Return every combination of what a rule says about inputs, widths and variants."""
    return [Point(*each) for each in product(when.input or (None,), when.width or (None,), when.variant or (None,))]


class Measurement(NamedTuple):
    """What each layer costs at a point, with its kind and its place in the file, and what qualifies the numbers.

    `phantom` are the layers whose maps do not exist under `valid-round` padding.
    """

    costs: Mapping[str, Cost]
    kinds: Mapping[str, str]
    places: Mapping[str, Place]
    input: str
    notes: tuple[Note, ...] = ()
    phantom: frozenset[str] = frozenset()

    def total(self, paths: Iterable[str] | None = None) -> Cost:
        """Return what some layers cost together, or all of them."""
        return combined(self.costs[path] for path in (self.costs if paths is None else paths))


def case_at(network: Network, point: Point, params: str = "trainable") -> Case:
    """Return the case of a network at a point, as `flopcount ARCH` with the same options counts it."""
    rule = convention(params)
    return Case(network, input=point.input, width=point.width, variant=point.variant, convention=rule)


def measurement(case: Case) -> Measurement:
    """Count a case."""
    count = case.count
    return Measurement(
        count.costs,
        {node.path: node.kind for node in count.trace.plan.nodes},
        {node.path: node.place for node in count.trace.plan.nodes},
        ", ".join("x".join(map(str, shape.dims)) for shape in count.trace.inputs.values()),
        count.notes,
        frozenset(path for path, step in count.trace.steps.items() if vanishes(step)),
    )


def totals(network: Network) -> Callable[[Point, str], Cost | None]:
    """Return what a network costs at any point under a convention; None if it cannot be counted, or has no maps."""

    def total(point: Point, params: str) -> Cost | None:
        try:
            found = measurement(case_at(network, point, params))
        except BadInput:
            return None
        return None if found.phantom else found.total()

    return cache(total)


def measure(metric: str, total: Cost, bits: int = 32) -> int:
    """Return one number of a cost: FLOPs are two to a MAC, bytes are whole."""
    return {
        "params": total.params,
        "macs": total.macs,
        "flops": 2 * total.macs,
        "weight_bytes": -(-total.params * bits // 8),
    }[metric]


def under(pattern: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the blocks and layers whose path matches a pattern, name for name, with the layers under each."""
    names = pattern.split(".")
    found: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split(".")
        head = parts[: len(names)]
        if len(head) == len(names) and all(map(fnmatchcase, head, names)):
            found.setdefault(".".join(head), []).append(path)
    return found


# Which width or input would meet a limit: the largest of the usual steps.


WIDTH_STEP = Fraction(1, 20)
"""Widths are tried in these steps, sizes in the largest power of two up to 32 that divides the present size."""


def fits(network: Network, point: Point, limit: Fraction, value: Callable[[Point], int | None]) -> Iterator[Fit]:
    """Yield the largest width, and the largest input, at which a number is within its limit.

    `value` is the number at a point; None where the network cannot be counted there.
    """

    def narrowed(step: int) -> Point:
        return point._replace(width=decimal(step * WIDTH_STEP))

    def reduced(size: int) -> Point:
        return point._replace(input=str(size))

    now = value(point)
    share = (float(limit) / now) ** 0.5 if now else 1.0  # most counts grow with the square of both
    width = _largest(_widths(point), lambda step: value(narrowed(step)), limit, share)
    if width is not None:
        yield Fit(f"--width {narrowed(width[0]).width}", width[1])
    size = _largest(_sizes(network, point), lambda size: value(reduced(size)), limit, share)
    if size is not None:
        yield Fit(f"--input {size[0]}", size[1])


def _widths(point: Point) -> range:
    """Return the steps of the widths below the present one."""
    return range(1, ceil(Fraction(point.width or 1) / WIDTH_STEP))


def _sizes(network: Network, point: Point) -> range:
    """Return the smaller sizes of a square input; other inputs have none."""
    now = _size(network, point)
    step = next((step for step in (32, 16, 8, 4, 2) if now % step == 0), 1)
    return range(step, now, step)


def _size(network: Network, point: Point) -> int:
    """Return the one size that all axes of the input have at a point; 0 if there is none."""
    if point.input:
        return int(point.input) if point.input.isdecimal() else 0
    inputs = network.at(Where(variant=point.variant)).plan.inputs
    sizes = {*next(iter(inputs.values()))[1:]} if len(inputs) == 1 else set()
    return sizes.pop() if len(sizes) == 1 else 0


def _largest(
    numbers: range, value: Callable[[int], int | None], limit: Fraction, share: float
) -> tuple[int, int] | None:
    """Return the last of the numbers at which a rising value is within the limit, and the value there.

    `share` is where to look first: a good guess takes two counts, a bad one as many as halving.
    """
    low, high, best = -1, len(numbers), None
    places = [int(share * len(numbers))] * 2
    while high - low > 1:
        place = places.pop() if places else (low + high) // 2
        place = min(max(place, low + 1), high - 1)
        found = value(numbers[place])
        if found is None or found <= limit:
            low, best = place, found
        else:
            high = place
    return (numbers[low], best) if best is not None else None


# Limits held against counts: one rule, one network, one point.


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


def breaches(rule: Budget, point: Point, now: Measurement, before: Measurement | None) -> Iterator[Breach]:
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


def scopes(rule: Budget, now: Measurement) -> Iterator[Scope]:
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


def missing(rule: Budget, now: Measurement) -> Iterator[tuple[Place, str]]:
    """Yield a place and a sentence for every path of a rule that is not in a network."""
    for pattern in rule.blocks:
        if not under(pattern, now.costs):
            tops = [*dict.fromkeys(path.split(".")[0] for path in now.costs)]
            what = f"blocks: nothing in the network is at {pattern[:100]!r}; {suggestion(pattern, tops)}"
            yield ("blocks", pattern), what


def _before(scope: Scope, metric: str, bits: int, before: Measurement) -> int | None:
    """Return what the same part was; None if there was none."""
    paths = [*_same(scope, before)]
    return measure(metric, before.total(paths), bits) if paths else None


def _same(scope: Scope, before: Measurement) -> Iterable[str]:
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


# Rules, with where they are written and which files they are about.


class Rule(NamedTuple):
    """Limits with where they are written: in the arch file itself, or, with its `files`, in the configuration."""

    budget: Budget
    spots: Spots
    place: Place
    files: frozenset[Path] | None = None

    def concerns(self, path: Path) -> bool:
        """Tell whether the rule is about a file, by its resolved path."""
        return self.files is None or path in self.files

    @property
    def name(self) -> str:
        """What the rule is called in a finding."""
        number = self.place[-1] if self.place else 0
        return self.budget.id or ("budget" if not isinstance(number, int) else f"budget {number + 1}")

    def written_at(self, place: Place) -> str:
        """Return the file and line of a place in a rule of the configuration; empty for one of the arch file."""
        if self.files is None:
            return ""
        return f"{Path(self.spots.source.title).name}:{self.spots.at((*self.place, *place))[0]}"


def rules_of(config: Config, files: Mapping[str, Iterable[Path]]) -> list[Rule]:
    """Return the rules of a configuration with the files their patterns match."""
    spots = Spots(config.source)
    resolved = {pattern: frozenset(path.resolve() for path in found) for pattern, found in files.items()}
    return [
        Rule(
            each,
            spots,
            (*config.prefix, "budget", index),
            frozenset().union(*(resolved[pattern] for pattern in each.files)),
        )
        for index, each in enumerate(config.model.budget)
    ]


def own_rules(spec: Spec, spots: Spots) -> Iterator[Rule]:
    """Yield the limits in an arch file."""
    in_list = isinstance(spec.source.data.get("budget"), list)
    for index, each in enumerate(spec.arch.budget):
        yield Rule(each, spots, ("budget", index) if in_list else ("budget",))


def needs_base(rules: Iterable[Rule]) -> bool:
    """Tell whether any rule has limits on changes."""
    return any(is_relative(rule.budget) for rule in rules)


# Findings made of what a rule finds: where they point, what adds most to them, and what would fit.


MOST_SHARES = 3
"""So many of the layers that cost most are named in a finding."""


class Inspected(NamedTuple):
    """A network to check: its file, and what it costs at a point under a convention; None where it has no cost."""

    network: Network
    spots: Spots
    total: Callable[[Point, str], Cost | None]


def verdict(breach: Breach, rule: Rule, network: Inspected, now: Measurement) -> Finding:
    """Make a finding of a broken limit: at the limit where the file has it, else at the layer or the top."""
    place = (*rule.place, *breach.place) if rule.files is None else _row(breach, now)
    return Finding(
        *(breach.code, breach.level, network.network.title, *network.spots.at(place), network.network.plan.name),
        scope=breach.scope.name,
        point=str(breach.point),
        metric=breach.metric,
        value=breach.value,
        limit=breach.limit,
        base=breach.base if breach.code.startswith("FC2") else None,
        rule=rule.name,
        rule_at=rule.written_at(breach.place),
        message=rule.budget.message,
        shares=_shares(breach, network, now),
        fits=_fits(breach, network, rule.budget.convention),
    )


def unchecked(what: str, rule: Rule, network: Inspected, point: Point, place: Place = ()) -> Finding:
    """Say that a rule could not be applied, at the rule if it is in the file."""
    line, column = network.spots.at((*rule.place, *place)) if rule.files is None else (1, 1)
    return Finding(
        *("FC902", "error", network.network.title, line, column, network.network.plan.name),
        what=what,
        point=str(point),
        rule=rule.name,
        rule_at=rule.written_at(place),
    )


def _row(breach: Breach, now: Measurement) -> Place:
    """Return the row of what a breach is about; the network as a whole has none."""
    return now.places[breach.scope.paths[0]] if breach.scope.place and breach.scope.paths else ()


def _shares(breach: Breach, network: Inspected, now: Measurement) -> tuple[Share, ...]:
    """Return the layers that have most of a number, with their lines."""
    if len(breach.scope.paths) < 2 or breach.code == "FC102":  # noqa: PLR2004  (one layer is the whole)
        return ()
    real = (path for path in breach.scope.paths if path not in now.phantom)
    values = [(path, measure(breach.metric, now.costs[path], breach.bits)) for path in real]
    most = sorted(values, key=lambda each: -each[1])[:MOST_SHARES]
    foreign = not network.spots.source.text  # such a file has no lines
    return tuple(
        Share(path, value, 0 if foreign else network.spots.at(now.places[path])[0]) for path, value in most if value
    )


def _fits(breach: Breach, network: Inspected, params: str) -> tuple[Fit, ...]:
    """Say what would meet a limit on the whole network."""
    if breach.scope.place or breach.code not in {"FC101", "FC201"}:
        return ()

    def value(point: Point) -> int | None:
        total = network.total(point, params)
        return None if total is None else measure(breach.metric, total, breach.bits)

    return tuple(fits(network.network, breach.point, breach.limit, value))
