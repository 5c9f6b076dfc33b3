"""Networks checked against every limit that applies to them; the results are values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets import judge
from flopcount.analyses.budgets.findings import Finding, SourceMap, Standing
from flopcount.case import Case, load, load_bytes
from flopcount.errors import BadInput, FileError, Note, Place, UsageError, listed, plain
from flopcount.network.metrics import METRICS
from flopcount.network.network import Network
from flopcount.network.point import HERE, Point
from flopcount.spec.budget import Budget
from flopcount.spec.fields import shown
from flopcount.spec.git import outside, texts_at
from flopcount.spec.project import NAMES, Config, files_at, found, no_file, reached, read, title_of
from flopcount.spec.text import root_of
from flopcount.spec.training import Training
from flopcount.spec.units import DEFAULT_METRICS


class CheckedFile(NamedTuple):
    """A file to check: its path, title, input, values and training, its text at the base, and if there is a base."""

    path: Path
    title: str
    input: str | None = None
    values: tuple[str, ...] = ()
    training: Training | None = None
    before: bytes | None = None
    compared: bool = False

    @property
    def network(self) -> Network:
        """The network of the file."""
        return load(self.path, title=self.title, values=self.values)

    def case(self, network: Network, metrics: Sequence[str] | None = None) -> Case:
        """Return the case of the file's network."""
        return Case(network, input=self.input, training=self.training, metrics=metrics)


class Evaluation(NamedTuple):
    """A network at one point: the cost of each layer, now and at the base."""

    point: Point
    params: str
    now: judge.Measurement
    before: judge.Measurement | None


class Checked(NamedTuple):
    """A file, the points it was counted at, and what was found; `subject` is how it is read again.

    `limited` tells whether any limit applies to it, `relative` whether one is about
    changes; `compared` that there was a base, and `lost` that the file could not be counted there.
    """

    path: str
    arch: str
    counts: tuple[Evaluation, ...]
    findings: tuple[Finding, ...]
    standings: tuple[Standing, ...] = ()
    limited: bool = True
    relative: bool = False
    compared: bool = False
    lost: bool = False
    subject: CheckedFile | None = None

    @property
    def notes(self) -> Iterator[Note]:
        """The notes that qualify its numbers, each after the file and the point it is about."""
        about: dict[Note, list[str]] = {}
        for count in self.counts:
            for note in count.now.notes:
                about.setdefault(note, []).append(str(count.point))
        for note, points in about.items():
            everywhere = len(points) == len(self.counts)
            yield Note(note.code, f"{self.path}{'' if everywhere else f' {points[0]}'.rstrip()}: {note.text}")


SKIPPED = "unsupported operators were skipped, so the cost is only a lower bound; it can be neither checked nor locked"


def opened(subject: CheckedFile, rules: Iterable[judge.Rule]) -> tuple[judge.Model, list[judge.Rule]]:
    """Return the network of a file, and the rules that apply to it; a BadInput says why it cannot be read."""
    resolved = subject.path.resolve()
    applied = [rule for rule in rules if rule.files is None or resolved in rule.files]
    points = [point for rule in applied for point in rule.points]
    model = judge.Model(subject.case(subject.network), points)
    applied = [*judge.own_rules(model), *applied]
    limited = {metric for rule in applied for metric, _ in rule.limits}
    model.metrics = tuple(name for name in METRICS if name in {*DEFAULT_METRICS, *limited})
    return model, applied


def checked(subject: CheckedFile, rules: Sequence[judge.Rule]) -> Checked:
    """Check one file; whatever is wrong with it becomes findings."""
    try:
        model, applied = opened(subject, rules)
    except BadInput as error:
        return Checked(subject.title, subject.title, (), tuple(judge.unread(subject.title, "FC901", error)))
    run = _Run(model, subject)
    findings = [finding for rule in applied for finding in run.findings(rule)]
    if not run.counts and not findings:
        findings += run.count(judge.Rule(Budget.model_construct(), model.source_map), HERE)
    return Checked(
        *(subject.title, model.plan.name, tuple(run.counts.values()), tuple(dict.fromkeys(findings))),
        standings=tuple(run.standings),
        limited=bool(applied),
        relative=any(rule.is_relative for rule in applied),
        compared=subject.compared,
        lost=subject.before is not None and any(count.before is None for count in run.counts.values()),
        subject=subject,
    )


class _Run:
    """The check of one file: `counts` are its evaluations by point and convention, `standings` the limits that hold."""

    def __init__(self, model: judge.Model, subject: CheckedFile) -> None:
        self.model, self.subject = model, subject
        self.counts: dict[tuple[Point, str], Evaluation] = {}
        self.standings: list[Standing] = []
        self._base: judge.Model | None = None

    def findings(self, rule: judge.Rule) -> Iterator[Finding]:
        """Yield the findings of a rule at all of its points."""
        if self.model.plan.unknown:
            yield judge.unchecked(SKIPPED, rule, self.model)
            return
        for each in rule.points:
            given = self.model.base
            point = each._replace(input=each.input or given.input, training=each.training or given.training)
            yield from self.count(rule, point) or self._judged(rule, point)

    def count(self, rule: judge.Rule, point: Point) -> list[Finding]:
        """Count the network at a point, once; return why that is not possible."""
        key = (point, rule.budget.convention)
        if key not in self.counts:
            try:
                now = judge.measurement(self.model.case(*key).count)
            except BadInput as error:
                return judge.uncounted(error, rule, self.model, point)
            self.counts[key] = Evaluation(*key, now, self._before(now, key))
        return []

    def _judged(self, rule: judge.Rule, point: Point) -> Iterator[Finding]:
        count = self.counts[point, rule.budget.convention]
        for place, what in judge.missing(rule.budget, count.now):
            yield judge.unchecked(what, rule, self.model, point, place)
        found = judge.held(rule.budget, count.now, count.before)
        self.standings += judge.standings(rule, self.model, point, found)
        yield from judge.breaches(rule, self.model, point, count.now, found)

    def _before(self, now: judge.Measurement, key: tuple[Point, str]) -> judge.Measurement | None:
        """Count the network at the base; one that cannot be counted there is treated as new."""
        content = self.subject.before
        if content is None:
            return None
        try:
            self._base = self._base or self._at_base(content)
            return now if self._base is self.model else judge.measurement(self._base.case(*key).count)
        except BadInput:
            return None

    def _at_base(self, content: bytes) -> judge.Model:
        points = [point for point, _ in self.counts]
        network = load_bytes(content, self.subject.title, values=self.subject.values)
        base = judge.Model(self.subject.case(network), points)
        base.metrics = self.model.metrics
        return self.model if base.plan.spec.source.data == self.model.plan.spec.source.data else base


Known = Mapping[str, Sequence[Path]]
"""The files that each pattern of a configuration matches."""


def exempted(
    config: Config, results: Iterable[tuple[Path, Checked]], known: Known, today: date
) -> tuple[list[Finding], list[tuple[Finding, str]], set[int]]:
    """Return the findings that remain, those that are exempt with the reason, and the exemptions that were used.

    Files that could not be checked are never exempt, nor are the limits in an arch file itself.
    """
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
    return kept, exempt, used


def outdated(config: Config, known: Known, stale: Iterable[tuple[Place, str]]) -> list[Finding]:
    """Return a finding for every pattern that matches no file, and for every stale exemption."""
    source_map = SourceMap(config.source)
    places = (((*config.prefix, *place), what) for place, what in (*_unmatched(config, known), *stale))
    return [
        Finding("FC903", "error", config.source.title, *source_map.at(place), "", what=what) for place, what in places
    ]


def stale(
    config: Config, results: Mapping[Path, Checked], known: Known, used: set[int], today: date
) -> Iterator[tuple[Place, str]]:
    """Yield every exemption that has expired, or that no finding in all of its files needs."""
    rules = {rule.budget.id: rule for rule in judge.rules_of(config, known)}
    for index, each in enumerate(config.model.exempt):
        files = _files(each.files, known)
        if each.expires < today:
            what = f"the exemption from {each.id!r} expired on {each.expires}; remove it, or set a later date"
            yield ("exempt", index, "expires"), what
        elif index not in used and files and all(_is_judged(results.get(path), rules[each.id]) for path in files):
            yield ("exempt", index), f"the exemption from {each.id!r} is no longer needed; remove it"


def _is_judged(result: Checked | None, rule: judge.Rule) -> bool:
    """Tell whether a file was checked against all of a rule."""
    if result is None or any(finding.unchecked for finding in result.findings):
        return False
    return result.compared or not rule.is_relative


def _patterns(config: Config) -> Iterator[tuple[Place, str]]:
    """Yield every pattern of a configuration, at its place."""
    model = config.model
    tables: list[tuple[Place, Sequence[str]]] = [(("files",), model.files)]
    tables += [(("budget", index, "files"), rule.files) for index, rule in enumerate(model.budget)]
    tables += [(("exempt", index, "files"), each.files) for index, each in enumerate(model.exempt)]
    yield from (((*place, number), each) for place, patterns in tables for number, each in enumerate(patterns))
    yield from (((key, each), each) for key in ("inputs", "values") for each in getattr(model, key))


def _unmatched(config: Config, known: Known) -> Iterator[tuple[Place, str]]:
    for place, pattern in _patterns(config):
        if not known[pattern]:
            key = place[0] if place[0] in {"inputs", "values"} else "files"
            yield place, f"{key} = {shown(pattern)} matches no file; {_fix(config, pattern)}"


def _fix(config: Config, pattern: str) -> str:
    folder = "\0" not in pattern and (config.folder / pattern).is_dir()
    return f'for all in a folder write "{pattern.rstrip("/")}/**/*.toml"' if folder else "correct it or remove it"


def _files(patterns: Iterable[str], known: Known) -> set[Path]:
    return {path.resolve() for pattern in patterns for path in known[pattern]}


MOST_LISTED = 3
"""The number of files that a note names."""


class Outcome(NamedTuple):
    """The result of a check: all findings, the exempt ones with their reasons, and the notes."""

    files: tuple[Checked, ...]
    findings: tuple[Finding, ...]
    exempt: tuple[tuple[Finding, str], ...] = ()
    notes: tuple[Note, ...] = ()

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
    """Where a check runs: the working folder, the configuration, today's date, and what options say for all files."""

    folder: Path
    config: Config | None
    today: date
    input: str | None = None
    values: tuple[str, ...] = ()
    limits: Mapping[str, str] = {}
    training: Training | None = None

    @property
    def known(self) -> Known:
        """The files that each pattern of the configuration matches."""
        return reached(self.config, _patterns(self.config)) if self.config else {}

    @property
    def rules(self) -> list[judge.Rule]:
        """The rules of the options and of the configuration."""
        given = [judge.given(metric, text) for metric, text in self.limits.items()]
        return [*given, *(judge.rules_of(self.config, self.known) if self.config else ())]

    def subject(self, path: Path, known: Known) -> CheckedFile:
        """Return a file to check, with its name, its input and its values."""
        about = title_of(path, self.folder), self.input_of(path, known), self.values_of(path, known)
        return CheckedFile(path, *about, self.training)

    def values_of(self, path: Path, known: Known) -> tuple[str, ...]:
        """Return the values of a file's inputs: those that were asked for, else those in [values]."""
        named = self.config.model.values if self.config and not self.values else {}
        found = (texts for pattern, texts in named.items() if path.resolve() in _files([pattern], known))
        return self.values or tuple(text for texts in found for text in texts)

    def input_of(self, path: Path, known: Known) -> str | None:
        """Return the input of a file: the one that was asked for, else the last one in [inputs], else the default."""
        if self.input is not None or self.config is None:
            return self.input
        model = self.config.model
        named = [size for pattern, size in model.inputs.items() if path.resolve() in _files([pattern], known)]
        return named[-1] if named else model.input


def check(
    *files: str | Path,
    base: str | None = None,
    config: str | Path | None = None,
    folder: str | Path = ".",
    input: str | None = None,  # noqa: A002  (the option's own name)
) -> Outcome:
    """Check networks against their limits and those of the project.

    `files` are paths, folders or patterns (by default, those of the
    configuration); `base` is a git ref that changes are measured against; `config` a
    configuration, by default the nearest one upwards from `folder`; `input` the input size of all
    files. Raises a FlopcountError if the check cannot start.
    """
    return outcome(setup(folder, config, input), [*map(str, files)], base)


def setup(
    folder: str | Path = ".",
    config: str | Path | None = None,
    size: str | None = None,
    values: Sequence[str] = (),
    limits: Mapping[str, str] | None = None,
    *,
    training: Training | None = None,
) -> Setup:
    """Find the configuration for a working folder; what else is given holds for every file."""
    start, today = Path(folder).resolve(), date.today()  # noqa: DTZ011  (the user's day)
    chosen = read(Path(config)) if config is not None else found(start)
    return Setup(start, chosen, today, size, tuple(values), limits or {}, training)


def outcome(around: Setup, names: Sequence[str], ref: str | None) -> Outcome:
    """Check the named files, or all of the configuration."""
    config, known = around.config, around.known
    ref = config.model.base if config and ref is None else ref
    rules = around.rules
    subjects = _subjects(around, files_of(around, names, known), known, ref)
    results = tuple(checked(each, rules) for each in subjects)
    notes = (*_unlimited(results), *(note for each in results for note in each.notes))
    if config is None:
        return Outcome(results, tuple(finding for each in results for finding in each.findings), notes=notes)
    by_path = [(subject.path.resolve(), result) for subject, result in zip(subjects, results, strict=True)]
    kept, exempt, used = exempted(config, by_path, known, around.today)
    old = stale(config, dict(by_path), known, used, around.today)
    return Outcome(results, (*kept, *outdated(config, known, old)), tuple(exempt), notes)


def _subjects(around: Setup, paths: Sequence[Path], known: Known, ref: str | None) -> list[CheckedFile]:
    """Return the files to check, with their inputs and their texts at the base."""
    before = _texts_before(paths, ref) if ref is not None else {}
    return [around.subject(path, known)._replace(before=before.get(path), compared=ref is not None) for path in paths]


def _texts_before(paths: Iterable[Path], ref: str) -> dict[Path, bytes]:
    """Return the contents of files at a base, each in its own repository."""
    inside: dict[Path, list[Path]] = {}
    for path in paths:
        root = root_of(path.resolve().parent)
        if root is None:
            raise outside(path.resolve().parent)
        inside.setdefault(root, []).append(path)
    texts: dict[Path, bytes] = {}
    for root, members in inside.items():
        texts |= texts_at(root, ref, members)
    return texts


def files_of(around: Setup, names: Sequence[str], known: Known) -> list[Path]:
    """Return the named files, or those of the configuration, each once."""
    paths = _named(around, names) if names else _configured(around.config, known)
    return [*{title_of(path, around.folder): path for path in paths}.values()]


def _configured(config: Config | None, known: Known) -> list[Path]:
    """Return the files of a configuration: those it names, else those its rules apply to."""
    patterns: Sequence[str] = ()
    if config is not None:
        patterns = config.model.files or [pattern for each in config.model.budget for pattern in each.files]
    if not patterns:
        raise UsageError(
            f'no files to check; name some, or set files = ["archs/**/*.toml"] in {NAMES[0]}; flopcount init writes one'
        )
    return sorted({path for pattern in patterns for path in known[pattern]})


def _named(around: Setup, names: Iterable[str]) -> Iterator[Path]:
    """Yield the files that names stand for: paths, folders with all networks in them, patterns."""
    for name in names:
        hits = files_at(around.folder, name)
        if not hits:
            title = plain(name[:300]) or '""'
            raise FileError(title, no_file(name))
        yield from hits


def _unlimited(results: Sequence[Checked]) -> Iterator[Note]:
    """Yield notes on limits that were not checked, with the reason."""
    free = [plain(each.path) for each in results if not each.limited]
    if free:
        hint = "" if any(each.limited for each in results) else "; flopcount init writes some"
        yield Note("no-limits", f"no limits apply to {listed(free, MOST_LISTED)}{hint}")
    if any(each.relative and not each.compared for each in results):
        what = "there is no base; give --base REF, or set base in the configuration"
        yield Note("no-base", f"limits on changes were not checked: {what}")
    lost = [plain(each.path) for each in results if each.relative and each.lost]
    if lost:
        what = "the version at the base cannot be counted"
        yield Note("base-uncounted", f"limits on changes were not checked for {listed(lost, MOST_LISTED)}: {what}")
