"""Sweeps as reports, and as rows that are written while they are computed."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flopcount.analyses.space.drawing import Answer
from flopcount.analyses.space.factors import METRICS
from flopcount.analyses.space.trellis import Candidate
from flopcount.analyses.sweep.axes import Axis, digits, size
from flopcount.analyses.sweep.evaluate import COSTS
from flopcount.analyses.sweep.run import Space
from flopcount.analyses.sweep.select import Reason, Tallied, columns
from flopcount.report.count import convention_facts, counted_line
from flopcount.report.table import Column, Report, Row, Table

SHOWN = 20
"""Rows that are shown where nothing is said of how many."""

MOST_REASONS = 10
"""More reasons than this are counted, not listed."""

_SWEEPS_TITLES = {"macs": "MACs"}


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
        lines=(_sweeps_axes_line(space.axes), counted_line(space.convention), _counts_line(tallied), *lines),
        notes=_sweeps_notes(reasons),
        facts=_sweeps_facts(space, tallied, reasons),
    )


def _column(name: str, axes: Sequence[Axis]) -> Column:
    is_number = name in COSTS or name == "id" or any(each.name == name and each.is_number for each in axes)
    return Column(name, _SWEEPS_TITLES.get(name, name), "count" if is_number and name in COSTS else "text")


def _sweeps_axes_line(axes: Sequence[Axis]) -> str:
    return "axes " + ", ".join(f"{each.name} ({len(each.values)})" for each in axes)


def _counts_line(tallied: Tallied) -> str:
    return f"{tallied.kept} kept of {tallied.valid} valid and {tallied.seen - tallied.valid} invalid"


def _sweeps_notes(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """Say why candidates are invalid, in the words of the exact count of the first of them."""
    notes = [f"{each.many} are invalid, as {each.first}: {each.sentence}" for each in reasons[:MOST_REASONS]]
    more = reasons[MOST_REASONS:]
    if more:
        notes.append(f"{sum(each.many for each in more)} are invalid for {len(more)} more reasons")
    return tuple(notes)


def _sweeps_facts(space: Space, tallied: Tallied, reasons: Sequence[Reason]) -> dict[str, Any]:
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


# What is known of a space, as a report.


MOST_AXES = 8
"""More axes than this are not listed; JSON has them all."""

MOST_COLUMNS = 4
"""More axes than this have no columns: an id stands for all values of a candidate."""

_SPACES_TITLES = {"macs": "MACs", "params": "params"}


def space_report(answer: Answer) -> Report:
    """Show how many candidates there are and meet the condition, the ends, and those drawn."""
    space = answer.space
    ends = ((_said(what, space), each) for what, each in _named_ends(answer))
    rows = [*_rows(space, ends), *_rows(space, (("drawn", each) for each in answer.drawn))]
    table = Table("candidates", _columns(space.axes), tuple(rows))
    return Report(
        title=f"{space.spec.arch.name}: a space of {size(space.axes):,} candidates",
        tables=(table,),
        lines=(_spaces_axes_line(space.axes), counted_line(space.convention), *_count_lines(answer)),
        notes=_spaces_notes(answer),
        facts=_spaces_facts(answer),
    )


def _spaces_notes(answer: Answer) -> tuple[str, ...]:
    invalid = answer.valid < size(answer.space.axes)
    return (
        *(("sweep with the same axes and --id ID counts a candidate layer by layer",) if answer.ends else ()),
        *(("sweep with the same axes and --sample N says why candidates are invalid",) if invalid else ()),
    )


def _named_ends(answer: Answer) -> Iterable[tuple[str, Candidate]]:
    for metric, (least, largest) in zip(METRICS, answer.ends, strict=False):
        yield f"least {_SPACES_TITLES[metric]}", least
        yield f"most {_SPACES_TITLES[metric]}", largest
    if answer.best:
        metric, least, largest = METRICS[answer.best[0]], *answer.best[1:]
        yield f"least {_SPACES_TITLES[metric]} of those", least
        yield f"most {_SPACES_TITLES[metric]} of those", largest


def _said(what: str, space: Space) -> str:
    """Put the convention's word for MACs, as its column has it."""
    return what.replace("MACs", space.convention.word)


def _rows(space: Space, found: Iterable[tuple[str, Candidate]]) -> list[Row]:
    sizes = [len(each.values) for each in space.axes]
    result = []
    for what, each in found:
        places = zip(space.axes, digits(sizes, each.id), strict=True)
        values = {axis.name: axis.values[place] for axis, place in places}
        result.append(Row({"what": what, "id": each.id, **values, **dict(zip(METRICS, each.costs, strict=True))}))
    return result


def _columns(axes: Sequence[Axis]) -> tuple[Column, ...]:
    shown = axes if len(axes) <= MOST_COLUMNS else ()
    costs = (Column(metric, _SPACES_TITLES[metric], "count") for metric in METRICS)
    return (Column("what", ""), Column("id", "id"), *(Column(each.name, each.name) for each in shown), *costs)


def _spaces_axes_line(axes: Sequence[Axis]) -> str:
    named = [f"{each.name} ({len(each.values)})" for each in axes[:MOST_AXES]]
    return "axes " + ", ".join([*named, *([f"and {len(axes) - MOST_AXES} more"] if len(axes) > MOST_AXES else [])])


def _count_lines(answer: Answer) -> Iterable[str]:
    whole = size(answer.space.axes)
    yield f"{answer.valid:,} valid and {whole - answer.valid:,} invalid"
    if answer.limits.text:
        lower, upper = answer.meeting
        many = f"{lower:,}" if lower == upper else f"between {lower:,} and {upper:,}"
        yield f"{many} meet {answer.limits.text}"
    if answer.drawn:
        yield f"{len(answer.drawn)} drawn at random, each draw of all that meet it, so that one may come twice"


def _spaces_facts(answer: Answer) -> dict[str, Any]:
    lower, upper = answer.meeting
    return {
        "arch": answer.space.spec.arch.name,
        "axes": {each.name: [*each.values] for each in answer.space.axes},
        "convention": convention_facts(answer.space.convention),
        "where": answer.limits.text or None,
        "counts": {
            "all": size(answer.space.axes),
            "valid": answer.valid,
            "meeting": {"lower": lower, "upper": upper, "exact": lower == upper},
        },
    }
