"""Columns of a sweep that come from a CSV file, such as accuracies: joined by id, by axes or by the name."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.analyses.arrays import Array, numpy
from flopcount.analyses.sweep.axes import Axis, digits, in_words, number, size
from flopcount.errors import FileError, Located, Note, listed, plain
from flopcount.spec.text import MOST_BYTES, read_bytes, utf8
from flopcount.spec.units import METRICS

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_PAIR = re.compile(r"(?:--set\s+)?['\"]?(?:--)?([^\s=,'\"]+)(?:=|\s+)([^\s,'\"]+)['\"]?")

LONGEST, MOST_MAGNITUDE = 100, 300
"""The longest cell that is a number, and the largest exponent of ten."""

MOST_SHOWN = 6
"""Values of an axis, and columns, that a sentence lists."""


class Joined(NamedTuple):
    """The columns of a file: masked arrays whose last element is missing, in the order of the sorted `codes`.

    A code is the number of a row over the axes at `places`. `words` are the first cells that are no numbers, by column.
    """

    title: str
    by: str
    places: tuple[int, ...]
    sizes: tuple[int, ...]
    codes: Array
    columns: Mapping[str, Any]
    words: Mapping[str, Located]
    notes: tuple[Note, ...]

    def values(self, every: "Sequence[Array]") -> dict[str, Any]:
        """Return the columns of candidates, of which each axis has the place of its value."""
        np = numpy()
        kind = np.int64 if prod(self.sizes) < 2**63 else object
        codes = np.asarray(number(self.sizes, [every[place].astype(kind) for place in self.places]))
        rows = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        rows = np.where(self.codes[rows] == codes, rows, len(self.codes))
        return {name: values[rows] for name, values in self.columns.items()}

    def check_number(self, name: str, option: str) -> None:
        """Refuse a column with a cell that is not a number."""
        if name in self.words:
            found = self.words[name]
            raise FileError(self.title, found._replace(what=f"{found.what}, which {option} needs; {_EMPTY}"))


_EMPTY = "write a number, or leave the cell empty"


class _Lines(NamedTuple):
    """A file of rows: its title, the names of its columns, and its rows with their lines."""

    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def wrong(self, line: int, what: str) -> FileError:
        return FileError(self.title, Located(plain(what), line, 1, code="join"))

    def column(self, name: str) -> Iterator[tuple[int, str]]:
        place = self.names.index(name)
        return ((line, cells[place]) for line, cells in self.rows)


def joined(path: str, axes: Sequence[Axis], fixed: Sequence[Axis] = (), title: str = "") -> Joined:
    """Read a file of columns for the candidates of a grid; a FileError says which line is wrong.

    A row with another value of what is fixed is about no candidate. `title` is the file's name in notes.
    """
    lines = _read(path)
    lines = lines._replace(title=plain(title or path))
    own = {each.name for each in axes}
    by = [name for name in ("id",) if name in lines.names] or [each for each in lines.names if each in own]
    by = by or [name for name in ("name",) if name in lines.names]
    names = [each for each in lines.names if each and each not in {*by, *own, *METRICS, *(one.name for one in fixed)}]
    example = ",".join((*(each.name for each in axes[:MOST_SHOWN]), "accuracy"))
    if not by:
        raise lines.wrong(1, f"no column says which candidate a row is about; write id,accuracy or {example}")
    if not names:
        raise lines.wrong(1, f"there is no column to join; write {','.join(by)},accuracy")
    return _joined(lines, axes, fixed, by, names)


def _joined(
    lines: _Lines, axes: Sequence[Axis], fixed: Sequence[Axis], by: Sequence[str], names: Sequence[str]
) -> Joined:
    np = numpy()
    places = tuple(place for place, each in enumerate(axes) if by[0] in {"id", "name"} or each.name in by)
    sizes = tuple(len(axes[place].values) for place in places)
    rows, notes = _coded(lines, [axes[place] for place in places], fixed, by)
    order = sorted(rows)
    known = lines._replace(rows=tuple(lines.rows[rows[code]] for code in order))
    words = {name: found for name in names if (found := _word(lines, name))}
    columns = {name: _column(known, name, is_word=name in words) for name in names}
    codes = np.array(order, np.int64 if prod(sizes) < 2**63 else object)
    ignored = [name for name in lines.names if name in METRICS]
    if ignored:
        what = f"{lines.title}: not joined: {listed(ignored, MOST_SHOWN)}, which sweep counts itself"
        notes.append(Note("join-metrics", what))
    return Joined(lines.title, " and ".join(by), places, sizes, codes, columns, words, tuple(notes))


def _coded(
    lines: _Lines, axes: Sequence[Axis], fixed: Sequence[Axis], by: Sequence[str]
) -> tuple[dict[int, int], list[Note]]:
    """Return the row of each code, and a note on rows that are about no candidate."""
    indices = [_index(each) for each in axes]
    alone = [(each, _index(each)) for each in fixed]
    found: dict[int, int] = {}
    outside: list[str] = []
    for row, (line, cells) in enumerate(lines.rows):
        each = dict(zip(lines.names, cells, strict=True))
        each = {**dict(_PAIR.findall(each["name"])), **each} if by[0] == "name" else each
        others = (one for one, index in alone if each.get(one.name) and _key(one, each[one.name]) not in index)
        code: int | str
        if (other := next(others, None)) is not None:
            code = f"{other.name} {plain(each[other.name])} is not {in_words(other.values[0])}, which is fixed here"
        else:
            code = (_by_id if by[0] == "id" else _by_axes)(lines, line, each, axes, indices)
        if isinstance(code, str):
            outside.append(f"line {line}: {code}")
        elif code in found:
            what = ", ".join(f"{name} {each[name]}" for name in by)
            raise lines.wrong(line, f"{what} occurs twice, first on line {lines.rows[found[code]][0]}; keep one row")
        else:
            found[code] = row
    if not found:
        raise lines.wrong(0, f"no row is about a candidate of this grid; {outside[0]}")
    many = f"{len(outside)} {'row is' if len(outside) == 1 else 'rows are'} about no candidate of this grid"
    return found, [Note("join-outside", f"{lines.title}: {many}; {outside[0]}")] if outside else []


def _by_id(
    lines: _Lines, line: int, row: Mapping[str, str], axes: Sequence[Axis], indices: Sequence[Mapping[Any, int]]
) -> int:
    """Return the id of a row; refuse one whose axes differ."""
    found = _number(row["id"])
    if found is None or found.denominator > 1 or not 0 <= found < size(axes):
        raise lines.wrong(line, f"id {row['id']!r} is not a candidate; ids go from 0 to {size(axes) - 1}")
    places = digits([len(each.values) for each in axes], int(found))
    for axis, index, place in zip(axes, indices, places, strict=True):
        if row.get(axis.name) and index.get(_key(axis, row[axis.name])) != place:
            has = f"candidate {found} has {axis.name} {in_words(axis.values[place])}, not {row[axis.name]}"
            raise lines.wrong(line, f"{has}; the ids are of another grid: remove the column id to join by axes")
    return int(found)


def _by_axes(
    lines: _Lines, line: int, row: Mapping[str, str], axes: Sequence[Axis], indices: Sequence[Mapping[Any, int]]
) -> int | str:
    """Return the code of a row, or why it is about no candidate; refuse what cannot be a value of an axis."""
    places = []
    for axis, index in zip(axes, indices, strict=True):
        if not (text := row.get(axis.name, "")) or _key(axis, text) is None:
            what = f"{axis.name} {text[:60]!r} is not a number" if text else f"the row has no {axis.name}"
            example = " ".join(f"{each.name}={in_words(each.values[0])}" for each in axes[:MOST_SHOWN])
            raise lines.wrong(line, f"{what}; expected values such as {example}")
        if _key(axis, text) not in index:
            return f"{axis.name} {plain(text)} is not one of {listed(map(in_words, axis.values), MOST_SHOWN)}"
        places.append(index[_key(axis, text)])
    return int(number([len(each.values) for each in axes], places))


def _index(axis: Axis) -> dict[Any, int]:
    keys = (Fraction(each, axis.per) for each in axis.numerators) if axis.is_number else map(in_words, axis.values)
    return {key: place for place, key in enumerate(keys)}


def _key(axis: Axis, text: str) -> Fraction | str | None:
    """Return a cell as the index of its axis has it: True is what pandas makes of true."""
    return _number(text) if axis.is_number else text.lower() if text in {"True", "False"} else text


def _number(text: str) -> Fraction | None:
    if len(text) > LONGEST or not _NUMBER.fullmatch(text) or abs(Decimal(text).adjusted()) > MOST_MAGNITUDE:
        return None
    return Fraction(Decimal(text))


def _word(lines: _Lines, name: str) -> Located | None:
    """Return the first cell of a column that is not a number."""
    cells = ((line, cell) for line, cell in lines.column(name) if cell and _number(cell) is None)
    found = (Located(plain(f"{name} {cell[:60]!r} is not a number"), line, 1, code="join") for line, cell in cells)
    return next(found, None)


def _column(lines: _Lines, name: str, *, is_word: bool) -> Any:
    """Return a column as exact integers, decimals or words, and a missing value after its last."""
    np = numpy()
    cells = [*lines.column(name), (0, "")]
    is_whole = all(_INTEGER.fullmatch(cell) for _, cell in cells if cell)
    kind: Any = str if is_word else int if is_whole and any(cell for _, cell in cells) else float
    for line, cell in () if is_word else cells:
        if _INTEGER.fullmatch(cell) and not (abs(int(cell)) < 2**63 if is_whole else int(float(cell)) == int(cell)):
            raise lines.wrong(line, f"{name} {cell} has too many digits to be exact; write it in a larger unit")
    values: Array = np.empty(len(cells), {int: np.int64, float: np.float64}.get(kind, object))
    values[:] = [kind(cell or 0) if cell or not is_word else "" for _, cell in cells]
    return np.ma.array(values, mask=[not cell for _, cell in cells])


def _read(path: str) -> _Lines:
    """Read a file of rows, separated by commas, semicolons or tabs."""
    text = _text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, tuple(map(str.strip, row))) for row in reader]
    except csv.Error as error:
        raise _no_csv(path, plain(f"not CSV: {error}"), reader.line_num) from None
    (_, header), *others = [each for each in rows if any(each[1])] or [(1, ())]
    lower = {*METRICS, "id", "name"}
    names = tuple(name.lower() if name.lower() in lower else name for name in header)
    lines = _Lines(plain(path), names, tuple(others))
    _check(lines)
    return lines


def _check(lines: _Lines) -> None:
    """Refuse columns of one name, rows of another length, and a file without rows."""
    twice = next((name for place, name in enumerate(lines.names) if name and name in lines.names[:place]), None)
    if twice is not None:
        raise lines.wrong(1, f"two columns have the name {twice!r}; rename one")
    for line, cells in lines.rows:
        if len(cells) != len(lines.names):
            what = f"cells in this row: {len(cells)}, columns in the first line: {len(lines.names)}"
            raise lines.wrong(line, f"{what}; quote a cell that has a comma")
    if not lines.rows:
        raise _no_csv(lines.title, "there are no rows")


def _no_csv(title: str, what: str, line: int = 0) -> FileError:
    hint = "expected CSV whose first line names its columns, such as id,accuracy"
    return FileError(title, Located(f"{what}; {hint}", line, int(line > 0), code="join"))


def _text(path: str) -> str:
    content = read_bytes(Path(path), path)
    if len(content) > MOST_BYTES:
        raise FileError(path, f"larger than {MOST_BYTES >> 20} MiB; keep the rows of this grid")
    if (text := utf8(content)) is None:
        raise _no_csv(path, "this is not text in UTF-8")
    return text
