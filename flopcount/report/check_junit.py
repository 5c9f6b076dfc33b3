"""Test results in XML, as CI servers read them: a suite of one case for each file."""

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from flopcount.analyses.budgets.checks import Outcome
from flopcount.analyses.budgets.findings import Finding
from flopcount.report.findings import details, exemptions, headline, sentence

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no place for."""


def render(outcome: Outcome) -> str:
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
