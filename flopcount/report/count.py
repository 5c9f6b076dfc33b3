"""One network: a table of layers, its totals, ways to group, sort and cut the table, and drawings of the graph."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from flopcount.case import Count
from flopcount.errors import Note, UsageError, by_word, nearest, suggestion
from flopcount.formulas.numbers import exact, product
from flopcount.formulas.shape import Shape, per_axis
from flopcount.formulas.step import Step
from flopcount.network.metrics import METRICS, ratio
from flopcount.report.cost import Costs, convention_line, costs_of, facts, input_line, key_in_flops, unknown_facts
from flopcount.report.table import Column, Line, Report, Row, Table, cell_text, plural, shape_text
from flopcount.spec.kinds import COMPOSITES
from flopcount.spec.units import TRAINED

POSITION, OUTPUT = Column("position", "#", "count", rank=8), Column("output", "output", "shape", rank=6)
LAYERS = (POSITION, Column("path", "layer", "path"), Column("type", "type", rank=4), OUTPUT)
KERNEL = Column("kernel", "kernel", "shape", rank=7)
GEOMETRY = (
    Column("input", "input", "shape", rank=7),
    Column("stride", "stride", "shape", rank=7),
    Column("groups", "groups", "count", rank=7),
)
"""What a layer reads, and how its kernel moves."""
SOURCE = Column("source", "source", rank=9)
"""The line of code that calls a layer, of models that tell it."""

SIDES = (
    Column("quantity", ""),
    Column("standard", "standard", "count"),
    Column("specified", "specified", "count"),
    Column("ratio", "ratio", "ratio"),
)


def count_report(result: Count, changes: Mapping[str, Any] | None = None, *, standard: bool = False) -> Report:
    """Return one network: a row per layer, and the total; on request, the totals beside those of standard convolutions.

    They are shown too if layers that are more than one convolution stand for a standard one. `changes` are the changes
    to the file, as options of the command line.
    """
    name, description = result.case.name, result.case.plan.description
    shown = costs_of(result)
    totals = shown.values(result.total)
    reference = shown.values(result.standard_total) if result.standard_total else {}
    against = {"standard": {"totals": reference, "ratio": shown.ratios(totals, reference, "{}")}} if reference else {}
    is_compared = bool(reference) and (standard or any(node.kind in COMPOSITES for node in result.trace.plan.nodes))
    missing = [Note("all-standard", "every convolution is a standard one")] if standard and not reference else []
    layers = _layers(result, shown, totals, reference, is_compared=is_compared)
    weighted = Line(
        "text", f"{input_line(result.trace, changes)} · {plural(result.weighted_layers, 'layer')} with weights"
    )
    return Report(
        title=f"{name}: {description}" if description else name,
        tables=(layers, _side_by_side(result, shown, totals, reference)) if is_compared else (layers,),
        lines=(weighted, convention_line(result.convention, result.case)),
        notes=(*result.notes, *missing),
        facts={
            **facts(result, changes),
            "totals": totals,
            "weighted_layers": result.weighted_layers,
            **unknown_facts(result),
            **against,
        },
    )


def _layers(
    result: Count, shown: Costs, totals: dict[str, int], standard: dict[str, int], *, is_compared: bool
) -> Table:
    known: dict[int, dict[str, Any]] = {}

    def of(step: Step, path: str) -> dict[str, Any]:
        cost = result.cost(step, path)
        if id(cost) not in known:  # equal layers share a step and its cost, which the count keeps
            own = shown.values(cost)
            known[id(cost)] = {"output": [*step.shape.dims], **window_of(step), **own, **shown.shares(own, totals)}
        return known[id(cost)]

    rows: list[Row] = []
    shapes, is_placed = result.trace.shapes, any(metric.needs == "place" for metric in shown.metrics)
    for position, (node, step) in enumerate(result.trace.items(), 1):
        row = _step_row(node.path, node.kind, step, partial(of, path=node.path))
        read = {"input": _read([shapes[name] for name in node.inputs])}
        own = shown.values(result.costs[node.path]) if is_placed else {}
        cells = {"position": position, **row.cells, **read, **own, **shown.shares(own, totals)}
        cells |= {"source": ":".join(map(str, node.source))} if node.source else {}
        cells |= _against(node.path, step, result, shown)
        rows.append(Row(cells, row.parts))
    total = {"path": "at least" if result.unknown else "total", **totals, **shown.shares(totals, totals)}
    total |= _compared(shown, totals, standard) if standard else {}
    columns, more = _columns(shown, _against_columns(shown) if standard else [], is_compared=is_compared)
    more += [SOURCE] if any("source" in row.cells for row in rows) else []
    return Table("layers", tuple(columns), tuple(rows), Row(total), more=tuple(more), choose="--columns")


def _read(shapes: Sequence[Shape]) -> list[Any]:
    """Return the sizes of what a layer reads: a list, or lists if it reads maps that differ."""
    if len(shapes) == 1:
        return [*shapes[0].dims]
    distinct = dict.fromkeys(shape.dims for shape in shapes)
    return [*map(list, distinct)] if len(distinct) > 1 else [size for dims in distinct for size in dims]


def _columns(shown: Costs, against: Sequence[Column], *, is_compared: bool) -> tuple[list[Column], list[Column]]:
    """Return the columns of layers, and those shown on request; those that compare are among one or the other."""
    head = shown.headline.name
    costs = [each._replace(rank=0 if each.metric == head else 2) for each in shown.columns()]
    shares = [
        Column(f"{each.name}_share", f"of {each.title}", "share", each.name, combines=True)
        for each in shown.others
        if each.combine == "sum"
    ]
    columns = [*LAYERS, *costs, Column("share", "share", "share", head, combines=True, rank=3)]
    visible = [each for each in against if is_compared and each.metric == head]
    return [*columns, *visible], [KERNEL, *shares, *(each for each in against if each not in visible), *GEOMETRY]


def _against_columns(shown: Costs) -> list[Column]:
    """Return the columns that compare with standard convolutions; those of other metrics are not in every row."""
    head = shown.headline.name
    columns = [shown.column(each, f"standard_{each.name}", f"standard {each.title}", rank=7) for each in shown.metrics]
    return [
        *(each._replace(combines=each.metric == head) for each in columns),
        Column("ratio", "ratio", "ratio", head, rank=5),
    ]


def _step_row(path: str, kind: str, step: Step, of: Callable[[Step], dict[str, Any]]) -> Row:
    """Return the row of a step; the parts of a composition are rows inside it."""
    return Row(
        {"path": path, "type": kind, **of(step)},
        tuple(_step_row(f"{path}.{part.name}", part.step.kind, part.step, of) for part in step.parts),
    )


def window_of(step: Step) -> dict[str, Any]:
    """Return the kernel, the stride and the groups of a step; of a composition, those of its largest kernel."""
    step = max(step.leaves(), key=lambda leaf: exact(product(leaf.kernel)) if leaf.kernel else 0)
    if not step.kernel:
        return {}
    slide, kernel = step.slide, {"kernel": [*step.kernel]}
    if slide is None or slide.window is None:
        return kernel
    stride = [*per_axis(slide.window.stride, len(step.kernel), "stride")]
    return {**kernel, "stride": stride, **({} if slide.groups is None else {"groups": slide.groups})}


def _against(path: str, step: Step, result: Count, shown: Costs) -> dict[str, Any]:
    """Return the cells that compare a layer with the standard convolution it replaces."""
    if not result.standard:
        return {}
    own, standard = shown.values(result.costs[path]), shown.values(result.standard_costs[path])
    head = shown.headline.name
    if not own[head] and not standard[head] and not any("conv_mac" in leaf.tally.counts for leaf in step.leaves()):
        return {}
    return _compared(shown, own, standard)


def _compared(shown: Costs, own: dict[str, int], standard: dict[str, int]) -> dict[str, Any]:
    head = shown.headline.name
    return {f"standard_{name}": value for name, value in standard.items()} | {"ratio": ratio(own[head], standard[head])}


def _side_by_side(result: Count, shown: Costs, totals: dict[str, int], standard: dict[str, int]) -> Table:
    """Return the totals beside those of standard convolutions, with all digits."""
    rows: list[Row] = []
    for each in (each for each in (shown.headline, *shown.others) if each.name in totals and each.name in standard):
        value, reference = totals[each.name], standard[each.name]
        cells = {"quantity": each.title, "standard": reference, "specified": value, "ratio": ratio(value, reference)}
        rows.append(Row(cells))
    columns = [*SIDES]
    columns[2] = columns[2]._replace(title="at least" if result.unknown else "specified")
    caption = "standard: with a standard convolution in the place of every other one"
    return Table("", tuple(columns), tuple(rows), caption=caption, exact=True)


def folded(table: Table, depth: int) -> Table:
    """Fold the tree of blocks: one row for all layers that share the first `depth` names of their path."""
    check_depth(depth)
    rows = [
        _one(key, rows, table) for key, rows in _grouped(table.rows, lambda row: shortened(row.cells["path"], depth))
    ]
    return table._replace(rows=tuple(Row({**row.cells, "position": n}, row.parts) for n, row in enumerate(rows, 1)))


def check_depth(depth: int | None) -> None:
    """Refuse a depth below 1."""
    if depth is not None and depth < 1:
        raise UsageError(f"invalid --depth {depth}: expected at least 1")


def _one(path: str, rows: list[Row], table: Table) -> Row:
    """Make one row of several; its output is that of the last one."""
    if len(rows) == 1 and rows[0].cells["path"] == path:
        return rows[0]
    known = {"path": path, "type": plural(len(rows), "layer"), "output": rows[-1].cells["output"]}
    return Row({**known, **_sums(rows, _added(table))})


def _added(table: Table) -> list[Column]:
    """Return the columns of costs, those of one metric together; parameters first."""
    known = [column for column in (*table.columns, *table.more) if column.metric]
    metrics = [*dict.fromkeys(column.metric for column in known)]
    return sorted(known, key=lambda column: metrics.index(column.metric))


def _sums(rows: list[Row], columns: Sequence[Column]) -> dict[str, Any]:
    """Combine the costs of several rows, and take the ratio of the sums."""
    sums: dict[str, Any] = {}
    for column in columns:
        known = [value for value in (row.cells.get(column.key) for row in rows) if value is not None]
        if column.combines and known:
            sums[column.key] = METRICS[column.metric].combined(known)
        standard = f"standard_{column.metric}"
        if column.key == "ratio" and standard in sums:
            compared = [row.cells[column.metric] for row in rows if row.cells.get(standard) is not None]
            sums["ratio"] = ratio(METRICS[column.metric].combined(compared), sums[standard])
    return {key: value for key, value in sums.items() if value is not None}


def summed_by(table: Table, key: str) -> Table:
    """Add up the rows that agree in a column; `kernel` looks into composite layers, `block` at the first name."""
    others = {
        column.key: column for column in (*table.columns, *table.more) if not column.metric and column.key != "type"
    }
    known = dict.fromkeys(("type", "kernel", "block", *others))
    if key not in known:
        near = ELSEWHERE.get(key.lower(), key)
        raise UsageError(f"--by {key}: there is no such column; {suggestion(near if near in known else key, [*known])}")
    rows = [leaf for row in table.rows for leaf in _leaves(row)] if key == "kernel" else [*table.rows]
    added = _added(table)
    form = others[key].form if key in others else "text"
    groups = _grouped(rows, _GROUPS.get(key, lambda row: cell_text(row.cells.get(key), form, "exact")))
    counted = tuple(Row({key: name, "layers": len(inside), **_sums(inside, added)}) for name, inside in groups)
    kept = [column for column in added if column.combines or column.key == "ratio"]
    if key == "kernel":  # a part has no standard convolution of its own
        kept = [column for column in kept if column.key != "ratio" and not column.key.startswith("standard_")]
    total = Row({**table.total.cells, key: table.total.cells.get("path", "total")}) if table.total else None
    columns = [column for column in kept if column in table.columns or column.form == "share"]
    more = tuple(column for column in kept if column not in columns)
    names = (Column(key, key), Column("layers", "layers", "count", rank=6))
    apart = [each.title for each in added if each in table.columns and each not in kept and each.form != "share"]
    caption = f"not of several layers together: {', '.join(apart)}" if apart else ""
    return Table("groups", (*names, *columns), counted, total, caption=caption, more=more, choose="--columns")


def _leaves(row: Row) -> list[Row]:
    return [leaf for part in row.parts for leaf in _leaves(part)] if row.parts else [row]


def _kernel(row: Row) -> str:
    kernel = row.cells.get("kernel")
    return f"{row.cells['type']} {shape_text(kernel)}" if kernel else str(row.cells["type"])


_GROUPS: dict[str, Callable[[Row], str]] = {
    "kernel": _kernel,
    "block": lambda row: shortened(row.cells["path"], 1),
}


def _grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> list[tuple[str, list[Row]]]:
    """Group rows, wherever they are, in the order in which their keys first appear."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [*groups.items()]


def sorted_by(table: Table, key: str) -> Table:
    """Sort by a column: numbers from the largest, words from a to z; by -COLUMN the other way round."""
    column = _column(table, key.removeprefix("-"), "--sort")
    numeric = column.form in {"count", "share", "ratio", "axes", "seconds"} and column.key != "position"
    reverse = numeric != key.startswith("-")
    present = [row for row in table.rows if row.cells.get(column.key) is not None]
    absent = [row for row in table.rows if row.cells.get(column.key) is None]
    return table._replace(rows=(*sorted(present, key=lambda row: row.cells[column.key], reverse=reverse), *absent))


def cut(table: Table, top: int) -> Table:
    """Keep the first rows, and say how many more there are; the total stays that of all."""
    if top < 1:
        raise UsageError(f"invalid --top {top}: expected at least 1")
    hidden = len(table.rows) - top
    included = " (included in the total)" if table.total else ""
    caption = f"… {plural(hidden, 'more row')}{included}" if hidden > 0 else table.caption
    return table._replace(rows=table.rows[:top], caption=caption)


def with_columns(table: Table, keys: str) -> Table:
    """Show only some columns, each once, in the order given, in which the last leave a narrow terminal first.

    Rows always say what they are about: without a column that does, the first such column is shown too.
    """
    found = dict.fromkeys(_column(table, key.strip(), "--columns") for key in keys.split(","))
    names = [each for each in table.columns if each.key == "path"] or [
        each for each in table.columns if table.key == "groups" and not each.metric and each.form != "count"
    ]
    found = found if {*names} & found.keys() else {**dict.fromkeys(names), **found}
    return table._replace(columns=tuple(column._replace(rank=at) for at, column in enumerate(found)), more=())


ELSEWHERE: Mapping[str, str] = by_word(
    {
        "activations": "ram memory mem bytes peak_memory forward_backward_size",
        "path": "name layer node id",
        "output": "shape output_size output_shape out_shape size out",
        "input": "input_size input_shape in_shape in_channels",
        "type": "kind op class layer_type",
        "macs": "mult_adds mac madds ops gmacs cost",
        "flops": "flop gflops mflops",
        "params": "num_params parameters weights param",
        "kernel": "kernel_size filter",
        "stride": "strides",
        "share": "percent %",
        "block": "stage module group",
    }
)
"""Columns of other tools, and those that stand for them."""


def _column(table: Table, key: str, option: str) -> Column:
    known = {name: column for column in (*table.columns, *table.more) for name in (column.title, column.key)}
    for asked in (key, key_in_flops(key)):
        if asked in known:
            return known[asked]
    every = [column.key for column in (*table.columns, *table.more)]
    every += [name for name in METRICS if name not in {*every, *TRAINED}] if table.key == "layers" else []
    meant = ELSEWHERE.get(key.lower())
    near = meant if meant in every else nearest(key, every)
    hint = f"did you mean {near!r}? " if near else ""
    raise UsageError(f"{option} {key}: no such column here; {hint}known here: {', '.join(every)}")


def shortened(path: str, depth: int | None) -> str:
    """Return the first `depth` names of a path."""
    return path if depth is None else ".".join(path.split(".")[:depth])
