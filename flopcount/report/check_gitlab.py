"""A Code Quality report of GitLab: a JSON list of what is wrong and where."""

import json
from typing import Any

from flopcount.analyses.budgets.checks import Outcome
from flopcount.analyses.budgets.findings import Finding
from flopcount.report.findings import sentence
from flopcount.report.fingerprints import fingerprints


def render(outcome: Outcome) -> str:
    """Write the findings; what is let pass is none."""
    return json.dumps([*map(_issue, outcome.findings, fingerprints(outcome.findings))], indent=2) + "\n"


def _issue(finding: Finding, fingerprint: str) -> dict[str, Any]:
    return {
        "description": sentence(finding),
        "check_name": finding.code,
        "fingerprint": fingerprint,
        "severity": "minor" if finding.level == "warn" else "blocker" if finding.unchecked else "major",
        "location": {"path": finding.path, "lines": {"begin": finding.line}},
    }
