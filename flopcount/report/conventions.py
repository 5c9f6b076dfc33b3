"""The conventions: all of them, or one with its weights."""

from collections.abc import Iterable, Mapping

from flopcount.counting.convention_files import Described
from flopcount.counting.inside import INSIDE
from flopcount.counting.rules import Convention
from flopcount.counting.weighing import EVERYTHING, Weights
from flopcount.counting.written import MANNERS
from flopcount.formulas.tally import OPERATIONS, PARAMETERS
from flopcount.report.table import Column, Report, Row, Table

ALL = (
    Column("convention", "convention"),
    Column("headline", "its number"),
    Column("per_mac", "a MAC counts", "count"),
    Column("params", "params"),
    Column("version", "version"),
    Column("about", "what it is", "prose"),
)
WEIGHTS = (
    Column("entry", "what happens"),
    Column("weight", "weight", "count"),
    Column("what", "how often", "prose"),
    Column("note", "note", "prose"),
)
EXCEPTIONS = (
    Column("where", "where"),
    Column("entry", "what happens"),
    Column("weight", "weight", "count"),
    Column("what", "that is", "prose"),
)
_WORDS: Mapping[str, str] = {**OPERATIONS, **PARAMETERS, **INSIDE}
_BATCH = {
    "divided": "divided by the batch",
    "times params": "for each input of a batch, parameters too",
    "counted": "all inputs of a batch",
}


def conventions_report(found: Iterable[Described]) -> Report:
    """Show all conventions, a line each."""
    rows = tuple(Row(_line(each)) for each in found)
    lines = (
        "flopcount conventions NAME shows what one weighs, flopcount ARCH --convention NAME counts by it",
        "1 MAC = 2 FLOPs; a counter that calls MACs FLOPs is not followed in that",
    )
    return Report("Conventions: what is counted", (Table("conventions", ALL, rows),), lines)


def _line(each: Described) -> dict[str, object]:
    rule = each.rule
    return {
        "convention": rule.name,
        "headline": rule.headline,
        "per_mac": 2 if rule.unit == "FLOP" else 1,
        "params": rule.params_name,
        "version": each.version,
        "about": each.about or rule.counts,
    }


def convention_report(each: Described) -> Report:
    """Show one convention: what it weighs, and where it makes exceptions."""
    rule = each.rule
    weights = tuple(Row(_weight(name, weight, each)) for name, weight in rule.operations.weights.items())
    params = tuple(Row(_weight(name, weight, each)) for name, weight in rule.parameters.weights.items())
    tables = [Table("weights", WEIGHTS, weights, separator=""), Table("params", _PARAMS, params, separator="")]
    exceptions = tuple(_exceptions(rule))
    if exceptions:
        tables.append(Table("exceptions", EXCEPTIONS, exceptions, separator=""))
    line = {"name" if key == "convention" else key: value for key, value in _line(each).items()}
    facts = {**line, "source": each.source, "batch": rule.batch, "folds": rule.folds}
    return Report(_title(each), tuple(tables), tuple(_lines(each)), facts=facts)


_PARAMS = (Column("entry", "parameters"), *WEIGHTS[1:])


def _title(each: Described) -> str:
    return f"{each.rule.name}: {each.about or each.rule.counts}"


def _lines(each: Described) -> Iterable[str]:
    rule = each.rule
    yield f"counted: {rule.counts}; not counted: {rule.leaves_out}"
    yield f"params: {rule.params_counts}"
    unit = f"{'2 FLOPs' if rule.unit == 'FLOP' else '1'} for each MAC"
    folds = "; batch norms are folded first" if rule.folds else ""
    yield f"called {rule.headline}, {unit}; {_BATCH[rule.batch]}{folds}"
    if each.source:
        yield f"source: {each.source}{f', version {each.version}' if each.version else ''}"


def _weight(name: str, weight: int, each: Described) -> dict[str, object]:
    return {"entry": name, "weight": weight, "what": _WORDS[name], "note": each.notes.get(name, "")}


def _exceptions(rule: Convention) -> Iterable[Row]:
    """Yield what is weighed otherwise for a kind, or for a manner of writing."""
    for kind, weights in rule.operations.kinds.items():
        yield from _exception(f"kind {kind}", weights, "")
    for manner, weights in rule.operations.written.items():
        yield from _exception(f"written: {manner}", weights, MANNERS[manner])


def _exception(where: str, weights: Weights, what: str) -> Iterable[Row]:
    nothing = EVERYTHING in weights and len(weights) > 1
    for name, weight in weights.items():
        entry = ("all else" if nothing else "everything") if name == EVERYTHING else name
        yield Row({"where": where, "entry": entry, "weight": weight, "what": what})
