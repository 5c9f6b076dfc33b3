"""Published figures beside the exact counts."""

from collections.abc import Sequence

from flopcount.analyses.claims import Verdict
from flopcount.counting.conventions import convention
from flopcount.report.table import Column, Report, Row, Table

CLAIMS = (
    Column("arch", "network"),
    Column("source", "source", "prose"),
    Column("what", "of"),
    Column("quantity", "quantity"),
    Column("claimed", "claimed", "ratio"),
    Column("exact", "exact", "count"),
    Column("status", "verdict"),
)
ERRATA = (*CLAIMS[:4], Column("claimed", "printed", "ratio"), *CLAIMS[5:6], Column("reason", "why", "prose"))


def verification_report(found: Sequence[Verdict]) -> Report:
    """Show all claims with their verdicts, and how many of each there are."""
    rows = tuple(_row(verdict) for verdict in found)
    counts = {status: sum(each.status == status for each in found) for status in ("holds", "erratum", "differs")}
    holds, errata, differ = counts.values()
    said = f"{len(found)} figures: {holds} hold, {errata} known errata, {differ} differ"
    lines = ("flopcount verify --errata says what is wrong with those that are known errata",) if errata else ()
    notes = () if found else ("there are no claims here",)
    table = Table("claims", CLAIMS, rows, caption=said)
    return Report("Published figures, recomputed", (table,), lines, notes, {"verdicts": counts})


def errata_report(found: Sequence[Verdict]) -> Report:
    """Show the published figures that are known to be wrong: what is printed, what follows, and why."""
    wrong = [verdict for verdict in found if verdict.status == "erratum"]
    rows = tuple(Row({**_row(verdict).cells, "reason": verdict.claim.erratum}) for verdict in wrong)
    title = "Errata: published figures that do not follow from the definition"
    line = "printed is what the source has; exact is what follows from the network and the convention the source states"
    return Report(title, (Table("errata", ERRATA, rows, separator=""),), (line,))


def _row(verdict: Verdict) -> Row:
    return Row(
        {
            "arch": verdict.arch,
            "source": _source(verdict),
            "what": _what(verdict),
            "quantity": convention(macs=verdict.claim.counts).word if verdict.quantity == "macs" else "params",
            "claimed": verdict.claimed,
            "exact": verdict.exact,
            "status": verdict.status,
            **({"erratum": verdict.claim.erratum} if verdict.status == "erratum" else {}),
        }
    )


def _source(verdict: Verdict) -> str:
    return ", ".join(filter(None, (verdict.claim.source, verdict.claim.table)))


def _what(verdict: Verdict) -> str:
    """Say what is changed or left out, in the words of the command line."""
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
