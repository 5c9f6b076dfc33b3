"""Findings as lines: one each, with what adds to it and what would help beneath."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flopcount.analyses.checking import Checked
from flopcount.analyses.checks import Outcome
from flopcount.analyses.findings import CODES, Finding
from flopcount.report.amounts import amount, pair, percent
from flopcount.report.data import render_json
from flopcount.report.table import Report
from flopcount.report.views import cost_facts


def rendered(outcome: Outcome, fmt: str) -> str:
    """Write a check in a format."""
    if fmt == "json":
        return render_json(check_report(outcome))
    return render_text(outcome)


def render_text(outcome: Outcome) -> str:
    """Write every finding as `path:line:col: CODE arch metric value > limit by delta (percent) [rule]`."""
    lines = [line for finding in outcome.findings for line in (headline(finding), *details(finding))]
    lines += exemptions(outcome)
    return "\n".join([*lines, summary(outcome), *(f"note: {note}" for note in outcome.notes)]) + "\n"


def exemptions(outcome: Outcome) -> list[str]:
    """Say what is let pass: a line for each file, rule and reason."""
    groups = Counter((finding.path, finding.rule, reason) for finding, reason in outcome.exempt)
    return [
        f"{path}: exempt from [{rule}], which finds {number} {'thing' if number == 1 else 'things'} here: {reason}"
        for (path, rule, reason), number in groups.items()
    ]


def headline(finding: Finding) -> str:
    """Write a finding on one line."""
    level = "warning: " if finding.level == "warn" else ""
    return f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {level}{sentence(finding)}"


def sentence(finding: Finding) -> str:
    """Write what a finding says, without its place."""
    rule = f" [{' '.join(filter(None, (finding.rule, finding.rule_at)))}]" if finding.rule else ""
    message = f" {finding.message}" if finding.message else ""
    if finding.what:
        return f"{finding.what}{_at(finding)}{rule}"
    return f"{measured(finding)}{rule}{message}"


def measured(finding: Finding) -> str:
    """Write the numbers of a finding: what, how much, against which limit, by how much."""
    subject = " ".join(filter(None, (finding.arch, finding.scope, finding.metric)))
    value, limit = pair(finding.value, finding.limit, finding.metric)
    base = f" (base {amount(finding.base, finding.metric)})" if finding.base is not None else ""
    delta = f"{amount(finding.delta, finding.metric)} ({percent(finding.percent)})"
    return f"{subject} {value} {finding.sign} {limit}{base} by {delta}{_at(finding)}"


def details(finding: Finding) -> Iterator[str]:
    """Write what adds most to a finding, and what would meet the limit, indented."""
    if finding.shares:
        parts = (f"{each.path} {amount(each.value, finding.metric)} (line {each.line})" for each in finding.shares)
        yield f"    most of it: {', '.join(parts)}"
    if finding.fits:
        ways = (f"{each.option} → {amount(each.value, finding.metric)}" for each in finding.fits)
        yield f"    would fit: {', '.join(ways)}"


def summary(outcome: Outcome) -> str:
    """Say how many files were checked and what was found, on one line."""
    unchecked = sum(each.unchecked for each in outcome.findings)
    errors = sum(each.level == "error" and not each.unchecked for each in outcome.findings)
    warnings = sum(each.level == "warn" for each in outcome.findings)
    found = [
        f"{number} {word}"
        for number, word in (
            (errors, "limit broken" if errors == 1 else "limits broken"),
            (warnings, "warning" if warnings == 1 else "warnings"),
            (unchecked, "not checked"),
            (len(outcome.exempt), "exempt"),
        )
        if number
    ]
    files = f"{len(outcome.files)} {'file' if len(outcome.files) == 1 else 'files'}"
    return f"{files} checked: {', '.join(found) or 'all limits hold'}"


def _at(finding: Finding) -> str:
    return f" at {finding.point}" if finding.point else ""


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data; its limit is the last whole number that holds."""
    return {
        "code": finding.code,
        "about": CODES[finding.code],
        "level": finding.level,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "arch": finding.arch,
        "scope": finding.scope,
        "point": finding.point,
        "metric": finding.metric,
        **({} if finding.what else _numbers(finding)),
        "rule": finding.rule,
        "rule_at": finding.rule_at,
        "message": finding.message,
        "text": sentence(finding),
    }


def _numbers(finding: Finding) -> dict[str, Any]:
    return {
        "value": finding.value,
        "limit": math.ceil(finding.limit) if finding.sign == "<" else math.floor(finding.limit),
        "base": finding.base,
        "percent": None if finding.percent is None else float(finding.percent),
        "layers": [each._asdict() for each in finding.shares],
        "fits": [each._asdict() for each in finding.fits],
    }


def _counts(checked: Checked) -> Iterator[dict[str, Any]]:
    """Yield what a network costs at each point, and what it cost at the base."""
    for count in checked.counts:
        before = count.before.total() if count.before else None
        yield {
            "path": checked.path,
            "arch": checked.arch,
            "point": str(count.point),
            "input": count.now.input,
            "counted": count.params,
            **cost_facts(count.now.total()),
            "base": cost_facts(before) if before else None,
        }


def check_report(outcome: Outcome) -> Report:
    """Return a check as data: findings with exact numbers, and what every network costs."""
    facts = {
        "findings": [finding_data(each) for each in outcome.findings],
        "exempt": [{**finding_data(each), "reason": reason} for each, reason in outcome.exempt],
        "archs": [row for each in outcome.files for row in _counts(each)],
        "ok": outcome.ok,
        "exit_code": outcome.exit_code,
    }
    return Report(title=summary(outcome), tables=(), notes=outcome.notes, facts=facts)
