"""A whole check: which files, under which rules, against which base, and what is let pass."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.checking import Checked, Rule, Subject, checked, needs_base, rules_of
from flopcount.analyses.findings import Finding
from flopcount.errors import FileError, Place, UsageError, plain
from flopcount.files.config import NAMES, Config, found, matching, read
from flopcount.files.history import base_at, outside, root_of, texts_at


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
    known = matching(config.folder, _patterns(config)) if config else {}
    rules = rules_of(config, known) if config else []
    subjects = subjects_of(around, names, known, ref)
    results = tuple(checked(each, rules) for each in subjects)
    findings = [each for result in results for each in result.findings]
    if config is None:
        return Outcome(results, tuple(findings), notes=tuple(_notes(results, rules, ref)))
    kept, exempt, used = _exempted(config, findings, known, around)
    stale = [*_unmatched(config, known, around), *_stale(config, known, used, subjects, around)]
    ref = ref or config.model.base
    return Outcome(results, (*kept, *stale), tuple(exempt), tuple(_notes(results, rules, ref)))


def subjects_of(
    around: Setup, names: Sequence[str], known: Mapping[str, Sequence[Path]], ref: str | None
) -> list[Subject]:
    """Return the files to check, with their texts at the base."""
    config = around.config
    paths = list(_named(around, names)) if names else _configured(config, known)
    ref = ref if ref is not None else (config.model.base if config else None)
    before = texts_before(paths, ref) if ref is not None else {}
    return [Subject(path, _title(path, around.folder), before.get(path)) for path in dict.fromkeys(paths)]


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


def _patterns(config: Config) -> list[str]:
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
        patterns = [f"{name}/**/*.toml", f"{name}/**/*.json"] if path.is_dir() else [name]
        hits = [hit for each in matching(around.folder, patterns).values() for hit in each]
        if not hits:
            raise FileError(f"{plain(name[:300])}: no such file, and no file matches it as a pattern; check the path")
        yield from hits


def _title(path: Path, folder: Path) -> str:
    """Return the name of a file from the working folder, with forward slashes."""
    try:
        return Path(relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _exempted(
    config: Config, findings: Iterable[Finding], known: Mapping[str, Sequence[Path]], around: Setup
) -> tuple[list[Finding], list[tuple[Finding, str]], set[int]]:
    """Part what is let pass from what is not; return which exemptions were needed."""
    kept: list[Finding] = []
    exempt: list[tuple[Finding, str]] = []
    used: set[int] = set()
    files = [{path.resolve() for pattern in each.files for path in known[pattern]} for each in config.model.exempt]
    holding = [index for index, each in enumerate(config.model.exempt) if around.today <= each.expires]
    for finding in findings:
        path = (around.folder / finding.path).resolve()
        named = [index for index in holding if config.model.exempt[index].id == finding.rule and path in files[index]]
        if not named or finding.unchecked:
            kept.append(finding)
        else:
            used.update(named)
            exempt.append((finding, config.model.exempt[named[0]].reason))
    return kept, exempt, used


def _unmatched(config: Config, known: Mapping[str, Sequence[Path]], around: Setup) -> Iterator[Finding]:
    """Yield a finding for every pattern of the configuration that matches no file."""
    places: list[tuple[Place, Iterable[str]]] = [(("files",), config.model.files)]
    places += [(("budget", index, "files"), rule.files) for index, rule in enumerate(config.model.budget)]
    places += [(("exempt", index, "files"), each.files) for index, each in enumerate(config.model.exempt)]
    for place, patterns in places:
        for pattern in patterns:
            if not known[pattern]:
                yield _outdated(config, place, f"files = {pattern!r} matches no file; correct it or remove it", around)


def _stale(
    config: Config, known: Mapping[str, Sequence[Path]], used: set[int], subjects: Iterable[Subject], around: Setup
) -> Iterator[Finding]:
    """Yield a finding for every exemption that has run out or is not needed any more."""
    checked_files = {each.path.resolve() for each in subjects}
    for index, each in enumerate(config.model.exempt):
        place: Place = ("exempt", index)
        files = {path.resolve() for pattern in each.files for path in known[pattern]}
        if each.expires < around.today:
            what = f"the exemption from {each.id!r} ran out on {each.expires}; remove it, or set a later day"
            yield _outdated(config, (*place, "expires"), what, around)
        elif index not in used and files and files <= checked_files:
            yield _outdated(
                config, place, f"the exemption from {each.id!r} lets nothing pass any more; remove it", around
            )


def _outdated(config: Config, place: Place, what: str, around: Setup) -> Finding:
    from flopcount.files.positions import positions

    where = (*config.prefix, *place)
    line, column = positions(config.source, [where]).get(where, (1, 1))
    title = _title(Path(config.source.title), around.folder)
    return Finding("FC903", "error", title, line, column, "", what=what)


def _notes(results: Sequence[Checked], rules: Sequence[Rule], ref: str | None) -> Iterator[str]:
    """Say what was not checked, and why."""
    free = [each.path for each in results if not each.limited]
    if free:
        listed = f"{', '.join(free[:3])}{f' and {len(free) - 3} more' if len(free) > 3 else ''}"  # noqa: PLR2004
        yield f"no limits are about {listed}"
    if ref is None and (needs_base(rules) or any(each.relative for each in results)):
        yield "limits on changes were not checked: there is no base; give --base REF, or base = in the configuration"
