"""Sweeps and spaces: candidates as rows, and what became of the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flopcount.analyses.space.answer import Answer
from flopcount.analyses.space.trellis import Member
from flopcount.analyses.sweep.axes import Axis, digits, size
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.select import ENDS, Reason, Selection, Tallied, columns
from flopcount.errors import Note, listed
from flopcount.network.convention import Convention
from flopcount.network.metrics import METRICS
from flopcount.report import escape
from flopcount.report.cost import convention_facts, convention_line, costs
from flopcount.report.table import Column, Line, Report, Row, Table, plural

MOST_REASONS, MOST_AXES = 10, 8
"""Further reasons and axes are only counted."""


def sweep_report(
    tallied: Tallied,
    choice: Selection,
    rows: Iterable[Sequence[Any]],
    *,
    lines: Sequence[Line] = (),
    more: str = "",
    histogram: str | None = None,
) -> Report:
    """Return the candidates that were kept, and what became of the others; `more` says how to see more."""
    space, tally = tallied.space, tallied.tally
    known = tuple(_column(name, space.convention) for name in columns(space))
    shown = tuple(Row(dict(zip((column.key for column in known), each, strict=True))) for each in rows)
    hidden = tally.kept - len(shown)
    reasons = [*tallied.reasons()]
    whole, invalid = size(space.axes), tally.seen - tally.valid
    of = "" if tally.seen == whole else f"{tally.seen:,} of "
    numbers = {"kept": tally.kept, "invalid": invalid} if tally.kept < tally.seen else {}
    told = ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number or word == "kept")
    lines = [*([Line("text", told)] if told else []), *_joined_line(space), *lines]
    return Report(
        title=f"{space.spec.arch.name}: {of}{_candidates(whole)}",
        tables=(
            Table("candidates", known, shown, caption=f"… {hidden:,} more; {more}" if hidden > 0 else ""),
            *([_histogram(_column(histogram, space.convention), tally.bins)] if histogram else []),
        ),
        lines=(_axes_line(space.axes, len(space.axes)), convention_line(space.convention, space.case), *lines),
        notes=(*tallied.notes(), *tallied.missing(choice), *_reasons(reasons)),
        facts={
            **_space_facts(space),
            "counts": {"seen": tally.seen, "valid": tally.valid, "kept": tally.kept},
            "invalid": [each._asdict() for each in reasons],
        },
    )


def _histogram(column: Column, bins: Mapping[int, int]) -> Table:
    """Return how many candidates there are by a column, the empty bins between others too."""
    ends = [*ENDS, None]
    places = [ends.index(each) for each in bins]
    between = range(min(places), max(places) + 1) if places else range(0)
    rows = (Row({"from": ends[x], "below": ends[x + 1], "candidates": bins.get(ends[x] or 0, 0)}) for x in between)
    titles = {"from": f"{column.title} from", "below": "below", "candidates": "candidates"}
    columns = tuple(Column(key, title, "count") for key, title in titles.items())
    return Table("histogram", columns, tuple(rows))


def _candidates(many: int) -> str:
    return f"{many:,} {'candidate' if many == 1 else 'candidates'}"


def _joined_line(space: Space) -> Iterator[Line]:
    if space.joined is not None:
        yield Line("text", f"{listed(space.joined.columns, MOST_AXES)} from {space.joined.title}, by {space.joined.by}")


def _space_facts(space: Space) -> dict[str, Any]:
    return {
        "arch": space.spec.arch.name,
        "axes": {each.name: [*each.values] for each in space.axes},
        "convention": convention_facts(space.convention),
    }


def _column(name: str, convention: Convention) -> Column:
    """Return the column of a metric as the convention has it, or of an axis."""
    return costs(convention, [name]).columns()[0] if name in METRICS else Column(name, name)


def _axes_line(axes: Sequence[Axis], most: int) -> Line:
    sizes = (f"{each.name} ({len(each.values)})" for each in axes)
    return Line("text", f"{'axis' if len(axes) == 1 else 'axes'} {listed(sizes, most)}")


def _reasons(reasons: Sequence[Reason]) -> Iterator[Note]:
    """Yield why candidates are invalid, in the words of the exact count of the first of them."""
    for each in reasons[:MOST_REASONS]:
        invalid = plural(each.many, "candidate is", "candidates are")
        yield Note("invalid", f"{invalid} invalid, such as {each.first}: {each.sentence}")
    more = reasons[MOST_REASONS:]
    if more:
        invalid = plural(sum(each.many for each in more), "candidate is", "candidates are")
        yield Note("invalid", f"{invalid} invalid for {plural(len(more), 'more reason')}")


def json_lines(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as JSON, one per line."""
    return "".join(f"{escape.json(dict(zip(names, each, strict=True)))}\n" for each in rows)


def space_report(answer: Answer) -> Report:
    """Return what is known of a space without enumerating it: the numbers of candidates, extremes, and samples."""
    space = answer.space
    whole, (lower, upper) = size(space.axes), answer.meeting
    titles = {name: _column(name, space.convention).title for name in space.metrics}
    rows = [*_extremes(answer, titles), *(("drawn", each) for each in answer.drawn)]
    known = (Column("what", ""), *(_column(name, space.convention) for name in columns(space)))
    meeting = {"lower": lower, "upper": upper, "exact": lower == upper}
    return Report(
        title=f"{space.spec.arch.name}: a space of {_candidates(whole)}",
        tables=(Table("candidates", known, tuple(_row(space, *each) for each in rows)),),
        lines=(_axes_line(space.axes, MOST_AXES), convention_line(space.convention, space.case), *_count_lines(answer)),
        notes=tuple(_space_notes(answer)),
        facts={
            **_space_facts(space),
            "where": answer.limits.text or None,
            "counts": {"all": whole, "valid": answer.valid, "meeting": meeting},
        },
    )


def _extremes(answer: Answer, titles: Mapping[str, str]) -> Iterator[tuple[str, Member]]:
    for metric, (least, largest) in zip(answer.space.metrics, answer.ends, strict=False):
        yield f"least {titles[metric]}", least
        yield f"most {titles[metric]}", largest
    if answer.best:
        metric, least, largest = answer.space.metrics[answer.best[0]], *answer.best[1:]
        yield f"least {titles[metric]} of those", least
        yield f"most {titles[metric]} of those", largest


def _row(space: Space, what: str, each: Member) -> Row:
    places = zip(space.axes, digits([len(axis.values) for axis in space.axes], each.id), strict=True)
    values = {axis.name: axis.values[place] for axis, place in places}
    metrics = (_column(name, space.convention).key for name in space.metrics)
    return Row({"what": what, "id": each.id, **values, **dict(zip(metrics, each.costs, strict=True))})


def _space_notes(answer: Answer) -> Iterator[Note]:
    yield from answer.notes
    if answer.ends:
        yield Note("count-candidate", "sweep with the same axes and --id ID counts a candidate layer by layer")
    if answer.valid < size(answer.space.axes):
        yield Note("invalid", "sweep with the same axes and --sample N reports why candidates are invalid")


def _count_lines(answer: Answer) -> Iterator[Line]:
    if (invalid := size(answer.space.axes) - answer.valid) > 0:
        yield Line("text", f"{answer.valid:,} valid, {invalid:,} invalid")
    if answer.limits.text:
        lower, upper = answer.meeting
        many = f"{lower:,}" if lower == upper else f"between {lower:,} and {upper:,}"
        yield Line("text", f"{many} {'meets' if upper == 1 else 'meet'} {answer.limits.text}")
    if answer.drawn:
        those = " from those that meet it" if answer.limits.text else ""
        yield Line("text", f"{len(answer.drawn)} sampled uniformly with replacement{those}")
