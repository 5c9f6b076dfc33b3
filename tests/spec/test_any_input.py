"""Whatever a file holds, it is an arch or there is a sentence on why not: nothing else may come out."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flopcount.case import Case
from flopcount.errors import BadInput
from flopcount.network.convention import POLICIES, convention
from flopcount.network.inputs import input_shape
from flopcount.network.plan import plan
from flopcount.spec.arch import class_named
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import load_bytes
from flopcount.spec.source import Notation

TOKENS = (
    *"[]{}\"',=.#\\:-0 \n",
    *("[[", "]]", "'''", '"""', "a", "1", "\r\n", "\t", "é", "\x1b", "a = 1\n", "[a]\n", "[[a]]\n", "[a.b]\n", "'a.b'"),
    *('"a": 1', "NaN", "1e999", "0x1", "\\ud800", "input = [3]\n", "layers = [", '{ type = "Flatten" }', "]\n"),
    *('"input": [3]', '"layers": [', '{"type": "Flatten"}', "[[layers]]\n", 'type = "Dropout"\n', "[defaults]\n"),
)
TEXTS = st.lists(st.sampled_from(TOKENS), max_size=20).map("".join)

FIELDS = sorted({field for kind in KINDS for field in class_named(kind).model_fields} | {"type", "layers", "repeat"})
SMALL = st.integers(1, 4)
USUAL = SMALL | st.lists(SMALL, min_size=1, max_size=3) | st.booleans() | st.sampled_from(["same", "valid", "relu"])
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, 10**9, 10**400, 0.5, "", "\x1b", "a\nb", [], {}, [[]], [[1, 2]], ["input"], "batch"]
)


@st.composite
def rows(draw: st.DrawFn) -> Any:
    """Draw a layer: of some kind, with what it needs, and now and then with what it cannot take."""
    kind = draw(st.sampled_from([*KINDS]))
    fields = [
        name for name, info in class_named(kind).model_fields.items() if info.is_required() or draw(st.booleans())
    ]
    values = {name: draw(st.one_of(USUAL, USUAL, ODD)) for name in fields if name not in {"name", "after"}}
    return {"type": kind, **values, **draw(st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=1))}


ROWS = st.lists(rows() | ODD, max_size=4)
BLOCKS = st.fixed_dictionaries({"type": st.just("Block"), "repeat": SMALL, "layers": ROWS})
DATA = st.fixed_dictionaries(
    {"input": st.lists(SMALL.map(lambda size: size * 4), max_size=4) | ODD, "layers": st.lists(rows() | BLOCKS)},
    optional={
        "defaults": st.dictionaries(st.sampled_from(FIELDS), USUAL | ODD, max_size=2),
        "$schema": ODD,
        "name": ODD,
        "description": ODD,
        "else": ODD,
    },
)

NOTHING = "a refusal without a word"


def count(content: bytes, notation: Notation | None, policy: str) -> None:
    """Load and count, as the command does."""
    network = plan(load_bytes(content, notation).arch)
    assert Case.of(network, input_shape(network.input), convention(policy)).count.total.macs >= 0


def refused(content: bytes, notation: Notation | None = None, policy: str = POLICIES[0]) -> str:
    """Return why something cannot be counted; nothing where it can."""
    try:
        count(content, notation, policy)
    except BadInput as error:
        return str(error) or NOTHING
    return ""


@pytest.mark.parametrize("notation", ["toml", "json", None])
@given(text=TEXTS)
@example(text="[1, 2]")
@example(text="a = 1\n[\n")
@example(text="x = 1\nx = 1\n]")
@example(text="[x]\n[x]\n[[[a]]")
@example(text="a.b.c=1\n[a=1\nx.y]\n")
def test_any_text_is_an_arch_or_a_sentence(notation: Notation | None, text: str) -> None:
    """Only errors with a message for the user come out."""
    assert refused(text.encode(), notation) != NOTHING


@given(st.binary(max_size=50))
def test_any_bytes_are_an_arch_or_a_sentence(content: bytes) -> None:
    assert refused(content)


@given(DATA, st.sampled_from(POLICIES))
def test_any_data_is_an_arch_or_a_sentence(data: dict[str, Any], policy: str) -> None:
    """Layers of every kind, with fields of every sort."""
    assert refused(json.dumps(data).encode(), "json", policy) != NOTHING
