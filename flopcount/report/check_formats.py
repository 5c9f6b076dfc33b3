"""A check as text: its findings as sentences, and a function for each output format."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flopcount import __version__
from flopcount.analyses.budgets.check import Checked, Evaluation, Outcome
from flopcount.analyses.budgets.findings import CODES, Finding, Standing
from flopcount.errors import plain
from flopcount.network.metrics import METRICS, Cost
from flopcount.report import escape
from flopcount.report.table import Column, Report, Row, Table, markdown_row, notes_data, plural
from flopcount.report.table import render_json as json_text
from flopcount.report.terminal import PIPE, Screen, printed, prose, render_terminal
from flopcount.report.terminal import Line as TextLine
from flopcount.spec.units import METRICS as MEANING
from flopcount.spec.units import amount, pair, percent

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET


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
    is_whole = (finding.line, finding.column) == (1, 1) and not finding.path.endswith((".toml", ".json"))
    place = "" if is_whole else f":{finding.line}:{finding.column}"  # a model of another tool has no lines
    return f"{plain(finding.path)}{place}: {finding.code} {level}{sentence(finding)}"


def sentence(finding: Finding) -> str:
    """Return a finding without its place: what was measured, value, limit and difference; or what is wrong."""
    at = f" at {finding.point}" if finding.point else ""
    rule = f" [{' '.join(filter(None, (finding.rule, finding.rule_at)))}]" if finding.rule else ""
    if finding.what:
        return f"{finding.what}{at}{rule}"
    subject = " ".join(filter(None, (finding.arch, finding.scope, finding.metric)))
    value, limit = pair(finding.value, finding.limit, finding.metric)
    base = f" (base {amount(finding.base, finding.metric)})" if finding.base is not None else ""
    delta = f"{amount(finding.delta, finding.metric)} ({percent(finding.percent)})"
    message = f" {finding.message}" if finding.message else ""
    return f"{subject} {value} {finding.sign} {limit}{base} by {delta}{at}{rule}{message}"


def details(finding: Finding, *, notes: bool = False) -> Iterator[str]:
    """Yield what contributes most to a finding, what would meet the limit and, on request, the notes on the value."""
    if finding.shares:
        parts = (f"{each.path} {amount(each.value, finding.metric)}{each.where}" for each in finding.shares)
        yield f"most of it: {', '.join(parts)}"
    if finding.fits:
        fits = (f"{each.option} → {amount(each.value, finding.metric)}" for each in finding.fits)
        yield f"would fit: {', '.join(fits)}"
    if notes:
        yield from (f"note: {note}" for note in finding.notes)


def summary(outcome: Outcome) -> str:
    """Return how many files were checked and what was found, as one line."""
    problems = sum(each.unchecked for each in outcome.findings)
    errors = sum(each.level == "error" and not each.unchecked for each in outcome.findings)
    warnings = sum(each.level == "warn" for each in outcome.findings)
    words = {
        "limit broken" if errors == 1 else "limits broken": errors,
        "warning" if warnings == 1 else "warnings": warnings,
        "problem" if problems == 1 else "problems": problems,
        "exempt": len(outcome.exempt),
    }
    found = [f"{number} {word}" for word, number in words.items() if number]
    failed = {each.path for each in outcome.findings if each.unchecked}
    checked = sum(each.path not in failed for each in outcome.files)
    fine = "all limits hold" if any(each.limited for each in outcome.files) else "no limits apply"
    return f"{plural(checked, 'file')} checked: {', '.join(found) or fine}"


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


def rendered(outcome: Outcome, name: str, screen: Screen = PIPE) -> str:
    """Return a check in a format; bytes of file names that are not text become escapes."""
    text = render_text(outcome, screen) if name == "text" else RENDERERS[name](outcome)
    return text.encode(errors="backslashreplace").decode()


def render_text(outcome: Outcome, screen: Screen = PIPE) -> str:
    """Return every finding as `path:line:col: CODE arch metric value > limit by delta (percent) [rule]`.

    If all limits hold, each has a line.
    """
    table = limits_table(outcome)
    shown = render_terminal(Report("", (table,)), screen).strip("\n") + "\n" if outcome.ok and table.rows else ""
    return printed(_found(outcome, screen), screen) + shown + printed(_summed_up(outcome, screen), screen)


def _found(outcome: Outcome, screen: Screen) -> Iterator[TextLine]:
    for each in outcome.findings:
        yield from prose(headline(each), screen, "note" if each.level == "warn" else "bad")
        yield from (line for detail in details(each) for line in prose(detail, screen, indent=DETAIL))
    for line in exemptions(outcome.exempt):
        yield from prose(line, screen, "aside")


def _summed_up(outcome: Outcome, screen: Screen) -> Iterator[TextLine]:
    yield from prose(summary(outcome), screen, "good" if outcome.ok else "bad")
    yield from (line for note in outcome.notes for line in prose(f"note: {note}", screen, "note"))


DETAIL = "    "
"""The space before what is said under a finding."""

LIMITS = (
    Column("network", "network"),
    Column("what", "limit on"),
    Column("value", "value", "count", rank=1),
    Column("limit", "limit", "count", rank=2),
    Column("used", "used", "share"),
)


def limits_table(outcome: Outcome) -> Table:
    """Return the limits that hold, one to a row."""
    return Table("limits", LIMITS, tuple(Row(_standing(each)) for file in outcome.files for each in file.standings))


def _standing(each: Standing) -> dict[str, Any]:
    what = " ".join(filter(None, (each.scope, each.metric, "" if each.name == "max" else each.name)))
    return {
        "network": " ".join(filter(None, (each.path, each.point))),
        "what": what,
        "value": each.value,
        "limit": whole(each.limit, is_lower=each.name in {"min", "max_decrease"}),
        "used": None if each.used is None else float(each.used / 100),
    }


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    for each in findings:
        yield headline(each)
        yield from (f"{DETAIL}{detail}" for detail in details(each))


def render_json(outcome: Outcome) -> str:
    """Return a check as JSON."""
    return json_text(_report(outcome))


def check_data(outcome: Outcome) -> dict[str, Any]:
    """Return a check as data."""
    return _report(outcome).data()


def _report(outcome: Outcome) -> Report:
    facts = {
        "findings": [finding_data(each) for each in outcome.findings],
        "exempt": [{**finding_data(each), "reason": reason} for each, reason in outcome.exempt],
        "limits": [
            {**_standing(each), **_fields(each, "path arch scope point metric name base rule")}
            for file in outcome.files
            for each in file.standings
        ],
        "archs": [row for each in outcome.files for row in counts(each)],
        "ok": outcome.ok,
        "exit_code": outcome.exit_code,
    }
    return Report(title=summary(outcome), tables=(), notes=outcome.notes, facts=facts)


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data; its limit is the last whole number that holds."""
    numbers = {
        "value": finding.value,
        "limit": whole_limit(finding),
        "base": finding.base,
        "percent": None if finding.percent is None else float(finding.percent),
        "layers": [{name: value for name, value in each._asdict().items() if value != ""} for each in finding.shares],
        "fits": [each._asdict() for each in finding.fits],
    }
    return {
        "code": finding.code,
        "about": CODES[finding.code],
        **_fields(finding, "level path line column arch scope point metric"),
        **({} if finding.what else numbers),
        **_fields(finding, "rule rule_at message"),
        **({"source": {"path": finding.source[0], "line": finding.source[1]}} if finding.source else {}),
        **notes_data(finding.notes),
        "text": sentence(finding),
    }


def _fields(found: Finding | Standing, names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names.split()}


def whole_limit(finding: Finding) -> int:
    """Return the last whole number that would hold."""
    return whole(finding.limit, is_lower=finding.sign == "<")


def whole(limit: Fraction, *, is_lower: bool) -> int:
    """Return the last whole number within a bound."""
    return math.ceil(limit) if is_lower else math.floor(limit)


def counts(checked: Checked) -> Iterator[dict[str, Any]]:
    """Yield what a network costs at each point, and what it cost at the base."""
    for count in checked.counts:
        yield {
            "path": checked.path,
            "arch": checked.arch,
            "point": str(count.point),
            "input": count.now.input,
            "counted": count.params,
            **count.now.total(),
            "base": count.before.total() if count.before else None,
            **notes_data(count.now.notes),
        }


def render_benchmark(outcome: Outcome) -> str:
    """Return customSmallerIsBetter JSON: an entry for each metric of each network and point."""
    entries = [entry for each in outcome.files for row in counts(each) for entry in _entries(row)]
    return escape.json(entries, 2) + "\n"


def _entries(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = " ".join(filter(None, (row["path"], row["point"], "" if row["counted"] == "trainable" else row["counted"])))
    extra = "\n".join([f"input {row['input']}", *row["notes"]])
    for each in (each for each in METRICS.values() if each.name in row):
        unit = "parameters" if each.name == "params" else each.title
        yield {"name": f"{name}: {each.name}", "unit": unit, "value": row[each.name], "extra": extra}


MOST = 10
"""Annotations of one level that GitHub shows for a step, the summary included; the log has all findings."""


def render_github(outcome: Outcome) -> str:
    """Return workflow commands, then the findings as text in a group that folds."""
    return "\n".join([*_annotations(outcome), "::group::flopcount check", f"{render_text(outcome)}::endgroup::", ""])


def _annotations(outcome: Outcome) -> list[str]:
    """Return the summary, then as many findings of each level as are shown."""
    level = "notice" if not outcome.findings else "warning" if outcome.ok else "error"
    shown = []
    for tag, name in (("error", "error"), ("warning", "warn")):
        found = [each for each in outcome.findings if each.level == name]
        shown += [_annotation(tag, each) for each in found[: MOST - (level == tag)]]
    hidden = len(outcome.findings) - len(shown)
    more = f"; {hidden} of the findings are in the log only" if hidden else ""
    return [_command(level, {"title": "flopcount check"}, f"{summary(outcome)}{more}"), *shown]


def _annotation(level: str, finding: Finding) -> str:
    place = dict(zip(("file", "line", "col"), map(str, finding.shown_at), strict=True))
    title = f"{finding.code} {CODES[finding.code]}"
    return _command(level, {**place, "title": title}, "\n".join([sentence(finding), *details(finding, notes=True)]))


def _command(level: str, properties: Mapping[str, str], message: str) -> str:
    given = ",".join(f"{name}={escape.github_property(value)}" for name, value in properties.items())
    return f"::{level} {given}::{escape.github(message)}"


def render_gitlab(outcome: Outcome) -> str:
    """Return a Code Quality report: the findings without those that are exempt."""
    return escape.json([*map(_issue, outcome.findings, fingerprints(outcome.findings))], 2) + "\n"


def _issue(finding: Finding, fingerprint: str) -> dict[str, Any]:
    return {
        "description": "\n".join([sentence(finding), *map(str, finding.notes)]),
        "check_name": finding.code,
        "fingerprint": fingerprint,
        "severity": "minor" if finding.level == "warn" else "blocker" if finding.unchecked else "major",
        "location": {"path": finding.shown_at[0], "lines": {"begin": finding.shown_at[1]}},
    }


def render_junit(outcome: Outcome) -> str:
    """Return a test case for each file: an error if it could not be checked, a failure if a limit is broken."""
    from xml.etree import ElementTree as ET

    paths = [*dict.fromkeys((*(each.path for each in outcome.files), *(each.path for each in outcome.findings)))]
    cases = [_case(path, [each for each in outcome.findings if each.path == path], outcome) for path in paths]
    failures, errors = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error"))
    numbers = {"tests": str(len(cases)), "failures": str(failures), "errors": str(errors)}
    suites = ET.Element("testsuites", {"name": "flopcount", **numbers})
    suite = ET.SubElement(suites, "testsuite", {"name": "flopcount check", **numbers, "skipped": "0", "time": "0"})
    suite.extend(cases)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _case(path: str, findings: Sequence[Finding], outcome: Outcome) -> "ET.Element":
    from xml.etree import ElementTree as ET

    case = ET.Element("testcase", {"classname": "flopcount.check", "name": escape.lines(path), "time": "0"})
    unchecked = [each for each in findings if each.unchecked]
    broken = [each for each in findings if each.level == "error" and not each.unchecked]
    for tag, found in (("error", unchecked), ("failure", () if unchecked else broken)):
        if found:
            first = {"message": escape.lines(sentence(found[0])), "type": found[0].code}
            ET.SubElement(case, tag, first).text = escape.lines(
                "\n".join(_lines([*found, *(broken if unchecked else ())]))
            )
    exempt = exemptions(each for each in outcome.exempt if each[0].path == path)
    said = [*(headline(each) for each in findings if each.level == "warn"), *exempt]
    said += [f"note: {note}" for each in outcome.files if each.path == path for note in each.notes]
    if said:
        ET.SubElement(case, "system-out").text = escape.lines("\n".join(said))
    return case


MARK = "<!-- flopcount check -->"
"""Lets a workflow find its earlier comment on a pull request."""

LONGEST, MOST_ROWS = 65_000, 100
"""Characters of a comment, of which the platform accepts 65536; layers that are listed for one network."""


def render_markdown(outcome: Outcome) -> str:
    """Return the comment; entries that do not fit are dropped from the end and counted."""
    sign = {0: "✅", 1: "❌"}.get(outcome.exit_code, "⚠️")
    parts = [f"{MARK}\n### {sign} flopcount: {escape.markdown(summary(outcome))}", *_parts(outcome)]
    text = ""
    for number, part in enumerate(parts):
        if len(text) + len(part) > LONGEST:
            return f"{text}\n{len(parts) - number} more entries do not fit into a comment.\n"
        text += f"{part}\n"
    return text


def _parts(outcome: Outcome) -> Iterator[str]:
    for finding in outcome.findings:
        yield "\n  ".join(
            [f"- {escape.markdown(headline(finding))}", *(f"{escape.markdown(line)}  " for line in details(finding))]
        )
    yield from _networks(outcome.files)
    for each in outcome.files:
        yield from _layers(each)
    yield from _held(limits_table(outcome))
    for line in (*exemptions(outcome.exempt), *map(str, outcome.notes)):
        yield f"\n> {escape.markdown(line)}"


def _networks(files: Iterable[Checked]) -> Iterator[str]:
    """Yield the table of networks that are new since the base, or whose cost changed."""
    rows = [
        (each, count)
        for each in files
        for count in each.counts
        if (count.before.costs != count.now.costs if count.before else each.compared and not each.lost)
    ]
    totals = [(count.now.total(), count.before.total() if count.before else None) for _, count in rows]
    names = [name for name in METRICS if any(name in now for now, _ in totals)]
    if rows:
        yield f"\n{_head('network', names)}"
    for (each, count), both in zip(rows, totals, strict=True):
        yield _row(_name(each, count), names, *both)


def _held(table: Table) -> Iterator[str]:
    """Yield a folded table of the limits that hold."""
    if table.rows:
        rows = [markdown_row(map(escape.markdown, table.texts(row))) for row in table.rows[:MOST_ROWS]]
        more = len(table.rows) - MOST_ROWS
        rows += [f"\n{plural(more, 'more limit')}."] if more > 0 else []
        head = f"{markdown_row(column.title for column in table.columns)}\n| --- | --- | ---: | ---: | ---: |"
        title = f"{plural(len(table.rows), 'limit')} kept"
        yield "\n".join([f"\n<details><summary>{title}</summary>\n\n{head}", *rows, "\n</details>"])


def _name(checked: Checked, count: Evaluation) -> str:
    return plain(" ".join(filter(None, (checked.path, str(count.point)))))


def _head(what: str, names: Iterable[str]) -> str:
    cells = [what, *(title for name in names for title in (METRICS[name].title, "change"))]
    return f"{markdown_row(cells)}\n{markdown_row(['---', *['---:'] * (len(cells) - 1)])}"


def _row(name: str, metrics: Iterable[str], now: Cost | None, before: Cost | None) -> str:
    """Return the metrics with what changed; a side that does not exist is empty."""
    cells: list[str] = []
    for each in metrics:
        new, old = (cost.get(each) if cost else None for cost in (now, before))
        cells += [f"{new:,}" if new is not None else "", _change(new, old)]
    return markdown_row([escape.markdown(name), *cells])


def _change(new: int | None, old: int | None) -> str:
    if old is None or new is None:
        return "new" if new is not None else "" if old is None else "removed"
    if new == old:
        return "="
    share = f" ({'−' if new < old else '+'}{percent(Fraction(abs(new - old) * 100, old))})" if old else ""
    return f"{new - old:+,}{share}".replace("-", "−")


def _layers(checked: Checked) -> Iterator[str]:
    """Yield a folded table of the layers that changed, for each point."""
    for count in checked.counts:
        rows = [*_changed_layers(count)] if count.before else []
        if rows:
            more = [f"\n{len(rows) - MOST_ROWS} more layers changed."] if len(rows) > MOST_ROWS else []
            table = "\n".join([_head("layer", count.now.total()), *rows[:MOST_ROWS], *more])
            title = f"{escape.html(_name(checked, count))}: {plural(len(rows), 'layer')} changed"
            yield f"\n<details><summary>{title}</summary>\n\n{table}\n\n</details>"


def _changed_layers(count: Evaluation) -> Iterator[str]:
    now, before, metrics = count.now.costs, count.before.costs if count.before else {}, [*count.now.total()]
    for path in dict.fromkeys((*now, *before)):
        new, old = now.get(path), before.get(path)
        if new != old and any(cost and any(cost.values()) for cost in (new, old)):
            yield _row(path, metrics, new, old)


HELP: Mapping[str, str] = {
    **{f"flopcount_{name}": f"{about.capitalize()} of a network." for name, about in MEANING.items()},
    **{f"flopcount_base_{name}": f"{about.capitalize()} of a network at the base." for name, about in MEANING.items()},
    "flopcount_finding": "The value that exceeds a limit.",
    "flopcount_finding_limit": "The limit that is exceeded.",
    "flopcount_check_exit_code": "0 if all limits hold, 1 if one is broken, 2 if something could not be checked.",
}

Sample = tuple[str, Mapping[str, str], int]


def render_openmetrics(outcome: Outcome) -> str:
    """Return one gauge for each metric, with a sample for each network and point."""
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
            labels = {name: str(row[name]) for name in ("path", "arch", "point", "input", "counted")}
            labels |= {"notes": ",".join(row["note_codes"])} if row["notes"] else {}
            for name in METRICS.keys() & row:
                yield f"flopcount_{name}", labels, row[name]
                if row["base"]:
                    yield f"flopcount_base_{name}", labels, row["base"][name]


def _findings(outcome: Outcome) -> Iterator[Sample]:
    for each in outcome.findings:
        if not each.what:
            found = _fields(each, "code level path line column arch scope metric point rule rule_at")
            labels = {name: str(value) for name, value in found.items()}
            labels |= {"notes": ",".join(note.code for note in each.notes)} if each.notes else {}
            yield "flopcount_finding", labels, each.value
            yield "flopcount_finding_limit", labels, whole_limit(each)


def _sample(name: str, labels: Mapping[str, str], value: int) -> str:
    given = ",".join(f'{label}="{escape.openmetrics(text)}"' for label, text in labels.items())
    return f"{name}{{{given}}} {value}" if given else f"{name} {value}"


SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render_sarif(outcome: Outcome) -> str:
    """Return a run of SARIF 2.1.0: a rule for each code, a result for each finding, exempt ones suppressed."""
    everything = (*outcome.findings, *(finding for finding, _ in outcome.exempt))
    results = [*map(_result, everything, fingerprints(everything))]
    for result, (_, reason) in zip(results[len(outcome.findings) :], outcome.exempt, strict=True):
        result["suppressions"] = [{"kind": "external", "justification": reason}]
    rules = [
        {
            "id": code,
            "shortDescription": {"text": f"A network {about}"},
            "defaultConfiguration": {"level": "warning" if code == "FC103" else "error"},
        }
        for code, about in CODES.items()
    ]
    driver = {"name": "flopcount", "version": __version__, "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": outcome.exit_code != 2, "exitCode": outcome.exit_code}],  # noqa: PLR2004  (could not check)
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the directory flopcount was run in"}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return escape.json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, 2) + "\n"


def _result(finding: Finding, fingerprint: str) -> dict[str, Any]:
    path, line, column = finding.shown_at
    where = {
        "artifactLocation": {"uri": quote(path, errors="surrogateescape"), "uriBaseId": "SRCROOT"},
        "region": {"startLine": line, "startColumn": column},
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": [*CODES].index(finding.code),
        "level": "warning" if finding.level == "warn" else "error",
        "message": {"text": "\n".join([sentence(finding), *details(finding, notes=True)])},
        "locations": [{"physicalLocation": where}],
        "partialFingerprints": {"flopcount/v1": fingerprint},
    }


def render_page(outcome: Outcome) -> str:
    """Return a check and its networks as the page of `flopcount report`."""
    from flopcount.report.page import checked_data, page_parts

    return "".join(page_parts(checked_data(outcome, check_data(outcome))))


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
    "html": render_page,
}
"""The function for each format."""
