"""`flopcount check` as a user meets it: findings, exit codes, and what keeps it from checking."""

import json
import os
from pathlib import Path

import pytest
from checkednet import BROKEN, BUDGET, NET, written
from conftest import Run
from repositories import committed, git, repository

from flopcount import check
from flopcount.report.check_formats import RENDERERS

EXEMPT = '[[exempt]]\nid = "a"\nfiles = "net.toml"\nreason = "r"\n'
RULE = '[[budget]]\nid = "a"\nfiles = "*.toml"\nmacs = 1\n'
EXEMPTED = f"{EXEMPT}expires = 9999-01-01\n{RULE}"
WIDER = NET.replace("= 8, k", "= 9, k")


def test_a_broken_limit_is_a_line_at_the_limit_and_exit_1(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET + BUDGET)
    result = run("check", "net.toml")
    assert result.code == 1
    assert result.out.splitlines()[0] == ("net.toml:9:1: FC101 net macs 8.496k > 8.495k by 1 (0.01%) [budget]")
    assert result.out.splitlines()[1] == "    most of it: two 4.608k (line 5), one 3.888k (line 4)"


def test_equal_is_allowed(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET + BUDGET.replace("8495", "8496"))
    assert run("check", "net.toml").out.endswith("1 file checked: all limits hold\n")


def test_what_would_fit_does(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET + BUDGET.replace("8495", '"8k"'))
    fits = json.loads(run("check", "net.toml", "--format", "json").out)["findings"][0]["fits"]
    assert fits
    for fit in fits:
        option, value = fit["option"].split()
        count = json.loads(run("net.toml", option, value, "--format", "json").out)
        assert count["totals"]["macs"] == fit["value"] <= 8000


@pytest.mark.parametrize("size", [96, 80, 72, 68, 66, 65])
def test_a_smaller_input_is_a_step_of_a_power_of_two_smaller(folder: Path, run: Run, size: int) -> None:
    """32, 16, 8, 4, 2 and 1 are the largest up to 32 that divide the sizes: the next of each is 64."""
    macs = 108 * (size - 2) ** 2 + 288 * (size - 4) ** 2  # 3·4·3² weights, and 4·8·3² on the map of the first
    net = NET.replace("[3, 8, 8]", f"[3, {size}, {size}]")
    written(folder, net__toml=f"{net}\n[budget]\nmacs = {macs - 1}\n")
    fits = json.loads(run("check", "net.toml", "--format", "json").out)["findings"][0]["fits"]
    assert {"option": "--input 64", "value": 108 * 62**2 + 288 * 60**2} in fits


def test_warnings_do_not_fail(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET + '\n[budget]\nmacs = { max = "9k", warn = "90%" }\n')
    result = run("check", "net.toml")
    assert (result.code, result.out.splitlines()[0]) == (
        0,
        "net.toml:9:22: FC103 warning: net macs 8.496k > 8.1k by 396 (4.89%) [budget]",
    )


@pytest.mark.parametrize("limit", ["macs = 1", "macs.min = 9_000", "layer.params = 1"])
def test_a_rule_that_warns_fails_no_build(folder: Path, run: Run, limit: str) -> None:
    written(folder, net__toml=f'{NET}\n[budget]\nlevel = "warn"\n{limit}\n')
    result = run("check", "net.toml")
    assert result.code == 0
    assert result.out.splitlines()[0].split()[2] == "warning:"


def test_a_rule_of_the_project_points_at_the_file_and_names_its_own_line(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET, flopcount__toml='[[budget]]\nid = "small"\nfiles = "*.toml"\nlayer.macs = "4k"\n')
    result = run("check")
    assert result.code == 1
    assert result.out.splitlines()[0] == (
        "net.toml:5:3: FC101 net two macs 4.608k > 4k by 608 (15.2%) [small flopcount.toml:4]"
    )


def test_a_configuration_is_found_upwards_with_paths_from_its_folder(folder: Path, run: Run) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    written(folder / "deep", net__toml=NET)
    written(folder, pyproject__toml='[tool.flopcount]\n[[tool.flopcount.budget]]\nfiles = "deep/*.toml"\nparams = 1\n')
    os.chdir(folder / "deep" / "er")
    result = run("check")
    assert result.code == 1
    assert result.out.startswith(
        "../net.toml:1:1: FC101 net params 396 > 1 by 395 (39500%) [budget 1 pyproject.toml:4]"
    )


def test_what_does_not_parse_is_a_finding_and_hides_no_other(folder: Path, run: Run) -> None:
    written(folder, bad__toml=BROKEN, net__toml=NET + BUDGET, worse__toml=NET.replace("Conv", "Konv"))
    result = run("check", "*.toml")
    assert result.code == 2
    codes = [line.split()[1] for line in result.out.splitlines() if ": FC" in line]
    assert codes == ["FC901", "FC101", "FC901", "FC901"]
    assert "worse.toml:4:3: FC901 one: unknown type 'Konv'; did you mean 'Conv'?" in result.out


def test_what_cannot_be_counted_is_a_finding(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET.replace("[3, 8, 8]", "[3, 3, 3]") + BUDGET)
    result = run("check", "net.toml")
    assert result.code == 2
    assert result.out.startswith("net.toml:5:3: FC902 two: ")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('when.variant = "tiny"\nmacs = 1', "no variant is named 'tiny'"),
        ('when.width = "wide"\nmacs = 1', "--width wide"),
        ('when.input = "1x2x3x4x5"\nmacs = 1', "--input 1x2x3x4x5"),
    ],
)
def test_a_rule_that_fits_nothing_is_no_silence(folder: Path, run: Run, rule: str, words: str) -> None:
    written(folder, net__toml=f"{NET}\n[budget]\n{rule}\n")
    result = run("check", "net.toml")
    assert result.code == 2
    assert words in result.out
    assert result.out.startswith("net.toml:8:1: FC902 ")


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            '[[budget]]\nfiles = "none/*.toml"\nmacs = 1',
            'flopcount.toml:2:1: FC903 files = "none/*.toml" matches no file',
        ),
        ('files = "*.json"', 'flopcount.toml:1:1: FC903 files = "*.json" matches no file'),
        (
            EXEMPTED.replace("= 1\n", '= "1M"\n'),
            "flopcount.toml:1:1: FC903 the exemption from 'a' is no longer needed",
        ),
        (
            EXEMPTED.replace("9999", "2020"),
            "flopcount.toml:5:1: FC903 the exemption from 'a' expired on 2020-01-01",
        ),
    ],
)
def test_a_configuration_that_is_out_of_date_is_said_to_be(folder: Path, run: Run, config: str, line: str) -> None:
    written(folder, net__toml=NET, flopcount__toml=config)
    result = run("check", "net.toml")
    assert result.code == 2
    assert any(each.startswith(line) for each in result.out.splitlines()), result.out


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("basis = 1", "flopcount.toml:1:1: unknown key \"basis\"; did you mean 'base'?"),
        ('[[budget]]\nfiles = "*"\nmacs = "600 MB"', 'flopcount.toml:3:1: invalid macs "600 MB": MB is a unit'),
        ('[[budget]]\nmacs = "600M"', "flopcount.toml:1:1: missing field files"),
        ('[[budget]]\nfiles = "*"', "flopcount.toml:1:1: no limit given"),
        ('[[budget]]\nfiles = "*"\nmacs.max_increase = "2 %x"', "flopcount.toml:3:1: invalid macs (max_increase) "),
        ('[[exempt]]\nid = "x"\nfiles = "a"\nreason = "r"\nexpires = 2030-01-01', "exempt: no budget has the id 'x'"),
        ("[[budget]\n", "flopcount.toml:1:"),
        (
            '[[budget]]\nid = "a"\nfiles = "*"\nmacs = 1\n[[budget]]\nid = "a"\nfiles = "*"\nmacs = 1',
            "flopcount.toml:6:1: two budgets are named 'a'",
        ),
        (
            '[[exempt]]\nid = "x"\nfiles = "a"\nreason = "r"\nexpires = 2030-01-01',
            "flopcount.toml:2:1: exempt: no budget",
        ),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(folder: Path, run: Run, config: str, line: str) -> None:
    written(folder, net__toml=NET, flopcount__toml=config)
    result = run("check", "net.toml")
    assert result.code == 2
    assert line in result.problems[0], result.err


def test_each_pattern_that_matches_nothing_is_pointed_at(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET, flopcount__toml='files = [\n  "net.toml",\n  "no.toml", "sub"\n]\n')
    (folder / "sub").mkdir()
    lines = run("check").out.splitlines()
    assert lines[:2] == [
        'flopcount.toml:3:3: FC903 files = "no.toml" matches no file; correct it or remove it',
        'flopcount.toml:3:14: FC903 files = "sub" matches no file; for all in a folder write "sub/**/*.toml"',
    ]


def test_a_block_that_is_not_there_hides_no_other_limit(folder: Path, run: Run) -> None:
    written(folder, net__toml=f"{NET}\n[budget]\nmacs = 1\nblocks.nowhere.macs = 1\n")
    result = run("check", "net.toml")
    assert result.code == 2
    assert result.out.splitlines()[0].startswith("net.toml:10:1: FC902 blocks: no layer or block matches 'nowhere'")
    assert "net.toml:9:1: FC101 net macs 8.496k > 1 " in result.out


def test_a_rule_of_the_project_that_cannot_be_applied_is_named_with_its_line(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET, flopcount__toml='[[budget]]\nfiles = "*.toml"\nblocks.nowhere.macs = 1\n')
    assert run("check").out.splitlines()[0].endswith("expected one of one, two [budget 1 flopcount.toml:3]")


def test_an_exemption_is_from_rules_of_the_configuration_only(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET + BUDGET, flopcount__toml=EXEMPTED.replace('"a"', '"budget"'))
    result = run("check")
    assert result.code == 1
    assert result.out.startswith("net.toml:9:1: FC101 net macs 8.496k > 8.495k by 1 (0.01%) [budget]")
    assert "1 limit broken, 1 exempt" in result.out


@pytest.mark.parametrize("limit", ['macs.max_increase = "1%"', 'macs = { max = "1M", max_increase = 5 }'])
def test_an_exemption_that_only_a_base_could_need_is_not_stale_without_one(folder: Path, run: Run, limit: str) -> None:
    repository(folder, net__toml=NET, flopcount__toml=EXEMPTED.replace("macs = 1", limit))
    assert run("check").code == 0
    result = run("check", "--base", "HEAD")
    assert result.code == 2
    assert "is no longer needed" in result.out


def test_an_exemption_of_a_file_that_does_not_parse_is_not_stale(folder: Path, run: Run) -> None:
    written(folder, net__toml=BROKEN, flopcount__toml=EXEMPTED)
    result = run("check")
    assert result.code == 2
    assert "FC903" not in result.out


def test_an_exemption_lets_pass_and_says_so(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET, flopcount__toml=EXEMPTED)
    result = run("check")
    assert (result.code, result.out.splitlines()[0]) == (0, "net.toml: exempt from [a]: 1 finding: r")


def test_an_exemption_is_for_its_files_alone(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET, other__toml=NET, flopcount__toml=EXEMPTED)
    result = run("check")
    assert (result.code, "other.toml:1:1: FC101" in result.out, "net.toml:1:1: FC101" in result.out) == (1, True, False)


def test_what_has_no_lines_is_wrong_in_the_first(folder: Path, run: Run) -> None:
    written(folder, net__onnx="no model")
    found = json.loads(run("check", "net.onnx", "--format", "json").out)["findings"]
    assert [(each["code"], each["line"], each["column"]) for each in found] == [("FC901", 1, 1)]


def test_without_files_or_a_configuration_the_way_out_is_named(folder: Path, run: Run) -> None:
    assert folder.is_dir()
    result = run("check")
    hint = 'name some, or set files = ["archs/**/*.toml"] in flopcount.toml; flopcount init writes one'
    assert (result.code, result.problems) == (2, [f"no files to check; {hint}"])


@pytest.mark.parametrize("budget", ["[budget]", '[[budget]]\nmacs = "1M"\n[[budget]]'])
def test_limits_on_changes_without_a_base_are_said_to_be_unchecked(folder: Path, run: Run, budget: str) -> None:
    written(folder, net__toml=f'{NET}\n{budget}\nmacs.max_increase = "1%"\n')
    result = run("check", "net.toml")
    assert result.code == 0
    assert "note: limits on changes were not checked: there is no base" in result.out
    assert [note.code for note in check("net.toml").notes] == ["no-base"]


def test_growth_is_against_the_base_and_renames_are_followed(folder: Path, run: Run) -> None:
    limits = '\n[budget]\nmacs.max_increase = "1%"\n'
    repository(folder, net__toml=NET + limits)
    git(folder, "mv", "net.toml", "moved.toml")
    (folder / "moved.toml").write_text(WIDER + limits)
    result = run("check", "moved.toml", "--base", "HEAD")
    assert result.code == 1
    assert result.out.splitlines()[0] == (
        "moved.toml:9:1: FC201 net macs 9.072k > 8.581k (base 8.496k) by 491.04 (5.72%) [budget]"
    )


NO_GROWTH = '\n[budget]\nmacs.max_increase = "0%"\n'
SMALL = 'variants.small = { input = [3, 9, 9] }\nbudget = { when.variant = "small", macs.max_increase = 0 }\n'


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        (BROKEN, NET + NO_GROWTH, 0, "not checked for net.toml: the version at the base cannot be counted"),
        (NET, SMALL + NET, 0, "not checked for net.toml"),
        (NET, WIDER + NO_GROWTH.replace("macs", 'level = "warn"\nmacs'), 0, "FC201 warning: net macs"),
        # one: 108 on 7×7 = 5292; two: 288 on 5×5 = 7200
        (
            NET + NO_GROWTH,
            NET.replace("[3, 8, 8]", "[3, 9, 9]") + NO_GROWTH,
            *(1, "FC201 net macs 12.49k > 8.496k (base 8.496k) by 3.996k (47.03%)"),
        ),
    ],
    ids=["a base that cannot be counted", "a new variant", "a warning", "a larger input"],
)
def test_a_network_is_compared_with_its_base(
    folder: Path, run: Run, *, before: str, after: str, code: int, words: str
) -> None:
    repository(folder, net__toml=before)
    written(folder, net__toml=after)
    result = run("check", "net.toml", "--base", "HEAD")
    assert (result.code, words in result.out) == (code, True), result.out


def test_a_cost_that_fell_uses_nothing_of_what_it_may_rise(folder: Path, run: Run) -> None:
    limit = 'budget = { macs.max_increase = "1%" }\n'
    repository(folder, net__toml=limit + WIDER)
    written(folder, net__toml=limit + NET)
    found = json.loads(run("check", "net.toml", "--base", "HEAD", "--format", "json").out)
    assert [each["used"] for each in found["limits"]] == [0.0]


def test_the_base_of_the_configuration_is_used(folder: Path, run: Run) -> None:
    config = 'base = "main"\n[[budget]]\nfiles = "*.toml"\nparams.max_increase = 0\n'
    committed(repository(folder), {"net.toml": NET, "flopcount.toml": config})
    written(folder, net__toml=WIDER)
    assert "FC201 net params 432 > 396 (base 396) by 36 (9.09%)" in run("check").out


@pytest.mark.parametrize(
    ("ref", "words"), [("", "must not be empty"), ("nowhere", "fetch it first"), ("-x", "or start with -")]
)
def test_a_base_that_is_not_there_exits_2(folder: Path, run: Run, ref: str, words: str) -> None:
    repository(folder, net__toml=NET)
    result = run("check", "net.toml", f"--base={ref}")
    assert result.code == 2
    assert words in result.err


def test_outside_a_repository_a_base_exits_2(folder: Path, run: Run) -> None:
    written(folder, net__toml=NET)
    result = run("check", "net.toml", "--base", "HEAD")
    assert (result.code, len(result.problems)) == (2, 1)
    assert "not in a git repository" in result.err


PHANTOM = """
input = [3, 8, 8]
defaults = { padding = "valid-round", bias = false }
layers = [
  { type = "Conv", out_channels = 4, kernel_size = 7, stride = 2 },
  { type = "Conv", out_channels = 8, kernel_size = 3 },
]
"""
"""Maps of round((8 − 6) / 2) = 1 and 1 − 2 = −1: 3·4·49·1² = 588 and 4·8·9·(−1)² = 288 MACs that do not exist."""


@pytest.mark.parametrize("fmt", RENDERERS)
def test_maps_that_do_not_exist_are_judged_with_their_note_in_every_format(folder: Path, run: Run, fmt: str) -> None:
    written(folder, net__toml=f"{PHANTOM}[budget]\nmacs = 800\n")
    out = run("check", "net.toml", "--format", fmt).out
    assert "maps-vanished" in out or "have vanished from Conv2 on" in out


def test_a_layer_that_does_not_exist_is_neither_named_nor_made_to_fit(folder: Path, run: Run) -> None:
    written(folder, net__toml=f"{PHANTOM}[budget]\nmacs = 800\n")
    result = run("check", "net.toml").out
    assert "most of it: Conv1 588 (line 5)\n" in result
    assert "would fit" not in result


def test_a_rule_can_be_about_a_batch(folder: Path, run: Run) -> None:
    written(folder, net__toml=f"{NET}\n[budget]\nmacs = 1\nwhen.batch = [2, 3]\n")
    found = json.loads(run("check", "net.toml", "--format", "json").out)["findings"]
    single = json.loads(run("net.toml", "--format", "json").out)["totals"]["macs"]
    assert [(each["point"], each["value"]) for each in found] == [("--batch 2", 2 * single), ("--batch 3", 3 * single)]


def test_the_input_of_files_is_asked_for_or_configured(folder: Path, run: Run) -> None:
    config = 'files = "*t.toml"\ninput = "16"\n[inputs]\n"o*" = "3x12x12"\n[[budget]]\nfiles = "*t.toml"\nmacs = 1\n'
    written(folder, net__toml=NET, out__toml=NET.strip(), flopcount__toml=config)
    shown = json.loads(run("check", "--format", "json").out)["archs"]
    assert [each["input"] for each in shown] == ["3x16x16", "3x12x12"]
    shown = json.loads(run("check", "--input", "24", "--format", "json").out)["archs"]
    assert [each["input"] for each in shown] == ["3x24x24", "3x24x24"]
    written(folder, flopcount__toml=config.replace("o*", "none"))
    assert 'FC903 inputs = "none" matches no file' in run("check").out


def test_a_base_of_the_configuration_is_a_ref_too(folder: Path, run: Run) -> None:
    committed(repository(folder), {"net.toml": NET, "flopcount.toml": 'base = "-x"\nfiles = "*.toml"\n'})
    result = run("check")
    assert result.code == 2
    assert "a ref must not be empty or start with -" in result.err
