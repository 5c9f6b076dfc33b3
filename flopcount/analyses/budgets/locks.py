"""What networks cost now beside what is locked: what differs, what may not, and what the lock file would become."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.checks import Outcome, Setup, title_of
from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.surveys import Entry, Survey
from flopcount.errors import FileError, Place, UsageError, plain, suggestion
from flopcount.files.locks import Lock
from flopcount.schema.lock import LockRow

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
        raise FileError(f"{title}: there is no such file; write it with flopcount lock")
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
    from flopcount.files.positions import positions

    places: list[Place] = [("networks", index) for index in range(len(lock.rows))]
    spots = positions(lock.source, places) if lock.source else {}
    return [spots.get(place, (1, 1)) for place in places]


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
