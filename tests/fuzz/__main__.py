"""Run flopcount on hostile inputs for some minutes, and keep what it does not survive.

    python tests/fuzz [--minutes 10] [--seed N] [--seeds FOLDER] [--workers N] [--batch N]

An input is a command line with its files, which follow a grammar or are mutated from seeds: the files of the
repository, those that its tests write, and a folder of your own. The same seed gives the same inputs, batch by batch;
--batch runs one alone. Findings are kept in .fuzz/findings, each with a script that repeats it.
"""

import argparse
import gc
import json
import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from itertools import islice
from pathlib import Path
from random import Random

import judge
from grammars import Writer, convention, project, schema
from judge import MEGABYTES, Case, faults
from mutate import grown, mutated, seeds

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".fuzz"
EXAMPLES = 300
"""The files of a batch; each meets up to four command lines."""

SOURCES: dict[str, list[bytes]] = {}
"""The seeds by ending."""

WEIGHTS = {
    ".onnx": 16,
    ".tflite": 12,
    ".keras": 8,
    ".json": 8,
    ".toml": 5,
    ".prototxt": 6,
    ".cfg": 6,
    ".csv": 3,
    ".lock": 2,
}
"""How often a mutated file is of a format, against once for the others."""

NET = (
    b'input = [4, 8, 8]\nspace = { input = [8, 16] }\nlayers = [{ type = "Conv", out_channels = 8, kernel_size = 3 }]\n'
)


STEMS = (
    "::error::x",
    "a b",
    "=1+1",
    "\u202e",
    "<b>",
    "-a",
    "a\nb",
    "\udcff",
    "##[group]",
    "|",
    "@all",
    "a:b",
    "é" * 99,
)
"""Names of files that some format could take for something else."""


def _lines(writer: Writer, files: Sequence[str], among: Sequence[str] = ()) -> list[tuple[str, ...]]:
    return [writer.line(files, among) for _ in range(writer.random.randrange(1, 5))]


def archs(random: Random) -> Case:
    """Draw an arch file and command lines about it; now and then Ctrl-C is pressed."""
    writer = Writer(random)
    ending, content = writer.file(writer.arch())
    if writer.chance(5):
        return Case({}, [("count", "-", "--from", ending), ("import", "-")], content)
    files = {f"{writer.pick(STEMS) if writer.chance(10) else 'a'}.{ending}": content}
    if writer.chance(10):
        other, more = writer.file(writer.arch())
        files[f"b.{other}"] = more
    stop = random.randrange(20) / 2000 if writer.chance(5) else 0
    return Case(files, _lines(writer, [*files]), stop=stop, terminal=writer.chance(20))


def projects(random: Random) -> Case:
    """Draw a project and what is checked and locked of it."""
    files = project(random)
    return Case(files, _lines(Writer(random), [next(iter(files))], ("check", "check", "lock", "lock")))


def conventions(random: Random) -> Case:
    """Draw a convention and counts by it."""
    writer = Writer(random)
    ending, content = writer.file(writer.arch())
    arch, name = f"a.{ending}", "c.toml:a" if writer.chance(20) else "c.toml"
    drawn = (*writer.line([arch], ("count", "whatif", "sweep", "formula")), "--convention", name)
    lines = [("conventions", name), drawn, ("reconcile", arch, "--to", name)]
    return Case({"c.toml": convention(random), arch: content}, lines)


def mutations(random: Random) -> Case:
    """Draw a mutated file of some format and command lines about it."""
    ending = random.choices([*SOURCES], [WEIGHTS.get(each, 1) for each in SOURCES])[0]
    known = min(random.choices(SOURCES[ending], k=random.randrange(1, 4)), key=len)
    change = grown if random.random() < 0.002 else mutated
    name, content = f"a{ending}", change(ending, known, SOURCES[ending], random)
    if ending == ".lock":
        return Case({"flopcount.lock": content, "a.toml": NET}, [("lock", "--check"), ("lock",), ("lock", "a.toml")])
    if ending in {".csv", ".jsonl", ".parquet"} and random.random() < 0.8:
        more = random.choice(((), ("--input", "8,16"), ("--width", "0.5,1", "--sort", "macs")))
        return Case({name: content, "a.toml": NET}, [("sweep", "a.toml", *more, "-o", name, "--start", "2")])
    if ending in {".toml", ".json"} and random.random() < 0.1:
        lines = [("check", "--config", name), ("count", "a.toml", "--convention", name)]
        return Case({name: content, "a.toml": NET}, lines)
    return Case({name: content, "a.toml": NET}, _lines(Writer(random), [name]), terminal=random.random() < 0.2)


GRAMMARS: Sequence[Callable[[Random], Case]] = (mutations, archs, mutations, projects, mutations, conventions)
"""The grammars, in the order of the batches."""


class Batch:
    """The inputs of one batch, run in a process of its own in a folder of its own."""

    def __init__(self, number: int, start: int, top: Path) -> None:
        self.number, self.start, self.folder = number, start, top / str(number)
        self.grammar = GRAMMARS[number % len(GRAMMARS)]
        self.tally: Counter[str] = Counter()
        self.work = self.folder / "work"
        self.work.mkdir(parents=True)

    def run(self) -> None:
        """Run all inputs; write what was counted."""
        os.chdir(self.work)
        if self.grammar is projects:
            Path("a.toml").write_bytes(NET)
            who = ("-c", "user.name=fuzz", "-c", "user.email=fuzz@localhost")
            for line in (("init", "-q"), ("add", "."), (*who, "commit", "-qm1")):
                subprocess.run(["git", *line], check=True)  # noqa: S607  (as flopcount runs it)
        for number in range(EXAMPLES):
            case = self.grammar(Random(f"{self.start} {self.number} {number}"))  # noqa: S311  (repeatable)
            (self.folder / "lines").write_text(json.dumps(case.lines))
            found = faults(case, self.tally)
            self.tally[self.grammar.__name__] += len(case.lines)
            if found and not self.finding(found).exists():
                heavy = found[0].startswith(("slow", "memory"))
                self.keep(found, case if heavy else minimal(case, found))
        (self.folder / "tally").write_text(json.dumps(self.tally))

    def finding(self, found: Sequence[str]) -> Path:
        """Return the folder of a finding: one for each cause and seed."""
        return KEPT / "findings" / str(self.start) / f"{zlib.crc32(found[0].encode()):08x}"

    def keep(self, found: Sequence[str], case: Case) -> None:
        """Keep a finding with the files and the script that repeats it."""
        about = [*found, f"SEED={self.start}, batch {self.number}, {self.grammar.__name__}"]
        case.save(self.finding(found), "\n".join(about))
        _say(f"finding {self.finding(found).relative_to(ROOT)}: {found[0]}")

    def forked(self) -> int:
        """Run the batch in a process of its own, with bounded memory; return its id."""
        if pid := os.fork():
            return pid
        code = 3
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            judge.BASE = judge.peak()
            used = int(Path("/proc/self/statm").read_text().split()[5]) << 12 if sys.platform == "linux" else 0
            resource.setrlimit(resource.RLIMIT_DATA, (used + (2 * MEGABYTES << 20),) * 2)
            self.run()
            code = 0
        except BaseException as error:  # noqa: BLE001  (it is told)
            _say(f"batch {self.number}: {type(error).__name__}: {error}")
        finally:
            os._exit(code)

    def ended(self, status: int, total: Counter[str]) -> None:
        """Add up what the batch did; keep the input that ended it."""
        code = os.waitstatus_to_exitcode(status)
        counted = json.loads(tally.read_text()) if (tally := self.folder / "tally").exists() else {}
        total.update({**counted, "inputs": counted.get(self.grammar.__name__, 0), "lost batches": int(code != 0)})
        if code < 0:
            files = {path.name: path.read_bytes() for path in self.work.iterdir() if path.is_file()}
            case = Case(files, json.loads((self.folder / "lines").read_text()))
            self.keep([f"killed by {signal.Signals(-code).name} {sorted({line[0] for line in case.lines})}"], case)
        shutil.rmtree(self.folder)
        total["findings"] = len([*self.finding(["?"]).parent.glob("*")])
        (KEPT / f"{self.start}.json").write_text(json.dumps(total) + "\n")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (a script)


def _smaller(case: Case) -> Iterator[Case]:
    """Yield the case with a line, a word, a file or a piece of a file left out."""
    for at, words in enumerate(case.lines):
        yield case._replace(lines=[*case.lines[:at], *case.lines[at + 1 :]])
        for word in range(1, len(words)):
            for more in (1, 2):
                less = (*words[:word], *words[word + more :])
                yield case._replace(lines=[*case.lines[:at], less, *case.lines[at + 1 :]])
    for name, content in case.files.items():
        yield case._replace(files={key: each for key, each in case.files.items() if key != name})
        for size in filter(None, (len(content) >> power for power in range(1, 12))):
            for start in range(0, len(content), size):
                yield case._replace(files={**case.files, name: content[:start] + content[start + size :]})


def minimal(case: Case, found: Sequence[str], seconds: float = 20) -> Case:
    """Leave out of a case what the finding does not need."""
    end, left = time.monotonic() + seconds, _smaller(case)
    while time.monotonic() < end and (smaller := next(left, None)):
        if smaller.lines and faults(smaller, Counter())[:1] == found[:1]:
            case, left = smaller, _smaller(smaller)
    return case


def fuzz(start: int, minutes: float, workers: int, numbers: Iterator[int]) -> Counter[str]:
    """Run batches on all workers until the time is up; return what was counted."""
    end, total = time.monotonic() + 60 * minutes, Counter[str]()
    running: dict[int, Batch] = {}
    stops: list[int] = []
    shared = Path("/dev/shm")  # noqa: S108  (a folder in it that nobody else has)
    signal.signal(signal.SIGTERM, lambda number, _: stops.append(number))
    with tempfile.TemporaryDirectory(prefix="flopcount-fuzz-", dir=shared if shared.is_dir() else None) as top:
        while True:
            more = time.monotonic() < end and not stops
            for number in islice(numbers, (workers - len(running)) * more):
                batch = Batch(number, start, Path(top))
                running[batch.forked()] = batch
            if not running:
                return total
            pid, status = os.wait()
            running.pop(pid).ended(status, total)


def written_by_tests() -> Path:
    """Return the folder with the files that the tests of readers and commands write; they run once."""
    folder = KEPT / "seeds"
    if not folder.exists():
        tests = [str(ROOT / "tests" / each) for each in ("readers", "cli", "spec", "analyses")]
        pytest = [sys.executable, "-m", "pytest", "--numprocesses=auto", "-p", "no:randomly", f"--basetemp={folder}"]
        subprocess.run([*pytest, *tests], check=False, cwd=ROOT, stdout=subprocess.DEVNULL)
    return folder


def warm() -> None:
    """Load every module before the processes fork."""
    lines: list[tuple[str, ...]] = [
        ("count", "b.toml", "--format", each) for each in ("json", "csv", "svg", "latex", "markdown")
    ]
    lines += [(each, "b.toml") for each in ("whatif", "formula", "sweep", "space", "check", "lock", "import", "verify")]
    lines += [("diff", "b.toml", "b.toml"), ("kinds",), ("conventions",), ("sweep", "b.toml", "-o", "o.parquet")]
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for ending, contents in SOURCES.items():
            faults(Case({f"a{ending}": contents[0]}, [("count", f"a{ending}")]), Counter())
        faults(Case({"b.toml": NET}, lines), Counter())
        for number in range(60):  # of what is cached, such as the models of kinds
            faults(GRAMMARS[number % 6](Random(number)), Counter())  # noqa: S311  (repeatable)
    for which in ("arch", "config", "lock", "convention"):
        schema(which)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)  # as in flopcount itself


def main() -> None:
    """Read the options, run, and say what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--seeds", type=Path, nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch", type=int)
    asked = parser.parse_args()
    KEPT.mkdir(exist_ok=True)
    os.environ |= {"FLOPCOUNT_DEBUG": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__", "NO_COLOR": "1", "COLUMNS": "60"}
    os.environ.pop("GITHUB_STEP_SUMMARY", None)
    SOURCES.update(seeds([ROOT / "tests", ROOT / "archs", written_by_tests(), *asked.seeds]))
    _say(f"SEED={asked.seed}; seeds: {', '.join(f'{len(each)} {ending}' for ending, each in SOURCES.items())}")
    warnings.simplefilter("ignore", UserWarning)  # zipfile warns of names that are there twice
    warm()
    numbers = range(10**9) if asked.batch is None else [asked.batch]
    total = fuzz(asked.seed, asked.minutes, asked.workers, iter(numbers))
    _say(json.dumps(total))
    sys.exit(1 if total["findings"] else 0)


if __name__ == "__main__":
    main()
