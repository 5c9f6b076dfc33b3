"""Decisions depend on codes and values, never on sentences.

Every command runs twice: as it is, and with each sentence replaced by its code. Exit
codes are the same, and so is the JSON apart from the sentences themselves.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from repositories import repository

import flopcount
from flopcount import errors

SENTENCES = {"Problem": "what", "Note": "text", "Located": "what", "Finding": "what", "Line": "text"}
"""Records that hold a sentence beside its code, and the field it is in."""

ORACLES = Path(__file__).parent / "oracles"

NETWORK = """
input = [3, 32, 32]
layers = [
  { type = "Conv", name = "stem", out_channels = 16, kernel_size = 3, padding = 1 },
  { type = "DepthSepConv", name = "body", out_channels = 32, kernel_size = 3, padding = 1 },
  { type = "GlobalAvgPool" },
  { type = "Flatten" },
  { type = "Linear", out_features = 10 },
]
"""
CFG = "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=8\nsize=3\nactivation=linear\n"
FILES = {
    "net.toml": NETWORK,
    "wide.toml": NETWORK.replace("32, kernel", "64, kernel"),
    "vanishing.toml": 'input = [3, 16, 16]\ndefaults = { padding = "valid-round" }\nlayers = [\n'
    + '{ type = "Conv", out_channels = 8, kernel_size = 3, stride = 2 },\n' * 6
    + "]\n",
    "wrong.toml": 'input = [3, 8, 8]\nlayers = [\n{ type = "Conv", out_channels = 0, kernel_size = 3 },\n'
    '{ type = "Linear", out_features = 3 },\n{ type = "Convv" },\n]\n',
    "misfit.toml": 'input = [3, 8, 8]\nlayers = [\n{ type = "Conv", out_channels = 4, kernel_size = 9 },\n'
    '{ type = "Conv", out_channels = 4, kernel_size = 1, groups = 2 },\n]\n',
    "templated.toml": "input = [4, 8, 8]\narguments = { d = 4 }\nlayers = [\n"
    '{ type = "Conv", out_channels = "8 if d > 2 else 16", kernel_size = 1 },\n]\n',
    "net.cfg": CFG,
    "odd.cfg": CFG + "[odd]\n",
    "flopcount.toml": '[[budget]]\nid = "small"\nfiles = "*.toml"\nmacs = "1M"\nparams = "10k"\n',
}
LOCKED = ("net.toml", "vanishing.toml", "net.cfg")
COMMANDS = (
    ("count", "net.toml"),
    ("count", "net.toml", "--by", "type", "--sort", "macs", "--top", "2"),
    ("count", "net.toml", "--convention", "thop"),
    ("count", "net.toml", "--width", "0.5"),
    ("count", "net.toml", "--set", "stem.out_chanels=3"),
    ("count", "vanishing.toml"),
    ("count", "wrong.toml"),
    ("count", "misfit.toml"),
    ("count", "nothing.toml"),
    ("count", "net.cfg"),
    ("count", "odd.cfg"),
    ("count", "odd.cfg", "--allow-unknown"),
    ("compare", "net.toml", "vanishing.toml"),
    ("whatif", "net.toml", "--to", "GhostConv", "--where", "kernel_size > 1"),
    ("whatif", "net.toml", "--width", "0.5,1"),
    ("whatif", "net.toml", "--to", "DepthSepConv", "--to", "HetConv", "--set", "p=4"),
    ("whatif", "net.toml", "--to", "GhostConv", "--first", "--save", "new.toml"),
    ("whatif", "net.toml", "--to", "Conv", "--save", "new.toml"),
    ("sweep", "net.toml", "--width", "0.25:1:0.25", "--input", "16,32"),
    ("sweep", "vanishing.toml", "--input", "16,32"),
    ("sweep", "templated.toml", "--set", "arguments.d=1,2,3"),
    ("sweep", "net.toml", "--input", "16,32", "--where", "nothing < 3"),
    ("space", "net.toml", "--width", "0.25:1:0.25", "--input", "16,32", "--where", "macs <= 1M"),
    ("formula", "net.toml"),
    ("formula", "Conv"),
    ("check",),
    ("check", "net.toml", "vanishing.toml", "--base", "HEAD", "--format", "json"),
    ("lock",),
    ("lock", *LOCKED),
    ("lock", "--check"),
    ("lock", "--check", *LOCKED, "--format", "json"),
    ("lock", "--check", *LOCKED, "wide.toml", "--format", "json"),
    ("diff", "net.toml", "wide.toml"),
    ("verify", "lenet5"),
    ("reconcile", "net.toml", "--to", "thop"),
    ("import", "net.toml", "-o", "net.json"),
    ("archs",),
    ("kinds", "Conv"),
    ("conventions", "thop"),
    ("schema",),
)
TEXT = {"lock", "import", "schema", "check"}
"""Commands without --format json, or that take it otherwise."""


def records() -> Iterator[type]:
    """Yield every class of the package that holds a sentence, once."""
    for info in pkgutil.walk_packages(flopcount.__path__, "flopcount."):
        if info.name.startswith(("flopcount.testing", "flopcount.torch")) or info.name.endswith("__main__"):
            continue
        for _, found in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            if found.__module__ == info.name:
                yield found


PUT: set[str] = set()
"""The codes that were put where sentences were."""


def wordless(found: type, field: str) -> Callable[..., Any]:
    """Return a constructor that puts the code where the sentence was."""
    make = found.__new__
    names = found._fields  # type: ignore[attr-defined]
    place = names.index(field)

    def new(cls: type, *values: Any, **named: Any) -> Any:
        record = make(cls, *values, **named)
        if not record[place]:
            return record
        code = next(getattr(record, name) for name in ("code", "kind") if name in names)
        PUT.add(code)
        return make(cls, *(code if n == place else value for n, value in enumerate(record)))

    return new


def _shape_error(error: errors.ShapeError, _: str, code: str = "shape") -> None:
    Exception.__init__(error, code)
    error.code = code


def _refusal(error: errors.Refusal, _: str, node: str = "", operator: str = "", line: int = 0) -> None:
    Exception.__init__(error, "refusal", node, operator, line)
    error.what, error.node, error.operator, error.line = "refusal", errors.plain(node), errors.plain(operator), line


@pytest.fixture
def without_sentences() -> Iterator[Callable[[], None]]:
    """Return a function that replaces every sentence of the package by its code, until the test ends."""
    patch = pytest.MonkeyPatch()

    def replace() -> None:
        for found in {*records()}:
            if found.__name__ in SENTENCES and found.__module__.startswith("flopcount."):
                patch.setattr(found, "__new__", wordless(found, SENTENCES[found.__name__]))
        patch.setattr(errors.Refusal, "__init__", _refusal)
        for found in (errors.UsageError, errors.Broken):
            patch.setattr(found, "__init__", lambda self, *_: Exception.__init__(self, type(self).__name__))
        patch.setattr(errors.ShapeError, "__init__", _shape_error)

    yield replace
    patch.undo()


def alike(one: Any, other: Any) -> bool:
    """Tell whether two results are the same apart from sentences, which have become codes."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other or (isinstance(one, str) and " " in one and not PUT.isdisjoint(re.findall(r"[\w-]+", other)))


def outcome(run: Run, command: tuple[str, ...]) -> tuple[int, Any]:
    """Run a command and return its exit code and its JSON, if it printed some."""
    words = command if command[0] in TEXT - {"check"} or "--format" in command else (*command, "--format", "json")
    result = run(*words)
    return result.code, json.loads(result.out) if result.out.startswith("{") else None


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_decision_reads_a_sentence(
    command: tuple[str, ...],
    run: Run,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    without_sentences: Callable[[], None],
) -> None:
    for name, content in FILES.items():
        monkeypatch.chdir(write(name, content).parent)
    if "--base" in command:
        repository(Path(), net__toml=FILES["wide.toml"], vanishing__toml=FILES["vanishing.toml"])
        write("net.toml", NETWORK)
    if "--check" in command:
        assert run("lock", *LOCKED).code == 0
    code, data = outcome(run, command)
    for made in ("flopcount.lock", "new.toml"):
        if "--check" not in command:
            Path(made).unlink(missing_ok=True)
    without_sentences()
    code_again, data_again = outcome(run, command)
    assert code == code_again
    assert alike(data, data_again)


def test_the_sentences_really_are_replaced(run: Run, write: Write, without_sentences: Callable[[], None]) -> None:
    path, wrong = write("vanishing.toml", FILES["vanishing.toml"]), write("wrong.toml", FILES["wrong.toml"])
    without_sentences()
    assert json.loads(run(path, "--format", "json").out)["notes"] == ["maps-vanished"]
    assert all(" " not in line.rpartition(": ")[2] for line in run(wrong).problems)
