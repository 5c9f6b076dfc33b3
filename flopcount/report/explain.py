"""How to get from one tool's number to another's, and published figures beside the exact counts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.analyses.explain import AFFINE, WORDS, ClaimedFigure, Explanation, Term, Verdict, nearest
from flopcount.case import Count
from flopcount.errors import Note
from flopcount.network.convention import ENTRIES, convention
from flopcount.network.metrics import METRICS
from flopcount.report.cost import input_line, inputs_data
from flopcount.report.table import Column, Line, Report, Row, Table, cell_text, plural

TERMS = (
    Column("to", "to"),
    Column("entry", "operation"),
    Column("times", "count", "count", rank=1),
    Column("was", "weight before", "count", rank=3),
    Column("now", "weight after", "count", rank=2),
    Column("amount", "difference", "count"),
    Column("why", "reason", "prose", rank=4),
    Column("what", "meaning", "prose", rank=5),
)
TOTALS = (
    Column("convention", "convention"),
    Column("number", "number", "count"),
    Column("word", "of", rank=1),
    Column("figure", "given"),
    Column("status", "verdict", "prose"),
)
ORIGINS = (
    Column("figure", "given"),
    Column("convention", "convention", "prose"),
    Column("change", "with", "prose"),
    Column("number", "number", "count"),
    Column("rule", "prints", "prose"),
)
_WORDS: Mapping[str, str] = {**ENTRIES, "batch": "batch size"}


class Way(NamedTuple):
    """From the base to one convention, and the figure attributed to it, if any."""

    result: Count
    terms: Sequence[Term]
    asked: ClaimedFigure | None = None

    @property
    def rule(self) -> str | None:
        """How the number prints as the figure; None if it does not."""
        return self.asked.figure.printed(self.result.total.macs) if self.asked else None

    @property
    def status(self) -> str:
        """The verdict on the figure."""
        if self.asked is None:
            return ""
        if self.rule:
            return "holds" if self.rule in {"exact", "round"} else f"holds, {WORDS[self.rule]}"
        return f"differs by {cell_text(self.asked.figure.value - self.result.total.macs, 'count')}"


Search = tuple[ClaimedFigure, Sequence[Explanation]]
"""A figure, and its possible origins."""


def reconciliation_report(
    name: str, base: Count, ways: Sequence[Way], searches: Sequence[Search], totals: Mapping[str, int]
) -> Report:
    """Return the numbers, the terms that lead to each, and possible origins of figures without a convention."""
    distinct = [*{way.result.convention.name: way for way in ways}.values()]
    tables = [_terms(base, distinct)] if any(way.terms for way in ways) else []
    origins = [_origins(searches)] if any(found for _, found in searches) else []
    tables += [_totals(base, ways), *origins] if ways else [*origins, _totals(base, ways)]  # the first is what CSV has
    ends = ", ".join(way.result.convention.name for way in distinct)
    rules = (base.convention, *(way.result.convention for way in distinct))
    counted = dict.fromkeys(f"{rule.name}: {rule.counts}" for rule in rules)
    return Report(
        title=f"{name}: from {base.convention.name} to {ends or 'the figures given'}",
        tables=tuple(tables),
        lines=(input_line(base.trace), *(Line("text", text) for text in counted)),
        notes=tuple(_notes(ways, searches, totals)),
        facts={"arch": name, "input": inputs_data(base.trace), "from": base.convention.name},
    )


def _totals(base: Count, ways: Sequence[Way]) -> Table:
    rows = [Row(_total(base))]
    for way in ways:
        figure = {"figure": way.asked.figure.text, "status": way.status} if way.asked else {}
        rows.append(Row({**_total(way.result), "difference": way.result.total.macs - base.total.macs, **figure}))
    return Table("totals", TOTALS if any(way.asked for way in ways) else TOTALS[:3], tuple(rows))


def _total(count: Count) -> dict[str, Any]:
    rule = count.convention
    return {"convention": rule.name, "number": count.total.macs, "word": rule.word, "unit": rule.unit}


def _terms(base: Count, ways: Sequence[Way]) -> Table:
    rows = [Row(_term(term, way)) for way in ways for term in way.terms]
    needless = {"to"} if len(ways) == 1 else set()
    if not any(term.why for way in ways for term in way.terms):
        needless.add("why")
    total = Row({"entry": "total", "amount": sum(term.amount for term in ways[0].terms)}) if len(ways) == 1 else None
    ends = [f"weight in {way.result.convention.name}" for way in ways]
    titles = {"was": f"weight in {base.convention.name}", "now": ends[0] if len(ends) == 1 else "its weight"}
    shown = (each._replace(title=titles.get(each.key, each.title)) for each in TERMS if each.key not in needless)
    return Table("terms", tuple(shown), tuple(rows), total)


def _term(term: Term, way: Way) -> dict[str, Any]:
    what = _WORDS[term.entry]
    plain = {**term._asdict(), "to": way.result.convention.name, "what": what}
    rule = way.result.convention.operations.weights
    shift = rule.get(term.entry + AFFINE)
    if shift and term.now == rule.get(term.entry, 0) + shift:
        plain["what"] = f"{what}; {term.now - shift}, and {shift} for scale and shift"
    return plain


def _origins(searches: Sequence[Search]) -> Table:
    rows = [
        Row({**origin._replace(notes=())._asdict(), "figure": asked.figure.text, "rule": WORDS[origin.rule]})
        for asked, found in searches
        for origin in found
    ]
    return Table("origins", ORIGINS, tuple(rows))


def _notes(ways: Sequence[Way], searches: Sequence[Search], totals: Mapping[str, int]) -> Iterator[Note]:
    for (_, figure), found in searches:
        if totals and not found:
            near = ", ".join(f"{name} {totals[name]}" for name in nearest(figure, totals))
            yield Note("no-origin", f"{figure.text}: no convention gives this number; the nearest are {near}")
    rules = (way.result.convention for way in ways)
    for name in dict.fromkeys(rule.name for rule in rules if rule.word != rule.headline):
        yield Note("named-flops", f"{name} labels its number FLOPs; it counts MACs")


CLAIMS = (
    Column("arch", "network", "path"),
    Column("source", "source", "prose", rank=1),
    Column("what", "of", "prose"),
    Column("quantity", "quantity"),
    Column("claimed", "claimed", "ratio"),
    Column("exact", "exact", "count"),
    Column("status", "verdict", "status"),
)
ERRATA = (
    Column("arch", "network"),
    *(column._replace(rank=0) for column in CLAIMS[1:4]),
    Column("claimed", "printed", "ratio"),
    Column("exact", "exact", "count"),
    Column("reason", "reason", "prose"),
)


def verification_report(found: Sequence[Verdict]) -> Report:
    """Return all claims with their verdicts, and the number of each verdict."""
    counts = {status: sum(each.status == status for each in found) for status in ("holds", "erratum", "differs")}
    holds, errata, differ = counts.values()
    hold, differs = ("holds", "differs") if len(found) == 1 else ("hold", "differ")
    known = plural(errata, "known erratum", "known errata")
    caption = f"{plural(len(found), 'figure')}: {holds} {hold}, {known}, {differ} {differs}"
    lines = (Line("text", "flopcount verify --errata explains the known errata"),) if errata else ()
    notes = _notes_on(found) if found else (Note("no-claims", "no claims found"),)
    table = Table("claims", CLAIMS, tuple(_row(verdict) for verdict in found), caption=caption, exact=True)
    return Report("Published figures, recomputed", (table,), lines, notes, {"verdicts": counts})


def errata_report(found: Sequence[Verdict]) -> Report:
    """Return the published figures that are known to be wrong: what is printed, what is exact, and why."""
    wrong = [verdict for verdict in found if verdict.status == "erratum"]
    rows = tuple(Row({**_row(verdict).cells, "reason": verdict.claim.erratum}) for verdict in wrong)
    title = "Errata: published figures that do not follow from the definition"
    line = "printed: the figure in the source; exact: what follows from the network and the convention of the source"
    return Report(title, (Table("errata", ERRATA, rows, exact=True),), (Line("text", line),), _notes_on(wrong))


def _notes_on(found: Sequence[Verdict]) -> tuple[Note, ...]:
    """Return the notes that qualify the counts, each once per network."""
    notes = (Note(note.code, f"{verdict.arch}: {note}") for verdict in found for note in verdict.notes)
    return tuple(dict.fromkeys(notes))


def _row(verdict: Verdict) -> Row:
    claim = verdict.claim
    is_macs = verdict.quantity == "macs"
    return Row(
        {
            "arch": verdict.arch,
            "source": ", ".join(filter(None, (claim.source, claim.table))),
            "what": _what(verdict),
            "quantity": convention(macs=claim.counts).word if is_macs else METRICS[verdict.quantity].title,
            "claimed": verdict.claimed,
            "exact": verdict.exact,
            "status": verdict.status,
            **({"erratum": claim.erratum} if verdict.status == "erratum" else {}),
        }
    )


def _what(verdict: Verdict) -> str:
    """Return what is changed or left out, as options of the command line."""
    claim, change = verdict.claim, verdict.claim.with_
    words = [
        claim.path or "",
        claim.leaves or "",
        f"--input {claim.input}" if claim.input is not None else "",
        f"--width {change.width}" if change.width is not None else "",
        *(f"--set {text}" for text in change.set),
        "standard convolutions" if change.standard else "",
        f"{claim.convention} params" if verdict.quantity == "params" and claim.convention != "trainable" else "",
        claim.counts if verdict.quantity == "macs" and claim.counts != "macs" else "",
    ]
    return ", ".join(filter(None, words))
