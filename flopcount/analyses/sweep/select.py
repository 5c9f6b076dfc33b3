"""Which candidates of a sweep are kept: those that meet a condition, the front, the first by a column."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.conditions import Condition
from flopcount.analyses.sweep.axes import in_words, scattered, size
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


class Census(NamedTuple):
    """What became of some candidates: how many were seen, are valid and are kept; tallies of parts add up.

    `reasons` has why others are invalid, as the places of listed values and the number of a check, with how many and
    the first; `missing` the columns in which valid ones have no value, likewise; `noted` those that are shown or
    written: by whether their maps have vanished, the first, the last, and how many; `bins` the histogram of a column,
    as the number of those that meet the condition by the lower end of their bin.
    """

    seen: int = 0
    valid: int = 0
    kept: int = 0
    reasons: Mapping[tuple[tuple[int, ...], int], tuple[int, int]] = MappingProxyType({})
    missing: Mapping[str, tuple[int, int]] = MappingProxyType({})
    noted: Mapping[bool, tuple[int, int, int]] = MappingProxyType({})
    bins: Mapping[int, int] = MappingProxyType({})

    def and_then(self, other: "Census") -> "Census":
        """Return the tally of these candidates and those after them."""
        noted = dict(self.noted)
        for is_gone, (first, last, many) in other.noted.items():
            before = noted.get(is_gone, (first, last, 0))
            noted[is_gone] = before[0], last, before[2] + many
        numbers = (self.seen + other.seen, self.valid + other.valid, self.kept + other.kept)
        bins = {each: self.bins.get(each, 0) + other.bins.get(each, 0) for each in sorted({*self.bins, *other.bins})}
        return Census(*numbers, _summed(self.reasons, other.reasons), _summed(self.missing, other.missing), noted, bins)


K = TypeVar("K")


def _summed(one: Mapping[K, tuple[int, int]], other: Mapping[K, tuple[int, int]]) -> dict[K, tuple[int, int]]:
    """Add numbers, and keep the first candidate of each."""
    found = dict(one)
    for key, (many, first) in other.items():
        before, earliest = found.get(key, (0, first))
        found[key] = before + many, earliest
    return found


def seen(evaluate: Evaluator, chunk: Chunk) -> Census:
    """Return the tally of a chunk, of which nothing is kept yet."""
    valid = int(numpy().count_nonzero(chunk.costs["valid"]))
    return Census(len(chunk.ids), valid, reasons=_reasons(evaluate, chunk) if valid < len(chunk.ids) else {})


def _reasons(evaluate: Evaluator, chunk: Chunk) -> dict[tuple[tuple[int, ...], int], tuple[int, int]]:
    np = numpy()
    names = [each.name for each in evaluate.axes]
    columns = [chunk.digits[names.index(name)] for name in evaluate.listed]
    keys = np.stack([*columns, chunk.costs["reason"]])[:, ~chunk.costs["valid"]]
    ids = np.asarray(chunk.ids)[~chunk.costs["valid"]]
    found, firsts, counts = np.unique(keys, axis=1, return_index=True, return_counts=True)
    pairs = zip(found.T.tolist(), firsts.tolist(), counts.tolist(), strict=True)
    return {(tuple(column[:-1]), column[-1]): (count, int(ids[first])) for column, first, count in pairs}


def lacking(chunk: Chunk, found: Rows) -> dict[str, tuple[int, int]]:
    """Count the valid candidates of a chunk that have no value in a column, and keep the first."""
    places = {name: numpy().flatnonzero(values.mask & chunk.costs["valid"]) for name, values in found.items()}
    return {name: (len(each), int(chunk.ids[each[0]])) for name, each in places.items() if len(each)}


def noted(found: Rows) -> dict[bool, tuple[int, int, int]]:
    """Count candidates that are shown or written, those whose maps have vanished apart; keep two of each."""
    gone = {is_gone: numpy().flatnonzero(found[VANISHED] == is_gone) for is_gone in (False, True)}
    ids = found["id"]
    return {key: (int(ids[each[0]]), int(ids[each[-1]]), len(each)) for key, each in gone.items() if len(each)}


ENDS = (0, *(digit * 10**power for power in range(19) for digit in range(1, 10) if digit * 10**power < 2**63))
"""The lower ends of the bins of histograms: numbers of one digit, whatever the values, so that histograms add up."""


def binned(values: Any) -> dict[int, int]:
    """Return the histogram of integers, without those that are missing."""
    np = numpy()
    known = values.compressed() if np.ma.isMaskedArray(values) else values
    places, counts = np.unique(np.searchsorted(np.array(ENDS), known, side="right") - 1, return_counts=True)
    return {ENDS[place]: count for place, count in zip(places.tolist(), counts.tolist(), strict=True)}


class Tallied(NamedTuple):
    """A space whose candidates were counted, and what became of them."""

    space: Space
    evaluate: Evaluator
    tally: Census

    def missing(self, choice: Selection) -> Iterator[Note]:
        """Yield notes about rows of a joined file without candidate, and candidates without value."""
        title = self.space.joined.title if self.space.joined else ""
        yield from self.space.joined.notes if self.space.joined else ()
        alike: dict[tuple[int, int], list[str]] = {}  # what has no row has none of the columns
        for name, found in self.tally.missing.items():
            alike.setdefault(found, []).append(name)
        for (many, first), names in alike.items():
            has = f"{many:,} of {self.tally.valid:,} candidates {'has' if many == 1 else 'have'} no"
            has = f"{has} {listed(names, MOST_SHOWN)} in {title}"
            then = "".join(f"; {each}" for name in names for each in choice.consequences(name))
            yield Note("not-joined", f"{has}, such as candidate {first}{then}")

    def notes(self) -> tuple[Note, ...]:
        """Return the notes that qualify the numbers of the first and the last candidate, one of each code."""
        ends = (id_ for each in self.tally.noted.values() for id_ in each[:2])
        notes = candidate_notes(self.space, dict.fromkeys(ends))
        first, _, many = self.tally.noted.get(True, (0, 0, 0))
        if many < 2:  # noqa: PLR2004  (the note is about it alone)
            return notes
        what = f"the maps of {many} candidates have vanished, first those of candidate {first}"
        return (*notes, Note("maps-vanished", f"{what}; --id N gives the note of one"))

    def reasons(self) -> Iterator[Reason]:
        """Yield why candidates are invalid, the most frequent first."""
        summed: dict[tuple[str, str], Reason] = {}
        for (places, reason), (count, first) in self.tally.reasons.items():
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


def rows(space: Space, values: "Mapping[str, Array]", chunk: Chunk, where: Condition | None, more: Rows) -> Rows:
    """Return the valid candidates of a chunk that meet the condition, column by column.

    `values` are those of the axes, `more` the columns that were not counted.
    """
    np = numpy()
    kept = chunk.costs["valid"]
    known = {name: chunk.costs[name] for name in space.metrics}
    for (name, each), places in zip(values.items(), chunk.digits, strict=True):
        known[name] = each[places]
    known |= {"id": np.asarray(chunk.ids), **more}
    if where is not None:
        with np.errstate(all="ignore"):
            kept = kept & where(known)
    known[VANISHED] = chunk.costs["vanished"]
    return {name: known[name][kept] for name in (*columns(space), VANISHED)}


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


def joined(parts: Sequence[Rows]) -> Rows:
    """Join rows, column by column."""
    np = numpy()
    if len(parts) == 1:
        return parts[0]
    masked = {name for name, values in parts[0].items() if np.ma.isMaskedArray(values)}
    return {name: (np.ma if name in masked else np).concatenate([each[name] for each in parts]) for name in parts[0]}


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
    """Takes the rows of a sweep; keeps those with the smallest keys, which are as good as random, and the front.

    A column with a minus is maximized. The key of a candidate follows from its id, so the same sweep gives the same
    chart, however it is cut.
    """

    def __init__(self, x: str, y: str) -> None:
        self.pareto = (x, y)
        self.x, self.y = x.removeprefix("-"), y.removeprefix("-")
        self.seen = 0
        self.rows: Rows | None = None
        self.front: Rows | None = None

    def see(self, rows: Rows) -> None:
        """Take account of some rows."""
        rows = with_values(rows, self.pareto)
        if many := len(rows["id"]):
            self.seen += many
            self._keep(rows, rows)

    def add(self, other: "Cloud") -> None:
        """Take account of the rows that another has seen."""
        self.seen += other.seen
        if other.rows is not None and other.front is not None:
            self._keep(other.rows, other.front)

    def _keep(self, rows: Rows, front: Rows) -> None:
        found = joined([rows] if self.rows is None else [self.rows, rows])
        places = numpy().sort(numpy().argsort(scattered(found["id"]), kind="stable")[:MOST])
        self.rows = {name: values[places] for name, values in found.items()}
        self.front = self._front(joined([front] if self.front is None else [self.front, front]))

    def _front(self, found: Rows) -> Rows:
        """Keep one candidate for each point of the front: others would cover it."""
        kept = narrowed(found, Selection(pareto=self.pareto))
        np = numpy()
        x, y = kept[self.x], kept[self.y]
        first = np.concatenate([[True], (x[1:] != x[:-1]) | (y[1:] != y[:-1])])
        return {name: values[first] for name, values in kept.items()}
