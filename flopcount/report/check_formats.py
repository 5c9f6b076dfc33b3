"""The formats a check can be written in, each a module that is imported when it is asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module

from flopcount.analyses.budgets.checks import Outcome

FORMATS: Mapping[str, str] = {
    "text": "for people: a line for each finding",
    "json": "everything, versioned, with exact integers",
    "markdown": "a comment for a pull request",
    "github": "annotations of GitHub Actions",
    "gitlab": "a Code Quality report of GitLab",
    "junit": "test results in XML, as CI servers read them",
    "sarif": "SARIF 2.1.0, for code scanning",
    "openmetrics": "counts and limits as metrics",
    "benchmark": "customSmallerIsBetter JSON, for charts over time",
}
"""What each format is for; `check_NAME` is the module that renders it."""


def rendered(outcome: Outcome, name: str) -> str:
    """Write a check in a format; of a file name that is no text, the bytes that are none are written as escapes."""
    render: Callable[[Outcome], str] = import_module(f"flopcount.report.check_{name}").render
    return render(outcome).encode(errors="backslashreplace").decode()
