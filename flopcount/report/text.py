"""Where names go beside the points they name, so that none lies over another."""

from collections.abc import Iterator, Sequence
from math import hypot
from typing import NamedTuple

from flopcount.report.table import Report, Row, Table, cell_text


class Box(NamedTuple):
    """A rectangle, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Tell whether two boxes have a place in common."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def distance(self, x: float, y: float) -> float:
        """Return how far a point is from the box."""
        return hypot(max(self.left - x, 0, x - self.right), max(self.top - y, 0, y - self.bottom))

    def holds(self, other: "Box") -> bool:
        """Tell whether another box lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


class Size(NamedTuple):
    """How much place a point takes to each side, the names, by line and by character, and the air beside them."""

    marker: float
    height: float
    character: float
    air: float = 0


def placed(points: Sequence[tuple[float, float]], names: Sequence[str], area: Box, size: Size) -> list[Box | None]:
    """Return a box for each name, or None where there is no room; what comes first has the first choice."""
    taken = [_around(x, y, size) for x, y in points]
    found: list[Box | None] = []
    for point, name in zip(points, names, strict=True):
        boxes = _around_point(*point, len(name) * size.character, size)
        free = (box for box in boxes if area.holds(box) and not any(box.meets(other) for other in taken))
        box = next((box for box in free if _is_nearest(box, point, points)), None) if name else None
        taken += [box] if box else []
        found.append(box)
    return found


def _is_nearest(box: Box, point: tuple[float, float], points: Sequence[tuple[float, float]]) -> bool:
    """Tell whether no other point is as near to a name: it would be read as that point's."""
    return all(box.distance(*point) < box.distance(*other) for other in points if other != point)


def _around(x: float, y: float, size: Size) -> Box:
    return Box(x - size.marker, y - size.marker, x + size.marker, y + size.marker)


def _around_point(x: float, y: float, width: float, size: Size) -> Iterator[Box]:
    """Yield where a name may stand, best first: right, left, above, below, then further up and down."""
    gap, height = size.marker + size.air, size.height
    for right, up in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        left = x - width / 2 if not right else x + gap if right > 0 else x - gap - width
        middle = y - up * (size.marker + height / 2)
        yield Box(left, middle - height / 2, left + width, middle + height / 2)


# For papers: LaTeX tables with booktabs rules.


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
    rows = [_latex_cells(row, table) for row in table.rows]
    total = [r"\midrule", _latex_cells(table.total, table)] if table.total else []
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


def _latex_cells(row: Row, table: Table) -> str:
    cells = (_escaped(cell_text(row.cells.get(column.key), column.sort)) for column in table.columns)
    return rf"{' & '.join(cells)} \\"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in text)


# For pull requests and wikis: Markdown tables.


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
    rows = [_markdown_cells(row, table) for row in table.rows]
    if table.total:
        rows.append([f"**{cell}**" if cell else "" for cell in _markdown_cells(table.total, table)])
    return [f"| {' | '.join(cells)} |" for cells in (titles, rules, *rows)]


def _markdown_cells(row: Row, table: Table) -> list[str]:
    return [escaped(cell_text(row.cells.get(column.key), column.sort)) for column in table.columns]


def escaped(text: str) -> str:
    """Keep Markdown from reading the text as markup."""
    for char in "\\|*_`<[":
        text = text.replace(char, f"\\{char}")
    return text
