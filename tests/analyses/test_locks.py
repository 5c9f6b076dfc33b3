"""What is locked of a network: what its hash covers and what it does not, and rows that come back as they were."""

import tomllib
from collections.abc import Mapping
from hashlib import sha256
from operator import gt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.budgets.judge import Model
from flopcount.analyses.budgets.lock import Entry, Inventory, renewed
from flopcount.analyses.diff import fingerprint
from flopcount.case import Case, load_bytes
from flopcount.network.point import Point
from flopcount.spec.budget import LockRow
from flopcount.spec.project import HEAD, Lock, written
from flopcount.spec.units import DEFAULT_METRICS

NET = """
name = "net"
description = "one of two"
input = [3, 8, 8]
[defaults]
bias = false
[[layers]]
type = "Conv"
name = "one"
out_channels = 4
kernel_size = 3
[[layers]]
type = "Flatten"
"""

SAME = {
    "comments and blanks": NET.replace("\n[", "\n\n# a comment\n["),
    "another description": NET.replace("one of two", "two of two"),
    "another name of the file's": NET.replace('name = "net"', 'name = "other"'),
    "line ends of another system": NET.replace("\n", "\r\n"),
    "fields in another order": NET.replace("out_channels = 4\nkernel_size = 3", "kernel_size = 3\nout_channels = 4"),
    "a default written out": NET.replace("kernel_size = 3", "kernel_size = 3\nstride = 1\npadding = 0"),
    "defaults in the layer": NET.replace("[defaults]\nbias = false\n", "").replace('"one"', '"one"\nbias = false'),
    "one row a layer": """
input = [3, 8, 8]
layers = [
  { type = "Conv", name = "one", out_channels = 4, kernel_size = 3, bias = false },
  { type = "Flatten" },
]""",
    "a layer it reads anyway": NET.replace('type = "Flatten"', 'type = "Flatten"\nafter = ["one"]'),
    "JSON": """
{"layers": [{"type": "Conv", "name": "one", "bias": false, "kernel_size": 3, "out_channels": 4}, {"type": "Flatten"}],
 "input": [3, 8, 8]}""",
}

COMPUTED = """
input = [3, 8, 8]
[templates.twice]
required = ["n"]
layers = [{ type = "Conv", name = "conv", out_channels = "2 * n", kernel_size = "n + 1", bias = false }]
[[layers]]
type = "twice"
name = "one"
n = 2
[[layers]]
type = "Flatten"
"""

OTHER = {
    "another field": NET.replace("kernel_size = 3", "kernel_size = 5"),
    "another field that costs nothing": NET.replace("kernel_size = 3", "kernel_size = 3\npadding = 1"),
    "another name of a layer": NET.replace('"one"', '"first"'),
    "another kind": NET.replace('"Flatten"', '"GlobalAvgPool"'),
    "another input": NET.replace("[3, 8, 8]", "[3, 8, 9]"),
    "another input of the same count": NET.replace("[3, 8, 8]", "[3, 5, 14]"),
    "a layer more": f'{NET}[[layers]]\ntype = "Dropout"\n',
    "what it reads": NET.replace('type = "Flatten"', 'type = "Flatten"\nafter = ["input"]'),
}


def digest(text: str, point: Point = Point()) -> str:  # noqa: B008  (frozen)
    """Hash what is counted of a text."""
    case = Model(Case(load_bytes(text.encode(), "net"))).case(point)
    return fingerprint(case.trace, case.given)


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_is_not_counted_makes_no_difference_to_the_hash(text: str) -> None:
    assert digest(text) == digest(NET)


def test_computed_numbers_are_hashed_by_their_values() -> None:
    """2·2 channels and a kernel of 2 + 1, under the path that the template gives."""
    assert digest(COMPUTED) == digest(COMPUTED.replace('"2 * n"', "4").replace('"n + 1"', "3"))


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_is_counted_makes_a_difference_to_the_hash(text: str) -> None:
    assert digest(text) != digest(NET)


def test_a_width_is_hashed_as_the_channels_it_makes() -> None:
    assert digest(NET, Point(width="0.5")) == digest(NET.replace("out_channels = 4", "out_channels = 2"))


def test_an_input_is_hashed_as_the_sizes_it_has() -> None:
    assert digest(NET, Point(input="16")) == digest(NET.replace("[3, 8, 8]", "[3, 16, 16]"))


def test_the_hash_is_that_of_one_line_of_json_without_the_defaults() -> None:
    """Written by hand: 3 − 1 pixels less on each side, 4·6·6 = 144 values; keys in alphabetical order."""
    conv = '["one","Conv",{"bias":false,"kernel_size":3,"out_channels":4},["input"],[4,6,6]]'
    flatten = '["Flatten2","Flatten",{},["one"],[144]]'
    line = f'{{"inputs":{{"input":[3,8,8]}},"layers":[{conv},{flatten}],"version":1}}'
    assert digest(NET) == f"sha256:{sha256(line.encode()).hexdigest()}"


LINES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)
ROWS = st.builds(
    LockRow,
    id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    input=st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    params=st.integers(0, 10**30),
    macs=st.integers(0, 10**30),
    hash=st.integers(0, 2**256 - 1).map(lambda number: f"sha256:{number:064x}"),
    allowed=st.lists(LINES, max_size=3).map(tuple),
)


@given(st.lists(ROWS, unique_by=lambda row: row.id, max_size=5))
def test_rows_come_back_as_they_were_written_a_line_each_and_sorted(rows: list[LockRow]) -> None:
    text = written(rows)
    back = [LockRow.model_validate(row) for row in tomllib.loads(text)["networks"]]
    assert back == sorted(rows, key=lambda row: row.id)
    assert text.count("\n") == len(rows) + HEAD.count("\n") + 3


@given(st.lists(ROWS, unique_by=lambda row: row.id, max_size=5))
def test_the_order_in_which_networks_are_counted_makes_no_difference(rows: list[LockRow]) -> None:
    assert written(rows) == written(rows[::-1])


NETWORKS = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)), max_size=4
)


def rows_of(networks: Mapping[str, tuple[int, int, int]]) -> tuple[LockRow, ...]:
    """Make rows of small numbers."""
    return tuple(
        LockRow(id=name, input="1", params=params, macs=macs, hash=f"sha256:{digest:064x}")
        for name, (params, macs, digest) in networks.items()
    )


def listed(rows: tuple[LockRow, ...], *, whole: bool = True) -> Inventory:
    """Return what there would be if networks cost this."""
    return Inventory((), {row.id: Entry(row, row.id, row.id) for row in rows}, tuple(row.id for row in rows), whole)


@given(NETWORKS, NETWORKS)
def test_what_rises_is_refused_unless_it_is_allowed_and_nothing_else_is(
    before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]
) -> None:
    lock, now = Lock(rows_of(before)), listed(rows_of(after))
    higher = {name for name in before.keys() & after if any(map(gt, after[name][:2], before[name][:2]))}
    assert {each.after.id for each in renewed(now, lock, {}).refused} == higher
    allowed = renewed(now, lock, dict.fromkeys(higher, "why"))
    assert not allowed.refused
    assert {row.id: tuple(getattr(row, name) for name in DEFAULT_METRICS) for row in allowed.rows} == {
        key: row[:2] for key, row in after.items()
    }
    assert {row.id for row in allowed.rows if row.allowed} == higher


@given(NETWORKS, NETWORKS)
def test_what_was_just_locked_needs_no_locking(
    before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]
) -> None:
    lock, now = Lock(rows_of(before)), listed(rows_of(after))
    first = renewed(now, lock, {})
    again = renewed(now, Lock(first.rows), {})
    assert again.is_same
    assert again.rows == first.rows
    assert first.is_same == (before == after)


@given(NETWORKS, NETWORKS)
def test_a_part_leaves_the_rows_of_the_others_alone(
    before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]
) -> None:
    lock = Lock(rows_of(before))
    rows = {row.id: row for row in renewed(listed(rows_of(after), whole=False), lock, {}).rows}
    assert rows.keys() == before.keys() | after.keys()
    assert all(rows[row.id] == row for row in lock.rows if row.id not in after)
