"""Rows of a sweep as Arrow tables: the columns follow from the axes, whatever the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from flopcount.analyses.sweep import select as selection
from flopcount.analyses.sweep.grid import Space
from flopcount.errors import missing
from flopcount.formulas.shape import PerAxis


def arrow(what: str) -> Any:
    """Import PyArrow; a UsageError says how to install it for what needs it."""
    try:
        import pyarrow as pa
        from pyarrow import parquet  # noqa: F401  (an attribute of pyarrow once it is imported)
    except ImportError:
        raise missing(what, "pyarrow", "parquet") from None
    return pa


def schema(pa: Any, space: Space, names: Sequence[str]) -> Any:
    """Return the columns of a space, of which a file has other names."""
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    columns = zip(names, selection.kinds(space).values(), strict=True)
    return pa.schema([(name, kinds[kind]) for name, kind in columns])


def table(pa: Any, columns: Any, rows: Mapping[str, Any]) -> Any:
    """Return rows as a table with the columns of a schema, which are as many as the rows have or fewer."""
    pairs = zip(columns, rows.values(), strict=False)
    return pa.table([pa.array(_cells(pa, field, values), field.type) for field, values in pairs], schema=columns)


def _cells(pa: Any, field: Any, values: Any) -> Any:
    if field.type == pa.string():
        return [None if each is None else _word(each) for each in values.tolist()]
    return values.tolist() if hasattr(values, "mask") else values


def _word(value: object) -> str:
    return "×".join(map(str, value.axes)) if isinstance(value, PerAxis) else str(value)
