"""The rows of a count, shown otherwise: folded, summed by a column, sorted, cut."""

from collections.abc import Callable, Iterable
from typing import Any

from flopcount.analyses.counted import ratio
from flopcount.errors import UsageError, suggestion
from flopcount.report.table import Column, Row, Table

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
