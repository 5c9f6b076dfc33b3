"""Comparisons, limits and sweeps of cases, for use from Python."""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.analyses.budgets.findings import Finding, SourceMap
from flopcount.analyses.budgets.judge import Model, Rule, breaches, held, measurement, missing, own_rules
from flopcount.case import Case
from flopcount.errors import BadInput, Note, UsageError, suggestion
from flopcount.network.metrics import Cost
from flopcount.network.point import Point
from flopcount.spec.source import Source


class Comparison(NamedTuple):
    """A network compared with the first of several: its name, totals, ratios to the first, and notes."""

    name: str
    totals: Cost
    ratios: Mapping[str, float | None]
    notes: tuple[Note, ...]


def compare(*cases: Case) -> tuple[Comparison, ...]:
    """Return the totals of several cases, with ratios to the first."""
    counts = [case.count for case in cases]
    return tuple(
        Comparison(each.case.name, each.total, each.total.ratios(counts[0].total), each.notes) for each in counts
    )


def check_case(case: Case, **limits: Any) -> tuple[Finding, ...]:
    """Return a finding for each limit that a case breaks; none if all hold.

    `limits` are those of a `[budget]` table, such as `macs="600M"` or `params={"max": "5M"}`; without
    any, the limits in the network's own file are checked. Raises UsageError for limits that are invalid, or
    about what the case does not have.
    """
    model = Model(case.at(metrics=case.known_metrics), is_given=True)
    given = [Rule(_budget(limits), SourceMap(Source("limits", "", "toml", {})))] if limits else own_rules(model)
    point = Point(case.input, case.width, case.variant, case.batch, case.precision, case.training)
    now, rules = measurement(model.base.count), [*given]
    if lost := [what for rule in rules for _, what in missing(rule.budget, now)]:
        raise UsageError("\n".join(lost))
    return tuple(finding for rule in rules for finding in breaches(rule, model, point, now, held(rule.budget, now)))


def _budget(limits: Mapping[str, Any]) -> Any:
    from flopcount.spec.budget import Budget
    from flopcount.spec.problems import table_problems

    try:
        return Budget.model_validate(limits)
    except ValidationError as error:
        raise UsageError("\n".join(map(str, table_problems(error, Budget, limits)))) from None


class Candidate(NamedTuple):
    """One case of a sweep: the value of each axis, and its totals; or the error if it cannot be counted."""

    values: Mapping[str, Any]
    totals: Cost | None
    notes: tuple[Note, ...] = ()
    error: str = ""


def sweep(case: Case, **axes: Any) -> tuple[Candidate, ...]:
    """Count a case at every combination of some of its arguments, the last varying fastest.

    `axes` are lists of values by argument of `Case`: `sweep(case, input=[160, 224], width=[0.5, 1])`; any other
    value is a list of one. A combination that cannot be counted keeps its error. `flopcount sweep` is for grids of
    millions. Raises UsageError for an axis that is no argument.
    """
    if unknown := next((name for name in axes if name not in ARGUMENTS), None):
        raise UsageError(f"sweep has no axis {unknown!r}; {suggestion(unknown, ARGUMENTS)}")
    lists = [values if isinstance(values, list | tuple | range) else [values] for values in axes.values()]
    return tuple(_candidate(case, dict(zip(axes, values, strict=True))) for values in product(*lists))


ARGUMENTS = ("input", "batch", "width", "variant", "settings", "convention", "precision", "training")
"""The arguments of a case that can be an axis."""


def _candidate(case: Case, values: Mapping[str, Any]) -> Candidate:
    try:
        count = case.at(**values).count
        return Candidate(values, count.total, count.notes)
    except BadInput as error:
        return Candidate(values, None, (), str(error))
