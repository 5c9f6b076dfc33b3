"""A check for people: findings as lines, one each, with what adds to it and what would help beneath."""

from flopcount.analyses.budgets.checks import Outcome
from flopcount.report.findings import details, exemptions, headline, summary


def render(outcome: Outcome) -> str:
    """Write every finding as `path:line:col: CODE arch metric value > limit by delta (percent) [rule]`."""
    lines = [
        line for finding in outcome.findings for line in (headline(finding), *(f"    {d}" for d in details(finding)))
    ]
    notes = (f"note: {note}" for note in outcome.notes)
    return "\n".join([*lines, *exemptions(outcome), summary(outcome), *notes]) + "\n"
