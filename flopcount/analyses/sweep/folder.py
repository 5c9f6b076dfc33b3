"""The folder of a large sweep: a Parquet file for each range of candidates, and a manifest.

A part is written under another name and renamed when it is whole; an object store, which has no renaming, takes it
in one piece. So a part that is there is whole, and its metadata say what became of the candidates that it has no
rows of. The manifest says which sweep this is before the first part is written, and what came of it after the last.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

from flopcount import __version__
from flopcount.analyses.arrays import numpy
from flopcount.analyses.sweep.axes import digits, size
from flopcount.analyses.sweep.evaluate import VALID
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.join import Joined
from flopcount.analyses.sweep.parts import Sweep, SweepPart
from flopcount.analyses.sweep.run import Chunk
from flopcount.analyses.sweep.select import VANISHED, Census
from flopcount.analyses.sweep.table import arrow, schema, table
from flopcount.errors import BadInput, FileError, UsageError, missing, plain, reason
from flopcount.formulas.shape import PerAxis
from flopcount.spec.text import PARTIAL

MANIFEST, GONE = "_manifest.json", "maps_vanished"
"""The manifest, whose name readers of Parquet folders skip, and the column of candidates whose maps do not exist."""

FORMAT = 1
"""The version of manifests and parts."""

ATOMIC = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "hf", "memory", "oci", "oss", "s3", "s3a"})
"""The protocols of stores that show a file when it is whole, and have no renaming."""

_NAME = re.compile(r"(\d+)-(\d+)\.parquet")


class Folder:
    """A folder by its path or URL, of any file system that fsspec knows. It can be pickled."""

    def __init__(self, url: str, option: str = "-o") -> None:
        """Keep the folder; a UsageError says that the system is unknown, or what to install for it."""
        self.url, self.option = url, option
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise missing(f"{option} {plain(url[:200])}: a folder of results", "fsspec pyarrow", "parquet") from None
        try:
            self.system, self.path = url_to_fs(url)
        except OSError as error:
            raise UsageError(f"{option} {plain(url[:200])}: {plain(reason(error)[:200])}") from None
        except Exception as error:  # noqa: BLE001  (whatever the system of a URL raises)
            raise UsageError(f"{option} {plain(url[:200])}: {plain(str(error)[:200])}") from None

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's own file systems."""
        return "file" in self.protocols

    @property
    def protocols(self) -> frozenset[str]:
        """The names of its file system in URLs."""
        found = self.system.protocol
        return frozenset({found} if isinstance(found, str) else found)

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Tell what a file system refuses in one sentence."""
        try:
            yield
        except BadInput:
            raise
        except OSError as error:
            again = "; once it can, run the same command to go on" if what == "written" else ""
            raise FileError(self.url, f"cannot be {what}: {plain(reason(error)[:200])}{again}") from None
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever the system of a URL raises)
            raise FileError(self.url, f"cannot be {what}: {plain(f'{type(error).__name__}: {error}'[:200])}") from None

    def write(self, name: str, content: bytes) -> None:
        """Write a file that is whole or not there."""
        with self.told("written"):
            if self.protocols & ATOMIC:
                self.system.pipe_file(f"{self.path}/{name}", content)
                return
            waiting = f"{self.path}/.{name}.{uuid4().hex}{PARTIAL}"
            try:
                self.system.pipe_file(waiting, content)
                self.system.mv(waiting, f"{self.path}/{name}")
            except BaseException:
                with suppress(Exception):
                    self.system.rm_file(waiting)
                raise

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        with self.told("read"):
            try:
                return bytes(self.system.cat_file(f"{self.path}/{name}"))
            except FileNotFoundError:
                return None

    def names(self) -> list[str]:
        """Return the names of the files in the folder, none if there is no folder."""
        with self.told("read"):
            self.system.invalidate_cache()
            try:
                return [str(each).rstrip("/").rpartition("/")[2] for each in self.system.ls(self.path, detail=False)]
            except FileNotFoundError:
                return []

    def made(self) -> None:
        """Make the folder; a store that has none makes it with its first file."""
        with self.told("written"):
            self.system.makedirs(self.path, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here, on a file system with locks; elsewhere two write the same parts."""
        lock = self._lock() if self.is_local else None
        try:
            if lock is not None:
                for name in self.names():
                    if name.startswith(".") and name.endswith(PARTIAL):  # what a kill has left
                        with suppress(OSError):
                            self.system.rm_file(f"{self.path}/{name}")
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def _lock(self) -> int | None:
        try:
            import fcntl
        except ImportError:  # Windows, where a folder has no lock
            return None
        with self.told("read"):
            descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            what = "another sweep is writing it; wait for its end, or name another folder"
            raise UsageError(f"{self.option} {plain(self.url[:200])}: {what}") from None
        except OSError:  # a file system without locks
            os.close(descriptor)
            return None
        return descriptor


class Store(NamedTuple):
    """A sweep and the folder of its parts, whose columns have `names`; plain data that can be pickled."""

    folder: Folder
    sweep: Sweep
    names: tuple[str, ...]
    mark: str
    may_vanish: bool

    def run(self, start: int, stop: int, *, is_there: bool = False) -> SweepPart:
        """Read a part that is there, or count it and write it; return what is shown of it."""
        part = self.part(start, stop) if is_there else None
        if part is None:
            part = self.sweep.evaluate(start, stop)
            self.folder.write(self.name(start, stop), self._content(part))
        return self.sweep.shown(part)

    def name(self, start: int, stop: int) -> str:
        """Return the name of a part."""
        width = len(str(self.sweep.many))
        return f"{start:0{width}}-{stop:0{width}}.parquet"

    def present(self) -> frozenset[int]:
        """Return where the parts begin that are there."""
        found = (_NAME.fullmatch(name) for name in self.folder.names())
        pairs = ((int(each[1]), int(each[2])) for each in found if each)
        length, many = self.sweep.length, self.sweep.many
        return frozenset(start for start, stop in pairs if start % length == 0 and stop == min(start + length, many))

    def _content(self, part: SweepPart) -> bytes:
        pa = arrow(f"-o {self.folder.url}: a folder of results")
        columns, rows = self._schema(pa), part.rows
        about = json.dumps({"format": FORMAT, "sweep": self.mark, "tally": written(part.tally)})
        found = table(pa, columns.with_metadata({"flopcount": about}), rows)
        axes = {each.name for each in self.sweep.space.axes}
        packed = [field.name for field in columns if field.type == pa.int64() and field.name not in axes]
        sink = pa.BufferOutputStream()
        pa.parquet.write_table(
            found,
            sink,
            compression="zstd",
            use_dictionary=[field.name for field in columns if field.name not in packed and field.type != pa.bool_()],
            column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"),
        )
        return bytes(sink.getvalue())

    def _schema(self, pa: Any) -> Any:
        found = schema(pa, self.sweep.space, self.names)
        return found.append(pa.field(GONE, pa.bool_())) if self.may_vanish else found

    def part(self, start: int, stop: int) -> SweepPart | None:
        """Return a part that is there; None if it cannot be read, as after a power cut."""
        found = self._found(start, stop)
        if found is None:
            return None
        tally, chunk = found
        again = self.sweep._replace(choice=self.sweep.choice._replace(where=None))
        part = again.gathered([chunk])
        return part._replace(tally=tally)

    def chunk(self, start: int, stop: int) -> tuple[Census, Chunk]:
        """Return the tally of a part that is there, and its rows as candidates that are all valid."""
        found = self._found(start, stop)
        if found is None:
            path = f"{self.folder.url.rstrip('/')}/{self.name(start, stop)}"
            raise FileError(path, "cannot be read; delete it, and run the sweep again")
        return found

    def _found(self, start: int, stop: int) -> tuple[Census, Chunk] | None:
        pa = arrow(f"{self.folder.option} {self.folder.url}: a folder of results")
        content = self.folder.read(self.name(start, stop))
        if content is None:
            return None
        try:
            found = pa.parquet.read_table(pa.BufferReader(content))
            about = json.loads((found.schema.metadata or {})[b"flopcount"])
            tally = read(about["tally"])
        except (pa.ArrowException, KeyError, TypeError, ValueError):
            return None
        if about.get("sweep") != self.mark:
            raise UsageError(
                f"{self.folder.option} {plain(self.folder.url[:200])}: {self.name(start, stop)} is of another sweep; "
                "name another folder"
            )
        return tally, self._chunk(start, found)

    def _chunk(self, start: int, found: Any) -> Chunk:
        np, space = numpy(), self.sweep.space
        ids = found.column(0).to_numpy()
        if size(space.axes) >= 2**63:
            ids = np.array([*map(int, ids)], object)
        first = 1 + len(space.axes)
        columns = found.columns[first : first + len(space.metrics)]
        rows = {name: _values(np, each) for name, each in zip(space.metrics, columns, strict=True)}
        gone = found.column(GONE).to_numpy() if GONE in found.column_names else np.zeros(len(ids), bool)
        return chunk_of(space, {"id": ids, **rows, VANISHED: gone}, start)


def chunk_of(space: Space, rows: Mapping[str, Any], start: int = 0) -> Chunk:
    """Return rows as candidates that are all valid."""
    np = numpy()
    costs = {name: rows[name] for name in space.metrics}
    costs |= {"valid": np.ones(len(rows["id"]), bool), "reason": np.full(len(rows["id"]), VALID)}
    sizes, ids = [len(each.values) for each in space.axes], rows["id"]
    is_small = ids.dtype.kind == "i"
    places = digits(sizes, ids) if is_small else np.array([digits(sizes, each) for each in ids], object).T
    digit = tuple(each.astype(np.int64) for each in places)
    return Chunk(start, rows["id"], digit, {**costs, "vanished": rows[VANISHED]})


def may_vanish(sweep: Sweep) -> bool:
    """Tell whether maps of valid candidates may not exist, which only one rule of padding allows."""
    space = sweep.space
    words = [each.values for each in space.axes if not each.is_number]
    return sweep.evaluator.may_vanish and "valid-round" in repr((space.spec.source.data, space.case.settings, words))


class Again(NamedTuple):
    """A question to the parts of a folder, which may be the one that they answered before."""

    store: Store
    sweep: Sweep
    is_whole: bool
    is_same: bool = False

    def run(self, start: int, stop: int, *, is_there: bool = False) -> SweepPart:
        """Read a part, and return what comes of its rows."""
        del is_there
        tally, chunk = self.store.chunk(start, stop)
        part = self.answer(tally, chunk)
        return part if self.is_whole else self.sweep.shown(part)

    def answer(self, tally: Census, chunk: Chunk) -> SweepPart:
        """Return what comes of rows whose tally is known."""
        part = self.sweep.gathered([chunk])
        own = part.tally._replace(seen=tally.seen, valid=tally.valid, reasons=tally.reasons)
        return part._replace(tally=tally if self.is_same else own)


def _values(np: Any, column: Any) -> Any:
    """Return a column of metrics; words are numbers of several axes."""
    values = column.to_pylist() if str(column.type) == "string" else None
    if values is None:
        return column.to_numpy()
    result = np.empty(len(values), object)
    result[:] = [PerAxis(float(each) for each in text.split("×")) for text in values]
    return result


def written(tally: Census) -> dict[str, Any]:
    """Return a tally as data."""
    return {
        **{name: getattr(tally, name) for name in ("seen", "valid", "kept")},
        "reasons": [[list(places), number, *found] for (places, number), found in tally.reasons.items()],
        "missing": [[name, *found] for name, found in tally.missing.items()],
        "noted": [[is_gone, *found] for is_gone, found in tally.noted.items()],
        "bins": [*tally.bins.items()],
    }


def read(data: Mapping[str, Any]) -> Census:
    """Return the tally that data say."""
    return Census(
        data["seen"],
        data["valid"],
        data["kept"],
        {(tuple(places), number): (many, first) for places, number, many, first in data["reasons"]},
        {name: (many, first) for name, many, first in data["missing"]},
        {is_gone: (first, last, many) for is_gone, first, last, many in data["noted"]},
        dict(data["bins"]),
    )


def identity(sweep: Sweep) -> dict[str, Any]:
    """Return what makes a sweep the one it is, as data: two with the same have the same parts.

    The program follows from the rest, and from how this version of flopcount counts.
    """
    space, choice, program = sweep.space, sweep.choice, [*sweep.evaluator.programs.items()]
    return {
        "network": _hash(_network(space)),
        "axes": {each.name: [*each.values] for each in space.axes},
        "sample": sweep.drawn.many if sweep.drawn else None,
        "seed": sweep.drawn.seed if sweep.drawn else None,
        "convention": {"name": space.convention.name, "params": space.convention.params_name},
        "metrics": [*space.metrics],
        "where": choice.where.text if choice.where else None,
        "pareto": [*choice.pareto] if choice.pareto else None,
        "sort": choice.sort,
        "top": choice.top,
        "histogram": sweep.histogram,
        "join": _hash(_columns(space.joined)) if space.joined else None,
        "program": _hash(program),
    }


def _hash(data: object) -> str:
    return f"sha256:{sha256(repr(data).encode()).hexdigest()}"


ABOUT = frozenset({"name", "description", "claims", "budget", "space"})
"""What an arch file says that changes no number of a network; the first two have the name of a model's file."""


def _network(space: Space) -> list[object]:
    """Return what a file and the options that are fixed say of a network."""
    case = space.case
    settings = [(each.address, each.values) for each in case.settings]
    options = (case.input, case.batch, case.width, case.variant, settings, case.precision, case.training)
    return [{name: each for name, each in space.spec.source.data.items() if name not in ABOUT}, options]


def _columns(joined: Joined) -> list[object]:
    return [joined.codes.tolist(), [(name, values.tolist()) for name, values in joined.columns.items()]]


def mark_of(data: Mapping[str, Any]) -> str:
    """Return the hash of an identity, which every part has."""
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def manifest(folder: Folder) -> dict[str, Any] | None:
    """Return the manifest of a folder; None if it has none."""
    content = folder.read(MANIFEST)
    if content is None:
        return None
    try:
        found = json.loads(content)
        is_known = found["format"] == FORMAT and isinstance(found["sweep"], dict)
    except (KeyError, TypeError, ValueError):
        is_known = False
    if not is_known:
        raise no_manifest(folder)
    return dict(found)


def no_manifest(folder: Folder) -> FileError:
    """Return the error that a manifest is not what a sweep writes."""
    path = f"{folder.url.rstrip('/')}/{MANIFEST}"
    return FileError(path, f"this is no manifest of format {FORMAT}; name another folder")


def check_same(folder: Folder, found: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse a folder with another sweep, and name what differs."""
    data = json.loads(json.dumps(own))
    others = [name for name in data if found["sweep"].get(name) != data[name]]
    if others == ["program"]:
        wrote = plain(str(found.get("flopcount"))[:60])
        what = f"flopcount {wrote} wrote it, and this one, {__version__}, counts otherwise"
    elif others:
        what = f"it has another sweep, which differs in {' and '.join(each for each in others if each != 'program')}"
    else:
        return
    raise UsageError(f"{folder.option} {plain(folder.url[:200])}: {what}; name another folder")
