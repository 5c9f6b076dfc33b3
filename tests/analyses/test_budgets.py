"""Limits held against numbers: what breaks them, and what does not."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.budgets.judge import Measurement, Model, Rule, breaches, held, judged, measure, under
from flopcount.case import Case, load
from flopcount.network.metrics import Cost
from flopcount.network.point import Point
from flopcount.spec.budget import Budget, Limit

NUMBERS = st.integers(0, 10**15)


def limit(**entries: Any) -> Limit:
    return Budget.model_validate({"macs": entries}).given["macs"]


def broken(value: int, base: int | None = None, **entries: Any) -> list[str]:
    return [code for code, _, _, breaks in judged(limit(**entries), value, base) if breaks]


@given(NUMBERS)
def test_equal_is_allowed_and_one_more_is_not(number: int) -> None:
    assert broken(number, max=number) == []
    assert broken(number + 1, max=number) == ["FC101"]
    assert broken(number, min=number) == []
    assert broken(number, min=number + 1) == ["FC102"]


@given(NUMBERS, st.integers(0, 1000))
def test_a_percentage_is_of_the_base_exactly(base: int, per_mille: int) -> None:
    allowed = base * per_mille // 1000
    text = f"{per_mille // 10}.{per_mille % 10}%"
    assert broken(base + allowed, base, max_increase=text) == []
    assert broken(base + allowed + 1, base, max_increase=text) == ["FC201"]
    assert broken(base - allowed, base, max_decrease=text) == []
    if allowed < base:
        assert broken(base - allowed - 1, base, max_decrease=text) == ["FC202"]


@pytest.mark.parametrize(("value", "codes"), [(1_019, []), (1_020, []), (1_021, ["FC201"]), (1_000, []), (900, [])])
def test_each_of_several_amounts_holds(value: int, codes: list[str]) -> None:
    assert broken(value, 1_000, max_increase=["2%", 50]) == codes
    assert broken(value, 1_000, max_increase=["50%", 20]) == codes


@pytest.mark.parametrize(("value", "codes"), [(1_021, []), (1_030, []), (1_031, ["FC201"])])
def test_with_min_change_both_must_be_exceeded(value: int, codes: list[str]) -> None:
    assert broken(value, 1_000, max_increase="2%", min_change=30) == codes


def test_without_a_base_nothing_is_said_of_changes() -> None:
    assert broken(10**9, None, max_increase="0%", max_decrease="0%") == []


def test_what_was_nothing_may_not_grow() -> None:
    assert broken(1, 0, max_increase="50%") == ["FC201"]


@pytest.mark.parametrize(("value", "codes"), [(90, []), (91, ["FC103"]), (100, ["FC103"]), (101, ["FC101"])])
def test_a_warning_comes_before_the_maximum(value: int, codes: list[str]) -> None:
    assert broken(value, max=100, warn="90%") == codes
    assert broken(value, max=100, warn=90) == codes


@given(NUMBERS, st.lists(st.tuples(st.sampled_from(["max", "min"]), NUMBERS), max_size=4))
def test_one_rule_more_only_tightens(value: int, entries: list[tuple[str, int]]) -> None:
    found = [code for name, number in entries for code in broken(value, **{name: number})]
    for length in range(len(entries)):
        fewer = [code for name, number in entries[:length] for code in broken(value, **{name: number})]
        assert set(fewer) <= set(found)


def test_the_bytes_of_weights_are_whole() -> None:
    total = Cost(params=9, macs=5, weight_bytes=36)
    assert measure("weight_bytes", total) == 36
    assert measure("weight_bytes", total, bits=4) == 5  # 4.5 bytes take 5


READING = Measurement(
    costs={
        "a.1.x": Cost(params=1, macs=10, flops=20, weight_bytes=4),
        "a.1.y": Cost(params=2, macs=20, flops=40, weight_bytes=8),
        "a.2.x": Cost(params=4, macs=40, flops=80, weight_bytes=16),
        "b": Cost(params=8, macs=80, flops=160, weight_bytes=32),
    },
    kinds={"a.1.x": "Conv", "a.1.y": "Linear", "a.2.x": "Conv", "b": "Linear"},
    places={"a.1.x": (), "a.1.y": (), "a.2.x": (), "b": ()},
    input="3x8x8",
)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a", {"a": ["a.1.x", "a.1.y", "a.2.x"]}),
        ("a.*", {"a.1": ["a.1.x", "a.1.y"], "a.2": ["a.2.x"]}),
        ("*.2", {"a.2": ["a.2.x"]}),
        ("b", {"b": ["b"]}),
        ("b.1", {}),
        ("*.*.x", {"a.1.x": ["a.1.x"], "a.2.x": ["a.2.x"]}),
    ],
)
def test_a_pattern_of_paths_matches_name_for_name(pattern: str, found: dict[str, list[str]]) -> None:
    assert under(pattern, READING.costs) == found


def found_in(budget: Budget, now: Measurement, before: Measurement | None) -> list[Finding]:
    """Hold limits against costs; the network only gives the findings their file and its suggestions."""
    model = Model(Case(load("mobilenet_v1")))
    return [*breaches(Rule(budget, model.source_map), model, Point(), now, held(budget, now, before))]


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ({"macs": 1}, 150),
        ({"blocks": {"a": {"macs": 1}}}, 70),
        ({"blocks": {"a.1": {"macs": 1}}}, 30),
        ({"kinds": {"Conv": {"macs": 1}}}, 50),
        ({"layer": {"macs": 79}}, 80),
        ({"params": 1}, 15),
        ({"flops": 1}, 300),
        ({"weight_bytes": {"max": 1, "bits": 8}}, 15),
    ],
)
def test_each_scope_sums_its_own_layers(entries: dict[str, Any], value: int) -> None:
    found = found_in(Budget.model_validate(entries), READING, None)
    assert [each.value for each in found] == [value]


def test_a_part_that_is_new_has_no_relative_limit() -> None:
    before = READING._replace(
        costs={"a.1.x": Cost(params=1, macs=1, flops=2, weight_bytes=4)}, kinds={"a.1.x": "Conv"}, places={"a.1.x": ()}
    )
    rule = Budget.model_validate(
        {"blocks": {"a": {"macs": {"max_increase": "0%"}}, "b": {"macs": {"max_increase": "0%"}}}}
    )
    found = found_in(rule, READING, before)
    assert [(each.scope, each.limit, each.base) for each in found] == [("a", Fraction(1), 1)]


@pytest.mark.parametrize(
    ("entries", "name", "base"),
    [
        ({"macs": {"max_increase": "0%"}}, "", 149),
        ({"blocks": {"a": {"macs": {"max_increase": "0%"}}}}, "a", 69),
        ({"kinds": {"Conv": {"macs": {"max_increase": "0%"}}}}, "Conv", 49),
        ({"layer": {"macs": {"max_increase": "0%"}}}, "a.1.x", 9),
    ],
)
def test_each_scope_is_compared_with_the_same_scope_at_the_base(entries: dict[str, Any], name: str, base: int) -> None:
    before = READING._replace(costs={**READING.costs, "a.1.x": Cost(params=1, macs=9, flops=18, weight_bytes=4)})
    (found,) = found_in(Budget.model_validate(entries), READING, before)
    assert (found.scope, found.base, found.limit) == (name, base, Fraction(base))


def test_a_block_is_not_another_whose_name_begins_alike() -> None:
    now = Measurement({"a1.x": Cost(params=0, macs=5, flops=10, weight_bytes=0)}, {"a1.x": "Conv"}, {"a1.x": ()}, "")
    before = now._replace(
        costs={
            "a1.x": Cost(params=0, macs=4, flops=8, weight_bytes=0),
            "a10.x": Cost(params=0, macs=90, flops=180, weight_bytes=0),
        }
    )
    rule = Budget.model_validate({"blocks": {"a1": {"macs": {"max_increase": 0}}}})
    assert [each.base for each in found_in(rule, now, before)] == [4]
