"""Sweeps as reports, and as rows that are written while they are computed."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flopcount.analyses.sweeps.axes import Axis, size
from flopcount.analyses.sweeps.candidates import Space
from flopcount.analyses.sweeps.selection import COSTS, Reason, Tallied, columns
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import convention_facts, counted_line

SHOWN = 20
"""Rows that are shown where nothing is said of how many."""

MOST_REASONS = 10
"""More reasons than this are counted, not listed."""

_TITLES = {"macs": "MACs"}


def sweep_report(
    space: Space,
    tallied: Tallied,
    rows: Iterable[Sequence[Any]],
    *,
    lines: Sequence[str] = (),
    more: str = "",
) -> Report:
    """Show the candidates that were kept, and what became of the others; `more` says how to see more."""
    names = columns(space)
    shown = tuple(Row(dict(zip(names, each, strict=True))) for each in rows)
    hidden = tallied.kept - len(shown)
    reasons = [*tallied.reasons()]
    table = Table(
        "candidates",
        tuple(_column(name, space.axes) for name in names),
        shown,
        caption=f"{hidden} more; {more}" if hidden > 0 else "",
    )
    name = space.spec.arch.name
    return Report(
        title=f"{name}: {tallied.seen} of {size(space.axes)} candidates",
        tables=(table,),
        lines=(_axes_line(space.axes), counted_line(space.convention), _counts_line(tallied), *lines),
        notes=_notes(reasons),
        facts=_facts(space, tallied, reasons),
    )


def _column(name: str, axes: Sequence[Axis]) -> Column:
    is_number = name in COSTS or name == "id" or any(each.name == name and each.is_number for each in axes)
    return Column(name, _TITLES.get(name, name), "count" if is_number and name in COSTS else "text")


def _axes_line(axes: Sequence[Axis]) -> str:
    return "axes " + ", ".join(f"{each.name} ({len(each.values)})" for each in axes)


def _counts_line(tallied: Tallied) -> str:
    return f"{tallied.kept} kept of {tallied.valid} valid and {tallied.seen - tallied.valid} invalid"


def _notes(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """Say why candidates are invalid, in the words of the exact count of the first of them."""
    notes = [f"{each.many} are invalid, as {each.first}: {each.sentence}" for each in reasons[:MOST_REASONS]]
    more = reasons[MOST_REASONS:]
    if more:
        notes.append(f"{sum(each.many for each in more)} are invalid for {len(more)} more reasons")
    return tuple(notes)


def _facts(space: Space, tallied: Tallied, reasons: Sequence[Reason]) -> dict[str, Any]:
    return {
        "arch": space.spec.arch.name,
        "axes": {each.name: [*each.values] for each in space.axes},
        "convention": convention_facts(space.convention),
        "counts": {"seen": tallied.seen, "valid": tallied.valid, "kept": tallied.kept},
        "invalid": [each._asdict() for each in reasons],
    }


def csv_header(names: Sequence[str]) -> str:
    """Write the names of the columns as a line of CSV."""
    return csv_rows([names])


def csv_rows(rows: Iterable[Sequence[Any]]) -> str:
    """Write rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def json_lines(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write rows as JSON, one to a line."""
    return "".join(f"{json.dumps(_named(names, each), ensure_ascii=False)}\n" for each in rows)


def _named(names: Sequence[str], row: Sequence[Any]) -> Mapping[str, Any]:
    return dict(zip(names, row, strict=True))
