"""The reference of the Python interface, from docstrings: public names, live modules of PyTorch, tests, and results."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import indent

import flopcount

LIVE = ("summary", "Summary", "capture", "program_of")
"""The public names of flopcount.torch, which cannot be imported where PyTorch is missing: their source is read."""

TORCH = Path(flopcount.__file__).parent / "torch"

CASE = ("count", "notes", "name", "inputs", "trace", "at", "compare", "check", "sweep")
"""The public members of a case."""

RESULTS = {
    "flopcount.network.network.Network": ("at",),
    "flopcount.case.Count": (
        "total",
        "costs",
        "standard_total",
        "standard_costs",
        "notes",
        "unknown",
        "weighted_layers",
    ),
    "flopcount.analyses.answers.Comparison": (),
    "flopcount.analyses.answers.Candidate": (),
    "flopcount.analyses.budgets.findings.Finding": (),
    "flopcount.analyses.budgets.check.Outcome": ("ok", "exit_code"),
    "flopcount.network.convention.Convention": (),
}
"""What the functions take and return, with the members that are meant to be used."""

ERRORS = ("Broken", "BadInput", "UsageError", "MissingError", "FileError", "Refusal", "ShapeError", "SpecError")
RECORDS = ("Problem", "Located", "Note", "Message")


def api_page() -> Iterator[str]:
    """Yield the page of the Python interface."""
    yield from ("# Python interface", "")
    yield "[From Python](../python.md) and [Networks of PyTorch](../pytorch.md) show how to use it,"
    yield "[Codes](codes.md) lists the codes of notes, problems and findings."
    names = sorted(flopcount.__all__, key=str.casefold)
    yield from _section("flopcount", (_directive(f"flopcount.{name}", getattr(flopcount, name)) for name in names))
    yield from _section("flopcount.torch", map(_static, LIVE))
    tests = ("assert_budget", "assert_matches")
    yield from _section("flopcount.testing", (_lines("autofunction", f"flopcount.testing.{name}") for name in tests))
    yield from _section("Results", (_lines("autoclass", name, members) for name, members in RESULTS.items()))
    yield from _section("Errors", (_lines("autoexception", f"flopcount.errors.{name}") for name in ERRORS))
    yield from _section(
        "What errors and notes carry", (_lines("autoclass", f"flopcount.errors.{name}") for name in RECORDS)
    )


def _section(title: str, parts: Iterable[Iterable[str]]) -> Iterator[str]:
    yield from ("", f"## {title}", "", "```{eval-rst}", *(line for part in parts for line in part), "```")


def _directive(name: str, value: object) -> Iterator[str]:
    if isinstance(value, type) and issubclass(value, Exception):
        return _lines("autoexception", name)
    return _lines(
        "autoclass" if isinstance(value, type) else "autofunction", name, CASE if name.endswith(".Case") else ()
    )


def _lines(directive: str, name: str, members: Iterable[str] = ()) -> Iterator[str]:
    listed = ", ".join(members)
    yield from (f".. {directive}:: {name}", *((f"   :members: {listed}",) if listed else ()), "")


def _static(name: str) -> Iterator[str]:
    """Yield the signature and the docstring of a name of flopcount.torch, and of its members if it is a class."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(TORCH.glob("*.py")))
    (found,) = (each for tree in trees for each in tree.body if getattr(each, "name", "") == name)
    if isinstance(found, ast.FunctionDef):
        yield from _described("function", f"flopcount.torch.{name}", found)
    elif isinstance(found, ast.ClassDef):
        yield from (f".. py:class:: flopcount.torch.{name}", "", indent(ast.get_docstring(found) or "", "   "), "")
        methods = (each for each in found.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"))
        for each in methods:
            is_property = any("property" in ast.unparse(mark) for mark in each.decorator_list)
            lines = _described("property" if is_property else "method", each.name, each)
            yield from (indent(line, "   ") for line in lines)


def _described(directive: str, name: str, function: ast.FunctionDef) -> Iterator[str]:
    arguments = ast.unparse(function.args).removeprefix("self, ").removeprefix("self")
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    signature = "" if directive == "property" else f"({arguments}){returns}"
    yield from (f".. py:{directive}:: {name}{signature}", "", indent(ast.get_docstring(function) or "", "   "), "")
