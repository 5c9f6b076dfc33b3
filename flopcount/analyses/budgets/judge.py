"""Limits compared with counts: one rule, one network, one point."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cached_property, partial
from itertools import product
from math import ceil
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.findings import Finding, Share, SourceMap, Standing, Suggestion
from flopcount.case import Case, Count, vanishes
from flopcount.errors import BadInput, FileError, Note, Place, SpecError, UsageError, plain, suggestion
from flopcount.formulas.numbers import exact
from flopcount.network.convention import convention
from flopcount.network.metrics import METRICS, Cost, combined
from flopcount.network.plan import Plan
from flopcount.network.point import HERE, Point
from flopcount.spec import units
from flopcount.spec.budget import Budget, Limit, Limits
from flopcount.spec.load import explained
from flopcount.spec.project import Config
from flopcount.spec.source import Source
from flopcount.spec.units import TRAINED, NotAQuantityError, Quantity, decimal


class Measurement(NamedTuple):
    """The cost, kind and place of each layer at a point, and the notes that qualify the numbers.

    `phantom` are the layers whose maps do not exist under `valid-round` padding; `whole` are the numbers of all
    layers together that are no sum or maximum; `sources` the lines of code that call layers.
    """

    costs: Mapping[str, Cost]
    kinds: Mapping[str, str]
    places: Mapping[str, Place]
    input: str
    notes: tuple[Note, ...] = ()
    phantom: frozenset[str] = frozenset()
    whole: Mapping[str, int] = {}
    sources: Mapping[str, tuple[str, int]] = {}

    def total(self, paths: Iterable[str] | None = None) -> Cost:
        """Return the cost of some layers together, or of all; of some, what only the network has is left out."""
        chosen = [self.costs[path] for path in (self.costs if paths is None else paths)]
        if not chosen:
            return Cost(dict.fromkeys(METRICS, 0))
        own = self.whole if len(chosen) == len(self.costs) else chosen[0] if len(chosen) == 1 else {}
        return Cost({**own, **combined(chosen, [*chosen[0]])})


def measurement(count: Count) -> Measurement:
    """Return the counts that limits are compared with."""
    nodes = count.trace.plan.nodes
    return Measurement(
        count.costs,
        {node.path: node.kind for node in nodes},
        {node.path: node.place for node in nodes},
        ", ".join("x".join(map(str, shape.dims)) for shape in count.trace.inputs.values()),
        count.notes,
        frozenset(path for path, step in count.trace.steps.items() if vanishes(step)),
        {name: value for name, value in count.total.items() if METRICS[name].whole},
        {node.path: node.source for node in nodes if node.source},
    )


class Model:
    """A network under budgets.

    `base` is its case unless a rule names another point; a file that leaves its sizes open and has no input is
    read at the first of the `points` with one. Rules choose the convention, unless it `is_given` by the case.
    `metrics` are those that are counted.
    """

    def __init__(self, base: Case, points: Sequence[Point] = (), *, is_given: bool = False) -> None:
        """Keep the arguments; nothing is read yet."""
        self.base, self.input, self.is_given = base, base.input, is_given
        self.metrics = base.metrics
        self._points = (HERE, *(point for point in points if point.input and base.input is None))
        self._totals: dict[tuple[Point, str], Cost | None] = {}

    @property
    def title(self) -> str:
        """The name of its file in messages."""
        return self.base.network.title

    @property
    def plan(self) -> Plan:
        """Its layers."""
        return self._read[1]

    @property
    def is_open(self) -> bool:
        """Whether its file leaves sizes open that only the points give."""
        return self._read[0] != HERE

    @cached_property
    def _read(self) -> tuple[Point, Plan]:
        """The first point that can be read, and the layers there; raises the first error if there is none."""
        errors: list[BadInput] = []
        for point in self._points:
            try:
                return point, self.case(point).plan
            except BadInput as error:
                errors.append(error)
        raise errors[0]

    @cached_property
    def source_map(self) -> SourceMap:
        """The positions of everything in its file."""
        return SourceMap(self.plan.spec.source)

    def case(self, point: Point, params: str = "trainable") -> Case:
        """Return its case at a point, as `flopcount FILE` with the same options counts it."""
        rule = self.base.convention if self.is_given else convention(params)
        changes = {name: value for name, value in point.changes.items() if value != getattr(self.base, name)}
        is_trained = changes.get("training", self.base.training)
        metrics = tuple(name for name in self.metrics if is_trained or name not in TRAINED)
        return self.base.at(**changes, convention=rule, metrics=metrics)

    def total(self, point: Point, params: str) -> Cost | None:
        """Return its total at a point; None if it cannot be counted, or has maps that do not exist."""
        key = (point, params)
        if key not in self._totals:
            self._totals[key] = self._counted(*key)
        return self._totals[key]

    def _counted(self, point: Point, params: str) -> Cost | None:
        try:
            count = self.case(point, params).count
        except BadInput:
            return None
        return None if any(map(vanishes, count.trace.steps.values())) else count.total


def measure(metric: str, total: Cost, bits: int | None = None) -> int:
    """Return one number of a cost; the bytes of weights are whole bytes."""
    return -(-total.params * bits // 8) if bits else total[metric]


WIDTH_STEP = Fraction(1, 20)
"""The step between widths; inputs differ by the largest power of two up to 32 that divides the present one."""


NARROW = "int8"
"""The precision that is tried."""


def suggestions(
    model: Model, point: Point, limit: Fraction, value: Callable[[Point], int | None]
) -> Iterator[Suggestion]:
    """Yield the largest width, the largest input, and the precision int8, at which a number is within its limit.

    `value` is the number at a point; None if the network cannot be counted there.
    """
    if model.plan.is_varied:
        return
    now = value(point)
    share = (float(limit) / now) ** 0.5 if now else 1.0  # most counts grow with the square of both
    widths = range(1, ceil(Fraction(point.width or 1) / WIDTH_STEP))
    changes: tuple[tuple[range, Callable[[int], Point]], ...] = (
        (widths, lambda step: point._replace(width=decimal(step * WIDTH_STEP))),
        (_sizes(model, point), lambda size: point._replace(input=str(size))),
    )
    for (numbers, changed), option in zip(changes, ("width", "input"), strict=True):
        found = _largest(numbers, changed, value, limit, share)
        if found is not None:
            yield Suggestion(f"--{option} {getattr(found[0], option)}", found[1])
    narrow = value(point._replace(precision=NARROW))
    if now and narrow is not None and narrow <= limit and narrow < now:
        yield Suggestion(f"--precision {NARROW}", narrow)


def _sizes(model: Model, point: Point) -> range:
    """Return the smaller sizes of a square input; other inputs have none."""
    inputs = model.case(point).inputs
    sizes = {*next(iter(inputs.values())).spatial} if len(inputs) == 1 else set()
    now = exact(sizes.pop()) if len(sizes) == 1 else 0
    step = next((step for step in (32, 16, 8, 4, 2) if now % step == 0), 1)
    return range(step, now, step)


def _largest(
    numbers: range, changed: Callable[[int], Point], value: Callable[[Point], int | None], limit: Fraction, share: float
) -> tuple[Point, int] | None:
    """Return the point of the last number at which a rising value is within the limit, and the value there.

    `share` is where to look first: a good guess takes two counts, a bad one as many as bisection.
    """
    low, high, best = -1, len(numbers), None
    places = [int(share * len(numbers))] * 2
    while high - low > 1:
        place = places.pop() if places else (low + high) // 2
        place = min(max(place, low + 1), high - 1)
        found = value(changed(numbers[place]))
        if found is None or found <= limit:
            low, best = place, found
        else:
            high = place
    return (changed(numbers[low]), best) if best is not None else None


class Scope(NamedTuple):
    """A part of a network that limits apply to: its name, its layers, and the place of the limits in the rule."""

    name: str
    paths: tuple[str, ...]
    limits: Limits
    place: Place


def scopes(rule: Budget, now: Measurement) -> Iterator[Scope]:
    """Yield the parts of a network that a rule limits."""
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


def under(pattern: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the blocks and layers whose path matches a pattern, name by name, with the layers under each."""
    names = pattern.split(".")
    found: dict[str, list[str]] = {}
    for path in paths:
        head = path.split(".")[: len(names)]
        if len(head) == len(names) and all(map(fnmatchcase, head, names)):
            found.setdefault(".".join(head), []).append(path)
    return found


def missing(rule: Budget, now: Measurement) -> Iterator[tuple[Place, str]]:
    """Yield a place and a sentence for every path of a rule that is not in a network."""
    for pattern in rule.blocks:
        if not under(pattern, now.costs):
            tops = [*dict.fromkeys(path.split(".")[0] for path in now.costs)]
            what = f"blocks: no layer or block matches {pattern[:100]!r}; {suggestion(pattern, tops)}"
            yield ("blocks", pattern), what
    for scope in scopes(rule, now):
        for name in [name for name in scope.limits.given if name in TRAINED and name not in now.total(scope.paths)]:
            place = (*scope.place, name)
            yield place, f"{'.'.join(map(str, place))}: a number of training; add when.training = true, or --training"
    parts = {(*scope.place, name): name for scope in scopes(rule, now) if scope.place for name in scope.limits.given}
    for place, name in parts.items():
        if name in now.whole and (place[0] != "layer" or name not in next(iter(now.costs.values()))):
            what = f"{'.'.join(map(str, place))}: {name} is a number of the whole network; limit it for the network"
            yield place, what


def _before(scope: Scope, number: Callable[[Cost], int], before: Measurement) -> int | None:
    """Return the value of the same part at the base; None if it did not exist."""
    paths = [*_same(scope, before)]
    return number(before.total(paths)) if paths else None


def _same(scope: Scope, before: Measurement) -> Iterable[str]:
    """Return the layers of the same part at the base."""
    match scope.place[:1]:
        case ("kinds",):
            return (path for path, kind in before.kinds.items() if kind == scope.name)
        case ("blocks",):
            return (path for path in before.costs if path == scope.name or path.startswith(f"{scope.name}."))
        case ("layer",):
            return scope.paths if scope.name in before.costs else ()
        case _:
            return before.costs


def judged(limit: Limit, value: int, base: int | None) -> list[tuple[str, str, Fraction, bool]]:
    """Return what a number is compared with: the code of a breach, the name of the limit, the bound, and if it breaks.

    Equal is allowed. A warning threshold is left out if the maximum is exceeded.
    """
    found = [(*each, value < each[2] if each[0] in LOWER else value > each[2]) for each in _bounds(limit, value, base)]
    is_over = any(code == "FC101" and breaks for code, *_, breaks in found)
    return [each for each in found if not (is_over and each[0] == "FC103")]


LOWER = ("FC102", "FC202")
"""The codes of limits that a number may not be below."""


def _bounds(limit: Limit, value: int, base: int | None) -> Iterator[tuple[str, str, Fraction]]:
    if limit.max is not None:
        yield "FC101", "max", limit.max.value
    if limit.warn is not None:
        yield "FC103", "warn", limit.warn_value
    if limit.min is not None:
        yield "FC102", "min", limit.min.value
    if base is None or not all(abs(value - base) > _amount(each, base) for each in limit.min_change):
        return
    if limit.max_increase:
        yield "FC201", "max_increase", min(base + _amount(each, base) for each in limit.max_increase)
    if limit.max_decrease:
        yield "FC202", "max_decrease", max(base - _amount(each, base) for each in limit.max_decrease)


class Held(NamedTuple):
    """A number beside one of its limits: the code of a breach, the key of the limit, the bound, and if it breaks.

    `number` is how the metric is measured, `base` its value at the base.
    """

    code: str
    name: str
    bound: Fraction
    breaks: bool
    scope: Scope
    metric: str
    value: int
    number: Callable[[Cost], int]
    base: int | None = None


def held(rule: Budget, now: Measurement, before: Measurement | None = None) -> list[Held]:
    """Return every limit of a rule beside the number it is about; `before` is the network at the base."""
    found: list[Held] = []
    for scope in scopes(rule, now):
        for metric, limit in scope.limits.given.items():
            number = partial(measure, metric, bits=getattr(limit, "bits", None))
            total = now.total(scope.paths)
            if metric not in total:  # of the whole network
                continue
            value = number(total)
            base = _before(scope, number, before) if before and limit.is_relative else None
            found += [Held(*each, scope, metric, value, number, base) for each in judged(limit, value, base)]
    return found


def _amount(amount: Quantity, base: int) -> Fraction:
    return amount.value * base if amount.is_share else amount.value


class Rule(NamedTuple):
    """Limits and where they are written: in the arch file itself, or, with its `files`, in the configuration."""

    budget: Budget
    source_map: SourceMap
    place: Place = ()
    files: frozenset[Path] | None = None

    @property
    def name(self) -> str:
        """The name of the rule in findings."""
        number = self.place[-1] if self.place else 0
        return self.budget.id or ("budget" if not isinstance(number, int) else f"budget {number + 1}")

    @property
    def points(self) -> list[Point]:
        """The points at which the rule holds: every combination of what `when` lists."""
        when = self.budget.when
        others = (getattr(when, name) or (None,) for name in Point._fields if name != "training")
        return [Point(*each) for each in product(*others, when.trained)]

    @property
    def limits(self) -> list[tuple[str, Limit]]:
        """Every limit of the rule, with its metric."""
        rule = self.budget
        inner = (rule, *rule.blocks.values(), *rule.kinds.values(), *((rule.layer,) if rule.layer else ()))
        return [pair for each in inner for pair in each.given.items()]

    @property
    def is_relative(self) -> bool:
        """Whether the rule has limits that need a base."""
        return any(limit.is_relative for _, limit in self.limits)

    def written_at(self, place: Place) -> str:
        """Return the file and line of a place in a rule of the configuration; empty for one of the arch file."""
        if self.files is None:
            return ""
        return f"{Path(self.source_map.source.title).name}:{self.source_map.at((*self.place, *place))[0]}"


def rules_of(config: Config, files: Mapping[str, Iterable[Path]]) -> list[Rule]:
    """Return the rules of a configuration with the files that their patterns match."""
    source_map = SourceMap(config.source)
    resolved = {pattern: frozenset(path.resolve() for path in found) for pattern, found in files.items()}
    return [
        Rule(
            each,
            source_map,
            (*config.prefix, "budget", index),
            frozenset().union(*(resolved[name] for name in each.files)),
        )
        for index, each in enumerate(config.model.budget)
    ]


def given(metric: str, text: str) -> Rule:
    """Return the rule of an option: a maximum for every file."""
    option = f"--max-{metric.replace('_', '-')}"
    try:
        (units.size if metric in units.IN_BYTES else units.count)(text, metric)
    except NotAQuantityError as error:
        raise UsageError(f"{option} {plain(text[:60])}: {error}") from None
    budget = Budget.model_validate({metric: text}).model_copy(update={"id": f"{option} {text}"})
    return Rule(budget, SourceMap(Source("", "", "toml", {})), (option,))


def own_rules(model: Model) -> Iterator[Rule]:
    """Yield the limits in an arch file."""
    spec = model.plan.spec
    in_list = isinstance(spec.source.data.get("budget"), list)
    for index, each in enumerate(spec.arch.budget):
        yield Rule(each, model.source_map, ("budget", index) if in_list else ("budget",))


MOST_SHARES = 3
"""The number of layers with the largest values that a finding names."""


def breaches(rule: Rule, model: Model, point: Point, now: Measurement, found: Iterable[Held]) -> Iterator[Finding]:
    """Yield a finding for every limit of a rule that a network breaks at a point.

    It points at the limit if the file has it, else at the layer or the top.
    """
    for each in (each for each in found if each.breaks):
        scope, code = each.scope, each.code
        place = (*scope.place, each.metric, each.name)
        row = now.places[scope.paths[0]] if scope.place and scope.paths else ()
        fits = code in {"FC101", "FC201"} and not scope.place
        at = model.source_map.at((*rule.place, *place) if rule.files is None else row)
        shares = _shares(scope, each.number, model, now)
        main = shares[0].path if shares else next(iter(scope.paths), "")
        yield Finding(
            *(code, "warn" if code == "FC103" else rule.budget.level, model.title, *at, model.plan.name),
            scope=scope.name,
            point=str(point),
            metric=each.metric,
            value=each.value,
            limit=each.bound,
            base=each.base if code.startswith("FC2") else None,
            rule=rule.name,
            rule_at=rule.written_at(place),
            message=rule.budget.message,
            shares=shares if code != "FC102" else (),
            source=_below(*now.sources[main]) if main in now.sources else None,
            fits=_fits(each.bound, each.number, model, point, rule) if fits else (),
            notes=now.notes,
        )


def standings(rule: Rule, model: Model, point: Point, found: Iterable[Held]) -> Iterator[Standing]:
    """Yield the limits of a rule that hold at a point; of one on each layer, that of the nearest layer."""
    nearest: dict[tuple[str, str], Standing] = {}
    for each in (each for each in found if not each.breaks):
        base = each.base if each.code.startswith("FC2") else None
        about = (model.title, model.plan.name, each.scope.name, str(point), each.metric, each.name)
        standing = Standing(*about, each.value, each.bound, base, rule.name)
        key = about[4:]
        if each.scope.place != ("layer",):
            yield standing
        elif key not in nearest or (standing.used or 0) > (nearest[key].used or 0):
            nearest[key] = standing
    yield from nearest.values()


def unchecked(what: str, rule: Rule, model: Model, point: Point = HERE, place: Place = ()) -> Finding:
    """Return the finding that a rule could not be applied, at the rule if it is in the file."""
    line, column = model.source_map.at((*rule.place, *place)) if rule.files is None else (1, 1)
    return Finding(
        *("FC902", "error", model.title, line, column, model.plan.name),
        what=what,
        point=str(point),
        rule=rule.name,
        rule_at=rule.written_at(place),
    )


def uncounted(error: BadInput, rule: Rule, model: Model, point: Point) -> list[Finding]:
    """Return the findings of a network that cannot be counted at a point."""
    if isinstance(error, SpecError):
        return unread(model.title, "FC902", explained(error, error.file), model.plan.name)
    return [unchecked("; ".join(what for *_, what in _problems(error, model.title)), rule, model, point)]


def unread(title: str, code: str, error: BadInput, arch: str = "") -> list[Finding]:
    """Return a finding for each problem with a file."""
    arch = arch or Path(title).stem
    problems = _problems(error, title)
    return [Finding(code, "error", title, line, column, arch, what=what) for line, column, what in problems]


def _problems(error: BadInput, title: str) -> list[tuple[int, int, str]]:
    """Return line, column and sentence of each problem; a file's problems without its title."""
    if isinstance(error, FileError) and error.title == title:
        how = ("; ".join(each.lines) for each in error.problems)
        said = zip(error.problems, how, strict=True)
        return [(each.line or 1, each.column or 1, f"{each.what} {more}".rstrip()) for each, more in said]
    return [(1, 1, each.text) for each in error.messages]


def _shares(scope: Scope, number: Callable[[Cost], int], model: Model, now: Measurement) -> tuple[Share, ...]:
    """Return the layers with the largest values, with their lines; layers whose maps do not exist are excluded."""
    if len(scope.paths) < 2:  # noqa: PLR2004  (one layer is the whole)
        return ()
    with suppress(KeyError):  # what only a network has
        return _largest_shares(scope, number, model, now)
    return ()


def _largest_shares(scope: Scope, number: Callable[[Cost], int], model: Model, now: Measurement) -> tuple[Share, ...]:
    values = [(path, number(now.costs[path])) for path in scope.paths if path not in now.phantom]
    most = sorted(values, key=lambda each: -each[1])[:MOST_SHARES]
    foreign = not model.source_map.source.text  # such a file has no lines, but may tell those of code
    lines = {path: _code(path, now) if foreign else ("", model.source_map.at(now.places[path])[0]) for path, _ in most}
    return tuple(Share(path, value, lines[path][1], lines[path][0]) for path, value in most if value)


def _code(path: str, now: Measurement) -> tuple[str, int]:
    """Return the line of code that calls a layer, by its path from here if the file is below."""
    source = now.sources.get(path, ("", 0))
    return _below(*source) or source


def _below(name: str, line: int) -> tuple[str, int] | None:
    """Return a line of code by its path from here, if the file is below; of another machine, by how its path ends."""
    if not name:
        return None
    here = Path.cwd()
    path = Path(name.replace("\\", "/"))
    if path.is_absolute() and path.is_relative_to(here):
        path = path.relative_to(here)
    ends = (Path(*path.parts[start:]) for start in range(1 if path.is_absolute() else 0, len(path.parts)))
    found = next((end for end in ends if ".." not in end.parts and (here / end).is_file()), None)
    return (found.as_posix(), line) if found else None


def _fits(
    limit: Fraction, number: Callable[[Cost], int], model: Model, point: Point, rule: Rule
) -> tuple[Suggestion, ...]:
    """Return the suggestions for a limit on the whole network."""

    def value(at: Point) -> int | None:
        total = model.total(at, rule.budget.convention)
        return None if total is None else number(total)

    return tuple(suggestions(model, point, limit, value))
