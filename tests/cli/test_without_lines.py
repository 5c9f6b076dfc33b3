"""Errors where tree-sitter is not installed, as in a browser: the same sentences, with what the parser knows of places.

A fault of syntax has the line and column that tomllib and json give; other problems name the keys that lead to them.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from badfile import Bad
from conftest import Run, Write
from test_bad_files import ALL
from test_bad_templates import ROWS, USE, USES, made

from flopcount.errors import Place
from flopcount.spec.source import Notation, Span, spans
from flopcount.spec.text import parsed

_ROWS: Mapping[str, Any] = ROWS
_USES: Mapping[str, Any] = USES
TEMPLATES = {
    **{f"template, {name}": Bad(made(rows), problems) for name, (rows, problems) in _ROWS.items()},
    **{f"use, {name}": Bad(made(USE, use=use), problems) for name, (use, problems) in _USES.items()},
}
CASES = {**ALL, **TEMPLATES}

OTHERWISE = {
    "a TOML key": r":2:\d+: not TOML: cannot overwrite a value",
    "a TOML table": r":2:\d+: not TOML: cannot declare \('defaults',\) twice",
    "a JSON key": ": the key 'input' is given twice; keep one",
    "a JSON key inside a layer": ": the key 'p' is given twice; keep one",
}
"""What is given twice: neither parser says where it was given before, and json gives no place."""


@contextmanager
def blind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide tree-sitter from imports."""
    with monkeypatch.context() as inside:
        for name in ("tree_sitter", "tree_sitter_json", "tree_sitter_toml"):
            inside.setitem(sys.modules, name, None)
        yield


def keys(text: str) -> Place:
    """Read the keys that a message names."""
    steps = re.findall(r'\[(\d+)\]|\.?([\w-]+)|\.?("(?:[^"\\]|\\.)*")', text)
    return tuple(int(index) if index else key or json.loads(quoted) for index, key, quoted in steps)


PLACED = re.compile(r" ((?:\[\d+\]|\.?[\w-]+|\.?\"(?:[^\"\\]|\\.)*\")+): (.*)")
USED = re.compile(r"in a template used at (?:line )?[^)]*")


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_said_with_the_keys_for_the_line(
    name: str, write: Write, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys lead to the very line and column that tree-sitter finds."""
    bad = CASES[name]
    path = write(bad.name, bad.content)
    known = run(path)
    with blind(monkeypatch):
        found = run(path)
    assert (found.code, found.out) == (known.code, known.out) == (2, "")
    if name in OTHERWISE:
        assert re.fullmatch(OTHERWISE[name], found.problems[0].removeprefix(str(path)))
        return
    assert len(found.problems) == len(known.problems)
    for ours, theirs in zip(found.problems, known.problems, strict=True):
        said, expected = (USED.sub("", each.removeprefix(f"{path}:")) for each in (ours, theirs))
        if said == expected:  # a fault of syntax, or of the file as a whole
            continue
        line, column, what = expected.split(":", 2)
        placed = PLACED.fullmatch(said)
        assert placed is not None, said
        assert placed[2] == what.removeprefix(" ")
        notation: Notation = "json" if path.suffix == ".json" else "toml"
        place = keys(placed[1])
        at = spans(parsed(path.read_text("utf-8"), notation, ""), [place]).get(place, Span(1, 1, 1))
        assert at[:2] == (int(line), int(column))


def test_a_layer_is_named_by_its_number_from_0(write: Write, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON and Python count; in the order of the file."""
    path = write(
        "a.toml", 'input = [3]\nlayers = [{ type = "Flatten" }, { type = "Dropout", p = 2 }]\n[defaults]\nx = 1'
    )
    with blind(monkeypatch):
        found = run(path).problems
    assert [each.removeprefix(f"{path}: ").partition(": ")[0] for each in found] == ["layers[1].p", "defaults.x"]
