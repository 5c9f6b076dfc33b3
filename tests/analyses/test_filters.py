"""Conditions: one language, of single things and of whole columns."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.conditions import condition
from flopcount.errors import UsageError

ROWS: list[dict[str, Any]] = [
    {"macs": macs, "layers.3.p": p, "pad": pad}
    for macs in (0, 999, 1000, 10**6, 2**53 + 1)
    for p in (1, 2, 7)
    for pad in ("same", "valid", "true")
]
COLUMNS = {
    "macs": np.array([row["macs"] for row in ROWS]),
    "layers.3.p": np.array([row["layers.3.p"] for row in ROWS]),
    "pad": np.array([row["pad"] for row in ROWS], object),
}

NUMBERS = st.sampled_from(
    ("macs", "layers.3.p", "3", "1k", "0.5k", "2 * layers.3.p", "macs % 7", "-macs // layers.3.p")
)
RELATIONS = st.sampled_from(("<", "<=", ">", ">=", "==", "!="))
COMPARISONS = st.one_of(
    st.builds("{} {} {}".format, NUMBERS, RELATIONS, NUMBERS),
    st.builds("{} < {} <= {}".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("pad {} {}".format, RELATIONS, st.sampled_from(("'same'", "true", '"z"'))),
    st.builds(
        "{} ~ {}".format, st.sampled_from(("pad", "macs")), st.sampled_from(("'*e'", "'?a*'", "'1*'", "'[!s]*'"))
    ),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)


@given(CONDITIONS)
def test_a_condition_holds_of_columns_where_it_holds_of_their_rows(text: str) -> None:
    holds = condition(text, [*COLUMNS])
    truths = np.broadcast_to(holds(COLUMNS), len(ROWS))
    assert truths.tolist() == [bool(holds(row)) for row in ROWS]


@given(CONDITIONS)
def test_not_is_the_opposite(text: str) -> None:
    one, other = condition(text, [*COLUMNS]), condition(f"not ({text})", [*COLUMNS])
    assert [bool(one(row)) for row in ROWS] == [not other(row) for row in ROWS]


TOKENS = [
    *("macs", "pad", "layers.3.p", "layers", "3", "1k", "2.5M", "1e9", "9e99", "0", "'same'", '"a*"', "'", r"'\d'"),
    *("3and", "true", "None", "and", "or", "not", "<", "<=", "==", "~", "(", ")", "[", "]", "+", "-", "*"),
    *("/", "//", "**", "@", ".", ",", ":", ":=", "if", "else", "lambda", "in", "is", "f'{macs}'", "#", "\\", "_", "x"),
]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(TOKENS), max_size=9).map(" ".join)))
def test_any_text_is_a_condition_or_one_sentence(text: str) -> None:
    said = "--where "
    try:
        condition(text, [*COLUMNS])(COLUMNS)
    except UsageError as error:
        said = str(error)
    assert said.startswith("--where ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("macs == 1k", 1000),
        ("macs == 0.999k", 999),
        ("macs == 1M", 10**6),
        ("macs == .001G", 10**6),
        ("macs == 2B", 2 * 10**9),
        ("macs == 0.5T", 5 * 10**11),
    ],
)
def test_units_are_exact(text: str, number: int) -> None:
    holds = condition(text, ["macs"])
    assert holds({"macs": number})
    assert not holds({"macs": number + 1})


def test_what_is_quoted_is_a_word() -> None:
    """Neither a unit nor a column nor ~ means anything there."""
    for word in ("1k", "macs", "a ~ b", "true", "@", "it's"):
        quote = '"' if "'" in word else "'"
        assert condition(f"pad == {quote}{word}{quote}", ["pad", "macs"])({"pad": word, "macs": 1})


def test_names_keep_their_dots_and_dashes() -> None:
    columns = {"a-b.c": 1, "a": 5, "layers.3.p": 2}
    assert condition("a-b.c == 1 and layers.3.p + a-b.c == 3 and a - 4 == 1", [*columns])(columns)


def test_longer_names_are_not_their_parts() -> None:
    columns = {"a": 1, "a.b": 2, "a.b.c": 3}
    assert condition("a == 1 and a.b == 2 and a.b.c == 3", [*columns])(columns)
