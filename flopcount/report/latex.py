"""For papers: LaTeX tables with booktabs rules."""

from flopcount.report.table import Report, Row, Table, cell_text

_SPECIAL = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "–": "--",
    "·": r"$\cdot$",
}


def render_latex(report: Report) -> str:
    """Write every table as a tabular; what is counted and the notes stand in comments above."""
    comments = [f"% {line}" for line in (report.title, *report.lines, *report.notes)]
    tables = [line for table in report.tables for line in ("", *_caption(table), *_tabular(table))]
    return "\n".join([*comments, r"% needs \usepackage{booktabs}", *tables]) + "\n"


def _caption(table: Table) -> list[str]:
    return [f"% {table.caption}"] if table.caption else []


def _tabular(table: Table) -> list[str]:
    alignment = "".join("l" if column.sort in {"text", "prose", "shape"} else "r" for column in table.columns)
    titles = [_escaped(column.title) for column in table.columns]
    rows = [_cells(row, table) for row in table.rows]
    total = [r"\midrule", _cells(table.total, table)] if table.total else []
    return [
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        rf"{' & '.join(titles)} \\",
        r"\midrule",
        *rows,
        *total,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _cells(row: Row, table: Table) -> str:
    cells = (_escaped(cell_text(row.cells.get(column.key), column.sort)) for column in table.columns)
    return rf"{' & '.join(cells)} \\"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in text)
