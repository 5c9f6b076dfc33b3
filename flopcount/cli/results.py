"""Folders of results: a sweep that writes one and can be gone on with, and questions to one that is there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flopcount import __version__
from flopcount.analyses.sweep.folder import (
    FORMAT,
    MANIFEST,
    Again,
    Folder,
    Store,
    check_same,
    chunk_of,
    identity,
    manifest,
    mark_of,
    may_vanish,
    no_manifest,
)
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.join import joined
from flopcount.analyses.sweep.parts import Sweep, SweepPart, Task
from flopcount.analyses.sweep.run import Drawn, evaluator
from flopcount.analyses.sweep.select import Tallied
from flopcount.case import load_bytes
from flopcount.cli.files import names
from flopcount.cli.loading import Options
from flopcount.cli.output import Output
from flopcount.cli.streaming import Kept, Place, charted, chosen, counted_by, grid, merged, running, shown, written
from flopcount.errors import Note, UsageError, plain
from flopcount.readers.reference import MOST_SENT
from flopcount.report.cost import in_macs
from flopcount.report.table import Line, plural
from flopcount.spec.text import decoded


class Request(NamedTuple):
    """The command line that asked for a sweep, from which its network can be read again."""

    arch: str
    batches: str | None
    options: Options
    join: str | None = None

    def data(self) -> dict[str, Any]:
        """Return it as data; with the text of an arch file, so that the folder can be read without it."""
        path = Path(self.arch)
        is_text = path.suffix.lower() in {".toml", ".json"} and path.is_file() and path.stat().st_size <= MOST_SENT
        text = decoded(path.read_bytes(), self.arch) if is_text else None
        arch = str(path.resolve()) if path.is_file() else self.arch
        join = {"title": self.join, "path": str(Path(self.join).resolve())} if self.join else None
        return {"arch": arch, "text": text, "batch": self.batches, "options": self.options._asdict(), "join": join}


def stored(sweep: Sweep, asked: Request, place: Place, out: Output) -> None:
    """Run a sweep whose parts are kept in a folder; those that are there are not counted again."""
    folder, own = Folder(str(out.output)), identity(sweep)
    if out.plot is not None:
        raise UsageError(f"--plot: draw what the folder has: flopcount sweep --results {folder.url} --plot {out.plot}")
    if place.is_cluster and "memory" in folder.protocols:
        raise UsageError(f"-o {folder.url}: it is in the memory of one process; name another folder")
    store = Store(folder, sweep, names(sweep.space), mark_of(own), may_vanish(sweep))
    folder.made()
    with folder.locked():
        known = manifest(folder)
        if known is not None:
            check_same(folder, known, own)
        name = sweep.space.spec.arch.name
        head = {"format": FORMAT, "flopcount": __version__, "name": name, "sweep": own, "asked": asked.data()}
        if known is None:
            folder.write(MANIFEST, _text({**head, "complete": False}))
        there = store.present()
        tasks = [Task(each.start, each.stop, each.start in there) for each in sweep.ranges()]
        with running(place, f"what is counted is in {folder.url}; run the same command to go on") as run:
            whole = merged(sweep, run(store, tasks, returns_rows=False))
            many = whole.many
        folder.write(MANIFEST, _text({**head, **_outcome(sweep, whole, tasks[:many]), "complete": True}))
    before = sum(each.is_there for each in tasks[:many])
    said = f"{plural(many, 'part', 'parts')} in {folder.url}{f', {before} of them from before' if before else ''}"
    more = f"flopcount sweep --results {folder.url} --top N shows N"
    shown(sweep, whole, out._replace(output=None), lines=[Line("file", said)], more=more)


def _text(data: Mapping[str, Any]) -> bytes:
    lines = (f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in data.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _outcome(sweep: Sweep, whole: SweepPart, tasks: list[Task]) -> dict[str, Any]:
    """Return what came of a sweep as data."""
    tally = whole.tally
    invalid = Tallied(sweep.space, sweep.evaluator, tally).reasons()
    return {
        "ranges": {"length": sweep.length, "parts": len(tasks), "stop": tasks[-1].stop if tasks else 0},
        "counts": {"seen": tally.seen, "valid": tally.valid, "invalid": tally.seen - tally.valid, "kept": tally.kept},
        "invalid": [each._asdict() for each in invalid],
    }


class Results(NamedTuple):
    """A folder of results, the sweep that it has, and whether all of that is there."""

    store: Store
    is_complete: bool

    @property
    def sweep(self) -> Sweep:
        """The sweep."""
        return self.store.sweep


def results_in(url: str, arch: str | None, join: str | None) -> Results:
    """Open a folder; `arch` and `join` are where the files of its sweep are now, if they have moved."""
    folder = Folder(url, "--results")
    known = manifest(folder)
    if known is None:
        raise UsageError(f"--results {plain(url[:200])}: there is no {MANIFEST}; flopcount sweep -o FOLDER/ writes one")
    _check_there(url, known.get("asked"), arch, join)
    try:
        sweep, is_complete = _sweep_of(known["sweep"], known["asked"], arch, join), bool(known["complete"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise no_manifest(folder) from None
    check_same(folder, known, own := identity(sweep))
    return Results(Store(folder, sweep, names(sweep.space), mark_of(own), may_vanish(sweep)), is_complete)


def _check_there(url: str, asked: Any, arch: str | None, join: str | None) -> None:
    """Refuse a manifest whose files have left, unless they are named, and say how to name them."""
    if not isinstance(asked, dict):
        return
    network, rows = asked.get("arch") if not asked.get("text") else None, asked.get("join")
    wanted = [
        (arch, network, "sweep FILE"),
        (join, rows["path"] if isinstance(rows, dict) else None, "sweep --join FILE"),
    ]
    for named, path, words in wanted:
        if not named and isinstance(path, str) and Path(path).is_absolute() and not Path(path).exists():
            what = f"{plain(path)} is not there; flopcount {words} --results {plain(url[:200])} says where it is"
            raise UsageError(f"--results {plain(url[:200])}: {what}")


def _sweep_of(own: Mapping[str, Any], asked: Mapping[str, Any], arch: str | None, join: str | None) -> Sweep:
    """Return the sweep that a manifest is of, from the command line that asked for it."""
    lists = {name: tuple(each) for name, each in asked["options"].items() if isinstance(each, list)}
    options = Options(**{**asked["options"], **lists})
    front = ",".join(own["pareto"]) if own["pareto"] else None
    text = None if arch else asked["text"]
    network = load_bytes(text.encode(), asked["arch"], values=options.values) if text else None
    space, _ = grid(arch or asked["arch"], options, asked["batch"], [own["where"], front, own["sort"]], network)
    evaluate = evaluator(space)
    space = space._replace(axes=evaluate.axes)
    if rows := asked["join"]:
        space = _with_join(space, join or rows["path"], join or rows["title"])
    choice = chosen(space, Kept(own["where"], front, own["sort"], own["top"]), Output())
    drawn = Drawn(own["sample"], own["seed"]) if own["sample"] else None
    return Sweep(space, evaluate, choice, drawn, histogram=own["histogram"])


def _with_join(space: Space, path: str, title: str) -> Space:
    return space._replace(joined=joined(path, space.axes, [*space.fixed()], title))


def asked_again(found: Results, kept: Kept, place: Place, out: Output) -> None:
    """Ask the rows of a folder another question."""
    base, store = found.sweep, found.store
    others = base.space.convention.aliases
    kept = kept._replace(pareto=in_macs(kept.pareto, others), sort=in_macs(kept.sort, others))
    if base.space.joined:  # its own file, which has moved
        kept = kept._replace(join=None)
    space = _with_join(base.space, kept.join, kept.join) if kept.join else base.space
    is_same = kept == Kept()
    choice = base.choice if is_same else chosen(space, kept, out)
    histogram = base.histogram if is_same else counted_by(space, kept, out)
    sweep = base._replace(space=space, choice=choice, charted=charted(choice, out), histogram=histogram)
    again = Again(store, sweep, is_whole=out.output is not None and not sweep.waits, is_same=is_same)
    there = store.present()
    tasks = [Task(each.start, each.stop, is_there=True) for each in base.ranges() if each.start in there]
    notes = () if found.is_complete else (_incomplete(store, len(tasks)),)
    with running(place, "the same command asks again") as run:
        if base.waits and not is_same:  # the rows of parts are more than those of the whole
            whole = merged(base, run(Again(store, base, is_whole=False), tasks, returns_rows=False))
            parts = iter([again.answer(whole.tally, chunk_of(base.space, whole.rows))])
        else:
            parts = run(again, tasks, returns_rows=again.is_whole)
        written(sweep, parts, out, *notes)


def _incomplete(store: Store, many: int) -> Note:
    whole = -(-store.sweep.many // store.sweep.length)
    return Note("results-incomplete", f"{many} of {whole} parts are there; run the same sweep again for the others")
