"""Arch files held against every limit that is about them; what comes out are values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets import Breach, breaches, is_relative
from flopcount.analyses.counted import Cost
from flopcount.analyses.findings import Finding, Fit, Share
from flopcount.analyses.fitting import fits
from flopcount.analyses.readings import Point, Reading, measure, points, reading
from flopcount.errors import BadInput, FileError, Place, SpecError
from flopcount.files.config import Config
from flopcount.files.positions import positions
from flopcount.files.source import Source
from flopcount.files.specs import Spec, load_file, load_text, pointed
from flopcount.schema.budget import Budget

MOST_SHARES = 3
"""So many of the layers that cost most are named in a finding."""


class Rule(NamedTuple):
    """Limits with where they are written: in the arch file itself, or in the configuration."""

    budget: Budget
    source: Source
    place: Place
    files: frozenset[Path] | None = None

    def concerns(self, path: Path) -> bool:
        """Tell whether the rule is about a file."""
        return self.files is None or path in self.files

    @property
    def name(self) -> str:
        """What the rule is called in a finding."""
        number = self.place[-1] if self.place else 0
        return self.budget.id or ("budget" if not isinstance(number, int) else f"budget {number + 1}")


class Count(NamedTuple):
    """A network at one point: what each layer costs, and what it cost at the base."""

    point: Point
    params: str
    now: Reading
    before: Reading | None


class Checked(NamedTuple):
    """A file, the points it was counted at, and what was found."""

    path: str
    arch: str
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]
    limited: bool
    relative: bool = False

    @property
    def total(self) -> Cost | None:
        """What the network costs as its file has it, if that was counted."""
        return self.counts[0].now.total() if self.counts else None


class Subject(NamedTuple):
    """A file to check: where it is, what it is called in findings, and its text at the base."""

    path: Path
    title: str
    before: bytes | None = None


def checked(subject: Subject, rules: Sequence[Rule]) -> Checked:
    """Check one file; whatever is wrong with it becomes findings."""
    try:
        spec = load_file(subject.path, subject.title)
    except FileError as error:
        return Checked(subject.title, subject.title, (), tuple(_unread(subject.title, "FC901", error)), limited=True)
    own = [Rule(each, spec.source, place) for each, place in _own(spec)]
    applied = [*own, *(rule for rule in rules if rule.concerns(subject.path.resolve()))]
    counts: dict[tuple[Point, str], Count] = {}
    findings: list[Finding] = []
    for rule in applied:
        findings += _found(rule, spec, subject, counts)
    if not counts:
        findings += _counted(Rule(Budget.model_construct(), spec.source, ()), Point(), spec, subject, counts)
    return Checked(
        *(subject.title, spec.arch.name, tuple(counts.values()), tuple(dict.fromkeys(findings))),
        limited=bool(applied),
        relative=needs_base(own),
    )


def rules_of(config: Config, files: Mapping[str, Iterable[Path]]) -> list[Rule]:
    """Return the rules of a configuration with the files their patterns match."""
    return [
        Rule(
            each,
            config.source,
            (*config.prefix, "budget", index),
            frozenset(path.resolve() for pattern in each.files for path in files[pattern]),
        )
        for index, each in enumerate(config.model.budget)
    ]


def needs_base(rules: Iterable[Rule]) -> bool:
    """Tell whether any rule has limits on changes."""
    return any(is_relative(rule.budget) for rule in rules)


def _own(spec: Spec) -> Iterator[tuple[Budget, Place]]:
    """Yield the limits in an arch file, with their places."""
    in_list = isinstance(spec.source.data.get("budget"), list)
    for index, each in enumerate(spec.arch.budget):
        yield each, ("budget", index) if in_list else ("budget",)


def _found(rule: Rule, spec: Spec, subject: Subject, counts: dict[tuple[Point, str], Count]) -> Iterator[Finding]:
    """Yield what a rule finds in a network, at every point the rule is about."""
    for point in points(rule.budget.when):
        problems = _counted(rule, point, spec, subject, counts)
        if problems:
            yield from problems
            continue
        count = counts[point, rule.budget.convention]
        try:
            found = [*breaches(rule.budget, point, count.now, count.before)]
        except BadInput as error:
            yield _unchecked(rule, spec, subject, point, str(error))
            continue
        yield from _pointed(found, rule, spec, subject, count)


def _counted(
    rule: Rule, point: Point, spec: Spec, subject: Subject, counts: dict[tuple[Point, str], Count]
) -> list[Finding]:
    """Count a network at a point, once; return why that is not possible."""
    key = (point, rule.budget.convention)
    if key in counts:
        return []
    try:
        now = reading(spec, point, rule.budget.convention)
    except SpecError as error:
        return _unread(subject.title, "FC902", FileError(pointed(error.problems, spec.source, {})), spec.arch.name)
    except BadInput as error:
        return [_unchecked(rule, spec, subject, point, str(error))]
    counts[key] = Count(point, rule.budget.convention, now, _at_base(now, key, spec, subject))
    return []


def _at_base(now: Reading, key: tuple[Point, str], spec: Spec, subject: Subject) -> Reading | None:
    """Count the network as it was; what could not be counted then is as good as new."""
    if subject.before is None:
        return None
    try:
        before = load_text(subject.before, subject.title)
        return now if before.source.data == spec.source.data else reading(before, *key)
    except BadInput:
        return None


def _unread(title: str, code: str, error: FileError, arch: str = "") -> list[Finding]:
    """Make a finding of every line of an error that names a place in the file."""
    findings = []
    for problem in str(error).split("\n"):
        if problem.startswith(" "):
            continue
        rest = problem.removeprefix(f"{title}:")
        line, column, what = _located(rest) if rest != problem else (1, 1, problem)
        findings.append(Finding(code, "error", title, line, column, arch or Path(title).stem, what=what.strip()))
    return findings


def _located(text: str) -> tuple[int, int, str]:
    """Take `3:4: what` apart; what names no place is about the first line."""
    line, _, rest = text.partition(":")
    column, _, what = rest.partition(":")
    return (int(line), int(column), what) if line.isdecimal() and column.isdecimal() else (1, 1, text)


def _unchecked(rule: Rule, spec: Spec, subject: Subject, point: Point, what: str) -> Finding:
    """Say that a rule could not be applied, at the rule if it is in the file."""
    line, column = positions(spec.source, [rule.place]).get(rule.place, (1, 1)) if rule.files is None else (1, 1)
    return Finding(
        *("FC902", "error", subject.title, line, column, spec.arch.name),
        what=what.replace("\n", "; "),
        point=str(point),
        rule=rule.name,
    )


def _pointed(found: Sequence[Breach], rule: Rule, spec: Spec, subject: Subject, count: Count) -> Iterator[Finding]:
    """Make findings of what is broken: at the limit where the file has it, else at the layer or the top."""
    if not found:
        return
    shares = [_shares(each, count.now) for each in found]
    places = [(*rule.place, *each.place) if rule.files is None else _row(each, count.now) for each in found]
    rows = [count.now.places[path] for each in shares for path, _ in each]
    spots = positions(spec.source, [*places, *rows])
    for each, place, parts in zip(found, places, shares, strict=True):
        line, column = spots.get(place, (1, 1))
        lines = tuple(Share(path, value, spots.get(count.now.places[path], (1, 1))[0]) for path, value in parts)
        yield Finding(
            *(each.code, each.level, subject.title, line, column, spec.arch.name),
            scope=each.scope.name,
            point=str(each.point),
            metric=each.metric,
            value=each.value,
            limit=each.limit,
            base=each.base if each.code.startswith("FC2") else None,
            rule=rule.name,
            rule_at=_written_at(rule, each),
            message=rule.budget.message,
            shares=lines,
            fits=_fits(each, spec, rule.budget.convention),
        )


def _written_at(rule: Rule, breach: Breach) -> str:
    """Return the file and line of a limit that is not in the arch file."""
    if rule.files is None:
        return ""
    place = (*rule.place, *breach.place)
    line, _ = positions(rule.source, [place]).get(place, (1, 1))
    return f"{Path(rule.source.title).name}:{line}"


def _row(breach: Breach, now: Reading) -> Place:
    """Return the row of what a breach is about; the network as a whole has none."""
    return now.places[breach.scope.paths[0]] if breach.scope.place and breach.scope.paths else ()


def _shares(breach: Breach, now: Reading) -> list[tuple[str, int]]:
    """Return the layers that have most of a number."""
    if len(breach.scope.paths) < 2 or breach.code == "FC102":  # noqa: PLR2004  (one layer is the whole)
        return []
    values = [(path, measure(breach.metric, now.costs[path], breach.bits)) for path in breach.scope.paths]
    return [each for each in sorted(values, key=lambda each: -each[1])[:MOST_SHARES] if each[1]]


def _fits(breach: Breach, spec: Spec, params: str) -> tuple[Fit, ...]:
    """Say what would meet a limit on the whole network."""
    if breach.scope.place or breach.code not in {"FC101", "FC201"}:
        return ()
    return tuple(fits(spec, breach.point, breach.limit, lambda cost: measure(breach.metric, cost, breach.bits), params))
