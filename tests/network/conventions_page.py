"""Writes the tables of docs/conventions.md, between the marks `<!-- table: NAME -->` and `<!-- end -->`.

Run as a script (`make conventions`) it writes the page anew; a test holds the page to it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from small_networks import number

from flopcount.cli.loading import Options, case_of
from flopcount.network.convention import Described, convention, described, mac_conventions
from flopcount.network.implementation import CALL_STYLES

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "conventions.md"
RECORDED: Mapping[str, Any] = json.loads((ROOT / "tests" / "oracles" / "counters.json").read_text(encoding="utf-8"))
DISPUTED = "vit_b_16"

_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return the page with its tables as they follow from the conventions and the recorded numbers."""
    return _MARKED.sub(lambda match: f"{match[1]}\n{_TABLES[match[2]]()}\n{match[3]}", text)


def _table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _described() -> list[Described]:
    return [described(name) for name in mac_conventions()]


def _list() -> str:
    rows = (
        (f"`{each.rule.name}`", each.rule.headline, each.rule.unit, each.version, f"{each.rule.counts}.")
        for each in _described()
    )
    return _table(("convention", "its number", "unit", "version", "counts"), rows)


def _written() -> str:
    return _table(("written", "that is"), ((f"`{name}`", what) for name, what in CALL_STYLES.items()))


def _disputed() -> str:
    """Tabulate one network under all conventions, with the numbers that counters reported."""
    case = case_of(DISPUTED, Options())
    reported = next(row["totals"] for row in RECORDED["models"] if row["name"] == DISPUTED)
    counts = {name: case.at(convention=convention(macs=name)).count for name in mac_conventions()}
    rows = (
        (
            f"`{name}`",
            f"{count.total.macs:,}",
            count.convention.headline,
            f"{reported[name]:,}" if name in reported else "",
        )
        for name, count in sorted(counts.items(), key=lambda pair: pair[1].total.macs)
    )
    return _table(("convention", "by flopcount", "called", "reported by the counter"), rows)


def _checked() -> str:
    """Tabulate how many recorded totals and params each convention gives exactly; tests hold them to all."""
    names = [name for name in mac_conventions() if any(name in row["totals"] for row in RECORDED["operations"])]
    failing = [row["convention"] for row in RECORDED["not_reproduced"]]
    rows = (_counts(name, failing.count(name)) for name in names)
    head = (
        "convention",
        "totals of models",
        "if all were modules",
        "of models not looked at",
        "params of models",
        "single operations",
    )
    return _table(head, rows)


def _counts(name: str, failing: int) -> tuple[str, ...]:
    models, more = RECORDED["models"], sum(row["convention"] == name for row in RECORDED["others"])
    totals, params = (sum(name in row[what] for row in models) for what in ("totals", "params"))
    cases = sum(name in row["totals"] for row in RECORDED["operations"])
    plain = totals - sum(name in row["totals"] and _unwritten(row)[name] == row["totals"][name] for row in models)
    unseen = sum(name in row["totals"] for row in RECORDED["unseen"])
    missed = sum(row["convention"] == name for row in RECORDED["unseen_not_reproduced"])
    found = ((totals + more, 0), (totals, plain), (unseen, missed), (params, 0), (cases, failing))
    return (f"`{name}`", *(f"{many - less} of {many}" if many else "" for many, less in found))


def _unwritten(row: Mapping[str, Any]) -> Mapping[str, int]:
    """Count a model under all conventions it is recorded with, its `[written]` left out."""
    return _plainly(row["name"], row["input"], tuple(row["totals"]))


@cache
def _plainly(name: str, size: str, conventions: tuple[str, ...]) -> Mapping[str, int]:
    case = case_of(name, Options(size=size))
    plain = case.with_plan(case.plan._replace(implementation={}))
    return {each: number(plain, each) for each in conventions}


def _cells() -> str:
    operations = _unreached("operations", "case", "not_reproduced")
    models = _unreached("unseen", "name", "unseen_not_reproduced")
    return _table(("model or operation", "counter", "reported", "why"), chain(models, operations))


def _unreached(where: str, key: str, cells: str) -> Iterator[tuple[str, ...]]:
    for cell in RECORDED[cells]:
        row = next(each for each in RECORDED[where] if each[key] == cell[key])
        counter = cell["convention"]
        yield cell[key], f"`{counter}`", f"{row['totals'][counter]:,}", cell["reason"]


_TABLES: Mapping[str, Callable[[], str]] = {
    "list": _list,
    "written": _written,
    "disputed": _disputed,
    "checked": _checked,
    "cells": _cells,
}

if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
