"""Identities of positions: at the place of some data, the text says that data."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from places import position_of

from flopcount.errors import Place
from flopcount.spec.text import parsed


def places(data: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Walk plain data: every place inside it, with what is there."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*place, key), value
        yield from places(value, (*place, key))


LEAVES = st.integers(-9, 9) | st.booleans() | st.text(max_size=5)
DATA = st.dictionaries(
    st.text(max_size=5),
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)),
    max_size=4,
)


STYLES = st.fixed_dictionaries({"indent": st.sampled_from([None, 1]), "ensure_ascii": st.booleans()})


@settings(max_examples=30)
@given(DATA, STYLES)
def test_what_json_says_at_a_place_is_what_the_data_says(data: Any, style: dict[str, Any]) -> None:
    """At the position of a place stand its key and its value, or the element."""
    written_out = parsed(json.dumps(data, **style), "json", "a")
    lines = written_out.text.split("\n")
    for place, value in places(data):
        line, column = position_of(written_out, place) or (0, 0)
        written = value if isinstance(place[-1], int) else place[-1]
        first, *_ = json.dumps(written, **style).split("\n")
        assert lines[line - 1][column - 1 :].startswith(first)


def inline(value: Any) -> str:
    """Write plain data in a line of TOML, which escapes all that JSON does and one character more."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@settings(max_examples=30)
@given(DATA)
def test_what_toml_says_at_a_place_is_what_the_data_says(data: dict[str, Any]) -> None:
    """At the position of a place stands text that begins with its key, or with the element."""
    text = "".join(f"{inline(key)} = {inline(value)}\n" for key, value in data.items())
    written_out = parsed(text, "toml", "a")
    assert written_out.data == data
    lines = text.split("\n")
    for place, value in places(data):
        line, column = position_of(written_out, place) or (0, 0)
        written = inline(value if isinstance(place[-1], int) else place[-1])
        assert lines[line - 1][column - 1 :].startswith(written)
