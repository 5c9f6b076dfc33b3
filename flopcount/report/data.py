"""For machines: JSON, which has everything, and CSV, which has the main table."""

import csv
import io
import json

from flopcount.report.table import Report, cell_text


def render_json(report: Report) -> str:
    """Write the whole report as JSON with exact integers."""
    members = (f"  {_compact(key)}: {_member(value)}" for key, value in report.data().items())
    return "{\n" + ",\n".join(members) + "\n}\n"


def _member(value: object) -> str:
    """Write a list of rows one to a line: short to read, and a diff shows the layer."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return _compact(value)
    return "[\n    " + ",\n    ".join(map(_compact, value)) + "\n  ]"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def render_csv(report: Report) -> str:
    """Write the main table with raw values; its last row is the total."""
    table = report.tables[0]
    columns = (*table.columns, *table.more)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    for row in (*table.rows, *((table.total,) if table.total else ())):
        cells = ((row.cells.get(column.key), column.sort) for column in columns)
        writer.writerow([cell_text(value, sort) if sort == "shape" else value for value, sort in cells])
    return text.getvalue()
