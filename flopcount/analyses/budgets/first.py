"""The first limits of a project: today's cost and a margin, as the text of a configuration."""

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.check import Setup
from flopcount.case import Case, Count, load
from flopcount.errors import BadInput, FileError, Note, UsageError, listed, plain
from flopcount.readers.base import Names
from flopcount.spec.project import NAMES, files_at, found, networks_in, no_file, title_of
from flopcount.spec.units import DEFAULT_METRICS, NotAQuantityError, decimal, percent, share, short
from flopcount.spec.write import to_value


class First(NamedTuple):
    """The text of a configuration, how many networks it limits, and the notes that qualify its numbers."""

    text: str
    networks: int
    notes: tuple[Note, ...]


DIGITS = 4
"""The digits of a limit; it is rounded up."""

MOST_LISTED = 5
"""The number of files that a note names."""


def first(around: Setup, names: Sequence[str], margin: str) -> First:
    """Return limits for the named files, or for all networks in the folder: their cost today and a margin."""
    factor = 1 + _margin(margin)
    counts, notes = _counted(around, names)
    if not counts:
        raise UsageError("no networks in this folder; name some files, as in flopcount init models/net.onnx")
    head = f"# What the networks here may cost: what they cost now, and {percent(factor * 100 - 100)} more.\n"
    head += "# Compared by flopcount check.\n"
    head += f"input = {to_value(around.input)}\n" if around.input else ""
    ids = _ids(counts)
    rules = (_rule(ids[title], title, count, factor) for title, count in counts.items())
    notes += [Note(note.code, f"{title}: {note}") for title, count in counts.items() for note in count.notes]
    return First("\n".join([head, *rules]), len(counts), tuple(notes))


def _margin(text: str) -> Fraction:
    try:
        part = share(text)
    except NotAQuantityError:
        part = None
    if part is None:
        hint = f"write {text}%" if text.isdecimal() and len(text) < DIGITS else "expected a percentage such as 10%"
        raise UsageError(f"--margin {plain(text[:40])}: {hint}")
    return part.value


def _counted(around: Setup, names: Sequence[str]) -> tuple[dict[str, Count], list[Note]]:
    """Count the named files, all of which have to be networks, or those in the folder that are networks."""
    paths = _named(around.folder, names) if names else networks_in(around.folder)
    counts: dict[str, Count] = {}
    others: list[str] = []
    for path in dict.fromkeys(paths):
        title = title_of(path, around.folder)
        try:
            if title != title.encode(errors="replace").decode():
                raise FileError(plain(title), "a name that is not UTF-8 cannot have limits; rename the file")
            counts[title] = Case(load(path, title=title), input=around.input).count
        except BadInput as error:
            if names:
                raise
            others.append(f"{plain(title)} ({_why(error)})")
    if not others:
        return counts, []
    return counts, [Note("left-out", f"not counted, so without limits: {listed(others, MOST_LISTED)}")]


def _why(error: BadInput) -> str:
    """Return the first thing that is wrong with a file."""
    problems = getattr(error, "problems", ())
    return str(problems[0].what if problems else error).partition("; ")[0]


def _named(folder: Path, names: Iterable[str]) -> list[Path]:
    paths = {name: files_at(folder, name) for name in names}
    if missing := next((name for name, hits in paths.items() if not hits), None):
        raise FileError(plain(missing[:300]), no_file(missing))
    return [path for hits in paths.values() for path in hits]


def _ids(titles: Iterable[str]) -> Mapping[str, str]:
    """Return a name for each rule: that of the file, numbered if two files have it."""
    taken = Names()
    stems = {title: re.sub(r"[^A-Za-z0-9_-]+", "_", Path(title).stem)[:90].lstrip("-") for title in titles}
    return {title: taken.fresh(stem or "net") for title, stem in stems.items()}


def _rule(id_: str, title: str, count: Count, factor: Fraction) -> str:
    lines = ["[[budget]]", f"id = {to_value(id_)}", f"files = {to_value(glob.escape(title))}"]
    for metric in DEFAULT_METRICS:
        value = count.total[metric]
        lines.append(f"{metric} = {to_value(_rounded(value, factor))}  # {value:_} now")
    notes = (f"# {plain(str(note))}" for note in count.notes)
    return "\n".join([*lines, *notes, ""])


def _rounded(value: int, factor: Fraction) -> str:
    """Return a value times a factor, rounded up to a few digits; without a margin the value itself."""
    limit = ceil(value * factor)
    step = 10 ** max(len(str(limit)) - DIGITS, 0) if factor > 1 else 1
    rounded = Fraction(-(-limit // step) * step)
    return short(rounded) if factor > 1 else decimal(rounded)


def refuse_existing(folder: Path) -> None:
    """Refuse to write limits where a configuration is already in force."""
    around = found(folder)
    if around is not None and around.folder == folder.resolve():
        what = "limits are set here already, so nothing was written; edit it, or print new ones with -o -"
        raise FileError(around.source.title, what)
    if (folder / NAMES[0]).exists():
        raise FileError(NAMES[0], "there is a file of this name; name another with -o")
