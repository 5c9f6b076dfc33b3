"""A plugin of pytest that runs mutants: it records what tests run, and changes code between fork and test."""

import ast
import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import _lru_cache_wrapper
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import hypothesis
import pytest
from mutations import mutated

ROOT = Path.cwd()
JOB: dict[str, Any] = json.loads(Path(os.environ["MUTANTS"]).read_text(encoding="utf-8"))
"""What to do: {"do": "record" | "serve" | "run", …}."""

SURVIVED, DIED, FRESH = 0, 1, 3
"""What a child says of its mutant; the last: its code cannot be exchanged in a running process."""

FAILED: list[str] = []
SPAWNED: set[str] = set()
COVERAGE = coverage.Coverage(data_file=JOB.get("data"), source=JOB.get("source"), config_file=False)
if JOB["do"] == "record":
    COVERAGE.start()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Draw the same examples in every run, and do not look for the smallest that fails."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    quiet = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "mutants", deadline=None, phases=phases, derandomize=True, database=None, suppress_health_check=quiet
    )
    hypothesis.settings.load_profile("mutants")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the names of tests that fail."""
    if report.failed:
        FAILED.append(report.nodeid)


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Do the job instead of running every test."""
    if session.testsfailed:
        raise session.Interrupted("a test file cannot be read")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    for name in JOB.get("modules", ()):  # some are imported when they are first needed: not in a test, then
        import_module(name)
    {"record": record, "serve": serve, "run": ordered}[JOB["do"]](session)
    return True


def _failed(item: pytest.Item) -> bool:
    """Run a test with all of its fixtures, none of them shared with the next; tell whether it fails."""
    FAILED.clear()
    item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    return bool(FAILED)


def _caches(known: dict[int, Any]) -> dict[int, Any]:
    """Return all caches of functions of ours and of the tests."""
    if len(sys.modules) != known.get(-1):
        ours = {name for name, each in sys.modules.items() if str(ROOT) in (getattr(each, "__file__", "") or "")}
        found = [each for each in gc.get_objects() if isinstance(each, _lru_cache_wrapper) and each.__module__ in ours]
        known.update({id(each): each for each in found} | {-1: len(sys.modules)})
    return known


def record(session: pytest.Session) -> None:
    """Record the lines and the time of each test, run with empty caches, and whether it starts a process."""
    current, seconds, failed, caches = "", dict[str, float](), list[str](), dict[int, Any]()

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"subprocess.Popen", "os.fork", "os.posix_spawn"} and "git" not in [*map(str, arguments)][:1]:
            SPAWNED.add(current)

    sys.addaudithook(heard)
    for item in session.items:
        current, start = item.nodeid, sum(os.times()[:4])
        for number, cache in _caches(caches).items():
            if number != -1:
                cache.cache_clear()
        COVERAGE.switch_context(current)
        if _failed(item):
            failed.append(current)
        COVERAGE.switch_context("")
        seconds[current] = sum(os.times()[:4]) - start
    COVERAGE.stop()
    COVERAGE.save()
    found = {"seconds": seconds, "spawned": sorted(SPAWNED - {""}), "failed": failed}
    Path(JOB["out"]).write_text(json.dumps(found), encoding="utf-8")


def _timed(items: Sequence[pytest.Item]) -> str | None:
    """Run tests until one fails, and return its name; a test that takes too long ends the process."""
    for item in items:
        seconds = JOB["seconds"].get(item.nodeid, 1)
        signal.setitimer(signal.ITIMER_VIRTUAL, 5 + 10 * seconds)
        signal.setitimer(signal.ITIMER_REAL, 120 + 30 * seconds)
        if _failed(item):
            return FAILED[0]
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def ordered(session: pytest.Session) -> None:
    """Run the tests of the job in its order."""
    items = {item.nodeid: item for item in session.items}
    killer = _timed([items[name] for name in JOB["tests"] if name in items])
    Path(JOB["out"]).write_text(json.dumps(killer), encoding="utf-8")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _functions() -> dict[str, list[FunctionType]]:
    """Return all functions of the files of the job, wherever they are kept."""
    found: dict[str, list[FunctionType]] = {str(ROOT / job["file"]): [] for job in JOB["mutants"]}
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in found:
            found[each.__code__.co_filename].append(each)
    return found


def _exchange(tree: ast.Module, path: str, functions: Sequence[FunctionType]) -> int:
    """Give functions their mutated code, in place, so that all who have imported them run it; return how many."""
    codes = {(each.co_qualname, each.co_firstlineno): each for each in _codes(compile(tree, path, "exec"))}
    changed = 0
    for function in functions:
        new = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if new is not None and new != function.__code__:
            function.__code__ = new
            changed += 1
    return changed


def _child(job: dict[str, Any], functions: Sequence[FunctionType], items: dict[str, pytest.Item], folder: str) -> int:
    path = ROOT / job["file"]
    try:
        changed = _exchange(mutated(path.read_text(encoding="utf-8"), job["number"]), str(path), functions)
    except ValueError:  # a closure over other names
        return FRESH
    if not changed and job["number"] >= 0:
        return FRESH
    os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
    killer = _timed([items[name] for name in job["tests"] if name in items])
    Path(folder, "killer").write_text(killer or "", encoding="utf-8")
    return DIED if killer else SURVIVED


def serve(session: pytest.Session) -> None:
    """Run each mutant of the job in a fork of this process, as many at a time as the job says."""
    items, functions = {item.nodeid: item for item in session.items}, _functions()
    gc.collect()
    gc.freeze()
    running: dict[int, tuple[int, str]] = {}
    with Path(JOB["out"]).open("a", encoding="utf-8") as out:
        for place, job in enumerate([*JOB["mutants"], *[None] * JOB["jobs"]]):
            if len(running) >= JOB["jobs"] or (job is None and running):
                _gather(running, out)
            if job is None:
                continue
            folder = tempfile.mkdtemp()
            pid = os.fork()
            if pid == 0:
                code = FRESH
                with contextlib.suppress(BaseException):
                    code = _child(job, functions[str(ROOT / job["file"])], items, folder)
                os._exit(code)
            running[pid] = place, folder


def _gather(running: dict[int, tuple[int, str]], out: Any) -> None:
    """Wait for one child and write down how it ended; a negative code is the signal that did."""
    pid, status = os.wait()
    place, folder = running.pop(pid)
    killer = Path(folder, "killer")
    told = killer.read_text(encoding="utf-8") if killer.exists() else ""
    out.write(json.dumps([place, os.waitstatus_to_exitcode(status), told]) + "\n")
    out.flush()
    shutil.rmtree(folder, ignore_errors=True)
