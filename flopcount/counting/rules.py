"""Conventions as values, and flopcount's own: the rows of conventions.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from flopcount.counting.weighing import Weighing
from flopcount.errors import UsageError, suggestion
from flopcount.formulas.dims import Dim
from flopcount.formulas.step import Step
from flopcount.formulas.tally import PARAMETERS, Tally

POLICIES = ("trainable", "weights", "total", "folded", "slim")
"""What may be counted as a parameter; the first is the default."""

Unit = Literal["MAC", "FLOP"]
Batch = Literal["counted", "divided", "times params"]


class Convention(NamedTuple):
    """One way to read a tally: what is a MAC, what is a parameter.

    `unit` is what one multiply–accumulate is one or two of, `headline` what the
    counter calls its number, `batch` what it does with several inputs at once.
    """

    name: str
    params_name: str
    operations: Weighing
    parameters: Weighing
    counts: str
    leaves_out: str
    params_counts: str
    folds: bool = False
    unit: Unit = "MAC"
    headline: str = "MACs"
    batch: Batch = "counted"
    divisor: int = 1

    def macs(self, tally: Tally) -> Dim:
        """Return the multiply-accumulates in a tally of which nothing more is known."""
        return tally.weighed(self.operations.weights)

    def params(self, tally: Tally) -> Dim:
        """Return the parameters in a tally of which nothing more is known."""
        return tally.weighed(self.parameters.weights)

    def macs_of(self, step: Step) -> Dim:
        """Return what a step comes to: MACs, or FLOPs where that is the unit."""
        found = self.operations.of(step)
        return found if self.divisor == 1 else found // self.divisor

    def params_of(self, step: Step) -> Dim:
        """Return the parameters of a step."""
        return self.parameters.of(step)

    @property
    def word(self) -> str:
        """What stands over the numbers: the counter's own word, unless it calls MACs FLOPs."""
        return "MACs" if self.unit == "MAC" and "flop" in self.headline.lower() else self.headline

    def at_batch(self, batch: int) -> "Convention":
        """Return the convention as it is for so many inputs at once."""
        if batch == 1 or self.batch == "counted":
            return self
        if self.batch == "divided":
            return self._replace(divisor=batch)
        known = self.operations
        kinds = {kind: _times(weights, batch) for kind, weights in known.kinds.items()}
        return self._replace(operations=Weighing(_times(known.weights, batch), kinds, known.written))

    def sentence(self) -> str:
        """Say what is counted, in one line."""
        called = "" if self.headline == f"{self.unit}s" else f" (“{self.headline}”)"
        said = f"{self.name}{called}: " if self.name not in own_conventions() else ""
        return f"{said}{self.counts}; not counted: {self.leaves_out}. params: {self.params_counts}"


def _times(weights: Mapping[str, int], batch: int) -> dict[str, int]:
    return {name: weight * batch if name in PARAMETERS else weight for name, weight in weights.items()}


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "conventions.toml").read_text(encoding="utf-8"))


def own_conventions() -> list[str]:
    """Return the names of flopcount's own ways to count MACs."""
    return [*_table()["macs"]]


def own_convention(name: str) -> Convention:
    """Return one of flopcount's own conventions."""
    row = _table()["macs"][name]
    nothing = Weighing({})
    known = Convention(name, "", Weighing(row["weights"]), nothing, row["counts"], row["leaves_out"], "")
    return with_params(known, row.get("params", POLICIES[0]))


def with_params(known: Convention, policy: str) -> Convention:
    """Return the convention with one of flopcount's policies for parameters."""
    policies = _table()["params"]
    if policy not in policies:
        raise UsageError(f"no policy for params is called {policy!r}; {suggestion(policy, [*policies])}")
    row = policies[policy]
    return known._replace(
        params_name=policy,
        parameters=Weighing(row["weights"]),
        params_counts=row["counts"],
        folds=known.folds or row.get("folds", False),
    )
