"""What counts: integer weights over a tally, applied last."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import UsageError, suggestion
from flopcount.formulas.dims import Dim
from flopcount.formulas.tally import Tally

POLICIES = ("trainable", "weights", "total", "folded", "slim")
"""What may be counted as a parameter; the first is the default."""


class Convention(NamedTuple):
    """One way to read a tally: what is a MAC, what is a parameter."""

    name: str
    params_name: str
    mac_weights: Mapping[str, int]
    param_weights: Mapping[str, int]
    counts: str
    leaves_out: str
    params_counts: str
    folds: bool

    def macs(self, tally: Tally) -> Dim:
        """Return the multiply-accumulates in a tally."""
        return tally.weighed(self.mac_weights)

    def params(self, tally: Tally) -> Dim:
        """Return the parameters in a tally."""
        return tally.weighed(self.param_weights)

    def sentence(self) -> str:
        """Say what is counted, in one line."""
        return f"{self.counts}; not counted: {self.leaves_out}. params: {self.params_counts}"


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "conventions.toml").read_text(encoding="utf-8"))


def mac_conventions() -> list[str]:
    """Return the names of what may be counted as a MAC."""
    return [*_table()["macs"]]


def convention(params: str = POLICIES[0], macs: str = "macs") -> Convention:
    """Return the convention of that name, with a policy for parameters."""
    known = _table()
    if macs not in known["macs"] or params not in known["params"]:
        way_out = suggestion(macs if macs not in known["macs"] else params, [*known["macs"], *known["params"]])
        raise UsageError(f"no convention is called {macs!r} and {params!r}; {way_out}")
    mac_row, param_row = known["macs"][macs], known["params"][params]
    return Convention(
        name=macs,
        params_name=params,
        mac_weights=mac_row["weights"],
        param_weights=param_row["weights"],
        counts=mac_row["counts"],
        leaves_out=mac_row["leaves_out"],
        params_counts=param_row["counts"],
        folds=param_row.get("folds", False),
    )
