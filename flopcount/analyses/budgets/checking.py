"""Arch files held against every limit that is about them; what comes out are values."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.judging import breaches, missing
from flopcount.analyses.budgets.readings import Point, Reading, points, reading, totals
from flopcount.analyses.budgets.rules import Rule, needs_base, own_rules
from flopcount.analyses.budgets.spots import Spots
from flopcount.analyses.budgets.verdicts import Network, unchecked, verdict
from flopcount.analyses.counted import Cost
from flopcount.errors import BadInput, FileError, SpecError, plain, sentences
from flopcount.files.specs import Spec, pointed
from flopcount.importers.loading import load, load_content
from flopcount.schema.budget import Budget


class Count(NamedTuple):
    """A network at one point: what each layer costs, and what it cost at the base."""

    point: Point
    params: str
    now: Reading
    before: Reading | None


class Checked(NamedTuple):
    """A file, the points it was counted at, and what was found.

    `limited` tells whether any limit is about it, `relative` whether one is about
    changes; `compared` that there was a base, and `lost` that the file could not be counted there.
    """

    path: str
    arch: str
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]
    limited: bool
    relative: bool = False
    compared: bool = False
    lost: bool = False

    @property
    def total(self) -> Cost | None:
        """What the network costs as its file has it, if that was counted."""
        return self.counts[0].now.total() if self.counts else None


class Subject(NamedTuple):
    """A file to check: where it is, what it is called in findings, its text at the base, whether there is a base."""

    path: Path
    title: str
    before: bytes | None = None
    compared: bool = False


_TITLE = "\0"
"""Stands for the name of a file in a message while that is taken apart: a name may have line ends and more."""

_LEFT_OUT = "operators were left out of this network, so what it costs is not known; no limit can be held against it"

Counts = dict[tuple[Point, str], Count]
"""What was counted, by the point and the convention."""


def checked(subject: Subject, rules: Sequence[Rule]) -> Checked:
    """Check one file; whatever is wrong with it becomes findings."""
    try:
        spec = load(subject.path, subject.title)
    except BadInput as error:
        return Checked(subject.title, subject.title, (), tuple(unread(subject.title, "FC901", error)), limited=True)
    resolved = subject.path.resolve()
    applied = [*own_rules(spec), *(rule for rule in rules if rule.concerns(resolved))]
    network = Network(spec, Spots(spec.source), totals(spec))
    counts, findings = _found(applied, network, cache(partial(_at_base, subject, spec)))
    return Checked(
        *(subject.title, spec.arch.name, tuple(counts.values()), tuple(dict.fromkeys(findings))),
        limited=bool(applied),
        relative=needs_base(applied),
        compared=subject.compared,
        lost=subject.before is not None and any(count.before is None for count in counts.values()),
    )


def _found(rules: Sequence[Rule], network: Network, base: Callable[[], Spec | None]) -> tuple[Counts, list[Finding]]:
    """Return what was counted, and what the rules find in it."""
    counts: Counts = {}
    findings: list[Finding] = []
    for rule in rules:
        if network.spec.unknown:
            findings.append(unchecked(_LEFT_OUT, rule, network, Point()))
            continue
        for point in points(rule.budget.when):
            findings += _counted(rule, point, network, base, counts) or _judged(rule, point, network, counts)
    if not counts and not findings:
        alone = Rule(Budget.model_construct(), network.spots, ())
        findings += _counted(alone, Point(), network, base, counts)
    return counts, findings


def _judged(rule: Rule, point: Point, network: Network, counts: Counts) -> Iterator[Finding]:
    """Yield what a rule finds at a point that was counted."""
    count = counts[point, rule.budget.convention]
    for place, what in missing(rule.budget, count.now):
        yield unchecked(what, rule, network, point, place)
    for breach in breaches(rule.budget, point, count.now, count.before):
        yield verdict(breach, rule, network, count.now)


def _counted(
    rule: Rule, point: Point, network: Network, base: Callable[[], Spec | None], counts: Counts
) -> list[Finding]:
    """Count a network at a point, once; return why that is not possible."""
    key = (point, rule.budget.convention)
    if key in counts:
        return []
    spec = network.spec
    try:
        now = reading(spec, *key)
    except SpecError as error:
        located = FileError(pointed(error.problems, spec.source, {}))
        return unread(spec.source.title, "FC902", located, spec.arch.name)
    except BadInput as error:
        what = "; ".join(sentences(str(error))).removeprefix(f"{spec.source.title}: ")
        return [unchecked(what, rule, network, point)]
    counts[key] = Count(*key, now, _before(now, key, spec, base()))
    return []


def _at_base(subject: Subject, spec: Spec) -> Spec | None:
    """Return the file as it was; what could not be read then is as good as new."""
    try:
        before = load_content(subject.before, subject.title) if subject.before is not None else None
    except BadInput:
        return None
    return spec if before and before.source.data == spec.source.data else before


def _before(now: Reading, key: tuple[Point, str], spec: Spec, base: Spec | None) -> Reading | None:
    """Count the network as it was; what could not be counted then is as good as new."""
    try:
        return now if base is spec else base and reading(base, *key)
    except BadInput:
        return None


def unread(title: str, code: str, error: BadInput, arch: str = "") -> list[Finding]:
    """Make a finding of every line of an error that names a place in the file, whatever the file is called."""
    findings = []
    for problem in sentences(str(error).replace(f"{title}:", _TITLE)):
        rest = problem.removeprefix(_TITLE)
        line, column, what = _located(rest) if rest != problem else (1, 1, problem)
        what = what.strip().replace(_TITLE, f"{plain(title)}:")
        findings.append(Finding(code, "error", title, line, column, arch or Path(title).stem, what=what))
    return findings


def _located(text: str) -> tuple[int, int, str]:
    """Take `3:4: what` apart; what names no place is about the first line."""
    line, _, rest = text.partition(":")
    column, _, what = rest.partition(":")
    return (int(line), int(column), what) if line.isdecimal() and column.isdecimal() else (1, 1, text)
