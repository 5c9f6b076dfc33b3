"""Mutation testing of a seeded sample: `python tests/mutants/mutants.py --seed 11 --count 150 --area onnx`.

1. The suite is run once to record which tests run which lines, each test with empty caches and fixtures of its own,
   and which tests start processes, whose lines cannot be told. It is kept, and later runs add what has changed.
2. A mutant of code that runs in a call is put into a fork of a process that has collected all tests, and the tests
   that run its lines follow, the fastest first, until one fails.
3. What lives, and what is changed at import (tables, defaults, classes), is written into a copy of the project. For
   the first, the tests that start processes follow, since no other test can reach the line; for the second all.

A test that takes ten times as long as it did ends the mutant, too. Style is not behavior: the tests that run linters
and those of the wheel are left out. Controls, which change nothing, have to live. All of it is in `.mutants`.
"""

import argparse
import ast
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from functools import cache
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from coverage import CoverageData
from mutations import Mutant, mutants, mutated, sample

ROOT = Path(__file__).parents[2]
HERE, KEPT = Path(__file__).parent, ROOT / ".mutants"
AREAS: Mapping[str, tuple[str, str]] = {
    "formulas": ("flopcount/formulas", "tests/formulas"),
    "network": ("flopcount/network", "tests/network"),
    "onnx": ("flopcount/readers/onnx", "tests/readers/test_onnx tests/test_cross"),
    "budgets": (
        "flopcount/analyses/budgets",
        "tests/analyses/test_budgets tests/analyses/test_locks tests/cli/test_check tests/cli/test_lock",
    ),
}
"""The folder of an area, and where most of its tests are: for what is changed at import, these come first."""

STYLE = ("tests/test_ready.py", "tests/test_house.py", "tests/test_wheel.py")
PYTEST = [sys.executable, "-m", "pytest", "-p", "plugin", "-p", "no:randomly", "-p", "no:xdist", "-p"]
PYTEST += ["no:cacheprovider", "--capture=sys", "--quiet", "--tb=no", *(f"--ignore={each}" for each in STYLE)]
NOTHING = "nothing"
"""The change of a control."""

FRESH = 3
"""What a fork ends with whose code cannot be exchanged."""

LEAST = 90
"""Percent of the mutants of an area that have to die, equivalent ones left out."""

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder, _ in AREAS.values()
    for path in sorted((ROOT / folder).glob("*.py"))
]
"""All modules of the areas."""

WAYS = ("covering", "rest", "time", "equivalent", "survived")


class Verdict(NamedTuple):
    """How a mutant ended, one of WAYS; by which test."""

    way: str
    killer: str = ""


class Record(NamedTuple):
    """What tests do: their seconds, which start processes, and the lines, in parts; `files` are each of one part."""

    state: str = ""
    files: Mapping[str, tuple[str, int]] = {}
    seconds: Mapping[str, float] = {}
    spawned: Sequence[str] = ()
    parts: int = 0

    def tests(self, mutant: Mutant) -> set[str]:
        """Return the tests that run the lines of a mutant, and "" if they run before any test."""
        first, last = mutant.lines
        return {
            test
            for part in range(self.parts)
            for line, tests in _contexts(part, str(ROOT / mutant.file)).items()
            for test in tests
            if first <= line <= last and (not test or self.files.get(test.split("::")[0], ("", -1))[1] == part)
        }

    def ordered(self, tests: Iterable[str], area: str) -> list[str]:
        """Return tests in the order in which they are run: those of the area first, then the fastest."""
        near = tuple(AREAS[area][1].split())
        return sorted({*tests} - {""}, key=lambda test: (not test.startswith(near), self.seconds.get(test, 0.0), test))


@cache
def _contexts(part: int, path: str) -> Mapping[int, Sequence[str]]:
    data = CoverageData(str(KEPT / f"part{part}"))
    data.read()
    return data.contexts_by_lineno(path)


def called(folder: Path, job: Mapping[str, object], tests: Iterable[str] = (), **environment: str) -> int:
    """Run pytest with the plugin and a job in a folder; return its exit code."""
    job = {**job, "modules": MODULES}
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(job, file)
        file.flush()
        path = f"{folder}{os.pathsep}{folder / HERE.relative_to(ROOT)}"
        given = {**os.environ, "PYTHONPATH": path, "MUTANTS": file.name, **environment}
        quiet = None if job["do"] == "record" else subprocess.DEVNULL
        command = [*PYTEST, *tests]
        try:
            return subprocess.run(command, cwd=folder, env=given, check=False, stdout=quiet, timeout=7200).returncode
        except subprocess.TimeoutExpired:
            return -1


def _digest(paths: Iterable[Path]) -> str:
    return sha256(b"".join(sha256(path.read_bytes()).digest() for path in sorted(paths))).hexdigest()


def _state() -> tuple[str, dict[str, str]]:
    """Return a hash of all that tests use, and one of each file of tests."""
    places = [path for name in ("flopcount", "tests", "archs") for path in (ROOT / name).rglob("*")]
    files = {path.relative_to(ROOT).as_posix(): path for path in places if path.suffix != ".pyc" and path.is_file()}
    names = {name for name in files if fnmatch(name, "tests/*/test_*.py") or fnmatch(name, "tests/test_*.py")}
    names = {name for name in names if not name.startswith((*STYLE, "tests/drift"))}
    used = [files[name] for name in {*files} - names if not name.startswith(("tests/mutants", *STYLE))]
    return _digest(used), {name: _digest([files[name]]) for name in names}


def recorded() -> Record:
    """Return what tests do; only files of tests that are new since the last record are run, if nothing else is."""
    (state, files), kept = _state(), KEPT / "record.json"
    old = Record(*json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else Record()
    old = old if old.state == state else Record(state)
    changed = sorted(name for name, digest in files.items() if old.files.get(name, ("",))[0] != digest)
    if not changed:
        return old
    KEPT.mkdir(exist_ok=True)
    (data := KEPT / f"part{old.parts}").unlink(missing_ok=True)
    out, source = KEPT / "out.json", [str(ROOT / folder) for folder, _ in AREAS.values()]
    called(ROOT, {"do": "record", "data": str(data), "source": source, "out": str(out)}, changed)
    found = json.loads(out.read_text(encoding="utf-8"))
    if found["failed"]:
        raise SystemExit(f"tests fail without any mutant: {' '.join(found['failed'])}")
    same = {test: time for test, time in old.seconds.items() if test.split("::")[0] not in changed}
    spawned = [test for test in (*old.spawned, *found["spawned"]) if test in same or test in found["seconds"]]
    parts = {name: (digest, old.parts if name in changed else old.files[name][1]) for name, digest in files.items()}
    new = Record(state, parts, {**same, **found["seconds"]}, spawned, old.parts + 1)
    kept.write_text(json.dumps(new), encoding="utf-8")
    return new


def in_forks(chosen: Sequence[Mutant], record: Record, jobs: int) -> dict[str, Verdict]:
    """Run mutants against the tests that run their lines, but for those whose code cannot be exchanged."""
    listed = [
        {"file": each.file, "number": each.number, "tests": record.ordered(record.tests(each), each.area)}
        for each in chosen
    ]
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as out:
        called(ROOT, {"do": "serve", "mutants": listed, "seconds": record.seconds, "jobs": jobs, "out": out.name})
        ended = [json.loads(line) for line in out]
    ways = {0: "survived", 1: "covering"}
    return {
        chosen[place].name: Verdict(ways.get(code, "time"), killer) for place, code, killer in ended if code != FRESH
    }


class Copies:
    """Copies of the project, each for one mutant at a time."""

    def __init__(self, record: Record, count: int) -> None:
        self.record = record
        self.free: SimpleQueue[Path] = SimpleQueue()
        self.folder = Path(tempfile.mkdtemp())
        left_out = shutil.ignore_patterns(".git", ".venv*", ".mutants", ".*_cache", ".hypothesis", "__pycache__")
        for number in range(count):
            shutil.copytree(ROOT, self.folder / str(number), ignore=left_out)
            subprocess.run([sys.executable, "-m", "compileall", "-q", "."], cwd=self.folder / str(number), check=False)
            self.free.put(self.folder / str(number))

    def ended(self, mutant: Mutant, tests: Sequence[str], way: str) -> Verdict:
        """Run a mutant against tests; return how it ended, `way` if one fails."""
        folder = self.free.get()
        path, text = folder / mutant.file, (ROOT / mutant.file).read_text(encoding="utf-8")
        try:
            _written(path, ast.unparse(mutated(text, mutant.number)))
            return self._judged(folder, tests, way)
        finally:
            _written(path, text)
            self.free.put(folder)

    def _judged(self, folder: Path, tests: Sequence[str], way: str) -> Verdict:
        out = folder / "killer.json"
        out.unlink(missing_ok=True)
        job = {"do": "run", "tests": tests, "seconds": self.record.seconds, "out": str(out)}
        code = called(folder, job, sorted({test.split("::")[0] for test in tests}), PYTHONDONTWRITEBYTECODE="1")
        if not out.exists():
            return Verdict("time") if code < 0 else Verdict(way, "at import")
        killer = json.loads(out.read_text(encoding="utf-8"))
        return Verdict(way, killer) if killer else Verdict("survived")

    def judged(self, mutant: Mutant) -> Verdict:
        """Return how a mutant ended that lived through the tests of its lines, or is made at import."""
        covering = self.record.tests(mutant)
        if mutant.is_deferred and "" not in covering:
            return self.ended(mutant, self.record.ordered(self.record.spawned, mutant.area), "rest")
        every = self.record.ordered(self.record.seconds, mutant.area)
        near = [test for test in every if test.startswith(tuple(AREAS[mutant.area][1].split()))]
        first = self.ended(mutant, near, "covering")
        return first if first.way != "survived" else self.ended(mutant, every[len(near) :], "rest")


def _written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    py_compile.compile(str(path), doraise=True)


def equivalents() -> Mapping[str, str]:
    """Return the mutants that no test can kill, with the reason."""
    rows = tomllib.loads((HERE / "equivalent.toml").read_text(encoding="utf-8"))
    return {f"{file}: {row['code']}: {row['change']}": row["why"] for file, each in rows.items() for row in each}


def controls(chosen: Sequence[Mutant]) -> list[Mutant]:
    """Return a mutant without a change for each area."""
    firsts = {mutant.area: mutant for mutant in reversed(chosen) if mutant.is_deferred}
    return [mutant._replace(number=-1, change=NOTHING, repeat=0) for mutant in firsts.values()]


def tried(chosen: Sequence[Mutant], jobs: int) -> Iterator[tuple[str, Verdict]]:
    """Run mutants, and the controls; yield how each ends, as soon as it is known."""
    record, checked = recorded(), controls(chosen)
    deferred = [mutant for mutant in chosen if mutant.is_deferred and record.tests(mutant) - {""}]
    told = in_forks([*checked, *deferred], record, jobs)
    yield from told.items()
    lived = [mutant for mutant in chosen if told.get(mutant.name, Verdict("survived")).way == "survived"]
    copies, left = Copies(record, jobs), [*checked[:1], *sorted(lived, key=lambda mutant: mutant.is_deferred)]
    with ThreadPoolExecutor(jobs) as pool:
        yield from zip((mutant.name for mutant in left), pool.map(copies.judged, left), strict=True)
    shutil.rmtree(copies.folder)


def report(chosen: Sequence[Mutant], ended: Mapping[str, Verdict]) -> bool:
    """Print the rates and the survivors; return whether enough of each area died."""
    for mutant in sorted(chosen, key=lambda mutant: (mutant.file, mutant.line)):
        if ended[mutant.name].way == "survived":
            print(f"{mutant.file}:{mutant.line}: {mutant.code}\n    {mutant.change}")
    print(f"\n{'':10}" + "".join(f"{word:>12}" for word in ("mutants", *WAYS, "died")))
    rates = []
    for area in dict.fromkeys(mutant.area for mutant in chosen):
        ways = [ended[mutant.name].way for mutant in chosen if mutant.area == area]
        counts = [len(ways), *(ways.count(way) for way in WAYS)]
        rates.append(100 * sum(counts[1:4]) / max(1, counts[0] - counts[4]))
        print(f"{area:10}" + "".join(f"{count:12}" for count in counts) + f"{rates[-1]:11.1f}%")
    return min(rates) >= LEAST


def main() -> int:
    """Sample, run, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--count", type=int, default=150, help="mutants per area")
    parser.add_argument("--area", default="all", choices=["all", *AREAS])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="only those that survived the last time")
    options = parser.parse_args()
    areas = AREAS if options.area == "all" else {options.area: AREAS[options.area]}
    found = [[*mutants(ROOT, area, f"{folder}/*.py")] for area, (folder, _) in areas.items()]
    chosen = [mutant for each in found for mutant in sample(each, options.seed, options.count)]
    last, known = KEPT / "last.json", equivalents()
    if options.area == "all" and (gone := known.keys() - {mutant.name for each in found for mutant in each}):
        raise SystemExit(f"equivalent.toml lists what is not there: {'; '.join(sorted(gone))}")
    before = json.loads(last.read_text(encoding="utf-8")) if options.again else {}
    ended = {name: Verdict(*verdict) for name, verdict in before.items() if verdict[0] != "survived"}
    ended |= dict.fromkeys(known, Verdict("equivalent"))
    for name, verdict in tried([mutant for mutant in chosen if mutant.name not in ended], options.jobs):
        if name.endswith(NOTHING) and verdict.way != "survived":
            raise SystemExit(f"a control, which changes nothing, died: {name}: {verdict.killer}")
        ended[name] = verdict
        last.write_text(json.dumps(ended, indent=0, ensure_ascii=False), encoding="utf-8")
    return 0 if report(chosen, ended) else 1


if __name__ == "__main__":
    sys.exit(main())
