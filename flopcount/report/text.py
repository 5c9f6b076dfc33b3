"""Reports as text for machines, pull requests and papers: JSON, CSV, Markdown and LaTeX."""

import json
import re
from collections.abc import Iterable
from functools import partial

from flopcount.report.table import WORDS, Report, Table, cell_text


def render_json(report: Report) -> str:
    """Return the whole report as JSON with exact integers."""
    members = (f"  {_compact(key)}: {_member(value)}" for key, value in report.data().items())
    return "{\n" + ",\n".join(members) + "\n}\n"


def _member(value: object) -> str:
    """Return a list of rows with one row per line, so that a diff shows the layer."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return _compact(value)
    return "[\n    " + ",\n    ".join(map(_compact, value)) + "\n  ]"


_compact = partial(json.dumps, ensure_ascii=False)


def render_csv(report: Report) -> str:
    """Return the main table with raw values; its last row is the total."""
    table = report.tables[0]
    columns = (*table.columns, *table.more)
    rows = (*table.rows, *((table.total,) if table.total else ()))
    cells = ([(row.cells.get(column.key), column.form) for column in columns] for row in rows)
    lines = ([cell_text(value, form) if form == "shape" else value for value, form in row] for row in cells)
    return csv_rows([[column.key for column in columns], *lines])


def csv_rows(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def render_markdown(report: Report) -> str:
    """Return the title, the tables and the notes."""
    lines = [f"### {escaped(report.title)}", "", *(f"{escaped(str(line))}  " for line in report.lines), ""]
    for table in report.tables:
        lines += [*_table(table), "", *([escaped(table.caption), ""] if table.caption else [])]
    for note in report.notes:
        lines += [f"> {escaped(str(note))}", ""]
    return "\n".join(lines[:-1]) + "\n"


def _table(table: Table) -> list[str]:
    titles = [escaped(column.title) or " " for column in table.columns]
    rules = ["---" if column.form in WORDS else "---:" for column in table.columns]
    rows = [[*map(escaped, table.texts(row))] for row in table.rows]
    if table.total:
        rows.append([f"**{escaped(cell)}**" if cell else "" for cell in table.texts(table.total)])
    return [markdown_row(cells) for cells in (titles, rules, *rows)]


def markdown_row(cells: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Escape what Markdown would read as markup."""
    return re.sub(r"[\\|*_`<\[]", r"\\\g<0>", text)


_SPECIAL = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "×": r"$\times$",
        "–": "--",
        "·": r"$\cdot$",
    }
)


def render_latex(report: Report) -> str:
    """Return every table as a tabular, preceded by the convention and the notes as comments."""
    comments = [f"% {line}" for line in (report.title, *report.lines, *report.notes)]
    tables = [line for table in report.tables for line in ("", *_tabular(table))]
    return "\n".join([*comments, r"% needs \usepackage{booktabs}", *tables]) + "\n"


def _tabular(table: Table) -> list[str]:
    alignment = "".join("l" if column.form in WORDS else "r" for column in table.columns)
    rows = [*map(table.texts, table.rows)]
    lines = [r"\toprule", _latex_row(column.title for column in table.columns), r"\midrule", *map(_latex_row, rows)]
    lines += [r"\midrule", _latex_row(table.texts(table.total))] if table.total else []
    caption = [f"% {table.caption}"] if table.caption else []
    return [*caption, rf"\begin{{tabular}}{{{alignment}}}", *lines, r"\bottomrule", r"\end{tabular}"]


def _latex_row(cells: Iterable[str]) -> str:
    return rf"{' & '.join(cell.translate(_SPECIAL) for cell in cells)} \\"
