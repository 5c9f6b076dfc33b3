"""SARIF 2.1.0, for code scanning (OASIS Standard, 27 March 2020)."""

import json
from typing import Any
from urllib.parse import quote

from flopcount import __version__
from flopcount.analyses.budgets.checks import Outcome
from flopcount.analyses.budgets.findings import CODES, Finding
from flopcount.report.findings import details, sentence
from flopcount.report.fingerprints import fingerprints

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(outcome: Outcome) -> str:
    """Write one run: a rule for each code, a result for each finding; what is let pass is suppressed."""
    everything = (*outcome.findings, *(finding for finding, _ in outcome.exempt))
    results = [*map(_result, everything, fingerprints(everything))]
    for result, (_, reason) in zip(results[len(outcome.findings) :], outcome.exempt, strict=True):
        result["suppressions"] = [{"kind": "external", "justification": reason}]
    driver = {"name": "flopcount", "version": __version__, "semanticVersion": __version__, "rules": _rules()}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": outcome.exit_code != 2, "exitCode": outcome.exit_code}],  # noqa: PLR2004  (could not check)
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the folder flopcount was run in"}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules() -> list[dict[str, Any]]:
    return [
        {
            "id": code,
            "shortDescription": {"text": f"A network {about}"},
            "defaultConfiguration": {"level": "warning" if code == "FC103" else "error"},
        }
        for code, about in CODES.items()
    ]


def _result(finding: Finding, fingerprint: str) -> dict[str, Any]:
    where = {
        "artifactLocation": {"uri": quote(finding.path, errors="surrogateescape"), "uriBaseId": "SRCROOT"},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": [*CODES].index(finding.code),
        "level": "warning" if finding.level == "warn" else "error",
        "message": {"text": "\n".join([sentence(finding), *details(finding)])},
        "locations": [{"physicalLocation": where}],
        "partialFingerprints": {"flopcount/v1": fingerprint},
    }
