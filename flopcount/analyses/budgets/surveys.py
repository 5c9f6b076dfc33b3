"""What the networks of a project cost now, at every point a rule is about: the rows of a lock file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.checking import Checked, Count, unread
from flopcount.analyses.budgets.checks import Setup, files_of, patterns_of, title_of
from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.readings import Point, points, read, walk
from flopcount.analyses.budgets.rules import Rule, own_rules, rules_of
from flopcount.analyses.differences.inventory import fingerprint
from flopcount.counting.conventions import convention
from flopcount.errors import BadInput, FileError, SpecError, UsageError, plain, sentences
from flopcount.files.config import matching
from flopcount.files.locks import Lock
from flopcount.files.specs import Spec, pointed
from flopcount.importers.loading import load
from flopcount.schema.lock import LockRow

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
        spec = load(path, title)
    except BadInput as error:
        return Checked(title, title, (), tuple(unread(title, "FC901", error)), limited=True), {}
    counts: list[Count] = []
    findings: list[Finding] = []
    entries: dict[str, Entry] = {}
    for point in _points(spec, [rule for rule in rules if rule.concerns(path.resolve())]):
        try:
            count, digest = _measured(spec, point)
        except BadInput as error:
            findings += _uncounted(error, spec, point)
            continue
        counts.append(count)
        row = _row(f"{name} {point}".rstrip(), count, digest)
        entries[row.id] = Entry(row, title, spec.arch.name)
    return Checked(title, spec.arch.name, tuple(counts), tuple(dict.fromkeys(findings)), limited=True), entries


def _points(spec: Spec, rules: Sequence[Rule]) -> Iterator[Point]:
    """Yield where a network is counted: as its file has it, and where a rule says."""
    asked = (point for rule in (*own_rules(spec), *rules) for point in points(rule.budget.when))
    yield from dict.fromkeys((Point(), *asked))


def _measured(spec: Spec, point: Point) -> tuple[Count, str]:
    traced, given = walk(spec, point)
    return Count(point, PARAMS, read(traced, convention(PARAMS)), None), fingerprint(traced, given)


def _row(name: str, count: Count, digest: str) -> LockRow:
    whole = count.now.total()
    return LockRow(id=name, input=count.now.input, params=whole.params, macs=whole.macs, hash=digest)


def _uncounted(error: BadInput, spec: Spec, point: Point) -> list[Finding]:
    title, arch = spec.source.title, spec.arch.name
    if isinstance(error, SpecError):
        return unread(title, "FC902", FileError(pointed(error.problems, spec.source, {})), arch)
    what = "; ".join(sentences(str(error)))
    return [Finding("FC902", "error", title, 1, 1, arch, what=what, point=str(point), rule="lock")]
