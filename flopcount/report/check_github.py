"""Annotations of GitHub Actions: workflow commands, the aggregate first.

The platform shows ten errors and ten warnings of a step, so what is beyond them is
said to be, and the step's log has every finding as text.
"""

from collections.abc import Iterator, Mapping

from flopcount.analyses.budgets.checks import Outcome
from flopcount.analyses.budgets.findings import CODES, Finding
from flopcount.report import check_text
from flopcount.report.findings import details, sentence, summary

MOST = 10
"""Annotations of one level that the platform shows for a step; the aggregate is one of them."""


def render(outcome: Outcome) -> str:
    """Write workflow commands, then the findings as text, in a group that folds."""
    log = check_text.render(outcome).replace("::", ": :").replace("##[", "# #[")
    return "\n".join([*_annotations(outcome), "::group::flopcount check", f"{log}::endgroup::", ""])


def _annotations(outcome: Outcome) -> Iterator[str]:
    """Yield the aggregate, then as many findings of each level as are shown."""
    level = "notice" if not outcome.findings else "warning" if outcome.ok else "error"
    errors = [each for each in outcome.findings if each.level == "error"]
    warnings = [each for each in outcome.findings if each.level == "warn"]
    room = {"error": MOST - (level == "error"), "warning": MOST - (level == "warning")}
    hidden = max(len(errors) - room["error"], 0) + max(len(warnings) - room["warning"], 0)
    more = f"; {hidden} of the findings are in the log only" if hidden else ""
    yield _command(level, {"title": "flopcount check"}, f"{summary(outcome)}{more}")
    for each in errors[: room["error"]]:
        yield _annotation("error", each)
    for each in warnings[: room["warning"]]:
        yield _annotation("warning", each)


def _annotation(level: str, finding: Finding) -> str:
    place = {"file": finding.path, "line": str(finding.line), "col": str(finding.column)}
    title = f"{finding.code} {CODES[finding.code]}"
    return _command(level, {**place, "title": title}, "\n".join([sentence(finding), *details(finding)]))


def _command(level: str, properties: Mapping[str, str], message: str) -> str:
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {given}::{_data(message)}"


def _data(text: str) -> str:
    """Escape what the runner would take for the end of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
