"""A check as data: findings with exact numbers, and what every network costs."""

import math
from collections.abc import Iterator
from typing import Any

from flopcount.analyses.budgets.checking import Checked
from flopcount.analyses.budgets.checks import Outcome
from flopcount.analyses.budgets.findings import CODES, Finding
from flopcount.report.data import render_json
from flopcount.report.findings import sentence, summary
from flopcount.report.table import Report
from flopcount.report.views import cost_facts


def render(outcome: Outcome) -> str:
    """Write a check as JSON."""
    facts = {
        "findings": [finding_data(each) for each in outcome.findings],
        "exempt": [{**finding_data(each), "reason": reason} for each, reason in outcome.exempt],
        "archs": [row for each in outcome.files for row in counts(each)],
        "ok": outcome.ok,
        "exit_code": outcome.exit_code,
    }
    return render_json(Report(title=summary(outcome), tables=(), notes=outcome.notes, facts=facts))


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
        "limit": whole_limit(finding),
        "base": finding.base,
        "percent": None if finding.percent is None else float(finding.percent),
        "layers": [each._asdict() for each in finding.shares],
        "fits": [each._asdict() for each in finding.fits],
    }


def whole_limit(finding: Finding) -> int:
    """Return the last whole number that would hold."""
    return math.ceil(finding.limit) if finding.sign == "<" else math.floor(finding.limit)


def counts(checked: Checked) -> Iterator[dict[str, Any]]:
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
