"""A module as a table of its layers: in a terminal, in a notebook, or as data."""

import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from flopcount.case import Case, Count
from flopcount.cli.output import screen_of, shortened
from flopcount.network.metrics import Cost
from flopcount.report.count import count_report, folded
from flopcount.report.table import Report, render_html
from flopcount.report.terminal import PIPE, render_terminal
from flopcount.spec.training import Training
from flopcount.torch.tracing import Sizes, capture


class Summary:
    """The layers of a case and their costs, folded to a depth; it prints as a table.

    `case` answers every other question: `found.case.at(batch=8).count.total`.
    """

    def __init__(self, case: Case, depth: int | None = None) -> None:
        self.case, self.depth = case, depth

    @cached_property
    def count(self) -> Count:
        """The cost of every layer by path."""
        return self.case.count

    @property
    def total(self) -> Cost:
        """The totals: `total.params`, `total.macs`."""
        return self.count.total

    @cached_property
    def report(self) -> Report:
        """The report that is printed."""
        report = count_report(self.count)
        table, *others = report.tables
        if self.depth is not None:
            table = folded(table, self.depth)
        return report._replace(tables=(table, *others))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table as plain data, for `pandas.DataFrame(found.rows)` or a logger."""
        return [dict(row.data()) for row in self.report.tables[0].rows]

    def to_dict(self) -> dict[str, Any]:
        """Return what `flopcount --format json` writes."""
        return self.report.data()

    def __str__(self) -> str:
        screen = screen_of(sys.stdout)
        report = self.report if screen.width == PIPE.width else shortened(self.report)
        return render_terminal(report, screen).strip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return render_html(shortened(self.report))


def summary(
    module: Any,
    *inputs: Any,
    input_size: Sizes | None = None,
    depth: int | None = None,
    dynamic: Any = None,
    train: bool = False,
    allow_unknown: bool = False,
    metrics: str | Sequence[str] | None = None,
    training: Training | bool | None = None,
    **named: Any,
) -> Summary:
    """Return the layers of a module and what they cost.

    The arguments are those of `capture`; `depth` folds blocks to the first names of each path, `metrics` are those of
    a case, such as `("params", "macs", "peak")`. `training` counts a step of it, as in a case.
    """
    options = {"dynamic": dynamic, "train": train, "allow_unknown": allow_unknown}
    network = capture(module, *inputs, input_size=input_size, **options, **named)
    return Summary(Case(network, metrics=metrics, training=training), depth)
