"""The formats a check can be written in: one function each, and one table of them."""

import html
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from flopcount import __version__
from flopcount.analyses.budgets.check import Checked, Evaluation, Outcome
from flopcount.analyses.budgets.findings import CODES, Finding
from flopcount.case import Cost
from flopcount.errors import plain
from flopcount.report.count import cost_facts
from flopcount.report.findings import details, exemptions, fingerprints, headline, sentence, summary
from flopcount.report.table import Report
from flopcount.report.table import render_json as table_render_json
from flopcount.report.text import escaped
from flopcount.spec.units import percent

# A check as data: findings with exact numbers, and what every network costs.


def render_json(outcome: Outcome) -> str:
    """Write a check as JSON."""
    facts = {
        "findings": [finding_data(each) for each in outcome.findings],
        "exempt": [{**finding_data(each), "reason": reason} for each, reason in outcome.exempt],
        "archs": [row for each in outcome.files for row in counts(each)],
        "ok": outcome.ok,
        "exit_code": outcome.exit_code,
    }
    return table_render_json(Report(title=summary(outcome), tables=(), notes=outcome.notes, facts=facts))


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


# customSmallerIsBetter JSON, which draws what networks cost over time.


def render_benchmark(outcome: Outcome) -> str:
    """Write two values for each network and point."""
    return (
        json.dumps([entry for each in outcome.files for row in counts(each) for entry in _entries(row)], indent=2)
        + "\n"
    )


def _entries(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = " ".join(filter(None, (row["path"], row["point"], "" if row["counted"] == "trainable" else row["counted"])))
    for metric, unit in (("params", "parameters"), ("macs", "MACs")):
        yield {"name": f"{name}: {metric}", "unit": unit, "value": row[metric], "extra": f"input {row['input']}"}


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
"""What each format is for."""


def rendered(outcome: Outcome, name: str) -> str:
    """Write a check in a format; of a file name that is no text, the bytes that are none are written as escapes."""
    return RENDERERS[name](outcome).encode(errors="backslashreplace").decode()


# A check for people: findings as lines, one each, with what adds to it and what would help beneath.


def render_text(outcome: Outcome) -> str:
    """Write every finding as `path:line:col: CODE arch metric value > limit by delta (percent) [rule]`."""
    lines = [
        line for finding in outcome.findings for line in (headline(finding), *(f"    {d}" for d in details(finding)))
    ]
    notes = (f"note: {note}" for note in outcome.notes)
    return "\n".join([*lines, *exemptions(outcome), summary(outcome), *notes]) + "\n"


# Annotations of GitHub Actions: workflow commands, the aggregate first.
#
# The platform shows ten errors and ten warnings of a step, so what is beyond them is
# said to be, and the step's log has every finding as text.


MOST = 10
"""Annotations of one level that the platform shows for a step; the aggregate is one of them."""


def render_github(outcome: Outcome) -> str:
    """Write workflow commands, then the findings as text, in a group that folds."""
    log = render_text(outcome).replace("::", ": :").replace("##[", "# #[")
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


# A Code Quality report of GitLab: a JSON list of what is wrong and where.


def render_gitlab(outcome: Outcome) -> str:
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


# Test results in XML, as CI servers read them: a suite of one case for each file.


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no place for."""


def render_junit(outcome: Outcome) -> str:
    """Write a case for each file: an error if it could not be checked, a failure if a limit is broken."""
    paths = [*dict.fromkeys((*(each.path for each in outcome.files), *(each.path for each in outcome.findings)))]
    cases = [_case(path, [each for each in outcome.findings if each.path == path], outcome) for path in paths]
    numbers = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
    }
    suites = ET.Element("testsuites", {"name": "flopcount", **numbers})
    suite = ET.SubElement(suites, "testsuite", {"name": "flopcount check", **numbers, "skipped": "0", "time": "0"})
    suite.extend(cases)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _case(path: str, findings: Sequence[Finding], outcome: Outcome) -> ET.Element:
    case = ET.Element("testcase", {"classname": "flopcount.check", "name": _clean(path), "time": "0"})
    unchecked = [each for each in findings if each.unchecked]
    broken = [each for each in findings if each.level == "error" and not each.unchecked]
    for tag, found in (("error", unchecked), ("failure", () if unchecked else broken)):
        if found:
            first = {"message": _clean(sentence(found[0])), "type": found[0].code}
            ET.SubElement(case, tag, first).text = _clean(_lines([*found, *(broken if unchecked else ())]))
    said = [*(headline(each) for each in findings if each.level == "warn"), *_exempt(path, outcome)]
    if said:
        ET.SubElement(case, "system-out").text = _clean("\n".join(said))
    return case


def _lines(findings: Iterable[Finding]) -> str:
    return "\n".join(line for each in findings for line in (headline(each), *(f"    {d}" for d in details(each))))


def _exempt(path: str, outcome: Outcome) -> list[str]:
    chosen = tuple(each for each in outcome.exempt if each[0].path == path)
    return exemptions(outcome._replace(exempt=chosen))


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("�", text)


# A comment for a pull request: the verdict, what changed, and the details folded.


MARK = "<!-- flopcount check -->"
"""By which a workflow finds its earlier comment."""

LONGEST = 65_000
"""Characters a comment may have; the platform takes 65536."""

MOST_ROWS = 100
"""So many layers are listed for one network."""


def render_markdown(outcome: Outcome) -> str:
    """Write the comment; what does not fit is left out from the end, and said to be."""
    sign = {0: "✅", 1: "❌"}.get(outcome.exit_code, "⚠️")
    parts = [f"{MARK}\n### {sign} flopcount: {escaped(summary(outcome))}", *_parts(outcome)]
    text = ""
    for number, part in enumerate(parts):
        if len(text) + len(part) > LONGEST:
            return f"{text}\n{len(parts) - number} more entries do not fit into a comment.\n"
        text += f"{part}\n"
    return text


def _parts(outcome: Outcome) -> Iterator[str]:
    for finding in outcome.findings:
        yield _finding(finding)
    yield from _networks(outcome.files)
    for each in outcome.files:
        yield from _layers(each)
    for line in (*exemptions(outcome), *outcome.notes):
        yield f"\n> {escaped(line)}"


def _finding(finding: Finding) -> str:
    return "\n  ".join([f"- {escaped(headline(finding))}", *(f"{escaped(line)}  " for line in details(finding))])


def _networks(files: Iterable[Checked]) -> Iterator[str]:
    """Yield the table of networks that are new since the base, or cost something else."""
    rows = [(each, count) for each in files for count in each.counts if _changed(each, count)]
    if rows:
        yield "\n| network | params | change | MACs | change |\n| --- | ---: | ---: | ---: | ---: |"
    for each, count in rows:
        now, before = count.now.total(), count.before.total() if count.before else None
        name = escaped(plain(" ".join(filter(None, (each.path, str(count.point))))))
        yield f"| {name} | {' | '.join(_cells(now, before))} |"


def _cells(now: Cost | None, before: Cost | None) -> list[str]:
    """Write params and MACs with what changed; what is not there on a side is empty."""
    cells: list[str] = []
    for metric in ("params", "macs"):
        new, old = (getattr(each, metric) if each else None for each in (now, before))
        cells += [f"{new:,}" if new is not None else "", _change(new, old)]
    return cells


def _change(new: int | None, old: int | None) -> str:
    if old is None or new is None:
        return "new" if old is None else "removed"
    if new == old:
        return "="
    share = f" ({'−' if new < old else '+'}{percent(Fraction(abs(new - old) * 100, old))})" if old else ""
    return f"{new - old:+,}{share}".replace("-", "−")


def _layers(checked: Checked) -> Iterator[str]:
    """Yield a folded table of the layers that changed, for each point."""
    for count in checked.counts:
        rows = [*_rows(count)] if count.before else []
        if rows:
            title = html.escape(plain(" ".join(filter(None, (checked.path, str(count.point))))))
            number = f"{len(rows)} {'layer' if len(rows) == 1 else 'layers'}"
            head = ["| layer | params | change | MACs | change |", "| --- | ---: | ---: | ---: | ---: |"]
            more = [f"\n{len(rows) - MOST_ROWS} more layers changed."] if len(rows) > MOST_ROWS else []
            table = "\n".join([*head, *rows[:MOST_ROWS], *more])
            yield f"\n<details><summary>{title}: {number} changed</summary>\n\n{table}\n\n</details>"


def _rows(count: Evaluation) -> Iterator[str]:
    now, before = count.now.costs, count.before.costs if count.before else {}
    for path in dict.fromkeys((*now, *before)):
        if now.get(path) != before.get(path) and any(cost and any(cost) for cost in (now.get(path), before.get(path))):
            yield f"| {escaped(path)} | {' | '.join(_cells(now.get(path), before.get(path)))} |"


def _changed(checked: Checked, count: Evaluation) -> bool:
    if count.before is None:
        return checked.compared and not checked.lost
    return count.before.costs != count.now.costs


# Counts and limits as metrics, in the text format of OpenMetrics 1.0.


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


def render_openmetrics(outcome: Outcome) -> str:
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


# SARIF 2.1.0, for code scanning (OASIS Standard, 27 March 2020).


SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render_sarif(outcome: Outcome) -> str:
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


RENDERERS: Mapping[str, Callable[[Outcome], str]] = {
    "text": render_text,
    "json": render_json,
    "markdown": render_markdown,
    "github": render_github,
    "gitlab": render_gitlab,
    "junit": render_junit,
    "sarif": render_sarif,
    "openmetrics": render_openmetrics,
    "benchmark": render_benchmark,
}
"""The function behind each of the FORMATS."""
