"""A sweep in parts: one pure function of a range of its candidates, and how what it returns is merged."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from flopcount.analyses.arrays import Array
from flopcount.analyses.sweep import select as selection
from flopcount.analyses.sweep.axes import size
from flopcount.analyses.sweep.evaluate import Evaluator
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.run import CHUNK, Chunk, Drawn, counted, swept
from flopcount.analyses.sweep.select import Census, Cloud, Rows, Selection

SHOWN = 20
"""Rows that are shown by default."""

MOST_CELLS, MOST_RANGES = 2**23, 2**16
"""The most cells of the rows of a part, 8 bytes each; if only few rows are kept, about the most ranges of a sweep."""

OBJECT_CELLS = 5
"""The cells more that an id takes beyond 64 bits."""

COUNTED_AT_ONCE = 256
"""Candidates of a range that are counted one by one."""


class SweepPart(NamedTuple):
    """What comes of some ranges: the tally, rows as the selection keeps them, the cloud of a chart, and how many."""

    tally: Census
    rows: Rows
    cloud: Cloud | None = None
    many: int = 1


class Sweep(NamedTuple):
    """A sweep that is known as a whole: everything is decided but where it runs. It can be pickled.

    `charted` are the columns of a chart, if one is drawn, `histogram` is the column of a histogram.
    """

    space: Space
    evaluator: Evaluator
    choice: Selection = Selection()
    drawn: Drawn | None = None
    charted: tuple[str, str] | None = None
    histogram: str | None = None

    @property
    def waits(self) -> bool:
        """Whether the rows of a part are few, and the final ones are known only at the end."""
        return self.choice.waits or self.choice.top is not None

    @property
    def many(self) -> int:
        """How many candidates are counted."""
        return self.drawn.many if self.drawn else size(self.space.axes)

    @property
    def length(self) -> int:
        """How many candidates a range has: the same wherever the sweep runs, and whole blocks of the fast axes."""
        if counted(self.space):
            return COUNTED_AT_ONCE
        cells = len(selection.columns(self.space)) + (OBJECT_CELLS if size(self.space.axes) >= 2**63 else 0)
        length = max(MOST_CELLS // cells, CHUNK)
        while self.waits and self.many > length * MOST_RANGES:
            length *= 2
        return self._even(length)

    def _even(self, length: int) -> int:
        if self.drawn:
            return length // CHUNK * CHUNK
        whole = 1
        for each in reversed(self.space.axes):
            if whole * len(each.values) > length:
                break
            whole *= len(each.values)
        return length // whole * whole

    def ranges(self) -> Iterator[range]:
        """Yield the ranges of positions that a sweep is cut into."""
        length = self.length
        for start in range(0, self.many, length):
            yield range(start, min(start + length, self.many))

    def evaluate(self, start: int, stop: int) -> SweepPart:
        """Return what comes of the candidates from one position to before another: a pure function."""
        return self.gathered(swept(self.space, self.evaluator, range(start, stop), self.drawn))

    def gathered(self, chunks: Iterable[Chunk]) -> SweepPart:
        """Return what comes of some chunks, one after another."""
        tally, parts = Census(), list[Rows]()
        cloud = Cloud(*self.charted) if self.charted else None
        values = {each.name: selection.column(each.values) for each in self.space.axes}
        for chunk in chunks:
            found, rows = self._met(chunk, values)
            tally = tally.and_then(found)
            parts.append(rows)
            if cloud is not None:
                cloud.see(rows)
            if self.choice.waits:
                parts = [self.narrowed(parts)]
            elif self.is_enough(tally):
                break
        rows = self.narrowed(parts)
        return SweepPart(tally if self.waits else tally._replace(noted=selection.noted(rows)), rows, cloud)

    def _met(self, chunk: Chunk, values: Mapping[str, Array]) -> tuple[Census, Rows]:
        """Return the tally of a chunk, and the rows that meet the condition."""
        more = self.space.joined.values(chunk.digits) if self.space.joined else {}
        rows = selection.rows(self.space, values, chunk, self.choice.where, more)
        bins = selection.binned(rows[self.histogram]) if self.histogram else {}
        found = selection.seen(self.evaluator, chunk)._replace(kept=len(rows["id"]), bins=bins)
        return found._replace(missing=selection.lacking(chunk, more)) if more else found, rows

    def is_enough(self, tally: Census) -> bool:
        """Tell whether the rows that are asked for are known before the end."""
        is_first = not self.choice.waits and self.choice.top is not None and self.histogram is None
        return is_first and tally.kept >= (self.choice.top or 0)

    def narrowed(self, parts: Sequence[Rows]) -> Rows:
        """Join rows that follow one another, and drop those that cannot be among the final ones."""
        rows = selection.joined(parts) if parts else selection.no_rows(self.space)
        top = None if self.choice.pareto else self.choice.top or (SHOWN if self.choice.waits else None)
        return selection.narrowed(rows, self.choice._replace(top=top))

    def shown(self, part: SweepPart) -> SweepPart:
        """Return a part without the rows that are not shown."""
        if self.waits:
            return part
        return part._replace(rows={name: values[:SHOWN].copy() for name, values in part.rows.items()})

    def merged(self, one: SweepPart, other: SweepPart) -> SweepPart:
        """Return what is shown of a part and the one after it: associative."""
        if one.cloud is not None and other.cloud is not None:
            one.cloud.add(other.cloud)
        rows = self.narrowed([one.rows, other.rows])
        return self.shown(SweepPart(one.tally.and_then(other.tally), rows, one.cloud, one.many + other.many))

    def finished(self, whole: SweepPart) -> SweepPart:
        """Return the final rows and the final tally of all parts."""
        if not self.waits:
            return whole
        rows = selection.narrowed(whole.rows, self.choice)
        kept = len(whole.rows["id"]) if self.choice.pareto else whole.tally.kept
        kept = kept if self.choice.waits else len(rows["id"])
        return whole._replace(rows=rows, tally=whole.tally._replace(kept=kept, noted=selection.noted(rows)))


class Task(NamedTuple):
    """A range to count; a part of it may be there."""

    start: int
    stop: int
    is_there: bool = False


class Work(Protocol):
    """What is done with a range of a sweep, here or in another process."""

    @property
    def sweep(self) -> Sweep:
        """The sweep."""

    def run(self, start: int, stop: int, *, is_there: bool = False) -> SweepPart:
        """Return what comes of a range."""


class Direct(NamedTuple):
    """A sweep whose rows are kept nowhere: parts have all of theirs, or those that are shown."""

    sweep: Sweep
    is_whole: bool

    def run(self, start: int, stop: int, *, is_there: bool = False) -> SweepPart:
        """Count a range."""
        del is_there
        part = self.sweep.evaluate(start, stop)
        return part if self.is_whole else self.sweep.shown(part)


Advance = Callable[[int], object]
"""Takes how many more candidates are counted."""


def in_turn(work: Work, tasks: Iterable[Task], advance: Advance) -> Iterator[SweepPart]:
    """Count ranges one after another in this process."""
    for each in tasks:
        part = work.run(each.start, each.stop, is_there=each.is_there)
        advance(each.stop - each.start)
        yield part
