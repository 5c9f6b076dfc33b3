"""What is wrong with a budget: a sentence, and the very place; `§` marks it in each text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flopcount.errors import FileError
from flopcount.spec.budget import LIMITED, Budget, Configuration, Limit
from flopcount.spec.load import load_bytes
from flopcount.spec.problems import table_problems
from flopcount.spec.project import read

NET = 'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 3 }]\n'


def unmarked(text: str) -> tuple[str, str]:
    """Return a text without its mark, and where that was: `line:column`."""
    before, mark, after = text.partition("§")
    assert mark
    lines = before.split("\n")
    return before + after, f"{len(lines)}:{len(lines[-1]) + 1}"


TABLES = [
    ('§budget.macs = "x"', "macs = "),
    ('budget = { §macs = "x" }', "macs = "),
    ('[budget]\n§macs = "x"', "macs = "),
    ('[budget]\nmacs.max = 1\n§macs.warn = "x"', "invalid macs (warn) "),
    ('[budget]\nmacs = { max = "1M", §min = "x" }', "invalid macs (min) "),
    ('[budget.macs]\nmax = 1\n\n  §max_increase = ["1%", "x"]', "invalid macs (max_increase) "),
    ("[budget]\n[budget.blocks.one]\n§macs = true", "macs = true"),
    ('[budget.blocks."a.b".params]\n# a remark\n§min_change = -1\n', "invalid params (min_change) "),
    ("[[budget]]\nmacs = 1\n[[budget]]\nmacs = 1\n[budget.layer]\n§flops = []", "flops = []"),
    ("[[budget]]\nmacs = 1\n[[budget]]\n[budget.kinds.Conv.weight_bytes]\nmax = 1\n§bits = 65", "bits = 65"),
    ("budget = [\n  { macs = 1 },\n  { macs = { max = 1, §warn = 1 } },\n]", "so it never warns"),
    ("[budget]\nmacs = { max = 1, §min = 2 }", "min = 2 is above max = 1"),
    ('[budget]\nmacs = { §warn = "9%" }', "max is missing"),
    ("[budget]\nmacs = { max = 1, §min_change = 2 }", "min_change requires"),
    ("[budget]\n§params.min_change = 2", "no limit given"),
    ("[budget]\nmacs = 1\n§kinds.Konv.macs = 1", "did you mean 'Conv'?"),
    ("[budget]\nmacs = 1\n§kinds.Conv2d.macs = 1", "write Conv"),
    ("[budget]\n§blocks.one.two.macs = 1", 'write blocks."one.two"'),
    ("[budget.blocks.one]\nmacs = 1\n§mac = 1", "did you mean 'macs'?"),
    ('[budget]\nmacs = 1\n§level = "warning"', 'expected "error" or "warn"'),
    ("[budget]\nmacs = 1\nwhen = { §size = 1 }", "unknown key"),
    ("[budget]\nmacs = 1\n§when.width = true", "width = true"),
    ("[budget]\nmacs = 1\n§when.width = []", "width = []"),
    ('[budget]\nmacs = 1\n§when.variant = "a\\nb"', "variant = "),
    ("§[budget]", "no limit given"),
    ("§budget = 3", "expected a table"),
    ("[budget]\nmacs = 1\n§files = 1", "unknown key"),
]


@pytest.mark.parametrize(("text", "words"), TABLES)
def test_toml_is_pointed_into(text: str, words: str) -> None:
    before, after = (NET, "") if text.lstrip("§").startswith("[") else ("", f"\n{NET}")
    toml, place = unmarked(before + text + after)
    with pytest.raises(FileError) as error:
        load_bytes(toml.encode(), "toml")
    assert str(error.value).startswith(f"<stdin>:{place}: "), str(error.value)
    assert words in str(error.value)


JSONS = [
    ('{"budget": {"macs": {"max": 1, §"min": "x"}}, ', "invalid macs (min) "),
    ('{"budget": [\n  {"macs": 1},\n  {"blocks": {"a.b": {"params": {§"max": null}}}}\n], ', "invalid params None"),
    ('{"budget": {"layer": {"macs": {\n  §"max_increase": [true]}}}, ', "invalid macs (max_increase) true"),
]


@pytest.mark.parametrize(("text", "words"), JSONS)
def test_json_is_pointed_into(text: str, words: str) -> None:
    raw, place = unmarked(text + json.dumps({"input": [1], "layers": [{"type": "Flatten"}]})[1:])
    with pytest.raises(FileError) as error:
        load_bytes(raw.encode(), "json")
    assert str(error.value).startswith(f"<stdin>:{place}: "), str(error.value)
    assert words in str(error.value)


RULE = '[[budget]]\nid = "a"\nfiles = "*"\nmacs = 1\n'
CONFIGS = [
    '[[budget]]\nfiles = "*"\n§macs = "x"\n',
    '[[budget]]\nfiles = "*"\nmacs = 1\n[budget.when]\n§width = true\n',
    '[[budget]]\nmacs = 1\n§files = [""]\n',
    "§[[budget]]\nmacs = 1\n",
    f'{RULE}[[budget]]\nfiles = "*"\nmacs = 1\n§id = "a"\n',
    f'{RULE}[[exempt]]\nfiles = "*"\n§id = "b"\nreason = "r"\nexpires = 2030-01-01\n',
    f'{RULE}[[exempt]]\nid = "a"\nfiles = "*"\n§reason = ""\nexpires = 2030-01-01\n',
    f'{RULE}[[exempt]]\nid = "a"\nfiles = "*"\nreason = "r"\n§expires = "soon"\n',
]


@pytest.mark.parametrize("text", CONFIGS)
def test_a_configuration_is_pointed_into_in_either_file(text: str, tmp_path: Path) -> None:
    inside = text.replace("[[", "[[tool.flopcount.").replace("[budget.", "[tool.flopcount.budget.")
    for name, each in (("flopcount.toml", text), ("pyproject.toml", f'[project]\nname = "x"\n\n{inside}')):
        toml, place = unmarked(each)
        (tmp_path / name).write_text(toml)
        with pytest.raises(FileError, match=f"{name}:{place}: "):
            read(tmp_path / name)


def test_all_that_is_wrong_is_said_at_once() -> None:
    data = {"macs": {"max": "x", "min": "y", "mox": 1}, "layer": {"params": []}, "when": 3}
    with pytest.raises(ValidationError) as error:
        Budget.model_validate(data)
    places = {problem.place for problem in table_problems(error.value, Budget, data)}
    assert places == {("macs", "max"), ("macs", "min"), ("macs", "mox"), ("layer", "params", "max"), ("when",)}


def test_the_short_way_is_the_long_way() -> None:
    short, long = (Budget.model_validate({"macs": each}) for each in ("6M", {"max": "6M"}))
    assert short == long
    lists = [Budget.model_validate({"macs": {"max_increase": each}}).given["macs"] for each in ("5%", ["5%"])]
    assert lists[0] == lists[1]


def test_numbers_are_taken_for_their_texts() -> None:
    when = Budget.model_validate({"when": {"input": [8, "9x9"], "width": 0.5}, "macs": 1}).when
    assert (when.input, when.width, when.variant) == (("8", "9x9"), ("0.5",), None)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Limit.model_fields, *Budget.model_fields, "bits", "a.b", ""]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Budget.model_fields, *LIMITED, "x"]), ANYTHING, max_size=4))
def test_whatever_a_budget_is_each_problem_is_a_sentence_at_a_place(data: dict[str, Any]) -> None:
    whole = {"budget": [{"files": "*", **data}], "exempt": [data]}
    with pytest.raises(ValidationError) as error:
        Configuration.model_validate(whole)
    for problem in table_problems(error.value, Configuration, whole):
        assert problem.place
        assert 10 < len(problem.what) < 1000
        assert "\n" not in problem.what


@pytest.mark.parametrize("key", [*Budget.model_fields, "x"])
def test_a_number_that_python_will_not_write_is_refused_as_any_other(key: str) -> None:
    data = {key: 10**5000}
    with pytest.raises(ValidationError) as error:
        Budget.model_validate(data)
    assert all(problem.what.isprintable() for problem in table_problems(error.value, Budget, data))
