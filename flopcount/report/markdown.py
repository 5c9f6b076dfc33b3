"""For pull requests and wikis: Markdown tables."""

from flopcount.report.table import Report, Row, Table, cell_text


def render_markdown(report: Report) -> str:
    """Write the title, the tables and the notes."""
    lines = [f"### {escaped(report.title)}", "", *(f"{escaped(line)}  " for line in report.lines), ""]
    for table in report.tables:
        lines += [*_table(table), "", *([escaped(table.caption), ""] if table.caption else [])]
    for note in report.notes:
        lines += [f"> {escaped(note)}", ""]
    return "\n".join(lines[:-1]) + "\n"


def _table(table: Table) -> list[str]:
    titles = [escaped(column.title) or " " for column in table.columns]
    rules = ["---" if column.sort in {"text", "prose", "shape"} else "---:" for column in table.columns]
    rows = [_cells(row, table) for row in table.rows]
    if table.total:
        rows.append([f"**{cell}**" if cell else "" for cell in _cells(table.total, table)])
    return [f"| {' | '.join(cells)} |" for cells in (titles, rules, *rows)]


def _cells(row: Row, table: Table) -> list[str]:
    return [escaped(cell_text(row.cells.get(column.key), column.sort)) for column in table.columns]


def escaped(text: str) -> str:
    """Keep Markdown from reading the text as markup."""
    for char in "\\|*_`<[":
        text = text.replace(char, f"\\{char}")
    return text
