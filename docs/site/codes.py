"""The page of codes: of errors, notes, findings and exits, each with a message that flopcount prints, and what to do.

`raised` finds the codes in the source, so that none is missing; `codes.toml` says how to get each and what to do about
it, and the messages are those that the commands print.
"""

import ast
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from models import MODELS
from shown import printed, table

import flopcount
import flopcount.errors
from flopcount.analyses.budgets.findings import CODES
from flopcount.errors import Located, Note, Problem

HERE = Path(__file__).parent
SOURCE = Path(flopcount.__file__).parent
EXITS = {
    "0": "fine",
    "1": "a limit or a claim does not hold",
    "2": "bad input or usage",
    "3": "a bug in flopcount",
    "130": "interrupted: Ctrl-C or SIGTERM",
}
UNTOLD = {"untold", "unsought", "undecided", "open-shape", "training"}
"""Codes of problems that are only counted, or that another one replaces before it is shown."""

RECORDS: Mapping[type, str] = {Problem: "what", Located: "what", Note: "text"}
"""Classes with a code, and the field of their sentence."""


class Raised(NamedTuple):
    """The codes in the source: those of errors, and those of notes."""

    errors: frozenset[str]
    notes: frozenset[str]


@cache
def raised() -> Raised:
    """Return every code in the source of flopcount."""
    errors, notes = set[str](), set[str]()
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        errors |= {*_defaults(tree), *(code for call in _calls(tree) for code in _codes_of(call))}
        notes |= {code for call in _calls(tree) if _name(call.func) == "Note" for code in _texts(call.args[0])}
    return Raised(frozenset(errors - UNTOLD), frozenset(notes))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.Call))


def _name(function: ast.expr) -> str:
    return getattr(function, "id", "") or getattr(function, "attr", "")


def _texts(part: ast.AST) -> Iterator[str]:
    """Yield the texts in an expression."""
    return (each.value for each in ast.walk(part) if isinstance(each, ast.Constant) and isinstance(each.value, str))


PLACES = {"sentence": 0, "Problem": 4, "Located": 4, "ShapeError": 1, "problem": 2, "_problem": 4, "EvaluationError": 1}
"""Functions that take the code of an error, and where among their arguments."""


def _codes_of(call: ast.Call) -> Iterator[str]:
    """Yield the codes of an error that a call makes."""
    name = _name(call.func)
    place = PLACES.get(name)
    if place is None:
        return
    given = [*call.args[place : place + 1], *(each.value for each in call.keywords if each.arg == "code")]
    yield from (code for part in given if isinstance(part, ast.Constant | ast.IfExp) for code in _texts(part))


def _defaults(tree: ast.AST) -> Iterator[str]:
    """Yield the codes that are defaults of arguments and fields named `code`, and constants that name a code."""
    for each in ast.walk(tree):
        if isinstance(each, ast.FunctionDef):
            named = zip(each.args.args[::-1], each.args.defaults[::-1], strict=False)
            yield from (code for argument, value in named if argument.arg == "code" for code in _texts(value))
        if isinstance(each, ast.AnnAssign) and getattr(each.target, "id", "") == "code" and each.value:
            yield from _texts(each.value)
        if isinstance(each, ast.Assign) and [getattr(name, "id", "") for name in each.targets] in (
            ["OPEN"],
            ["UNDECIDED"],
        ):
            yield from _texts(each.value)


class Example(NamedTuple):
    """How to get a code: the words of a command, files beside it; and what to do about it."""

    do: str
    about: str = ""
    run: str = ""
    files: Mapping[str, str] = {}
    message: str = ""
    commit: Mapping[str, str] = {}
    lock: Mapping[str, str] = {}
    remove: tuple[str, ...] = ()


@cache
def examples() -> Mapping[str, Mapping[str, Example]]:
    """Return the examples of errors, notes and findings."""
    found = tomllib.loads((HERE / "codes.toml").read_text(encoding="utf-8"))
    return {part: {code: Example(**row) for code, row in rows.items()} for part, rows in found.items()}


def said(example: Example) -> tuple[str, Mapping[str, list[str]]]:
    """Run an example, and return what it prints with the sentences of each code."""
    texts: dict[str, list[str]] = {}
    makes = {record: record.__new__ for record in RECORDS}
    for record, field in RECORDS.items():
        record.__new__ = _recording(record, field, texts)  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            _prepare(example)
            texts.clear()
            found = printed(*words(example.run))
    finally:
        for record, make in makes.items():
            record.__new__ = make  # type: ignore[method-assign]
    return found.out + found.err, texts


def _prepare(example: Example) -> None:
    """Write the files of an example, after others that are committed or locked."""
    for name, text in {**example.commit, **example.lock}.items():
        Path(name).write_text(text, encoding="utf-8")
    if example.commit:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false")
        for step in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "--message", "base")):
            subprocess.run(["git", *step], check=True)  # noqa: S603, S607  (the git of the user)
    if example.lock:
        printed("lock", *example.lock)
    for name in example.remove:
        Path(name).unlink()
    texts = {name: text.encode() for name, text in example.files.items()}
    for name, content in {**texts, **_models(example.run)}.items():
        Path(name).write_bytes(content)


def _recording(record: type, field: str, texts: dict[str, list[str]]) -> Any:
    make = record.__new__

    def new(cls: type, *values: Any, **named: Any) -> Any:
        made = make(cls, *values, **named)
        texts.setdefault(made.code, []).append(getattr(made, field))
        return made

    return new


def words(run: str) -> list[str]:
    """Return the words of a command line; those in quotes are one."""
    return [first or rest for first, rest in re.findall(r"'([^']*)'|(\S+)", run)]


def _models(run: str) -> Mapping[str, bytes]:
    return {name: make() for name, make in MODELS.items() if name in words(run)}


def message(code: str, example: Example) -> str:
    """Return the sentence of a code that its example prints."""
    if example.message:
        return example.message
    shown, texts = said(example)
    plain = " ".join(shown.split())
    found = [text for text in texts.get(code, ()) if text and " ".join(text.split()) in plain]
    if not found:
        raise ValueError(f"the example of {code} does not print it: {shown}")
    return found[-1]


def codes_page() -> Iterator[str]:
    """Yield the page."""
    yield from ("# Codes", "", _FIRST)
    yield from ("", "## Exit codes", "", *table(("code", "meaning"), EXITS.items()), "")
    yield from _findings()
    yield from ("", "## Errors", "", _ERRORS, "", *_listed("error"))
    yield from ("", "## Notes", "", _NOTES, "", *_listed("note"))
    tree = (flopcount.errors.__doc__ or "").partition("\n\n")[2]
    yield from ("", "## Exceptions", "", f"```text\n{tree.rstrip()}\n```")


_FIRST = """Sentences are for people and may change. Decisions are made by codes, which are stable: exit codes and
the codes of findings in scripts and CI, those of notes in `note_codes` of `--format json`, and those of errors in
Python."""
_ERRORS = """An error in a file is a sentence at its place. In Python, `problems` of a `FileError` or `SpecError` have
these codes ([Python interface](api.md)):

```python
from flopcount import Case, FlopcountError, load

try:
    Case(load("net.toml")).count
except FlopcountError as error:
    print([problem.code for problem in error.problems])
```
"""
_NOTES = """A note qualifies a number, or says what a report left out. The page on
[the output](../reading-the-output.md#notes) has them in short."""


def _findings() -> Iterator[str]:
    yield from (
        "## Findings",
        "",
        "What `flopcount check` and `flopcount lock --check` find ([budgets](../ci.md)).",
        "",
    )
    for code, about in CODES.items():
        example = examples()["finding"][code]
        verb = "is " if about.startswith(("above", "below")) else ""
        yield from (f"### {code}", "", f"A network {verb}{about}.", "", _block(_finding(code, example)), "")
        yield from (example.do, "")


def _block(text: str) -> str:
    return f"```{{code-block}} text\n:class: message\n{text}\n```"


def _finding(code: str, example: Example) -> str:
    """Return the lines of a finding, as they are printed."""
    lines = said(example)[0].splitlines()
    first = next(number for number, line in enumerate(lines) if f" {code} " in line)
    more = (number for number, line in enumerate(lines) if number > first and not line.startswith("    "))
    return "\n".join(lines[first : next(more, len(lines))])


def _listed(part: str) -> Iterator[str]:
    """Yield the codes of errors or of notes, each with a message and what to do."""
    known = meanings()
    for code, example in sorted(examples()[part].items()):
        about = example.about or f"It {known[code]}."
        yield from (f"### {code}", "", about, "", _block(_shown(part, code, example)), "", example.do, "")


def _shown(part: str, code: str, example: Example) -> str:
    """Return a command and the message that it prints: an error with its place and source, a note on its own."""
    text = message(code, example)
    if example.message:
        return f"note: {text}" if part == "note" else text.strip()
    command, shown = f"$ flopcount {example.run}", said(example)[0]
    if part == "note":
        is_note = f"note: {text[:30]}" in shown or f": {text[:30]}" in shown
        return f"{command}\n…\n{'note: ' if is_note else ''}{text}"
    lines = shown.splitlines()
    start = " ".join(text.split())[:40]
    first = next((number for number, line in enumerate(lines) if start in " ".join(line.split())), 0)
    more = (number for number, line in enumerate(lines) if number > first and not line.startswith("    "))
    return "\n".join((command, *lines[first : next(more, len(lines))]))


@cache
def meanings() -> Mapping[str, str]:
    """Return what the page on the output says of each code of a note."""
    page = (HERE.parent / "reading-the-output.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| (.+) \|$", page.split("## Notes\n")[1], re.MULTILINE)
    return {code: text for codes, text in rows for code in re.findall(r"`([a-z-]+)`", codes)}


def missing() -> Iterable[str]:
    """Return the codes of the source that have no example, and examples of codes that the source has not."""
    found = raised()
    pairs = ((found.errors, examples()["error"]), (found.notes, examples()["note"]), ({*CODES}, examples()["finding"]))
    return sorted(code for codes, known in pairs for code in codes ^ known.keys())
