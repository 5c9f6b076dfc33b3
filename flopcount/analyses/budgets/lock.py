"""Locked costs: the rows of a lock file, compared with the current costs of the networks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.check import (
    SKIPPED,
    Checked,
    CheckedFile,
    Evaluation,
    Outcome,
    Setup,
    files_of,
    opened,
)
from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.judge import Model, Rule, measurement, rules_of, unchecked, uncounted, unread
from flopcount.analyses.diff import fingerprint
from flopcount.errors import BadInput, FileError, Note, Place, UsageError, plain, suggestion
from flopcount.network.point import HERE, Point
from flopcount.spec.budget import Budget, LockRow
from flopcount.spec.project import Lock, is_inside, lock_of, read_lock, title_of
from flopcount.spec.source import spans
from flopcount.spec.training import Training, parsed, spelled
from flopcount.spec.units import DEFAULT_METRICS, LOCKED

PARAMS = "trainable"
"""The parameters that are locked."""

NAME = "flopcount.lock"
"""The name of the lock file if no configuration gives one."""

_NAMES = "|".join(spelled(name) for name in (*Point._fields, *Training._fields) if name != "training")
_OPTIONS = re.compile(rf"(?: --(?:{_NAMES}) \S+| --training)+$")


class Entry(NamedTuple):
    """A network at one point: the row that would be locked, its file, and its name there."""

    row: LockRow
    title: str
    arch: str
    notes: tuple[Note, ...] = ()


class Inventory(NamedTuple):
    """The current costs. `names` are the files as ids have them; `whole` tells whether they are all of the project."""

    files: tuple[Checked, ...]
    entries: Mapping[str, Entry]
    names: tuple[str, ...]
    whole: bool

    @property
    def unread(self) -> tuple[Finding, ...]:
        """The findings on files that could not be read or counted."""
        return tuple(finding for each in self.files for finding in each.findings)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes that qualify the numbers."""
        return tuple(note for each in self.files for note in each.notes)

    def covers(self, row: LockRow) -> bool:
        """Tell whether a locked row is about the files here."""
        return self.whole or any(row.id == name or row.id.startswith(f"{name} --") for name in self.names)


def inventory(around: Setup, names: Sequence[str], lock: Lock, folder: Path, metrics: Sequence[str] = ()) -> Inventory:
    """Count the named files, or all of the project; `folder` is where the lock file is.

    Without a configuration, the project is what the lock file lists. `metrics` are recorded too, and those that it has.
    """
    config, known = around.config, around.known
    rules = rules_of(config, known) if config else []
    paths = files_of(around, names, known) if names or config or not lock.rows else _locked_files(lock, folder)
    files: list[Checked] = []
    entries: dict[str, Entry] = {}
    asked = {*DEFAULT_METRICS, *metrics, *(name for row in lock.rows for name in row.metrics)}
    locked = tuple(name for name in LOCKED if name in asked)
    for path in paths:
        subject = around.subject(path, known)
        variants = config is not None and config.model.variants
        name = _name(path, folder)
        trained = [*_trained(lock, name), *([around.training] if around.training else ())]
        checked, found = counted(subject, name, rules, variants=variants, metrics=locked, trained=trained)
        files.append(checked)
        entries |= found
    return Inventory(tuple(files), entries, tuple(_name(path, folder) for path in paths), not names)


def _locked_files(lock: Lock, folder: Path) -> list[Path]:
    """Return the files of a lock file that exist."""
    found = dict.fromkeys(folder / _OPTIONS.sub("", row.id) for row in lock.rows)
    for path in found:
        if not is_inside(path, folder.resolve()):
            name = plain(title_of(path, folder)[:300])
            raise FileError(NAME, f"{name} is outside this folder; name the files to check on the command line")
    return [path for path in found if path.is_file()]


def _name(path: Path, folder: Path) -> str:
    """Return the name of a file as ids have it."""
    name = title_of(path, folder)
    if any("\ud800" <= char <= "\udfff" for char in name):
        raise UsageError(f"{plain(name[:300])}: a name that is not UTF-8 cannot be locked; rename the file")
    return name


def counted(
    subject: CheckedFile,
    name: str,
    rules: Sequence[Rule],
    *,
    variants: bool = False,
    metrics: Sequence[str] = DEFAULT_METRICS,
    trained: Sequence[Training] = (),
) -> tuple[Checked, dict[str, Entry]]:
    """Count one file at all of its points, and its variants; whatever is wrong with it becomes findings.

    Each is counted as `trained` too.
    """
    metrics = tuple(dict.fromkeys((*metrics, *(name for each in trained for name in each.metrics))))
    subject = subject._replace(training=None)
    try:
        model, applied = opened(subject, rules)
    except BadInput as error:
        return Checked(subject.title, subject.title, (), tuple(unread(subject.title, "FC901", error))), {}
    model.metrics = tuple(dict.fromkeys((*model.metrics, *metrics)))
    locking = Rule(Budget.model_construct(id="lock"), model.source_map)
    counts: list[Evaluation] = []
    findings = [unchecked(SKIPPED, locking, model)] if model.plan.unknown else []
    entries: dict[str, Entry] = {}
    for point in [] if findings else _points(model, applied, trained, variants=variants):
        try:
            count, row = _measured(model, point, name, metrics)
        except BadInput as error:
            findings += uncounted(error, locking, model, point)
            continue
        counts.append(count)
        entries[row.id] = Entry(row, subject.title, model.plan.name, count.now.notes)
    return Checked(
        subject.title, model.plan.name, tuple(counts), tuple(dict.fromkeys(findings)), subject=subject
    ), entries


def _trained(lock: Lock, name: str) -> Iterator[Training]:
    """Yield how a file is trained in the rows that are locked."""
    for row in lock.rows:
        file, _, words = row.id.partition(" --training")
        if row.id != file and _OPTIONS.sub("", file) == name:
            yield parsed(words)


def _points(model: Model, rules: Sequence[Rule], trained: Sequence[Training], *, variants: bool) -> Iterator[Point]:
    """Yield the points of a network: that of its file unless sizes are open, its variants, and those of its rules."""
    others = (HERE._replace(variant=name) for name in (model.plan.spec.arch.variants if variants else ()))
    asked = [*dict.fromkeys((HERE, *others, *(point for rule in rules for point in rule.points)))]
    asked = asked[int(model.is_open) :]
    ways = dict.fromkeys(trained)
    yield from dict.fromkeys((*asked, *(point._replace(training=each) for each in ways for point in asked)))


def _measured(model: Model, point: Point, name: str, metrics: Sequence[str]) -> tuple[Evaluation, LockRow]:
    case = model.case(point, PARAMS)
    now = measurement(case.count)
    whole = now.total()
    row = LockRow(
        id=f"{name} {point}".rstrip(),
        input=now.input,
        hash=fingerprint(case.trace, case.given),
        notes=tuple(note.text for note in now.notes),
        **{metric: whole[metric] for metric in metrics if metric in whole},
    )
    return Evaluation(point, PARAMS, now, None), row


class LockPlace(NamedTuple):
    """The path of the lock file, and its name in messages."""

    path: Path
    title: str


def lock_place(around: Setup) -> LockPlace:
    """Return where the lock file is: where the configuration says, by default in the working folder."""
    config = around.config
    path = lock_of(config) if config else around.folder / NAME
    if config is None and not is_inside(path, around.folder):
        raise FileError(NAME, "this is a link to a file outside this folder; remove it")
    return LockPlace(path, title_of(path, around.folder))


def compared(found: Inventory, lock: Lock, title: str) -> Outcome:
    """Compare the current costs with the lock file."""
    if lock.source is None:
        raise FileError(title, "no such file; write it with flopcount lock")
    lines = _lines(lock)
    locked = {row.id: (row, f"{title}:{line}") for row, (line, _) in zip(lock.rows, lines, strict=True)}
    findings, missing = [*found.unread], f"not in {title}; run flopcount lock"
    for key, entry in found.entries.items():
        findings += _differences(entry, *locked[key]) if key in locked else [_finding(entry, "FC303", missing)]
    if not found.unread:
        rows = zip(lock.rows, lines, strict=True)
        findings += [_removed(row, title, *place) for row, place in rows if _is_removed(row, found)]
    return Outcome(found.files, tuple(findings), notes=found.notes)


def with_lock(result: Outcome, around: Setup, names: Sequence[str]) -> Outcome:
    """Return a check with what differs from the lock file; what cannot be counted is told once."""
    place = lock_place(around)
    lock = read_lock(*place)
    theirs = compared(inventory(around, names, lock, place.path.parent), lock, place.title)
    findings = dict.fromkeys((*result.findings, *(each for each in theirs.findings if not each.unchecked)))
    untold = [] if any(each.unchecked for each in result.findings) else [e for e in theirs.findings if e.unchecked]
    return result._replace(findings=(*findings, *untold))


def _lines(lock: Lock) -> list[tuple[int, int]]:
    """Return line and column of every row."""
    places: list[Place] = [("networks", index) for index in range(len(lock.rows))]
    found = spans(lock.source, places) if lock.source else {}
    return [found[place][:2] if place in found else (1, 1) for place in places]


def _is_removed(row: LockRow, found: Inventory) -> bool:
    return found.covers(row) and row.id not in found.entries


def _differences(entry: Entry, locked: LockRow, at: str) -> Iterator[Finding]:
    """Yield every increase, or other differences if there is none."""
    now = entry.row
    about = _finding(entry, "FC301")._replace(rule_at=at)
    more = [metric for metric in shared(locked, now) if getattr(now, metric) > getattr(locked, metric)]
    for metric in more:
        value, limit = getattr(now, metric), getattr(locked, metric)
        yield about._replace(metric=metric, value=value, limit=Fraction(limit))
    if not more and _counted(now, locked) != _counted(locked, locked):
        yield about._replace(code="FC302", what=f"{_changed(now, locked)}; run flopcount lock")


def shared(before: LockRow, after: LockRow) -> tuple[str, ...]:
    """Return the metrics that both rows have."""
    return tuple(name for name in before.metrics if name in after.metrics)


def _counted(row: LockRow, locked: LockRow) -> tuple[object, ...]:
    """Return the values that have to match the lock file; the wording of notes may differ."""
    return row.input, row.hash, len(row.notes), *(getattr(row, metric) for metric in locked.metrics)


def _changed(now: LockRow, locked: LockRow) -> str:
    """Describe the difference: the numbers, the notes, or the layers they come from."""
    pairs = ((name, getattr(locked, name), getattr(now, name)) for name in ("input", *locked.metrics))
    changes = [f"{name} {before} → {after}" for name, before, after in pairs if before != after]
    if not changes and len(now.notes) != len(locked.notes):
        changes = ["notes"]
    return f"not as locked: {', '.join(changes)}" if changes else "not as locked: equal counts, but other layers"


def _finding(entry: Entry, code: str, what: str = "") -> Finding:
    """Return a finding about a network, at the options in its id."""
    _, dashes, options = entry.row.id.partition(" --")
    about = Finding(code, "error", entry.title, 1, 1, entry.arch, what, point=f"{dashes.strip()}{options}", rule="lock")
    return about._replace(notes=entry.notes)


def _removed(row: LockRow, title: str, line: int, column: int) -> Finding:
    what = f"{plain(row.id)} is locked but no longer among the networks; run flopcount lock"
    return Finding("FC304", "error", title, line, column, "", what=what, rule="lock")


class Raise(NamedTuple):
    """A network that costs more than is locked."""

    before: LockRow
    after: LockRow

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that both rows have."""
        return shared(self.before, self.after)


class Renewal(NamedTuple):
    """The updated rows of a lock file, and what happened to each; `refused` are increases that are not allowed."""

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


def renewed(found: Inventory, lock: Lock, reasons: Mapping[str, str]) -> Renewal:
    """Return the updated lock file; `reasons` says of which ids an increase is allowed, and why."""
    locked = {row.id: row for row in lock.rows}
    now = {key: entry.row for key, entry in found.entries.items()}
    raised = [Raise(locked[key], row) for key, row in now.items() if key in locked and rises(locked[key], row)]
    _check_reasons(reasons, now, locked, {each.after.id for each in raised})
    kept = [row for row in lock.rows if not found.covers(row)]
    fresh = [_renewed(row, locked.get(key), reasons.get(key)) for key, row in now.items()]
    return Renewal(
        rows=tuple(sorted((*kept, *fresh), key=lambda row: row.id)),
        added=tuple(key for key in now if key not in locked),
        removed=tuple(row.id for row in lock.rows if _is_removed(row, found)),
        changed=tuple(row.id for row in fresh if row.id in locked and row != locked[row.id]),
        raised=tuple(raised),
        refused=tuple(each for each in raised if each.after.id not in reasons),
    )


def rises(before: LockRow, after: LockRow) -> bool:
    """Tell whether any metric is above the locked one."""
    return any(getattr(after, metric) > getattr(before, metric) for metric in shared(before, after))


def _renewed(now: LockRow, before: LockRow | None, reason: str | None) -> LockRow:
    """Keep the reasons of a row until it costs less; add the one that is given."""
    if before is None:
        return now
    kept = before.allowed if rises(before, now) or not rises(now, before) else ()
    return now.model_copy(update={"allowed": (*kept, reason) if reason else kept})


def _check_reasons(
    reasons: Mapping[str, str], now: Mapping[str, LockRow], locked: Mapping[str, LockRow], raised: set[str]
) -> None:
    """Refuse an --allow-increase that is not needed."""
    for key in reasons:
        option = f"--allow-increase {plain(key[:300])}"
        if key not in now:
            raise UsageError(f"{option}: no network here has this id; {suggestion(key, sorted(now))}")
        if key not in locked:
            raise UsageError(f"{option}: not in the lock file yet, so it needs no permission; omit the option")
        if key not in raised:
            raise UsageError(f"{option}: it costs no more than the locked cost; omit the option")
