"""Several networks side by side."""

from collections.abc import Sequence
from typing import Any

from flopcount.analyses.counted import Counted
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import convention_facts, cost_facts, counted_line, inputs_data, unknown_facts

TOTALS = (
    Column("arch", "network"),
    Column("input", "input", "shape"),
    Column("weighted_layers", "layers with weights", "count"),
    Column("params", "params", "count"),
    Column("params_ratio", "ratio"),
    Column("macs", "MACs", "count"),
    Column("macs_ratio", "ratio"),
)


def comparison_report(named: Sequence[tuple[str, Counted]]) -> Report:
    """Show totals with ratios to the first network, and the layers where all have the same maps."""
    convention = named[0][1].convention
    tables = (_totals(named), *([_layers(named)] if _alike(named) else []))
    return Report(
        title=" · ".join(name for name, _ in named),
        tables=tables,
        lines=(counted_line(convention), f"ratios are to {named[0][0]}"),
        notes=tuple(f"{name}: {note}" for name, result in named for note in result.notes),
        facts={"convention": convention_facts(convention)},
    )


def _totals(named: Sequence[tuple[str, Counted]]) -> Table:
    first = named[0][1].total
    rows: list[Row] = []
    for name, result in named:
        ratios = result.total.ratios(first)
        cells: dict[str, Any] = {
            "arch": f"{name} (at least)" if result.unknown else name,
            "input": inputs_data(result.trace),
            "weighted_layers": result.weighted_layers,
            **cost_facts(result.total),
            **unknown_facts(result),
            "params_ratio": ratios["params"],
            "macs_ratio": ratios["macs"],
        }
        rows.append(Row(cells))
    return Table("archs", TOTALS, tuple(rows), separator="")


def _alike(named: Sequence[tuple[str, Counted]]) -> bool:
    """Tell whether the networks match: layer for layer the same maps."""
    maps = {tuple(step.shape.dims for step in result.trace.steps.values()) for _, result in named}
    return len(named) > 1 and len(maps) == 1


def _layers(named: Sequence[tuple[str, Counted]]) -> Table:
    columns = [Column("position", "#", "count"), Column("output", "output", "shape")]
    for index, (name, _) in enumerate(named):
        columns += [Column(f"type_{index + 1}", name), Column(f"macs_{index + 1}", "MACs", "count")]
        columns += [Column(f"ratio_{index + 1}", "ratio", "ratio")] if index else []
    steps = zip(*(result.trace.items() for _, result in named), strict=True)
    rows = tuple(_layer(position, alike, named) for position, alike in enumerate(steps, 1))
    return Table("layers", tuple(columns), rows)


def _layer(position: int, alike: Sequence[Any], named: Sequence[tuple[str, Counted]]) -> Row:
    cells: dict[str, Any] = {"position": position, "output": [*alike[0][1].shape.dims]}
    costs = [result.cost(step) for (_, step), (_, result) in zip(alike, named, strict=True)]
    for index, ((node, _), cost) in enumerate(zip(alike, costs, strict=True), 1):
        cells |= {f"type_{index}": node.kind, f"params_{index}": cost.params, f"macs_{index}": cost.macs}
        cells |= {f"ratio_{index}": cost.ratios(costs[0])["macs"]} if index > 1 else {}
    return Row(cells)
