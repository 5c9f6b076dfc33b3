"""The word a counter has for its number: no figure goes by that of another unit."""

import re
from collections.abc import Mapping
from typing import Any

from flopcount.report.table import Column, Report, Row, Table

_KEPT = "convention"
"""What describes the convention speaks of MACs and of FLOPs as it means them."""


def worded(report: Report) -> Report:
    """Put a convention's word for MACs in titles, keys and notes of its report."""
    convention = report.facts.get(_KEPT)
    if convention is None or convention["word"] == "MACs":
        return report
    wording = _Wording(convention["word"], in_flops=convention["unit"] == "FLOP")
    facts = {key: value if key == _KEPT else wording.renamed(value) for key, value in report.facts.items()}
    notes = tuple(map(wording.said, report.notes))
    return report._replace(tables=tuple(map(wording.table, report.tables)), notes=notes, facts=facts)


class _Wording:
    """Says one word in place of MACs; keys change only where the unit does."""

    def __init__(self, word: str, *, in_flops: bool) -> None:
        self.word = word
        self.key = key_in_flops if in_flops else str

    def table(self, table: Table) -> Table:
        return table._replace(
            columns=tuple(map(self._column, table.columns)),
            more=tuple(map(self._column, table.more)),
            rows=tuple(map(self._row, table.rows)),
            total=self._row(table.total) if table.total else None,
            caption=self.said(table.caption),
        )

    def _column(self, column: Column) -> Column:
        return column._replace(key=self.key(column.key), title=self.said(column.title))

    def _row(self, row: Row) -> Row:
        return Row(self.renamed(row.cells), tuple(map(self._row, row.parts)))

    def renamed(self, value: Any) -> Any:
        """Rename keys, in whatever they are nested, and the word where it is all that a value says."""
        if isinstance(value, Mapping):
            return {self.key(key): self.renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.renamed(each) for each in value]
        return self.word if value == "MACs" else value

    def said(self, text: str) -> str:
        return re.sub(r"\bMACs\b", self.word, text)


def key_in_flops(key: str) -> str:
    """Return the key under which FLOPs stand, where MACs stand under this one."""
    return re.sub(r"(?<![a-z])macs(?![a-z])", "flops", key)


SPOKEN = ("where", "sort", "pareto", "columns", "by")
"""The options that name columns."""


def in_macs(said: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """Return options as all but the output speaks: of MACs, where a convention's columns are of FLOPs."""
    if unit != "FLOP":
        return dict(said)
    named = {name: said[name] for name in SPOKEN if isinstance(said.get(name), str)}
    return {**said, **{name: re.sub(r"(?<![a-z])flops(?![a-z])", "macs", text) for name, text in named.items()}}
