"""For machines: JSON, which has everything, and CSV, which has the main table."""

import csv
import io
import json

from flopcount.report.table import Report, cell_text


def render_json(report: Report) -> str:
    """Write the whole report as JSON with exact integers."""
    return json.dumps(report.data(), indent=2, ensure_ascii=False) + "\n"


def render_csv(report: Report) -> str:
    """Write the main table with raw values; its last row is the total."""
    table = report.tables[0]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    for row in (*table.rows, *((table.total,) if table.total else ())):
        cells = ((row.cells.get(column.key), column.sort) for column in table.columns)
        writer.writerow([cell_text(value, sort) if sort == "shape" else value for value, sort in cells])
    return text.getvalue()
