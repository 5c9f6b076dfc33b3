"""What the networks of a project cost now, at every point a rule is about: the rows of a lock file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.check import (
    Checked,
    Evaluation,
    Outcome,
    Setup,
    files_of,
    patterns_of,
    title_of,
    unread,
)
from flopcount.analyses.budgets.findings import Finding, Spots
from flopcount.analyses.budgets.judge import Point, Rule, case_at, measurement, own_rules, points, rules_of
from flopcount.analyses.diff import fingerprint
from flopcount.case import load
from flopcount.errors import BadInput, FileError, Place, SpecError, UsageError, plain, suggestion
from flopcount.network.network import Network
from flopcount.spec.budget import LockRow
from flopcount.spec.config import matching
from flopcount.spec.load import Spec, explained
from flopcount.spec.lock import Lock
from flopcount.spec.positions import spans

PARAMS = "trainable"
"""Which parameters are locked."""

_OPTIONS = re.compile(r"(?: --(?:input|width|variant) \S+)+$")


class Entry(NamedTuple):
    """A network at one point: the row that would be locked, the file it is in, and what it is called there."""

    row: LockRow
    title: str
    arch: str


class Survey(NamedTuple):
    """What there is now. `names` are the files as ids have them; `whole` tells whether they are all there are."""

    files: tuple[Checked, ...]
    entries: Mapping[str, Entry]
    names: tuple[str, ...]
    whole: bool

    @property
    def unread(self) -> tuple[Finding, ...]:
        """What could not be read or counted."""
        return tuple(finding for each in self.files for finding in each.findings)

    def covers(self, row: LockRow) -> bool:
        """Tell whether a locked row is about the files here."""
        return self.whole or any(row.id == name or row.id.startswith(f"{name} --") for name in self.names)


def survey(around: Setup, names: Sequence[str], lock: Lock, folder: Path) -> Survey:
    """Count the files that are named, or all of the project; `folder` is where the lock file is.

    Without a configuration the project is what the lock file has.
    """
    config = around.config
    known = matching(config.folder, patterns_of(config)) if config else {}
    rules = rules_of(config, known) if config else []
    paths = files_of(around, names, known) if names or config or not lock.rows else locked_files(lock, folder)
    files: list[Checked] = []
    entries: dict[str, Entry] = {}
    for path in paths:
        checked, found = counted(path, title_of(path, around.folder), name_of(path, folder), rules)
        files.append(checked)
        entries |= found
    return Survey(tuple(files), entries, tuple(name_of(path, folder) for path in paths), not names)


def locked_files(lock: Lock, folder: Path) -> list[Path]:
    """Return the files a lock file is about, those that are there."""
    found = dict.fromkeys(folder / _OPTIONS.sub("", row.id) for row in lock.rows)
    return [path for path in found if path.is_file()]


def name_of(path: Path, folder: Path) -> str:
    """Return the name of a file from a folder, with forward slashes."""
    try:
        name = Path(relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        name = path.as_posix()
    if any("\ud800" <= char <= "\udfff" for char in name):
        raise UsageError(f"{plain(name[:300])}: a name that is not UTF-8 cannot be locked; rename the file")
    return name


def counted(path: Path, title: str, name: str, rules: Sequence[Rule]) -> tuple[Checked, dict[str, Entry]]:
    """Count one file at all of its points; whatever is wrong with it becomes findings."""
    try:
        network = load(path, title=title)
        plan = network.plan
    except BadInput as error:
        return Checked(title, title, (), tuple(unread(title, "FC901", error)), limited=True), {}
    counts: list[Evaluation] = []
    findings: list[Finding] = []
    entries: dict[str, Entry] = {}
    for point in _points(plan.spec, [rule for rule in rules if rule.concerns(path.resolve())]):
        try:
            count, digest = _measured(network, point)
        except BadInput as error:
            findings += _uncounted(error, network, point)
            continue
        counts.append(count)
        row = _row(f"{name} {point}".rstrip(), count, digest)
        entries[row.id] = Entry(row, title, plan.name)
    return Checked(title, plan.name, tuple(counts), tuple(dict.fromkeys(findings)), limited=True), entries


def _points(spec: Spec, rules: Sequence[Rule]) -> Iterator[Point]:
    """Yield where a network is counted: as its file has it, and where a rule says."""
    asked = (point for rule in (*own_rules(spec, Spots(spec.source)), *rules) for point in points(rule.budget.when))
    yield from dict.fromkeys((Point(), *asked))


def _measured(network: Network, point: Point) -> tuple[Evaluation, str]:
    case = case_at(network, point, PARAMS)
    return Evaluation(point, PARAMS, measurement(case), None), fingerprint(case.trace, case.given)


def _row(name: str, count: Evaluation, digest: str) -> LockRow:
    whole = count.now.total()
    return LockRow(id=name, input=count.now.input, params=whole.params, macs=whole.macs, hash=digest)


def _uncounted(error: BadInput, network: Network, point: Point) -> list[Finding]:
    title, arch = network.title, network.plan.name
    if isinstance(error, SpecError):
        return unread(title, "FC902", explained(error, error.file), arch)
    what = "; ".join(message.text for message in error.messages)
    return [Finding("FC902", "error", title, 1, 1, arch, what=what, point=str(point), rule="lock")]


# What networks cost now beside what is locked: what differs, what may not, and what the lock file would become.


NAME = "flopcount.lock"
"""What the lock file is called where no configuration says otherwise."""

METRICS = ("params", "macs")
"""What may not rise unless it is allowed."""


class LockPlace(NamedTuple):
    """Where the lock file is, and what it is called in messages."""

    path: Path
    title: str


def lock_place(around: Setup) -> LockPlace:
    """Return where the lock file is: where the configuration says, else in the working folder."""
    config = around.config
    path = config.folder / config.model.lock if config else around.folder / NAME
    return LockPlace(path, title_of(path, around.folder))


def held(found: Survey, lock: Lock, title: str) -> Outcome:
    """Hold what there is against the lock file."""
    if lock.source is None:
        raise FileError(title, "no such file; write it with flopcount lock")
    lines = _lines(lock)
    locked = {row.id: (row, f"{title}:{line}") for row, (line, _) in zip(lock.rows, lines, strict=True)}
    findings = [*found.unread]
    for key, entry in found.entries.items():
        findings += _differences(entry, *locked[key]) if key in locked else [_missing(entry, title)]
    if not found.unread:
        findings += [
            _left(row, title, *place) for row, place in zip(lock.rows, lines, strict=True) if _is_left(row, found)
        ]
    return Outcome(found.files, tuple(findings))


def _lines(lock: Lock) -> list[tuple[int, int]]:
    """Return line and column of every row."""
    places: list[Place] = [("networks", index) for index in range(len(lock.rows))]
    found = spans(lock.source, places) if lock.source else {}
    return [found[place][:2] if place in found else (1, 1) for place in places]


def _is_left(row: LockRow, found: Survey) -> bool:
    return found.covers(row) and row.id not in found.entries


def _differences(entry: Entry, locked: LockRow, at: str) -> Iterator[Finding]:
    """Yield what a network costs more than is locked, or else what differs."""
    now = entry.row
    about = Finding("FC301", "error", entry.title, 1, 1, entry.arch, rule="lock", rule_at=at, point=_point(now.id))
    more = [metric for metric in METRICS if getattr(now, metric) > getattr(locked, metric)]
    for metric in more:
        value, limit = getattr(now, metric), getattr(locked, metric)
        yield about._replace(metric=metric, value=value, limit=Fraction(limit))
    if not more and _counted(now) != _counted(locked):
        yield about._replace(code="FC302", what=f"{_changed(now, locked)}; run flopcount lock")


def _counted(row: LockRow) -> tuple[object, ...]:
    return row.input, row.params, row.macs, row.hash


def _changed(now: LockRow, locked: LockRow) -> str:
    """Say what is not as it was locked: the numbers, or the layers they come from."""
    pairs = ((name, getattr(locked, name), getattr(now, name)) for name in ("input", *METRICS))
    changes = [f"{name} {before} → {after}" for name, before, after in pairs if before != after]
    return f"not as locked: {', '.join(changes)}" if changes else "not as locked: the same counts, of other layers"


def _missing(entry: Entry, title: str) -> Finding:
    what = f"not in {title}; run flopcount lock"
    return Finding("FC303", "error", entry.title, 1, 1, entry.arch, what=what, point=_point(entry.row.id), rule="lock")


def _left(row: LockRow, title: str, line: int, column: int) -> Finding:
    what = f"{plain(row.id)} is locked, and is not among the networks any more; run flopcount lock"
    return Finding("FC304", "error", title, line, column, "", what=what, rule="lock")


def _point(key: str) -> str:
    """Return the options in an id."""
    _, dashes, options = key.partition(" --")
    return f"{dashes.strip()}{options}" if dashes else ""


class Raise(NamedTuple):
    """A network that costs more than is locked."""

    before: LockRow
    after: LockRow


class Renewal(NamedTuple):
    """What a lock file would become, and how its rows came about; `refused` are those that may not rise."""

    rows: tuple[LockRow, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    raised: tuple[Raise, ...]
    refused: tuple[Raise, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing has to be written."""
        return not (self.added or self.removed or self.changed)


def renewed(found: Survey, lock: Lock, reasons: Mapping[str, str]) -> Renewal:
    """Return the lock file that what there is makes; `reasons` says of which ids more is allowed, and why."""
    locked = {row.id: row for row in lock.rows}
    now = {key: entry.row for key, entry in found.entries.items()}
    raised = [Raise(locked[key], row) for key, row in now.items() if key in locked and rises(locked[key], row)]
    _check_reasons(reasons, now, locked, {each.after.id for each in raised})
    kept = [row for row in lock.rows if not found.covers(row)]
    fresh = [_renewed(row, locked.get(key), reasons.get(key)) for key, row in now.items()]
    return Renewal(
        rows=tuple(sorted((*kept, *fresh), key=lambda row: row.id)),
        added=tuple(key for key in now if key not in locked),
        removed=tuple(row.id for row in lock.rows if _is_left(row, found)),
        changed=tuple(row.id for row in fresh if row.id in locked and row != locked[row.id]),
        raised=tuple(raised),
        refused=tuple(each for each in raised if each.after.id not in reasons),
    )


def rises(before: LockRow, after: LockRow) -> bool:
    """Tell whether anything costs more than is locked."""
    return any(getattr(after, metric) > getattr(before, metric) for metric in METRICS)


def _renewed(now: LockRow, before: LockRow | None, reason: str | None) -> LockRow:
    """Keep the reasons of a row until it costs less; add the one that is given."""
    if before is None:
        return now
    is_lower = any(getattr(now, metric) < getattr(before, metric) for metric in METRICS)
    kept = before.allowed if rises(before, now) or not is_lower else ()
    return now.model_copy(update={"allowed": (*kept, reason) if reason else kept})


def _check_reasons(
    reasons: Mapping[str, str], now: Mapping[str, LockRow], locked: Mapping[str, LockRow], raised: set[str]
) -> None:
    """Refuse a permission that nothing needs."""
    for key in reasons:
        option = f"--allow-increase {plain(key[:300])}"
        if key not in now:
            raise UsageError(f"{option}: no network here has this id; {suggestion(key, sorted(now))}")
        if key not in locked:
            raise UsageError(f"{option}: it is not in the lock file yet, which needs no permission; leave it out")
        if key not in raised:
            raise UsageError(f"{option}: it costs no more than is locked; leave it out")
