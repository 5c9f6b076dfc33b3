"""What became of a lock file, in a line; and what to do where more is asked for than is allowed."""

import shlex
from collections.abc import Sequence
from fractions import Fraction

from flopcount.analyses.budgets.locks import METRICS, Raise, Renewal
from flopcount.errors import plain
from flopcount.report.amounts import pair, percent


def renewal_line(renewal: Renewal, title: str) -> str:
    """Say how many rows there are, and how they came about."""
    rows = f"{len(renewal.rows)} {'network' if len(renewal.rows) == 1 else 'networks'}"
    if renewal.is_same:
        return f"{title}: {rows}, as they were\n"
    raised = len(renewal.raised)
    numbers = {
        "new": len(renewal.added),
        "changed": len(renewal.changed) - raised,
        "raised": raised,
        "removed": len(renewal.removed),
    }
    found = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
    return f"{title}: {rows}: {found}\n"


def refusal(renewal: Renewal, title: str, arguments: Sequence[str]) -> str:
    """Say what costs more than is locked, and the command that would allow it; `arguments` are those of this one."""
    lines = [f"{plain(each.after.id)}: {rise(each)}" for each in renewal.refused]
    options = [word for each in renewal.refused for word in ("--allow-increase", each.after.id)]
    command = shlex.join(["flopcount", "lock", *arguments, *options])
    way_out = f'{plain(command)} --reason "why"'
    return "\n".join((*lines, f"{title}: this is more than is locked, so nothing was written; to allow it: {way_out}"))


def rise(each: Raise) -> str:
    """Write what rose, from what to what: `macs 4.089G → 4.2G (+2.71%)`."""
    rising = ((metric, getattr(each.before, metric), getattr(each.after, metric)) for metric in METRICS)
    return ", ".join(_rise(*one) for one in rising if one[2] > one[1])


def _rise(metric: str, before: int, after: int) -> str:
    growth = percent(Fraction((after - before) * 100, before) if before else None)
    return f"{metric} {' → '.join(pair(before, after, metric))} ({'+' if before else ''}{growth})"
