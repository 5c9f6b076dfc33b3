"""A comment for a pull request: the verdict, what changed, and the details folded."""

import html
from collections.abc import Iterable, Iterator
from fractions import Fraction

from flopcount.analyses.budgets.checking import Checked, Count
from flopcount.analyses.budgets.checks import Outcome
from flopcount.analyses.budgets.findings import Finding
from flopcount.analyses.counted import Cost
from flopcount.errors import plain
from flopcount.report.amounts import percent
from flopcount.report.findings import details, exemptions, headline, summary
from flopcount.report.markdown import escaped

MARK = "<!-- flopcount check -->"
"""By which a workflow finds its earlier comment."""

LONGEST = 65_000
"""Characters a comment may have; the platform takes 65536."""

MOST_ROWS = 100
"""So many layers are listed for one network."""


def render(outcome: Outcome) -> str:
    """Write the comment; what does not fit is left out from the end, and said to be."""
    sign = {0: "✅", 1: "❌"}.get(outcome.exit_code, "⚠️")
    parts = [f"{MARK}\n### {sign} flopcount: {escaped(summary(outcome))}", *_parts(outcome)]
    text = ""
    for number, part in enumerate(parts):
        if len(text) + len(part) > LONGEST:
            return f"{text}\n{len(parts) - number} more entries do not fit into a comment.\n"
        text += f"{part}\n"
    return text


def _parts(outcome: Outcome) -> Iterator[str]:
    for finding in outcome.findings:
        yield _finding(finding)
    yield from _networks(outcome.files)
    for each in outcome.files:
        yield from _layers(each)
    for line in (*exemptions(outcome), *outcome.notes):
        yield f"\n> {escaped(line)}"


def _finding(finding: Finding) -> str:
    return "\n  ".join([f"- {escaped(headline(finding))}", *(f"{escaped(line)}  " for line in details(finding))])


def _networks(files: Iterable[Checked]) -> Iterator[str]:
    """Yield the table of networks that are new since the base, or cost something else."""
    rows = [(each, count) for each in files for count in each.counts if _changed(each, count)]
    if rows:
        yield "\n| network | params | change | MACs | change |\n| --- | ---: | ---: | ---: | ---: |"
    for each, count in rows:
        now, before = count.now.total(), count.before.total() if count.before else None
        name = escaped(plain(" ".join(filter(None, (each.path, str(count.point))))))
        yield f"| {name} | {' | '.join(_cells(now, before))} |"


def _cells(now: Cost | None, before: Cost | None) -> list[str]:
    """Write params and MACs with what changed; what is not there on a side is empty."""
    cells: list[str] = []
    for metric in ("params", "macs"):
        new, old = (getattr(each, metric) if each else None for each in (now, before))
        cells += [f"{new:,}" if new is not None else "", _change(new, old)]
    return cells


def _change(new: int | None, old: int | None) -> str:
    if old is None or new is None:
        return "new" if old is None else "removed"
    if new == old:
        return "="
    share = f" ({'−' if new < old else '+'}{percent(Fraction(abs(new - old) * 100, old))})" if old else ""
    return f"{new - old:+,}{share}".replace("-", "−")


def _layers(checked: Checked) -> Iterator[str]:
    """Yield a folded table of the layers that changed, for each point."""
    for count in checked.counts:
        rows = [*_rows(count)] if count.before else []
        if rows:
            title = html.escape(plain(" ".join(filter(None, (checked.path, str(count.point))))))
            number = f"{len(rows)} {'layer' if len(rows) == 1 else 'layers'}"
            head = ["| layer | params | change | MACs | change |", "| --- | ---: | ---: | ---: | ---: |"]
            more = [f"\n{len(rows) - MOST_ROWS} more layers changed."] if len(rows) > MOST_ROWS else []
            table = "\n".join([*head, *rows[:MOST_ROWS], *more])
            yield f"\n<details><summary>{title}: {number} changed</summary>\n\n{table}\n\n</details>"


def _rows(count: Count) -> Iterator[str]:
    now, before = count.now.costs, count.before.costs if count.before else {}
    for path in dict.fromkeys((*now, *before)):
        if now.get(path) != before.get(path) and any(cost and any(cost) for cost in (now.get(path), before.get(path))):
            yield f"| {escaped(path)} | {' | '.join(_cells(now.get(path), before.get(path)))} |"


def _changed(checked: Checked, count: Count) -> bool:
    if count.before is None:
        return checked.compared and not checked.lost
    return count.before.costs != count.now.costs
