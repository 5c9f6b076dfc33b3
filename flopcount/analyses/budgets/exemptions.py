"""What is let pass, and what of a configuration is out of date."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.checking import Checked
from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.judging import is_relative
from flopcount.analyses.budgets.spots import Spots
from flopcount.errors import Place
from flopcount.files.config import Config
from flopcount.schema.budget import Budget
from flopcount.schema.wording import shown

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
