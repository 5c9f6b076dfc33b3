"""A whole check: which files, under which rules, against which base, and what is let pass."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.checking import Checked, Subject, checked
from flopcount.analyses.budgets.exemptions import outdated, parted, stale
from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.rules import rules_of
from flopcount.errors import FileError, UsageError, plain
from flopcount.files.config import NAMES, Config, found, matching, read
from flopcount.files.history import base_at, outside, root_of, texts_at

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
            raise FileError(f"{shown}: no such file, and no file matches it as a pattern; check the path")
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
