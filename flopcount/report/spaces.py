"""What is known of a space, as a report."""

from collections.abc import Iterable, Sequence
from typing import Any

from flopcount.analyses.spaces.factors import METRICS
from flopcount.analyses.spaces.sections import Candidate
from flopcount.analyses.spaces.space import Answer
from flopcount.analyses.sweeps.axes import Axis, digits, size
from flopcount.analyses.sweeps.candidates import Space
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import convention_facts, counted_line

MOST_AXES = 8
"""More axes than this are not listed; JSON has them all."""

MOST_COLUMNS = 4
"""More axes than this have no columns: an id stands for all values of a candidate."""

_TITLES = {"macs": "MACs", "params": "params"}


def space_report(answer: Answer) -> Report:
    """Show how many candidates there are and meet the condition, the ends, and those drawn."""
    space = answer.space
    ends = ((_said(what, space), each) for what, each in _named_ends(answer))
    rows = [*_rows(space, ends), *_rows(space, (("drawn", each) for each in answer.drawn))]
    table = Table("candidates", _columns(space.axes), tuple(rows))
    return Report(
        title=f"{space.spec.arch.name}: a space of {size(space.axes):,} candidates",
        tables=(table,),
        lines=(_axes_line(space.axes), counted_line(space.convention), *_count_lines(answer)),
        notes=_notes(answer),
        facts=_facts(answer),
    )


def _notes(answer: Answer) -> tuple[str, ...]:
    invalid = answer.valid < size(answer.space.axes)
    return (
        *(("sweep with the same axes and --id ID counts a candidate layer by layer",) if answer.ends else ()),
        *(("sweep with the same axes and --sample N says why candidates are invalid",) if invalid else ()),
    )


def _named_ends(answer: Answer) -> Iterable[tuple[str, Candidate]]:
    for metric, (least, largest) in zip(METRICS, answer.ends, strict=False):
        yield f"least {_TITLES[metric]}", least
        yield f"most {_TITLES[metric]}", largest
    if answer.best:
        metric, least, largest = METRICS[answer.best[0]], *answer.best[1:]
        yield f"least {_TITLES[metric]} of those", least
        yield f"most {_TITLES[metric]} of those", largest


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
    costs = (Column(metric, _TITLES[metric], "count") for metric in METRICS)
    return (Column("what", ""), Column("id", "id"), *(Column(each.name, each.name) for each in shown), *costs)


def _axes_line(axes: Sequence[Axis]) -> str:
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


def _facts(answer: Answer) -> dict[str, Any]:
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
