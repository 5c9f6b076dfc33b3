"""Counts and limits as metrics, in the text format of OpenMetrics 1.0."""

from collections.abc import Iterable, Iterator, Mapping

from flopcount.analyses.budgets.checks import Outcome
from flopcount.report.check_json import counts, whole_limit

HELP: Mapping[str, str] = {
    "flopcount_params": "Parameters of a network.",
    "flopcount_macs": "Multiply-accumulates of a network.",
    "flopcount_base_params": "Parameters of a network at the base.",
    "flopcount_base_macs": "Multiply-accumulates of a network at the base.",
    "flopcount_finding": "What was measured where a limit is broken.",
    "flopcount_finding_limit": "The limit that is broken.",
    "flopcount_check_exit_code": "0 if all limits hold, 1 if one is broken, 2 if something could not be checked.",
}

Sample = tuple[str, Mapping[str, str], int]


def render(outcome: Outcome) -> str:
    """Write one gauge for each thing that is counted, with a sample for each network and point."""
    samples = [*_counts(outcome), *_findings(outcome), ("flopcount_check_exit_code", {}, outcome.exit_code)]
    lines: list[str] = []
    for name, about in HELP.items():
        chosen = {_sample(*each) for each in samples if each[0] == name}
        if chosen:
            lines += [f"# TYPE {name} gauge", f"# HELP {name} {about}", *sorted(chosen)]
    return "\n".join([*lines, "# EOF", ""])


def _counts(outcome: Outcome) -> Iterator[Sample]:
    for each in outcome.files:
        for row in counts(each):
            names = ("path", "arch", "point", "input", "counted")
            labels = {name: str(row[name]) for name in names}
            yield "flopcount_params", labels, row["params"]
            yield "flopcount_macs", labels, row["macs"]
            if row["base"]:
                yield "flopcount_base_params", labels, row["base"]["params"]
                yield "flopcount_base_macs", labels, row["base"]["macs"]


def _findings(outcome: Outcome) -> Iterator[Sample]:
    for each in outcome.findings:
        if not each.what:
            names = ("code", "level", "path", "line", "column", "arch", "scope", "metric", "point", "rule", "rule_at")
            labels = {name: str(getattr(each, name)) for name in names}
            yield "flopcount_finding", labels, each.value
            yield "flopcount_finding_limit", labels, whole_limit(each)


def _sample(name: str, labels: Mapping[str, str], value: int) -> str:
    given = ",".join(_labels(labels))
    return f"{name}{{{given}}} {value}" if given else f"{name} {value}"


def _labels(labels: Mapping[str, str]) -> Iterable[str]:
    for name, value in labels.items():
        escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        yield f'{name}="{escaped}"'
