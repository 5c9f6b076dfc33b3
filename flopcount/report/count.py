"""Results as tables: one function per thing shown."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flopcount.case import Cost, Count, ratio
from flopcount.errors import UsageError, suggestion
from flopcount.formulas.step import Step
from flopcount.network.convention import Convention
from flopcount.network.trace import Trace
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


def count_report(name: str, description: str, result: Count, changes: Mapping[str, Any] | None = None) -> Report:
    """Show one network: a row per layer, then the totals beside those of standard convolutions.

    `changes` is what was asked for beyond the file, as the options of the command line name it.
    """
    changes = changes or {}
    return Report(
        title=f"{name}: {description}" if description else name,
        tables=(_layers(result), _side_by_side(result)),
        lines=(f"input {inputs_text(result.trace)}{changed_text(changes)}", counted_line(result.convention)),
        notes=tuple(map(str, result.notes)),
        facts={**_facts(name, result), **({"changes": changes} if changes else {})},
    )


def unknown_facts(result: Count) -> dict[str, Any]:
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


def _facts(name: str, result: Count) -> dict[str, Any]:
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


def _layers(result: Count) -> Table:
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


def _against(path: str, step: Step, result: Count) -> Mapping[str, Any]:
    """Return the cells that compare a layer with the standard convolution it stands for."""
    if not result.standard:
        return {}
    own, standard = result.cost(step), result.cost(result.standard.steps[path])
    if not own.macs and not standard.macs and not any("conv_mac" in leaf.tally.counts for leaf in step.leaves()):
        return {}
    cells = {"standard_params": standard.params, "standard_macs": standard.macs}
    return {**cells, "ratio": ratio(own.macs, standard.macs)}


def _side_by_side(result: Count) -> Table:
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


# The rows of a count, shown otherwise: folded, summed by a column, sorted, cut.


ADDED = ("params", "params_share", "macs", "share", "standard_macs")
"""The columns that add up."""


def folded(table: Table, depth: int) -> Table:
    """Fold the tree of blocks: one row for all layers that share the first `depth` names of their path."""
    if depth < 1:
        raise UsageError(f"--depth {depth} is not possible; it counts from 1")
    rows = [_one(key, rows) for key, rows in _grouped(table.rows, lambda row: _shortened(row, depth))]
    return table._replace(rows=tuple(Row({**row.cells, "position": n}, row.parts) for n, row in enumerate(rows, 1)))


def _shortened(row: Row, depth: int) -> str:
    return ".".join(str(row.cells["path"]).split(".")[:depth])


def _one(path: str, rows: list[Row]) -> Row:
    """Make one row of several: what they leave is what the last one leaves."""
    if len(rows) == 1 and rows[0].cells["path"] == path:
        return rows[0]
    return Row({"path": path, "type": f"{len(rows)} layers", "output": rows[-1].cells["output"], **_sums(rows)})


def _sums(rows: Iterable[Row]) -> dict[str, Any]:
    """Add up what adds up, and take the ratio of the sums."""
    rows = [*rows]
    sums = {key: _sum(row.cells.get(key) for row in rows) for key in ADDED}
    compared = [row for row in rows if row.cells.get("standard_macs") is not None]
    specified = sum(row.cells["macs"] for row in compared)
    if compared:
        sums["ratio"] = ratio(specified, sums["standard_macs"])
    return {key: value for key, value in sums.items() if value is not None}


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def summed_by(table: Table, key: str) -> Table:
    """Add up the rows that agree in a column; `kernel` looks into composite layers, `block` at the first name."""
    others = (column.key for column in table.columns if column.key not in {*ADDED, "ratio", "type"})
    known = ("type", "kernel", "block", *others)
    if key not in known:
        raise UsageError(f"--by {key}: there is no such column; {suggestion(key, known)}")
    rows = [leaf for row in table.rows for leaf in _leaves(row)] if key == "kernel" else table.rows
    groups = _grouped(rows, _GROUPS.get(key, lambda row: str(row.cells.get(key, ""))))
    counted = tuple(Row({key: name, "layers": len(inside), **_sums(inside)}) for name, inside in groups)
    known_columns = {column.key: column for column in (*table.columns, *table.more)}
    kept = tuple(known_columns[key] for key in (*ADDED, "ratio") if key in known_columns)
    if key == "kernel":
        kept = tuple(column for column in kept if column.key not in {"standard_macs", "ratio"})
    total = Row({**table.total.cells, key: table.total.cells.get("path", "total")}) if table.total else None
    return Table("groups", (Column(key, key), Column("layers", "layers", "count"), *kept), counted, total)


def _leaves(row: Row) -> list[Row]:
    return [leaf for part in row.parts for leaf in _leaves(part)] if row.parts else [row]


def _kernel(row: Row) -> str:
    kernel = row.cells.get("kernel")
    return f"{row.cells['type']} {'×'.join(map(str, kernel))}" if kernel else str(row.cells["type"])


_GROUPS: dict[str, Callable[[Row], str]] = {
    "kernel": _kernel,
    "block": lambda row: str(row.cells["path"]).split(".")[0],
    "output": lambda row: "×".join(map(str, row.cells["output"])),
}


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> list[tuple[str, list[Row]]]:
    """Group rows, wherever they stand, in the order in which their keys first appear."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [*groups.items()]


def sorted_by(table: Table, key: str) -> Table:
    """Sort by a column: numbers from the largest, words from a to z."""
    column = _column(table, key, "--sort")
    numeric = column.sort in {"count", "share", "ratio"} and column.key != "position"
    present = [row for row in table.rows if row.cells.get(column.key) is not None]
    absent = [row for row in table.rows if row.cells.get(column.key) is None]
    return table._replace(rows=(*sorted(present, key=lambda row: row.cells[column.key], reverse=numeric), *absent))


def cut(table: Table, top: int) -> Table:
    """Keep the first rows, and say how many more there are; the total stays that of all."""
    if top < 1:
        raise UsageError(f"--top {top} is not possible; it counts from 1")
    hidden = len(table.rows) - top
    included = ", which the total includes" if table.total else ""
    caption = f"{hidden} more rows{included}" if hidden > 0 else table.caption
    return table._replace(rows=table.rows[:top], caption=caption)


def with_columns(table: Table, keys: str) -> Table:
    """Show only some columns, in the order given."""
    return table._replace(columns=tuple(_column(table, key.strip(), "--columns") for key in keys.split(",")), more=())


def _column(table: Table, key: str, option: str) -> Column:
    for column in (*table.columns, *table.more):
        if key in {column.key, column.title}:
            return column
    raise UsageError(
        f"{option} {key}: no such column here; {suggestion(key, [column.key for column in table.columns])}"
    )
