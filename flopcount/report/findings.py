"""Findings as text, and their fingerprints, for every format."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from flopcount.analyses.budgets.check import Outcome
from flopcount.analyses.budgets.findings import Finding
from flopcount.errors import plain
from flopcount.report.table import plural
from flopcount.spec.units import amount, pair, percent


def exemptions(exempt: Iterable[tuple[Finding, str]]) -> list[str]:
    """Return what is exempt: a line for each file, rule and reason."""
    groups = Counter((finding.path, finding.rule, reason) for finding, reason in exempt)
    return [
        f"{plain(path)}: exempt from [{rule}]: {plural(number, 'finding')}: {reason}"
        for (path, rule, reason), number in groups.items()
    ]


def headline(finding: Finding) -> str:
    """Return a finding as one line."""
    level = "warning: " if finding.level == "warn" else ""
    return f"{plain(finding.path)}:{finding.line}:{finding.column}: {finding.code} {level}{sentence(finding)}"


def sentence(finding: Finding) -> str:
    """Return a finding without its place."""
    rule = f" [{' '.join(filter(None, (finding.rule, finding.rule_at)))}]" if finding.rule else ""
    message = f" {finding.message}" if finding.message else ""
    if finding.what:
        return f"{finding.what}{_at(finding)}{rule}"
    return f"{measured(finding)}{rule}{message}"


def measured(finding: Finding) -> str:
    """Return the numbers of a finding: what was measured, the value, the limit and the difference."""
    subject = " ".join(filter(None, (finding.arch, finding.scope, finding.metric)))
    value, limit = pair(finding.value, finding.limit, finding.metric)
    base = f" (base {amount(finding.base, finding.metric)})" if finding.base is not None else ""
    delta = f"{amount(finding.delta, finding.metric)} ({percent(finding.percent)})"
    return f"{subject} {value} {finding.sign} {limit}{base} by {delta}{_at(finding)}"


def details(finding: Finding, *, notes: bool = False) -> Iterator[str]:
    """Yield what contributes most to a finding, what would meet the limit and, on request, the notes on the value."""
    if finding.shares:
        parts = (
            f"{each.path} {amount(each.value, finding.metric)}" + (f" (line {each.line})" if each.line else "")
            for each in finding.shares
        )
        yield f"most of it: {', '.join(parts)}"
    if finding.fits:
        fits = (f"{each.option} → {amount(each.value, finding.metric)}" for each in finding.fits)
        yield f"would fit: {', '.join(fits)}"
    if notes:
        yield from (f"note: {note}" for note in finding.notes)


def summary(outcome: Outcome) -> str:
    """Return how many files were checked and what was found, as one line."""
    unchecked = sum(each.unchecked for each in outcome.findings)
    errors = sum(each.level == "error" and not each.unchecked for each in outcome.findings)
    warnings = sum(each.level == "warn" for each in outcome.findings)
    words = {
        "limit broken" if errors == 1 else "limits broken": errors,
        "warning" if warnings == 1 else "warnings": warnings,
        "not checked": unchecked,
        "exempt": len(outcome.exempt),
    }
    found = [f"{number} {word}" for word, number in words.items() if number]
    return f"{plural(len(outcome.files), 'file')} checked: {', '.join(found) or 'all limits hold'}"


def _at(finding: Finding) -> str:
    return f" at {finding.point}" if finding.point else ""


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """Return a distinct hash for each finding: it depends on what the finding is about, not on its line."""
    seen: Counter[tuple[str, ...]] = Counter()
    found: list[str] = []
    for finding in findings:
        about = (finding.code, finding.path, finding.rule, finding.scope, finding.metric, finding.point, finding.what)
        again = (str(seen[about]),) if seen[about] else ()
        seen[about] += 1
        found.append(hashlib.sha256("\0".join((*about, *again)).encode(errors="backslashreplace")).hexdigest()[:40])
    return found
