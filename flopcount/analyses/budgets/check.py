"""Arch files held against every limit that is about them; what comes out are values."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache, partial
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.findings import Finding, Spots
from flopcount.analyses.budgets.judge import (
    Inspected,
    Measurement,
    Point,
    Rule,
    breaches,
    case_at,
    is_relative,
    measurement,
    missing,
    needs_base,
    own_rules,
    points,
    rules_of,
    totals,
    unchecked,
    verdict,
)
from flopcount.case import Cost, load, load_bytes
from flopcount.errors import BadInput, FileError, Place, SpecError, UsageError, plain
from flopcount.network.network import Network
from flopcount.spec.budget import Budget
from flopcount.spec.config import NAMES, Config, found, matching, read
from flopcount.spec.fields import shown
from flopcount.spec.git import base_at, outside, root_of, texts_at
from flopcount.spec.load import explained


class Evaluation(NamedTuple):
    """A network at one point: what each layer costs, and what it cost at the base."""

    point: Point
    params: str
    now: Measurement
    before: Measurement | None


class Checked(NamedTuple):
    """A file, the points it was counted at, and what was found.

    `limited` tells whether any limit is about it, `relative` whether one is about
    changes; `compared` that there was a base, and `lost` that the file could not be counted there.
    """

    path: str
    arch: str
    counts: tuple[Evaluation, ...]
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


_LEFT_OUT = "operators were left out of this network, so what it costs is not known; no limit can be held against it"

Counts = dict[tuple[Point, str], Evaluation]
"""What was counted, by the point and the convention."""


def checked(subject: Subject, rules: Sequence[Rule]) -> Checked:
    """Check one file; whatever is wrong with it becomes findings."""
    try:
        loaded = load(subject.path, title=subject.title)
        plan = loaded.plan
    except BadInput as error:
        return Checked(subject.title, subject.title, (), tuple(unread(subject.title, "FC901", error)), limited=True)
    resolved = subject.path.resolve()
    source_map = Spots(plan.spec.source)
    applied = [*own_rules(plan.spec, source_map), *(rule for rule in rules if rule.concerns(resolved))]
    network = Inspected(loaded, source_map, totals(loaded))
    counts, findings = _found(applied, network, cache(partial(_at_base, subject, loaded)))
    return Checked(
        *(subject.title, plan.name, tuple(counts.values()), tuple(dict.fromkeys(findings))),
        limited=bool(applied),
        relative=needs_base(applied),
        compared=subject.compared,
        lost=subject.before is not None and any(count.before is None for count in counts.values()),
    )


def _found(
    rules: Sequence[Rule], network: Inspected, base: Callable[[], Network | None]
) -> tuple[Counts, list[Finding]]:
    """Return what was counted, and what the rules find in it."""
    counts: Counts = {}
    findings: list[Finding] = []
    for rule in rules:
        if network.network.plan.unknown:
            findings.append(unchecked(_LEFT_OUT, rule, network, Point()))
            continue
        for point in points(rule.budget.when):
            findings += _counted(rule, point, network, base, counts) or _judged(rule, point, network, counts)
    if not counts and not findings:
        alone = Rule(Budget.model_construct(), network.spots, ())
        findings += _counted(alone, Point(), network, base, counts)
    return counts, findings


def _judged(rule: Rule, point: Point, network: Inspected, counts: Counts) -> Iterator[Finding]:
    """Yield what a rule finds at a point that was counted."""
    count = counts[point, rule.budget.convention]
    for place, what in missing(rule.budget, count.now):
        yield unchecked(what, rule, network, point, place)
    for breach in breaches(rule.budget, point, count.now, count.before):
        yield verdict(breach, rule, network, count.now)


def _counted(
    rule: Rule, point: Point, network: Inspected, base: Callable[[], Network | None], counts: Counts
) -> list[Finding]:
    """Count a network at a point, once; return why that is not possible."""
    key = (point, rule.budget.convention)
    if key in counts:
        return []
    case = case_at(network.network, *key)
    try:
        now = measurement(case)
    except SpecError as error:
        return unread(network.network.title, "FC902", explained(error, error.file), case.name)
    except BadInput as error:
        return [unchecked("; ".join(sentences(error, network.network.title)), rule, network, point)]
    counts[key] = Evaluation(*key, now, _before(now, key, network.network, base()))
    return []


def _at_base(subject: Subject, network: Network) -> Network | None:
    """Return the file at the base; treat it as new if it could not be read there."""
    try:
        before = load_bytes(subject.before, subject.title) if subject.before is not None else None
        same = before is not None and before.plan.spec.source.data == network.plan.spec.source.data
    except BadInput:
        return None
    return network if same else before


def _before(now: Measurement, key: tuple[Point, str], network: Network, base: Network | None) -> Measurement | None:
    """Count the network at the base; treat it as new if it could not be counted there."""
    try:
        if base is network:
            return now
        return None if base is None else measurement(case_at(base, *key))
    except BadInput:
        return None


def unread(title: str, code: str, error: BadInput, arch: str = "") -> list[Finding]:
    """Return a finding for each problem with a file."""
    arch = arch or Path(title).stem
    if not isinstance(error, FileError) or error.title != title:
        return [Finding(code, "error", title, 1, 1, arch, what=each.text) for each in error.messages]
    places = ((each.line or 1, each.column or 1, each.what) for each in error.problems)
    return [Finding(code, "error", title, line, column, arch, what=what) for line, column, what in places]


def sentences(error: BadInput, title: str) -> list[str]:
    """Return what is wrong; a file's problems without its title."""
    if isinstance(error, FileError) and error.title == title:
        return [each.what for each in error.problems]
    return [each.text for each in error.messages]


# What is let pass, and what of a configuration is out of date.


Known = Mapping[str, Sequence[Path]]
"""The files that each pattern of a configuration matches."""


class Parted(NamedTuple):
    """Findings that are kept, those that are let pass with the reason, and which exemptions that took."""

    kept: tuple[Finding, ...]
    exempt: tuple[tuple[Finding, str], ...]
    used: frozenset[int]


def parted(config: Config, results: Iterable[tuple[Path, Checked]], known: Known, today: date) -> Parted:
    """Part what is let pass from what is not; what could not be checked never is, nor an arch file's own limits."""
    kept: list[Finding] = []
    exempt: list[tuple[Finding, str]] = []
    used: set[int] = set()
    holding = [(index, each) for index, each in enumerate(config.model.exempt) if today <= each.expires]
    files = {index: _files(each.files, known) for index, each in holding}
    for path, result in results:
        here = [(index, each) for index, each in holding if path in files[index]]
        for finding in result.findings:
            named = [index for index, each in here if each.id == finding.rule]
            if not named or finding.unchecked or not finding.rule_at:
                kept.append(finding)
            else:
                used.update(named)
                exempt.append((finding, config.model.exempt[named[0]].reason))
    return Parted(tuple(kept), tuple(exempt), frozenset(used))


def outdated(config: Config, known: Known, stale: Iterable[tuple[Place, str]]) -> list[Finding]:
    """Return a finding for every pattern that matches no file, and for what is stale."""
    spots = Spots(config.source)
    places = (((*config.prefix, *place), what) for place, what in (*_unmatched(config, known), *stale))
    return [Finding("FC903", "error", config.source.title, *spots.at(place), "", what=what) for place, what in places]


def stale(
    config: Config, results: Mapping[Path, Checked], known: Known, used: frozenset[int], today: date
) -> Iterator[tuple[Place, str]]:
    """Yield every exemption that has run out, or lets nothing pass of all the files it is about."""
    rules = {rule.id: rule for rule in config.model.budget}
    for index, each in enumerate(config.model.exempt):
        files = _files(each.files, known)
        if each.expires < today:
            what = f"the exemption from {each.id!r} ran out on {each.expires}; remove it, or set a later day"
            yield ("exempt", index, "expires"), what
        elif index not in used and files and all(_settled(results.get(path), rules[each.id]) for path in files):
            yield ("exempt", index), f"the exemption from {each.id!r} lets nothing pass any more; remove it"


def _settled(result: Checked | None, rule: Budget) -> bool:
    """Tell whether a file was held against all that a rule says."""
    if result is None or any(finding.unchecked for finding in result.findings):
        return False
    return result.compared or not is_relative(rule)


def _unmatched(config: Config, known: Known) -> Iterator[tuple[Place, str]]:
    places: list[tuple[Place, Sequence[str]]] = [(("files",), config.model.files)]
    places += [(("budget", index, "files"), rule.files) for index, rule in enumerate(config.model.budget)]
    places += [(("exempt", index, "files"), each.files) for index, each in enumerate(config.model.exempt)]
    for place, patterns in places:
        for number, pattern in enumerate(patterns):
            if not known[pattern]:
                yield (*place, number), f"files = {shown(pattern)} matches no file; {_way_out(config, pattern)}"


def _way_out(config: Config, pattern: str) -> str:
    folder = "\0" not in pattern and (config.folder / pattern).is_dir()
    return f'for all in a folder write "{pattern.rstrip("/")}/**/*.toml"' if folder else "correct it or remove it"


def _files(patterns: Iterable[str], known: Known) -> set[Path]:
    return {path.resolve() for pattern in patterns for path in known[pattern]}


# A whole check: which files, under which rules, against which base, and what is let pass.


MOST_LISTED = 3
"""So many files are named in a note."""


class Outcome(NamedTuple):
    """What a check came to; `findings` are all of them, `exempt` those that are let pass, with the reason."""

    files: tuple[Checked, ...]
    findings: tuple[Finding, ...]
    exempt: tuple[tuple[Finding, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything could be checked and every limit holds; warnings do not count."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """0 if all is well, 2 if something could not be checked, else 1."""
        if any(each.unchecked for each in self.findings):
            return 2
        return int(any(each.level == "error" for each in self.findings))


class Setup(NamedTuple):
    """Where a check runs: the working folder, the configuration, what day it is."""

    folder: Path
    config: Config | None
    today: date


def check(
    *files: str | Path, base: str | None = None, config: str | Path | None = None, folder: str | Path = "."
) -> Outcome:
    """Check arch files against their limits and those of the project.

    `files` are paths, folders or patterns (where there are none, those of the
    configuration); `base` a git ref that changes are measured against; `config` a
    configuration, which is otherwise looked for upwards from `folder`. Raises a
    FlopcountError for what keeps the check from starting.
    """
    return outcome(setup(folder, config), [*map(str, files)], base)


def setup(folder: str | Path = ".", config: str | Path | None = None) -> Setup:
    """Find the configuration for a working folder."""
    start = Path(folder).resolve()
    chosen = read(Path(config)) if config is not None else found(start)
    return Setup(start, chosen, date.today())  # noqa: DTZ011  (the day where the user is)


def outcome(around: Setup, names: Sequence[str], ref: str | None) -> Outcome:
    """Check the files that are named, or all of the configuration."""
    config = around.config
    known = matching(config.folder, patterns_of(config)) if config else {}
    ref = config.model.base if config and ref is None else ref
    rules = rules_of(config, known) if config else []
    subjects = subjects_of(files_of(around, names, known), around.folder, ref)
    results = tuple(checked(each, rules) for each in subjects)
    notes = tuple(_notes(results))
    if config is None:
        return Outcome(results, tuple(finding for each in results for finding in each.findings), notes=notes)
    by_path = [(subject.path.resolve(), result) for subject, result in zip(subjects, results, strict=True)]
    kept, exempt, used = parted(config, by_path, known, around.today)
    old = stale(config, dict(by_path), known, used, around.today)
    return Outcome(results, (*kept, *outdated(config, known, old)), exempt, notes)


def subjects_of(paths: Iterable[Path], folder: Path, ref: str | None) -> list[Subject]:
    """Return the files to check, with their texts at the base."""
    paths = [*paths]
    before = texts_before(paths, ref) if ref is not None else {}
    return [Subject(path, title_of(path, folder), before.get(path), ref is not None) for path in paths]


def files_of(around: Setup, names: Sequence[str], known: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Return the files that are named, or those of the configuration, each once, by whatever name it is called."""
    paths = _named(around, names) if names else _configured(around.config, known)
    return [*{title_of(path, around.folder): path for path in paths}.values()]


def texts_before(paths: Iterable[Path], ref: str) -> dict[Path, bytes]:
    """Return what files were at a base, each in its own repository."""
    inside: dict[Path, list[Path]] = {}
    for path in paths:
        root = root_of(path.resolve().parent)
        if root is None:
            raise outside(path.resolve().parent)
        inside.setdefault(root, []).append(path)
    texts: dict[Path, bytes] = {}
    for root, members in inside.items():
        texts |= texts_at(base_at(root, ref), members)
    return texts


def patterns_of(config: Config) -> list[str]:
    """Return every pattern of a configuration."""
    model = config.model
    rules = [pattern for each in model.budget for pattern in each.files]
    return [*model.files, *rules, *(pattern for each in model.exempt for pattern in each.files)]


def _configured(config: Config | None, known: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Return the files of a configuration: those it names, else those its rules are about."""
    patterns: Sequence[str] = ()
    if config is not None:
        patterns = config.model.files or [pattern for each in config.model.budget for pattern in each.files]
    if not patterns:
        raise UsageError(f'no files to check; name some, or give files = ["archs/**/*.toml"] in {NAMES[0]}')
    return sorted({path for pattern in patterns for path in known[pattern]})


def _named(around: Setup, names: Iterable[str]) -> Iterator[Path]:
    """Yield the files behind names: paths, folders with all arch files in them, patterns."""
    for name in names:
        path = around.folder / name
        if path.is_file():
            yield path
            continue
        hits = _inside(path) if name and path.is_dir() else matching(around.folder, [name])[name] if name else []
        if not hits:
            shown = plain(name[:300]) or '""'
            raise FileError(shown, "no such file, and no file matches it as a pattern; check the path")
        yield from hits


def _inside(folder: Path) -> list[Path]:
    """Return the arch files in a folder and in those beneath, except hidden ones."""
    hits = [hit for each in matching(folder, ["**/*.toml", "**/*.json"]).values() for hit in each]
    return [hit for hit in hits if not any(part.startswith(".") for part in hit.relative_to(folder).parts)]


def title_of(path: Path, folder: Path) -> str:
    """Return the name of a file from the working folder, with forward slashes."""
    try:
        return Path(relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _notes(results: Sequence[Checked]) -> Iterator[str]:
    """Say what was not checked, and why."""
    free = [each.path for each in results if not each.limited]
    if free:
        yield f"no limits are about {_listed(free)}"
    if any(each.relative and not each.compared for each in results):
        yield "limits on changes were not checked: there is no base; give --base REF, or base = in the configuration"
    lost = [each.path for each in results if each.relative and each.lost]
    if lost:
        yield f"limits on changes were not checked for {_listed(lost)}: what was at the base cannot be counted"


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST_LISTED} more" if len(paths) > MOST_LISTED else ""
    return f"{', '.join(map(plain, paths[:MOST_LISTED]))}{more}"
