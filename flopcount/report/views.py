"""Results as tables: one function per thing shown."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flopcount.analyses.counted import Cost, Counted, ratio
from flopcount.counting.conventions import Convention
from flopcount.counting.trace import Trace
from flopcount.formulas.step import Step
from flopcount.report.table import Column, Report, Row, Table

LAYERS = (
    Column("position", "#", "count"),
    Column("path", "layer"),
    Column("type", "type"),
    Column("output", "output", "shape"),
    Column("params", "params", "count"),
    Column("macs", "MACs", "count"),
    Column("share", "share", "share"),
)
MORE = (Column("kernel", "kernel", "shape"), Column("params_share", "of params", "share"))
AGAINST_STANDARD = (
    Column("standard_macs", "standard MACs", "count"),
    Column("ratio", "ratio", "ratio"),
)
SIDE_BY_SIDE = (
    Column("quantity", ""),
    Column("standard", "standard convolutions", "count"),
    Column("specified", "as specified", "count"),
    Column("ratio", "ratio"),
)


def count_report(name: str, description: str, result: Counted, changes: Mapping[str, Any] | None = None) -> Report:
    """Show one network: a row per layer, then the totals beside those of standard convolutions.

    `changes` is what was asked for beyond the file, as the options of the command line name it.
    """
    changes = changes or {}
    return Report(
        title=f"{name}: {description}" if description else name,
        tables=(_layers(result), _side_by_side(result)),
        lines=(f"input {inputs_text(result.trace)}{changed_text(changes)}", counted_line(result.convention)),
        notes=result.notes,
        facts={**_facts(name, result), **({"changes": changes} if changes else {})},
    )


def unknown_facts(result: Counted) -> dict[str, Any]:
    """Return what is not in the totals, as data."""
    return {"at_least": True, "unknown": dict(result.unknown)} if result.unknown else {}


def changed_text(changes: Mapping[str, Any]) -> str:
    """Write what was changed, as the command line has it."""
    values = ((key, each) for key, value in changes.items() for each in (value if isinstance(value, list) else [value]))
    return "".join(f" · --{key} {value}" for key, value in values)


def sizes(dims: Iterable[object]) -> str:
    """Write sizes as 3×224×224."""
    return "×".join(map(str, dims))


def inputs_text(traced: Trace) -> str:
    """Write the input's sizes, or those of several inputs with their names."""
    if len(traced.inputs) == 1:
        return sizes(traced.input.dims)
    return ", ".join(f"{name} {sizes(shape.dims)}" for name, shape in traced.inputs.items())


def inputs_data(traced: Trace) -> Any:
    """Return the input's sizes as data: a list, or a table of lists where there are several inputs."""
    if len(traced.inputs) == 1:
        return [*traced.input.dims]
    return {name: [*shape.dims] for name, shape in traced.inputs.items()}


def counted_line(convention: Convention) -> str:
    """Say what is counted, as every result does."""
    return f"counted: {convention.sentence()}"


def convention_facts(convention: Convention) -> dict[str, str]:
    """Return the convention in force, as data."""
    return {
        "name": convention.name,
        "unit": convention.unit,
        "headline": convention.headline,
        "word": convention.word,
        "params": convention.params_name,
        "macs_counted": convention.counts,
        "macs_not_counted": convention.leaves_out,
        "params_counted": convention.params_counts,
    }


def cost_facts(cost: Cost) -> dict[str, int]:
    """Return a cost, as data."""
    return {"params": cost.params, "macs": cost.macs}


def _facts(name: str, result: Counted) -> dict[str, Any]:
    total, standard = result.total, result.standard_total
    against = {"standard": {"totals": cost_facts(standard), "ratio": total.ratios(standard)}} if standard else {}
    return {
        "arch": name,
        "input": inputs_data(result.trace),
        "convention": convention_facts(result.convention),
        "totals": cost_facts(total),
        "weighted_layers": result.weighted_layers,
        **unknown_facts(result),
        **against,
    }


def _layers(result: Counted) -> Table:
    whole = result.total
    rows: list[Row] = []
    for position, (node, step) in enumerate(result.trace.items(), 1):
        row = _step_row(node.path, node.kind, step, result.cost, whole)
        against = _against(node.path, step, result)
        rows.append(Row({"position": position, **row.cells, **against}, row.parts))
    standard = result.standard_total
    shares = {"share": ratio(whole.macs, whole.macs), "params_share": ratio(whole.params, whole.params)}
    total = {"path": "at least" if result.unknown else "total", **cost_facts(whole), **shares}
    if standard:
        total |= {"standard_params": standard.params, "standard_macs": standard.macs}
        total |= {"ratio": ratio(whole.macs, standard.macs)}
    columns = (*LAYERS, *AGAINST_STANDARD) if standard else LAYERS
    more = (*MORE, Column("standard_params", "standard params", "count")) if standard else MORE
    return Table("layers", columns, tuple(rows), Row(total), more=more)


def _step_row(path: str, kind: str, step: Step, cost: Callable[[Step], Cost], whole: Cost) -> Row:
    """Return the row of a step; the parts of a composition are rows inside it."""
    own = cost(step)
    cells = {
        "path": path,
        "type": kind,
        "output": [*step.shape.dims],
        **({"kernel": [*step.kernel]} if step.kernel else {}),
        **cost_facts(own),
        "share": ratio(own.macs, whole.macs),
        "params_share": ratio(own.params, whole.params),
    }
    parts = (_step_row(f"{path}.{part.name}", part.step.kind, part.step, cost, whole) for part in step.parts)
    return Row(cells, tuple(parts))


def _against(path: str, step: Step, result: Counted) -> Mapping[str, Any]:
    """Return the cells that compare a layer with the standard convolution it stands for."""
    if not result.standard:
        return {}
    own, standard = result.cost(step), result.cost(result.standard.steps[path])
    if not own.macs and not standard.macs and not any("conv_mac" in leaf.tally.counts for leaf in step.leaves()):
        return {}
    cells = {"standard_params": standard.params, "standard_macs": standard.macs}
    return {**cells, "ratio": ratio(own.macs, standard.macs)}


def _side_by_side(result: Counted) -> Table:
    """Show the totals, beside those of standard convolutions where there are others."""
    total, standard = result.total, result.standard_total
    ratios = total.ratios(standard) if standard else {}
    rows = tuple(
        Row({"quantity": title, "standard": getattr(standard, key, None), "specified": value, "ratio": ratios.get(key)})
        for title, key, value in (("MACs", "macs", total.macs), ("params", "params", total.params))
    )
    columns = (
        SIDE_BY_SIDE
        if standard
        else (SIDE_BY_SIDE[0], Column("specified", "at least" if result.unknown else "total", "count"))
    )
    plural = "layer" if result.weighted_layers == 1 else "layers"
    caption = f"{result.weighted_layers} {plural} with weights"
    return Table("", columns, rows, caption=caption, separator="")
