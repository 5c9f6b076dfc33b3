"""Findings made of what a rule finds: where they point, what adds most to them, and what would fit."""

from collections.abc import Callable
from typing import NamedTuple

from flopcount.analyses.budgets.findings import Finding, Fit, Share
from flopcount.analyses.budgets.fitting import fits
from flopcount.analyses.budgets.judging import Breach
from flopcount.analyses.budgets.readings import Point, Reading, measure
from flopcount.analyses.budgets.rules import Rule
from flopcount.analyses.budgets.spots import Spots
from flopcount.analyses.counted import Cost
from flopcount.errors import Place
from flopcount.files.specs import Spec

MOST_SHARES = 3
"""So many of the layers that cost most are named in a finding."""


class Network(NamedTuple):
    """A network to check: its file, and what it costs at a point under a convention; None where it has no cost."""

    spec: Spec
    spots: Spots
    total: Callable[[Point, str], Cost | None]


def verdict(breach: Breach, rule: Rule, network: Network, now: Reading) -> Finding:
    """Make a finding of a broken limit: at the limit where the file has it, else at the layer or the top."""
    place = (*rule.place, *breach.place) if rule.files is None else _row(breach, now)
    return Finding(
        *(breach.code, breach.level, network.spec.source.title, *network.spots.at(place), network.spec.arch.name),
        scope=breach.scope.name,
        point=str(breach.point),
        metric=breach.metric,
        value=breach.value,
        limit=breach.limit,
        base=breach.base if breach.code.startswith("FC2") else None,
        rule=rule.name,
        rule_at=rule.written_at(breach.place),
        message=rule.budget.message,
        shares=_shares(breach, network, now),
        fits=_fits(breach, network, rule.budget.convention),
    )


def unchecked(what: str, rule: Rule, network: Network, point: Point, place: Place = ()) -> Finding:
    """Say that a rule could not be applied, at the rule if it is in the file."""
    line, column = network.spots.at((*rule.place, *place)) if rule.files is None else (1, 1)
    return Finding(
        *("FC902", "error", network.spec.source.title, line, column, network.spec.arch.name),
        what=what,
        point=str(point),
        rule=rule.name,
        rule_at=rule.written_at(place),
    )


def _row(breach: Breach, now: Reading) -> Place:
    """Return the row of what a breach is about; the network as a whole has none."""
    return now.places[breach.scope.paths[0]] if breach.scope.place and breach.scope.paths else ()


def _shares(breach: Breach, network: Network, now: Reading) -> tuple[Share, ...]:
    """Return the layers that have most of a number, with their lines."""
    if len(breach.scope.paths) < 2 or breach.code == "FC102":  # noqa: PLR2004  (one layer is the whole)
        return ()
    values = [(path, measure(breach.metric, now.costs[path], breach.bits)) for path in breach.scope.paths]
    most = sorted(values, key=lambda each: -each[1])[:MOST_SHARES]
    foreign = network.spec.foreign  # such a file has no lines
    return tuple(
        Share(path, value, 0 if foreign else network.spots.at(now.places[path])[0]) for path, value in most if value
    )


def _fits(breach: Breach, network: Network, params: str) -> tuple[Fit, ...]:
    """Say what would meet a limit on the whole network."""
    if breach.scope.place or breach.code not in {"FC101", "FC201"}:
        return ()

    def value(point: Point) -> int | None:
        total = network.total(point, params)
        return None if total is None else measure(breach.metric, total, breach.bits)

    return tuple(fits(network.spec, breach.point, breach.limit, value))
