"""Which candidates of a sweep are kept: those that meet a condition, the front, the first by a column."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.conditions import Condition
from flopcount.analyses.sweep.axes import in_words, size
from flopcount.analyses.sweep.evaluate import Evaluator
from flopcount.analyses.sweep.grid import OPTIONS, Space
from flopcount.analyses.sweep.join import MOST_SHOWN
from flopcount.analyses.sweep.run import KINDS, Chunk, candidate, why
from flopcount.case import notes_of
from flopcount.errors import Note, UsageError, listed, suggestion

Rows = dict[str, Any]
"""An array for each column."""


class Selection(NamedTuple):
    """The selection of a sweep; a column of `pareto` with a minus is maximized, one of `sort` rises."""

    where: Condition | None = None
    pareto: tuple[str, ...] | None = None
    sort: str | None = None
    top: int | None = None

    @property
    def waits(self) -> bool:
        """Whether the selection is known only at the end."""
        return self.pareto is not None or self.sort is not None

    def consequences(self, name: str) -> Iterator[str]:
        """Yield what becomes of candidates that have no value in a column."""
        if name in {each.removeprefix("-") for each in self.pareto or ()}:
            yield "they are not on the front"
        if self.where and name in self.where.names:
            yield f"no comparison with {name} holds for them"
        if self.sort and self.sort.removeprefix("-") == name:
            yield "they come last"


class Reason(NamedTuple):
    """A reason why candidates are invalid: the layer, how many, the first of them, and its problem."""

    path: str
    many: int
    first: int
    sentence: str


def candidate_notes(space: Space, ids: Iterable[int]) -> tuple[Note, ...]:
    """Return the notes that qualify the numbers of some candidates, one of each code."""
    return notes_of((f"candidate {id_}", space.at(candidate(space, id_))) for id_ in ids)


class Tallied:
    """The state of a sweep: how many candidates were seen, are valid and are kept, and why others are invalid."""

    def __init__(self, space: Space, evaluate: Evaluator) -> None:
        self.space, self.evaluate = space, evaluate
        self.values = {each.name: column(each.values) for each in space.axes}
        self.seen = self.valid = self.kept = 0
        self._reasons: dict[tuple[tuple[int, ...], int], tuple[int, int]] = {}
        self._noted: dict[bool, tuple[int, int, int]] = {}
        self._missing: dict[str, tuple[int, int]] = {}

    def see(self, chunk: Chunk) -> None:
        """Take account of a chunk."""
        valid = int(numpy().count_nonzero(chunk.costs["valid"]))
        self.seen, self.valid = self.seen + len(chunk.ids), self.valid + valid
        if valid < len(chunk.ids):
            self._tally(chunk)

    def _tally(self, chunk: Chunk) -> None:
        np = numpy()
        names = [each.name for each in self.evaluate.axes]
        columns = [chunk.digits[names.index(name)] for name in self.evaluate.listed]
        keys = np.stack([*columns, chunk.costs["reason"]])[:, ~chunk.costs["valid"]]
        ids = np.asarray(chunk.ids)[~chunk.costs["valid"]]
        found, firsts, counts = np.unique(keys, axis=1, return_index=True, return_counts=True)
        for column, first, count in zip(found.T.tolist(), firsts.tolist(), counts.tolist(), strict=True):
            key = (tuple(column[:-1]), column[-1])
            before, earliest = self._reasons.get(key, (0, int(ids[first])))
            self._reasons[key] = (before + count, earliest)

    def miss(self, chunk: Chunk, found: Rows) -> None:
        """Count the valid candidates of a chunk that have no value in a column, and keep the first."""
        for name, values in found.items():
            places = numpy().flatnonzero(values.mask & chunk.costs["valid"])
            if len(places):
                many, first = self._missing.get(name, (0, int(chunk.ids[places[0]])))
                self._missing[name] = many + len(places), first

    def missing(self, choice: Selection) -> Iterator[Note]:
        """Yield notes about rows of a joined file without candidate, and candidates without value."""
        title = self.space.joined.title if self.space.joined else ""
        yield from self.space.joined.notes if self.space.joined else ()
        alike: dict[tuple[int, int], list[str]] = {}  # what has no row has none of the columns
        for name, found in self._missing.items():
            alike.setdefault(found, []).append(name)
        for (many, first), names in alike.items():
            has = f"{many:,} of {self.valid:,} candidates {'has' if many == 1 else 'have'} no"
            has = f"{has} {listed(names, MOST_SHOWN)} in {title}"
            then = "".join(f"; {each}" for name in names for each in choice.consequences(name))
            yield Note("not-joined", f"{has}, such as candidate {first}{then}")

    def note(self, found: Rows) -> None:
        """Count candidates that are shown or written, those whose maps have vanished apart; keep two of each."""
        for is_gone in (False, True):
            places = numpy().flatnonzero(found[VANISHED] == is_gone)
            if len(places):
                first, _, many = self._noted.get(is_gone, (int(found["id"][places[0]]), 0, 0))
                self._noted[is_gone] = first, int(found["id"][places[-1]]), many + len(places)

    def notes(self) -> tuple[Note, ...]:
        """Return the notes that qualify the numbers of the first and the last candidate, one of each code."""
        notes = candidate_notes(self.space, dict.fromkeys(id_ for ends in self._noted.values() for id_ in ends[:2]))
        first, _, many = self._noted.get(True, (0, 0, 0))
        if many < 2:  # noqa: PLR2004  (the note is about it alone)
            return notes
        what = f"the maps of {many} candidates have vanished, first those of candidate {first}"
        return (*notes, Note("maps-vanished", f"{what}; --id N gives the note of one"))

    def reasons(self) -> Iterator[Reason]:
        """Yield why candidates are invalid, the most frequent first."""
        summed: dict[tuple[str, str], Reason] = {}
        for (places, reason), (count, first) in self._reasons.items():
            path = self.evaluate.path(places, reason) if reason >= 0 else ""
            sentence = why(self.space, first, reason)
            found = summed.get((path, sentence), Reason(path, 0, first, sentence))
            summed[path, sentence] = found._replace(many=found.many + count)
        yield from sorted(summed.values(), key=lambda each: (-each.many, each.first))


VANISHED = ""
"""The column that tells whether maps of a candidate do not exist; it is not shown."""


def columns(space: Space) -> tuple[str, ...]:
    """Return the names of the columns."""
    return ("id", *(each.name for each in space.axes), *space.metrics, *(space.joined.columns if space.joined else ()))


def kinds(space: Space) -> dict[str, type]:
    """Return the type of each column, whatever its rows: integers, decimals or words; ids beyond 64 bits too."""
    ids = int if size(space.axes) < 2**63 else str
    numbers = {name: str if KINDS[name] is object else KINDS[name] for name in space.metrics}
    found = {"id": ids, **{each.name: _kind(each.values) for each in space.axes}, **numbers}
    more = space.joined.columns.items() if space.joined else ()
    return found | {name: {"i": int, "f": float}.get(values.dtype.kind, str) for name, values in more}


def _kind(values: Sequence[Any]) -> type:
    found = {type(value) for value in values}
    return str if not found <= {int, float} else float if float in found else int


def named(column: str, space: Space, option: str) -> str:
    """Return the name of a column; refuse any other."""
    if column not in columns(space):
        raise UsageError(f"{option}: there is no column {column[:60]!r}; {suggestion(column, columns(space))}")
    return column


def rows(tallied: Tallied, chunk: Chunk, where: Condition | None) -> Rows:
    """Return the valid candidates of a chunk that meet the condition, column by column."""
    np = numpy()
    kept = chunk.costs["valid"]
    known = {name: chunk.costs[name] for name in tallied.space.metrics}
    for (name, values), places in zip(tallied.values.items(), chunk.digits, strict=True):
        known[name] = values[places]
    known["id"] = np.asarray(chunk.ids)
    if tallied.space.joined is not None:
        more = tallied.space.joined.values(chunk.digits)
        tallied.miss(chunk, more)
        known |= more
    if where is not None:
        with np.errstate(all="ignore"):
            kept = kept & where(known)
    known[VANISHED] = chunk.costs["vanished"]
    return {name: known[name][kept] for name in (*columns(tallied.space), VANISHED)}


def column(values: Sequence[Any]) -> "Array":
    """Return the values of an axis as an array: numbers, or words as options take them."""
    np = numpy()
    if _kind(values) is not str:
        return np.array(values)  # type: ignore[no-any-return]
    result: Array = np.empty(len(values), object)
    result[:] = [in_words(value) for value in values]
    return result


def no_rows(space: Space) -> Rows:
    """Return the columns without any rows."""
    known = {**kinds(space), VANISHED: bool}
    return {name: numpy().empty(0, object if kind is str else kind) for name, kind in known.items()}


def joined(one: Rows | None, other: Rows) -> Rows:
    """Append rows to rows."""
    np = numpy()
    if one is None:
        return other
    masked = {name for name, values in other.items() if np.ma.isMaskedArray(values)}
    return {name: (np.ma if name in masked else np).concatenate([one[name], other[name]]) for name in other}


def narrowed(found: Rows, choice: Selection) -> Rows:
    """Apply the selection to some rows; narrowing parts first gives the same result."""
    np = numpy()
    if choice.pareto is not None:
        found = with_values(found, choice.pareto)
        places = front(*(_keys(found, name, is_large_best=name.startswith("-")) for name in choice.pareto))
        found = {name: values[places] for name, values in found.items()}
    if choice.sort is not None:
        order = np.argsort(_keys(found, choice.sort, is_large_best=not choice.sort.startswith("-")), kind="stable")
        found = {name: values[order] for name, values in found.items()}
    return found if choice.top is None else {name: values[: choice.top] for name, values in found.items()}


def with_values(found: Rows, names: Sequence[str]) -> Rows:
    """Return the rows that have a value in some columns."""
    np = numpy()
    columns = [found[name.removeprefix("-")] for name in names]
    masks = [np.ma.getmaskarray(values) for values in columns if np.ma.isMaskedArray(values)]
    return {name: values[~np.logical_or.reduce(masks)] for name, values in found.items()} if masks else found


def _keys(found: Rows, name: str, *, is_large_best: bool) -> "Array":
    """Return numbers that rise from the best row by a column to the worst; rows without a value come last."""
    np = numpy()
    values: Array = found[name.removeprefix("-")]
    if values.dtype == object or np.ma.isMaskedArray(values):
        ranks = np.unique(np.ma.getdata(values), return_inverse=True)[1]
        values = np.where(np.ma.getmaskarray(values), len(values) * (-1 if is_large_best else 1), ranks)
    return values if not is_large_best else ~values if values.dtype.kind == "i" else -values


def front(*columns: "Array") -> "Array":
    """Return the undominated places, rising in the first column: no other is as small in all and smaller in one."""
    np = numpy()
    order: Array = np.lexsort(columns[::-1])
    if len(columns) > 2:  # noqa: PLR2004  (a front of two is found in one walk)
        ranks = [np.unique(column, return_inverse=True)[1] for column in columns]
        order = order[_undominated(np.stack(ranks, axis=1)[order])]
    if len(columns) > 2 or not len(order):  # noqa: PLR2004
        return order
    x, y = (column[order] for column in columns)
    starts = np.searchsorted(x, x, side="left")
    least = np.minimum.accumulate(y)
    before = least[np.maximum(starts, 1) - 1]
    kept: Array = order[((starts == 0) | (y < before)) & (y == y[starts])]
    return kept


MOST_FRONT = 10_000
"""The most points of a front of more than two columns: it takes a step for each."""


def _undominated(points: "Array") -> "Array":
    """Return the undominated places of sorted points: what follows the first and beats it nowhere leaves with it."""
    np = numpy()
    left, kept = np.arange(len(points)), np.zeros(len(points), bool)
    for _ in range(MOST_FRONT):
        if not len(left):
            break
        first = points[left[0]]
        kept[left[(points[left] == first).all(axis=1)]] = True
        left = left[(points[left] < first).any(axis=1)]
    if len(left):
        many = f"more than {MOST_FRONT:,} points are on the front of {points.shape[1]} columns"
        raise UsageError(f"--pareto: {many}; narrow it with --where, or name two columns")
    result: Array = np.flatnonzero(kept)
    return result


def cells(found: "Mapping[str, Array]") -> Iterator[tuple[Any, ...]]:
    """Yield rows as plain values."""
    yield from zip(*(values.tolist() for name, values in found.items() if name != VANISHED), strict=True)


def described(space: Space, id_: int) -> str:
    """Return the options that count a candidate alone."""
    texts = ((name, in_words(value)) for name, value in candidate(space, id_).items())
    return " ".join(f"--{name} {text}" if name in OPTIONS else f"--set '{name}={text}'" for name, text in texts)


# For the chart of a sweep: a uniform sample of the candidates, and the front of all.

MOST = 4000
"""The most candidates in a chart: more would be unreadable, and the file too large."""


class Cloud:
    """Takes the rows of a sweep as they come; keeps those with the smallest random keys, and the front.

    A column with a minus is maximized.
    """

    def __init__(self, x: str, y: str) -> None:
        self.pareto = (x, y)
        self.x, self.y = x.removeprefix("-"), y.removeprefix("-")
        self.seen = 0
        self.rows: Rows | None = None
        self.front: Rows | None = None
        self._stream = numpy().random.Generator(numpy().random.PCG64(0))  # the same sweep gives the same chart
        self._keys: Array = numpy().empty(0)

    def see(self, rows: Rows) -> None:
        """Take account of some rows."""
        np = numpy()
        rows = with_values(rows, self.pareto)
        many = len(rows["id"])
        self.seen += many
        if not many:
            return
        keys = np.concatenate([self._keys, self._stream.random(many)])
        places = np.sort(np.argsort(keys, kind="stable")[:MOST])
        found = joined(self.rows, rows)
        self.rows, self._keys = {name: values[places] for name, values in found.items()}, keys[places]
        self.front = self._front(joined(self.front, rows))

    def _front(self, found: Rows) -> Rows:
        """Keep one candidate for each point of the front: others would cover it."""
        kept = narrowed(found, Selection(pareto=self.pareto))
        np = numpy()
        x, y = kept[self.x], kept[self.y]
        first = np.concatenate([[True], (x[1:] != x[:-1]) | (y[1:] != y[:-1])])
        return {name: values[first] for name, values in kept.items()}
