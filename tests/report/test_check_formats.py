"""Every format of a check, read by what reads it elsewhere."""

import json
import re
from fractions import Fraction
from io import StringIO
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from junitparser import JUnitXml
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
from sarif_pydantic import Sarif

from flopcount.analyses.budgets.check import Checked, Evaluation, Outcome
from flopcount.analyses.budgets.findings import CODES, Finding, Share, Suggestion
from flopcount.analyses.budgets.judge import Measurement
from flopcount.errors import Note
from flopcount.network.metrics import Cost
from flopcount.network.point import Point
from flopcount.report.check_formats import LONGEST, MARK, MOST, RENDERERS, rendered

ODD = 'a "b"|c/ü,1:2 %\n<x>.toml'
"""A name with whatever a format might trip over."""


def reading(**macs: int) -> Measurement:
    return Measurement({path: Cost(params=1, macs=count) for path, count in macs.items()}, {}, {}, "3x8x8")


def finding(code: str = "FC101", level: str = "error", path: str = ODD, **more: object) -> Finding:
    base = Finding(code, level, path, 3, 7, "net", metric="macs", value=301, limit=Fraction(300), rule="small")  # type: ignore[arg-type]
    return base._replace(**more)  # type: ignore[arg-type]


UNREAD = finding("FC901", what="not TOML: something", path="broken.toml", metric="", value=0, rule="")
OUTCOME = Outcome(
    files=(
        Checked(
            ODD,
            "net",
            (
                Evaluation(
                    Point(width="0.5"),
                    "trainable",
                    reading(same=100, more=150, new=51),
                    reading(same=100, more=100, gone=7),
                ),
            ),
            (),
            limited=True,
        ),
        Checked("broken.toml", "broken", (), (), limited=True),
    ),
    findings=(
        finding(shares=(Share("more", 150, 9),), fits=(Suggestion("--width 0.4", 120),), message="ask | first"),
        finding("FC103", "warn", limit=Fraction(6001, 20)),
        UNREAD,
    ),
    exempt=((finding("FC102", path="old.toml"), "the baseline"),),
    notes=(Note("check", "a note"),),
)
FINE = Outcome((Checked("a.toml", "a", (Evaluation(Point(), "trainable", reading(x=5), None),), (), limited=True),), ())


def test_the_text_has_each_finding_on_one_line() -> None:
    lines = rendered(OUTCOME, "text").splitlines()
    assert lines[0] == ('a "b"|c/ü,1:2 %\\n<x>.toml:3:7: FC101 net macs 301 > 300 by 1 (0.33%) [small] ask | first')
    assert lines[1:3] == ["    most of it: more 150 (line 9)", "    would fit: --width 0.4 → 120"]
    assert lines[-2] == "1 file checked: 1 limit broken, 1 warning, 1 problem, 1 exempt"


def test_json_has_the_exact_numbers() -> None:
    data = json.loads(rendered(OUTCOME, "json"))
    first = data["findings"][0]
    assert (first["path"], first["value"], first["limit"]) == (ODD, 301, 300)
    assert data["findings"][1]["limit"] == 300  # the last whole number within 300.05
    assert data["archs"][0]["macs"] == 301
    assert data["archs"][0]["base"] == {"params": 3, "macs": 207}
    assert (data["ok"], data["exit_code"], data["exempt"][0]["reason"]) == (False, 2, "the baseline")


def test_github_gets_one_command_to_a_line_with_the_aggregate_first() -> None:
    commands = [line for line in rendered(OUTCOME, "github").splitlines() if line.startswith("::")]
    assert commands[0] == (
        "::error title=flopcount check::1 file checked: 1 limit broken, 1 warning, 1 problem, 1 exempt"
    )
    found = re.match(r"::error file=(.*),line=3,col=7,title=FC101 above its maximum::(.*)", commands[1])
    assert found is not None
    name = found[1].replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n").replace("%25", "%")
    assert name == ODD
    assert found[2].endswith("%0Amost of it: more 150 (line 9)%0Awould fit: --width 0.4 → 120")
    assert [each.partition(" ")[0] for each in commands[1:4]] == ["::error", "::error", "::warning"]


def test_github_shows_no_more_than_the_platform_and_says_so() -> None:
    many = OUTCOME._replace(findings=tuple(finding(line=line) for line in range(1, 31)))
    commands = [line for line in rendered(many, "github").splitlines() if line.startswith("::error")]
    assert len(commands) == MOST
    assert "21 of the findings are in the log only" in commands[0]


def test_github_takes_nothing_in_the_log_for_a_command() -> None:
    evil = finding(message="::stop-commands::x", path="::add-mask::x")
    log = rendered(FINE._replace(findings=(evil,)), "github").split("::group::")[1].split("\n", 1)[1]
    assert [line for line in log.splitlines() if line.startswith("::")] == ["::endgroup::"]


def test_gitlab_reads_a_list_of_issues() -> None:
    issues = json.loads(rendered(OUTCOME, "gitlab"))
    assert [each["severity"] for each in issues] == ["major", "minor", "blocker"]
    assert all({"description", "check_name", "fingerprint", "severity", "location"} <= each.keys() for each in issues)
    assert issues[0]["location"] == {"path": ODD, "lines": {"begin": 3}}
    assert len({each["fingerprint"] for each in issues}) == 3


def test_a_finding_that_moves_keeps_its_fingerprint() -> None:
    one, other = (
        json.loads(rendered(FINE._replace(findings=(each,)), "gitlab"))[0]["fingerprint"]
        for each in (finding(), finding(line=90, value=999))
    )
    assert one == other


def test_junit_readers_see_failures_and_errors() -> None:
    text = rendered(OUTCOME, "junit")
    suites = JUnitXml.fromstring(text.encode())
    assert (suites.tests, suites.failures, suites.errors) == (2, 1, 1)
    cases = [case for suite in suites for case in suite]
    assert [[type(each).__name__ for each in case.result] for case in cases] == [["Failure"], ["Error"]]
    assert ET.fromstring(text).find("./testsuite/testcase/failure").get("type") == "FC101"  # type: ignore[union-attr]  # noqa: S314  (our own)


def test_junit_has_no_place_for_control_characters() -> None:
    text = rendered(FINE._replace(findings=(finding(path="a\x00\x1b.toml", what="\x07"),)), "junit")
    assert ET.fromstring(text) is not None  # noqa: S314  (our own)


def test_sarif_readers_take_it() -> None:
    text = rendered(OUTCOME, "sarif")
    log = Sarif.model_validate_json(text)
    run = log.runs[0]
    assert [rule.id for rule in run.tool.driver.rules or []] == [*CODES]
    results = json.loads(text)["runs"][0]["results"]
    assert [each["level"] for each in results] == ["error", "warning", "error", "error"]
    uri = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii()
    assert unquote(uri) == ODD
    assert [*CODES][results[1]["ruleIndex"]] == results[1]["ruleId"] == "FC103"
    assert results[3]["suppressions"] == [{"kind": "external", "justification": "the baseline"}]


def test_openmetrics_parses_and_has_the_numbers() -> None:
    read = text_fd_to_metric_families(StringIO(rendered(OUTCOME, "openmetrics")))  # type: ignore[no-untyped-call]
    families = {family.name: family for family in read}
    sample = families["flopcount_macs"].samples[0]
    assert (sample.value, sample.labels["path"], sample.labels["point"]) == (301, ODD, "--width 0.5")
    assert families["flopcount_base_macs"].samples[0].value == 207
    assert {each.value for each in families["flopcount_finding_limit"].samples} == {300}
    assert families["flopcount_check_exit_code"].samples[0].value == 2


def test_benchmark_has_a_name_a_unit_and_a_number_for_each() -> None:
    entries = json.loads(rendered(OUTCOME, "benchmark"))
    assert [(each["unit"], each["value"]) for each in entries] == [("parameters", 3), ("MACs", 301)]
    assert len({each["name"] for each in entries}) == len(entries)


def test_markdown_is_marked_and_lists_what_changed_only() -> None:
    text = rendered(OUTCOME, "markdown")
    assert text.startswith(f"{MARK}\n### ⚠️ flopcount: ")
    table = text[text.index("<details>") : text.index("</details>")]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][2:] == [
        "more",
        "new",
        "gone",
    ]
    assert "+94 (+45.41%)" in text
    assert "&lt;x&gt;.toml --width 0.5: 3 layers changed" in text


def test_markdown_fits_into_a_comment() -> None:
    many = OUTCOME._replace(findings=tuple(finding(path="x" * 200, line=line) for line in range(1, 1000)))
    text = rendered(many, "markdown")
    assert len(text) < LONGEST + 200
    assert "more entries do not fit into a comment" in text


def test_markdown_lists_as_many_networks_as_fit() -> None:
    counts = (Evaluation(Point(), "trainable", reading(x=5), reading(x=4)),)
    files = tuple(Checked(f"{number:0200}.toml", "a", counts, (), limited=True) for number in range(1000))
    text = rendered(FINE._replace(files=files), "markdown")
    assert f"| {0:0200}.toml | 1 | = | 5 | +1 (+25%) |" in text
    assert len(text) < LONGEST + 200


@pytest.mark.parametrize(
    ("compared", "lost", "shown"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_markdown_lists_networks_that_are_new_since_the_base(compared: bool, lost: bool, shown: bool) -> None:  # noqa: FBT001  (parameters of a test)
    new = FINE.files[0]._replace(compared=compared, lost=lost)
    assert ("| a.toml | 1 | new | 5 | new |" in rendered(FINE._replace(files=(new,)), "markdown")) is shown


TWICE = FINE._replace(findings=(finding(rule_at="c.toml:3"), finding(rule_at="c.toml:4", limit=Fraction(200))))
"""Two patterns of a rule that are about the same block."""


def test_no_two_metrics_have_the_same_labels() -> None:
    lines = [line.rpartition(" ")[0] for line in rendered(TWICE, "openmetrics").splitlines() if line[0] != "#"]
    assert len({*lines}) == len(lines) == 7


@pytest.mark.parametrize("name", ["gitlab", "sarif"])
def test_no_two_findings_have_the_same_fingerprint(name: str) -> None:
    assert len({*re.findall(r'"[0-9a-f]{40}"', rendered(TWICE, name))}) == 2


@pytest.mark.parametrize("name", RENDERERS)
def test_a_name_that_is_not_utf8_can_be_written(name: str) -> None:
    outcome = Outcome(
        (FINE.files[0]._replace(path="\udcff.toml"),), (finding(path="\udcff.toml"),), notes=(Note("check", "\udcff"),)
    )
    assert rendered(outcome, name).encode()


def test_github_takes_nothing_in_a_line_of_the_log_for_an_old_command() -> None:
    text = rendered(FINE._replace(findings=(finding(message="##[add-mask]x"),)), "github")
    assert "##[" not in text.partition("::group::")[2]


@pytest.mark.parametrize(
    ("value", "limit", "words"),
    [
        (10**17 + 1, Fraction(10**17), "100000000000000001 > 100000000000000000 by 1 (under 0.01%)"),
        (8496, 8496 - Fraction(1, 10**20), "8496 > 8495.99999999999999999999 by 0.00000000000000000001 (under"),
        (2 * 10**17, Fraction(10**17), "200P > 100P by 100P (100%)"),
        (5, Fraction(0), "5 > 0 by 5 (from nothing)"),
    ],
)
def test_numbers_of_any_size_are_told_apart(value: int, limit: Fraction, words: str) -> None:
    assert words in rendered(FINE._replace(findings=(finding(value=value, limit=limit),)), "text")


@pytest.mark.parametrize(("code", "sign"), [(0, "✅"), (1, "❌"), (2, "⚠️")])
def test_markdown_says_at_once_how_it_went(code: int, sign: str) -> None:
    found = {0: (), 1: (finding(),), 2: (UNREAD,)}[code]
    assert rendered(FINE._replace(findings=found), "markdown").splitlines()[1].startswith(f"### {sign}")
